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
    /// RFC 9207 §3: the authorization answer must then carry `iss`.
    pub iss_parameter_supported: bool,
}

/// Why a discovery document is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadMetadata {
    #[error("the discovery document cannot be read: {0}")]
    Unreadable(#[from] NotAnObject),
    #[error("the discovery document has no usable `{0}`")]
    Missing(&'static str),
    /// The document's issuer may be anything, so it is shown escaped.
    #[error("the discovery document is issuer {0:?}'s, not the configured one's")]
    OtherIssuer(String),
    #[error("`{0}` in the discovery document is no https address")]
    Insecure(&'static str),
}

impl Metadata {
    /// Reads and checks a discovery document (OpenID Connect Discovery 1.0 §3 and §4.3). `insecure_http`: as configured.
    pub fn from_document(body: &[u8], issuer: &str, insecure_http: bool) -> Result<Metadata, BadMetadata> {
        let document = json::object(body, MAX_DOCUMENT)?;
        // §4.3: exactly the issuer that was asked; a slash or a letter's case makes another one.
        match document.get("issuer").and_then(Value::as_str) {
            Some(said) if said == issuer => {}
            Some(said) => return Err(BadMetadata::OtherIssuer(said.chars().take(200).collect())),
            None => return Err(BadMetadata::Missing("issuer")),
        }
        let plain = insecure_http || Url::parse(issuer).is_ok_and(|issuer| leads_to_loopback(&issuer));
        let address = |name| address(&document, name, plain, insecure_http);
        let required = |name| address(name)?.ok_or(BadMetadata::Missing(name));
        let userinfo_endpoint = address("userinfo_endpoint")?;
        Ok(Metadata {
            issuer: Some(issuer.to_owned()),
            authorization_endpoint: required("authorization_endpoint")?,
            token_endpoint: required("token_endpoint")?,
            // Braces are a template's only where the operator wrote them.
            userinfo_endpoint: userinfo_endpoint.map(|url| url.as_str().replace('{', "%7B").replace('}', "%7D")),
            jwks_uri: Some(required("jwks_uri")?),
            end_session_endpoint: address("end_session_endpoint")?,
            iss_parameter_supported: document.get("authorization_response_iss_parameter_supported")
                == Some(&Value::Bool(true)),
        })
    }

    /// OpenID Connect Discovery 1.0 §4.1: where an issuer's document is.
    pub fn document_address(issuer: &str) -> Result<Url, url::ParseError> {
        Url::parse(&format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/')))
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
fn address(
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
            iss_parameter_supported: false,
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
        for name in ["authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri"] {
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
            Err(BadMetadata::Insecure("userinfo_endpoint"))
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
