//! Addresses of user info, and answers plain and signed.

use serde_json::json;

use super::*;
use crate::oidc::jwks::tests::{Signer, signed};

const TOKI: Template<'_> = Template("https://sso.toki.mn/oauth2/userinfo?userId={userId}");

#[test]
fn a_field_stays_one_value_whatever_it_holds() {
    for (value, encoded) in [
        ("100001", "100001"),
        ("a&userId=b", "a%26userId%3Db"),
        ("a b/../c#d?e+f%g", "a%20b%2F..%2Fc%23d%3Fe%2Bf%25g"),
        ("Бат", "%D0%91%D0%B0%D1%82"),
    ] {
        let url = TOKI.fill(|name| (name == "userId").then(|| value.to_owned())).unwrap();
        assert_eq!(url.query().unwrap(), format!("userId={encoded}"));
        assert_eq!(url.query_pairs().collect::<Vec<_>>(), [("userId".into(), value.into())]);
    }
}

#[test]
fn a_field_cannot_climb_in_a_path() {
    let template = Template("https://op.example/users/{id}/info");
    assert_eq!(template.fill(|_| Some("../admin".into())).unwrap().path(), "/users/..%2Fadmin/info");
    for climbing in [".", "..", ""] {
        assert_eq!(template.fill(|_| Some(climbing.into())), Err(Unfilled::Field("id".into())));
    }
}

#[test]
fn a_template_names_its_fields_and_needs_them_all() {
    let two = Template("https://op.example/{tenant}/u?id={userId}");
    assert_eq!(two.fields().collect::<Vec<_>>(), ["tenant", "userId"]);
    assert_eq!(two.fill(|name| (name == "tenant").then(|| "t".into())), Err(Unfilled::Field("userId".into())));
    assert_eq!(Template("https://op.example/u").fields().count(), 0);
    assert_eq!(Template("https://op.example/{u").fill(|_| Some("x".into())), Err(Unfilled::NoUrl));
}

#[test]
fn the_envelope_is_opened_where_it_is_there() {
    let claims = |body: &str, path| UserInfo::read(body.as_bytes(), path).map(|info| Value::Object(info.claims));
    let enveloped = r#"{"data":{"firstName":"Бат"},"userId":"7"}"#;
    assert_eq!(claims(enveloped, Some("data")).unwrap().to_string(), r#"{"firstName":"Бат"}"#);
    assert_eq!(claims(enveloped, None).unwrap().to_string(), enveloped);
    assert_eq!(claims(r#"{"sub":"a"}"#, Some("data")).unwrap().to_string(), r#"{"sub":"a"}"#);
    assert_eq!(claims(r#"{"a":{"b":{"c":1}}}"#, Some("a.b")).unwrap().to_string(), r#"{"c":1}"#);
    for none in [r#"{"data":[]}"#, r#"{"data":"x"}"#, r#"{"data":null}"#] {
        assert_eq!(claims(none, Some("data")), Err(BadUserInfo::NoClaims));
    }
    for unreadable in ["[]", "<html>", "eyJhbGciOiJSUzI1NiJ9.e30.x", r#"{"sub":"a","sub":"b"}"#] {
        assert!(matches!(claims(unreadable, None), Err(BadUserInfo::Unreadable(_))), "{unreadable}");
    }
}

#[test]
fn an_openid_answer_says_whom_it_is_about() {
    let read = |body: &str| UserInfo::read(body.as_bytes(), None).unwrap().with_subject().map(|_| ());
    assert_eq!(read(r#"{"sub":"a"}"#), Ok(()));
    assert_eq!(read(r#"{"email":"a@b"}"#), Err(BadUserInfo::NoSubject));
    assert_eq!(read(r#"{"sub":1}"#), Err(BadUserInfo::NoSubject));
}

const NOW: u64 = 1_800_000_000;

/// What is made of it under RS256, the issuer and the keys being known.
fn verified(compact: &str) -> Result<UserInfo, Refused> {
    let Ok(Answer::Signed(signed)) = Answer::read(compact.as_bytes(), None) else { panic!("it is a JWT") };
    let algorithms = [Algorithm::RS256];
    let expect = Expect { issuer: Some("https://op.example"), client_id: "id", algorithms: &algorithms, path: None };
    let keys = Signer::shared().jwks();
    signed.verify(&expect, Keys::Known(&keys), Timestamp::from_unix_seconds(NOW))
}

#[test]
fn a_signed_answer_counts_once_it_is_verified() {
    let claims = json!({"iss": "https://op.example", "aud": ["other", "id"], "sub": "a", "email": "a@b"});
    let info = verified(&signed(&json!({"alg": "RS256"}), &claims)).unwrap();
    assert_eq!(info.claims.get("email"), Some(&json!("a@b")));
    assert!(info.with_subject().is_ok());
}

#[test]
fn a_signed_answer_that_does_not_hold_says_nothing() {
    let claims = json!({"iss": "https://op.example", "aud": "id", "sub": "a"});
    let header = json!({"alg": "RS256", "typ": "JWT"});
    let with = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        verified(&signed(&header, &claims)).err()
    };
    assert_eq!(with("iss", json!("https://op.example/")), Some(Refused::Issuer));
    assert_eq!(with("iss", json!(null)), Some(Refused::Claim("iss")));
    assert_eq!(with("aud", json!("other")), Some(Refused::Audience));
    assert_eq!(with("aud", json!(null)), Some(Refused::Claim("aud")));
    assert_eq!(with("exp", json!(NOW - 61)), Some(Refused::Expired));
    assert_eq!(with("exp", json!("later")), Some(Refused::Claim("exp")));
    let under = |header: Value| verified(&signed(&header, &claims)).err();
    assert_eq!(under(json!({"alg": "none"})), Some(Refused::Algorithm));
    assert_eq!(under(json!({"alg": "PS256"})), Some(Refused::Algorithm));
    assert_eq!(under(json!({"alg": "RS256", "typ": "at+jwt"})), Some(Refused::Type));
    assert_eq!(under(json!({"alg": "RS256", "kid": "unknown"})), Some(Refused::NoKey));
    let whole = signed(&header, &claims);
    assert_eq!(verified(&whole[..whole.len() - 8]).err(), Some(Refused::Signature));
}

#[test]
fn an_answer_that_begins_like_an_object_is_none_of_a_jwt() {
    for plain in [r#"{"sub":"a"}"#, " {\"sub\":\"a.b.c\"}\n"] {
        assert!(matches!(Answer::read(plain.as_bytes(), None), Ok(Answer::Plain(_))), "{plain}");
    }
    for neither in ["a.b.c", "", ".", "..", "e30.e30"] {
        assert!(matches!(Answer::read(neither.as_bytes(), None), Err(BadUserInfo::Unreadable(_))), "{neither}");
    }
}
