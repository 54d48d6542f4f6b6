//! `[provider]`, checked: what `config` fills in and the rest of this room reads.

use url::Url;

use crate::oidc::Secret;
use crate::session::Lifetimes;

/// `[provider] preset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Preset {
    #[default]
    Toki,
    Oidc,
    Oauth2,
}

/// `[provider] client_auth`; others come with a later issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    None,
    SecretPost,
    SecretBasic,
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
}

/// What the provider is made of; filled by `config`, presets already applied (toki's addresses filled in).
#[derive(Clone, Debug)]
pub struct Settings {
    pub preset: Preset,
    pub addresses: Addresses,
    pub client_id: String,
    pub client_secret: Option<Secret<String>>,
    pub client_auth: ClientAuth,
    pub pkce: bool,
    pub scopes: Vec<String>,
    pub authorize_params: Vec<(String, String)>,
    /// Parameters that `/start` may pass on.
    pub start_params: Vec<String>,
    pub userinfo: UserinfoMode,
    /// Dotted path to the object that holds the claims, where it is there.
    pub userinfo_path: Option<String>,
    pub user_claim: String,
    pub require_id_token: bool,
    pub id_token_algs: Vec<jsonwebtoken::Algorithm>,
    /// Dotted paths of the claims that headers and rules need; no other claim is kept.
    pub wanted_claims: Vec<String>,
    pub lifetimes: Lifetimes,
    pub ca_file: Option<std::path::PathBuf>,
    pub proxy: Option<Url>,
    pub insecure_http: bool,
    /// `[limits] logins_per_minute`: calls to the token endpoint for codes, whole process.
    pub logins_per_minute: u32,
}
