//! Keys that a provider may publish, and who may sign with them.

use std::fmt::Display;
use std::sync::LazyLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, RsaEncoding, RsaKeyPair, RsaPublicKeyComponents,
};
use serde_json::json;

use super::*;

/// A provider's private keys, one of each kind; signs by other code than what verifies.
pub struct Signer {
    rsa: RsaKeyPair,
    elliptic: EcdsaKeyPair,
    larger: EcdsaKeyPair,
    edwards: Ed25519KeyPair,
}

impl Signer {
    pub fn shared() -> &'static Signer {
        static SHARED: LazyLock<Signer> = LazyLock::new(Signer::fresh);
        &SHARED
    }

    pub fn fresh() -> Signer {
        Signer {
            rsa: RsaKeyPair::generate(KeySize::Rsa2048).unwrap(),
            elliptic: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
            larger: EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap(),
            edwards: Ed25519KeyPair::generate().unwrap(),
        }
    }

    pub fn sign(&self, algorithm: &str, message: &str) -> String {
        let (chance, message) = (SystemRandom::new(), message.as_bytes());
        let rsa = |padding: &'static dyn RsaEncoding| {
            let mut signature = vec![0; self.rsa.public_modulus_len()];
            self.rsa.sign(padding, &chance, message, &mut signature).unwrap();
            signature
        };
        let signature = match algorithm {
            "RS256" => rsa(&RSA_PKCS1_SHA256),
            "RS384" => rsa(&RSA_PKCS1_SHA384),
            "RS512" => rsa(&RSA_PKCS1_SHA512),
            "PS256" => rsa(&RSA_PSS_SHA256),
            "PS384" => rsa(&RSA_PSS_SHA384),
            "PS512" => rsa(&RSA_PSS_SHA512),
            "ES384" => self.larger.sign(&chance, message).unwrap().as_ref().to_vec(),
            "ES256" => self.elliptic.sign(&chance, message).unwrap().as_ref().to_vec(),
            "EdDSA" | "Ed25519" => self.edwards.sign(message).as_ref().to_vec(),
            other => panic!("{other}"),
        };
        URL_SAFE_NO_PAD.encode(signature)
    }

    pub fn rsa(&self) -> Value {
        let public = RsaPublicKeyComponents::<Vec<u8>>::from(self.rsa.public_key());
        json!({"kty": "RSA", "kid": "rsa", "use": "sig", "n": text(&public.n), "e": text(&public.e)})
    }

    pub fn elliptic(&self) -> Value {
        let point = self.elliptic.public_key().as_ref();
        json!({"kty": "EC", "crv": "P-256", "kid": "ec", "x": text(&point[1..33]), "y": text(&point[33..])})
    }

    pub fn larger(&self) -> Value {
        let point = self.larger.public_key().as_ref();
        json!({"kty": "EC", "crv": "P-384", "kid": "ec3", "x": text(&point[1..49]), "y": text(&point[49..])})
    }

    pub fn edwards(&self) -> Value {
        json!({"kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": text(self.edwards.public_key().as_ref())})
    }

    pub fn jwks(&self) -> Jwks {
        set(&[self.rsa(), self.elliptic(), self.larger(), self.edwards()]).unwrap()
    }
}

/// What is signed of a JWT, as it is sent.
pub fn encode(header: &Value, payload: &(impl Display + ?Sized)) -> String {
    format!("{}.{}", text(header.to_string().as_bytes()), text(payload.to_string().as_bytes()))
}

/// A JWT of the provider's; where its `alg` is no algorithm, RS256 signs it.
pub fn signed(header: &Value, payload: &(impl Display + ?Sized)) -> String {
    let message = encode(header, payload);
    let name = header["alg"].as_str().filter(|name| algorithm(name).is_some()).unwrap_or("RS256");
    format!("{message}.{}", Signer::shared().sign(name, &message))
}

fn text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub fn set(keys: &[Value]) -> Result<Jwks, BadJwks> {
    Jwks::read(json!({ "keys": keys }).to_string().as_bytes())
}

fn with(mut key: Value, name: &str, value: impl Into<Value>) -> Value {
    key[name] = value.into();
    key
}

const ALL: [(&str, Algorithm, &str); 9] = [
    ("RS256", Algorithm::RS256, "rsa"),
    ("RS384", Algorithm::RS384, "rsa"),
    ("RS512", Algorithm::RS512, "rsa"),
    ("PS256", Algorithm::PS256, "rsa"),
    ("PS384", Algorithm::PS384, "rsa"),
    ("PS512", Algorithm::PS512, "rsa"),
    ("ES256", Algorithm::ES256, "ec"),
    ("ES384", Algorithm::ES384, "ec3"),
    ("EdDSA", Algorithm::EdDSA, "ed"),
];

#[test]
fn each_algorithm_is_verified_by_its_own_kind_of_key() {
    let (signer, message) = (Signer::shared(), "header.claims");
    let keys = signer.jwks();
    for (name, algorithm, kid) in ALL {
        let signature = signer.sign(name, message);
        assert_eq!(keys.verify(algorithm, Some(kid), message, &signature), Ok(()), "{name}");
        assert_eq!(keys.verify(algorithm, None, message, &signature), Ok(()), "{name}, no kid");
        assert_eq!(keys.verify(algorithm, Some("other"), message, &signature), Err(Unsigned::NoKey));
        assert_eq!(keys.verify(algorithm, Some(kid), "header.claimz", &signature), Err(Unsigned::BadSignature));
        for (_, other, _) in ALL.into_iter().filter(|(other, _, _)| *other != name) {
            assert!(keys.verify(other, Some(kid), message, &signature).is_err(), "{name} as {other:?}");
        }
    }
}

