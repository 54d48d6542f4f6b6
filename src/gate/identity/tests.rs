use percent_encoding::percent_decode;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::PassOn;
use super::*;
use crate::oidc::Subject;
use crate::session::{Claims, samples};

const HEADER: HeaderName = HeaderName::from_static("x-name");

fn identity(templates: &[&str]) -> Identity {
    let header = |text: &&str| (HEADER, Template::parse(text).expect("readable"));
    let headers = templates.iter().map(header).collect();
    Identity { headers, user_claim: "sub".to_owned(), access_token: PassOn::Off, id_token: PassOn::Off }
}

fn session_with(claims: &Value) -> Session {
    let object = claims.as_object().expect("an object");
    Session { claims: Claims::select(object, object.keys().map(String::as_str)), ..samples::session() }
}

/// The value that one template gives; `None` where no header is sent.
fn value(template: &str, claims: &Value) -> Option<String> {
    let headers = identity(&[template]).headers_of(&session_with(claims)).expect("the user can be named");
    let mut values = headers.into_iter().map(|(_, value)| value.to_str().expect("visible ASCII").to_owned());
    let first = values.next();
    assert_eq!(values.next(), None);
    first
}

fn decoded(value: &str) -> String {
    String::from_utf8(percent_decode(value.as_bytes()).collect()).expect("UTF-8 again")
}

#[test]
fn a_template_is_a_claim_or_text_around_claims() {
    let claim = |path: &str| Piece::Claim(path.to_owned());
    let text = |text: &str| Piece::Text(text.to_owned());
    for (written, pieces) in [
        ("email", vec![claim("email")]),
        (" address.city ", vec![claim("address.city")]),
        ("<user_claim>", vec![claim("<user_claim>")]),
        ("{firstName} {lastName}", vec![claim("firstName"), text(" "), claim("lastName")]),
        ("mn:{ sub }!", vec![text("mn:"), claim("sub"), text("!")]),
    ] {
        assert_eq!(Template::parse(written).expect("readable").pieces, pieces, "{written}");
    }
    for (written, why) in [
        ("", BadTemplate::Empty),
        ("  ", BadTemplate::Empty),
        ("{}", BadTemplate::Empty),
        ("a{ }", BadTemplate::Empty),
        ("{a", BadTemplate::Brace),
        ("a}", BadTemplate::Brace),
        ("{a}}", BadTemplate::Brace),
        ("{{a}}", BadTemplate::Brace),
        ("}{a}", BadTemplate::Brace),
        ("{a}{", BadTemplate::Brace),
    ] {
        assert_eq!(Template::parse(written), Err(why), "{written}");
    }
}

#[test]
fn values_are_visible_and_can_be_decoded() {
    for (claim, expected) in [
        (json!("Bat"), "Bat"),
        (json!("Бат"), "%D0%91%D0%B0%D1%82"),
        (json!("100%"), "100%25"),
        (json!("%41"), "%2541"),
        (json!("a, b"), "a, b"),
        (json!(" padded "), "%20padded%20"),
        (json!("\t"), "%09"),
        (json!("a\r\nX-Admin: 1"), "a%0D%0AX-Admin: 1"),
        (json!("\u{0}\u{7f}"), "%00%7F"),
        (json!(34), "34"),
        (json!(true), "true"),
        (json!(false), "false"),
        (json!(["admin", "a,b", "в"]), "admin,a%2Cb,%D0%B2"),
        (json!([" a ", 7, null]), "%20a ,7"),
    ] {
        assert_eq!(value("x", &json!({ "x": claim })).as_deref(), Some(expected), "{claim}");
    }
}

#[test]
fn a_missing_claim_sends_no_header() {
    for claims in [
        json!({}),
        json!({ "x": null }),
        json!({ "x": "" }),
        json!({ "x": [] }),
        json!({ "x": [""] }),
        json!({ "x": { "y": "1" } }),
    ] {
        for template in ["x", "{x}", "{y} {x}", "mn:{x}", "x.z"] {
            assert_eq!(value(template, &claims), None, "{template} {claims}");
        }
    }
    assert_eq!(value("{first} {last}", &json!({ "first": "Bat" })), None);
}

#[test]
fn the_user_is_named_by_the_claim_that_was_chosen() {
    let other = json!({ "sub": "somebody else", "<user_claim>": "somebody else" });
    for template in ["<user_claim>", "sub", "{sub}"] {
        assert_eq!(value(template, &other).as_deref(), Some("user-1"), "{template}");
    }
    assert_eq!(value("mn:{<user_claim>}", &json!({})).as_deref(), Some("mn:user-1"));
    let wanted: Vec<String> = identity(&["<user_claim>", "{a} {b.c}"]).wanted_claims().map(str::to_owned).collect();
    assert_eq!(wanted, ["a", "b.c", "groups", "email", "email_verified", "sub"]);
}

/// What an attacker puts into a name.
fn text() -> impl Strategy<Value = String> {
    let pieces = [
        "a", " ", ",", "%", "%2C", "%20", "\t", "\r\n", "\u{0}", "\u{7f}", "\u{85}", "б", "日", "🦀", "\u{202e}", "=",
        ";", "\"", "admin", "é",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 1..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// And still after the blanks at the ends were taken off on the way (RFC 9110 §5.5).
    #[test]
    fn a_text_comes_back_by_decoding(text in prop_oneof![text(), "\\PC{1,12}"]) {
        let value = value("x", &json!({ "x": text })).expect("there is one");
        prop_assert!(value.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{value:?}");
        prop_assert_eq!(value.trim(), &value);
        prop_assert_eq!(decoded(&value), text);
    }

    #[test]
    fn a_list_comes_back_element_by_element(elements in prop::collection::vec(text(), 1..5)) {
        let value = value("x", &json!({ "x": elements })).expect("there is one");
        prop_assert_eq!(value.trim(), &value);
        let read: Vec<String> = value.split(',').map(decoded).collect();
        prop_assert_eq!(read, elements);
    }

    #[test]
    fn a_template_is_filled_whole_or_not_at_all(claims in prop::collection::vec(prop::option::of(text()), 3)) {
        let object: Value = claims.iter().enumerate().filter_map(|(n, claim)| Some((format!("c{n}"), claim.clone()?))).collect();
        let expected = claims.iter().cloned().collect::<Option<Vec<String>>>().map(|all| format!("<{}>", all.join("|")));
        prop_assert_eq!(value("<{c0}|{c1}|{c2}>", &object).map(|value| decoded(&value)), expected);
    }

    #[test]
    fn every_name_that_a_user_may_have_fits_its_header(name in prop_oneof![text(), "\\PC{1,20}"]) {
        let Ok(user) = Subject::parse(&name) else { return Ok(()) };
        let session = Session { user, ..samples::session() };
        let headers = identity(&["<user_claim>"]).headers_of(&session).expect("named");
        prop_assert_eq!(decoded(headers[0].1.to_str().expect("visible ASCII")), session.user.as_str());
    }
}
