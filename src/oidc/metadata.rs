//! The provider's addresses and abilities: filled in by a preset, by hand, or by discovery (OpenID Connect Discovery 1.0 §3).

use serde_json::{Map, Value};
use url::{Host, Url};

use super::json::{self, NotAnObject};

/// Everything the gate knows of a provider. Made whole: by preset or by hand at load, or by a discovery document that passed its checks.
#[derive(Clone, Debug, PartialEq)]
pub struct Metadata {
    /// Where known, compared exactly (OpenID Connect Discovery 1.0 §4.3).
    pub issuer: Option<String>,
    pub authorization_endpoint: Url,
    pub token_endpoint: Url,
    /// A template: `{name}` is that field of the token answer, percent-encoded (toki.md).
    pub userinfo_endpoint: Option<String>,
    pub jwks_uri: Option<Url>,
    pub end_session_endpoint: Option<Url>,
    pub revocation_endpoint: Option<Url>,
    pub pushed_authorization_request_endpoint: Option<Url>,
    /// RFC 9126 §5: an authorization request that was not pushed is refused.
    pub requires_pushed_requests: bool,
    /// RFC 9207 §3: the authorization answer must then carry `iss`.
    pub iss_parameter_supported: bool,
    /// `token_endpoint_auth_methods_supported`, where it says so.
    pub client_auth_methods: Option<Vec<String>>,
    /// `token_endpoint_auth_signing_alg_values_supported`, where it says so.
    pub client_signing_algs: Option<Vec<String>>,
    /// `id_token_signing_alg_values_supported`, where it says so.
    pub id_token_algs: Option<Vec<String>>,
    /// Whether it says that it tells of ended sessions itself (Back-Channel Logout §2.1).
    pub backchannel_logout: bool,
    /// `mtls_endpoint_aliases` (RFC 8705 §5).
    pub mtls_aliases: Aliases,
}

/// Where a client that shows a certificate calls instead.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Aliases {
    token_endpoint: Option<Url>,
    userinfo_endpoint: Option<Url>,
    revocation_endpoint: Option<Url>,
    pushed_authorization_request_endpoint: Option<Url>,
}

/// Why a discovery document is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadMetadata {
    #[error("the discovery document cannot be read: {0}")]
    Unreadable(#[from] NotAnObject),
    #[error("the discovery document has no usable `{0}`")]
    Missing(&'static str),
    /// The document's issuer may be anything, so it is shown escaped.
    #[error(
        "the discovery document is issuer {0:?}'s, not the configured one's; where that is who is meant, write provider.issuer letter for letter so"
    )]
    OtherIssuer(String),
    #[error("`{0}` in the discovery document is no https address")]
    Insecure(&'static str),
}

impl Metadata {
    /// Reads and checks a discovery document (OpenID Connect Discovery 1.0 §3 and §4.3). `insecure_http`: as configured.
    pub fn from_document(body: &[u8], issuer: &str, insecure_http: bool) -> Result<Metadata, BadMetadata> {
        let document = document_of(body, issuer)?;
        let plain = may_name_plain(issuer, insecure_http);
        let address = |name| address(&document, name, plain, insecure_http);
        let required = |name| address(name)?.ok_or(BadMetadata::Missing(name));
        let aliases = match document.get("mtls_endpoint_aliases") {
            None | Some(Value::Null) => Aliases::default(),
            Some(Value::Object(aliases)) => Aliases::read(aliases, plain, insecure_http)?,
            Some(_) => return Err(BadMetadata::Missing("mtls_endpoint_aliases")),
        };
        Ok(Metadata {
            issuer: Some(issuer.to_owned()),
            authorization_endpoint: required("authorization_endpoint")?,
            token_endpoint: required("token_endpoint")?,
            userinfo_endpoint: address("userinfo_endpoint")?.as_ref().map(no_template),
            jwks_uri: Some(required("jwks_uri")?),
            end_session_endpoint: address("end_session_endpoint")?,
            revocation_endpoint: address("revocation_endpoint")?,
            pushed_authorization_request_endpoint: address("pushed_authorization_request_endpoint")?,
            requires_pushed_requests: says_so(&document, "require_pushed_authorization_requests"),
            iss_parameter_supported: says_so(&document, "authorization_response_iss_parameter_supported"),
            client_auth_methods: names(&document, "token_endpoint_auth_methods_supported"),
            client_signing_algs: names(&document, "token_endpoint_auth_signing_alg_values_supported"),
            id_token_algs: names(&document, "id_token_signing_alg_values_supported"),
            backchannel_logout: says_so(&document, "backchannel_logout_supported"),
            mtls_aliases: aliases,
        })
    }

