//! Probe: whether the provider can be reached from here, for `check --online`.

use std::collections::BTreeMap;
use std::time::Duration;

use url::Url;

use super::discovery::Discovery;
use super::http::{Http, Patience};
use super::{Preset, Settings, StartError, par};
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

/// What came of asking, for people.
#[derive(Debug, Default)]
pub struct Probed {
    /// Every origin that the settings, or the discovery document, name.
    pub origins: Vec<(String, Result<Reached, String>)>,
    pub abilities: Vec<Ability>,
}

/// What the provider says it can do, held against what the settings want of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ability {
    Fits(String),
    /// It may work all the same.
    Doubtful(String),
    /// Nobody will sign in.
    Lacking(String),
}

pub async fn probe(settings: &Settings, clock: &Clock) -> Result<Probed, StartError> {
    let http = Http::new(settings, Patience::default(), Metrics::new())?;
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
    let abilities = metadata.iter().flat_map(|metadata| abilities(settings, metadata)).collect();
    Ok(Probed { origins: probes, abilities })
}

fn abilities(settings: &Settings, metadata: &Metadata) -> Vec<Ability> {
    let mut abilities = Vec::new();
    let auth = settings.client_auth.name();
    if let Some(methods) = &metadata.client_auth_methods {
        abilities.push(if methods.iter().any(|method| method == auth) {
            Ability::Fits(format!("the client says who it is by {auth}, which the provider lists"))
        } else {
            let listed = methods.join(", ");
            Ability::Doubtful(format!(
                "provider.client_auth is {auth}, which the provider does not list; it lists {listed}"
            ))
        });
    }
    let signs = settings.signing.as_ref().zip(metadata.client_signing_algs.as_ref()).and_then(|(signing, listed)| {
        let algorithm = signing.read().ok()?.algorithm(signing.algorithm, Some(listed))?;
        Some((format!("{algorithm:?}"), listed))
    });
    if let Some((name, listed)) = signs.filter(|(name, listed)| !listed.contains(name)) {
        let listed = listed.join(", ");
        abilities.push(Ability::Doubtful(format!(
            "the client's key signs by {name}, which the provider does not list; it lists {listed}"
        )));
    }
    if let Some(listed) = metadata.id_token_algs.as_ref()
        && !settings.id_token_algs.iter().any(|algorithm| listed.contains(&format!("{algorithm:?}")))
    {
        let listed = listed.join(", ");
        abilities.push(Ability::Lacking(format!(
            "provider.id_token_algs has none of those that the provider signs ID tokens by; it lists {listed}"
        )));
    }
    let pushes = metadata.pushed_authorization_request_endpoint.as_ref();
    abilities.push(match (par::is_wanted(settings, metadata), pushes) {
        (true, Some(address)) => Ability::Fits(format!("authorization requests are pushed to {address}")),
        (true, None) => Ability::Lacking(
            "authorization requests are to be pushed, and the provider names no address for it; write provider.par = \"off\" or the address".to_owned(),
        ),
        (false, _) if metadata.requires_pushed_requests => Ability::Lacking(
            "the provider demands pushed authorization requests, and provider.par is \"off\"; write \"auto\"".to_owned(),
        ),
        (false, Some(_)) => {
            Ability::Fits("authorization requests go with the browser; provider.par = \"required\" would push them".to_owned())
        }
        (false, None) => Ability::Fits("authorization requests go with the browser".to_owned()),
    });
    abilities.push(Ability::Fits(match &metadata.revocation_endpoint {
        Some(address) => format!("at sign-out, tokens are revoked at {address}"),
        None => "at sign-out, no token is revoked: the provider names no address for it".to_owned(),
    }));
    abilities.push(Ability::Fits(match &metadata.end_session_endpoint {
        Some(address) => format!("at sign-out, browsers are led on to {address}"),
        None => "at sign-out, the provider's own session stays: it names no address for its end".to_owned(),
    }));
    // Presets that fill addresses in read no document that could say so.
    if settings.preset == Preset::Oidc {
        abilities.push(Ability::Fits(match metadata.backchannel_logout {
            true => "of sessions that end there the provider tells at the address registered for back-channel logout"
                .to_owned(),
            false => "of sessions that end there the provider does not tell by back-channel logout, as far as it says"
                .to_owned(),
        }));
    }
    abilities
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
    let of_others = [
        metadata.end_session_endpoint.clone(),
        metadata.revocation_endpoint.clone(),
        metadata.pushed_authorization_request_endpoint.clone(),
    ];
    let all = of_others.into_iter().chain([Some(authorize), metadata.jwks_uri.clone(), userinfo, Some(token)]);
    all.flatten().map(|url| (url.origin().ascii_serialization(), url)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Addresses, ClientAuth, Par};
    use super::*;
    use crate::provider::tests::settings;

    fn said(adjust: impl FnOnce(&mut Settings, &mut Metadata)) -> Vec<Ability> {
        let mut settings = Settings { preset: Preset::Oidc, addresses: Addresses::default(), ..settings() };
        let mut metadata = Metadata::example();
        adjust(&mut settings, &mut metadata);
        abilities(&settings, &metadata)
    }

    fn is_worst(abilities: &[Ability], text: &str) -> bool {
        abilities.iter().any(|ability| matches!(ability, Ability::Lacking(told) if told.contains(text)))
    }

    #[test]
    fn a_way_to_say_who_calls_that_the_provider_does_not_list_is_told() {
        let lists = |listed: &[&str]| {
            said(|settings, metadata| {
                settings.client_auth = ClientAuth::Tls;
                metadata.client_auth_methods = Some(listed.iter().map(|name| (*name).to_owned()).collect());
            })
        };
        assert!(lists(&["tls_client_auth"]).iter().all(|ability| matches!(ability, Ability::Fits(_))));
        let told =
            "provider.client_auth is tls_client_auth, which the provider does not list; it lists none, private_key_jwt";
        assert!(lists(&["none", "private_key_jwt"]).contains(&Ability::Doubtful(told.to_owned())));
        assert!(said(|_, _| ()).iter().all(|ability| matches!(ability, Ability::Fits(_))), "one that lists nothing");
    }

    #[test]
    fn id_tokens_that_would_all_be_refused_sign_nobody_in() {
        let lists =
            |name: &str| said(|_, metadata| metadata.id_token_algs = Some(vec!["HS256".to_owned(), name.to_owned()]));
        assert!(is_worst(&lists("RS512"), "it lists HS256, RS512"));
        assert!(!is_worst(&lists("ES256"), "id_token_algs"));
    }

    #[test]
    fn pushing_that_only_one_side_wants_or_can_do_signs_nobody_in() {
        assert!(is_worst(&said(|settings, _| settings.par = Par::Required), "names no address"));
        assert!(is_worst(&said(|_, metadata| metadata.requires_pushed_requests = true), "names no address"));
        let off = said(|settings, metadata| {
            settings.par = Par::Off;
            metadata.requires_pushed_requests = true;
        });
        assert!(is_worst(&off, "demands"));
    }
}
