//! TOML as a tree of values, and where each begins: all syntax errors, not the first alone.

use std::collections::BTreeMap;
use std::ops::Range;

use figment::value::{Dict, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::given::joined;

/// Where keys and values begin, in bytes.
#[derive(Debug, Default)]
pub struct Spans(BTreeMap<String, Span>);

#[derive(Clone, Copy, Debug)]
pub struct Span {
    pub key: usize,
    pub value: usize,
}

/// A document as far as it can be read.
#[derive(Debug, Default)]
pub struct Document {
    pub root: Dict,
    pub spans: Spans,
    /// What is wrong, and the byte it is wrong at.
    pub errors: Vec<(usize, String)>,
}

impl Spans {
    pub fn get(&self, key: &str) -> Option<Span> {
        self.0.get(key).copied()
    }
}

pub fn document(text: &str) -> Document {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut spans = Spans::default();
    let root = table_value(table.get_ref(), "", &mut spans);
    let start = |span: Option<Range<usize>>| span.map_or(0, |span| span.start);
    let errors = errors.iter().map(|error| (start(error.span()), one_line(error.message()))).collect();
    Document { root, spans, errors }
}

/// One value alone, as a variable holds it.
pub fn value(text: &str) -> Result<Value, String> {
    let (parsed, errors) = DeValue::parse_recoverable(text.trim());
    match errors.first() {
        Some(error) => Err(one_line(error.message())),
        None => Ok(convert(&parsed, "", &mut Spans::default())),
    }
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn table_value(table: &DeTable<'_>, path: &str, spans: &mut Spans) -> Dict {
    let entries = table.iter().map(|(name, value)| {
        let key = joined(path, name.get_ref());
        let span = Span { key: name.span().start, value: value.span().start };
        let converted = convert(value, &key, spans);
        spans.0.insert(key, span);
        (name.get_ref().to_string(), converted)
    });
    entries.collect()
}

fn convert(value: &Spanned<DeValue<'_>>, path: &str, spans: &mut Spans) -> Value {
    match value.get_ref() {
        DeValue::String(text) => Value::from(text.as_ref()),
        DeValue::Boolean(value) => Value::from(*value),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Value::from(number),
            // Too large for every key there is.
            Err(_) => Value::from(number.as_str().parse().unwrap_or(f64::INFINITY)),
        },
        DeValue::Float(number) => Value::from(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Datetime(date) => Value::from(date.to_string()),
        DeValue::Table(table) => Value::from(table_value(table, path, spans)),
        DeValue::Array(elements) => {
            let mut values = Vec::with_capacity(elements.len());
            for (index, element) in elements.iter().enumerate() {
                let key = format!("{path}[{index}]");
                let start = element.span().start;
                values.push(convert(element, &key, spans));
                spans.0.insert(key, Span { key: start, value: start });
            }
            Value::from(values)
        }
    }
}
