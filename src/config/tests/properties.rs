//! Whatever is in the file and the variables: an answer, never a panic.

use proptest::prelude::*;

use super::*;
use crate::config::env::variable_of;
use crate::config::shape::KEYS;

/// A piece of a configuration as people and attackers write it.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        r#""[a-z0-9 :/.,*{}<>%$;@#?\\-]{0,20}""#,
        r#""(https?://|unix:|fd:|/)[a-z0-9:/.,*{}<>%@?=-]{0,20}""#,
        r#""[0-9]{1,22}(ms|s|m|h|d|w|KiB|GiB|B|x| )?""#,
        r#""[0-9a-f:.]{1,12}/[0-9]{1,3}""#,
        "-?[0-9]{1,25}",
        "(true|false|nan|inf|1979-05-27|0x[0-9a-f]{1,20}|''|\"\\\\u0000\"|\"ж\")",
        r#"\[("[a-z/*.]{0,6}"(, )?){0,3}\]"#,
        r#"\{ ?("?[a-zA-Z-]{1,12}"? = "[a-z{}<> .]{0,8}")? ?\}"#,
        r#"\[\{ path = "[/*a-z.%]{0,8}", access = "(public|deny)" \}\]"#,
        r"[\[\]{}=,\x22'#\n .a-z0-9]{0,12}",
    ]
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        9 => (0..KEYS.len()).prop_map(|index| KEYS[index].clone()),
        1 => "[a-z_.\\[\\]\"]{0,12}",
    ]
}

proptest! {
    #[test]
    fn any_bytes_are_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut problems = Vec::new();
        let file = File::parse("c.toml".as_ref(), bytes, &mut problems);
        let _ = check(file, &[], problems);
    }

    #[test]
    fn anything_like_toml_is_an_answer(lines in proptest::collection::vec((key(), value()), 0..12)) {
        let text: String = lines.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
        let _ = load(&text, &[]);
    }

    #[test]
    fn any_variables_are_an_answer(lines in proptest::collection::vec((key(), value()), 0..12)) {
        let env: Vec<(String, String)> =
            lines.iter().map(|(key, value)| (variable_of(key), value.trim_matches('"').to_owned())).collect();
        let _ = check(File::default(), &env, Vec::new());
    }

    /// A problem that has a place in the file has one that is there.
    #[test]
    fn places_are_in_the_file(lines in proptest::collection::vec((key(), value()), 0..12)) {
        let text: String = lines.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
        for problem in load(&text, &[]).err().map(|problems| problems.0).unwrap_or_default() {
            if let crate::config::Place::File { line, column, .. } = problem.place {
                prop_assert!(line >= 1 && line <= text.lines().count() + 1 && column >= 1);
            }
        }
    }
}
