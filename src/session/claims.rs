//! The claims that headers and rules need, in one compact record that is read in place.
//!
//! A record is a row of `name | kind | value`; a list's value is a row of texts. Checked whole when it is made, so that reading cannot fail.

use bytes::Bytes;
use serde_json::{Map, Number, Value};

use super::codec::{Reader, put_bytes};

/// A record of named claims; cheap to clone. Names are the dotted paths that the configuration uses.
#[derive(Clone, Default, PartialEq)]
pub struct Claims(Bytes);

/// One claim, read in place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Claim<'a> {
    Text(&'a str),
    /// As the provider wrote it.
    Number(&'a str),
    Bool(bool),
    List(List<'a>),
}

/// The elements of a list claim, as text.
#[derive(Clone, Copy, PartialEq)]
pub struct List<'a>(&'a [u8]);

impl Claims {
    /// Takes the values at `paths` (dotted; an exact top-level name wins over a path) out of `object`; objects, nulls and nested lists count as
    /// missing, as whole claims and as elements of a list.
    pub fn select<'p>(object: &Map<String, Value>, paths: impl Iterator<Item = &'p str>) -> Claims {
        let mut record = Vec::new();
        let mut taken: Vec<&str> = Vec::new();
        for path in paths {
            if taken.contains(&path) {
                continue;
            }
            taken.push(path);
            if let Some(value) = at(object, path) {
                put_claim(&mut record, path, value);
            }
        }
        Claims(Bytes::from(record))
    }

    pub fn get(&self, path: &str) -> Option<Claim<'_>> {
        self.iter().find_map(|(name, claim)| (name == path).then_some(claim))
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, Claim<'_>)> {
        let mut read = Reader::new(&self.0);
        std::iter::from_fn(move || next_claim(&mut read))
    }

    /// For `/userinfo` and for carrying claims over a refresh: each claim under its path, which `select` finds again as an exact name.
    pub fn to_json(&self) -> Map<String, Value> {
        self.iter().map(|(name, claim)| (name.to_owned(), claim.to_json())).collect()
    }

    pub(in crate::session) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// `None` where the bytes are no record.
    pub(in crate::session) fn from_record(record: Bytes) -> Option<Claims> {
        let mut read = Reader::new(&record);
        while !read.is_at_end() {
            let (_, claim) = next_claim(&mut read)?;
            if let Claim::List(List(elements)) = claim {
                let mut elements = Reader::new(elements);
                while !elements.is_at_end() {
                    elements.text()?;
                }
            }
        }
        Some(Claims(record))
    }
}

impl Claim<'_> {
    fn to_json(self) -> Value {
        match self {
            Claim::Text(text) => Value::from(text),
            Claim::Number(digits) => digits.parse::<Number>().map_or_else(|_| Value::from(digits), Value::Number),
            Claim::Bool(value) => Value::Bool(value),
            Claim::List(list) => list.map(Value::from).collect(),
        }
    }
}

impl<'a> Iterator for List<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let mut read = Reader::new(self.0);
        let text = read.text()?;
        self.0 = read.rest();
        Some(text)
    }
}

impl std::fmt::Debug for Claims {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Claims(…)")
    }
}

impl std::fmt::Debug for List<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("List(…)")
    }
}

fn at<'o>(object: &'o Map<String, Value>, path: &str) -> Option<&'o Value> {
    if let Some(value) = object.get(path) {
        return Some(value);
    }
    let mut steps = path.split('.');
    let first = object.get(steps.next()?)?;
    steps.try_fold(first, |value, step| value.as_object()?.get(step))
}

fn put_claim(record: &mut Vec<u8>, path: &str, value: &Value) {
    let (kind, bytes) = match value {
        Value::Null | Value::Object(_) => return,
        Value::String(text) => (TEXT, text.as_bytes().to_vec()),
        Value::Number(number) => (NUMBER, number.to_string().into_bytes()),
        Value::Bool(value) => (BOOL, vec![u8::from(*value)]),
        Value::Array(elements) => (LIST, list(elements)),
    };
    put_bytes(record, path.as_bytes());
    record.push(kind);
    put_bytes(record, &bytes);
}

fn list(elements: &[Value]) -> Vec<u8> {
    let mut out = Vec::new();
    for element in elements {
        match element {
            Value::Null | Value::Object(_) | Value::Array(_) => {}
            Value::String(text) => put_bytes(&mut out, text.as_bytes()),
            Value::Number(number) => put_bytes(&mut out, number.to_string().as_bytes()),
            Value::Bool(value) => put_bytes(&mut out, value.to_string().as_bytes()),
        }
    }
    out
}

fn next_claim<'a>(read: &mut Reader<'a>) -> Option<(&'a str, Claim<'a>)> {
    let name = read.text()?;
    let claim = match read.byte()? {
        TEXT => Claim::Text(read.text()?),
        NUMBER => Claim::Number(read.text()?),
        BOOL => Claim::Bool(match read.bytes()? {
            [0] => false,
            [1] => true,
            _ => return None,
        }),
        LIST => Claim::List(List(read.bytes()?)),
        _ => return None,
    };
    Some((name, claim))
}

const TEXT: u8 = 0;
const NUMBER: u8 = 1;
const BOOL: u8 = 2;
const LIST: u8 = 3;

#[cfg(test)]
mod tests;
