//! The token endpoint: codes and refresh tokens, spent. Nothing here is ever sent twice.

use super::Settings;
use super::http::{Failure, Http};
use crate::oidc::Secret;
use crate::oidc::metadata::Metadata;
use crate::oidc::token::{Authentication, TokenAnswer, TokenRequest};

/// Spends a code (RFC 6749 §4.1.3).
pub async fn spend_code(
    http: &Http,
    settings: &Settings,
    metadata: &Metadata,
    code: &Secret<String>,
    redirect_uri: &str,
    verifier: &Secret<String>,
) -> Result<TokenAnswer, Failure> {
    let verifier = settings.pkce.then_some(verifier);
    let request = TokenRequest::for_code(code, redirect_uri, &settings.client_id, verifier, settings.authentication());
    send(http, metadata, &request).await
}

/// Spends a refresh token (RFC 6749 §6); its answer may bring the next one.
pub async fn spend_refresh_token(
    http: &Http,
    settings: &Settings,
    metadata: &Metadata,
    refresh_token: &Secret<String>,
) -> Result<TokenAnswer, Failure> {
    let request = TokenRequest::for_refresh(refresh_token, &settings.client_id, settings.authentication());
    send(http, metadata, &request).await
}

async fn send(http: &Http, metadata: &Metadata, request: &TokenRequest) -> Result<TokenAnswer, Failure> {
    let read = |body: &[u8]| TokenAnswer::read(body).map_err(|error| error.to_string());
    http.post(metadata.token_endpoint.clone(), request, read).await
}

impl Settings {
    fn authentication(&self) -> Authentication<'_> {
        match (self.client_auth, &self.client_secret) {
            (super::ClientAuth::SecretPost, Some(secret)) => Authentication::Post(secret),
            (super::ClientAuth::SecretBasic, Some(secret)) => Authentication::Basic(secret),
            // Without a secret there is nothing to say; `config` does not let it come to that.
            (super::ClientAuth::None, _) | (super::ClientAuth::SecretPost | super::ClientAuth::SecretBasic, None) => {
                Authentication::None
            }
        }
    }
}
