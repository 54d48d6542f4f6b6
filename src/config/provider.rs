//! `[provider]`: presets applied, addresses checked.

use jsonwebtoken::Algorithm;

use super::choices::{USUAL_ALGORITHMS, algorithms};
use super::given::{quoted, shortened};
use super::identity::dotted;
use super::raw;
use super::report::Report;
use super::secret;
use super::server::number;
use super::value::{Key, One};
use super::{bearer, certificate, client, endpoints, identity};
use crate::oidc::authorize::is_protocol_parameter;
use crate::provider::{Preset, Settings, UserinfoMode};
use crate::session::Lifetimes;

pub fn settings<'a>(
    written: &raw::Configuration,
    env: &[(String, String)],
    wanted_claims: impl Iterator<Item = &'a str>,
    lifetimes: Lifetimes,
    report: &mut Report,
) -> Settings {
    let provider = &written.provider;
    let preset = provider.preset.or(One(Preset::default()), report).0;
    let insecure_http = insecure_http(provider, report);
    let addresses = endpoints::addresses(provider, preset, insecure_http, report);
    let pkce = provider.pkce.or(true, report);
    let client = client::client(provider, pkce, report);
    let scopes = scopes(provider, preset, report);
    let userinfo = userinfo(provider, preset, addresses.userinfo_endpoint.is_some(), report);
    let mut claims: Vec<String> = Vec::new();
    for claim in wanted_claims {
        if !claims.iter().any(|known| known == claim) {
            claims.push(claim.to_owned());
        }
    }
    let user_claim = user_claim(written, preset, report);
    Settings {
        preset,
        proxy: endpoints::proxy(provider, &addresses, env, report),
        par: client::par(provider, preset, &addresses, report),
        addresses,
        client_id: client_id(provider, report),
        client_secret: client.secret,
        client_auth: client.auth,
        signing: client.signing,
        certificate: client.certificate,
        pkce,
        require_id_token: require_id_token(provider, preset, &scopes, report),
        scopes,
        authorize_params: authorize_params(provider, report),
        start_params: start_params(provider, report),
        userinfo,
        userinfo_path: userinfo_path(provider, preset, report),
        bearer: bearer::issuers(written, &user_claim, report),
        user_claim,
        id_token_algs: id_token_algs(provider, report),
        wanted_claims: claims,
        lifetimes,
        ca_file: certificate::authorities(&provider.ca_file, report),
        insecure_http,
        logins_per_minute: per_minute(&written.limits.logins_per_minute, 600, report),
        introspections_per_minute: per_minute(&written.limits.introspections_per_minute, 6000, report),
    }
}

fn insecure_http(provider: &raw::Provider, report: &mut Report) -> bool {
    let insecure = provider.insecure_http.or(false, report);
    if let Some(at) = provider.insecure_http.written().filter(|at| at.value) {
        report.warn(at, "codes, tokens and secrets may go to the provider in the clear: whoever is on the way can sign in as anybody");
    }
    insecure
}

fn client_id(provider: &raw::Provider, report: &mut Report) -> String {
    let key = &provider.client_id;
    let Some(at) = key.noted(report).cloned() else {
        if key.is_absent() {
            report.missing(&key.key, "it is missing; write the identifier that the provider gave this application");
        }
        return String::new();
    };
    // RFC 6749 appendix A.1: visible ASCII and space.
    if at.value.trim() != at.value || at.value.is_empty() || !at.value.bytes().all(|byte| (b' '..=b'~').contains(&byte))
    {
        report.wrong(&at, "it is empty, or holds what no client identifier does");
    } else if secret::is_placeholder(&at.value) {
        report.wrong(&at, "it is a placeholder; write the identifier that the provider gave this application");
    }
    at.value
}

fn scopes(provider: &raw::Provider, preset: Preset, report: &mut Report) -> Vec<String> {
    let key = &provider.scopes;
    let Some(at) = key.noted(report).cloned() else {
        let default = ["openid", "offline_access"].map(str::to_owned);
        report.value(&key.key, None, list(&default));
        return default.to_vec();
    };
    for at in &at.value {
        // RFC 6749 §3.3.
        let is_token = |byte: u8| (b'!'..=b'~').contains(&byte) && byte != b'"' && byte != b'\\';
        if at.value.contains(char::is_whitespace) {
            let parts: Vec<String> = at.value.split_whitespace().map(str::to_owned).collect();
            report.wrong(at, format!("{:?} is several scopes; write {}", shortened(&at.value), list(&parts)));
        } else if at.value.is_empty() || !at.value.bytes().all(is_token) {
            report.wrong(at, format!("{:?} is no scope", shortened(&at.value)));
        }
    }
    let scopes: Vec<String> = at.value.iter().map(|at| at.value.clone()).collect();
    if preset == Preset::Oidc && !scopes.iter().any(|scope| scope == "openid") {
        report.wrong(&at, "OpenID Connect needs \"openid\" among them; add it, or write preset = \"oauth2\"");
    }
    scopes
}