    /// The same for a client that shows a certificate (RFC 8705 §5): an address that has an alias is the alias.
    pub fn over_mutual_tls(self) -> Metadata {
        let aliases = self.mtls_aliases.clone();
        Metadata {
            token_endpoint: aliases.token_endpoint.unwrap_or(self.token_endpoint),
            userinfo_endpoint: aliases.userinfo_endpoint.as_ref().map(no_template).or(self.userinfo_endpoint),
            revocation_endpoint: aliases.revocation_endpoint.or(self.revocation_endpoint),
            pushed_authorization_request_endpoint: aliases
                .pushed_authorization_request_endpoint
                .or(self.pushed_authorization_request_endpoint),
            ..self
        }
    }

    /// OpenID Connect Discovery 1.0 §4.1: where an issuer's document is.
    pub fn document_address(issuer: &str) -> Result<Url, url::ParseError> {
        Url::parse(&format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/')))
    }
}

/// The document, which must be this issuer's.
pub(in crate::oidc) fn document_of(body: &[u8], issuer: &str) -> Result<Map<String, Value>, BadMetadata> {
    let document = json::object(body, MAX_DOCUMENT)?;
    // §4.3: exactly the issuer that was asked; a slash or a letter's case makes another one.
    match document.get("issuer").and_then(Value::as_str) {
        Some(said) if said == issuer => Ok(document),
        Some(said) => Err(BadMetadata::OtherIssuer(said.chars().take(200).collect())),
        None => Err(BadMetadata::Missing("issuer")),
    }
}

/// Whether an issuer's document may name plain http addresses on loopback.
pub(in crate::oidc) fn may_name_plain(issuer: &str, insecure_http: bool) -> bool {
    insecure_http || Url::parse(issuer).is_ok_and(|issuer| leads_to_loopback(&issuer))
}

impl Aliases {
    fn read(document: &Map<String, Value>, plain: bool, insecure_http: bool) -> Result<Aliases, BadMetadata> {
        let address = |name| address(document, name, plain, insecure_http);
        Ok(Aliases {
            token_endpoint: address("token_endpoint")?,
            userinfo_endpoint: address("userinfo_endpoint")?,
            revocation_endpoint: address("revocation_endpoint")?,
            pushed_authorization_request_endpoint: address("pushed_authorization_request_endpoint")?,
        })
    }
}

/// Whether the provider may be called there: over TLS, or plainly on this machine, or as `insecure_http` says.
pub fn may_be_called(url: &Url, insecure_http: bool) -> bool {
    match url.scheme() {
        "https" => url.has_host(),
        "http" => url.has_host() && (insecure_http || leads_to_loopback(url)),
        _ => false,
    }
}

/// Whether the address is this machine's own, by name or number.
pub fn leads_to_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// `plain`: whether this document may name http addresses on loopback at all. One from afar may not send us there.
pub(in crate::oidc) fn address(
    document: &Map<String, Value>,
    name: &'static str,
    plain: bool,
    insecure_http: bool,
) -> Result<Option<Url>, BadMetadata> {
    let Some(value) = document.get(name).filter(|value| !value.is_null()) else { return Ok(None) };
    let text = value.as_str().filter(|text| text.len() <= MAX_ADDRESS).ok_or(BadMetadata::Missing(name))?;
    let url = Url::parse(text).map_err(|_| BadMetadata::Missing(name))?;
    if (url.scheme() == "http" && !plain) || !may_be_called(&url, insecure_http) {
        return Err(BadMetadata::Insecure(name));
    }
    // RFC 6749 §3.1 and §3.2: no fragment; and no password of anybody's.
    if url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
        return Err(BadMetadata::Missing(name));
    }
    Ok(Some(url))
}

/// Braces are a template's only where the operator wrote them.
fn no_template(url: &Url) -> String {
    url.as_str().replace('{', "%7B").replace('}', "%7D")
}

