//! ID tokens, verified step by step (OpenID Connect Core §3.1.3.7).

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};

use super::jwks::{self, Jwks, Unsigned};
use super::{Secret, json};
use crate::clock::Timestamp;

/// An ID token as it came: nothing of it can be read before it is verified.
pub struct UnverifiedIdToken<'a> {
    /// Header and payload, as they were signed.
    message: &'a str,
    signature: &'a str,
    header: Map<String, Value>,
    claims: Map<String, Value>,
}

/// What an ID token must agree with.
pub struct Expect<'a> {
    /// `None` where no issuer is known: then `iss` is not compared.
    pub issuer: Option<&'a str>,
    pub client_id: &'a str,
    pub algorithms: &'a [Algorithm],
    pub nonce: Nonce<'a>,
    /// What it came with: `at_hash` is about this one.
    pub access_token: &'a Secret<String>,
}

#[derive(Clone, Copy)]
pub enum Nonce<'a> {
    /// It must be there, and be this one.
    Required(&'a str),
    /// Where it is there, it must be this one: the TOKI preset (toki.md), and refreshed ID tokens (§12.2).
    IfPresent(&'a str),
    /// What was sent is no longer known.
    Unknown,
}

/// What signatures are checked with.
#[derive(Clone, Copy)]
pub enum Keys<'a> {
    Known(&'a Jwks),
    /// No address of keys is known. The token came straight from the token endpoint over TLS, which vouches for it (§3.1.3.7 step 6).
    NotKnown,
}

/// An ID token that holds.
pub struct IdToken {
    claims: Map<String, Value>,
    auth_time: Option<Timestamp>,
}

/// Why an ID token does not hold.
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
    #[error("its audience is another client, or others too")]
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
}

impl Refused {
    /// Whether keys fetched anew could make a difference.
    pub fn may_be_a_new_key(self) -> bool {
        matches!(self, Refused::NoKey | Refused::Signature)
    }
}