#[test]
fn a_signature_in_another_shape_is_none() {
    let (signer, message) = (Signer::shared(), "m");
    let keys = signer.jwks();
    let refused = |algorithm, signature: &[u8]| {
        assert_eq!(keys.verify(algorithm, None, message, &text(signature)), Err(Unsigned::BadSignature));
    };
    let right = URL_SAFE_NO_PAD.decode(signer.sign("RS256", message)).unwrap();
    refused(Algorithm::RS256, &right[1..]);
    refused(Algorithm::RS256, &[&right[..], &[0]].concat());
    refused(Algorithm::RS256, &[]);
    refused(Algorithm::ES256, &[0; 64]);
    let pkcs8 = signer.elliptic.to_pkcs8v1().unwrap();
    let der = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref()).unwrap();
    refused(Algorithm::ES256, der.sign(&SystemRandom::new(), message.as_bytes()).unwrap().as_ref());
    assert!(keys.verify(Algorithm::RS256, None, message, "*not base64*").is_err());
}

#[test]
fn without_kid_every_key_of_the_right_kind_is_tried() {
    let (old, new) = (Signer::fresh(), Signer::shared());
    let keys =
        set(&[with(old.rsa(), "kid", "1"), with(old.elliptic(), "kid", "2"), with(new.rsa(), "kid", "3")]).unwrap();
    assert_eq!(keys.verify(Algorithm::RS256, None, "m", &new.sign("RS256", "m")), Ok(()));
    assert_eq!(keys.verify(Algorithm::ES256, None, "m", &new.sign("ES256", "m")), Err(Unsigned::BadSignature));
    assert_eq!(keys.verify(Algorithm::EdDSA, None, "m", &new.sign("EdDSA", "m")), Err(Unsigned::NoKey));
}

#[test]
fn a_key_that_names_its_algorithm_is_for_no_other() {
    let signer = Signer::shared();
    let keys = set(&[with(signer.rsa(), "alg", "PS256")]).unwrap();
    assert_eq!(keys.verify(Algorithm::PS256, None, "m", &signer.sign("PS256", "m")), Ok(()));
    assert_eq!(keys.verify(Algorithm::RS256, None, "m", &signer.sign("RS256", "m")), Err(Unsigned::NoKey));
}

#[test]
fn keys_that_are_not_ours_to_use_are_left_out_and_spoil_no_other() {
    let (signer, message) = (Signer::shared(), "m");
    let bad = [
        with(signer.rsa(), "use", "enc"),
        with(signer.rsa(), "use", 1),
        with(signer.rsa(), "key_ops", json!(["encrypt"])),
        with(signer.rsa(), "alg", "ES384"),
        with(signer.rsa(), "alg", "ES256"),
        with(signer.rsa(), "alg", json!(["RS256"])),
        with(signer.rsa(), "d", "AQAB"),
        with(signer.rsa(), "e", "AQ"),
        with(signer.rsa(), "e", "Ag"),
        with(signer.rsa(), "e", ""),
        with(signer.rsa(), "n", text(&[0xFF; 128])),
        with(signer.rsa(), "n", text(&[&[0; 128][..], &[0xFF; 128]].concat())),
        with(signer.rsa(), "n", "not base64!"),
        with(signer.rsa(), "kty", "oct"),
        json!({"kty": "oct", "k": text(&[7; 32])}),
        json!({"kty": "AKP", "alg": "ML-DSA-44", "pub": "x"}),
        json!({"kty": "EC", "crv": "P-521", "x": "AA", "y": "AA"}),
        with(signer.elliptic(), "x", text(&[1; 32])),
        with(signer.elliptic(), "y", text(&[1; 31])),
        with(signer.edwards(), "x", text(&[0; 32])),
        with(signer.edwards(), "x", text(&ORDER_EIGHT[1])),
        with(signer.edwards(), "crv", "Ed448"),
        json!({}),
        json!("key"),
        Value::Null,
    ];
    for key in &bad {
        assert_eq!(set(std::slice::from_ref(key)).map(|_| ()), Err(BadJwks::NoneUsable), "{key}");
    }
    let good = with(signer.elliptic(), "x5c", "broken");
    let keys = set(&[&bad[..], &[good]].concat()).unwrap();
    assert_eq!(keys.keys.len(), 1);
    assert_eq!(keys.verify(Algorithm::ES256, None, message, &signer.sign("ES256", message)), Ok(()));
}

#[test]
fn a_document_that_is_no_key_set_is_told() {
    assert!(matches!(Jwks::read(b"<html>"), Err(BadJwks::Unreadable(_))));
    assert!(matches!(Jwks::read(b"{}"), Err(BadJwks::NoKeys)));
    assert!(matches!(Jwks::read(br#"{"keys":{}}"#), Err(BadJwks::NoKeys)));
    assert!(matches!(set(&[]), Err(BadJwks::NoneUsable)));
}

#[test]
fn ten_thousand_keys_are_not_ten_thousand_trials() {
    let many: Vec<Value> = (0..10_000).map(|_| json!({"kty": "EC"})).collect();
    assert!(set(&many).is_err());
    let key = Signer::shared().edwards();
    let many: Vec<Value> = std::iter::repeat_n(key, 500).collect();
    assert_eq!(set(&many).unwrap().keys.len(), MAX_KEYS);
}