fn says_so(document: &Map<String, Value>, name: &str) -> bool {
    document.get(name) == Some(&Value::Bool(true))
}

/// `None` where it does not say, or what it says is no list.
fn names(document: &Map<String, Value>, name: &str) -> Option<Vec<String>> {
    let list = document.get(name)?.as_array()?;
    Some(list.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

/// Real documents have a few KiB.
const MAX_DOCUMENT: usize = 256 * 1024;
const MAX_ADDRESS: usize = 2 * 1024;

#[cfg(test)]
impl Metadata {
    pub fn example() -> Metadata {
        let at = |path: &str| Url::parse(&format!("https://op.example{path}")).unwrap();
        Metadata {
            issuer: Some("https://op.example".into()),
            authorization_endpoint: at("/authorize"),
            token_endpoint: at("/token"),
            userinfo_endpoint: Some(at("/userinfo").into()),
            jwks_uri: Some(at("/jwks")),
            end_session_endpoint: None,
            revocation_endpoint: None,
            pushed_authorization_request_endpoint: None,
            requires_pushed_requests: false,
            iss_parameter_supported: false,
            client_auth_methods: None,
            client_signing_algs: None,
            id_token_algs: None,
            backchannel_logout: false,
            mtls_aliases: Aliases::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ISSUER: &str = "https://op.example";

    fn document(adjust: impl FnOnce(&mut Value)) -> Vec<u8> {
        let mut document = json!({
            "issuer": ISSUER,
            "authorization_endpoint": "https://op.example/authorize",
            "token_endpoint": "https://op.example/token",
            "userinfo_endpoint": "https://op.example/userinfo",
            "jwks_uri": "https://op.example/jwks",
            "scopes_supported": ["openid"],
        });
        adjust(&mut document);
        document.to_string().into_bytes()
    }

    #[test]
    fn a_sound_document_is_taken() {
        assert_eq!(Metadata::from_document(&document(|_| ()), ISSUER, false), Ok(Metadata::example()));
        let with_iss = document(|d| d["authorization_response_iss_parameter_supported"] = true.into());
        assert!(Metadata::from_document(&with_iss, ISSUER, false).unwrap().iss_parameter_supported);
    }

    #[test]
    fn another_issuers_document_is_not_taken() {
        for said in ["https://op.example/", "https://OP.example", "https://op.example.evil", "http://op.example"] {
            let other = document(|d| d["issuer"] = said.into());
            let got = Metadata::from_document(&other, ISSUER, false);
            assert_eq!(got, Err(BadMetadata::OtherIssuer(said.into())));
        }
        let none = document(|d| d["issuer"] = 1.into());
        assert_eq!(Metadata::from_document(&none, ISSUER, false), Err(BadMetadata::Missing("issuer")));
    }

    #[test]
    fn an_address_that_is_no_https_is_not_taken() {
        for name in [
            "authorization_endpoint",
            "token_endpoint",
            "userinfo_endpoint",
            "jwks_uri",
            "end_session_endpoint",
            "revocation_endpoint",
            "pushed_authorization_request_endpoint",
        ] {
            for bad in [
                "http://op.example/x",
                "http://127.0.0.1/x",
                "http://localhost/x",
                "file:///etc/passwd",
                "gopher://x/",
                "data:,x",
            ] {
                let document = document(|d| d[name] = bad.into());
                assert_eq!(
                    Metadata::from_document(&document, ISSUER, false),
                    Err(BadMetadata::Insecure(name)),
                    "{bad}"
                );
            }
            for bad in [
                json!("/relative"),
                json!(""),
                json!(7),
                json!("https://a:b@op.example/"),
                json!("https://op.example/#f"),
            ] {
                let document = document(|d| d[name] = bad.clone());
                assert_eq!(Metadata::from_document(&document, ISSUER, false), Err(BadMetadata::Missing(name)), "{bad}");
            }
        }
    }

    #[test]
    fn a_client_with_a_certificate_calls_the_aliases_and_nothing_else_of_them() {
        let aliased = |alias: Value| {
            let body = document(|d| {
                d["revocation_endpoint"] = "https://op.example/revoke".into();
                d["mtls_endpoint_aliases"] = alias;
            });
            Metadata::from_document(&body, ISSUER, false)
        };
        let metadata = aliased(json!({"token_endpoint": "https://mtls.op.example/token", "jwks_uri": "https://evil/"}));
        let metadata = metadata.unwrap();
        assert_eq!(metadata.token_endpoint.as_str(), "https://op.example/token");
        let over = metadata.clone().over_mutual_tls();
        assert_eq!(over.token_endpoint.as_str(), "https://mtls.op.example/token");
        assert_eq!((over.jwks_uri, over.revocation_endpoint), (metadata.jwks_uri, metadata.revocation_endpoint));
        for bad in [json!({"token_endpoint": "http://mtls.op.example/token"}), json!({"token_endpoint": 7}), json!([])]
        {
            assert!(aliased(bad.clone()).is_err(), "{bad}");
        }
        assert!(aliased(Value::Null).is_ok());
    }

    #[test]
    fn what_it_can_do_is_what_it_says() {
        let silent = Metadata::from_document(&document(|_| ()), ISSUER, false).unwrap();
        assert_eq!((silent.requires_pushed_requests, silent.client_auth_methods), (false, None));
        let body = document(|d| {
            d["require_pushed_authorization_requests"] = true.into();
            d["token_endpoint_auth_methods_supported"] = json!(["private_key_jwt", 7]);
            d["token_endpoint_auth_signing_alg_values_supported"] = json!("RS256");
        });
        let said = Metadata::from_document(&body, ISSUER, false).unwrap();
        assert!(said.requires_pushed_requests);
        assert_eq!(said.client_auth_methods, Some(vec!["private_key_jwt".to_owned()]));
        assert_eq!(said.client_signing_algs, None);
        let text = document(|d| d["require_pushed_authorization_requests"] = "true".into());
        assert!(!Metadata::from_document(&text, ISSUER, false).unwrap().requires_pushed_requests);
    }

    #[test]
    fn what_sign_in_needs_must_be_there() {
        for name in ["issuer", "authorization_endpoint", "token_endpoint", "jwks_uri"] {
            let document = document(|d| drop(d.as_object_mut().unwrap().remove(name)));
            assert_eq!(Metadata::from_document(&document, ISSUER, false), Err(BadMetadata::Missing(name)));
        }
        let without = document(|d| d["userinfo_endpoint"] = Value::Null);
        assert_eq!(Metadata::from_document(&without, ISSUER, false).unwrap().userinfo_endpoint, None);
    }

    #[test]
    fn a_provider_on_this_machine_may_be_plain() {
        let local = String::from_utf8(document(|_| ())).unwrap().replace("https://op.example", "http://127.0.0.1:9000");
        assert!(Metadata::from_document(local.as_bytes(), "http://127.0.0.1:9000", false).is_ok());
        let inside = local.replace("127.0.0.1", "op.internal");
        assert_eq!(
            Metadata::from_document(inside.as_bytes(), "http://op.internal:9000", false),
            Err(BadMetadata::Insecure("authorization_endpoint"))
        );
        assert!(Metadata::from_document(inside.as_bytes(), "http://op.internal:9000", true).is_ok());
    }

    #[test]
    fn a_document_that_is_none_is_not_taken() {
        let padded = format!("{{\"issuer\":\"{}\"}}", "x".repeat(MAX_DOCUMENT));
        for body in ["<html>", "[]", "", "{\"issuer\":\"a\",\"issuer\":\"a\"}", &padded] {
            let got = Metadata::from_document(body.as_bytes(), ISSUER, false);
            assert!(matches!(got, Err(BadMetadata::Unreadable(_))), "{got:?}");
        }
    }

    #[test]
    fn a_brace_in_a_discovered_address_is_no_template() {
        let braced = document(|d| d["userinfo_endpoint"] = "https://op.example/u?x={access_token}".into());
        let metadata = Metadata::from_document(&braced, ISSUER, false).unwrap();
        assert_eq!(metadata.userinfo_endpoint.as_deref(), Some("https://op.example/u?x=%7Baccess_token%7D"));
    }

    #[test]
    fn the_document_is_below_the_issuer() {
        for issuer in ["https://op.example/t", "https://op.example/t/"] {
            let address = Metadata::document_address(issuer).unwrap();
            assert_eq!(address.as_str(), "https://op.example/t/.well-known/openid-configuration");
        }
    }
}
