//! Tokens that were found good lately: whoever brings one again is known at once. Checking a signature anew costs more than everything else that a request
//! costs, and asking an issuer anew a thousand times as much.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::hmac;

use crate::clock::Timestamp;
use crate::provider::random;
use crate::session::Session;
use crate::store::expiring::Expiring;

/// A keyed hash of a token: never the token itself.
pub type Mark = [u8; 32];

/// Tokens that were good, by their marks. A mutex for all workers: it is held for one look-up.
pub struct Known {
    /// Of this process: what is kept of tokens is good for nothing elsewhere.
    key: hmac::Key,
    good: Mutex<Expiring<Mark, Good>>,
}

struct Good {
    session: Session,
    /// Until then nobody is asked; later it is still known that it was good.
    until: Timestamp,
}

/// What is known of a token.
pub enum Standing {
    Good(Session),
    /// A while ago.
    WasGood,
    Stranger,
}

impl Known {
    pub fn new() -> Known {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &random::<32>());
        Known { key, good: Mutex::new(Expiring::new(KEPT)) }
    }

    /// What a token is known by here.
    pub fn mark(&self, token: &str) -> Mark {
        let mut mark = Mark::default();
        mark.copy_from_slice(hmac::sign(&self.key, token.as_bytes()).as_ref());
        mark
    }

    /// Whether it may be served unasked.
    pub fn standing(&self, mark: &Mark, now: Timestamp) -> Standing {
        let mut good = self.lock();
        good.tidy(now);
        match good.get(*mark) {
            Some(good) if now < good.until => Standing::Good(good.session.clone()),
            Some(_) => Standing::WasGood,
            None => Standing::Stranger,
        }
    }

    /// Served unasked for a short while, and known as no stranger for longer; never beyond its own end.
    pub fn found_good(&self, mark: Mark, session: &Session, now: Timestamp) {
        let until = session.token_expires_at.min(now + SERVED);
        let forget_at = session.token_expires_at.min(now + REMEMBERED);
        let mut good = self.lock();
        good.tidy(now);
        good.put(mark, Good { session: session.clone(), until }, forget_at);
    }

    /// It is a stranger again.
    pub fn found_bad(&self, mark: &Mark) {
        self.lock().remove(*mark);
    }

    fn lock(&self) -> MutexGuard<'_, Expiring<Mark, Good>> {
        self.good.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const KEPT: usize = 10_000;
/// How long a token that was revoked, or whose key was dropped, is still served.
const SERVED: Duration = Duration::from_secs(30);
/// How long a token that was good is no stranger.
const REMEMBERED: Duration = Duration::from_secs(3600);
