//! Revocation (RFC 7009): tokens that nobody will use again, beside everything else. Nobody waits for it, and nothing depends on it.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use url::Url;

use super::http::Failure;
use super::pace::{Backoff, chance};
use super::{Asker, Shared};
use crate::oidc::Secret;
use crate::telemetry::metrics::Endpoint;

pub struct Revocations {
    /// Of those that wait, too: what a provider that hangs holds is bounded.
    waiting: Arc<Semaphore>,
    places: Semaphore,
}

/// What is to be revoked.
pub struct Revocable {
    pub refresh_token: Option<Secret<String>>,
    pub access_token: Option<Secret<String>>,
}

impl Revocations {
    pub fn new(at_once: usize) -> Revocations {
        Revocations { waiting: Arc::new(Semaphore::new(WAITING_AT_MOST)), places: Semaphore::new(at_once) }
    }
}

/// Begins, where the provider can.
pub fn start(shared: &Arc<Shared>, runtime: &Handle, tokens: Revocable, asker: Asker) {
    let endpoint = shared.metadata().ok().and_then(|metadata| metadata.revocation_endpoint.clone());
    let Some(endpoint) = endpoint else { return };
    let Ok(waiting) = Arc::clone(&shared.revocations.waiting).try_acquire_owned() else {
        return failed(&asker, "too many wait");
    };
    let shared = Arc::clone(shared);
    runtime.spawn(async move {
        // §2.1: with the refresh token most providers revoke everything that came of the same consent.
        for (hint, token) in [("refresh_token", tokens.refresh_token), ("access_token", tokens.access_token)] {
            let Some(token) = token else { continue };
            if let Err(failure) = revoke(&shared, &endpoint, &token, hint).await {
                failed(&asker, &failure.to_string());
            }
        }
        drop(waiting);
    });
}

/// §2.2.1: where the provider cannot now, the token lives on, so it is tried again.
async fn revoke(shared: &Shared, endpoint: &Url, token: &Secret<String>, hint: &str) -> Result<(), Failure> {
    let mut failures = 0;
    loop {
        let outcome = {
            let _place = shared.revocations.places.acquire().await.expect("nobody closes it");
            let Ok(metadata) = shared.metadata() else { return Ok(()) };
            let form = shared.client.form(
                &[("token", token.expose()), ("token_type_hint", hint)],
                &metadata,
                shared.clock.now(),
            );
            shared.http.post(Endpoint::Revocation, endpoint.clone(), &form, |_| Ok(())).await
        };
        match outcome {
            Err(Failure::Unreachable(_) | Failure::Broken(_)) if failures < TRIES - 1 => {
                failures += 1;
                shared.clock.sleep_until(shared.clock.now() + RETRYING.after(failures, chance())).await;
            }
            // §2.2.1: it revokes no tokens of this kind.
            Err(Failure::Refused(refusal)) if hint == "access_token" && refusal.kind().is_some() => return Ok(()),
            outcome => return outcome,
        }
    }
}

fn failed(asker: &Asker, why: &str) {
    let Asker { request_id, user } = asker;
    tracing::warn!(event = "revocation_failed", request_id, user, "{why}; the token lives until it expires");
}

const TRIES: u32 = 4;
const RETRYING: Backoff = Backoff { first: Duration::from_secs(4), most: Duration::from_secs(60) };
/// About 4 MiB with tokens of the usual size.
const WAITING_AT_MOST: usize = 1000;
