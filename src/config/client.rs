//! `[provider]`: how the client says who it is, and whether its requests are pushed.

use std::path::PathBuf;

use super::raw;
use super::report::Report;
use super::secret::{self, Given};
use super::value::{At, Key, Kind, One};
use crate::oidc::Secret;
use crate::provider::{Addresses, ClientAuth, KeySource, Par, Preset, Signing};
use crate::tls::CertificateFiles;

/// `[provider] client_auth`, and what it needs.
pub struct Client {
    pub auth: ClientAuth,
    pub secret: Option<Secret<String>>,
    pub signing: Option<Signing>,
    pub certificate: Option<CertificateFiles>,
}

pub fn client(provider: &raw::Provider, pkce: bool, report: &mut Report) -> Client {
    let secret = self::secret(&provider.client_secret, &provider.client_secret_file, report);
    let auth = client_auth(provider, secret.is_some(), pkce, report);
    Client { auth, secret, signing: signing(provider, auth, report), certificate: certificate(provider, auth, report) }
}

pub fn par(provider: &raw::Provider, preset: Preset, addresses: &Addresses, report: &mut Report) -> Par {
    let par = provider.par.or(One(Par::default()), report).0;
    let address = &provider.pushed_authorization_request_endpoint;
    match par {
        Par::Required if address.is_absent() && preset != Preset::Oidc => {
            report.wrong_key(&provider.par, format!("it needs {}", address.key));
        }
        Par::Off if addresses.pushed_authorization_request_endpoint.is_some() => {
            report.wrong_key(address, "nothing is pushed with par = \"off\"; leave one of them out");
        }
        Par::Auto | Par::Required | Par::Off => {}
    }
    par
}

/// A client's secret, checked as far as it can be.
pub(super) fn secret(here: &Key<Secret<String>>, file: &Key<PathBuf>, report: &mut Report) -> Option<Secret<String>> {
    let (secret, place) = match secret::given(here, file, report) {
        Given::Nowhere => return None,
        Given::Here(at) => {
            report.written(at);
            (at.value.clone(), at.problem(""))
        }
        Given::InFile(at) => {
            report.written(at);
            (secret::text(at, report)?, at.problem(""))
        }
    };
    let text = secret.expose();
    let wrong = if text.is_empty() {
        Some("it is empty")
    } else if secret::is_placeholder(text) {
        Some("it is a placeholder; write the secret that the provider gave")
    } else if text.chars().any(char::is_control) {
        Some("it holds a control character; is it more than one line?")
    } else {
        None
    };
    report.problems.extend(wrong.map(|text| super::Problem { text: text.to_owned(), ..place }));
    Some(secret)
}

fn client_auth(provider: &raw::Provider, has_secret: bool, pkce: bool, report: &mut Report) -> ClientAuth {
    let default = if has_secret { ClientAuth::SecretPost } else { ClientAuth::None };
    let auth = provider.client_auth.or(One(default), report).0;
    // One that is given and cannot be read was told already.
    let given = !(provider.client_secret.is_absent() && provider.client_secret_file.is_absent());
    match auth {
        ClientAuth::None | ClientAuth::PrivateKeyJwt | ClientAuth::Tls if has_secret => report.wrong_key(
            &provider.client_auth,
            "the client secret would not be used; write client_secret_post, or leave the secret out",
        ),
        ClientAuth::SecretPost | ClientAuth::SecretBasic if !given => {
            report.wrong_key(&provider.client_auth, "it needs provider.client_secret or client_secret_file");
        }
        ClientAuth::None if !pkce && !given => report.wrong_key(
            &provider.pkce,
            "without PKCE the client secret is needed; write provider.client_secret_file, or pkce = true",
        ),
        ClientAuth::None
        | ClientAuth::SecretPost
        | ClientAuth::SecretBasic
        | ClientAuth::PrivateKeyJwt
        | ClientAuth::Tls => {}
    }
    auth
}

fn signing(provider: &raw::Provider, auth: ClientAuth, report: &mut Report) -> Option<Signing> {
    let key = match secret::given(&provider.signing_key, &provider.signing_key_file, report) {
        Given::Nowhere => None,
        Given::Here(at) => {
            report.written(at);
            Some((KeySource::Given(at.value.clone()), at.problem("")))
        }
        Given::InFile(at) => {
            report.written(at);
            Some((KeySource::File(at.value.clone()), at.problem("")))
        }
    };
    let key_id = provider.signing_key_id.noted(report).cloned();
    let algorithm = provider.signing_alg.noted(report).cloned();
    if auth != ClientAuth::PrivateKeyJwt {
        unused(&provider.signing_key, "private_key_jwt", report);
        unused(&provider.signing_key_file, "private_key_jwt", report);
        unused(&provider.signing_key_id, "private_key_jwt", report);
        unused(&provider.signing_alg, "private_key_jwt", report);
        return None;
    }
    if let Some(at) = key_id.as_ref().filter(|at| at.value.trim().is_empty() || at.value.chars().any(char::is_control))
    {
        report.wrong(at, "it is no identifier of a key; leave it out, and it is the key's thumbprint (RFC 7638)");
    }
    let Some((source, place)) = key else {
        if provider.signing_key.is_absent() && provider.signing_key_file.is_absent() {
            report.wrong_key(&provider.client_auth, "it needs provider.signing_key_file");
        }
        return None;
    };
    let signing = Signing { key: source, key_id: key_id.map(|at| at.value), algorithm: algorithm.map(|at| at.value.0) };
    if let Err(text) = signing.read() {
        report.problems.push(super::Problem { text, ..place });
    }
    Some(signing)
}

fn certificate(provider: &raw::Provider, auth: ClientAuth, report: &mut Report) -> Option<CertificateFiles> {
    let certificate: Option<At<_>> = provider.tls_cert_file.noted(report).cloned();
    let key: Option<At<_>> = provider.tls_key_file.noted(report).cloned();
    if auth != ClientAuth::Tls {
        unused(&provider.tls_cert_file, "tls_client_auth", report);
        unused(&provider.tls_key_file, "tls_client_auth", report);
        return None;
    }
    for file in [&provider.tls_cert_file, &provider.tls_key_file].into_iter().filter(|file| file.is_absent()) {
        report.missing(&file.key, "it is missing; client_auth = \"tls_client_auth\" needs certificate and key");
    }
    Some(super::certificate::pair(&certificate?, &key?, report).0)
}

fn unused<T: Kind>(key: &Key<T>, auth: &str, report: &mut Report) {
    if !key.is_absent() {
        report.wrong_key(key, format!("it is used with client_auth = \"{auth}\" alone; write that, or leave it out"));
    }
}
