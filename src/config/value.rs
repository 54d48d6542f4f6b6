//! Keys and the kinds of values they take: read by hand, so that every mistake is told and none hides the next.

use std::path::PathBuf;

use figment::value::Value;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::given::{Given, quoted};
use super::report::Report;
use super::{Place, Problem};
use crate::oidc::Secret;

/// What was written, and where.
#[derive(Clone, Debug)]
pub struct At<T> {
    pub key: String,
    pub place: Place,
    pub value: T,
}

/// A key of the configuration.
#[derive(Debug)]
pub struct Key<T> {
    pub key: String,
    written: Written<T>,
}

#[derive(Debug)]
enum Written<T> {
    Nowhere,
    /// It cannot be read as its kind, which was told already.
    Badly(Place),
    Well(At<T>),
}

/// A kind of value.
pub trait Kind: Sized {
    /// `None`: the problems say why.
    fn read(given: &Given<'_>, problems: &mut Vec<Problem>) -> Option<Self>;
    /// As TOML, secrets redacted.
    fn show(&self) -> String;
    fn schema() -> Schema;
    /// No message shows what was written.
    const SECRET: bool = false;
}

impl<T> At<T> {
    pub fn problem(&self, text: impl Into<String>) -> Problem {
        Problem { place: self.place.clone(), key: self.key.clone(), text: text.into() }
    }
}

impl<T> Key<T> {
    pub fn written(&self) -> Option<&At<T>> {
        match &self.written {
            Written::Well(at) => Some(at),
            Written::Nowhere | Written::Badly(_) => None,
        }
    }

    /// Nobody tried to write it.
    pub fn is_absent(&self) -> bool {
        matches!(self.written, Written::Nowhere)
    }

    pub fn place(&self) -> Place {
        match &self.written {
            Written::Nowhere => Place::Nowhere,
            Written::Badly(place) => place.clone(),
            Written::Well(at) => at.place.clone(),
        }
    }

    pub fn problem(&self, text: impl Into<String>) -> Problem {
        Problem { place: self.place(), key: self.key.clone(), text: text.into() }
    }
}

impl<T: Kind + Clone> Key<T> {
    /// The value as written, else this one; told to `check`.
    pub fn or(&self, default: T, report: &mut Report) -> T {
        match self.noted(report) {
            Some(at) => at.value.clone(),
            None => {
                report.value(&self.key, None, default.show());
                default
            }
        }
    }

    /// What was written, told to `check`.
    pub fn noted(&self, report: &mut Report) -> Option<&At<T>> {
        let at = self.written()?;
        report.written(at);
        Some(at)
    }
}

impl<T: Kind> Key<T> {
    pub fn read(key: String, given: Option<Given<'_>>, problems: &mut Vec<Problem>) -> Key<T> {
        let written = match given {
            None => Written::Nowhere,
            Some(given) => match T::read(&given, problems) {
                None => Written::Badly(given.place()),
                Some(value) => Written::Well(At { key: key.clone(), place: given.place(), value }),
            },
        };
        Key { key, written }
    }
}

impl<T: Kind> JsonSchema for Key<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Key".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        T::schema()
    }
}

impl Kind for String {
    fn read(given: &Given<'_>, problems: &mut Vec<Problem>) -> Option<Self> {
        given.text().map(str::to_owned).or_else(|| {
            problems.push(given.problem(format!("{} is no text; write it in quotes", given.shown())));
            None
        })
    }

    fn show(&self) -> String {
        quoted(self)
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string" })
    }
}

impl Kind for PathBuf {
    fn read(given: &Given<'_>, problems: &mut Vec<Problem>) -> Option<Self> {
        let text = String::read(given, problems)?;
        if text.is_empty() {
            problems.push(given.problem("it is empty; write the path of a file"));
            return None;
        }
        Some(text.into())
    }

    fn show(&self) -> String {
        quoted(&self.to_string_lossy())
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string" })
    }
}

impl Kind for bool {
    fn read(given: &Given<'_>, problems: &mut Vec<Problem>) -> Option<Self> {
        let value = match &*given.value {
            Value::Bool(_, value) => Some(*value),
            _ if given.is_raw() => given.text().and_then(|text| text.trim().parse().ok()),
            _ => None,
        };
        if value.is_none() {
            problems.push(given.problem(format!("{} is neither true nor false", given.shown())));
        }
        value
    }

    fn show(&self) -> String {
        self.to_string()
    }

    fn schema() -> Schema {
        json_schema!({ "type": "boolean" })
    }
}

impl Kind for u64 {
    fn read(given: &Given<'_>, problems: &mut Vec<Problem>) -> Option<Self> {
        let value = given.whole_number();
        if value.is_none() {
            problems.push(given.problem(format!("{} is no whole number", given.shown())));
        }
        value
    }

    fn show(&self) -> String {
        self.to_string()
    }

    fn schema() -> Schema {
        json_schema!({ "type": "integer", "minimum": 0 })
    }
}

/// Several values; in a variable with commas between them, or TOML.
impl<T: Kind> Kind for Vec<At<T>> {
    fn read(given: &Given<'_>, problems: &mut Vec<Problem>) -> Option<Self> {
        let given = if T::SECRET { given.clone().secret() } else { given.clone() };
        read_all(&given.elements(problems)?, problems)
    }

