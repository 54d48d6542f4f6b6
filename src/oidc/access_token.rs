//! Access tokens that API clients bring: signed ones, verified step by step (RFC 9068 §4), and what introspection says of others (RFC 7662 §2.2).

use std::time::Duration;

use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};

use super::json::{self, NotAnObject};
use super::jwt::{Jwt, Keys, Refused, UnverifiedJwt};
use crate::clock::Timestamp;

/// A signed access token as it came.
pub struct UnverifiedAccessToken<'a>(UnverifiedJwt<'a>);

/// What an access token must agree with.
pub struct Expect<'a> {
    pub issuer: &'a str,
    /// What the issuer calls this application; one of them is enough.
    pub audiences: &'a [String],
    pub algorithms: &'a [Algorithm],
}

/// An access token that holds.
#[derive(Clone)]
pub struct AccessToken {
    claims: Map<String, Value>,
    issued_at: Option<Timestamp>,
    expires_at: Timestamp,
    auth_time: Option<Timestamp>,
}

/// Why an access token is not taken. For the log: the client learns no more than that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Untaken {
    #[error("{0}")]
    Jwt(#[from] Refused),
    #[error("it names no issuer, and no [[bearer]] has an introspection_endpoint, where one could ask about it")]
    Opaque,
    #[error("its issuer says that it is not active")]
    Inactive,
    #[error("its issuer says that it is a token of another kind")]
    Kind,
    #[error("it is bound to its holder (cnf), which cannot be checked here")]
    Bound,
}

/// Why an introspection answer is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadIntrospection {
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] NotAnObject),
    #[error("it does not say whether the token is active")]
    NoActive,
}

impl<'a> UnverifiedAccessToken<'a> {
    /// Whether the token is one of this kind (RFC 9068 §2.1), as it says itself. `None`: it is something else, or opaque.
    pub fn recognise(compact: &'a str) -> Option<UnverifiedAccessToken<'a>> {
        let jwt = UnverifiedJwt::parse(compact).ok()?;
        jwt.check_type(&TYPES).ok()?;
        Some(UnverifiedAccessToken(jwt))
    }

    /// Whose it says it is: good for choosing whom to believe among those who are known, and for nothing else (RFC 8725 §3.10).
    pub fn alleged_issuer(&self) -> Option<&str> {
        self.0.alleged_issuer()
    }

    /// RFC 9068 §4, in its order, but the signature first: of what is forged nothing else is worth saying. Its type (`at+jwt`, nothing else) was
    /// looked at before, and that it is not encrypted.
    pub fn verify(self, expect: &Expect<'_>, keys: Keys<'_>, now: Timestamp) -> Result<AccessToken, Untaken> {
        // The signature, by an algorithm that is taken.
        let jwt = self.0.verify(expect.algorithms, keys)?;
        // The issuer, letter for letter.
        jwt.check_issuer(expect.issuer)?;
        // The audience: for this application, whoever else it is for.
        check_audience(&jwt, expect.audiences)?;
        // Before its end; and not before its beginning.
        let expires_at = check_end(jwt.check_lifetime(now)?, now)?;
        let issued_at = jwt.check_issued_at(now, None)?;
        // What else every such token has (§2.2).
        for name in ["sub", "client_id", "jti"] {
            jwt.required_text(name)?;
        }
        AccessToken::of(jwt, Some(issued_at), expires_at)
    }
}

impl AccessToken {
    /// What introspection says. Its own error: the answer is none, and nothing is known of the token.
    pub fn introspected(
        answer: &[u8],
        expect: &Expect<'_>,
        now: Timestamp,
    ) -> Result<Result<AccessToken, Untaken>, BadIntrospection> {
        let claims = json::object(answer, MAX_ANSWER)?;
        match claims.get("active") {
            Some(Value::Bool(true)) => Ok(AccessToken::vouched(claims, expect, now)),
            Some(Value::Bool(false)) => Ok(Err(Untaken::Inactive)),
            Some(_) | None => Err(BadIntrospection::NoActive),
        }
    }

