//! Problems: what is wrong with a configuration, where, and how to mend it.

use std::fmt;
use std::path::PathBuf;

/// One thing that is wrong, or that should be known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub place: Place,
    /// Dotted, as in `session.lifetime`; `rules[2].path` for an element. Empty where it is about the file as a whole.
    pub key: String,
    /// What is wrong, and the mend: `"8 hors" is no duration; write 8h`.
    pub text: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Line and column count from 1.
    File {
        path: PathBuf,
        line: usize,
        column: usize,
    },
    Variable(String),
    /// It is missing everywhere.
    Nowhere,
}

impl Place {
    /// The file from its top, then the variables, then what is missing.
    pub(in crate::config) fn rank(&self) -> (u8, usize, usize, &str) {
        match self {
            Place::File { line, column, .. } => (0, *line, *column, ""),
            Place::Variable(name) => (1, 0, 0, name),
            Place::Nowhere => (2, 0, 0, ""),
        }
    }
}

/// All of them; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::File { path, line, column } => write!(f, "{}:{line}:{column}: ", path.display())?,
            Place::Variable(name) => write!(f, "{name}: ")?,
            Place::Nowhere => {}
        }
        if self.key.is_empty() { write!(f, "{}", self.text) } else { write!(f, "{}: {}", self.key, self.text) }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|problem| writeln!(f, "{problem}"))
    }
}

impl std::error::Error for Problems {}
