//! Sessions, tokens, attempts and states as bytes: a version byte, a fixed head read in place, then what varies.
//!
//! Numbers are little-endian. What varies in length has its length before it: seven bits a byte, the last without the high bit, four bytes at most.
//! A session and an attempt end in an extension area, for what a minor release adds (`at_provider.rs`). Reading never panics, whatever the bytes.

use bytes::Bytes;

use super::{AtProvider, Claims, Session, SessionId};
use crate::clock::Timestamp;
use crate::oidc::Subject;

impl Session {
    /// What is sealed: the fixed head, user, claims, the extension area.
    pub fn encode(&self) -> Vec<u8> {
        let user = self.user.as_str().as_bytes();
        let mut out = Vec::with_capacity(HEAD + 12 + user.len() + self.claims.as_bytes().len());
        out.extend_from_slice(&[VERSION, if self.refreshable { REFRESHABLE } else { 0 }]);
        out.extend_from_slice(self.id.as_bytes());
        out.extend_from_slice(&self.generation.to_le_bytes());
        for time in [
            self.created_at,
            self.expires_at,
            self.seen_at,
            self.auth_time.unwrap_or_default(),
            self.token_issued_at,
            self.token_expires_at,
        ] {
            put_time(&mut out, time);
        }
        put_bytes(&mut out, user);
        put_bytes(&mut out, self.claims.as_bytes());
        put_bytes(&mut out, self.at_provider.as_bytes());
        out
    }

    /// User and claims stay slices of these bytes.
    pub fn decode(bytes: &Bytes) -> Option<Session> {
        let mut read = Reader::new(bytes);
        if read.byte()? != VERSION {
            return None;
        }
        let flags = read.byte()?;
        let session = Session {
            id: SessionId::from_bytes(read.array()?),
            generation: u32::from_le_bytes(read.array()?),
            created_at: read.time()?,
            expires_at: read.time()?,
            seen_at: read.time()?,
            auth_time: Some(read.time()?).filter(|time| *time != Timestamp::default()),
            token_issued_at: read.time()?,
            token_expires_at: read.time()?,
            refreshable: flags & REFRESHABLE != 0,
            user: Subject::shared(bytes.slice_ref(read.bytes()?))?,
            claims: Claims::from_record(bytes.slice_ref(read.bytes()?))?,
            at_provider: AtProvider::from_area(bytes.slice_ref(read.bytes()?))?,
        };
        read.is_at_end().then_some(session)
    }
}

/// What an extension area holds, in its order; the last is `None` where it is broken off.
pub fn extensions(area: &[u8]) -> impl Iterator<Item = Option<(u8, &[u8])>> {
    let mut read = Reader::new(area);
    let mut broken = false;
    std::iter::from_fn(move || {
        if broken || read.is_at_end() {
            return None;
        }
        let next = read.byte().and_then(|tag| Some((tag, read.bytes()?)));
        broken = next.is_none();
        Some(next)
    })
}

/// One entry of an extension area.
pub fn put_extension(out: &mut Vec<u8>, tag: u8, value: &[u8]) {
    out.push(tag);
    put_bytes(out, value);
}

/// Reads what `put_…` wrote, from untrusted bytes.
#[derive(Clone, Copy)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// From the beginning of these bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Reader(bytes)
    }

    /// Whether everything has been read: what is left over makes a record none of ours.
    pub fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }

    /// What has not been read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.0
    }

    /// `None`, here and below: there are not enough bytes.
    pub fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// So many bytes as they are.
    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }

    /// What [`put_time`] wrote.
    pub fn time(&mut self) -> Option<Timestamp> {
        Some(Timestamp::from_unix_millis(u64::from_le_bytes(self.array()?)))
    }

    /// What [`put_bytes`] wrote; also `None` where its length is none of ours.
    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = self.len()?;
        let (bytes, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(bytes)
    }

    /// The same, where it is UTF-8.
    pub fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    fn len(&mut self) -> Option<usize> {
        let mut len = 0;
        for shift in [0, 7, 14, 21] {
            let byte = self.byte()?;
            len |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(len);
            }
        }
        None
    }
}

/// Milliseconds, eight bytes.
pub fn put_time(out: &mut Vec<u8>, time: Timestamp) {
    out.extend_from_slice(&time.unix_millis().to_le_bytes());
}

/// What is 256 MiB or longer is written as empty: nothing of ours comes near it, and a cookie holds a ten-thousandth.
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    let bytes = if bytes.len() < 1 << 28 { bytes } else { b"" };
    let mut len = bytes.len();
    while len >= 0x80 {
        out.push((len & 0x7f) as u8 | 0x80);
        len >>= 7;
    }
    out.push(len as u8);
    out.extend_from_slice(bytes);
}

const VERSION: u8 = 1;
const REFRESHABLE: u8 = 1;
/// Version, flags, identifier, generation, six times.
const HEAD: usize = 1 + 1 + 16 + 4 + 6 * 8;
