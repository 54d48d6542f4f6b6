//! `[provider]`, checked: what `config` fills in and the rest of this room reads.

use std::path::PathBuf;

use jsonwebtoken::Algorithm;
use url::Url;

use super::proxy::Proxy;
use crate::files::Files;
use crate::oidc::Secret;
use crate::session::Lifetimes;
use crate::tls::CertificateFiles;

/// `[provider] preset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Preset {
    #[default]
    Toki,
    Oidc,
    Oauth2,
}

/// `[provider] client_auth`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    None,
    SecretPost,
    SecretBasic,
    PrivateKeyJwt,
    Tls,
}

impl ClientAuth {
    /// As metadata calls it (OpenID Connect Core §9, RFC 8705 §2.1.1), and the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            ClientAuth::None => "none",
            ClientAuth::SecretPost => "client_secret_post",
            ClientAuth::SecretBasic => "client_secret_basic",
            ClientAuth::PrivateKeyJwt => "private_key_jwt",
            ClientAuth::Tls => "tls_client_auth",
        }
    }
}

/// The key of `private_key_jwt`.
#[derive(Clone, Debug)]
pub struct Signing {
    pub key: KeySource,
    /// `kid`; its thumbprint where absent.
    pub key_id: Option<String>,
    /// What fits the key and the provider, where absent.
    pub algorithm: Option<Algorithm>,
}

#[derive(Clone, Debug)]
pub enum KeySource {
    Given(Secret<String>),
    /// Read again when it changes.
    File(PathBuf),
}

/// `[provider] par`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Par {
    /// Where the provider demands it, or the configuration names the address.
    #[default]
    Auto,
    Required,
    Off,
}

/// `[provider] userinfo`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserinfoMode {
    Required,
    Optional,
    Off,
}

/// Addresses written by hand; each wins over preset and discovery.
#[derive(Clone, Debug, Default)]
pub struct Addresses {
    pub issuer: Option<String>,
    pub authorization_endpoint: Option<Url>,
    pub token_endpoint: Option<Url>,
    pub userinfo_endpoint: Option<String>,
    pub jwks_uri: Option<Url>,
    pub end_session_endpoint: Option<Url>,
    pub revocation_endpoint: Option<Url>,
    pub pushed_authorization_request_endpoint: Option<Url>,
}

/// What the provider is made of; filled by `config`, presets already applied (toki's addresses filled in).
#[derive(Clone, Debug)]
pub struct Settings {
    pub preset: Preset,
    /// As written, else as the preset has them.
    pub addresses: Addresses,
    pub client_id: String,
    /// There where `client_auth` sends it.
    pub client_secret: Option<Secret<String>>,
    pub client_auth: ClientAuth,
    /// There where `client_auth` is `private_key_jwt`.
    pub signing: Option<Signing>,
    /// Of `tls_client_auth` (RFC 8705 §2.1); there where that is `client_auth`.
    pub certificate: Option<CertificateFiles>,
    pub par: Par,
    /// S256 (RFC 7636 §4.2).
    pub pkce: bool,
    /// In this order in every authorization request.
    pub scopes: Vec<String>,
    /// Further parameters of every authorization request.
    pub authorize_params: Vec<(String, String)>,
    /// Parameters that `/start` may pass on.
    pub start_params: Vec<String>,
    pub userinfo: UserinfoMode,
    /// Dotted path to the object that holds the claims, where it is there.
    pub userinfo_path: Option<String>,
    pub user_claim: String,
    /// A sign-in without one is none. One that is there is always checked.
    pub require_id_token: bool,
    /// By which ID tokens, logout tokens and signed user info may be signed.
    pub id_token_algs: Vec<Algorithm>,
    /// Dotted paths of the claims that headers and rules need; no other claim is kept.
    pub wanted_claims: Vec<String>,
    pub lifetimes: Lifetimes,
    /// Trusted besides the machine's.
    pub ca_file: Option<PathBuf>,
    /// `None`: straight there.
    pub proxy: Option<Proxy>,
    /// Plain http is spoken beyond loopback, too.
    pub insecure_http: bool,
    /// `[limits] logins_per_minute`: calls to the token endpoint for codes, whole process.
    pub logins_per_minute: u32,
    /// `[[bearer]]`: whose access tokens are taken on rules that take any.
    pub bearer: Vec<Bearer>,
    /// `[limits] introspections_per_minute`: of tokens that nobody has heard of, whole process.
    pub introspections_per_minute: u32,
}

impl Settings {
    /// The client's key and certificate, and the authorities. Together, as they are read: what one of them keeps from being taken is taken when that is mended.
    pub fn files(&self) -> Files {
        let key = self.signing.iter().filter_map(|signing| match &signing.key {
            KeySource::File(file) => Some(file.clone()),
            KeySource::Given(_) => None,
        });
        let certificate = self.certificate.iter().flat_map(CertificateFiles::paths);
        let paths = certificate.chain(key).chain(self.ca_file.clone()).collect();
        Files::new("provider_files", "key, certificate and authorities", paths)
    }
}

/// One `[[bearer]]`.
#[derive(Clone, Debug)]
pub struct Bearer {
    pub issuer: String,
    /// At least one.
    pub audiences: Vec<String>,
    pub algorithms: Vec<Algorithm>,
    /// The claim that names the user.
    pub user_claim: String,
    pub check: BearerCheck,
}

/// How an issuer's access tokens are checked.
#[derive(Clone, Debug)]
pub enum BearerCheck {
    /// Signed ones alone. `None`: its metadata says where its keys are.
    Keys { jwks_uri: Option<Url> },
    /// It is asked about each.
    Introspection(Introspection),
    /// Signed ones by its keys, of all others it is asked.
    Either { jwks_uri: Url, introspection: Introspection },
}

/// Where an issuer is asked, and as whom.
#[derive(Clone, Debug)]
pub struct Introspection {
    pub endpoint: Url,
    pub client_id: String,
    pub client_secret: Secret<String>,
}
