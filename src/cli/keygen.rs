//! `tokigate keygen`: one fresh 256-bit key in base64url.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{Console, Exit};

pub(super) fn keygen(console: &mut Console<'_>) -> io::Result<Exit> {
    writeln!(console.out, "{}", fresh_key()?)?;
    Ok(Exit::Done)
}

pub(super) fn fresh_key() -> io::Result<String> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(io::Error::other)?;
    Ok(URL_SAFE_NO_PAD.encode(key))
}
