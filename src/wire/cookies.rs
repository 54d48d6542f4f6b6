//! Our cookies in a request: found in place, and cut out of what the application gets.
//!
//! A `Cookie` line is read as RFC 6265 §5.4 writes it: pairs between `;`, quotes mean nothing. Junk between the pairs is passed over.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use smallvec::SmallVec;

/// The names of one configuration: `BASE` and `BASE.1` … (identity), `BASE.t0` … (tokens), `BASE.a0` … `BASE.a5` (attempts),
/// `BASE.out` (signed out), `BASE.back` (came back). The dot keeps them apart from a second gate's base name, which a path joins with a hyphen.
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
    /// How often this browser came back from the provider lately.
    Returned,
}

/// Our cookies as they came: shared bytes and ranges, nothing copied.
#[derive(Clone, Default)]
pub struct Cookies {
    lines: SmallVec<[HeaderValue; 1]>,
    /// One entry for each name, however often it came: bounded by the names there are.
    found: SmallVec<[Found; 4]>,
    dropped: Vec<String>,
}

/// Pieces of one part that are looked at; what comes beyond is surplus (K-06: the number read is bounded).
pub const MAX_PIECES: u8 = 16;
/// Attempts at the same time, one cookie each.
pub const ATTEMPT_SLOTS: u8 = 6;
/// Names that one response expires for `drop_cookies`; the rest goes with the next.
pub const MAX_DROPPED: usize = 32;

impl CookieNames {
    /// `BASE`, `BASE.1`, `BASE.t0`, `BASE.a3`, `BASE.out`, `BASE.back`.
    pub fn name(&self, part: Part) -> String {
        let base = &self.base;
        match part {
            Part::Identity(0) => base.clone(),
            Part::Identity(index) => format!("{base}.{index}"),
            Part::Tokens(index) => format!("{base}.t{index}"),
            Part::Attempt(slot) => format!("{base}.a{slot}"),
            Part::SignedOut => format!("{base}.out"),
            Part::Returned => format!("{base}.back"),
        }
    }

    /// Whether a cookie of this name is any tokigate's: none of them reaches the application, and the application sets none of them.
    pub fn is_ours(&self, name: &[u8]) -> bool {
        name.starts_with(b"tokigate-")
            || name.starts_with(b"__Host-tokigate")
            || match name.strip_prefix(self.base.as_bytes()) {
                Some([]) => true,
                Some([b'.', suffix @ ..]) => is_suffix(suffix),
                Some([_, ..]) | None => false,
            }
    }

    /// Which of this gate's cookies it is. Only exact names: `__Host-tokigate-app1` is another gate's.
    fn part(&self, name: &[u8]) -> Option<Part> {
        match name.strip_prefix(self.base.as_bytes())? {
            [] => Some(Part::Identity(0)),
            b".out" => Some(Part::SignedOut),
            b".back" => Some(Part::Returned),
            [b'.', b't', digits @ ..] => index(digits, MAX_PIECES).map(Part::Tokens),
            [b'.', b'a', digits @ ..] => index(digits, ATTEMPT_SLOTS).map(Part::Attempt),
            [b'.', digits @ ..] => index(digits, MAX_PIECES).filter(|index| *index > 0).map(Part::Identity),
            [_, ..] => None,
        }
    }

    fn is_dropped(&self, name: &[u8]) -> bool {
        self.drop.iter().any(|pattern| pattern.matches(name))
    }
}

impl NamePattern {
    pub fn matches(&self, name: &[u8]) -> bool {
        let mut runs = self.0.as_bytes().split(|byte| *byte == b'*');
        let first = runs.next().unwrap_or_default();
        let Some(mut rest) = name.strip_prefix(first) else { return false };
        let Some(last) = runs.next_back() else { return rest.is_empty() };
        for run in runs {
            let Some(at) = find(rest, run) else { return false };
            rest = &rest[at + run.len()..];
        }
        rest.ends_with(last)
    }
}

impl Cookies {
    pub fn read(headers: &HeaderMap, names: &CookieNames) -> Cookies {
        let mut cookies = Cookies::default();
        for line in headers.get_all(header::COOKIE) {
            let before = (cookies.found.len(), cookies.dropped.len());
            let Ok(number) = u16::try_from(cookies.lines.len()) else { break };
            cookies.read_line(line.as_bytes(), number, names);
            if before != (cookies.found.len(), cookies.dropped.len()) {
                cookies.lines.push(line.clone());
            }
        }
        cookies
    }

    /// The value, where exactly one cookie of that name came: of two, one may be somebody else's (RFC 6265bis §8.6), so neither counts.
    pub fn value(&self, part: Part) -> Option<&[u8]> {
        let found = self.found.iter().find(|found| found.part == part && !found.repeated)?;
        self.lines.get(usize::from(found.line))?.as_bytes().get(found.start..found.end)
    }

