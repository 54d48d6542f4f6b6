//! ID tokens, verified step by step (OpenID Connect Core §3.1.3.7).

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};

use super::jwt::{Jwt, Keys, Refused, UnverifiedJwt};
use super::{Secret, logout};
use crate::clock::Timestamp;

/// An ID token as it came: nothing of it can be read before it is verified.
pub struct UnverifiedIdToken<'a>(UnverifiedJwt<'a>);

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

/// An ID token that holds.
pub struct IdToken {
    claims: Map<String, Value>,
    auth_time: Option<Timestamp>,
}

impl<'a> UnverifiedIdToken<'a> {
    pub fn parse(compact: &'a str) -> Result<UnverifiedIdToken<'a>, Refused> {
        // Step 1: encryption was not agreed on.
        Ok(UnverifiedIdToken(UnverifiedJwt::parse(compact)?))
    }

    /// OpenID Connect Core §3.1.3.7, in its order, but the signature first: of what is forged nothing else is worth saying.
    pub fn verify(self, expect: &Expect<'_>, keys: Keys<'_>, now: Timestamp) -> Result<IdToken, Refused> {
        // RFC 8725 §3.11: an access token (`at+jwt`) or a logout token (`logout+jwt`) is no ID token.
        self.0.check_type_if_said(&["JWT"])?;
        // Steps 6 to 8.
        let jwt = self.0.verify(expect.algorithms, keys)?;
        // Back-Channel Logout §2.6: nor is a logout token without its type.
        if jwt.claims().get("events").is_some_and(|events| events.get(logout::EVENT).is_some()) {
            return Err(Refused::Type);
        }
        // Step 2.
        jwt.check_issuer_if_known(expect.issuer)?;
        // Step 3: ourselves, and nobody whom we do not trust: we trust nobody.
        if jwt.audience()?.iter().any(|audience| *audience != expect.client_id) {
            return Err(Refused::Audience);
        }
        // Steps 4 and 5.
        if jwt.text("azp")?.is_some_and(|party| party != expect.client_id) {
            return Err(Refused::AuthorizedParty);
        }
        // Step 9.
        jwt.check_lifetime(now)?;
        // Step 10: it was made for this answer.
        jwt.check_issued_at(now, Some(MAX_AGE))?;
        // Step 11.
        match (expect.nonce, jwt.text("nonce")?) {
            (Nonce::Required(sent) | Nonce::IfPresent(sent), Some(nonce)) if nonce != sent => {
                return Err(Refused::Nonce);
            }
            (Nonce::Required(_), None) => return Err(Refused::Nonce),
            (Nonce::Required(_) | Nonce::IfPresent(_) | Nonce::Unknown, _) => {}
        }
        // Steps 12 and 13 (acr, and auth_time against max_age) are checked against what the attempt asked for: `provider/sign_in.rs`.
        // §3.1.3.8, where the claim is there.
        check_access_token_hash(&jwt, expect.access_token)?;
        // §2: never empty; 255 ASCII characters there, more than that here.
        if jwt.required_text("sub")?.len() > MAX_SUBJECT {
            return Err(Refused::Claim("sub"));
        }
        let auth_time = jwt.moment("auth_time")?;
        Ok(IdToken { auth_time, claims: jwt.into_claims() })
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

    /// How they did (OpenID Connect Core §2).
    pub fn acr(&self) -> Option<&str> {
        self.text("acr")
    }

    /// The session at the provider (Back-Channel Logout §2.1).
    pub fn sid(&self) -> Option<&str> {
        self.text("sid")
    }

    pub fn sub(&self) -> Option<&str> {
        self.text("sub")
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }
}

fn check_access_token_hash(jwt: &Jwt, access_token: &Secret<String>) -> Result<(), Refused> {
    let Some(said) = jwt.text("at_hash")? else { return Ok(()) };
    // The hash of the signature's algorithm; Ed25519's is SHA-512 (RFC 8032 §5.1).
    let hash = match jwt.algorithm() {
        "EdDSA" | "Ed25519" => &digest::SHA512,
        name if name.ends_with("512") => &digest::SHA512,
        name if name.ends_with("384") => &digest::SHA384,
        _ => &digest::SHA256,
    };
    let hash = digest::digest(hash, access_token.expose().as_bytes());
    let (left, _) = hash.as_ref().split_at(hash.as_ref().len() / 2);
    if said == URL_SAFE_NO_PAD.encode(left) { Ok(()) } else { Err(Refused::AccessTokenHash) }
}

/// An ID token is made when its answer is: one older than this, in seconds, is somebody's old one, whatever the clocks say.
const MAX_AGE: u32 = 3600;
/// Bytes.
const MAX_SUBJECT: usize = 1024;

#[cfg(test)]
mod tests;
