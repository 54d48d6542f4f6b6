//! Pushed authorization requests (RFC 9126): what the browser would have carried goes straight to the provider, and the browser gets a name for it.
//!
//! A page load of anybody causes the call, so it takes part in limits of its own: as many a minute as sign-ins may be finished, and no more at once.

use url::Url;

use super::http::Failure;
use super::{Par, Settings, Shared, SignInError};
use crate::oidc::metadata::Metadata;
use crate::oidc::par::Pushed;
use crate::telemetry::metrics::Endpoint;

/// Where requests are pushed to; `None` where they are not.
pub fn endpoint(shared: &Shared, metadata: &Metadata) -> Result<Option<Url>, SignInError> {
    let pushes = is_wanted(&shared.settings, metadata);
    let missing =
        || SignInError::Broken("authorization requests must be pushed, and its metadata names no address".to_owned());
    pushes.then(|| metadata.pushed_authorization_request_endpoint.clone().ok_or_else(missing)).transpose()
}

pub fn is_wanted(settings: &Settings, metadata: &Metadata) -> bool {
    let written = settings.addresses.pushed_authorization_request_endpoint.is_some();
    match settings.par {
        Par::Off => false,
        Par::Auto => metadata.requires_pushed_requests || written,
        Par::Required => true,
    }
}

/// Pushes a request, once.
pub async fn push(
    shared: &Shared,
    metadata: &Metadata,
    endpoint: Url,
    parameters: &[(String, String)],
) -> Result<Pushed, SignInError> {
    let place = shared.pushes.enter(shared.clock.now()).await;
    let _place = place.map_err(|retry_after| SignInError::TooMany { retry_after })?;

    let fields: Vec<(&str, &str)> = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let form = shared.client.form(&fields, metadata, shared.clock.now());
    let read = |body: &[u8]| Pushed::read(body).map_err(|error| error.to_string());
    shared.http.post(Endpoint::Par, endpoint, &form, read).await.map_err(|failure| match failure {
        Failure::Unreachable(why) => SignInError::Unreachable(format!("pushed authorization request: {why}")),
        // §2.3: it speaks of what this client asks for, so of how it is set up.
        Failure::Refused(refusal) if refusal.kind().is_some() => {
            SignInError::ClientRefused(format!("pushed authorization request: {refusal}"))
        }
        why @ (Failure::Broken(_) | Failure::Refused(_)) => {
            SignInError::Broken(format!("pushed authorization request: {why}"))
        }
    })
}
