//! Configurations as people write them.

mod defaults;
mod files;
mod layers;
mod mistakes;
mod places;
mod properties;
mod schema;
mod warnings;

use super::layers::File;
use super::{Loaded, Problem, Problems, check};

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

/// Every problem there is.
fn problems(toml: &str, env: &[(&str, &str)]) -> Vec<Problem> {
    load(toml, env).err().map(|problems| problems.0).unwrap_or_default()
}

/// One line for each problem.
fn told(toml: &str, env: &[(&str, &str)]) -> Vec<String> {
    problems(toml, env).iter().map(ToString::to_string).collect()
}

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const MINIMAL: &str = include_str!("../../../config/minimal.toml");
const EXAMPLE: &str = include_str!("../../../config/example.toml");

/// A whole file around one line in one section, `""` for the top. A line for a key that the file has already takes its place.
fn around(section: &str, line: &str) -> String {
    let key = line.split('=').next().unwrap_or_default().trim();
    let mut text = String::new();
    for (name, lines) in [
        ("", &["public_url = \"https://app.example.mn\"", "upstream = \"http://127.0.0.1:3000\""][..]),
        ("provider", &["client_id = \"id\""]),
        ("session", &[&format!("keys = [\"{KEY}\"]")]),
        ("identity", &[]),
        ("limits", &[]),
        ("shutdown", &[]),
        ("log", &[]),
        ("pages", &[]),
        ("tls", &[]),
    ] {
        if name == "tls" && section != name {
            continue;
        }
        if !name.is_empty() {
            text += &format!("[{name}]\n");
        }
        for known in lines {
            if section != name || known.split(" =").next() != Some(key) {
                text += &format!("{known}\n");
            }
        }
        if section == name && !line.is_empty() {
            text += &format!("{line}\n");
        }
    }
    text
}
