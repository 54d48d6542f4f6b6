//! Every deviation that the OpenID Foundation's back-channel tests know (security.md O-06), and their neighbours.

use serde_json::{Value, json};

use super::*;
use crate::oidc::Secret;
use crate::oidc::id_token::{self, Nonce, UnverifiedIdToken};
use crate::oidc::jwks::tests::{Signer, signed};

const NOW: u64 = 1_800_000_000;
const CLIENT: &str = "9c6dbbd8-0000-4000-8000-000000000000";
const ISSUER: &str = "https://op.example";
const ALGORITHMS: &[Algorithm] = &[Algorithm::RS256, Algorithm::ES256];

fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "u-1", "sid": "s-1", "aud": CLIENT, "exp": NOW + 120, "iat": NOW, "jti": "j-1",
        "events": { EVENT: {} },
    })
}

fn header() -> Value {
    json!({"alg": "RS256", "typ": "logout+jwt"})
}

fn verify_at(now: u64, compact: &str) -> Result<LogoutToken, Refused> {
    let jwks = Signer::shared().jwks();
    let expect = Expect { issuer: ISSUER, client_id: CLIENT, algorithms: ALGORITHMS };
    UnverifiedLogoutToken::parse(compact)?.verify(&expect, Keys::Known(&jwks), Timestamp::from_unix_seconds(now))
}

fn verify(compact: &str) -> Result<Whom, Refused> {
    verify_at(NOW, compact).map(|token| token.whom)
}

/// The good token with one claim changed, or, where `value` is null, left out.
fn with(name: &str, value: Value) -> Result<Whom, Refused> {
    let mut claims = claims();
    if value.is_null() {
        claims.as_object_mut().unwrap().remove(name);
    } else {
        claims[name] = value;
    }
    verify(&signed(&header(), &claims))
}

#[test]
fn a_sound_token_says_whom_it_is_about() {
    let (sid, sub) = ("s-1".to_owned(), "u-1".to_owned());
    assert_eq!(verify(&signed(&header(), &claims())), Ok(Whom::SessionOfUser { sid: sid.clone(), sub: sub.clone() }));
    assert_eq!(with("sub", Value::Null), Ok(Whom::Session(sid)));
    assert_eq!(with("sid", Value::Null), Ok(Whom::User(sub)));
}

#[test]
fn whom_no_key_of_the_provider_signed_for_is_refused() {
    for algorithm in ["none", "None", "NONE", "", "HS256", "PS256", "RS512", "rs256"] {
        let token = signed(&json!({"alg": algorithm, "typ": "logout+jwt"}), &claims());
        assert_eq!(verify(&token), Err(Refused::Algorithm), "{algorithm}");
    }
    let token = signed(&header(), &claims());
    let (message, signature) = token.rsplit_once('.').unwrap();
    assert_eq!(verify(&format!("{message}.")), Err(Refused::Signature));
    let mut other = claims();
    other["sid"] = "s-2".into();
    let other = signed(&header(), &other);
    assert_eq!(verify(&format!("{}.{signature}", other.rsplit_once('.').unwrap().0)), Err(Refused::Signature));
    assert_eq!(verify(&format!("{token}.a.b")), Err(Refused::Encrypted));
    assert_eq!(verify("a.b"), Err(Refused::NotAJwt));
    let critical = signed(&json!({"alg": "RS256", "crit": ["x"], "x": 1}), &claims());
    assert_eq!(verify(&critical), Err(Refused::Critical));
}

#[test]
fn without_keys_none_holds_whatever_connection_it_came_by() {
    let token = signed(&header(), &claims());
    let expect = Expect { issuer: ISSUER, client_id: CLIENT, algorithms: ALGORITHMS };
    let verified = UnverifiedLogoutToken::parse(&token).unwrap().verify(
        &expect,
        Keys::NotKnown,
        Timestamp::from_unix_seconds(NOW),
    );
    assert_eq!(verified.err(), Some(Refused::NoKey));
}

#[test]
fn its_type_is_its_own_or_says_nothing_else() {
    for (kind, expected) in [
        (json!("logout+jwt"), true),
        (json!("LOGOUT+JWT"), true),
        (json!("application/logout+jwt"), true),
        (json!("JWT"), true),
        (Value::Null, true),
        (json!("at+jwt"), false),
        (json!("secevent+jwt"), false),
        (json!(""), false),
        (json!(1), false),
    ] {
        let mut header = header();
        if kind.is_null() {
            header.as_object_mut().unwrap().remove("typ");
        } else {
            header["typ"] = kind.clone();
        }
        assert_eq!(verify(&signed(&header, &claims())).is_ok(), expected, "{kind}");
    }
}

