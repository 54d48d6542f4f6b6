//! Keys as openssl writes them (`keys/`, for nothing else), and what is signed with them.

use super::super::jwks::Jwks;
use super::super::jwt::{Keys, UnverifiedJwt};
use super::*;

const NOW: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);

fn pem(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/src/oidc/signing/keys/{name}.pem", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn key(name: &str) -> SigningKey {
    SigningKey::from_pem(&pem(name)).unwrap()
}

fn assertion(key: &SigningKey, algorithm: Algorithm) -> Secret<String> {
    Assertion { client_id: "i:d", audience: "https://op.example", jti: [7; 16], now: NOW }.sign(key, algorithm, "k1")
}

fn signed(key: &SigningKey, algorithm: Algorithm) -> (Value, Value) {
    let assertion = assertion(key, algorithm);
    let keys = json!({ "keys": [key.public_jwk("k1", algorithm)] });
    let keys = Jwks::read(keys.to_string().as_bytes()).unwrap();
    UnverifiedJwt::parse(assertion.expose()).unwrap().verify(&[algorithm], Keys::Known(&keys)).unwrap();
    let part = |index| {
        let part = assertion.expose().split('.').nth(index).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    };
    (part(0), part(1))
}

#[test]
fn each_kind_of_key_signs_what_its_public_half_verifies() {
    for (name, algorithms) in [
        ("rsa", vec![Algorithm::RS256, Algorithm::PS256]),
        ("rsa-pkcs1", vec![Algorithm::RS256, Algorithm::PS256]),
        ("p256", vec![Algorithm::ES256]),
        ("p256-sec1", vec![Algorithm::ES256]),
        ("ed25519", vec![Algorithm::EdDSA]),
    ] {
        for algorithm in algorithms {
            let (header, claims) = signed(&key(name), algorithm);
            assert_eq!(header, json!({"alg": format!("{algorithm:?}"), "typ": "JWT", "kid": "k1"}), "{name}");
            assert_eq!(
                claims,
                json!({
                    "iss": "i:d", "sub": "i:d", "aud": "https://op.example", "jti": "BwcHBwcHBwcHBwcHBwcHBw",
                    "iat": 1_800_000_000, "exp": 1_800_000_060,
                })
            );
        }
    }
}

#[test]
fn however_a_key_is_written_it_is_the_same() {
    assert_eq!(key("rsa").thumbprint(), key("rsa-pkcs1").thumbprint());
    assert_eq!(key("p256").thumbprint(), key("p256-sec1").thumbprint());
    assert_ne!(key("p256").thumbprint(), key("ed25519").thumbprint());
}

/// RFC 8037 appendix A.1 and A.3.
#[test]
fn a_thumbprint_is_the_standards() {
    let seed = URL_SAFE_NO_PAD.decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
    let mut der = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20".to_vec();
    der.extend(seed);
    let body = base64::engine::general_purpose::STANDARD.encode(der);
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
    let key = SigningKey::from_pem(pem.as_bytes()).unwrap();
    assert_eq!(key.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    assert_eq!(key.public["x"], "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
}

/// RFC 7638 §3: the required members, in lexicographic order, without spaces.
#[test]
fn what_a_thumbprint_is_taken_of_has_its_members_in_order() {
    for name in ["rsa", "p256", "ed25519"] {
        let public = key(name).public;
        let members: Vec<&String> = public.as_object().unwrap().keys().collect();
        assert!(members.is_sorted(), "{members:?}");
    }
}

#[test]
fn an_rsa_key_signs_as_the_provider_takes_it() {
    let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let rsa = key("rsa");
    for (listed, chosen) in [
        (None, Algorithm::RS256),
        (Some(names(&[])), Algorithm::RS256),
        (Some(names(&["PS256", "ES256"])), Algorithm::PS256),
        (Some(names(&["PS256", "RS256"])), Algorithm::RS256),
        (Some(names(&["HS256"])), Algorithm::RS256),
    ] {
        assert_eq!(rsa.algorithm(None, listed.as_deref()), Some(chosen), "{listed:?}");
    }
    assert_eq!(rsa.algorithm(Some(Algorithm::PS256), Some(&names(&["RS256"]))), Some(Algorithm::PS256));
    assert_eq!(rsa.algorithm(Some(Algorithm::ES256), None), None);
    assert_eq!(key("p256").algorithm(None, Some(&names(&["RS256"]))), Some(Algorithm::ES256));
    assert_eq!(key("ed25519").algorithm(None, None), Some(Algorithm::EdDSA));
}

#[test]
fn what_is_no_key_to_sign_with_says_what_it_is() {
    for (name, why) in [
        ("rsa-1024", BadKey::Kind),
        ("p384", BadKey::Kind),
        ("encrypted", BadKey::Encrypted),
        ("public", BadKey::NotPem),
    ] {
        assert_eq!(SigningKey::from_pem(&pem(name)).err(), Some(why), "{name}");
    }
    for text in [&b""[..], b"\xFF\xFE", b"-----BEGIN PRIVATE KEY-----", b"{\"kty\":\"EC\"}"] {
        assert_eq!(SigningKey::from_pem(text).err(), Some(BadKey::NotPem));
    }
    let empty = b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    assert_eq!(SigningKey::from_pem(empty).err(), Some(BadKey::Kind));
}