    /// RFC 7662 §2.2, member by member. Its issuer vouches for the token, but not that it is for this application, nor that it is an access token: every
    /// token it knows is active to it, refresh tokens included.
    fn vouched(claims: Map<String, Value>, expect: &Expect<'_>, now: Timestamp) -> Result<AccessToken, Untaken> {
        let jwt = Jwt::vouched_for(claims);
        check_kind(&jwt)?;
        // `iss`, where it is there: who was asked is who it should be.
        if jwt.text("iss")?.is_some() {
            jwt.check_issuer(expect.issuer)?;
        }
        // `aud` must be there: a token for anybody is every other client's token too.
        check_audience(&jwt, expect.audiences)?;
        // `exp`, `nbf`, `iat`, where they are there.
        let expires_at = check_end(jwt.moment("exp")?.unwrap_or(now + UNSAID_LIFE), now)?;
        jwt.check_beginning(now)?;
        let issued_at = jwt.moment("iat")?;
        AccessToken::of(jwt, issued_at, expires_at)
    }

    fn of(jwt: Jwt, issued_at: Option<Timestamp>, expires_at: Timestamp) -> Result<AccessToken, Untaken> {
        // RFC 7800 §3.1: whoever else presents it is not who it was given to.
        if jwt.claims().contains_key("cnf") {
            return Err(Untaken::Bound);
        }
        let auth_time = jwt.moment("auth_time")?;
        let mut claims = jwt.into_claims();
        split_scope(&mut claims);
        Ok(AccessToken { claims, issued_at, expires_at, auth_time })
    }

    /// `scope` is a list here, as it means one (RFC 8693 §4.2).
    pub fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    pub fn issued_at(&self) -> Option<Timestamp> {
        self.issued_at
    }

    /// To the second: what sits at a client's for an hour has time to be fetched anew.
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// When the user proved who they are (RFC 9068 §2.2.1); a program never does.
    pub fn auth_time(&self) -> Option<Timestamp> {
        self.auth_time
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        self.claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }
}

impl std::fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AccessToken(…)")
    }
}

fn check_audience(jwt: &Jwt, audiences: &[String]) -> Result<(), Untaken> {
    let is_ours = |audience: &&str| audiences.iter().any(|ours| ours == audience);
    if jwt.audience()?.iter().any(is_ours) { Ok(()) } else { Err(Refused::Audience.into()) }
}

/// No leeway at the end: no request and no socket is served past it.
fn check_end(expires_at: Timestamp, now: Timestamp) -> Result<Timestamp, Untaken> {
    if now < expires_at { Ok(expires_at) } else { Err(Refused::Expired.into()) }
}

/// That it is an access token which whoever bears it may use. Not everybody says, and each says it in a member of their own: `token_type` (RFC 7662 §2.2;
/// `DPoP` and the like are bound), `token_use` (Ory, Amazon), `typ` (Keycloak).
fn check_kind(jwt: &Jwt) -> Result<(), Untaken> {
    for (name, kinds) in KINDS {
        if let Some(said) = jwt.text(name)?
            && !kinds.iter().any(|kind| said.eq_ignore_ascii_case(kind))
        {
            return Err(Untaken::Kind);
        }
    }
    Ok(())
}

/// A text with spaces means its words (RFC 6749 §3.3).
fn split_scope(claims: &mut Map<String, Value>) {
    if let Some(scope) = claims.get_mut("scope")
        && let Some(text) = scope.as_str()
    {
        *scope = text.split(' ').filter(|word| !word.is_empty()).map(Value::from).collect();
    }
}

/// RFC 9068 §2.1; RFC 7515 §4.1.9 leaves `application/` out.
const TYPES: [&str; 2] = ["at+jwt", "application/at+jwt"];
const KINDS: [(&str, &[&str]); 3] = [
    ("token_type", &["Bearer"]),
    ("token_use", &["access_token", "access"]),
    ("typ", &["Bearer", "at+jwt", "application/at+jwt"]),
];
/// How long an active token is taken to live that does not say.
const UNSAID_LIFE: Duration = Duration::from_secs(3600);
const MAX_ANSWER: usize = 64 * 1024;

#[cfg(test)]
mod tests;
