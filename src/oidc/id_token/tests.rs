//! Every deviation that the OpenID Foundation's relying-party tests know, and some that they do not.

use serde_json::json;

use super::*;
use crate::oidc::jwks::tests::{Signer, encode, set, signed};

const NOW: u64 = 1_800_000_000;
const CLIENT: &str = "9c6dbbd8-0000-4000-8000-000000000000";
const ISSUER: &str = "https://op.example";
const RS256: &[Algorithm] = &[Algorithm::RS256];
const ALL: &[Algorithm] = &[Algorithm::RS256, Algorithm::PS256, Algorithm::ES256, Algorithm::EdDSA];

fn claims() -> Value {
    json!({"iss": ISSUER, "sub": "u-1", "aud": CLIENT, "exp": NOW + 300, "iat": NOW, "nonce": "n-1"})
}

fn header(algorithm: &str) -> Value {
    json!({"alg": algorithm, "typ": "JWT"})
}

struct Trial {
    issuer: Option<&'static str>,
    algorithms: &'static [Algorithm],
    nonce: Nonce<'static>,
    keys: bool,
}

const STRICT: Trial = Trial { issuer: Some(ISSUER), algorithms: RS256, nonce: Nonce::Required("n-1"), keys: true };
/// The TOKI preset: neither issuer nor keys are known.
const TOKI: Trial = Trial { issuer: None, algorithms: ALL, nonce: Nonce::IfPresent("n-1"), keys: false };

impl Trial {
    fn of(&self, compact: &str) -> Result<(), Refused> {
        let (jwks, access_token) = (Signer::shared().jwks(), Secret::new("token".to_owned()));
        let keys = if self.keys { Keys::Known(&jwks) } else { Keys::NotKnown };
        let expect = Expect {
            issuer: self.issuer,
            client_id: CLIENT,
            algorithms: self.algorithms,
            nonce: self.nonce,
            access_token: &access_token,
        };
        UnverifiedIdToken::parse(compact)?.verify(&expect, keys, Timestamp::from_unix_seconds(NOW)).map(|_| ())
    }

    /// The good token with one claim changed, or, where `value` is `None`, left out.
    fn with(&self, name: &str, value: Option<Value>) -> Result<(), Refused> {
        let mut claims = claims();
        match value {
            Some(value) => claims[name] = value,
            None => drop(claims.as_object_mut().unwrap().remove(name)),
        }
        self.of(&signed(&header("RS256"), &claims.to_string()))
    }
}

#[test]
fn a_sound_token_holds_under_each_algorithm() {
    for name in ["RS256", "PS256", "ES256", "EdDSA"] {
        let token = signed(&header(name), &claims().to_string());
        assert_eq!(Trial { algorithms: ALL, ..STRICT }.of(&token), Ok(()), "{name}");
    }
}

#[test]
fn an_algorithm_that_is_not_configured_is_refused() {
    for name in ["PS256", "ES256", "EdDSA", "RS512", "HS256", "none", "None", "NONE", "", "rs256"] {
        let token = signed(&header(name), &claims().to_string());
        assert_eq!(STRICT.of(&token), Err(Refused::Algorithm), "{name}");
    }
    let without = signed(&json!({"typ": "JWT"}), &claims().to_string());
    assert_eq!(STRICT.of(&without), Err(Refused::Algorithm));
}

#[test]
fn a_token_that_nobody_signed_is_refused_even_where_no_keys_are_known() {
    for name in ["none", "None", "NONE", "nOnE"] {
        let unsigned = format!("{}.", encode(&header(name), &claims().to_string()));
        assert_eq!(TOKI.of(&unsigned), Err(Refused::Algorithm), "{name}");
        assert_eq!(TOKI.of(&format!("{unsigned}AAAA")), Err(Refused::Algorithm), "{name}");
    }
    let empty = format!("{}.", encode(&header("RS256"), &claims().to_string()));
    assert_eq!(TOKI.of(&empty), Err(Refused::Algorithm));
    assert_eq!(STRICT.of(&empty), Err(Refused::Signature));
}

