//! What ID tokens, logout tokens and access tokens have in common: a signed JWT (RFC 7515, RFC 7519), taken apart and checked as RFC 8725 asks.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};

use super::json;
use super::jwks::{self, Jwks, Unsigned};
use crate::clock::Timestamp;

/// A JWT as it came: no claim of it can be read before it is verified.
pub struct UnverifiedJwt<'a> {
    /// Header and payload, as they were signed.
    message: &'a str,
    signature: &'a str,
    header: Map<String, Value>,
    claims: Map<String, Value>,
}

/// What signatures are checked with.
#[derive(Clone, Copy)]
pub enum Keys<'a> {
    Known(&'a Jwks),
    /// No address of keys is known. The token came straight from the token endpoint over TLS, which vouches for it (OpenID Connect Core §3.1.3.7
    /// step 6).
    NotKnown,
}

/// A JWT whose signature holds. What its claims must say depends on what kind it is.
pub struct Jwt {
    header: Map<String, Value>,
    claims: Map<String, Value>,
}

/// Why a JWT does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("it is no signed JWT of sane size")]
    NotAJwt,
    #[error("it is encrypted, which was not agreed on")]
    Encrypted,
    #[error("its type says that it is something else")]
    Type,
    #[error("its header has a critical extension")]
    Critical,
    #[error("its algorithm is not one of those configured")]
    Algorithm,
    #[error("the provider has no key that could have signed it")]
    NoKey,
    #[error("its signature is wrong")]
    Signature,
    #[error("its `{0}` is missing or of the wrong type")]
    Claim(&'static str),
    #[error("its issuer is another")]
    Issuer,
    #[error("its audience is another, or others too")]
    Audience,
    #[error("it was issued to another client")]
    AuthorizedParty,
    #[error("it has expired; are the clocks right?")]
    Expired,
    #[error("it is not valid yet; are the clocks right?")]
    NotYet,
    #[error("it was not issued just now; are the clocks right?")]
    IssuedAt,
    #[error("its nonce is another sign-in's, or missing")]
    Nonce,
    #[error("it is about another access token")]
    AccessTokenHash,
    #[error("it has a `{0}`, which none of its kind has")]
    Prohibited(&'static str),
}

impl Refused {
    /// Whether keys fetched anew could make a difference.
    pub fn may_be_a_new_key(self) -> bool {
        matches!(self, Refused::NoKey | Refused::Signature)
    }
}

impl<'a> UnverifiedJwt<'a> {
    /// Refused: what is no JWT of three parts with two JSON objects in front, what is longer than any should be, and what is encrypted.
    pub fn parse(compact: &'a str) -> Result<UnverifiedJwt<'a>, Refused> {
        // Five parts are a JWE (RFC 7516 §3.1).
        let parts = compact.split('.').take(6).count();
        if compact.len() > MAX_TOKEN || (parts != 3 && parts != 5) {
            return Err(Refused::NotAJwt);
        }
        if parts == 5 {
            return Err(Refused::Encrypted);
        }
        let (message, signature) = compact.rsplit_once('.').ok_or(Refused::NotAJwt)?;
        let (header, claims) = message.split_once('.').ok_or(Refused::NotAJwt)?;
        Ok(UnverifiedJwt { message, signature, header: part(header)?, claims: part(claims)? })
    }

    /// Whether its `typ` is one of `types`, without regard to case (RFC 8725 §3.11, RFC 7515 §4.1.9).
    pub fn check_type(&self, types: &[&str]) -> Result<(), Refused> {
        match self.header.get("typ") {
            Some(Value::String(kind)) if types.iter().any(|known| kind.eq_ignore_ascii_case(known)) => Ok(()),
            _ => Err(Refused::Type),
        }
    }

    /// The same of kinds that are older than their type: it may be missing.
    pub fn check_type_if_said(&self, types: &[&str]) -> Result<(), Refused> {
        if self.header.contains_key("typ") { self.check_type(types) } else { Ok(()) }
    }

    /// Whose it says it is, which nobody has checked: good for choosing among those whom one would believe, and for nothing else.
    pub fn alleged_issuer(&self) -> Option<&str> {
        self.claims.get("iss").and_then(Value::as_str)
    }

    /// Refused: critical extensions, an algorithm that is not among `algorithms`, and a signature that none of `keys` made (where any are known). Claims
    /// are the caller's to check.
    pub fn verify(self, algorithms: &[Algorithm], keys: Keys<'_>) -> Result<Jwt, Refused> {
        // RFC 7515 §4.1.11: no extension is understood here, so none may be critical.
        if self.header.contains_key("crit") {
            return Err(Refused::Critical);
        }
        self.check_signature(algorithms, keys)?;
        Ok(Jwt { header: self.header, claims: self.claims })
    }

    fn check_signature(&self, algorithms: &[Algorithm], keys: Keys<'_>) -> Result<(), Refused> {
        let name = self.header.get("alg").and_then(Value::as_str).ok_or(Refused::Algorithm)?;
        let keys = match keys {
            // Not even where nothing is verified: who says that nobody signed has not said who did (RFC 8725 §3.2).
            Keys::NotKnown if name.eq_ignore_ascii_case("none") || self.signature.is_empty() => {
                return Err(Refused::Algorithm);
            }
            Keys::NotKnown => return Ok(()),
            Keys::Known(keys) => keys,
        };
        let algorithm = jwks::algorithm(name).filter(|known| algorithms.contains(known)).ok_or(Refused::Algorithm)?;
        let kid = match self.header.get("kid") {
            None => None,
            Some(Value::String(kid)) => Some(kid.as_str()),
            Some(_) => return Err(Refused::NoKey),
        };
        keys.verify(algorithm, kid, self.message, self.signature).map_err(|why| match why {
            Unsigned::NoKey => Refused::NoKey,
            Unsigned::BadSignature => Refused::Signature,
        })
    }
}

impl Jwt {
    /// Claims that whoever issued them told over TLS, when asked (RFC 7662 §2.2): they read like those of a JWT.
    pub fn vouched_for(claims: Map<String, Value>) -> Jwt {
        Jwt { header: Map::new(), claims }
    }

    pub fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    pub fn into_claims(self) -> Map<String, Value> {
        self.claims
    }

    /// The name of the algorithm that it was signed with.
    pub fn algorithm(&self) -> &str {
        self.header.get("alg").and_then(Value::as_str).unwrap_or_default()
    }

    /// Letter for letter (OpenID Connect Core §3.1.3.7 step 2).
    pub fn check_issuer(&self, issuer: &str) -> Result<(), Refused> {
        if self.text("iss")?.ok_or(Refused::Claim("iss"))? == issuer { Ok(()) } else { Err(Refused::Issuer) }
    }

    /// The same, as far as an issuer is known; where none is, `iss` is no more than text.
    pub fn check_issuer_if_known(&self, issuer: Option<&str>) -> Result<(), Refused> {
        match issuer {
            Some(issuer) => self.check_issuer(issuer),
            None => self.text("iss").map(drop),
        }
    }

    /// Everybody whom it is for: one or many (RFC 7519 §4.1.3), at least one, all of them text.
    pub fn audience(&self) -> Result<Vec<&str>, Refused> {
        match self.claims.get("aud") {
            Some(Value::String(one)) => Ok(vec![one]),
            Some(Value::Array(list)) if list.is_empty() => Err(Refused::Audience),
            Some(Value::Array(list)) => list.iter().map(|one| one.as_str().ok_or(Refused::Audience)).collect(),
            _ => Err(Refused::Claim("aud")),
        }
    }

    /// `exp` must be there and ahead, `nbf` behind where it is there (RFC 7519 §4.1.4, §4.1.5). Gives `exp`.
    pub fn check_lifetime(&self, now: Timestamp) -> Result<Timestamp, Refused> {
        let (at, now, ends) = (now, seconds(now), self.time("exp")?.ok_or(Refused::Claim("exp"))?);
        if now >= ends + LEEWAY {
            return Err(Refused::Expired);
        }
        self.check_beginning(at)?;
        Ok(timestamp(ends))
    }

    /// `nbf` behind, where it is there.
    pub fn check_beginning(&self, now: Timestamp) -> Result<(), Refused> {
        let now = seconds(now);
        if self.time("nbf")?.is_some_and(|not_before| now + LEEWAY < not_before) {
            return Err(Refused::NotYet);
        }
        Ok(())
    }

    /// `iat` must be there and not ahead. One that is made when it is needed is not older than `max_age` either, in seconds.
    pub fn check_issued_at(&self, now: Timestamp, max_age: Option<u32>) -> Result<Timestamp, Refused> {
        let (now, issued_at) = (seconds(now), self.time("iat")?.ok_or(Refused::Claim("iat"))?);
        if issued_at > now + LEEWAY || max_age.is_some_and(|max_age| issued_at < now - f64::from(max_age)) {
            return Err(Refused::IssuedAt);
        }
        Ok(timestamp(issued_at))
    }

    pub fn text(&self, name: &'static str) -> Result<Option<&str>, Refused> {
        match self.claims.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Refused::Claim(name)),
        }
    }

    /// There, and not empty.
    pub fn required_text(&self, name: &'static str) -> Result<&str, Refused> {
        self.text(name)?.filter(|text| !text.is_empty()).ok_or(Refused::Claim(name))
    }

    /// A moment, where the claim is there.
    pub fn moment(&self, name: &'static str) -> Result<Option<Timestamp>, Refused> {
        Ok(self.time(name)?.map(timestamp))
    }

    /// RFC 7519 §2, NumericDate: a number, and nothing that could be taken for one.
    fn time(&self, name: &'static str) -> Result<Option<f64>, Refused> {
        let Some(value) = self.claims.get(name) else { return Ok(None) };
        value.as_f64().filter(|seconds| *seconds >= 0.0).map(Some).ok_or(Refused::Claim(name))
    }
}

fn part(encoded: &str) -> Result<Map<String, Value>, Refused> {
    let bytes = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| Refused::NotAJwt)?;
    json::object(&bytes, MAX_TOKEN).map_err(|_| Refused::NotAJwt)
}

#[expect(clippy::cast_precision_loss, reason = "exact to the millisecond for 285,000 years")]
fn seconds(time: Timestamp) -> f64 {
    time.unix_millis() as f64 / 1000.0
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates; `time` gives none below zero")]
fn timestamp(seconds: f64) -> Timestamp {
    Timestamp::from_unix_seconds(seconds as u64)
}

/// How far two sane clocks may be apart.
pub const SKEW: Duration = Duration::from_secs(60);
const LEEWAY: f64 = SKEW.as_secs_f64();
const MAX_TOKEN: usize = 64 * 1024;
