//! Where sessions are kept: in the browser's cookies; and what this process remembers about them.

pub mod cookie;
pub mod expiring;
pub mod memory;
mod settle;

#[cfg(test)]
mod tests;

use crate::gate::Known;
use crate::session::{Attempt, Tokens};

/// The tokens part, as far as it was looked at.
#[derive(Clone, Debug, PartialEq)]
pub enum TokensPart {
    /// None came, or it was of another session: no token can be passed on.
    Absent,
    /// It came and was not opened yet.
    Sealed,
    Opened(std::sync::Arc<Tokens>),
}

/// Everything a response may have to write back. Compared before and after; only differences make `Set-Cookie`.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    pub known: Known,
    pub tokens: TokensPart,
    /// The identity or tokens came under a key that seals no longer: write them anew.
    pub reseal: bool,
    pub signed_out: bool,
    /// What the marker of a browser that is on its way to the provider's own sign-out says, so that it knows its way back.
    pub leaving: Option<String>,
    /// How often this browser came back from the provider in the last minute, as far as it says so.
    pub returned: u8,
    /// Attempts to write: slot and content.
    pub attempt_started: Option<(u8, Attempt)>,
    /// Attempt slots to delete.
    pub attempts_over: smallvec::SmallVec<[u8; 6]>,
}
