//! The provider's keys: fetched when first needed, once for all who wait, again when they are old or when an unknown key has signed; kept while they
//! cannot be fetched.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use url::Url;

use super::http::{Asking, Http};
use crate::clock::{Clock, Timestamp};
use crate::oidc::Secret;
use crate::oidc::id_token::{Expect, IdToken, UnverifiedIdToken};
use crate::oidc::jwks::Jwks;
use crate::oidc::jwt::{self, Refused};
use crate::telemetry::metrics::Endpoint;

pub struct Keys {
    /// As which their fetching is counted.
    endpoint: Endpoint,
    held: ArcSwapOption<Held>,
    /// Held while fetching: whoever else wants keys waits for the same ones.
    fetching: tokio::sync::Mutex<Attempts>,
}

pub struct Held {
    pub jwks: Jwks,
    from: Url,
    fetched_at: Timestamp,
}

/// When fetching is worth another try.
#[derive(Default)]
struct Attempts {
    /// After a failure.
    not_before: Timestamp,
    why_not: String,
    /// After keys that were fetched because an unknown one had signed (J-03).
    no_newer_before: Timestamp,
}

/// Why a token was not found to hold.
#[derive(Debug, thiserror::Error)]
pub enum Unverified {
    #[error("{0}")]
    Refused(#[from] Refused),
    /// A newer key may have signed it, which could not be fetched just now.
    #[error("{0}, and newer keys cannot be had now")]
    Unsure(Refused),
    #[error("the provider's keys cannot be had: {0}")]
    NoKeys(String),
}

impl Keys {
    pub fn new(endpoint: Endpoint) -> Keys {
        Keys { endpoint, held: ArcSwapOption::default(), fetching: tokio::sync::Mutex::default() }
    }

    /// Verifies what the provider has signed, with keys fetched anew where those that are held cannot have signed it. `address`: `None` where none is
    /// known.
    pub async fn verify<T>(
        &self,
        address: Option<&Url>,
        http: &Http,
        clock: &Clock,
        verify: impl Fn(jwt::Keys<'_>) -> Result<T, Refused>,
    ) -> Result<T, Unverified> {
        let Some(address) = address else { return Ok(verify(jwt::Keys::NotKnown)?) };
        let held = self.current(address, http, clock).await.map_err(Unverified::NoKeys)?;
        match verify(jwt::Keys::Known(&held.jwks)) {
            Err(why) if why.may_be_a_new_key() => match self.newer(&held, http, clock).await {
                Some(newer) => Ok(verify(jwt::Keys::Known(&newer.jwks))?),
                None => Err(Unverified::Unsure(why)),
            },
            verified => Ok(verified?),
        }
    }

    /// The same of an ID token.
    pub async fn verify_id_token(
        &self,
        id_token: &Secret<String>,
        expect: &Expect<'_>,
        address: Option<&Url>,
        http: &Http,
        clock: &Clock,
    ) -> Result<IdToken, Unverified> {
        let verify =
            |keys: jwt::Keys<'_>| UnverifiedIdToken::parse(id_token.expose())?.verify(expect, keys, clock.now());
        self.verify(address, http, clock, verify).await
    }

    /// The keys that are here, if they are that address's, and whether they are still fresh.
    pub fn at_hand(&self, address: &Url, now: Timestamp) -> Option<(Arc<Held>, bool)> {
        let held = self.held.load_full().filter(|held| held.from == *address)?;
        let is_fresh = now.since(held.fetched_at) < FRESH;
        Some((held, is_fresh))
    }

    /// The keys, not older than [`FRESH`] where that can be.
    async fn current(&self, address: &Url, http: &Http, clock: &Clock) -> Result<Arc<Held>, String> {
        let usable = |held: &Arc<Held>| held.from == *address;
        let fresh = |held: &Arc<Held>| usable(held) && clock.now().since(held.fetched_at) < FRESH;
        if let Some(held) = self.held.load_full().filter(fresh) {
            return Ok(held);
        }
        let mut attempts = self.fetching.lock().await;
        // Whoever held the lock may have fetched them.
        let held = self.held.load_full().filter(usable);
        if let Some(held) = held.clone().filter(fresh) {
            return Ok(held);
        }
        let fetched = self.fetch(address, &mut attempts, http, clock).await;
        fetched.or_else(|why| held.ok_or(why))
    }

    /// Keys newer than these. `None`: there are none, or it was asked for too lately.
    async fn newer(&self, than: &Arc<Held>, http: &Http, clock: &Clock) -> Option<Arc<Held>> {
        let mut attempts = self.fetching.lock().await;
        let held = self.held.load_full()?;
        if !Arc::ptr_eq(&held, than) {
            return Some(held);
        }
        if clock.now() < attempts.no_newer_before.max(attempts.not_before) {
            return None;
        }
        attempts.no_newer_before = clock.now() + COOL_DOWN;
        self.fetch(&than.from, &mut attempts, http, clock).await.ok()
    }

    async fn fetch(
        &self,
        address: &Url,
        attempts: &mut Attempts,
        http: &Http,
        clock: &Clock,
    ) -> Result<Arc<Held>, String> {
        if clock.now() < attempts.not_before {
            return Err(attempts.why_not.clone());
        }
        let read = |body: &[u8]| Jwks::read(body).map_err(|error| error.to_string());
        match http.get(self.endpoint, address.clone(), Asking::default(), read).await {
            Ok(jwks) => {
                let held = Arc::new(Held { jwks, from: address.clone(), fetched_at: clock.now() });
                self.held.store(Some(held.clone()));
                Ok(held)
            }
            Err(failure) => {
                attempts.not_before = clock.now() + AFTER_A_FAILURE;
                attempts.why_not = failure.to_string();
                Err(failure.to_string())
            }
        }
    }
}

/// How long a key that the provider has dropped still verifies here (J-06).
const FRESH: Duration = Duration::from_secs(15 * 60);
const COOL_DOWN: Duration = Duration::from_secs(30);
const AFTER_A_FAILURE: Duration = Duration::from_secs(5);
