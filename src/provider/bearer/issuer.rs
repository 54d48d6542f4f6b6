//! One issuer, and its keys.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use url::Url;

use super::{NotTaken, away};
use crate::clock::{Clock, Timestamp};
use crate::oidc::access_token::{AccessToken, Expect, Untaken, UnverifiedAccessToken};
use crate::oidc::issuer::{document_addresses, jwks_uri};
use crate::oidc::jwt::{self, Refused};
use crate::provider::http::{Asking, Http};
use crate::provider::keys::{Keys, Unverified};
use crate::provider::{Bearer, BearerCheck};
use crate::telemetry::metrics::Endpoint;

pub struct Issuer {
    pub settings: Bearer,
    keys: Keys,
    /// Where its keys are, as far as its metadata had to be asked.
    located: ArcSwapOption<Located>,
    /// Held while asking: whoever else wants to know waits for the same answer.
    locating: tokio::sync::Mutex<Attempts>,
}

struct Located {
    jwks_uri: Url,
    at: Timestamp,
}

#[derive(Default)]
struct Attempts {
    not_before: Timestamp,
    why_not: String,
}

/// What can be said of a token on the spot.
pub struct AtHand {
    pub verdict: Result<AccessToken, Untaken>,
    /// Nothing that could be fetched would change it.
    pub for_good: bool,
}

impl Issuer {
    pub fn new(settings: Bearer) -> Issuer {
        Issuer {
            settings,
            keys: Keys::new(Endpoint::BearerJwks),
            located: ArcSwapOption::default(),
            locating: tokio::sync::Mutex::default(),
        }
    }

    pub fn expect(&self) -> Expect<'_> {
        let Bearer { issuer, audiences, algorithms, .. } = &self.settings;
        Expect { issuer, audiences, algorithms }
    }

    /// By the keys that are here. `None`: there are none yet.
    pub fn verify_at_hand(&self, token: &str, now: Timestamp) -> Option<AtHand> {
        let located = self.located.load();
        let (address, is_known_well) = match (self.written(), &*located) {
            (Some(written), _) => (written, true),
            (None, Some(located)) => (&located.jwks_uri, now.since(located.at) < RELOCATED),
            (None, None) => return None,
        };
        let (held, is_fresh) = self.keys.at_hand(address, now)?;
        let verdict = self.verify_with(token, jwt::Keys::Known(&held.jwks), now);
        let may_be_a_new_key = matches!(&verdict, Err(Untaken::Jwt(why)) if why.may_be_a_new_key());
        Some(AtHand { for_good: is_known_well && is_fresh && !may_be_a_new_key, verdict })
    }

    /// By keys that are fetched where they are missing, old, or seem to be.
    pub async fn verify(
        &self,
        token: &str,
        http: &Http,
        clock: &Clock,
        insecure_http: bool,
    ) -> Result<Result<AccessToken, Untaken>, NotTaken> {
        let address = self.locate(http, clock, insecure_http).await.map_err(away)?;
        let verify = |keys: jwt::Keys<'_>| match self.verify_with(token, keys, clock.now()) {
            Err(Untaken::Jwt(why)) => Err(why),
            other => Ok(other),
        };
        match self.keys.verify(Some(&address), http, clock, verify).await {
            Ok(verdict) => Ok(verdict),
            // Even where newer keys cannot be had just now: whoever has made the token up would be told to come again.
            Err(Unverified::Refused(why) | Unverified::Unsure(why)) => Ok(Err(why.into())),
            Err(Unverified::NoKeys(why)) => Err(away(why)),
        }
    }

    fn verify_with(&self, token: &str, keys: jwt::Keys<'_>, now: Timestamp) -> Result<AccessToken, Untaken> {
        UnverifiedAccessToken::recognise(token).ok_or(Refused::Type)?.verify(&self.expect(), keys, now)
    }

    fn written(&self) -> Option<&Url> {
        match &self.settings.check {
            BearerCheck::Keys { jwks_uri } => jwks_uri.as_ref(),
            BearerCheck::Either { jwks_uri, .. } => Some(jwks_uri),
            BearerCheck::Introspection(_) => None,
        }
    }

    /// Where its keys are; asked again now and then, and what was known stays where it cannot be.
    async fn locate(&self, http: &Http, clock: &Clock, insecure_http: bool) -> Result<Url, String> {
        if let Some(written) = self.written() {
            return Ok(written.clone());
        }
        let is_fresh = |located: &Arc<Located>| clock.now().since(located.at) < RELOCATED;
        let fresh = || self.located.load_full().filter(is_fresh).map(|located| located.jwks_uri.clone());
        if let Some(address) = fresh() {
            return Ok(address);
        }
        let mut attempts = self.locating.lock().await;
        // Whoever held the lock may have asked.
        if let Some(address) = fresh() {
            return Ok(address);
        }
        let known = self.located.load_full().map(|located| located.jwks_uri.clone());
        if clock.now() < attempts.not_before {
            return known.ok_or_else(|| attempts.why_not.clone());
        }
        match self.look(http, insecure_http).await {
            Ok(jwks_uri) => {
                self.located.store(Some(Arc::new(Located { jwks_uri: jwks_uri.clone(), at: clock.now() })));
                Ok(jwks_uri)
            }
            Err(why) => {
                *attempts = Attempts { not_before: clock.now() + AFTER_A_FAILURE, why_not: why.clone() };
                known.ok_or(why)
            }
        }
    }

    async fn look(&self, http: &Http, insecure_http: bool) -> Result<Url, String> {
        let issuer = &self.settings.issuer;
        let mut why = String::new();
        for address in document_addresses(issuer).map_err(|error| error.to_string())? {
            let read = |body: &[u8]| jwks_uri(body, issuer, insecure_http).map_err(|error| error.to_string());
            match http.get(Endpoint::BearerDiscovery, address, Asking::default(), read).await {
                Ok(jwks_uri) => return Ok(jwks_uri),
                // What the first place says is what people look into.
                Err(failure) if why.is_empty() => why = failure.to_string(),
                Err(_) => {}
            }
        }
        Err(why)
    }
}

const RELOCATED: Duration = Duration::from_secs(3600);
const AFTER_A_FAILURE: Duration = Duration::from_secs(5);
