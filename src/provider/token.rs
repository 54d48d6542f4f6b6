//! The token endpoint: codes and refresh tokens, spent. Nothing here is ever sent twice.

use super::Shared;
use super::http::Failure;
use crate::oidc::Secret;
use crate::oidc::metadata::Metadata;
use crate::oidc::token::{TokenAnswer, code_grant, refresh_grant};
use crate::telemetry::metrics::Endpoint;

/// Spends a code (RFC 6749 §4.1.3).
pub async fn spend_code(
    shared: &Shared,
    metadata: &Metadata,
    code: &Secret<String>,
    redirect_uri: &str,
    verifier: &Secret<String>,
) -> Result<TokenAnswer, Failure> {
    let verifier = shared.settings.pkce.then_some(verifier);
    send(shared, metadata, &code_grant(code, redirect_uri, verifier)).await
}

/// Spends a refresh token (RFC 6749 §6); its answer may bring the next one.
pub async fn spend_refresh_token(
    shared: &Shared,
    metadata: &Metadata,
    refresh_token: &Secret<String>,
) -> Result<TokenAnswer, Failure> {
    send(shared, metadata, &refresh_grant(refresh_token)).await
}

async fn send(shared: &Shared, metadata: &Metadata, grant: &[(&str, &str)]) -> Result<TokenAnswer, Failure> {
    let read = |body: &[u8]| TokenAnswer::read(body).map_err(|error| error.to_string());
    let form = shared.client.form(grant, metadata, shared.clock.now());
    shared.http.post(Endpoint::Token, metadata.token_endpoint.clone(), &form, read).await
}
