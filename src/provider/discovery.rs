//! The provider's metadata: from the settings, or by discovery (OpenID Connect Discovery 1.0 §4), asked for until it is there and now and then
//! after that.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::sync::watch;
use tokio::time::timeout;

use super::http::{Asking, Failure, Http};
use super::pace::{Backoff, chance};
use super::{Addresses, ClientAuth, Preset, Settings, StartError};
use crate::clock::Clock;
use crate::oidc::metadata::{Aliases, Metadata};
use crate::telemetry::metrics::Endpoint;

pub struct Discovery {
    known: ArcSwapOption<Metadata>,
    /// It is known, or has been asked for once.
    tried: watch::Sender<bool>,
    /// Who is asked; `None` where the settings say everything.
    issuer: Option<String>,
    by_hand: Addresses,
    insecure_http: bool,
    /// The client shows a certificate.
    mutual_tls: bool,
}

impl Discovery {
    pub fn new(settings: &Settings) -> Result<Discovery, StartError> {
        let by_hand = settings.addresses.clone();
        let (known, issuer) = match settings.preset {
            Preset::Toki | Preset::Oauth2 => (Some(Arc::new(written(&by_hand)?)), None),
            Preset::Oidc => (None, Some(by_hand.issuer.clone().ok_or(StartError::Missing("issuer"))?)),
        };
        let tried = watch::Sender::new(known.is_some());
        let known = ArcSwapOption::new(known);
        let mutual_tls = settings.client_auth == ClientAuth::Tls;
        Ok(Discovery { known, tried, issuer, by_hand, insecure_http: settings.insecure_http, mutual_tls })
    }

    pub fn known(&self) -> Option<Arc<Metadata>> {
        self.known.load_full()
    }

    /// Waits for the first answer, but not for long: whoever comes in the moment after the start is not turned away for it.
    pub async fn begun(&self) {
        let _ = timeout(FIRST_ANSWER, self.tried.subscribe().wait_for(|tried| *tried)).await;
    }

    /// Asks until the end of the runtime. A document that fails its checks changes nothing: what was known before stays.
    pub async fn keep_up(&self, http: &Http, clock: &Clock) {
        let Some(issuer) = &self.issuer else { return };
        let mut failures = 0;
        loop {
            let wait = match self.ask(http, issuer).await {
                Ok(metadata) => {
                    if self.known.swap(Some(Arc::new(metadata))).is_none() {
                        tracing::info!(event = "provider_known", "the provider's metadata is known");
                    }
                    failures = 0;
                    REDISCOVERY.after(1, chance())
                }
                Err(_) => {
                    failures += 1;
                    RETRYING.after(failures, chance())
                }
            };
            self.tried.send_replace(true);
            clock.sleep_until(clock.now() + wait).await;
        }
    }

    /// Asked for once, where the settings do not say everything; with the address of the document that could not be had.
    pub async fn look(&self, http: &Http) -> Result<Metadata, (String, Failure)> {
        match &self.issuer {
            Some(issuer) => self.ask(http, issuer).await.map_err(|failure| {
                let document = Metadata::document_address(issuer).map_or_else(|_| issuer.clone(), String::from);
                (document, failure)
            }),
            None => Ok(Metadata::clone(&self.known().expect("what is not asked for is known from the start"))),
        }
    }

    async fn ask(&self, http: &Http, issuer: &str) -> Result<Metadata, Failure> {
        let address = Metadata::document_address(issuer)
            .map_err(|error| Failure::Broken(format!("provider.issuer is no address: {error}")))?;
        let read =
            |body: &[u8]| Metadata::from_document(body, issuer, self.insecure_http).map_err(|error| error.to_string());
        let mut metadata = http.get(Endpoint::Discovery, address, Asking::default(), read).await?;
        if self.mutual_tls {
            metadata = metadata.over_mutual_tls();
        }
        let by_hand = self.by_hand.clone();
        let written = |ours: Option<url::Url>, theirs: &mut url::Url| *theirs = ours.unwrap_or_else(|| theirs.clone());
        written(by_hand.authorization_endpoint, &mut metadata.authorization_endpoint);
        written(by_hand.token_endpoint, &mut metadata.token_endpoint);
        metadata.userinfo_endpoint = by_hand.userinfo_endpoint.or(metadata.userinfo_endpoint);
        metadata.jwks_uri = by_hand.jwks_uri.or(metadata.jwks_uri);
        metadata.end_session_endpoint = by_hand.end_session_endpoint.or(metadata.end_session_endpoint);
        metadata.revocation_endpoint = by_hand.revocation_endpoint.or(metadata.revocation_endpoint);
        metadata.pushed_authorization_request_endpoint =
            by_hand.pushed_authorization_request_endpoint.or(metadata.pushed_authorization_request_endpoint);
        Ok(metadata)
    }
}

/// What the settings say, whole.
fn written(by_hand: &Addresses) -> Result<Metadata, StartError> {
    let by_hand = by_hand.clone();
    Ok(Metadata {
        issuer: by_hand.issuer,
        authorization_endpoint: by_hand.authorization_endpoint.ok_or(StartError::Missing("authorization_endpoint"))?,
        token_endpoint: by_hand.token_endpoint.ok_or(StartError::Missing("token_endpoint"))?,
        userinfo_endpoint: by_hand.userinfo_endpoint,
        jwks_uri: by_hand.jwks_uri,
        end_session_endpoint: by_hand.end_session_endpoint,
        revocation_endpoint: by_hand.revocation_endpoint,
        pushed_authorization_request_endpoint: by_hand.pushed_authorization_request_endpoint,
        requires_pushed_requests: false,
        iss_parameter_supported: false,
        client_auth_methods: None,
        client_signing_algs: None,
        id_token_algs: None,
        backchannel_logout: false,
        mtls_aliases: Aliases::default(),
    })
}

/// A person waits for it.
const FIRST_ANSWER: Duration = Duration::from_secs(3);
const RETRYING: Backoff = Backoff { first: Duration::from_secs(2), most: Duration::from_secs(30) };
/// An hour, less up to half of it.
const REDISCOVERY: Backoff = Backoff { first: Duration::from_secs(3600), most: Duration::from_secs(3600) };
