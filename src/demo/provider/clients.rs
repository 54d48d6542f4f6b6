//! Who calls (RFC 6749 §2.3.1, RFC 7523 §3, OpenID Connect Core §9), and how calls of clients are denied (RFC 6749 §5.2).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::grants::Refused;
use super::{Client, Received, Stand, State};
use crate::demo::http::json as json_answer;

/// RFC 6749 §5.2.
pub(super) struct Denied {
    error: &'static str,
    description: String,
    /// The client tried Basic: 401 must name the scheme.
    basic: bool,
}

impl Denied {
    pub(super) fn new(error: &'static str, description: &str) -> Self {
        Self { error, description: description.to_owned(), basic: false }
    }

    pub(super) fn answer(self) -> Response<Bytes> {
        let status = if self.error == "invalid_client" { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST };
        let body = json!({ "error": self.error, "error_description": self.description });
        let mut response = json_answer(status, &body);
        if self.basic {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"token\""));
        }
        response
    }
}

impl From<Refused> for Denied {
    fn from(why: Refused) -> Self {
        Self::new("invalid_grant", &why.to_string())
    }
}

/// The parameters are in the body, never in the address, and each once (RFC 6749 §3.2).
pub(super) fn well_formed(received: &Received) -> Result<(), Denied> {
    if !received.is_form() {
        return Err(Denied::new("invalid_request", "the content type must be application/x-www-form-urlencoded"));
    }
    if !received.query().is_empty() {
        return Err(Denied::new("invalid_request", "the parameters must be in the body"));
    }
    match received.params.repeated() {
        Some(repeated) => Err(Denied::new("invalid_request", &format!("{repeated} is there more than once"))),
        None => Ok(()),
    }
}

/// The client's identifier, once what it has to show, where it needs or sends anything, is right.
pub(super) fn authenticate(stand: &Stand, state: &mut State, received: &Received, now: u64) -> Result<String, Denied> {
    let refused = |description: &str, basic| Denied { basic, ..Denied::new("invalid_client", description) };
    let form = &received.params;
    let basic = received.headers.get(header::AUTHORIZATION);
    if basic.is_some() && !stand.options.oidc {
        // TOKI's guide knows the secret in the body only.
        return Err(refused("client_secret must be in the body", true));
    }
    let assertion = form.get("client_assertion");
    let ways = [basic.is_some(), form.get("client_secret").is_some(), assertion.is_some()];
    if ways.iter().filter(|way| **way).count() > 1 {
        return Err(Denied::new("invalid_request", "one way to authenticate, not two"));
    }
    let (client_id, secret) = match basic {
        Some(value) => {
            let (id, secret) = credentials(value).ok_or_else(|| refused("the credentials are malformed", true))?;
            if form.get("client_id").is_some_and(|other| other != id) {
                return Err(Denied::new("invalid_request", "two different clients are named"));
            }
            (id, Some(secret))
        }
        None => {
            let id = form.get("client_id").ok_or_else(|| Denied::new("invalid_request", "client_id is missing"))?;
            (id.to_owned(), form.get("client_secret").map(str::to_owned))
        }
    };
    let known = state.clients.iter().find(|client| client.id == client_id).cloned();
    if let Some(assertion) = assertion {
        let kind = form.get("client_assertion_type");
        if kind != Some("urn:ietf:params:oauth:client-assertion-type:jwt-bearer") {
            return Err(refused("client_assertion_type is not that of RFC 7523", false));
        }
        let client = known.ok_or_else(|| refused("the client is unknown", false))?;
        let jti = check_assertion(stand, &client, assertion, now).map_err(|why| refused(why, false))?;
        state.assertions.retain(|_, until| now < *until);
        if state.assertions.insert(jti, now + 600_000).is_some() {
            return Err(refused("the assertion was used before", false));
        }
        return Ok(client_id);
    }
    let right = match &known {
        // Who registered a key signs.
        Some(client) if client.jwks.is_some() => false,
        // With PKCE a secret may come along; if we know one, it must be that.
        Some(client) => match (&client.secret, &secret) {
            (Some(known), Some(sent)) => known == sent,
            (Some(_) | None, None) => client.pkce,
            (None, Some(_)) => client.pkce,
        },
        // A client of development: its verifier or some secret must show that it is set up at all.
        None => {
            stand.options.any_loopback_redirect
                && (secret.is_some() || form.get("code").is_none() || form.get("code_verifier").is_some())
        }
    };
    if right {
        Ok(client_id)
    } else {
        Err(refused("the client is unknown, or its secret is wrong or missing", basic.is_some()))
    }
}

/// RFC 7523 §3, as stern as FAPI 2.0 §5.3.2.1 has it: for this issuer and nobody else, for minutes. Its `jti`.
fn check_assertion(stand: &Stand, client: &Client, assertion: &str, now: u64) -> Result<String, &'static str> {
    let keys = client.jwks.clone().ok_or("the client has registered no key")?;
    let keys: JwkSet = serde_json::from_value(keys).map_err(|_| "the client's keys cannot be read")?;
    let header = jsonwebtoken::decode_header(assertion).map_err(|_| "the assertion is no JWT")?;
    if ![Algorithm::RS256, Algorithm::PS256, Algorithm::ES256, Algorithm::EdDSA].contains(&header.alg) {
        return Err("the assertion's algorithm is not taken");
    }
    let key = header.kid.and_then(|kid| keys.find(&kid).cloned()).ok_or("no key of the client has this kid")?;
    let key = DecodingKey::from_jwk(&key).map_err(|_| "the client's key cannot be used")?;
    let mut validation = Validation::new(header.alg);
    // By the stand-in's clock, below.
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let claims = jsonwebtoken::decode::<Map<String, Value>>(assertion, &key, &validation);
    let claims = claims.map_err(|_| "the assertion's signature is wrong")?.claims;
    if claims.get("iss") != Some(&client.id.clone().into()) || claims.get("sub") != Some(&client.id.clone().into()) {
        return Err("iss and sub must be the client's identifier");
    }
    if claims.get("aud") != Some(&stand.issuer().into()) {
        return Err("aud must be the issuer's identifier, and one string");
    }
    let time = |name| claims.get(name).and_then(Value::as_u64).ok_or("exp and iat must be there");
    let (exp, iat, seconds) = (time("exp")?, time("iat")?, now / 1000);
    if exp <= seconds || exp > seconds + 300 || iat > seconds + 10 {
        return Err("the assertion is too old, or good for too long");
    }
    let jti = claims.get("jti").and_then(Value::as_str).filter(|jti| jti.len() >= 22);
    jti.map(str::to_owned).ok_or("jti is missing or can be guessed")
}

/// Basic, both halves form-encoded first (RFC 6749 §2.3.1).
pub(super) fn credentials(value: &HeaderValue) -> Option<(String, String)> {
    let (scheme, encoded) = value.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = pair.split_once(':')?;
    let decoded =
        |part: &str| percent_decode_str(&part.replace('+', " ")).decode_utf8().map(|text| text.into_owned()).ok();
    Some((decoded(id)?, decoded(secret)?))
}
