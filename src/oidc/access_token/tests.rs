//! Every deviation that ID tokens are tried with, and what only access tokens can be.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::*;
use crate::oidc::jwks::tests::{Signer, encode, signed};

const NOW: u64 = 1_800_000_000;
const ISSUER: &str = "https://op.example";
const API: &str = "https://api.example.mn";
const RS256: &[Algorithm] = &[Algorithm::RS256];
const ALL: &[Algorithm] = &[Algorithm::RS256, Algorithm::PS256, Algorithm::ES256, Algorithm::EdDSA];

fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "u-1", "aud": API, "exp": NOW + 300, "iat": NOW, "client_id": "cron", "jti": "j-1",
        "scope": "orders:read orders:write",
    })
}

fn with(mut claims: Value, name: &str, value: Option<Value>) -> Value {
    match value {
        Some(value) => claims[name] = value,
        None => drop(claims.as_object_mut().unwrap().remove(name)),
    }
    claims
}

fn token(payload: &str) -> String {
    signed(&json!({"alg": "RS256", "typ": "at+jwt"}), payload)
}

fn expect(algorithms: &'static [Algorithm]) -> Expect<'static> {
    static OURS: std::sync::LazyLock<[String; 2]> =
        std::sync::LazyLock::new(|| [API.to_owned(), "api://orders".to_owned()]);
    Expect { issuer: ISSUER, audiences: &*OURS, algorithms }
}

/// `None`: it is not even one of these.
fn verified(compact: &str, algorithms: &'static [Algorithm]) -> Option<Result<AccessToken, Untaken>> {
    let jwks = Signer::shared().jwks();
    let now = Timestamp::from_unix_seconds(NOW);
    Some(UnverifiedAccessToken::recognise(compact)?.verify(&expect(algorithms), Keys::Known(&jwks), now))
}

fn verdict(compact: &str) -> Result<(), Untaken> {
    verified(compact, RS256).expect("it says that it is an access token").map(drop)
}

/// The good token with one claim changed, or, where `value` is `None`, left out.
fn signed_with(name: &str, value: Option<Value>) -> Result<(), Untaken> {
    verdict(&token(&with(claims(), name, value).to_string()))
}

fn introspected(answer: &Value) -> Result<(), Untaken> {
    let now = Timestamp::from_unix_seconds(NOW);
    AccessToken::introspected(answer.to_string().as_bytes(), &expect(RS256), now).expect("an answer").map(drop)
}

fn active() -> Value {
    with(claims(), "active", Some(json!(true)))
}

fn refused(why: Refused) -> Result<(), Untaken> {
    Err(Untaken::Jwt(why))
}

#[test]
fn a_sound_token_holds_under_each_algorithm_and_says_who_until_when() {
    for name in ["RS256", "PS256", "ES256", "EdDSA"] {
        for typ in ["at+jwt", "AT+JWT", "application/at+jwt"] {
            let compact = signed(&json!({"alg": name, "typ": typ}), &claims().to_string());
            let token = verified(&compact, ALL).unwrap().unwrap();
            assert_eq!((token.text("sub"), token.text("client_id")), (Some("u-1"), Some("cron")), "{name} {typ}");
            assert_eq!(token.expires_at(), Timestamp::from_unix_seconds(NOW + 300));
            assert_eq!(token.claims()["scope"], json!(["orders:read", "orders:write"]));
        }
    }
}

#[test]
fn nothing_else_that_is_signed_is_an_access_token() {
    // ID tokens, logout tokens, what has no type, what an older provider issues.
    for typ in
        [json!("JWT"), json!("logout+jwt"), json!("application/logout+jwt"), json!(""), json!(null), json!(["at+jwt"])]
    {
        let compact = signed(&json!({"alg": "RS256", "typ": typ}), &claims().to_string());
        assert!(verified(&compact, ALL).is_none(), "{typ}");
    }
    assert!(verified(&signed(&json!({"alg": "RS256"}), &claims().to_string()), ALL).is_none());
    for opaque in ["", "opaque", "a.b.c", "....", "e30.e30.e30.e30.e30", &"x".repeat(100_000)] {
        assert!(verified(opaque, ALL).is_none(), "{opaque}");
    }
}

#[test]
fn an_algorithm_that_is_not_configured_is_refused() {
    for name in ["PS256", "ES256", "EdDSA", "RS512", "HS256", "none", "None", "NONE", "", "rs256"] {
        let compact = signed(&json!({"alg": name, "typ": "at+jwt"}), &claims().to_string());
        assert_eq!(verdict(&compact), refused(Refused::Algorithm), "{name}");
        let unsigned = format!("{}.", encode(&json!({"alg": name, "typ": "at+jwt"}), &claims().to_string()));
        assert_eq!(verdict(&unsigned), refused(Refused::Algorithm), "{name}");
    }
}

#[test]
fn a_signature_of_something_else_is_refused() {
    let good = token(&claims().to_string());
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (header, _) = message.split_once('.').unwrap();
    let forged = URL_SAFE_NO_PAD.encode(claims().to_string().replace("u-1", "u-2"));
    for bad in [
        format!("{header}.{forged}.{signature}"),
        format!("{message}."),
        format!("{message}.{}", &signature[..signature.len() - 8]),
        format!("{message}.{signature}AAAA"),
        format!("{message}.{}", "A".repeat(signature.len())),
    ] {
        assert_eq!(verdict(&bad), refused(Refused::Signature), "{bad}");
    }
    for kid in [json!("../../etc/passwd\0"), json!("ec"), json!(1), json!("'; DROP TABLE keys")] {
        let header = json!({"alg": "RS256", "typ": "at+jwt", "kid": kid});
        assert_eq!(verdict(&signed(&header, &claims().to_string())), refused(Refused::NoKey), "{kid}");
    }
}

#[test]
fn an_extension_or_an_encryption_that_was_not_agreed_on_is_refused() {
    let critical = json!({"alg": "RS256", "typ": "at+jwt", "crit": ["b64"], "b64": false});
    assert_eq!(verdict(&signed(&critical, &claims().to_string())), refused(Refused::Critical));
    assert!(verified("e30.e30.e30.e30.e30", ALL).is_none());
}

#[test]
fn it_is_for_this_application_whoever_else_it_is_for() {
    for ours in [json!(API), json!([API]), json!(["https://other", "api://orders"])] {
        assert_eq!(signed_with("aud", Some(ours)), Ok(()));
    }
    for foreign in [json!("https://other"), json!([]), json!(["https://api.example.mn/"]), json!([1])] {
        assert_eq!(signed_with("aud", Some(foreign)), refused(Refused::Audience));
    }
    for none in [None, Some(json!(7)), Some(json!(null)), Some(json!({}))] {
        assert_eq!(signed_with("aud", none), refused(Refused::Claim("aud")));
    }
}

#[test]
fn its_issuer_is_compared_letter_for_letter() {
    for other in ["https://op.example/", "https://OP.example", "https://op.example.evil", ""] {
        assert_eq!(signed_with("iss", Some(json!(other))), refused(Refused::Issuer), "{other}");
    }
    assert_eq!(signed_with("iss", None), refused(Refused::Claim("iss")));
}

#[test]
fn it_ends_to_the_second_and_times_are_numbers() {
    for past in [json!(NOW), json!(NOW - 1), json!(NOW - 30), json!(NOW - 3600), json!(0)] {
        assert_eq!(signed_with("exp", Some(past)), refused(Refused::Expired));
    }
    for odd in
        [None, Some(json!("1900000000")), Some(json!(null)), Some(json!(true)), Some(json!(-1)), Some(json!([1]))]
    {
        assert_eq!(signed_with("exp", odd.clone()), refused(Refused::Claim("exp")), "{odd:?}");
    }
    for far in [json!(1e300), json!(NOW as f64 + 0.5 + 1.0)] {
        assert_eq!(signed_with("exp", Some(far)), Ok(()));
    }
    assert_eq!(signed_with("nbf", Some(json!(NOW + 61))), refused(Refused::NotYet));
    assert_eq!(signed_with("nbf", Some(json!("x"))), refused(Refused::Claim("nbf")));
    assert_eq!(signed_with("iat", Some(json!(NOW + 61))), refused(Refused::IssuedAt));
    assert_eq!(signed_with("iat", None), refused(Refused::Claim("iat")));
    assert_eq!(signed_with("iat", Some(json!(NOW - 86_400))), Ok(()), "it is used for as long as it lives");
    assert_eq!(signed_with("auth_time", Some(json!("yesterday"))), refused(Refused::Claim("auth_time")));
}

#[test]
fn what_every_such_token_has_must_be_there() {
    for name in ["sub", "client_id", "jti"] {
        for odd in [None, Some(json!("")), Some(json!(1)), Some(json!(null))] {
            assert_eq!(signed_with(name, odd), refused(Refused::Claim(name)), "{name}");
        }
    }
}

#[test]
fn one_that_is_bound_to_its_holder_is_good_for_nobody_here() {
    for bound in [json!({"jkt": "x"}), json!({"x5t#S256": "x"}), json!({}), json!(null)] {
        assert_eq!(signed_with("cnf", Some(bound.clone())), Err(Untaken::Bound));
        assert_eq!(introspected(&with(active(), "cnf", Some(bound))), Err(Untaken::Bound));
    }
}

#[test]
fn what_two_readers_could_read_in_two_ways_is_no_token() {
    let twice = claims().to_string().replacen('{', "{\"sub\":\"u-2\",", 1);
    let deep = format!("{}1{}", "{\"a\":".repeat(5000), "}".repeat(5000));
    for payload in [&twice, &deep, "[]", "\"x\"", "\u{feff}{}", ""] {
        assert!(verified(&token(payload), ALL).is_none(), "{payload}");
    }
}

#[test]
fn introspection_is_believed_about_what_it_says() {
    assert_eq!(introspected(&active()), Ok(()));
    for name in ["iss", "exp", "iat", "jti", "client_id", "scope"] {
        assert_eq!(introspected(&with(active(), name, None)), Ok(()), "{name} is optional (RFC 7662 §2.2)");
    }
    assert_eq!(introspected(&json!({"active": false})), Err(Untaken::Inactive));
    assert_eq!(introspected(&with(active(), "active", Some(json!(false)))), Err(Untaken::Inactive));
}

#[test]
fn introspection_of_a_token_for_somebody_else_is_no_reason_to_take_it() {
    for (name, value, why) in [
        ("aud", None, Refused::Claim("aud")),
        ("aud", Some(json!([])), Refused::Audience),
        ("aud", Some(json!("https://other")), Refused::Audience),
        ("iss", Some(json!("https://other")), Refused::Issuer),
        ("iss", Some(json!(1)), Refused::Claim("iss")),
        ("exp", Some(json!(NOW)), Refused::Expired),
        ("exp", Some(json!("never")), Refused::Claim("exp")),
        ("nbf", Some(json!(NOW + 61)), Refused::NotYet),
    ] {
        assert_eq!(introspected(&with(active(), name, value)), refused(why), "{name}");
    }
}

#[test]
fn a_refresh_token_that_is_active_is_no_access_token() {
    for (name, value) in [
        ("token_type", "refresh_token"),
        ("token_type", "DPoP"),
        ("token_type", "mac"),
        ("token_use", "refresh_token"),
        ("token_use", "id"),
        ("typ", "Refresh"),
        ("typ", "Offline"),
        ("typ", "ID"),
    ] {
        assert_eq!(introspected(&with(active(), name, Some(json!(value)))), Err(Untaken::Kind), "{name} {value}");
    }
    for (name, value) in [("token_type", "bearer"), ("token_use", "access_token"), ("typ", "Bearer")] {
        assert_eq!(introspected(&with(active(), name, Some(json!(value)))), Ok(()), "{name} {value}");
    }
}

#[test]
fn an_answer_that_says_nothing_says_nothing_of_the_token() {
    let read = |answer: &str| {
        AccessToken::introspected(answer.as_bytes(), &expect(RS256), Timestamp::from_unix_seconds(NOW)).map(|_| ())
    };
    for answer in [r#"{}"#, r#"{"active":"true"}"#, r#"{"active":1}"#, r#"{"active":null}"#] {
        assert_eq!(read(answer), Err(BadIntrospection::NoActive), "{answer}");
    }
    for answer in ["", "<html>", "[true]", "true", r#"{"active":false,"active":true}"#] {
        assert!(matches!(read(answer), Err(BadIntrospection::Unreadable(_))), "{answer}");
    }
}
