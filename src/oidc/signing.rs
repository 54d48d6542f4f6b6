//! The client's own key: what it signs about itself (`private_key_jwt`, RFC 7523 §3, OpenID Connect Core §9), and how others call it.

use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
    RsaEncoding, RsaKeyPair, RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::Secret;
use crate::clock::Timestamp;

/// A private key that signs JWTs.
pub struct SigningKey {
    pair: Pair,
    /// The public half (RFC 7517), without `kid`, `use` and `alg`; its members in the order of RFC 7638 §3.2.
    public: Value,
}

enum Pair {
    Rsa(Box<RsaKeyPair>),
    P256(Box<EcdsaKeyPair>),
    Ed25519(Box<Ed25519KeyPair>),
}

/// Why a file holds no key to sign with. Never what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    #[error("holds no private key in PEM (-----BEGIN PRIVATE KEY-----)")]
    NotPem,
    #[error("holds a key under a password; write it without one: openssl pkcs8 -in KEY -out NEW")]
    Encrypted,
    #[error("holds a key that is none of RSA (2,048 bits and more), P-256 and Ed25519")]
    Kind,
}

impl SigningKey {
    /// PKCS#8, PKCS#1 or SEC1, in PEM: the first private key of the file.
    pub fn from_pem(pem: &[u8]) -> Result<SigningKey, BadKey> {
        if contains(pem, b"ENCRYPTED") {
            return Err(BadKey::Encrypted);
        }
        let der = PrivateKeyDer::from_pem_slice(pem).map_err(|_| BadKey::NotPem)?;
        let pair = match &der {
            PrivateKeyDer::Pkcs1(der) => rsa(RsaKeyPair::from_der(der.secret_pkcs1_der()).ok()),
            PrivateKeyDer::Sec1(der) => p256(der.secret_sec1_der()),
            PrivateKeyDer::Pkcs8(der) => {
                let der = der.secret_pkcs8_der();
                rsa(RsaKeyPair::from_pkcs8(der).ok()).or_else(|| p256(der)).or_else(|| {
                    Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).ok().map(|pair| Pair::Ed25519(pair.into()))
                })
            }
            _ => None,
        };
        let pair = pair.ok_or(BadKey::Kind)?;
        let public = pair.public().ok_or(BadKey::Kind)?;
        Ok(SigningKey { pair, public })
    }

    /// How it signs. An RSA key can do two: `RS256`, which every provider takes (OpenID Connect Core §15.1), unless the provider lists only the other.
    /// `None`: not as `wanted` says.
    pub fn algorithm(&self, wanted: Option<Algorithm>, supported: Option<&[String]>) -> Option<Algorithm> {
        let possible: &[Algorithm] = match &self.pair {
            Pair::Rsa(_) => &[Algorithm::RS256, Algorithm::PS256],
            Pair::P256(_) => &[Algorithm::ES256],
            Pair::Ed25519(_) => &[Algorithm::EdDSA],
        };
        if let Some(wanted) = wanted {
            return possible.contains(&wanted).then_some(wanted);
        }
        let lists = |algorithm: &&Algorithm| {
            let name = format!("{algorithm:?}");
            supported.is_some_and(|names| names.contains(&name))
        };
        possible.iter().find(lists).or(possible.first()).copied()
    }

    /// RFC 7638: what its identifier is where nobody chose one.
    pub fn thumbprint(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.public.to_string()))
    }

    /// What the provider is to be given: the public half under its identifier.
    pub fn public_jwk(&self, key_id: &str, algorithm: Algorithm) -> Value {
        let mut jwk = self.public.clone();
        jwk["kid"] = key_id.into();
        jwk["use"] = "sig".into();
        jwk["alg"] = format!("{algorithm:?}").into();
        jwk
    }

    /// A JWS of these claims. `algorithm` is one that [`SigningKey::algorithm`] named.
    fn sign(&self, algorithm: Algorithm, key_id: &str, claims: &Value) -> Secret<String> {
        let header = json!({ "alg": format!("{algorithm:?}"), "typ": "JWT", "kid": key_id });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(&header), part(claims));
        let signature = self.pair.sign(algorithm, message.as_bytes());
        Secret::new(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

impl Pair {
    fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Pair::Rsa(pair) => {
                let padding: &'static dyn RsaEncoding =
                    if algorithm == Algorithm::PS256 { &RSA_PSS_SHA256 } else { &RSA_PKCS1_SHA256 };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &random, message, &mut signature).expect("a key of 2,048 bits has room for SHA-256");
                signature
            }
            Pair::P256(pair) => pair.sign(&random, message).expect("a sound key signs").as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }

    fn public(&self) -> Option<Value> {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match self {
            Pair::Rsa(pair) => {
                let RsaPublicKeyComponents { n, e } = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
                Some(json!({ "e": text(&e), "kty": "RSA", "n": text(&n) }))
            }
            Pair::P256(pair) => {
                // SEC 1 §2.3.3: uncompressed, so 04, x, y.
                let point = pair.public_key().as_ref().strip_prefix(&[4])?;
                let (x, y) = point.split_at_checked(32)?;
                Some(json!({ "crv": "P-256", "kty": "EC", "x": text(x), "y": text(y) }))
            }
            Pair::Ed25519(pair) => {
                Some(json!({ "crv": "Ed25519", "kty": "OKP", "x": text(pair.public_key().as_ref()) }))
            }
        }
    }
}

/// What a client assertion says (RFC 7523 §3; OpenID Connect Core §9).
pub struct Assertion<'a> {
    pub client_id: &'a str,
    /// One string: the issuer's identifier. A token endpoint's address, or several audiences, would let another server use it (audience injection).
    pub audience: &'a str,
    /// 128 bits of chance.
    pub jti: [u8; 16],
    pub now: Timestamp,
}

impl Assertion<'_> {
    pub fn sign(&self, key: &SigningKey, algorithm: Algorithm, key_id: &str) -> Secret<String> {
        let now = self.now.unix_seconds();
        let claims = json!({
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self.audience,
            "jti": URL_SAFE_NO_PAD.encode(self.jti),
            "iat": now,
            "exp": now + LIFE.as_secs(),
        });
        key.sign(algorithm, key_id, &claims)
    }
}

fn rsa(pair: Option<RsaKeyPair>) -> Option<Pair> {
    pair.filter(|pair| pair.public_modulus_len() * 8 >= LEAST_RSA_BITS).map(|pair| Pair::Rsa(pair.into()))
}

fn p256(der: &[u8]) -> Option<Pair> {
    let pair = EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, der).ok()?;
    Some(Pair::P256(pair.into()))
}

fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|window| window == word)
}

/// Made for one request, which may wait for a connection.
const LIFE: Duration = Duration::from_secs(60);
/// FAPI 2.0 §5.4, RFC 7518 §3.3.
const LEAST_RSA_BITS: usize = 2048;

#[cfg(test)]
mod tests;
