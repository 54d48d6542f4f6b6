//! The provider's addresses and abilities: filled in by a preset, by hand, or by discovery (OpenID Connect Discovery 1.0 §3).

use url::Url;

/// Everything the gate knows of a provider. Made whole: by preset or by hand at load, or by a discovery document that passed its checks.
#[derive(Clone, Debug)]
pub struct Metadata {
    /// Where known, compared exactly (OpenID Connect Discovery 1.0 §4.3).
    pub issuer: Option<String>,
    pub authorization_endpoint: Url,
    pub token_endpoint: Url,
    /// A template: `{name}` is that field of the token answer, percent-encoded (toki.md).
    pub userinfo_endpoint: Option<String>,
    pub jwks_uri: Option<Url>,
    pub end_session_endpoint: Option<Url>,
    /// RFC 9207 §3: the authorization answer must then carry `iss`.
    pub iss_parameter_supported: bool,
}
