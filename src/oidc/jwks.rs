//! The provider's keys (RFC 7517), sorted out: what can verify, under which algorithm. One unusable key spoils no other.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, EcdsaVerificationAlgorithm, ParsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Map, Value};

use super::json::{self, NotAnObject};

/// Public keys that may have signed something of the provider's.
pub struct Jwks {
    keys: Vec<Key>,
}

/// Why a document is no set of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadJwks {
    #[error("the key set cannot be read: {0}")]
    Unreadable(#[from] NotAnObject),
    #[error("the key set has no `keys`")]
    NoKeys,
    #[error("the key set has no key that can verify a signature")]
    NoneUsable,
}

/// Why a signature does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsigned {
    /// No key could have made it: the provider may have a newer one.
    NoKey,
    /// No key that could have made it has.
    BadSignature,
}

impl Jwks {
    pub fn read(body: &[u8]) -> Result<Jwks, BadJwks> {
        let document = json::object(body, MAX_DOCUMENT)?;
        let listed = document.get("keys").and_then(Value::as_array).ok_or(BadJwks::NoKeys)?;
        let keys: Vec<Key> = listed.iter().filter_map(|jwk| Key::read(jwk.as_object()?)).take(MAX_KEYS).collect();
        if keys.is_empty() { Err(BadJwks::NoneUsable) } else { Ok(Jwks { keys }) }
    }

    /// Whether one of the keys made `signature` (base64url) of `message`. `kid` only narrows the choice: the kind of the key must fit the
    /// algorithm whatever it says (RFC 8725 §3.1, §3.10). Without one, every key of the right kind is tried.
    pub fn verify(
        &self,
        algorithm: Algorithm,
        kid: Option<&str>,
        message: &str,
        signature: &str,
    ) -> Result<(), Unsigned> {
        let mut candidates = self.keys.iter().filter(|key| key.may_have_signed(algorithm, kid)).peekable();
        if candidates.peek().is_none() {
            return Err(Unsigned::NoKey);
        }
        let signed = candidates.any(|key| {
            jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key.public, algorithm).unwrap_or(false)
        });
        if signed { Ok(()) } else { Err(Unsigned::BadSignature) }
    }
}

impl std::fmt::Debug for Jwks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|key| &key.kid)).finish()
    }
}

struct Key {
    kid: Option<String>,
    /// Where the set names one (RFC 7517 §4.4), the key is for no other.
    algorithm: Option<Algorithm>,
    /// What a key of its kind can verify.
    fits: &'static [Algorithm],
    public: DecodingKey,
}

impl Key {
    /// `None`: of a kind or for a use that is not ours, or not safe to use.
    fn read(jwk: &Map<String, Value>) -> Option<Key> {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        // RFC 7517 §4.2, §4.3.
        if jwk.contains_key("use") && text("use") != Some("sig") {
            return None;
        }
        let verifies =
            |operations: &Value| operations.as_array().is_some_and(|list| list.iter().any(|o| o == "verify"));
        if jwk.get("key_ops").is_some_and(|operations| !verifies(operations)) {
            return None;
        }
        // A private key in public is nobody's signature (RFC 7518 §6.2.2, §6.3.2).
        if jwk.contains_key("d") {
            return None;
        }
        let algorithm = match text("alg") {
            None if jwk.contains_key("alg") => return None,
            None => None,
            Some(name) => Some(self::algorithm(name)?),
        };
        let number = |name: &str| decoded(text(name)?);
        let (public, fits): (_, &[Algorithm]) = match (text("kty")?, text("crv")) {
            ("RSA", _) => (rsa(&number("n")?, &number("e")?)?, &OF_RSA),
            ("EC", Some("P-256")) => {
                (elliptic(&ECDSA_P256_SHA256_FIXED, 32, &number("x")?, &number("y")?)?, &[Algorithm::ES256])
            }
            ("EC", Some("P-384")) => {
                (elliptic(&ECDSA_P384_SHA384_FIXED, 48, &number("x")?, &number("y")?)?, &[Algorithm::ES384])
            }
            ("OKP", Some("Ed25519")) => (ed25519(&number("x")?)?, &[Algorithm::EdDSA]),
            _ => return None,
        };
        if algorithm.is_some_and(|algorithm| !fits.contains(&algorithm)) {
            return None;
        }
        Some(Key { kid: text("kid").map(str::to_owned), algorithm, fits, public })
    }

    fn may_have_signed(&self, algorithm: Algorithm, kid: Option<&str>) -> bool {
        let named = match (&self.kid, kid) {
            (Some(ours), Some(theirs)) => ours == theirs,
            (None, _) | (_, None) => true,
        };
        named && self.fits.contains(&algorithm) && self.algorithm.is_none_or(|own| own == algorithm)
    }
}

