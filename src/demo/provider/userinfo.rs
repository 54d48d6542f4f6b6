//! User info: TOKI's, with `userId` and an envelope, or OpenID Connect Core §5.3. Bearer as RFC 6750 §2.1 and §3 say.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

use super::faults::Forged;
use super::{Received, Stand};
use crate::demo::http::{Params, json as json_answer, method_not_allowed};

pub(super) fn user_info(stand: &Stand, received: &Received, forged: Forged, now: u64) -> Response<Bytes> {
    let openid = stand.options.oidc;
    match received.method.as_str() {
        "GET" => {}
        // OpenID Connect Core §5.3.1 wants POST too; TOKI's guide knows GET only.
        "POST" if openid => {}
        _ => return method_not_allowed(if openid { "GET, POST" } else { "GET" }),
    }
    let token = match bearer(&received.headers) {
        Ok(token) => token,
        Err(Malformed::None) => return refused(StatusCode::UNAUTHORIZED, None, "an access token is needed"),
        Err(Malformed::Wrong) => {
            return refused(StatusCode::BAD_REQUEST, Some("invalid_request"), "one Authorization: Bearer, well formed");
        }
    };
    let state = stand.state();
    let Some(user_id) = state.grants.user_of(token, now) else {
        return refused(StatusCode::UNAUTHORIZED, Some("invalid_token"), "the token is unknown, expired or revoked");
    };
    let params = Params::parse(received.query().as_bytes());
    if params.is_repeated("userId") {
        return refused(StatusCode::BAD_REQUEST, Some("invalid_request"), "userId is there more than once");
    }
    match params.get("userId") {
        Some(asked) if asked == user_id => {}
        Some(_) => return refused(StatusCode::FORBIDDEN, Some("insufficient_scope"), "the token is another user's"),
        None if openid => {}
        None => return refused(StatusCode::BAD_REQUEST, Some("invalid_request"), "userId is missing"),
    }
    let Some(user) = state.named(user_id, forged) else {
        return refused(StatusCode::UNAUTHORIZED, Some("invalid_token"), "the user is gone");
    };
    let mut claims = if openid { user.openid_claims() } else { user.claims.clone() };
    if !state.answers.email {
        claims.retain(|name, _| !name.starts_with("email"));
    }
    let claims = Value::Object(claims);
    json_answer(StatusCode::OK, &if state.answers.envelope { json!({ "data": claims }) } else { claims })
}

enum Malformed {
    None,
    Wrong,
}

fn bearer(headers: &HeaderMap) -> Result<&str, Malformed> {
    let mut lines = headers.get_all(header::AUTHORIZATION).iter();
    let line = lines.next().ok_or(Malformed::None)?;
    if lines.next().is_some() {
        return Err(Malformed::Wrong);
    }
    let (scheme, token) = line.to_str().ok().and_then(|line| line.split_once(' ')).ok_or(Malformed::Wrong)?;
    // RFC 6750 §2.1: b64token.
    let token_bytes = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b);
    if scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && token.bytes().all(token_bytes) {
        Ok(token)
    } else {
        Err(Malformed::Wrong)
    }
}

fn refused(status: StatusCode, error: Option<&str>, description: &str) -> Response<Bytes> {
    let mut response =
        json_answer(status, &json!({ "error": error.unwrap_or("unauthorized"), "error_description": description }));
    let challenge = match error {
        // RFC 6750 §3.1: without credentials, no error code.
        None => "Bearer".to_owned(),
        Some(error) => format!("Bearer error=\"{error}\", error_description=\"{description}\""),
    };
    let challenge = HeaderValue::try_from(challenge).expect("our own words are visible ASCII");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    response
}
