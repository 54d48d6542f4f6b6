//! The cookie store: reads a caller out of a request's cookies, and writes `Set-Cookie` where something changed.

use http::HeaderMap;

use super::{Held, TokensPart};
use crate::clock::Timestamp;
use crate::session::{Attempt, KeyRing, Lifetimes, Tokens};
use crate::wire::{CookieNames, Cookies};

/// `[session] same_site`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum SameSite {
    #[default]
    Lax,
    Strict,
}

/// How cookies are written; filled by `config`.
#[derive(Clone, Debug)]
pub struct Settings {
    pub names: CookieNames,
    pub same_site: SameSite,
    /// Bytes that may come back in `Cookie`; `[session] cookie_budget`.
    pub budget: usize,
    /// Bound into every seal: another client's cookies open nothing here.
    pub client_id: String,
    pub lifetimes: Lifetimes,
}

/// Sign-in was given more than the cookie budget holds, even without the ID token and compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the session would take {needed} bytes of cookies; session.cookie_budget is {budget}")]
pub struct OverBudget {
    pub needed: usize,
    pub budget: usize,
}

pub struct CookieStore {
    pub settings: Settings,
}

impl CookieStore {
    /// Reads the identity part; nothing else is opened. Over and unreadable sessions are `Known::Unreadable`.
    pub fn presented(&self, cookies: &Cookies, keys: &KeyRing, now: Timestamp) -> Held {
        let _ = (cookies, keys, now);
        todo!()
    }

    /// Opens the tokens part (on demand: to refresh, to pass a token on, at sign-out). A part of another session is `Absent`; of another
    /// generation of the same session it is used as it is.
    pub fn tokens(&self, held: &Held, cookies: &Cookies, keys: &KeyRing) -> TokensPart {
        let _ = (held, cookies, keys);
        todo!()
    }

    /// The attempt whose `state` this is, and its slot.
    pub fn attempt(&self, cookies: &Cookies, keys: &KeyRing, state_id: &str, now: Timestamp) -> Option<(u8, Attempt)> {
        let _ = (cookies, keys, state_id, now);
        todo!()
    }

    /// The slot for a new attempt: a free one, else the oldest.
    pub fn free_slot(&self, cookies: &Cookies, keys: &KeyRing, now: Timestamp) -> u8 {
        let _ = (cookies, keys, now);
        todo!()
    }

    /// Whether these tokens fit the budget as they are, without their ID token, or compressed.
    pub fn fits(&self, held: &Held, tokens: &Tokens, keys: &KeyRing) -> Result<(), OverBudget> {
        let _ = (held, tokens, keys);
        todo!()
    }

    /// Writes `Set-Cookie` lines (and `Cache-Control: no-store`) where `after` differs from `before`, or where surplus pieces and dropped names came.
    pub fn settle(
        &self,
        before: &Held,
        after: &Held,
        cookies: &Cookies,
        keys: &KeyRing,
        now: Timestamp,
        headers: &mut HeaderMap,
    ) {
        let _ = (before, after, cookies, keys, now, headers);
        todo!()
    }
}
