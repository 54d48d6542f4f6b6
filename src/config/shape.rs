//! Sections: tables whose keys are known.

use std::borrow::Cow;
use std::sync::LazyLock;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::given::{Given, joined};
use super::nearest::nearest_key;
use super::value::{Key, Kind};
use super::{Place, Problem, later, raw};

/// What stands at a place of the tree: a key, or a section of them.
pub trait Shape: Sized {
    fn read(key: String, given: Option<Given<'_>>, problems: &mut Vec<Problem>) -> Self;
    /// The keys in it, in order.
    fn keys(key: &str, keys: &mut Vec<String>);
}

/// Sections as they are declared: their keys are read by name, what else stands there is a problem.
macro_rules! sections {
    ($($(#[doc = $doc:literal])* $section:ident {
        $($(#[doc = $about:literal])* $field:ident: $shape:ty,)*
    })*) => {$(
        $(#[doc = $doc])*
        #[derive(Debug, JsonSchema)]
        #[schemars(deny_unknown_fields, inline)]
        pub struct $section { $($(#[doc = $about])* pub $field: $shape,)* }

        impl Shape for $section {
            fn read(key: String, given: Option<Given<'_>>, problems: &mut Vec<Problem>) -> Self {
                let table = super::shape::table(given, &[$(stringify!($field)),*], problems);
                $section {$(
                    $field: {
                        let inner = table.as_ref().and_then(|table| table.get(stringify!($field)));
                        Shape::read(super::given::joined(&key, stringify!($field)), inner, problems)
                    },
                )*}
            }

            fn keys(key: &str, keys: &mut Vec<String>) {
                $(<$shape as Shape>::keys(&super::given::joined(key, stringify!($field)), keys);)*
            }
        }
    )*};
}
pub(super) use sections;

impl<T: Kind> Shape for Key<T> {
    fn read(key: String, given: Option<Given<'_>>, problems: &mut Vec<Problem>) -> Self {
        Key::read(key, given, problems)
    }

    fn keys(key: &str, keys: &mut Vec<String>) {
        keys.push(key.to_owned());
    }
}

/// A list of tables.
#[derive(Debug)]
pub struct Many<T> {
    pub key: String,
    pub place: Place,
    pub elements: Vec<(Place, T)>,
}

impl<T: Shape> Shape for Many<T> {
    fn read(key: String, given: Option<Given<'_>>, problems: &mut Vec<Problem>) -> Self {
        let place = given.as_ref().map_or(Place::Nowhere, Given::place);
        let elements = given.and_then(|given| sections_of(&given, problems)).unwrap_or_default();
        let read = |element: Given<'_>| (element.place(), T::read(element.key.clone(), Some(element), problems));
        Many { key, place, elements: elements.into_iter().map(read).collect() }
    }

    fn keys(key: &str, keys: &mut Vec<String>) {
        keys.push(key.to_owned());
    }
}

/// The tables of a list, once what stands there instead of one is told.
fn sections_of<'a>(given: &Given<'a>, problems: &mut Vec<Problem>) -> Option<Vec<Given<'a>>> {
    let mend = match given.place() {
        Place::Variable(_) => format!("write [{{ … }}] in the variable, or [[{}]] in the file", given.key),
        Place::Nowhere | Place::File { .. } => format!("write [[{}]], in two brackets, above each", given.key),
    };
    let starts_a_list = |text: &str| text.trim_start().starts_with('[') || text.trim().is_empty();
    let is_list = match given.text() {
        Some(text) => given.is_raw() && starts_a_list(text),
        None => given.value.as_array().is_some(),
    };
    if !is_list {
        problems.push(given.problem(format!("{} is no list of tables; {mend}", given.shown())));
        return None;
    }
    let (tables, others): (Vec<_>, Vec<_>) =
        given.elements(problems)?.into_iter().partition(|element| element.value.as_dict().is_some());
    problems.extend(others.iter().map(|other| other.problem(format!("{} is no table; {mend}", other.shown()))));
    Some(tables)
}

impl<T: JsonSchema> JsonSchema for Many<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Many".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "array", "items": T::json_schema(generator) })
    }
}

/// The section's table, once what nobody knows in it is told.
pub(super) fn table<'a>(given: Option<Given<'a>>, known: &[&str], problems: &mut Vec<Problem>) -> Option<Given<'a>> {
    let given = given?;
    let Some(table) = given.value.as_dict() else {
        let name = &given.key;
        problems.push(given.problem(format!("{} is no section; write [{name}] on a line of its own", given.shown())));
        return None;
    };
    for name in table.keys().filter(|name| !known.contains(&name.as_str())) {
        let written = joined(&given.key, name);
        // An element of a list without its number.
        let key = written.split('.').map(|part| part.split('[').next().unwrap_or(part)).collect::<Vec<_>>().join(".");
        let text = if later::is_later(&key) { "not in this version".to_owned() } else { no_such(&key, known) };
        problems.push(given.problem_at_name(name, text));
    }
    Some(given)
}

fn no_such(key: &str, beside: &[&str]) -> String {
    let table = key.rsplit_once('.').map_or("", |(table, _)| table);
    let mut keys: Vec<String> = beside.iter().map(|name| joined(table, name)).collect();
    keys.extend(KEYS.iter().filter(|known| !keys.contains(known)).cloned().collect::<Vec<_>>());
    match nearest_key(key, &keys) {
        Some(nearest) if !table.is_empty() && !nearest.contains('.') => {
            format!("no such key; {nearest} belongs above the first [section]")
        }
        Some(nearest) => format!("no such key; the nearest is {nearest}"),
        None => "no such key".to_owned(),
    }
}

/// Every key of the configuration, in the order of the example.
pub(super) static KEYS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let mut keys = Vec::new();
    raw::Configuration::keys("", &mut keys);
    keys
});
