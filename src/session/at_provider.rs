//! What the provider calls a session: the extension area of its record, read in place.
//!
//! A row of `tag | value`. What a minor release adds goes there, and one that does not know a tag keeps it as it is, so that each still opens what the
//! other sealed (interface.md, Compatibility).

use bytes::Bytes;

use super::codec::{extensions, put_extension};
use crate::oidc::Subject;

/// `sub`, `sid` and `acr` of the ID token, where it says so; cheap to clone.
#[derive(Clone, Default, PartialEq)]
pub struct AtProvider(Bytes);

impl AtProvider {
    pub fn new(sub: Option<Sub<'_>>, sid: Option<&str>, acr: Option<&str>) -> AtProvider {
        let sub = sub.map(|sub| match sub {
            Sub::User => "",
            Sub::Other(sub) => sub,
        });
        let mut area = Vec::new();
        for (tag, value) in [(SUB, sub), (SID, sid), (ACR, acr)] {
            if let Some(value) = value {
                put_extension(&mut area, tag, value.as_bytes());
            }
        }
        AtProvider(Bytes::from(area))
    }

    /// As it is said of a session of this user.
    pub fn said_of(user: &Subject, sub: Option<&str>, sid: Option<&str>, acr: Option<&str>) -> AtProvider {
        let sane = |text: &&str| text.len() <= MAX_NAME;
        let sub = sub.filter(sane).map(|sub| if sub == user.as_str() { Sub::User } else { Sub::Other(sub) });
        AtProvider::new(sub, sid.filter(sane), acr.filter(sane))
    }

    pub fn sub(&self) -> Option<Sub<'_>> {
        self.text(SUB).map(|sub| if sub.is_empty() { Sub::User } else { Sub::Other(sub) })
    }

    pub fn sid(&self) -> Option<&str> {
        self.text(SID)
    }

    pub fn acr(&self) -> Option<&str> {
        self.text(ACR)
    }

    pub(in crate::session) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// `None` where the bytes are no such row.
    pub(in crate::session) fn from_area(area: Bytes) -> Option<AtProvider> {
        for extension in extensions(&area) {
            let (tag, value) = extension?;
            if [SUB, SID, ACR].contains(&tag) {
                std::str::from_utf8(value).ok()?;
            }
        }
        Some(AtProvider(area))
    }

    fn text(&self, wanted: u8) -> Option<&str> {
        let (_, value) = extensions(&self.0).flatten().find(|(tag, _)| *tag == wanted)?;
        std::str::from_utf8(value).ok()
    }
}

/// `sub` of the ID token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sub<'a> {
    /// The name of the session's user.
    User,
    Other(&'a str),
}

/// It may be who somebody is.
impl std::fmt::Debug for AtProvider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AtProvider(…)")
    }
}

/// Bytes of `sub`, `sid`, `acr` that a session keeps; longer ones, which no provider is known to have, are as good as not said.
pub const MAX_NAME: usize = 512;
const SUB: u8 = 1;
const SID: u8 = 2;
const ACR: u8 = 3;
