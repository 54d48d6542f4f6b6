//! Our cookies in a request: found in place, and cut out of what the application gets.

use http::{HeaderMap, HeaderValue};

/// The names of one configuration: `BASE` and `BASE.1` … (identity), `BASE.t0` … (tokens), `BASE.a0` … `BASE.a5` (attempts),
/// `BASE.out` (signed out). The dot keeps them apart from a second gate's base name, which a path joins with a hyphen.
#[derive(Clone, Debug)]
pub struct CookieNames {
    pub base: String,
    /// `__Host-` names want `Secure`; plain-http loopback has neither.
    pub secure: bool,
    /// `[session] drop_cookies`: removed from requests and expired on sight.
    pub drop: Vec<NamePattern>,
}

/// A cookie name in which `*` is any run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamePattern(pub String);

/// Which of our cookies one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    Identity(u8),
    Tokens(u8),
    Attempt(u8),
    SignedOut,
}

/// Our cookies as they came: shared bytes and ranges, nothing copied.
#[derive(Clone, Debug, Default)]
pub struct Cookies {
    _private: (),
}

/// Pieces of one part that are looked at; what comes beyond is surplus (K-06: the number read is bounded).
pub const MAX_PIECES: u8 = 16;
/// Attempts at the same time, one cookie each.
pub const ATTEMPT_SLOTS: u8 = 6;

impl CookieNames {
    /// `BASE`, `BASE.1`, `BASE.t0`, `BASE.a3`, `BASE.out`.
    pub fn name(&self, part: Part) -> String {
        let _ = part;
        todo!()
    }
}

impl Cookies {
    pub fn read(headers: &HeaderMap, names: &CookieNames) -> Cookies {
        let _ = (headers, names);
        todo!()
    }

    /// The value, where exactly one cookie of that name came: of two, one may be somebody else's (RFC 6265bis §8.6), so neither counts.
    pub fn value(&self, part: Part) -> Option<&[u8]> {
        let _ = part;
        todo!()
    }

    /// Every part that came, once or more often: what a deletion has to name.
    pub fn parts(&self) -> impl Iterator<Item = Part> {
        std::iter::empty()
    }

    /// Names that `drop_cookies` matched.
    pub fn dropped(&self) -> impl Iterator<Item = &str> {
        std::iter::empty()
    }

    pub fn is_empty(&self) -> bool {
        true
    }
}

/// The `Cookie` lines for the application: any tokigate's cookies and the dropped ones gone, every other byte kept. `None`: nothing changed.
pub fn without_ours(line: &HeaderValue, names: &CookieNames) -> Option<Option<HeaderValue>> {
    let _ = (line, names);
    todo!()
}