#[test]
fn a_token_with_one_deviation_is_refused() {
    let event = |value: Value| json!({ EVENT: value });
    for (name, value, expected) in [
        ("iss", json!("https://op.example/"), Refused::Issuer),
        ("iss", json!("https://OP.example"), Refused::Issuer),
        ("iss", Value::Null, Refused::Claim("iss")),
        ("aud", json!("another-client"), Refused::Audience),
        ("aud", json!([CLIENT, "another-client"]), Refused::Audience),
        ("aud", json!([]), Refused::Audience),
        ("aud", Value::Null, Refused::Claim("aud")),
        ("iat", Value::Null, Refused::Claim("iat")),
        ("iat", json!("now"), Refused::Claim("iat")),
        ("iat", json!(NOW + 61), Refused::IssuedAt),
        ("iat", json!(NOW - 3601), Refused::IssuedAt),
        ("exp", Value::Null, Refused::Claim("exp")),
        ("exp", json!(NOW - 60), Refused::Expired),
        ("exp", json!(true), Refused::Claim("exp")),
        ("nbf", json!(NOW + 61), Refused::NotYet),
        ("sub", json!(""), Refused::Claim("sub")),
        ("sub", json!(7), Refused::Claim("sub")),
        ("sid", json!(""), Refused::Claim("sid")),
        ("sid", json!(["s-1"]), Refused::Claim("sid")),
        ("events", Value::Null, Refused::Claim("events")),
        ("events", json!({}), Refused::Claim("events")),
        ("events", json!([EVENT]), Refused::Claim("events")),
        ("events", json!(EVENT), Refused::Claim("events")),
        ("events", json!({ "http://schemas.openid.net/event/backchannel-logou": {} }), Refused::Claim("events")),
        ("events", event(json!(true)), Refused::Claim("events")),
        ("events", event(json!([])), Refused::Claim("events")),
        ("events", event(json!("{}")), Refused::Claim("events")),
        ("nonce", json!("n-1"), Refused::Prohibited("nonce")),
        ("nonce", json!(""), Refused::Prohibited("nonce")),
        ("jti", Value::Null, Refused::Claim("jti")),
        ("jti", json!(""), Refused::Claim("jti")),
        ("jti", json!(1), Refused::Claim("jti")),
    ] {
        assert_eq!(with(name, value.clone()), Err(expected), "{name}: {value}");
    }
    let mut nobody = claims();
    nobody.as_object_mut().unwrap().retain(|name, _| name != "sub" && name != "sid");
    let refused = verify(&signed(&header(), &nobody)).unwrap_err();
    assert_eq!(refused.to_string(), "its `sub` or `sid` is missing or of the wrong type");
    // `nonce` is prohibited even where it says nothing.
    let mut null = claims();
    null["nonce"] = Value::Null;
    assert_eq!(verify(&signed(&header(), &null)), Err(Refused::Prohibited("nonce")));
}

#[test]
fn what_is_legal_but_unusual_holds() {
    assert!(with("aud", json!([CLIENT])).is_ok());
    assert!(with("exp", json!(NOW - 59)).is_ok());
    assert!(with("iat", json!(NOW + 60)).is_ok());
    assert!(with("events", json!({ EVENT: { "x": 1 }, "urn:other": {} })).is_ok());
    assert!(with("unknown", json!({ "deep": [1] })).is_ok());
}

#[test]
fn it_can_be_shown_again_no_longer_than_it_says_and_never_for_years() {
    let token = verify_at(NOW, &signed(&header(), &claims())).unwrap();
    let until = token.until.unix_seconds();
    assert!((NOW + 180..NOW + 300).contains(&until), "{until}");
    let mut eternal = claims();
    eternal["exp"] = json!(NOW * 2);
    let eternal = signed(&header(), &eternal);
    let until = verify_at(NOW, &eternal).unwrap().until.unix_seconds();
    assert!(verify_at(until, &eternal).is_err(), "forgotten only when it holds no longer");
}

#[test]
fn neither_kind_of_token_passes_for_the_other() {
    let id_token = json!({"iss": ISSUER, "sub": "u-1", "aud": CLIENT, "exp": NOW + 300, "iat": NOW, "jti": "j"});
    assert_eq!(verify(&signed(&json!({"alg": "RS256"}), &id_token)), Err(Refused::Claim("events")));
    let (jwks, access_token) = (Signer::shared().jwks(), Secret::new(String::new()));
    let expect = id_token::Expect {
        issuer: Some(ISSUER),
        client_id: CLIENT,
        algorithms: ALGORITHMS,
        nonce: Nonce::Unknown,
        access_token: &access_token,
    };
    for header in [header(), json!({"alg": "RS256"}), json!({"alg": "RS256", "typ": "JWT"})] {
        let logout_token = signed(&header, &claims());
        let taken = UnverifiedIdToken::parse(&logout_token).unwrap().verify(
            &expect,
            Keys::Known(&jwks),
            Timestamp::from_unix_seconds(NOW),
        );
        assert_eq!(taken.err(), Some(Refused::Type));
    }
}