fn userinfo(provider: &raw::Provider, preset: Preset, has_address: bool, report: &mut Report) -> UserinfoMode {
    // Under `oidc` the address may be discovered.
    let may_have_one = has_address || preset == Preset::Oidc;
    let default = if may_have_one { UserinfoMode::Required } else { UserinfoMode::Off };
    let mode = provider.userinfo.or(One(default), report).0;
    if mode == UserinfoMode::Required && !may_have_one && provider.userinfo_endpoint.is_absent() {
        report.wrong_key(&provider.userinfo, "it needs provider.userinfo_endpoint");
    }
    mode
}

fn userinfo_path(provider: &raw::Provider, preset: Preset, report: &mut Report) -> Option<String> {
    let key = &provider.userinfo_path;
    match key.noted(report).cloned() {
        Some(at) => {
            dotted(&at, report);
            Some(at.value)
        }
        None if preset == Preset::Toki => {
            report.value(&key.key, None, quoted("data"));
            Some("data".to_owned())
        }
        None => None,
    }
}

fn user_claim(written: &raw::Configuration, preset: Preset, report: &mut Report) -> String {
    let claim = identity::user_claim(written, preset);
    match written.provider.user_claim.noted(report).cloned() {
        Some(at) => dotted(&at, report),
        None => report.value(&written.provider.user_claim.key, None, quoted(&claim)),
    }
    claim
}

fn require_id_token(provider: &raw::Provider, preset: Preset, scopes: &[String], report: &mut Report) -> bool {
    let required = provider.require_id_token.or(preset == Preset::Oidc, report);
    let asked_for = scopes.iter().any(|scope| scope == "openid");
    if required && !asked_for && preset != Preset::Oidc {
        report.wrong_key(&provider.require_id_token, "an ID token comes only where provider.scopes has \"openid\"");
    }
    required
}

fn id_token_algs(provider: &raw::Provider, report: &mut Report) -> Vec<Algorithm> {
    let key = &provider.id_token_algs;
    algorithms(key, report).unwrap_or_else(|| {
        report.value(&key.key, None, list(&USUAL_ALGORITHMS.map(|algorithm| format!("{algorithm:?}"))));
        USUAL_ALGORITHMS.to_vec()
    })
}

fn authorize_params(provider: &raw::Provider, report: &mut Report) -> Vec<(String, String)> {
    let entries = provider.authorize_params.or(Default::default(), report).0;
    for (name, at) in &entries {
        if let Some(text) = wrong_parameter(name) {
            report.wrong(at, text);
        }
    }
    entries.into_iter().map(|(name, at)| (name, at.value)).collect()
}

fn start_params(provider: &raw::Provider, report: &mut Report) -> Vec<String> {
    let names = provider.start_params.or(Vec::new(), report);
    for at in &names {
        // `rd` is ours: where sign-in leads.
        let text = if at.value == "rd" {
            Some("rd is the gate's own parameter".to_owned())
        } else {
            wrong_parameter(&at.value)
        };
        if let Some(text) = text {
            report.wrong(at, text);
        }
    }
    names.into_iter().map(|at| at.value).collect()
}

fn wrong_parameter(name: &str) -> Option<String> {
    if name.is_empty() || name.chars().any(|c| c.is_control() || c.is_whitespace() || "&=#*".contains(c)) {
        return Some(format!("{:?} is no name of a parameter", shortened(name)));
    }
    is_protocol_parameter(&name.to_ascii_lowercase())
        .then(|| format!("{name} is the protocol's own and cannot be set; leave it out"))
}

fn per_minute(key: &Key<u64>, default: usize, report: &mut Report) -> u32 {
    u32::try_from(number(key, default, MOST_PER_MINUTE, report)).unwrap_or(u32::MAX)
}

fn list(texts: &[String]) -> String {
    format!("[{}]", texts.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", "))
}

const MOST_PER_MINUTE: usize = 1_000_000;
