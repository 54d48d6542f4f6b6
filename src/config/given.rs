//! One value as it was given, by the file or by a variable, and where.

use std::borrow::Cow;

use figment::value::{Num, Value};

use super::layers::{Layer, Layers};
use super::toml_tree;
use super::{Place, Problem};

/// A value that nobody has looked into yet.
#[derive(Clone)]
pub struct Given<'a> {
    pub key: String,
    pub value: Cow<'a, Value>,
    layers: &'a Layers,
    layer: Layer<'a>,
    /// A variable's whole text: not TOML yet.
    is_raw: bool,
    /// No message shows it.
    is_secret: bool,
}

impl<'a> Given<'a> {
    pub fn root(layers: &'a Layers) -> Given<'a> {
        let value = Cow::Borrowed(&layers.merged);
        Given { key: String::new(), value, layers, layer: Layer::File, is_raw: false, is_secret: false }
    }

    /// The value of a key of this table.
    pub fn get(&self, name: &str) -> Option<Given<'a>> {
        let value = match &self.value {
            Cow::Borrowed(value) => Cow::Borrowed(value.as_dict()?.get(name)?),
            Cow::Owned(value) => Cow::Owned(value.as_dict()?.get(name)?.clone()),
        };
        Some(self.inner(joined(&self.key, name), value))
    }

    fn inner(&self, key: String, value: Cow<'a, Value>) -> Given<'a> {
        let own = self.layers.layer_of(&value);
        let is_raw = matches!(own, Some(Layer::Variable(_)));
        Given { key, value, layers: self.layers, layer: own.unwrap_or(self.layer), is_raw, is_secret: self.is_secret }
    }

    pub fn secret(self) -> Given<'a> {
        Given { is_secret: true, ..self }
    }

    /// Text that is still to be read as what the key wants.
    pub fn is_raw(&self) -> bool {
        self.is_raw
    }

    pub fn place(&self) -> Place {
        match self.layer {
            Layer::Variable(name) => Place::Variable(name.to_owned()),
            Layer::File => self.layers.file.place_of_value(&self.key),
        }
    }

    pub fn problem(&self, text: impl Into<String>) -> Problem {
        Problem { place: self.place(), key: self.key.clone(), text: text.into() }
    }

    /// About the key of this name in the table, wherever its value begins.
    pub fn problem_at_name(&self, name: &str, text: impl Into<String>) -> Problem {
        let key = joined(&self.key, name);
        let place = match self.layer {
            Layer::Variable(name) => Place::Variable(name.to_owned()),
            Layer::File => self.layers.file.place_of_key(&key),
        };
        Problem { place, key, text: text.into() }
    }

    pub fn text(&self) -> Option<&str> {
        self.value.as_str()
    }

    pub fn whole_number(&self) -> Option<u64> {
        match &*self.value {
            Value::Num(_, Num::I64(number)) => u64::try_from(*number).ok(),
            Value::String(_, text) if self.is_raw => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// The value for a message.
    pub fn shown(&self) -> String {
        match &*self.value {
            _ if self.is_secret => "this".to_owned(),
            Value::String(_, text) => quoted(&shortened(text)),
            Value::Bool(_, value) => value.to_string(),
            Value::Num(_, Num::I64(number)) => number.to_string(),
            Value::Num(_, Num::F64(number)) => number.to_string(),
            Value::Dict(..) => "a table".to_owned(),
            Value::Array(..) => "a list".to_owned(),
            Value::Char(..) | Value::Num(..) | Value::Empty(..) => "this".to_owned(),
        }
    }

    /// The elements of a list. In a variable they are TOML, or have commas between them.
    pub fn elements(&self, problems: &mut Vec<Problem>) -> Option<Vec<Given<'a>>> {
        let value = match &*self.value {
            Value::String(_, text) if self.is_raw && text.trim_start().starts_with('[') => {
                self.parsed(text, problems)?
            }
            Value::String(tag, text) if self.is_raw => {
                let pieces = text.split(',').map(str::trim).filter(|piece| !piece.is_empty());
                Value::Array(*tag, pieces.map(Value::from).collect())
            }
            value => value.clone(),
        };
        let Value::Array(_, elements) = value else {
            problems.push(self.problem(format!("{} is no list; write [ … ]", self.shown())));
            return None;
        };
        let inner = |(index, value)| self.inner(format!("{}[{index}]", self.key), Cow::Owned(value));
        Some(elements.into_iter().enumerate().map(inner).collect())
    }

    /// The entries of a table, in the order written. In a variable they are TOML.
    pub fn entries(&self, problems: &mut Vec<Problem>) -> Option<Vec<(String, Given<'a>)>> {
        let table = self.table(problems)?;
        let names: Vec<String> = table.value.as_dict()?.keys().cloned().collect();
        let mut entries: Vec<(String, Given<'a>)> =
            names.into_iter().filter_map(|name| table.get(&name).map(|entry| (name, entry))).collect();
        entries.sort_by_key(|(_, entry)| self.layers.file.order_of(&entry.key));
        Some(entries)
    }

    /// This as a table.
    pub fn table(&self, problems: &mut Vec<Problem>) -> Option<Given<'a>> {
        let value = match &*self.value {
            Value::String(_, text) if self.is_raw => self.parsed(text, problems)?,
            value => value.clone(),
        };
        if value.as_dict().is_none() {
            problems.push(self.problem(format!("{} is no table; write {{ name = value, … }}", self.shown())));
            return None;
        }
        Some(Given { value: Cow::Owned(value), is_raw: false, ..self.clone() })
    }

    fn parsed(&self, text: &str, problems: &mut Vec<Problem>) -> Option<Value> {
        toml_tree::value(text).map_err(|error| problems.push(self.problem(format!("it is no TOML: {error}")))).ok()
    }
}

/// `session.lifetime`; at the top the name alone.
pub fn joined(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// As TOML.
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// For a message: whatever was written, a line stays a line.
pub fn shortened(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(MOST_SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}

const MOST_SHOWN: usize = 60;
