//! What was written, in layers: the file below, the variables above. figment lays them over each other and remembers which value came from where.

use std::path::{Path, PathBuf};

use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider, Source};

use super::env::Variable;
use super::secret;
use super::toml_tree::{self, Spans};
use super::{Place, Problem};

/// Both layers as one tree.
pub struct Layers {
    figment: Figment,
    pub merged: Value,
    pub file: File,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer<'a> {
    File,
    Variable(&'a str),
}

/// The file's text as a tree, and the places of its keys.
#[derive(Clone, Default)]
pub struct File {
    path: PathBuf,
    text: std::sync::Arc<str>,
    root: Dict,
    spans: std::sync::Arc<Spans>,
    /// The lines that could not be read: what else seems wrong there is wrong for that reason.
    broken: Vec<usize>,
}

impl Layers {
    pub fn new(file: File, variables: Vec<Variable>) -> Layers {
        let figment = variables.into_iter().fold(Figment::from(file.clone()), Figment::merge);
        let merged = figment.find_value("").unwrap_or_else(|_| Value::from(Dict::new()));
        Layers { figment, merged, file }
    }

    /// Where a value came from. `None`: it was taken out of a variable's text.
    pub fn layer_of(&self, value: &Value) -> Option<Layer<'_>> {
        match self.figment.get_metadata(value.tag())?.source.as_ref()? {
            Source::Custom(name) => Some(Layer::Variable(name)),
            _ => Some(Layer::File),
        }
    }
}

impl File {
    /// A file that cannot be read is as good as empty; the problem is told.
    pub fn read(path: &Path, problems: &mut Vec<Problem>) -> File {
        match secret::bytes(path) {
            Ok(bytes) => File::parse(path, bytes, problems),
            Err(text) => {
                problems.push(Problem { place: Place::Nowhere, key: String::new(), text });
                File { broken: vec![0], ..File::default() }
            }
        }
    }

    pub fn parse(path: &Path, bytes: Vec<u8>, problems: &mut Vec<Problem>) -> File {
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let valid = error.utf8_error().valid_up_to();
                let (line, column) = position(&String::from_utf8_lossy(&error.as_bytes()[..valid]), valid);
                let place = Place::File { path: path.to_owned(), line, column };
                let text = "it is not UTF-8; save the file as UTF-8".to_owned();
                problems.push(Problem { place, key: String::new(), text });
                return File { path: path.to_owned(), broken: vec![line], ..File::default() };
            }
        };
        let document = toml_tree::document(&text);
        let mut file = File {
            path: path.to_owned(),
            text: text.into(),
            root: document.root,
            spans: document.spans.into(),
            broken: Vec::new(),
        };
        for (at, error) in document.errors {
            let (line, column) = position(&file.text, at);
            // One for a line: the rest is what the first brings with it.
            if !file.broken.contains(&line) {
                let place = Place::File { path: path.to_owned(), line, column };
                problems.push(Problem { place, key: String::new(), text: format!("it is no TOML: {error}") });
                file.broken.push(line);
            }
        }
        file
    }

    /// Whether what seems wrong may only seem so, because a line could not be read.
    pub fn explains(&self, problem: &Problem) -> bool {
        match &problem.place {
            Place::File { line, .. } => self.broken.contains(line),
            Place::Nowhere => !self.broken.is_empty(),
            Place::Variable(_) => false,
        }
    }

    pub fn place_of_value(&self, key: &str) -> Place {
        self.spans.get(key).map_or(Place::Nowhere, |span| self.place(span.value))
    }

    pub fn place_of_key(&self, key: &str) -> Place {
        self.spans.get(key).map_or(Place::Nowhere, |span| self.place(span.key))
    }

    /// Where it stands among the others.
    pub fn order_of(&self, key: &str) -> usize {
        self.spans.get(key).map_or(0, |span| span.key)
    }

    fn place(&self, at: usize) -> Place {
        let (line, column) = position(&self.text, at);
        Place::File { path: self.path.clone(), line, column }
    }
}

/// Line and column, from 1; columns are counted in characters.
fn position(text: &str, at: usize) -> (usize, usize) {
    let before = &text.as_bytes()[..at.min(text.len())];
    let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    (line, String::from_utf8_lossy(&before[line_start..]).chars().count() + 1)
}

impl Provider for File {
    fn metadata(&self) -> Metadata {
        Metadata::from("the file", Source::File(self.path.clone()))
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.root.clone()))
    }
}

impl Provider for Variable {
    fn metadata(&self) -> Metadata {
        Metadata::from("a variable", Source::Custom(self.name.clone()))
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let nested = figment::util::nest(&self.key, Value::from(self.text.as_str()));
        Ok(Profile::Default.collect(nested.into_dict().unwrap_or_default()))
    }
}
