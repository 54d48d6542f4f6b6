//! User info (OpenID Connect Core §5.3; toki.md "User info"): where it is asked, and what was answered.

use jsonwebtoken::Algorithm;
use percent_encoding::utf8_percent_encode;
use serde_json::{Map, Value};
use url::Url;

use super::json::{self, NotAnObject};
use super::jwt::{Keys, Refused, UnverifiedJwt};
use super::query::UNRESERVED;
use crate::clock::Timestamp;

/// The address of user info, in which `{name}` stands for a field of the token answer.
#[derive(Clone, Copy)]
pub struct Template<'a>(pub &'a str);

/// Why an address cannot be made of a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfilled {
    #[error("the token answer has no usable `{0}`, which the user-info address needs")]
    Field(String),
    #[error("the user-info address is no URL once it is filled in")]
    NoUrl,
}

impl<'a> Template<'a> {
    /// The fields that it names.
    pub fn fields(self) -> impl Iterator<Item = &'a str> {
        self.0.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0))
    }

    /// Puts the fields in, percent-encoded: whatever a value holds, it stays one value.
    pub fn fill(self, field: impl Fn(&str) -> Option<String>) -> Result<Url, Unfilled> {
        let mut pieces = self.0.split('{');
        let mut address = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            let Some((name, rest)) = piece.split_once('}') else { return Err(Unfilled::NoUrl) };
            // Dots survive encoding, and in a path they climb.
            let value = field(name).filter(|value| !matches!(value.as_str(), "" | "." | ".."));
            let value = value.ok_or_else(|| Unfilled::Field(name.to_owned()))?;
            address.extend(utf8_percent_encode(&value, UNRESERVED));
            address.push_str(rest);
        }
        Url::parse(&address).map_err(|_| Unfilled::NoUrl)
    }
}

/// An answer of the user-info endpoint.
pub struct UserInfo {
    /// The claims: the object at `userinfo_path` where it is there, else the whole answer.
    pub claims: Map<String, Value>,
    /// The envelope they came in: empty where there was none. Its identifiers are compared too.
    pub envelope: Map<String, Value>,
}

/// Why an answer is no user info.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadUserInfo {
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] NotAnObject),
    #[error("what is at userinfo_path is no object")]
    NoClaims,
    #[error("it has no `sub`")]
    NoSubject,
}

/// An answer as it came. Which of the two it is, the provider has decided when the client was registered (§5.3.2).
pub enum Answer {
    Plain(UserInfo),
    Signed(SignedUserInfo),
}

/// User info as a signed JWT: no claim of it can be read before it is verified.
pub struct SignedUserInfo(String);

/// What signed user info must agree with.
pub struct Expect<'a> {
    /// `None` where no issuer is known: then `iss` is not compared.
    pub issuer: Option<&'a str>,
    pub client_id: &'a str,
    pub algorithms: &'a [Algorithm],
    /// Dotted, `[provider] userinfo_path`.
    pub path: Option<&'a str>,
}

impl Answer {
    /// `path`: dotted, `[provider] userinfo_path`. A JWT never begins like an object, so the answer itself says what it is.
    pub fn read(body: &[u8], path: Option<&str>) -> Result<Answer, BadUserInfo> {
        match std::str::from_utf8(body).map(str::trim) {
            Ok(compact) if UnverifiedJwt::parse(compact).is_ok() => {
                Ok(Answer::Signed(SignedUserInfo(compact.to_owned())))
            }
            _ => Ok(Answer::Plain(UserInfo::read(body, path)?)),
        }
    }
}

impl SignedUserInfo {
    /// OpenID Connect Core §5.3.2 and §5.3.4.
    pub fn verify(&self, expect: &Expect<'_>, keys: Keys<'_>, now: Timestamp) -> Result<UserInfo, Refused> {
        let unverified = UnverifiedJwt::parse(&self.0)?;
        // RFC 8725 §3.11: an access token or a logout token is no user info.
        unverified.check_type_if_said(&["JWT"])?;
        let jwt = unverified.verify(expect.algorithms, keys)?;
        // §5.3.2: the issuer, and among the audience ourselves.
        jwt.check_issuer_if_known(expect.issuer)?;
        if !jwt.audience()?.contains(&expect.client_id) {
            return Err(Refused::Audience);
        }
        // It need not say until when it holds.
        if jwt.claims().contains_key("exp") {
            jwt.check_lifetime(now)?;
        }
        UserInfo::of(jwt.into_claims(), expect.path).map_err(|_| Refused::Claim("userinfo_path"))
    }
}

impl UserInfo {
    fn read(body: &[u8], path: Option<&str>) -> Result<UserInfo, BadUserInfo> {
        UserInfo::of(json::object(body, MAX_ANSWER)?, path)
    }

    fn of(whole: Map<String, Value>, path: Option<&str>) -> Result<UserInfo, BadUserInfo> {
        match path.and_then(|path| json::at(&whole, path)) {
            None => Ok(UserInfo { claims: whole, envelope: Map::new() }),
            Some(Value::Object(claims)) => Ok(UserInfo { claims: claims.clone(), envelope: whole }),
            Some(_) => Err(BadUserInfo::NoClaims),
        }
    }

    /// OpenID Connect Core §5.3.2: `sub` is always there, else the claims may be anybody's.
    pub fn with_subject(self) -> Result<UserInfo, BadUserInfo> {
        let named = self.claims.get("sub").or(self.envelope.get("sub")).is_some_and(Value::is_string);
        if named { Ok(self) } else { Err(BadUserInfo::NoSubject) }
    }
}

const MAX_ANSWER: usize = 1024 * 1024;

#[cfg(test)]
mod tests;
