//! Secrets: `x` or `x_file`. Both in one layer is a mistake; across layers the higher one's counts, whichever it is.

use std::io::Read;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::Place;
use super::measure::Size;
use super::report::Report;
use super::value::{At, Key};
use crate::oidc::Secret;

/// How a secret was given.
pub enum Given<'a, T> {
    Nowhere,
    Here(&'a At<T>),
    InFile(&'a At<PathBuf>),
}

pub fn given<'a, T>(here: &'a Key<T>, file: &'a Key<PathBuf>, report: &mut Report) -> Given<'a, T> {
    match (here.written(), file.written()) {
        (None, None) => Given::Nowhere,
        (Some(here), None) => Given::Here(here),
        (None, Some(file)) => Given::InFile(file),
        (Some(here), Some(file)) => match (is_variable(&here.place), is_variable(&file.place)) {
            (true, false) => Given::Here(here),
            (false, true) => Given::InFile(file),
            (true, true) | (false, false) => {
                report.wrong(file, format!("{} is given, too; keep one of them", name(here)));
                Given::Here(here)
            }
        },
    }
}

/// What the file holds, without the line's end.
pub fn text(at: &At<PathBuf>, report: &mut Report) -> Option<Secret<String>> {
    match read(&at.value) {
        Ok(mut text) => {
            let kept = text.trim_end_matches(['\r', '\n']).len();
            text.truncate(kept);
            if text.is_empty() {
                report.wrong(at, format!("{} is empty", at.value.display()));
                return None;
            }
            Some(Secret::new(std::mem::take(&mut *text)))
        }
        Err(error) => {
            report.wrong(at, error);
            None
        }
    }
}

/// The error names the file, and nothing that it holds.
pub fn read(path: &Path) -> Result<Zeroizing<String>, String> {
    let text = String::from_utf8(bytes(path)?).map(Zeroizing::new);
    text.map_err(|error| {
        drop(Zeroizing::new(error.into_bytes()));
        format!("{} is no text", path.display())
    })
}

/// What a file holds, if it is no more than any file of a configuration would be.
pub fn bytes(path: &Path) -> Result<Vec<u8>, String> {
    let read = || {
        let mut bytes = Vec::new();
        std::fs::File::open(path)?.take(MOST + 1).read_to_end(&mut bytes)?;
        Ok::<_, std::io::Error>(bytes)
    };
    match read() {
        Err(error) => Err(format!("{} cannot be read: {error}", path.display())),
        Ok(bytes) if bytes.len() as u64 > MOST => Err(format!("{} is larger than {}", path.display(), Size(MOST))),
        Ok(bytes) => Ok(bytes),
    }
}

/// What stands for a secret in examples: `<tokigate keygen>`, `…`.
pub fn is_placeholder(text: &str) -> bool {
    let text = text.trim();
    text.starts_with('<') && text.ends_with('>') || matches!(text, "…" | "...")
}

fn is_variable(place: &Place) -> bool {
    matches!(place, Place::Variable(_))
}

/// As it was written: the key, or the variable.
fn name<T>(at: &At<T>) -> &str {
    match &at.place {
        Place::Variable(name) => name,
        Place::File { .. } | Place::Nowhere => &at.key,
    }
}

const MOST: u64 = 4 << 20;
