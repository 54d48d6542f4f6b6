//! An issuer whose access tokens are taken, and who signs nobody in: all that is asked of it is where its keys are (OpenID Connect Discovery 1.0, RFC 8414).

use url::Url;

use super::metadata::{BadMetadata, Metadata, address, document_of, may_name_plain};

/// `jwks_uri` of an issuer's document.
pub fn jwks_uri(document: &[u8], issuer: &str, insecure_http: bool) -> Result<Url, BadMetadata> {
    let document = document_of(document, issuer)?;
    let address = address(&document, "jwks_uri", may_name_plain(issuer, insecure_http), insecure_http)?;
    address.ok_or(BadMetadata::Missing("jwks_uri"))
}

/// Where the document may be: OpenID Connect Discovery 1.0 §4.1 puts its name behind the issuer's path, RFC 8414 §3.1 before it.
pub fn document_addresses(issuer: &str) -> Result<[Url; 2], url::ParseError> {
    let mut before = Url::parse(issuer)?;
    let path = format!("/.well-known/oauth-authorization-server{}", before.path().trim_end_matches('/'));
    before.set_path(&path);
    Ok([Metadata::document_address(issuer)?, before])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ISSUER: &str = "https://op.example";

    fn read(issuer: &str, keys: &str) -> Result<Url, BadMetadata> {
        jwks_uri(json!({"issuer": issuer, "jwks_uri": keys}).to_string().as_bytes(), ISSUER, false)
    }

    #[test]
    fn its_keys_are_where_it_says_and_nobody_elses_document_counts() {
        assert_eq!(read(ISSUER, "https://keys.example/jwks").unwrap().as_str(), "https://keys.example/jwks");
        let other = "https://op.example/";
        assert_eq!(read(other, "https://op.example/jwks"), Err(BadMetadata::OtherIssuer(other.to_owned())));
        assert_eq!(read(ISSUER, "http://127.0.0.1/jwks"), Err(BadMetadata::Insecure("jwks_uri")));
        let nothing = json!({"issuer": ISSUER}).to_string();
        assert_eq!(jwks_uri(nothing.as_bytes(), ISSUER, false), Err(BadMetadata::Missing("jwks_uri")));
    }

    #[test]
    fn its_document_is_looked_for_where_either_specification_puts_it() {
        for issuer in ["https://op.example/tenant", "https://op.example/tenant/"] {
            assert_eq!(
                document_addresses(issuer).unwrap().map(String::from),
                [
                    "https://op.example/tenant/.well-known/openid-configuration",
                    "https://op.example/.well-known/oauth-authorization-server/tenant"
                ]
            );
        }
    }
}