#[test]
fn a_signature_of_something_else_is_refused_where_keys_are_known() {
    let good = signed(&header("RS256"), &claims().to_string());
    let (_, signature) = good.rsplit_once('.').unwrap();
    let forged = format!("{}.{signature}", encode(&header("RS256"), &claims().to_string().replace("u-1", "u-2")));
    assert_eq!(STRICT.of(&forged), Err(Refused::Signature));
    assert_eq!(TOKI.of(&forged), Ok(()), "nothing is known that could tell");
    let with_kid = signed(&json!({"alg": "RS256", "kid": "../../etc/passwd\0"}), &claims().to_string());
    assert_eq!(STRICT.of(&with_kid), Err(Refused::NoKey));
    let other_kind = signed(&json!({"alg": "RS256", "kid": "ec"}), &claims().to_string());
    assert_eq!(STRICT.of(&other_kind), Err(Refused::NoKey), "a key of another kind does not count");
    let no_text = signed(&json!({"alg": "RS256", "kid": 1}), &claims().to_string());
    assert_eq!(STRICT.of(&no_text), Err(Refused::NoKey));
}

#[test]
fn another_kind_of_token_is_refused() {
    for kind in ["at+jwt", "logout+jwt", "application/at+jwt", ""] {
        let token = signed(&json!({"alg": "RS256", "typ": kind}), &claims().to_string());
        assert_eq!(STRICT.of(&token), Err(Refused::Type), "{kind}");
    }
    for kind in ["JWT", "jwt"] {
        assert_eq!(STRICT.of(&signed(&json!({"alg": "RS256", "typ": kind}), &claims().to_string())), Ok(()));
    }
    assert_eq!(STRICT.of(&signed(&json!({"alg": "RS256"}), &claims().to_string())), Ok(()));
    let events = json!({"http://schemas.openid.net/event/backchannel-logout": {}});
    assert_eq!(TOKI.with("events", Some(events)), Err(Refused::Type));
}

#[test]
fn a_critical_extension_is_refused() {
    for header in [
        json!({"alg": "RS256", "crit": ["b64"], "b64": false}),
        json!({"alg": "RS256", "crit": ["x"]}),
        json!({"alg": "RS256", "crit": []}),
        json!({"alg": "RS256", "crit": null}),
    ] {
        assert_eq!(STRICT.of(&signed(&header, &claims().to_string())), Err(Refused::Critical), "{header}");
    }
}

#[test]
fn what_is_no_jwt_is_refused() {
    let good = signed(&header("RS256"), &claims().to_string());
    let twice = claims().to_string().replace(r#""sub":"u-1""#, r#""sub":"u-1","sub":"u-2""#);
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(5000), "]".repeat(5000));
    for (why, token) in [
        ("empty", String::new()),
        ("two parts", "a.b".to_owned()),
        ("four parts", format!("{good}.x")),
        ("six parts", format!("{good}.x.y.z")),
        ("padded", good.replacen('.', "=.", 1)),
        ("a member twice", signed(&header("RS256"), &twice)),
        ("an array", signed(&header("RS256"), "[]")),
        ("a string", signed(&header("RS256"), "\"x\"")),
        ("a byte order mark", signed(&header("RS256"), &format!("\u{feff}{}", claims()))),
        ("deep", signed(&header("RS256"), &deep)),
        ("long", signed(&header("RS256"), &format!("{{\"a\":\"{}\"}}", "x".repeat(64 * 1024)))),
    ] {
        assert_eq!(STRICT.of(&token), Err(Refused::NotAJwt), "{why}");
    }
    assert_eq!(STRICT.of(&format!("{good}.x.y")), Err(Refused::Encrypted));
}

#[test]
fn the_issuer_is_exactly_the_known_one() {
    for other in ["https://op.example/", "https://OP.example", "https://op.example.evil", ""] {
        assert_eq!(STRICT.with("iss", Some(other.into())), Err(Refused::Issuer));
    }
    assert_eq!(STRICT.with("iss", None), Err(Refused::Claim("iss")));
    assert_eq!(STRICT.with("iss", Some(json!([ISSUER]))), Err(Refused::Claim("iss")));
    assert_eq!(TOKI.with("iss", Some("anything".into())), Ok(()));
    assert_eq!(TOKI.with("iss", None), Ok(()));
}

#[test]
fn the_audience_is_this_client_and_nobody_else() {
    assert_eq!(STRICT.with("aud", Some(json!([CLIENT]))), Ok(()));
    for other in [json!("other"), json!([CLIENT, "other"]), json!(["other"]), json!([]), json!([[CLIENT]]), json!("")] {
        assert_eq!(STRICT.with("aud", Some(other.clone())), Err(Refused::Audience), "{other}");
        assert_eq!(TOKI.with("aud", Some(other.clone())), Err(Refused::Audience), "{other}");
    }
    for none in [None, Some(json!(1)), Some(json!(null)), Some(json!({"a": CLIENT}))] {
        assert_eq!(STRICT.with("aud", none), Err(Refused::Claim("aud")));
    }
    assert_eq!(STRICT.with("azp", Some("other".into())), Err(Refused::AuthorizedParty));
    assert_eq!(STRICT.with("azp", Some(CLIENT.into())), Ok(()));
}

