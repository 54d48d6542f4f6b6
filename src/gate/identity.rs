//! Identity headers: templates over claims, encoded so that nobody becomes somebody else on the way.

use http::{HeaderName, HeaderValue, header};

use super::{Identity, PassOn};
use crate::session::{Claim, Session};

/// A dotted claim path or a template such as `{firstName} {lastName}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    pub pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    Text(String),
    /// A dotted claim path. The path `<user_claim>` stands for the configured user claim.
    Claim(String),
}

/// Why a template cannot be read; the message is for `check`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadTemplate {
    #[error("it is empty")]
    Empty,
    #[error("a brace is not closed, or closed without being opened")]
    Brace,
}

impl Template {
    /// Without braces the whole text is one claim path.
    pub fn parse(text: &str) -> Result<Template, BadTemplate> {
        let text = text.trim();
        if text.is_empty() {
            return Err(BadTemplate::Empty);
        }
        if !text.contains(['{', '}']) {
            return Ok(Template { pieces: vec![Piece::Claim(text.to_owned())] });
        }
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (path, after) = after.split_once('}').ok_or(BadTemplate::Brace)?;
            if before.contains('}') || path.contains('{') {
                return Err(BadTemplate::Brace);
            }
            if path.trim().is_empty() {
                return Err(BadTemplate::Empty);
            }
            if !before.is_empty() {
                pieces.push(Piece::Text(before.to_owned()));
            }
            pieces.push(Piece::Claim(path.trim().to_owned()));
            rest = after;
        }
        if rest.contains('}') {
            return Err(BadTemplate::Brace);
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        Ok(Template { pieces })
    }

    /// The claim paths it needs.
    pub fn claims(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Claim(path) => Some(path.as_str()),
            Piece::Text(_) => None,
        })
    }

    /// `None` where a claim is missing or empty.
    fn fill(&self, identity: &Identity, session: &Session) -> Option<Vec<u8>> {
        let mut value = Vec::with_capacity(32);
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => encode(text, Commas::Kept, &mut value),
                Piece::Claim(path) if identity.is_user_claim(path) => {
                    encode(session.user.as_str(), Commas::Kept, &mut value)
                }
                Piece::Claim(path) => put_claim(session.claims.get(path)?, &mut value)?,
            }
        }
        encode_edges(&mut value);
        Some(value)
    }
}

impl Identity {
    /// The headers that name this user; a missing claim sends none. `None`: the user cannot be named.
    pub(in crate::gate) fn headers_of(&self, session: &Session) -> Option<Vec<(HeaderName, HeaderValue)>> {
        let mut headers = Vec::with_capacity(self.headers.len());
        for (name, template) in &self.headers {
            let value = template
                .fill(self, session)
                .and_then(|value| HeaderValue::from_maybe_shared(bytes::Bytes::from(value)).ok());
            match value {
                Some(value) => headers.push((name.clone(), value)),
                None if template.claims().any(|path| self.is_user_claim(path)) && template.pieces.len() == 1 => {
                    return None;
                }
                None => {}
            }
        }
        Some(headers)
    }

    /// The claims that decisions may need: those of the headers, and those that `/auth`'s parameters compare. Never `<user_claim>` itself.
    pub fn wanted_claims(&self) -> impl Iterator<Item = &str> {
        let named = self.headers.iter().flat_map(|(_, template)| template.claims());
        named.chain([GROUPS, EMAIL, EMAIL_VERIFIED, self.user_claim.as_str()]).filter(|path| *path != USER_CLAIM)
    }

    /// The headers that nobody but the gate may set, on any path: `Authorization` too, where a token is passed on in it.
    pub fn header_names(&self) -> impl Iterator<Item = &HeaderName> {
        static AUTHORIZATION: HeaderName = header::AUTHORIZATION;
        let authorization = [self.access_token, self.id_token].contains(&PassOn::Authorization);
        self.headers.iter().map(|(name, _)| name).chain(authorization.then_some(&AUTHORIZATION))
    }

    /// Whether a header is made of this claim.
    pub fn names_claim(&self, path: &str) -> bool {
        self.headers.iter().any(|(_, template)| template.claims().any(|claim| claim == path))
    }

    fn is_user_claim(&self, path: &str) -> bool {
        path == USER_CLAIM || path == self.user_claim
    }
}

/// `None` where it is empty: that counts as missing.
fn put_claim(claim: Claim<'_>, value: &mut Vec<u8>) -> Option<()> {
    match claim {
        Claim::Text(text) | Claim::Number(text) if text.is_empty() => return None,
        Claim::Text(text) | Claim::Number(text) => encode(text, Commas::Kept, value),
        Claim::Bool(yes) => value.extend_from_slice(if yes { b"true" } else { b"false" }),
        Claim::List(elements) => {
            let before = value.len();
            for (index, element) in elements.enumerate() {
                if index > 0 {
                    value.push(b',');
                }
                encode(element, Commas::Encoded, value);
            }
            if value.len() == before {
                return None;
            }
        }
    }
    Some(())
}

/// Whether a comma is part of one value, or would part two.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Commas {
    Kept,
    Encoded,
}

/// Visible ASCII and space as they are; `%` and everything else percent-encoded as UTF-8, so that it can be decoded again.
fn encode(text: &str, commas: Commas, value: &mut Vec<u8>) {
    for byte in text.bytes() {
        match byte {
            b',' if commas == Commas::Encoded => put_encoded(byte, value),
            b'%' => put_encoded(byte, value),
            b' '..=b'~' => value.push(byte),
            _ => put_encoded(byte, value),
        }
    }
}

/// A space at either end would be lost on the way (RFC 9110 §5.5), and `"admin "` arrive as `admin`.
fn encode_edges(value: &mut Vec<u8>) {
    if !value.starts_with(b" ") && !value.ends_with(b" ") {
        return;
    }
    let inner = value.trim_ascii();
    let start = value.len() - value.trim_ascii_start().len();
    let end = value.len() - start - inner.len();
    *value = [b"%20".repeat(start), inner.to_vec(), b"%20".repeat(end)].concat();
}

fn put_encoded(byte: u8, value: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    value.extend_from_slice(&[b'%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
}

/// In `[identity] headers`: whatever claim names the user.
const USER_CLAIM: &str = "<user_claim>";
pub(in crate::gate) const GROUPS: &str = "groups";
pub(in crate::gate) const EMAIL: &str = "email";
pub(in crate::gate) const EMAIL_VERIFIED: &str = "email_verified";

#[cfg(test)]
mod tests;
