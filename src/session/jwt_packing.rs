//! A JWT's segments are base64url, which hides from deflate what repeats in them. Taken apart they are a quarter smaller before it and compress
//! well; they are put together again byte for byte, or a token is kept as it is.

use base64_simd::URL_SAFE_NO_PAD;

use super::codec::{Reader, put_bytes};

/// Writes a token: as it is, or as the decoded segments of a JWT. The decoder is strict: what it takes encodes to the very same text again.
pub fn pack_token(out: &mut Vec<u8>, token: &str) {
    let segments: Option<Vec<Vec<u8>>> =
        token.split('.').map(|segment| URL_SAFE_NO_PAD.decode_to_vec(segment).ok()).collect();
    match segments {
        Some(segments) if segments.len() == JWT_SEGMENTS => {
            out.push(JWT);
            for segment in &segments {
                put_bytes(out, segment);
            }
        }
        Some(_) | None => {
            out.push(RAW);
            put_bytes(out, token.as_bytes());
        }
    }
}

pub fn unpack_token(read: &mut Reader<'_>) -> Option<String> {
    match read.byte()? {
        RAW => Some(read.text()?.to_owned()),
        JWT => {
            let segments = [read.bytes()?, read.bytes()?, read.bytes()?];
            Some(joined(&segments))
        }
        _ => None,
    }
}

fn joined<S: AsRef<[u8]>>(segments: &[S]) -> String {
    let texts: Vec<String> = segments.iter().map(|segment| URL_SAFE_NO_PAD.encode_to_string(segment)).collect();
    texts.join(".")
}

const RAW: u8 = 0;
const JWT: u8 = 1;
/// Header, payload, signature (RFC 7515 §3.1); an encrypted token's five have nothing to gain.
const JWT_SEGMENTS: usize = 3;