/// The algorithm of that name, where it is one that can be verified here: never `none`, never a MAC (RFC 8725 §3.1, §3.2).
pub fn algorithm(name: &str) -> Option<Algorithm> {
    // RFC 9864 §2.2: a newer name of the same.
    let name = if name == "Ed25519" { "EdDSA" } else { name };
    VERIFIABLE.into_iter().find(|(known, _)| *known == name).map(|(_, algorithm)| algorithm)
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// RFC 7518 §3.3 and §6.3.1, RFC 8725 §3.5: at least 2048 bits, and an exponent that does something.
fn rsa(n: &[u8], e: &[u8]) -> Option<DecodingKey> {
    let n = &n[n.iter().position(|byte| *byte != 0)?..];
    let bits = n.len() * 8 - n[0].leading_zeros() as usize;
    let e = &e[e.iter().position(|byte| *byte != 0)?..];
    let odd = |number: &[u8]| number.last().is_some_and(|byte| byte % 2 == 1);
    let sound = (2048..=8192).contains(&bits) && odd(n) && odd(e) && e.len() <= 4 && e != [1];
    sound.then(|| DecodingKey::from_rsa_raw_components(n, e))
}

/// RFC 7518 §6.2.1; a point that is not on the curve is no key.
fn elliptic(curve: &'static EcdsaVerificationAlgorithm, len: usize, x: &[u8], y: &[u8]) -> Option<DecodingKey> {
    if (x.len(), y.len()) != (len, len) {
        return None;
    }
    let point = [&[4], x, y].concat();
    ParsedPublicKey::new(curve, &point).ok()?;
    Some(DecodingKey::from_ec_der(&point))
}

/// RFC 8037 §2.
fn ed25519(x: &[u8]) -> Option<DecodingKey> {
    let point: [u8; 32] = x.try_into().ok()?;
    if has_small_order(&point) {
        return None;
    }
    ParsedPublicKey::new(&ED25519, point).ok()?;
    Some(DecodingKey::from_ed_der(&point))
}

/// Under such a key anybody's signature holds (RFC 8032 §8.8 leaves the check to the user of the curve).
fn has_small_order(point: &[u8; 32]) -> bool {
    let mut point = *point;
    // The sign of x: it makes no difference to the order.
    point[31] &= 0x7F;
    let near_p = |lowest: u8| point[0] == lowest && point[1..31].iter().all(|b| *b == 0xFF) && point[31] == 0x7F;
    let small = |lowest: u8| point[0] == lowest && point[1..].iter().all(|b| *b == 0);
    // y = 0, 1, -1, and the same numbers not reduced; then the two of order eight.
    small(0) || small(1) || near_p(0xEC) || near_p(0xED) || near_p(0xEE) || ORDER_EIGHT.contains(&point)
}

const ORDER_EIGHT: [[u8; 32]; 2] = [
    [
        0x26, 0xE8, 0x95, 0x8F, 0xC2, 0xB2, 0x27, 0xB0, 0x45, 0xC3, 0xF4, 0x89, 0xF2, 0xEF, 0x98, 0xF0, 0xD5, 0xDF,
        0xAC, 0x05, 0xD3, 0xC6, 0x33, 0x39, 0xB1, 0x38, 0x02, 0x88, 0x6D, 0x53, 0xFC, 0x05,
    ],
    [
        0xC7, 0x17, 0x6A, 0x70, 0x3D, 0x4D, 0xD8, 0x4F, 0xBA, 0x3C, 0x0B, 0x76, 0x0D, 0x10, 0x67, 0x0F, 0x2A, 0x20,
        0x53, 0xFA, 0x2C, 0x39, 0xCC, 0xC6, 0x4E, 0xC7, 0xFD, 0x77, 0x92, 0xAC, 0x03, 0x7A,
    ],
];

const OF_RSA: [Algorithm; 6] =
    [Algorithm::RS256, Algorithm::RS384, Algorithm::RS512, Algorithm::PS256, Algorithm::PS384, Algorithm::PS512];

/// RFC 7518 §3.1, RFC 8037 §3.1. Not ES512: the libraries have no P-521.
pub const VERIFIABLE: [(&str, Algorithm); 9] = [
    ("RS256", Algorithm::RS256),
    ("RS384", Algorithm::RS384),
    ("RS512", Algorithm::RS512),
    ("PS256", Algorithm::PS256),
    ("PS384", Algorithm::PS384),
    ("PS512", Algorithm::PS512),
    ("ES256", Algorithm::ES256),
    ("ES384", Algorithm::ES384),
    ("EdDSA", Algorithm::EdDSA),
];

const MAX_DOCUMENT: usize = 1024 * 1024;
const MAX_KEYS: usize = 100;

#[cfg(test)]
pub mod tests;
