//! What ends: tokens (RFC 7009), and the browser's sign-in (OpenID Connect RP-Initiated Logout §2 and §3).

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use jsonwebtoken::Validation;
use serde_json::{Map, Value};
use url::Url;

use super::clients::{Denied, authenticate, well_formed};
use super::{Received, Stand, authorize, pages};
use crate::demo::http::{Params, answer, method_not_allowed};

pub(super) fn revoke(stand: &Stand, received: &Received, now: u64) -> Response<Bytes> {
    if received.method != "POST" {
        return method_not_allowed("POST");
    }
    match revoked(stand, received, now) {
        // §2.2: also where there was nothing to revoke. The body is nobody's business.
        Ok(()) => answer(StatusCode::OK, "text/plain", ""),
        Err(denied) => denied.answer(),
    }
}

fn revoked(stand: &Stand, received: &Received, now: u64) -> Result<(), Denied> {
    well_formed(received)?;
    let mut state = stand.state();
    let client_id = authenticate(stand, &mut state, received, now)?;
    let token = received.params.get("token").ok_or_else(|| Denied::new("invalid_request", "token is missing"))?;
    if !matches!(received.params.get("token_type_hint"), None | Some("access_token" | "refresh_token")) {
        return Err(Denied::new("unsupported_token_type", "there are access tokens and refresh tokens"));
    }
    Ok(state.grants.revoke_token(token, &client_id, &stand.calls)?)
}

pub(super) fn end_session(stand: &Stand, received: &Received) -> Response<Bytes> {
    let params = match received.method.as_str() {
        "GET" => Params::parse(received.query().as_bytes()),
        "POST" if received.is_form() => received.params.clone(),
        _ => return method_not_allowed("GET, POST"),
    };
    if params.repeated().is_some() {
        return pages::refused("a parameter is there more than once");
    }
    match back(stand, &params) {
        Err(why) => pages::refused(why),
        // §2: without a hint anybody could have sent the browser here, so the person is asked.
        Ok(_) if params.get("id_token_hint").is_none() && params.get("decision") != Some("sign_out") => {
            pages::ask_sign_out(&params)
        }
        Ok(back) => {
            authorize::forget(stand, received);
            let Some(back) = back else {
                return answer(StatusCode::OK, "text/plain; charset=utf-8", "You are signed out of TOKI\n");
            };
            let mut response = answer(StatusCode::SEE_OTHER, "text/plain", "");
            let location = HeaderValue::try_from(back.as_str()).expect("an address is visible ASCII");
            response.headers_mut().insert(header::LOCATION, location);
            response
        }
    }
}

/// Where the browser goes afterwards, if it is to go anywhere.
fn back(stand: &Stand, params: &Params) -> Result<Option<Url>, &'static str> {
    let hinted = params.get("id_token_hint").map(|hint| audience(stand, hint)).transpose()?;
    let client_id = params.get("client_id").map(str::to_owned);
    if client_id.is_some() && hinted.is_some() && client_id != hinted {
        return Err("client_id is not the one that the ID token was issued to");
    }
    let Some(wanted) = params.get("post_logout_redirect_uri") else { return Ok(None) };
    let client_id = client_id.or(hinted).ok_or("nobody knows which client's post_logout_redirect_uri it is")?;
    let state = stand.state();
    let client = state.clients.iter().find(|client| client.id == client_id).ok_or("client_id is not registered")?;
    // §3.1: exactly as registered.
    if !client.post_logout_redirect_uris.iter().any(|registered| registered == wanted) {
        return Err("post_logout_redirect_uri is not one that this client has registered");
    }
    let mut back = Url::parse(wanted).map_err(|_| "post_logout_redirect_uri is no address")?;
    if let Some(state) = params.get("state") {
        back.query_pairs_mut().append_pair("state", state);
    }
    Ok(Some(back))
}

/// Whom an ID token of ours was issued to, however old it is (§4).
fn audience(stand: &Stand, hint: &str) -> Result<String, &'static str> {
    let none = "id_token_hint is no ID token of this provider";
    let state = stand.state();
    let (algorithm, key) = state.keys.verifying(hint).ok_or(none)?;
    let mut validation = Validation::new(algorithm);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let claims = jsonwebtoken::decode::<Map<String, Value>>(hint, &key, &validation).map_err(|_| none)?.claims;
    claims.get("aud").and_then(Value::as_str).map(str::to_owned).ok_or(none)
}