    /// Every part that came, once or more often: what a deletion has to name.
    pub fn parts(&self) -> impl Iterator<Item = Part> {
        self.found.iter().map(|found| found.part)
    }

    /// Names that `drop_cookies` matched, each once; at most [`MAX_DROPPED`].
    pub fn dropped(&self) -> impl Iterator<Item = &str> {
        self.dropped.iter().map(String::as_str)
    }

    /// Nothing of ours came, and nothing to drop.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty() && self.dropped.is_empty()
    }

    fn read_line(&mut self, line: &[u8], number: u16, names: &CookieNames) {
        let mut start = 0usize;
        for pair in line.split(|byte| *byte == b';') {
            let end = start + pair.len();
            let name = name_of(pair);
            match names.part(name) {
                Some(part) => {
                    // A pair without `=` has a value and no name (RFC 6265bis §5.4).
                    if let Some(equals) = pair.iter().position(|byte| *byte == b'=') {
                        let value = start + equals + 1;
                        let value_end = end - trailing_blanks(&line[value..end]);
                        self.found(Found { part, line: number, start: value, end: value_end, repeated: false });
                    }
                }
                None if !names.drop.is_empty() && names.is_dropped(name) => self.expire(name),
                None => {}
            }
            start = end + 1;
        }
    }

    fn found(&mut self, new: Found) {
        match self.found.iter_mut().find(|found| found.part == new.part) {
            Some(found) => found.repeated = true,
            None => self.found.push(new),
        }
    }

    fn expire(&mut self, name: &[u8]) {
        let Ok(name) = std::str::from_utf8(name) else { return };
        if self.dropped.len() < MAX_DROPPED && !name.is_empty() && !self.dropped.iter().any(|known| known == name) {
            self.dropped.push(name.to_owned());
        }
    }
}

/// The `Cookie` line for the application: any tokigate's cookies and the dropped ones gone, every other byte kept. `None`: nothing changed.
/// `Some(None)`: nothing is left of the line.
pub fn without_ours(line: &HeaderValue, names: &CookieNames) -> Option<Option<HeaderValue>> {
    let line = line.as_bytes();
    let mut kept: Option<Vec<u8>> = None;
    let mut anything_kept = false;
    let mut start = 0usize;
    for pair in line.split(|byte| *byte == b';') {
        let name = name_of(pair);
        let cut = names.is_ours(name) || (!names.drop.is_empty() && names.is_dropped(name));
        match (&mut kept, cut) {
            (None, true) => kept = Some(line[..start.saturating_sub(1)].to_vec()),
            (Some(_), true) => {}
            (None, false) => anything_kept = true,
            (Some(kept), false) if anything_kept => {
                kept.push(b';');
                kept.extend_from_slice(pair);
            }
            // The first that stays no longer has anything before it.
            (Some(kept), false) => {
                kept.extend_from_slice(pair.trim_ascii_start());
                anything_kept = true;
            }
        }
        start += pair.len() + 1;
    }
    let kept = kept?;
    if kept.trim_ascii().is_empty() {
        return Some(None);
    }
    // Parts of a header value, joined with `;`, are one.
    Some(HeaderValue::from_maybe_shared(Bytes::from(kept)).ok())
}

impl std::fmt::Debug for Cookies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.parts()).finish()
    }
}

/// Where a value stands.
#[derive(Clone, Copy)]
struct Found {
    part: Part,
    line: u16,
    start: usize,
    end: usize,
    repeated: bool,
}

/// Before the first `=`; the whole of a pair that has none, which some servers take for a name.
fn name_of(pair: &[u8]) -> &[u8] {
    pair.split(|byte| *byte == b'=').next().unwrap_or_default().trim_ascii()
}

fn trailing_blanks(value: &[u8]) -> usize {
    value.len() - value.trim_ascii_end().len()
}

/// `1`, `12`, `t0`, `a3`, `out`, `back`: what this or another version of us puts behind a base name.
fn is_suffix(suffix: &[u8]) -> bool {
    let digits = match suffix {
        b"out" | b"back" => return true,
        [b't' | b'a', digits @ ..] => digits,
        digits => digits,
    };
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

/// A number below `limit`, written as we write it: no sign, no leading zero.
fn index(digits: &[u8], limit: u8) -> Option<u8> {
    let value = match *digits {
        [one @ b'0'..=b'9'] => one - b'0',
        [ten @ b'1'..=b'9', one @ b'0'..=b'9'] => (ten - b'0') * 10 + (one - b'0'),
        _ => return None,
    };
    (value < limit).then_some(value)
}

fn find(text: &[u8], run: &[u8]) -> Option<usize> {
    if run.is_empty() {
        return Some(0);
    }
    text.windows(run.len()).position(|window| window == run)
}

#[cfg(test)]
mod tests;
