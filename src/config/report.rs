//! What checking has found so far: problems, warnings, and the value each key has.

use super::value::{At, Key, Kind};
use super::{Effective, Origin, Place, Problem};

#[derive(Debug, Default)]
pub struct Report {
    pub problems: Vec<Problem>,
    pub warnings: Vec<Problem>,
    pub effective: Vec<Effective>,
}

impl Report {
    /// What was written here cannot be taken.
    pub fn wrong<T>(&mut self, at: &At<T>, text: impl Into<String>) {
        self.problems.push(at.problem(text));
    }

    /// The key is written nowhere, and must be.
    pub fn missing(&mut self, key: &str, text: impl Into<String>) {
        self.problems.push(Problem { place: Place::Nowhere, key: key.to_owned(), text: text.into() });
    }

    /// About a key whether it is written or not: at its place where it is.
    pub fn wrong_key<T>(&mut self, key: &Key<T>, text: impl Into<String>) {
        self.problems.push(key.problem(text));
    }

    /// Taken, but to be known.
    pub fn warn<T>(&mut self, at: &At<T>, text: impl Into<String>) {
        self.warnings.push(at.problem(text));
    }

    /// The value that the key has, as TOML.
    pub fn value(&mut self, key: &str, place: Option<&Place>, value: String) {
        let origin = match place {
            None | Some(Place::Nowhere) => Origin::Default,
            Some(Place::File { line, .. }) => Origin::File { line: *line },
            Some(Place::Variable(name)) => Origin::Variable(name.clone()),
        };
        self.effective.push(Effective { key: key.to_owned(), value, origin });
    }

    /// The value that was written.
    pub fn written<T: Kind>(&mut self, at: &At<T>) {
        self.value(&at.key, Some(&at.place), at.value.show());
    }
}