#[test]
fn times_are_numbers_and_now_is_between_them() {
    use Refused::{Claim, Expired, IssuedAt, NotYet};
    let cases = [
        ("exp", None, Err(Claim("exp"))),
        ("exp", Some(json!(NOW - 61)), Err(Expired)),
        ("exp", Some(json!(0)), Err(Expired)),
        ("exp", Some(json!((NOW + 300).to_string())), Err(Claim("exp"))),
        ("exp", Some(json!(null)), Err(Claim("exp"))),
        ("exp", Some(json!(true)), Err(Claim("exp"))),
        ("exp", Some(json!(-1)), Err(Claim("exp"))),
        ("exp", Some(json!(1_800_000_100.5)), Ok(())),
        ("exp", Some(json!(1e300)), Ok(())),
        ("nbf", Some(json!(NOW + 61)), Err(NotYet)),
        ("nbf", Some(json!(NOW.to_string())), Err(Claim("nbf"))),
        ("nbf", Some(json!(NOW)), Ok(())),
        ("iat", None, Err(Claim("iat"))),
        ("iat", Some(json!(NOW.to_string())), Err(Claim("iat"))),
        ("iat", Some(json!(NOW + 61)), Err(IssuedAt)),
        ("iat", Some(json!(NOW - 3601)), Err(IssuedAt)),
        ("iat", Some(json!(1e300)), Err(IssuedAt)),
        ("iat", Some(json!(NOW - 30)), Ok(())),
        ("auth_time", Some(json!("yesterday")), Err(Claim("auth_time"))),
        ("auth_time", Some(json!(NOW - 86_400)), Ok(())),
    ];
    for (name, value, expected) in cases {
        assert_eq!(STRICT.with(name, value.clone()), expected, "{name} {value:?}");
        assert_eq!(TOKI.with(name, value.clone()), expected, "{name} {value:?} at TOKI");
    }
}

#[test]
fn the_nonce_is_the_one_that_was_sent() {
    for other in ["n-1x", "n-", "", "n-2"] {
        assert_eq!(STRICT.with("nonce", Some(other.into())), Err(Refused::Nonce), "{other}");
        assert_eq!(TOKI.with("nonce", Some(other.into())), Err(Refused::Nonce), "{other}");
    }
    assert_eq!(STRICT.with("nonce", Some(json!(["n-1"]))), Err(Refused::Claim("nonce")));
    assert_eq!(STRICT.with("nonce", None), Err(Refused::Nonce));
    assert_eq!(TOKI.with("nonce", None), Ok(()), "TOKI may leave it out");
}

#[test]
fn the_access_token_is_the_one_it_came_with() {
    let hash = URL_SAFE_NO_PAD.encode(&digest::digest(&digest::SHA256, b"token").as_ref()[..16]);
    assert_eq!(STRICT.with("at_hash", Some(hash.clone().into())), Ok(()));
    let edwards = URL_SAFE_NO_PAD.encode(&digest::digest(&digest::SHA512, b"token").as_ref()[..32]);
    for wrong in [&hash[1..], "", &edwards] {
        assert_eq!(STRICT.with("at_hash", Some(wrong.into())), Err(Refused::AccessTokenHash), "{wrong}");
    }
    let mut claims = claims();
    claims["at_hash"] = edwards.into();
    assert_eq!(Trial { algorithms: ALL, ..STRICT }.of(&signed(&header("EdDSA"), &claims.to_string())), Ok(()));
}

#[test]
fn a_token_says_whom_it_is_about() {
    for bad in [None, Some(json!("")), Some(json!(1)), Some(json!(null)), Some(json!("x".repeat(1025)))] {
        assert_eq!(STRICT.with("sub", bad.clone()), Err(Refused::Claim("sub")), "{bad:?}");
    }
}

#[test]
fn a_key_that_may_be_new_is_worth_another_look() {
    assert!(Refused::NoKey.may_be_a_new_key() && Refused::Signature.may_be_a_new_key());
    assert!(!Refused::Nonce.may_be_a_new_key());
    assert!(set(&[]).is_err());
}