impl<'a> UnverifiedIdToken<'a> {
    pub fn parse(compact: &'a str) -> Result<UnverifiedIdToken<'a>, Refused> {
        // Step 1: encryption was not agreed on; five parts are a JWE (RFC 7516 §3.1).
        let parts = compact.split('.').take(6).count();
        if compact.len() > MAX_TOKEN || (parts != 3 && parts != 5) {
            return Err(Refused::NotAJwt);
        }
        if parts == 5 {
            return Err(Refused::Encrypted);
        }
        let (message, signature) = compact.rsplit_once('.').ok_or(Refused::NotAJwt)?;
        let (header, claims) = message.split_once('.').ok_or(Refused::NotAJwt)?;
        Ok(UnverifiedIdToken { message, signature, header: part(header)?, claims: part(claims)? })
    }

    /// OpenID Connect Core §3.1.3.7, in its order, but the signature first: of what is forged nothing else is worth saying.
    pub fn verify(self, expect: &Expect<'_>, keys: Keys<'_>, now: Timestamp) -> Result<IdToken, Refused> {
        self.check_header()?;
        // Steps 6 to 8.
        self.check_signature(expect.algorithms, keys)?;
        // Step 2.
        match (expect.issuer, self.text("iss")?) {
            (Some(expected), Some(issuer)) if issuer == expected => {}
            (Some(_), Some(_)) => return Err(Refused::Issuer),
            (Some(_), None) => return Err(Refused::Claim("iss")),
            (None, _) => {}
        }
        // Step 3.
        self.check_audience(expect.client_id)?;
        // Steps 4 and 5.
        if self.text("azp")?.is_some_and(|party| party != expect.client_id) {
            return Err(Refused::AuthorizedParty);
        }
        // Steps 9 and 10.
        self.check_times(now)?;
        // Step 11.
        match (expect.nonce, self.text("nonce")?) {
            (Nonce::Required(sent) | Nonce::IfPresent(sent), Some(nonce)) if nonce != sent => {
                return Err(Refused::Nonce);
            }
            (Nonce::Required(_), None) => return Err(Refused::Nonce),
            (Nonce::Required(_) | Nonce::IfPresent(_) | Nonce::Unknown, _) => {}
        }
        // Steps 12 and 13 (acr, auth_time against max_age) are for requests that ask for them: rules with conditions, a later matter.
        // §3.1.3.8, where the claim is there.
        self.check_access_token_hash(expect.access_token)?;
        // §2: never empty; 255 ASCII characters there, more than that here.
        let subject = self.text("sub")?.ok_or(Refused::Claim("sub"))?;
        if subject.is_empty() || subject.len() > MAX_SUBJECT {
            return Err(Refused::Claim("sub"));
        }
        let auth_time = self.time("auth_time")?.map(timestamp);
        Ok(IdToken { claims: self.claims, auth_time })
    }

    fn check_header(&self) -> Result<(), Refused> {
        // RFC 8725 §3.11: an access token (`at+jwt`) or a logout token (`logout+jwt`) is no ID token.
        match self.header.get("typ") {
            None => {}
            Some(Value::String(kind)) if kind.eq_ignore_ascii_case("JWT") => {}
            Some(_) => return Err(Refused::Type),
        }
        // Back-Channel Logout §2.6: nor is one without that type.
        if self.claims.get("events").is_some_and(|events| events.get(BACKCHANNEL_LOGOUT).is_some()) {
            return Err(Refused::Type);
        }
        // RFC 7515 §4.1.11: no extension is understood here, so none may be critical.
        if self.header.contains_key("crit") {
            return Err(Refused::Critical);
        }
        Ok(())
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

    /// Ourselves, and nobody whom we do not trust: we trust nobody.
    fn check_audience(&self, client_id: &str) -> Result<(), Refused> {
        let ours = match self.claims.get("aud") {
            Some(Value::String(audience)) => audience == client_id,
            Some(Value::Array(list)) => !list.is_empty() && list.iter().all(|audience| audience == client_id),
            _ => return Err(Refused::Claim("aud")),
        };
        if ours { Ok(()) } else { Err(Refused::Audience) }
    }

    fn check_times(&self, now: Timestamp) -> Result<(), Refused> {
        let now = seconds(now);
        // Step 9: now is before exp.
        if now >= self.time("exp")?.ok_or(Refused::Claim("exp"))? + LEEWAY {
            return Err(Refused::Expired);
        }
        // RFC 7519 §4.1.5.
        if self.time("nbf")?.is_some_and(|not_before| now + LEEWAY < not_before) {
            return Err(Refused::NotYet);
        }
        // Step 10: it was made for this answer.
        let issued_at = self.time("iat")?.ok_or(Refused::Claim("iat"))?;
        if issued_at > now + LEEWAY || issued_at < now - MAX_AGE {
            return Err(Refused::IssuedAt);
        }
        Ok(())
    }

    fn check_access_token_hash(&self, access_token: &Secret<String>) -> Result<(), Refused> {
        let Some(said) = self.text("at_hash")? else { return Ok(()) };
        let name = self.header.get("alg").and_then(Value::as_str).unwrap_or_default();
        // The hash of the signature's algorithm; Ed25519's is SHA-512 (RFC 8032 §5.1).
        let hash = match name {
            "EdDSA" => &digest::SHA512,
            _ if name.ends_with("512") => &digest::SHA512,
            _ if name.ends_with("384") => &digest::SHA384,
            _ => &digest::SHA256,
        };
        let hash = digest::digest(hash, access_token.expose().as_bytes());
        let (left, _) = hash.as_ref().split_at(hash.as_ref().len() / 2);
        if said == URL_SAFE_NO_PAD.encode(left) { Ok(()) } else { Err(Refused::AccessTokenHash) }
    }

    fn text(&self, name: &'static str) -> Result<Option<&str>, Refused> {
        match self.claims.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Refused::Claim(name)),
        }
    }

    /// RFC 7519 §2, NumericDate: a number, and nothing that could be taken for one.
    fn time(&self, name: &'static str) -> Result<Option<f64>, Refused> {
        let Some(value) = self.claims.get(name) else { return Ok(None) };
        value.as_f64().filter(|seconds| *seconds >= 0.0).map(Some).ok_or(Refused::Claim(name))
    }
}

impl IdToken {
    pub fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    /// When the user last proved who they are.
    pub fn auth_time(&self) -> Option<Timestamp> {
        self.auth_time
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

const BACKCHANNEL_LOGOUT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// How far two sane clocks may be apart, in seconds.
const LEEWAY: f64 = 60.0;
/// An ID token is made when its answer is: one older than this, in seconds, is somebody's old one, whatever the clocks say.
const MAX_AGE: f64 = 3600.0;
/// Bytes.
const MAX_SUBJECT: usize = 1024;
const MAX_TOKEN: usize = 64 * 1024;

#[cfg(test)]
mod tests;
