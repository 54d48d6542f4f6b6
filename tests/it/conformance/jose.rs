//! What the suite signs: with real keys, under any header, damaged as a test wants it.

use std::sync::LazyLock;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA512,
    RSA_PSS_SHA256, RsaKeyPair, RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::world::SECRET;

/// One key of each kind.
pub struct Keys {
    /// What their identifiers end with.
    generation: &'static str,
    rsa: RsaKeyPair,
    elliptic: EcdsaKeyPair,
    edwards: Ed25519KeyPair,
}

impl Keys {
    pub fn first() -> &'static Keys {
        static FIRST: LazyLock<Keys> = LazyLock::new(|| Keys::fresh("1"));
        &FIRST
    }

    /// Those after a rotation.
    pub fn second() -> &'static Keys {
        static SECOND: LazyLock<Keys> = LazyLock::new(|| Keys::fresh("2"));
        &SECOND
    }

    /// A client's own, which it signs with to show who it is.
    pub fn of_the_client() -> &'static Keys {
        static CLIENTS: LazyLock<Keys> = LazyLock::new(|| Keys::fresh("client"));
        &CLIENTS
    }

    fn fresh(generation: &'static str) -> Keys {
        Keys {
            generation,
            rsa: RsaKeyPair::generate(KeySize::Rsa2048).unwrap(),
            elliptic: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
            edwards: Ed25519KeyPair::generate().unwrap(),
        }
    }

    /// The public halves, as a JWK Set lists them.
    pub fn public(&self) -> Vec<Value> {
        vec![self.rsa(), self.elliptic(), self.edwards()]
    }

    pub fn rsa(&self) -> Value {
        let public = RsaPublicKeyComponents::<Vec<u8>>::from(self.rsa.public_key());
        json!({ "kty": "RSA", "kid": self.id("rsa"), "use": "sig", "n": base64(&public.n), "e": base64(&public.e) })
    }

    /// The private half of the elliptic key, as a key file has it.
    pub fn elliptic_pem(&self) -> String {
        let der = self.elliptic.to_pkcs8v1().unwrap();
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der.as_ref()))
    }

    pub fn elliptic(&self) -> Value {
        let point = self.elliptic.public_key().as_ref();
        let (x, y) = (base64(&point[1..33]), base64(&point[33..]));
        json!({ "kty": "EC", "crv": "P-256", "kid": self.id("ec"), "use": "sig", "x": x, "y": y })
    }

    fn edwards(&self) -> Value {
        let x = base64(self.edwards.public_key().as_ref());
        json!({ "kty": "OKP", "crv": "Ed25519", "kid": self.id("ed"), "use": "sig", "x": x })
    }

    fn id(&self, kind: &str) -> String {
        format!("{kind}-{}", self.generation)
    }

    /// Of the key that fits the algorithm; RSA's for one that is unknown.
    fn id_for(&self, algorithm: &str) -> String {
        self.id(match algorithm {
            "ES256" => "ec",
            "EdDSA" => "ed",
            _ => "rsa",
        })
    }

    fn sign(&self, algorithm: &str, message: &str) -> Vec<u8> {
        let (chance, message) = (SystemRandom::new(), message.as_bytes());
        let rsa = |encoding| {
            let mut signature = vec![0; self.rsa.public_modulus_len()];
            self.rsa.sign(encoding, &chance, message, &mut signature).unwrap();
            signature
        };
        let mac = |key: &[u8]| {
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message);
            tag.as_ref().to_vec()
        };
        match algorithm {
            "PS256" => rsa(&RSA_PSS_SHA256),
            "RS512" => rsa(&RSA_PKCS1_SHA512),
            "ES256" => self.elliptic.sign(&chance, message).unwrap().as_ref().to_vec(),
            "EdDSA" => self.edwards.sign(message).as_ref().to_vec(),
            "HS256" => mac(SECRET.as_bytes()),
            _ => rsa(&RSA_PKCS1_SHA256),
        }
    }
}

/// A JWT in the making; it is signed when it is written.
pub struct Token {
    pub header: Value,
    pub claims: Value,
    /// The last bytes of the signature are other ones.
    pub corrupt: bool,
    /// Without it the signature is empty.
    pub signed: bool,
    pub keys: &'static Keys,
}

impl Token {
    /// The claims of a token that somebody else signed.
    pub fn of(compact: &str, algorithm: &str, keys: &'static Keys) -> Token {
        let claims = compact.split('.').nth(1).expect("a JWS has three parts");
        let claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
        let mut token = Token { claims, ..Token::new(keys) };
        token.sign_with(algorithm);
        token
    }

    /// Without a claim, by the RSA key.
    pub fn new(keys: &'static Keys) -> Token {
        let mut token = Token { header: json!({}), claims: json!({}), corrupt: false, signed: true, keys };
        token.sign_with("RS256");
        token
    }

    /// By the key of that algorithm, which the header names.
    pub fn sign_with(&mut self, algorithm: &str) {
        self.header = json!({ "alg": algorithm, "kid": self.keys.id_for(algorithm), "typ": "JWT" });
    }

    pub fn remove(&mut self, claim: &str) {
        self.claims.as_object_mut().unwrap().shift_remove(claim).unwrap_or_else(|| panic!("no {claim} to remove"));
    }

    pub fn without_kid(&mut self) {
        self.header.as_object_mut().unwrap().shift_remove("kid");
    }

    pub fn compact(&self) -> String {
        self.around(self.header.to_string(), self.claims.to_string())
    }

    /// What becomes of the signature.
    pub fn with_signature(&self, spoil: impl Fn(Vec<u8>) -> Vec<u8>) -> String {
        let whole = self.compact();
        let (message, signature) = whole.rsplit_once('.').expect("a JWS has three parts");
        format!("{message}.{}", base64(spoil(URL_SAFE_NO_PAD.decode(signature).unwrap())))
    }

    /// The same signature over a header and a payload that need not be JSON.
    pub fn around(&self, header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> String {
        let message = format!("{}.{}", base64(header), base64(payload));
        let mut signature = self.keys.sign(self.header["alg"].as_str().unwrap_or_default(), &message);
        if !self.signed {
            signature.clear();
        }
        if self.corrupt {
            signature.iter_mut().rev().take(4).for_each(|byte| *byte ^= 0x5A);
        }
        format!("{message}.{}", base64(signature))
    }
}

pub fn base64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
