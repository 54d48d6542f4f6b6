//! Probe: whether the provider can be reached from here, for `check --online`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::ResolvesClientCert;
use url::Url;

use super::certificate::Certificate;
use super::discovery::Discovery;
use super::http::{Http, Patience};
use super::{Settings, StartError};
use crate::clock::{Clock, Timestamp};
use crate::oidc::metadata::Metadata;
use crate::telemetry::metrics::Metrics;

/// Somebody answered, whatever they said: addresses are asked in a way that changes nothing, which most of them do not take.
#[derive(Clone, Copy, Debug)]
pub struct Reached {
    pub status: u16,
    pub took: Duration,
    /// When the answer came, by this machine's clock.
    pub ours: Timestamp,
    /// What the provider's clock showed (RFC 9110 §6.6.1), to the second.
    pub clock: Option<Timestamp>,
}

/// Asks every origin that the settings, or the discovery document, name; and what came of it, for people.
pub async fn probe(settings: &Settings, clock: &Clock) -> Result<Vec<(String, Result<Reached, String>)>, StartError> {
    let certificate = settings.certificate.as_ref().map(Certificate::new).transpose()?;
    let shown = certificate.map(|certificate| Arc::new(certificate) as Arc<dyn ResolvesClientCert>);
    let http = Http::new(settings, shown, Patience::default(), Metrics::new())?;
    let discovery = Discovery::new(settings)?;
    let mut probes = Vec::new();
    let metadata = match discovery.look(&http).await {
        Ok(metadata) => Some(metadata),
        Err((document, failure)) => {
            probes.push((document, Err(failure.to_string())));
            None
        }
    };
    for (origin, address) in metadata.iter().flat_map(origins) {
        probes.push((origin, reach(&http, address, clock).await));
    }
    Ok(probes)
}

async fn reach(http: &Http, address: Url, clock: &Clock) -> Result<Reached, String> {
    let began = tokio::time::Instant::now();
    let (status, date) = http.reach(address).await.map_err(|failure| failure.to_string())?;
    Ok(Reached { status, took: began.elapsed(), ours: clock.now(), clock: date })
}

/// One address of each origin.
fn origins(metadata: &Metadata) -> BTreeMap<String, Url> {
    // A template's braces have no meaning here.
    let userinfo = metadata.userinfo_endpoint.as_deref().and_then(|template| Url::parse(template).ok());
    let (authorize, token) = (metadata.authorization_endpoint.clone(), metadata.token_endpoint.clone());
    let all = [Some(authorize), metadata.jwks_uri.clone(), userinfo, Some(token)];
    all.into_iter().flatten().map(|url| (url.origin().ascii_serialization(), url)).collect()
}
