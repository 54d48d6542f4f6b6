//! Configurations as people write them.

mod files;

use super::layers::File;
use super::{Loaded, Problems, check};

/// The file as it would be read, and variables.
fn load(toml: &str, env: &[(&str, &str)]) -> Result<Loaded, Problems> {
    let mut problems = Vec::new();
    let file = File::parse("config.toml".as_ref(), toml.as_bytes().to_vec(), &mut problems);
    let env: Vec<(String, String)> = env.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    check(file, &env, problems)
}

fn loaded(toml: &str) -> Loaded {
    load(toml, &[]).unwrap_or_else(|problems| panic!("{problems}"))
}

/// One line for each problem.
fn told(toml: &str, env: &[(&str, &str)]) -> Vec<String> {
    match load(toml, env) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.0.iter().map(ToString::to_string).collect(),
    }
}

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const MINIMAL: &str = include_str!("../../../config/minimal.toml");
const EXAMPLE: &str = include_str!("../../../config/example.toml");
