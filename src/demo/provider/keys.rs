//! Keys of ID tokens, and the tokens themselves.

use std::sync::{Arc, LazyLock};

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use jsonwebtoken::{DecodingKey, EncodingKey, Header};
use serde_json::{Value, json};

use super::options::Algorithm;
use crate::demo::http::random;

/// One key for each algorithm.
#[derive(Clone)]
pub(super) struct Keys {
    rsa: Arc<Key>,
    elliptic: Arc<Key>,
}

struct Key {
    algorithm: jsonwebtoken::Algorithm,
    id: String,
    private: EncodingKey,
}

impl Keys {
    /// The keys of this process: made at first use, then shared, since an RSA key takes a tenth of a second.
    pub(super) fn shared() -> Self {
        static SHARED: LazyLock<Keys> = LazyLock::new(Keys::fresh);
        SHARED.clone()
    }

    /// New keys under new identifiers.
    pub(super) fn fresh() -> Self {
        // Refused only where the process has chosen already, which is as good.
        let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
        Self { rsa: Arc::new(Key::rsa()), elliptic: Arc::new(Key::elliptic()) }
    }

    /// A JWS of these claims (RFC 7515), `typ` `JWT`.
    pub(super) fn sign(&self, algorithm: Algorithm, claims: &Value) -> String {
        self.sign_as(algorithm, Some("JWT"), claims)
    }

    pub(super) fn sign_as(&self, algorithm: Algorithm, kind: Option<&str>, claims: &Value) -> String {
        let key = match algorithm {
            Algorithm::Rs256 => &self.rsa,
            Algorithm::Es256 => &self.elliptic,
        };
        let mut header = Header::new(key.algorithm);
        header.kid = Some(key.id.clone());
        header.typ = kind.map(str::to_owned);
        jsonwebtoken::encode(&header, claims, &key.private).expect("the key was made for this algorithm")
    }

    /// What checks the signature of a token that one of these keys may have made.
    pub(super) fn verifying(&self, token: &str) -> Option<(jsonwebtoken::Algorithm, DecodingKey)> {
        let kid = jsonwebtoken::decode_header(token).ok()?.kid?;
        let key = [&self.rsa, &self.elliptic].into_iter().find(|key| key.id == kid)?;
        Some((key.algorithm, DecodingKey::from_jwk(&key.public()).ok()?))
    }

    /// The JWK Set (RFC 7517 §5).
    pub(super) fn set(&self) -> Value {
        json!({ "keys": [self.rsa.public(), self.elliptic.public()] })
    }
}

/// The same claims with `alg` `none` and no signature (RFC 7515 appendix A.5).
pub(super) fn unsigned(claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.", part(&json!({ "alg": "none", "typ": "JWT" })), part(claims))
}

/// `token`, its signature replaced by that of `other`.
pub(super) fn with_signature_of(token: &str, other: &str) -> String {
    let (signed, _) = token.rsplit_once('.').expect("a JWS has three parts");
    let (_, signature) = other.rsplit_once('.').expect("a JWS has three parts");
    format!("{signed}.{signature}")
}

impl Key {
    fn rsa() -> Self {
        let pair = KeyPair::generate(KeySize::Rsa2048).expect("a key can be made");
        let der = pair.as_der().expect("a key just made can be written");
        let der: &Pkcs8V1Der<'_> = &der;
        // jsonwebtoken wants the RSAPrivateKey (RFC 8017 A.1.2) inside the PrivateKeyInfo (RFC 5208 §5). Before it stand, for a key of
        // this size: SEQUENCE 4, version 3, algorithm 15, OCTET STRING 4 bytes.
        let inner = &der.as_ref()[4 + 3 + 15 + 4..];
        Self { algorithm: jsonwebtoken::Algorithm::RS256, id: random(8), private: EncodingKey::from_rsa_der(inner) }
    }

    fn elliptic() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key can be made");
        let der = pair.to_pkcs8v1().expect("a key just made can be written");
        Self {
            algorithm: jsonwebtoken::Algorithm::ES256,
            id: random(8),
            private: EncodingKey::from_ec_der(der.as_ref()),
        }
    }

    fn public(&self) -> Jwk {
        let mut jwk =
            Jwk::from_encoding_key(&self.private, self.algorithm).expect("the key was made for this algorithm");
        jwk.common.key_id = Some(self.id.clone());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        jwk
    }
}
