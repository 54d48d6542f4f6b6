//! The schema that editors use, and the file that shows every key.

use serde_json::{Value, json};

use super::*;
use crate::config::shape::KEYS;

/// Every place in the schema that has a name, with its schema.
fn named<'a>(schema: &'a Value, path: &str, found: &mut Vec<(String, &'a Value)>) {
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        let key = crate::config::given::joined(path, name);
        named(inner, &key, found);
        if inner.get("properties").is_none() {
            found.push((key, inner));
        }
    }
}

#[test]
fn the_schema_has_every_key_with_its_words_and_no_other_is_allowed() {
    let schema = crate::config::schema();
    let mut found = Vec::new();
    named(&schema, "", &mut found);
    let keys: Vec<&String> = found.iter().map(|(key, _)| key).collect();
    assert_eq!(keys, KEYS.iter().collect::<Vec<_>>());
    assert_eq!(schema["additionalProperties"], json!(false));
    assert_eq!(schema["properties"]["session"]["additionalProperties"], json!(false));
    assert_eq!(schema["properties"]["rules"]["items"]["additionalProperties"], json!(false));
    assert_eq!(schema["properties"]["rules"]["items"]["required"], json!(["path"]));
    assert_eq!(schema["properties"]["provider"]["properties"]["preset"]["enum"], json!(["toki", "oidc", "oauth2"]));
    assert_eq!(schema["properties"]["session"]["properties"]["keys"]["items"]["type"], json!("string"));
    assert!(schema.get("required").is_none() && schema["properties"]["provider"].get("required").is_none());
    for (key, inner) in &found {
        assert!(inner["description"].is_string(), "{key} has no description");
    }
}

#[test]
fn the_example_shows_every_key() {
    for key in KEYS.iter() {
        let name = key.rsplit('.').next().unwrap();
        let is_shown = |line: &str| {
            let line = line.trim_start_matches("# ").trim_start_matches('[');
            line.strip_prefix(name)
                .or_else(|| line.strip_prefix(key.as_str()))
                .is_some_and(|rest| rest.starts_with([' ', ']']))
        };
        assert!(EXAMPLE.lines().any(is_shown), "{key}");
    }
}
