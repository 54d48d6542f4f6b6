//! Who is it? A session in two sealed parts: identity (opened on every request) and tokens (opened to refresh or to pass on).
//! Pure: what is sealed and opened, never where it is kept.

mod at_provider;
pub mod attempt;
pub mod chunk;
pub mod claims;
pub mod codec;
mod jwt_packing;
pub mod seal;
pub mod tokens;

#[cfg(test)]
pub mod samples;

pub use at_provider::{AtProvider, MAX_NAME, Sub};
pub use attempt::{Attempt, State};
pub use claims::{Claim, Claims};
pub use seal::{KeyRing, Purpose};
pub use tokens::Tokens;

use std::time::Duration;

use crate::clock::Timestamp;
use crate::oidc::Subject;

/// 128 random bits that name a session from sign-in to its end; survives refreshes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId([u8; 16]);

impl SessionId {
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        SessionId(bytes)
    }

    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl std::fmt::Debug for SessionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SessionId({:02x}{:02x}…)", self.0[0], self.0[1])
    }
}

/// The identity part, opened: a session by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    pub id: SessionId,
    /// Counts the sealings that changed tokens: 0 at sign-in, one more with every refresh.
    pub generation: u32,
    pub user: Subject,
    pub created_at: Timestamp,
    /// The absolute end; no refresh moves it.
    pub expires_at: Timestamp,
    /// The last activity that was written down; only kept up where `idle_timeout` is on.
    pub seen_at: Timestamp,
    /// When the user last proved who they are at the provider: the ID token's `auth_time`; else, where the preset promises no ID token, a sign-in
    /// that was asked to be a fresh one. `None`: nobody said.
    pub auth_time: Option<Timestamp>,
    /// When this access token was received.
    pub token_issued_at: Timestamp,
    /// When the access token ends. Without `expires_in`: interface.md `end_with_token`.
    pub token_expires_at: Timestamp,
    /// Whether a refresh token belongs to it. Such a session ends with its access token when the token part is missing.
    pub refreshable: bool,
    pub claims: Claims,
    pub at_provider: AtProvider,
}

/// How long sessions and tokens last; filled by `config`.
#[derive(Clone, Debug)]
pub struct Lifetimes {
    pub lifetime: Duration,
    pub idle_timeout: Option<Duration>,
    pub end_with_token: bool,
    /// As written, or `None`: 60 s, but at most a third of the token's life.
    pub refresh_before: Option<Duration>,
    pub outage_grace: Duration,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Lifetimes {
            lifetime: Duration::from_secs(12 * 3600),
            idle_timeout: None,
            end_with_token: false,
            refresh_before: None,
            outage_grace: Duration::from_secs(300),
        }
    }
}

/// Where a session stands at a moment. The only comparison of expiry there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// Nothing to do.
    Fresh,
    /// Inside the refresh window; `late` in its second half, where any request refreshes and not only page loads.
    Stale { late: bool },
    /// The access token has run out and can be refreshed: the request waits.
    Expired,
    /// Over: absolute lifetime, idleness, or its token's end where that ends it.
    Over,
}

impl Session {
    /// `lifetime`/`idle_timeout` end it; a session without a refresh token ends with its token only where `end_with_token` says so.
    pub fn freshness(&self, lifetimes: &Lifetimes, now: Timestamp) -> Freshness {
        if now >= self.end(lifetimes) {
            return Freshness::Over;
        }
        if !self.refreshable {
            return Freshness::Fresh;
        }
        let left = self.token_expires_at.since(now);
        if left.is_zero() {
            return Freshness::Expired;
        }
        let window = self.refresh_window(lifetimes);
        if left > window {
            return Freshness::Fresh;
        }
        Freshness::Stale { late: left <= window / 2 }
    }

    /// `sub` of the ID token, where there was one.
    pub fn sub(&self) -> Option<&str> {
        self.at_provider.sub().map(|sub| match sub {
            Sub::User => self.user.as_str(),
            Sub::Other(sub) => sub,
        })
    }

    /// What is left of the session: the cookies' `Max-Age`.
    pub fn left(&self, lifetimes: &Lifetimes, now: Timestamp) -> Duration {
        self.end(lifetimes).since(now)
    }

    /// The same without regard to idleness: for the tokens' cookies, which are not written again when somebody was active. Written again they could
    /// overwrite newer ones.
    pub fn left_at_most(&self, lifetimes: &Lifetimes, now: Timestamp) -> Duration {
        self.absolute_end(lifetimes).since(now)
    }

    /// The session with this activity written down, where `idle_timeout` is on and it is time to: at most once a minute or a tenth of the time-out,
    /// whichever is longer, but never later than half of it.
    pub fn touched(&self, lifetimes: &Lifetimes, now: Timestamp) -> Option<Session> {
        let idle = lifetimes.idle_timeout?;
        let step = (idle / 10).max(Duration::from_secs(60)).min(idle / 2);
        (now.since(self.seen_at) >= step).then(|| Session { seen_at: now, ..self.clone() })
    }

    fn end(&self, lifetimes: &Lifetimes) -> Timestamp {
        let end = self.absolute_end(lifetimes);
        match lifetimes.idle_timeout {
            Some(idle) => end.min(self.seen_at + idle),
            None => end,
        }
    }

    /// A `lifetime` that was made shorter counts for sessions that began before, too.
    fn absolute_end(&self, lifetimes: &Lifetimes) -> Timestamp {
        let end = self.expires_at.min(self.created_at + lifetimes.lifetime);
        if lifetimes.end_with_token && !self.refreshable { end.min(self.token_expires_at) } else { end }
    }

    /// How long before its token's end a refresh is due. A value that is written is taken as written. The default is spread over up to a tenth by the
    /// session's identifier, so that sessions which began together are not refreshed together; still at most a third of the token's life.
    fn refresh_window(&self, lifetimes: &Lifetimes) -> Duration {
        if let Some(written) = lifetimes.refresh_before {
            return written;
        }
        let spread = u32::from(u16::from_le_bytes([self.id.0[0], self.id.0[1]]));
        let default = DEFAULT_REFRESH_BEFORE + DEFAULT_REFRESH_BEFORE / 10 * spread / u32::from(u16::MAX);
        default.min(self.token_expires_at.since(self.token_issued_at) / 3)
    }
}

const DEFAULT_REFRESH_BEFORE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests;
