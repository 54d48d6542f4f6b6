//! What the provider says of ended sessions (OpenID Connect Back-Channel Logout 1.0): whether it is the provider who says it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use url::Url;

use super::keys::Unverified;
use super::{Provider, Settings, Shared, WAIT_FOR_A_PLACE};
use crate::oidc::Secret;
use crate::oidc::jwt::Refused;
use crate::oidc::logout::{Expect, LogoutToken, UnverifiedLogoutToken};

/// Why a logout token ends nothing.
#[derive(Debug, thiserror::Error)]
pub enum LogoutError {
    /// Nobody is known who could have signed it; the keys are `provider.issuer` and `provider.jwks_uri`.
    #[error("no issuer or no keys are known here")]
    NotSetUp,
    #[error("{0}")]
    Refused(Refused),
    /// It may well hold: nobody can tell now.
    #[error("it cannot be verified now: {why}")]
    NotNow { why: String, retry_after: Duration },
}

impl Settings {
    /// Whether a logout token can be verified: by addresses that are written, or discovered.
    pub fn knows_who_signs(&self) -> bool {
        self.preset == super::Preset::Oidc || (self.addresses.issuer.is_some() && self.addresses.jwks_uri.is_some())
    }
}

impl Provider {
    /// Verifies a logout token; fetches keys where that is needed and due. Whether it was taken before, is for who asks to know.
    pub async fn verify_logout_token(&self, token: Secret<String>) -> Result<LogoutToken, LogoutError> {
        let shared = self.shared.clone();
        // Anybody may come with a token, and all who wait for keys wait here: in the request, so that nothing is left of those who leave.
        let place = timeout(WAIT_FOR_A_PLACE, Arc::clone(&shared.logout_places).acquire_owned()).await;
        let Ok(Ok(place)) = place else { return Err(not_now("too many at once".to_owned())) };
        let work = async move {
            let _place = place;
            verify(&shared, &token).await
        };
        self.runtime.handle().spawn(work).await.unwrap_or_else(|_| Err(not_now("it was broken off".to_owned())))
    }

    /// The origins that the provider's own pages have, as far as its addresses tell: who may show the page of a front-channel logout in a frame.
    pub fn pages(&self) -> Vec<String> {
        let Ok(metadata) = self.shared.metadata() else { return Vec::new() };
        let issuer = metadata.issuer.as_deref().and_then(|issuer| Url::parse(issuer).ok());
        let addresses = [Some(&metadata.authorization_endpoint), metadata.end_session_endpoint.as_ref()];
        let mut origins: Vec<String> = Vec::new();
        for address in issuer.as_ref().into_iter().chain(addresses.into_iter().flatten()) {
            let origin = address.origin().ascii_serialization();
            if !origins.contains(&origin) {
                origins.push(origin);
            }
        }
        origins
    }

    /// The issuer, where one is known.
    pub fn issuer(&self) -> Option<String> {
        self.shared.metadata().ok()?.issuer.clone()
    }
}

async fn verify(shared: &Shared, token: &Secret<String>) -> Result<LogoutToken, LogoutError> {
    let Shared { settings, http, logout_keys: keys, clock, .. } = shared;
    if !settings.knows_who_signs() {
        return Err(LogoutError::NotSetUp);
    }
    let metadata = shared.metadata().map_err(not_now)?;
    let (Some(issuer), Some(jwks_uri)) = (&metadata.issuer, &metadata.jwks_uri) else {
        return Err(LogoutError::NotSetUp);
    };
    let expect = Expect { issuer, client_id: &settings.client_id, algorithms: &settings.id_token_algs };
    let verify = |keys: crate::oidc::jwt::Keys<'_>| {
        UnverifiedLogoutToken::parse(token.expose())?.verify(&expect, keys, clock.now())
    };
    keys.verify(Some(jwks_uri), http, clock, verify).await.map_err(|why| match why {
        // Newer keys were fetched a moment ago, or there are none.
        Unverified::Refused(why) | Unverified::Unsure(why) => LogoutError::Refused(why),
        Unverified::NoKeys(why) => not_now(why),
    })
}

fn not_now(why: String) -> LogoutError {
    LogoutError::NotNow { why, retry_after: KEYS_TAKE }
}

/// How soon it is worth trying again where the keys cannot be had.
const KEYS_TAKE: Duration = Duration::from_secs(5);
