//! `require`, value by value.

use serde_json::{Value, json};

use super::*;
use crate::session::samples;

/// Whether somebody of whom this is said meets `claim = value`.
fn check(said: &Value, claim: &str, values: &[&str]) -> Result<(), Unmet> {
    let said = said.as_object().expect("an object");
    let paths = said.keys().map(String::as_str).chain([claim, "email_verified"]);
    let session = Session { claims: Claims::select(said, paths), ..samples::session() };
    let values = values.iter().map(|value| Wanted::new(value)).collect();
    Requirement { claim: claim.to_owned(), values }.check(&session, "userId")
}

#[test]
fn any_value_of_a_key_is_enough_and_any_element_of_a_list() {
    let said = json!({ "groups": ["staff", "admin"], "level": 5, "vip": true, "name": "Бат", "ids": [7, 8] });
    for (claim, values) in [
        ("groups", &["admin"][..]),
        ("groups", &["nobody", "staff"]),
        ("level", &["5"]),
        ("level", &["4", "5"]),
        ("vip", &["true"]),
        ("name", &["Бат"]),
        ("ids", &["8"]),
    ] {
        assert_eq!(check(&said, claim, values), Ok(()), "{claim} {values:?}");
    }
    for (claim, values) in [
        ("groups", &["Admin"][..]),
        ("groups", &["admi"]),
        ("groups", &["staff,admin"]),
        ("level", &["5.0"]),
        ("vip", &["false"]),
        ("name", &["бат"]),
        ("ids", &["78"]),
    ] {
        assert_eq!(check(&said, claim, values), Err(Unmet::Other), "{claim} {values:?}");
    }
}

#[test]
fn a_claim_that_is_not_there_or_says_nothing_is_missing() {
    for said in [json!({}), json!({ "a": null }), json!({ "a": "" }), json!({ "a": { "b": 1 } })] {
        for value in ["x", "*", "true", "false"] {
            assert_eq!(check(&said, "a", &[value]), Err(Unmet::Missing), "{said} {value}");
        }
    }
    assert_eq!(check(&json!({ "a": [] }), "a", &["*"]), Err(Unmet::Other));
    assert_eq!(check(&json!({ "a": [""] }), "a", &["*"]), Err(Unmet::Other));
}

#[test]
fn paths_with_dots_lead_into_objects() {
    let said = json!({ "realm_access": { "roles": ["admin"] }, "a.b": "exact", "a": { "b": "inner" } });
    assert_eq!(check(&said, "realm_access.roles", &["admin"]), Ok(()));
    assert_eq!(check(&said, "a.b", &["exact"]), Ok(()), "an exact name wins");
    assert_eq!(check(&said, "realm_access.groups", &["admin"]), Err(Unmet::Missing));
}

#[test]
fn a_star_is_any_run_of_characters_and_the_rest_is_anchored() {
    for (pattern, text, expected) in [
        ("*", "x", true),
        ("a*", "a", true),
        ("a*", "ba", false),
        ("*a", "ba", true),
        ("*a", "ab", false),
        ("a*a", "a", false),
        ("a*a", "aa", true),
        ("CN=*,OU=IT", "CN=Бат,OU=IT", true),
        ("CN=*,OU=IT", "CN=Бат,OU=IT,OU=x", false),
        ("*b*c*", "abxc", true),
        ("*c*b*", "abxc", false),
        ("a**b", "ab", true),
        ("/a/*", "/a/b/c", true),
    ] {
        let expected = if expected { Ok(()) } else { Err(Unmet::Other) };
        assert_eq!(check(&json!({ "a": text }), "a", &[pattern]), expected, "{pattern} {text}");
    }
}

/// `admin = "*"` is not to be met by `admin: false`.
#[test]
fn a_star_is_no_boolean() {
    assert_eq!(check(&json!({ "admin": false }), "admin", &["*"]), Err(Unmet::Other));
    assert_eq!(check(&json!({ "admin": true }), "admin", &["t*"]), Err(Unmet::Other));
    assert_eq!(check(&json!({ "level": 15 }), "level", &["1*"]), Ok(()));
}

/// security.md C-25.
#[test]
fn an_email_is_compared_whole_and_only_where_it_is_not_unverified() {
    let email = |said: Value| check(&said, "email", &["*@example.mn"]);
    for address in ["bat@example.mn", "BAT@Example.MN", "a+b@example.mn"] {
        assert_eq!(email(json!({ "email": address })), Ok(()), "{address}");
    }
    for address in [
        "bat@evil.mn",
        "attacker@evil.com@example.mn",
        "@example.mn",
        "example.mn",
        "bat@example.mn@",
        "bat@notexample.mn",
        "bat@example.mn.evil.mn",
        "bat@eхample.mn",
        "bat@EXAMPLE.\u{212a}N",
    ] {
        assert_eq!(email(json!({ "email": address })), Err(Unmet::Other), "{address}");
    }
    assert_eq!(email(json!({ "email": ["bat@example.mn"] })), Err(Unmet::Other));
    assert_eq!(email(json!({ "email": "" })), Err(Unmet::Missing));
    let verified = |verified: Value| email(json!({ "email": "bat@example.mn", "email_verified": verified }));
    assert_eq!((verified(json!(true)), verified(json!("true"))), (Ok(()), Ok(())));
    for said in [json!(false), json!("false"), json!("False"), json!(0), json!([true])] {
        assert_eq!(verified(said.clone()), Err(Unmet::Unverified), "{said}");
    }
    assert_eq!(check(&json!({ "email": "a@b@c" }), "email", &["*"]), Err(Unmet::Other), "whatever the pattern");
}

#[test]
fn no_other_claim_is_folded_nor_needs_a_verified_address() {
    let said = json!({ "groups": ["Admin"], "mail": "a@b@example.mn", "email_verified": false });
    assert_eq!(check(&said, "groups", &["admin"]), Err(Unmet::Other));
    assert_eq!(check(&said, "mail", &["*@example.mn"]), Ok(()));
    assert_eq!(check(&said, "email_verified", &["true"]), Err(Unmet::Other));
}

/// What else is called by that name may be another person's.
#[test]
fn the_claim_that_names_the_user_is_the_name_the_session_has() {
    assert_eq!(check(&json!({ "userId": "user-2" }), "userId", &["user-1"]), Ok(()));
    assert_eq!(check(&json!({ "userId": "user-2" }), "userId", &["user-2"]), Err(Unmet::Other));
}
