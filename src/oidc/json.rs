//! JSON from outside, read strictly: one object, no member twice (RFC 8259 §4 leaves what that means open, and readers differ), no byte
//! order mark, nothing after it. Nesting is bounded by the parser's own 128 levels.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Why bytes are no JSON object that can be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAnObject {
    #[error("it is longer than {0} bytes")]
    TooLong(usize),
    #[error("it is no JSON, nests too deep, or has a member twice")]
    Malformed,
    #[error("it is JSON, but no object")]
    OtherType,
}

/// The object that `bytes` are, at most `limit` of them.
pub fn object(bytes: &[u8], limit: usize) -> Result<Map<String, Value>, NotAnObject> {
    if bytes.len() > limit {
        return Err(NotAnObject::TooLong(limit));
    }
    // The parser's message may quote the document; it stays here.
    let Strict(value) = serde_json::from_slice(bytes).map_err(|_| NotAnObject::Malformed)?;
    match value {
        Value::Object(members) => Ok(members),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(NotAnObject::OtherType)
        }
    }
}

/// The object at a dotted path below `object`, where there is one.
pub fn at<'a>(object: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let value = object.get(first)?;
    match rest {
        None => Some(value),
        Some(rest) => at(value.as_object()?, rest),
    }
}

/// A value none of whose objects has a member twice.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Strict, D::Error> {
        deserializer.deserialize_any(Values).map(Strict)
    }
}

struct Values;

impl<'de> Visitor<'de> for Values {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(element)) = elements.next_element()? {
            list.push(element);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((name, Strict(value))) = members.next_entry::<String, Strict>()? {
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("a member twice"));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_readers_could_read_in_two_ways_is_refused() {
        let deep = format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
        let refused: [&[u8]; 10] = [
            br#"{"sub":"a","sub":"b"}"#,
            br#"{"a":{"sub":1,"sub":1}}"#,
            br#"{"a":[{"b":1,"b":2}]}"#,
            b"\xef\xbb\xbf{}",
            b"{} {}",
            b"{\"a\":\"\xff\"}",
            b"{\"a\":1e999}",
            b"{\"a\":NaN}",
            b"",
            deep.as_bytes(),
        ];
        for document in refused {
            assert_eq!(object(document, 1 << 20), Err(NotAnObject::Malformed), "{}", document.escape_ascii());
        }
        assert_eq!(object(b"[]", 100), Err(NotAnObject::OtherType));
        assert_eq!(object(b"\"x\"", 100), Err(NotAnObject::OtherType));
        assert_eq!(object(b"{}          ", 4), Err(NotAnObject::TooLong(4)));
    }

    #[test]
    fn an_object_comes_through_as_it_was_written() {
        let text = r#"{"b":[1,-2,2.5,true,null],"a":{"c":"Бат"}}"#;
        let members = object(text.as_bytes(), 1000).unwrap();
        assert_eq!(Value::Object(members.clone()).to_string(), text);
        assert_eq!(at(&members, "a.c"), Some(&Value::from("Бат")));
        assert_eq!(at(&members, "a.c.d"), None);
        assert_eq!(at(&members, "b.0"), None);
    }
}
