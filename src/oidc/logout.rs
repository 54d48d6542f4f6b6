//! Logout tokens, verified step by step (OpenID Connect Back-Channel Logout 1.0 §2.6), and whom a sign-out at the provider names.

use std::time::Duration;

use jsonwebtoken::Algorithm;
use serde_json::Value;

use super::jwt::{Keys, Refused, SKEW, UnverifiedJwt};
use crate::clock::Timestamp;

/// A logout token as it came: nothing of it can be read before it is verified.
pub struct UnverifiedLogoutToken<'a>(UnverifiedJwt<'a>);

/// What a logout token must agree with.
pub struct Expect<'a> {
    pub issuer: &'a str,
    pub client_id: &'a str,
    pub algorithms: &'a [Algorithm],
}

/// A logout token that holds.
pub struct LogoutToken {
    pub whom: Whom,
    pub issued_at: Timestamp,
    /// What tells it from every other one of this issuer (§2.4).
    pub jti: String,
    /// From here on it holds no longer, whoever shows it again.
    pub until: Timestamp,
}

/// Which sessions have ended, in the provider's words (§2.4, §2.7).
#[derive(Clone, PartialEq, Eq)]
pub enum Whom {
    /// One session at the provider, whoever's it is.
    Session(String),
    /// All sessions of this user: "if a sid Claim is not present, the intent is that all sessions at the RP for the End-User […] be logged out".
    User(String),
    /// One session, and only where it is this user's.
    SessionOfUser { sid: String, sub: String },
}

impl Whom {
    /// For logs: what was said, never its value.
    pub fn named_by(&self) -> &'static str {
        match self {
            Whom::Session(_) => "sid",
            Whom::User(_) => "sub",
            Whom::SessionOfUser { .. } => "sid and sub",
        }
    }
}

/// It may be who somebody is.
impl std::fmt::Debug for Whom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Whom({})", self.named_by())
    }
}

impl<'a> UnverifiedLogoutToken<'a> {
    pub fn parse(compact: &'a str) -> Result<UnverifiedLogoutToken<'a>, Refused> {
        // Step 1: encryption was not agreed on.
        Ok(UnverifiedLogoutToken(UnverifiedJwt::parse(compact)?))
    }

    /// Back-Channel Logout §2.6, in its order.
    pub fn verify(self, expect: &Expect<'_>, keys: Keys<'_>, now: Timestamp) -> Result<LogoutToken, Refused> {
        // §2.4, RFC 8725 §3.11: an access token (`at+jwt`) is no logout token. A provider that was there before the type was says none, or JWT.
        self.0.check_type_if_said(&["logout+jwt", "application/logout+jwt", "JWT"])?;
        // Steps 2 and 3. It came over no connection of ours: where no keys are known, nobody vouches for it.
        let jwt = match keys {
            Keys::Known(_) => self.0.verify(expect.algorithms, keys)?,
            Keys::NotKnown => return Err(Refused::NoKey),
        };
        // Step 4: iss, aud, iat and exp, as an ID token's.
        jwt.check_issuer(expect.issuer)?;
        if jwt.audience()?.iter().any(|audience| *audience != expect.client_id) {
            return Err(Refused::Audience);
        }
        let issued_at = jwt.check_issued_at(now, Some(MAX_AGE))?;
        let expires_at = jwt.check_lifetime(now)?;
        // Step 5.
        let name = |claim| match jwt.text(claim)? {
            Some("") => Err(Refused::Claim(claim)),
            name => Ok(name.map(str::to_owned)),
        };
        let whom = match (name("sid")?, name("sub")?) {
            (Some(sid), Some(sub)) => Whom::SessionOfUser { sid, sub },
            (Some(sid), None) => Whom::Session(sid),
            (None, Some(sub)) => Whom::User(sub),
            (None, None) => return Err(Refused::Claim("sub` or `sid")),
        };
        // Step 6; §2.4: the member's value is an object too.
        if !jwt.claims().get("events").and_then(|events| events.get(EVENT)).is_some_and(Value::is_object) {
            return Err(Refused::Claim("events"));
        }
        // Step 7: an ID token is no logout token.
        if jwt.claims().contains_key("nonce") {
            return Err(Refused::Prohibited("nonce"));
        }
        // Step 8 needs a memory: `jti` is for who has one. §2.4: it must be there.
        let jti = jwt.required_text("jti")?.to_owned();
        // Steps 9 to 11: what it says is compared with each session when it is seen; which there are, nobody here knows.
        // Rather too long than too short: both moments are whole seconds.
        let until = expires_at.min(issued_at + Duration::from_secs(u64::from(MAX_AGE))) + SKEW + SKEW;
        Ok(LogoutToken { whom, issued_at, jti, until })
    }
}

/// The member of `events` that makes a JWT a logout token (§2.4).
pub const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// One older than this, in seconds, is somebody's old one. A provider gives it two minutes (§2.4).
const MAX_AGE: u32 = 3600;

#[cfg(test)]
mod tests;
