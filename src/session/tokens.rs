//! The tokens part: opened only to refresh, to pass a token on, or to sign out. Packed as tightly as the cookie budget asks for.

use miniz_oxide::deflate::compress_to_vec;
use miniz_oxide::inflate::decompress_to_vec_with_limit;
use zeroize::Zeroizing;

use super::SessionId;
use super::codec::{Reader, put_bytes};
use super::jwt_packing::{pack_token, unpack_token};
use crate::oidc::Secret;

/// The tokens part, opened.
#[derive(Clone, Debug, PartialEq)]
pub struct Tokens {
    pub session: SessionId,
    pub generation: u32,
    pub access_token: Secret<String>,
    pub refresh_token: Option<Secret<String>>,
    pub id_token: Option<Secret<String>>,
    /// Fields that later calls need: those the user-info template names, and the identifiers to compare (`userId`, `sub`; toki.md).
    pub remembered: Vec<(String, String)>,
}

/// How tokens are written, in the order in which they are tried (interface.md `cookie_budget`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    Whole,
    WithoutIdToken,
    /// Without the ID token, JWTs taken apart, deflated. Nothing an attacker chooses stands beside the secrets: return addresses have cookies of
    /// their own (K-16).
    Compressed,
}

impl Packing {
    pub const LADDER: [Packing; 3] = [Packing::Whole, Packing::WithoutIdToken, Packing::Compressed];
}

impl Tokens {
    pub fn encode(&self, packing: Packing) -> Zeroizing<Vec<u8>> {
        let id_token = match packing {
            Packing::Whole => self.id_token.as_ref(),
            Packing::WithoutIdToken | Packing::Compressed => None,
        };
        let form = match packing {
            Packing::Whole | Packing::WithoutIdToken => PLAIN,
            Packing::Compressed => DEFLATED,
        };
        let mut body = Zeroizing::new(Vec::new());
        for token in [Some(&self.access_token), self.refresh_token.as_ref(), id_token] {
            let Some(token) = token else {
                body.push(ABSENT);
                continue;
            };
            body.push(PRESENT);
            match packing {
                Packing::Whole | Packing::WithoutIdToken => put_bytes(&mut body, token.expose().as_bytes()),
                Packing::Compressed => pack_token(&mut body, token.expose()),
            }
        }
        for (name, value) in &self.remembered {
            body.push(PRESENT);
            put_bytes(&mut body, name.as_bytes());
            put_bytes(&mut body, value.as_bytes());
        }
        body.push(ABSENT);
        put_bytes(&mut body, b"");

        let mut out = Zeroizing::new(Vec::with_capacity(HEAD + body.len()));
        out.extend_from_slice(&[VERSION, form]);
        out.extend_from_slice(self.session.as_bytes());
        out.extend_from_slice(&self.generation.to_le_bytes());
        match packing {
            Packing::Whole | Packing::WithoutIdToken => out.extend_from_slice(&body),
            Packing::Compressed => out.extend_from_slice(&Zeroizing::new(compress_to_vec(&body, DEFLATE_LEVEL))),
        }
        out
    }

    /// Inflates at most [`MAX_INFLATED`] bytes.
    pub fn decode(bytes: &[u8]) -> Option<Tokens> {
        let mut read = Reader::new(bytes);
        if read.byte()? != VERSION {
            return None;
        }
        let form = read.byte()?;
        let session = SessionId::from_bytes(read.array()?);
        let generation = u32::from_le_bytes(read.array()?);
        let inflated = match form {
            PLAIN => None,
            DEFLATED => Some(Zeroizing::new(decompress_to_vec_with_limit(read.rest(), MAX_INFLATED).ok()?)),
            _ => return None,
        };
        let mut body = inflated.as_deref().map_or(read, |bytes| Reader::new(bytes));
        let mut token = || match body.byte()? {
            ABSENT => Some(None),
            PRESENT if form == PLAIN => Some(Some(body.text()?.to_owned())),
            PRESENT => Some(Some(unpack_token(&mut body)?)),
            _ => None,
        };
        let access_token = Secret::new(token()??);
        let refresh_token = token()?.map(Secret::new);
        let id_token = token()?.map(Secret::new);
        let mut remembered = Vec::new();
        while body.byte()? == PRESENT {
            remembered.push((body.text()?.to_owned(), body.text()?.to_owned()));
        }
        let _extension = body.bytes()?;
        body.is_at_end().then_some(Tokens { session, generation, access_token, refresh_token, id_token, remembered })
    }
}

const VERSION: u8 = 1;
const PLAIN: u8 = 0;
const DEFLATED: u8 = 1;
const ABSENT: u8 = 0;
const PRESENT: u8 = 1;
const HEAD: usize = 1 + 1 + 16 + 4;
const DEFLATE_LEVEL: u8 = 8;
/// More than sixteen cookies could ever hold of tokens as they are.
pub const MAX_INFLATED: usize = 256 * 1024;

#[cfg(test)]
mod tests;
