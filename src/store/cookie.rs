//! The cookie store: reads a caller out of a request's cookies, and writes `Set-Cookie` where something changed.

use std::borrow::Cow;
use std::sync::Arc;

use subtle::ConstantTimeEq;

use super::{Held, TokensPart};
use crate::clock::Timestamp;
use crate::gate::Known;
use crate::session::{Attempt, Freshness, KeyRing, Lifetimes, Purpose, Session, Tokens, chunk};
use crate::wire::cookies::ATTEMPT_SLOTS;
use crate::wire::{CookieNames, Cookies, Part};

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
    pub fn new(settings: Settings) -> CookieStore {
        CookieStore { settings }
    }

    /// Reads the identity part; nothing else is opened. Over and unreadable sessions are `Known::Unreadable`, and so is a refreshable one whose access
    /// token has run out and whose token part did not come: a browser must not escape `invalid_grant` by dropping a cookie. Where that part came and
    /// does not open, `tokens` says `Absent` in place of a refresh, and the caller ends the session by the same rule.
    ///
    /// What this process remembers is not looked at: the caller asks `Memory::is_ended` and `Memory::newer`.
    pub fn presented(&self, cookies: &Cookies, keys: &KeyRing, now: Timestamp) -> Held {
        let mut held = Held {
            known: Known::Nobody,
            tokens: TokensPart::Absent,
            reseal: false,
            signed_out: false,
            leaving: None,
            returned: 0,
            attempt_started: None,
            attempts_over: smallvec::SmallVec::new(),
        };
        if cookies.is_empty() {
            return held;
        }
        held.signed_out = cookies.parts().any(|part| part == Part::SignedOut);
        held.returned = match cookies.value(Part::Returned) {
            Some([digit @ b'1'..=b'9']) => digit - b'0',
            Some(_) | None => 0,
        };
        if !cookies.parts().any(is_identity) {
            return held;
        }
        let tokens_start = cookies.value(Part::Tokens(0)).and_then(|value| value.get(1..));
        if tokens_start.is_some() {
            held.tokens = TokensPart::Sealed;
        }
        held.known = match self.session(cookies, keys, now) {
            Some((session, _)) if self.is_over(&session, &held.tokens, now) => Known::Unreadable,
            Some((session, former)) => {
                held.reseal = former || tokens_start.is_some_and(|text| keys.names_former(text, now));
                Known::User(session)
            }
            None => Known::Unreadable,
        };
        held
    }

    /// Opens the tokens part (on demand: to refresh, to pass a token on, at sign-out). A part of another session is `Absent`; of another
    /// generation of the same session it is used as it is.
    pub fn tokens(&self, held: &Held, cookies: &Cookies, keys: &KeyRing) -> TokensPart {
        match &held.tokens {
            TokensPart::Absent => return TokensPart::Absent,
            TokensPart::Opened(tokens) => return TokensPart::Opened(tokens.clone()),
            TokensPart::Sealed => {}
        }
        let Known::User(session) = &held.known else { return TokensPart::Absent };
        let opened = joined(cookies, Part::Tokens)
            .and_then(|text| keys.open(Purpose::Tokens, &text))
            .and_then(|opened| Tokens::decode(&opened.into_secret()));
        match opened {
            Some(tokens) if tokens.session == session.id => TokensPart::Opened(Arc::new(tokens)),
            Some(_) | None => TokensPart::Absent,
        }
    }

    /// The attempt whose `state` this is, and its slot.
    pub fn attempt(&self, cookies: &Cookies, keys: &KeyRing, state_id: &str, now: Timestamp) -> Option<(u8, Attempt)> {
        self.attempts(cookies, keys, now)
            .find(|(_, attempt)| attempt.state_id.as_bytes().ct_eq(state_id.as_bytes()).into())
    }

    /// The slot for a new attempt: a free one, else the oldest. Among free ones the new `state` itself chooses, since tabs that are opened together all
    /// come with the same cookies: the first free one would be the same for all of them.
    pub fn free_slot(&self, cookies: &Cookies, keys: &KeyRing, state_id: &str, now: Timestamp) -> u8 {
        let taken: Vec<(Timestamp, u8)> =
            self.attempts(cookies, keys, now).map(|(slot, attempt)| (attempt.started_at, slot)).collect();
        let free: Vec<u8> = (0..ATTEMPT_SLOTS).filter(|slot| !taken.iter().any(|(_, taken)| taken == slot)).collect();
        let chance = state_id.bytes().fold(0usize, |sum, byte| sum + usize::from(byte));
        match free.get(chance % free.len().max(1)) {
            Some(slot) => *slot,
            None => taken.iter().min().map_or(0, |(_, slot)| *slot),
        }
    }

    fn attempts<'a>(
        &self,
        cookies: &'a Cookies,
        keys: &'a KeyRing,
        now: Timestamp,
    ) -> impl Iterator<Item = (u8, Attempt)> + 'a {
        (0..ATTEMPT_SLOTS).filter_map(move |slot| {
            let text = cookies.value(Part::Attempt(slot))?;
            Some((slot, Attempt::open(keys, text, now)?))
        })
    }

    fn session(&self, cookies: &Cookies, keys: &KeyRing, now: Timestamp) -> Option<(Session, bool)> {
        let opened = keys.open(Purpose::Session, &joined(cookies, Part::Identity)?)?;
        let former = keys.is_former(&opened, now);
        Some((Session::decode(&opened.into_bytes())?, former))
    }

    fn is_over(&self, session: &Session, tokens: &TokensPart, now: Timestamp) -> bool {
        match session.freshness(&self.settings.lifetimes, now) {
            Freshness::Fresh | Freshness::Stale { .. } => false,
            Freshness::Expired => *tokens == TokensPart::Absent,
            Freshness::Over => true,
        }
    }
}

/// The sealed text of a part that came in one or more pieces.
fn joined(cookies: &Cookies, part: fn(u8) -> Part) -> Option<Cow<'_, [u8]>> {
    let same = std::mem::discriminant(&part(0));
    let came = cookies.parts().filter(|part| std::mem::discriminant(part) == same).count();
    chunk::join(came, |index| cookies.value(part(index)))
}

pub(in crate::store) fn is_identity(part: Part) -> bool {
    matches!(part, Part::Identity(_))
}

pub(in crate::store) fn is_tokens(part: Part) -> bool {
    matches!(part, Part::Tokens(_))
}