    fn show(&self) -> String {
        let elements: Vec<String> = self.iter().map(|at| at.value.show()).collect();
        format!("[{}]", elements.join(", "))
    }

    fn schema() -> Schema {
        json_schema!({ "type": "array", "items": T::schema() })
    }
}

/// One value or a list of them.
#[derive(Clone, Debug)]
pub struct OneOrMore(pub Vec<At<String>>);

impl Kind for OneOrMore {
    fn read(given: &Given<'_>, problems: &mut Vec<Problem>) -> Option<Self> {
        let elements = match (given.text(), &*given.value) {
            (Some(_), _) if !given.is_raw() => vec![given.clone()],
            (Some(_), _) | (None, Value::Array(..)) => given.elements(problems)?,
            (None, _) => {
                problems.push(
                    given.problem(format!("{} is no text, and no list of them; write it in quotes", given.shown())),
                );
                return None;
            }
        };
        if elements.is_empty() {
            problems.push(given.problem("the list is empty"));
            return None;
        }
        read_all(&elements, problems).map(OneOrMore)
    }

    fn show(&self) -> String {
        match &self.0[..] {
            [only] => only.value.show(),
            several => several.to_vec().show(),
        }
    }

    fn schema() -> Schema {
        json_schema!({ "anyOf": [
            { "type": "string" },
            { "type": "array", "items": { "type": "string" }, "minItems": 1 },
        ] })
    }
}

fn read_all<T: Kind>(elements: &[Given<'_>], problems: &mut Vec<Problem>) -> Option<Vec<At<T>>> {
    let read = elements.iter().map(|element| {
        let value = T::read(element, problems)?;
        Some(At { key: element.key.clone(), place: element.place(), value })
    });
    readable(read.collect())
}

/// What could be read of several values: what is wrong with the others was told already, and hides nothing that is wrong with these.
pub fn readable<T>(read: Vec<Option<T>>) -> Option<Vec<T>> {
    let any_was_written = !read.is_empty();
    let well: Vec<T> = read.into_iter().flatten().collect();
    (!well.is_empty() || !any_was_written).then_some(well)
}

/// A table of names of one's own and texts, in the order written.
#[derive(Clone, Debug, Default)]
pub struct Entries(pub Vec<(String, At<String>)>);

impl Kind for Entries {
    fn read(given: &Given<'_>, problems: &mut Vec<Problem>) -> Option<Self> {
        let entries = given.entries(problems)?;
        let read = entries.into_iter().map(|(name, entry)| {
            let value = String::read(&entry, problems)?;
            Some((name, At { key: entry.key.clone(), place: entry.place(), value }))
        });
        readable(read.collect()).map(Entries)
    }

    fn show(&self) -> String {
        if self.0.is_empty() {
            return "{}".to_owned();
        }
        let entries: Vec<String> =
            self.0.iter().map(|(name, at)| format!("{} = {}", quoted(name), at.value.show())).collect();
        format!("{{ {} }}", entries.join(", "))
    }

    fn schema() -> Schema {
        json_schema!({ "type": "object", "additionalProperties": { "type": "string" } })
    }
}

/// A secret: never parsed, never shown.
impl Kind for Secret<String> {
    const SECRET: bool = true;

    fn read(given: &Given<'_>, problems: &mut Vec<Problem>) -> Option<Self> {
        given.text().map(|text| Secret::new(text.to_owned())).or_else(|| {
            problems.push(given.problem("a secret is a text; write it in quotes"));
            None
        })
    }

    fn show(&self) -> String {
        quoted("<redacted>")
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string" })
    }
}

/// One of a few words.
pub trait Choice: Copy + PartialEq + 'static {
    const WORDS: &'static [(&'static str, Self)];
    /// Words that a later version knows.
    const LATER: &'static [&'static str] = &[];

    /// As it is written.
    fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, value)| *value == self).map_or("", |(word, _)| word)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct One<T>(pub T);

impl<T: Choice> Kind for One<T> {
    fn read(given: &Given<'_>, problems: &mut Vec<Problem>) -> Option<Self> {
        let found = given.text().and_then(|text| T::WORDS.iter().find(|(word, _)| *word == text));
        if found.is_none() {
            let later = given.text().filter(|text| T::LATER.contains(text));
            let says = if later.is_some() { "is not in this version" } else { "is not known" };
            problems.push(given.problem(format!("{} {says}; write {}", given.shown(), words::<T>())));
        }
        found.map(|(_, value)| One(*value))
    }

    fn show(&self) -> String {
        quoted(self.0.word())
    }

    fn schema() -> Schema {
        let words: Vec<&str> = T::WORDS.iter().map(|(word, _)| *word).collect();
        json_schema!({ "enum": words })
    }
}

/// `auto, text or json`
fn words<T: Choice>() -> String {
    let words: Vec<&str> = T::WORDS.iter().map(|(word, _)| *word).collect();
    match &words[..] {
        [before @ .., last] if !before.is_empty() => format!("{} or {last}", before.join(", ")),
        _ => words.concat(),
    }
}
