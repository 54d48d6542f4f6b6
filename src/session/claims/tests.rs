use super::*;
use proptest::prelude::*;
use serde_json::json;

fn select(object: Value, paths: &[&str]) -> Claims {
    let Value::Object(object) = object else { panic!("an object") };
    Claims::select(&object, paths.iter().copied())
}

fn texts(claim: Option<Claim<'_>>) -> Vec<String> {
    match claim {
        Some(Claim::List(list)) => list.map(str::to_owned).collect(),
        other => panic!("no list: {other:?}"),
    }
}

#[test]
fn values_are_found_by_name_and_by_path() {
    let claims = select(json!({ "sub": "1", "realm_access": { "roles": ["a"] } }), &["sub", "realm_access.roles"]);
    assert_eq!(claims.get("sub"), Some(Claim::Text("1")));
    assert_eq!(texts(claims.get("realm_access.roles")), ["a"]);
    assert_eq!(claims.get("realm_access"), None);
}

#[test]
fn an_exact_name_wins_over_a_path() {
    let claims = select(json!({ "a.b": "exact", "a": { "b": "path" } }), &["a.b"]);
    assert_eq!(claims.get("a.b"), Some(Claim::Text("exact")));
}

#[test]
fn what_nobody_asked_for_is_not_kept() {
    let claims = select(json!({ "sub": "1", "nationalId": "АА00112233" }), &["sub"]);
    assert_eq!(claims.iter().count(), 1);
    assert!(!claims.as_bytes().windows(4).any(|window| window == b"0011"));
}

#[test]
fn objects_nulls_and_nested_lists_count_as_missing() {
    let object = json!({ "o": {}, "n": null, "l": ["a", null, ["b"], { "c": 1 }, 2, true, "d"] });
    let claims = select(object, &["o", "n", "l", "l.0", "x.y"]);
    assert_eq!(claims.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["l"]);
    assert_eq!(texts(claims.get("l")), ["a", "2", "true", "d"]);
}

#[test]
fn kinds_and_empty_values_are_kept_apart() {
    let object = json!({ "t": "", "n": 18_446_744_073_709_551_615_u64, "b": false, "l": [], "f": 1.5, "m": -3 });
    let claims = select(object, &["t", "n", "b", "l", "f", "m"]);
    assert_eq!(claims.get("t"), Some(Claim::Text("")));
    assert_eq!(claims.get("n"), Some(Claim::Number("18446744073709551615")));
    assert_eq!(claims.get("b"), Some(Claim::Bool(false)));
    assert_eq!(claims.get("f"), Some(Claim::Number("1.5")));
    assert_eq!(claims.get("m"), Some(Claim::Number("-3")));
    assert!(texts(claims.get("l")).is_empty());
}

#[test]
fn a_name_asked_for_twice_is_kept_once() {
    assert_eq!(select(json!({ "sub": "1" }), &["sub", "sub"]).iter().count(), 1);
}

#[test]
fn json_gives_back_what_was_selected_and_selects_to_the_same() {
    let object = json!({ "a": { "b": ["x", "y"] }, "n": 7, "t": "Бат", "v": true });
    let paths = ["a.b", "n", "t", "v"];
    let claims = select(object, &paths);
    let flat = claims.to_json();
    assert_eq!(Value::Object(flat.clone()), json!({ "a.b": ["x", "y"], "n": 7, "t": "Бат", "v": true }));
    assert_eq!(Claims::select(&flat, paths.into_iter()), claims);
}

#[test]
fn long_values_are_kept_whole() {
    let groups: Vec<String> = (0..3000).map(|n| format!("group-{n}")).collect();
    let claims = select(json!({ "groups": groups, "t": "x".repeat(70_000) }), &["groups", "t"]);
    assert_eq!(texts(claims.get("groups")), groups);
    assert_eq!(claims.get("t"), Some(Claim::Text(&"x".repeat(70_000))));
}

#[test]
fn no_claim_stands_in_a_debug_line_of_the_record() {
    assert!(!format!("{:?}", select(json!({ "t": "Бат" }), &["t"])).contains("Бат"));
}

#[test]
fn a_list_whose_elements_lie_about_their_length_is_no_record() {
    let record =
        |list: &[u8]| Claims::from_record(Bytes::from([b"\x01a", &[LIST, list.len() as u8][..], list].concat()));
    assert_eq!(texts(record(b"\x01x\x02yz").expect("two texts").get("a")), ["x", "yz"]);
    for lying in [&b"\x02x"[..], b"\x01x\x01", b"\x01x\x80", b"\x01\xff"] {
        assert!(record(lying).is_none(), "{lying:?}");
    }
}

/// Bytes that look like records, with lengths that lie.
fn almost_a_record() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![0u8..8, Just(0x80), Just(0xff), Just(0x7f), any::<u8>()];
    proptest::collection::vec(byte, 0..40)
}

proptest! {
    #[test]
    fn any_bytes_are_a_record_that_reads_or_none(bytes in almost_a_record()) {
        if let Some(claims) = Claims::from_record(Bytes::from(bytes.clone())) {
            let mut again = Vec::new();
            for (name, claim) in claims.iter() {
                put_bytes(&mut again, name.as_bytes());
                let (kind, value) = match claim {
                    Claim::Text(text) => (TEXT, text.as_bytes().to_vec()),
                    Claim::Number(digits) => (NUMBER, digits.as_bytes().to_vec()),
                    Claim::Bool(value) => (BOOL, vec![u8::from(value)]),
                    Claim::List(list) => {
                        let mut out = Vec::new();
                        list.for_each(|text| put_bytes(&mut out, text.as_bytes()));
                        (LIST, out)
                    }
                };
                again.push(kind);
                put_bytes(&mut again, &value);
            }
            // Nothing is skipped: what reads is all there was, lengths written longer than needed aside.
            prop_assert!(again.len() <= bytes.len());
            let _ = claims.to_json();
            prop_assert_eq!(Claims::from_record(Bytes::from(again)).map(|claims| claims.iter().count()), Some(claims.iter().count()));
        }
    }
}
