//! Pushed authorization requests (RFC 9126).

use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::json;

use super::authorize::Request;
use super::clients::{Denied, authenticate, well_formed};
use super::{Received, Stand, State};
use crate::demo::http::{Params, json as json_answer, method_not_allowed, random};

/// A request that waits for its browser.
pub(super) struct Pushed {
    client_id: String,
    params: Params,
    /// Unix milliseconds.
    until: u64,
}

pub(super) fn push(stand: &Stand, received: &Received, now: u64) -> Response<Bytes> {
    if received.method != "POST" {
        return method_not_allowed("POST");
    }
    match take(stand, received, now) {
        Ok(request_uri) => {
            let body = json!({ "request_uri": request_uri, "expires_in": LIFE / 1000 });
            json_answer(StatusCode::CREATED, &body)
        }
        Err(denied) => denied.answer(),
    }
}

fn take(stand: &Stand, received: &Received, now: u64) -> Result<String, Denied> {
    well_formed(received)?;
    let client_id = authenticate(stand, &mut stand.state(), received, now)?;
    let invalid = |why: &str| Denied::new("invalid_request", why);
    if received.params.get("client_id") != Some(&client_id) {
        return Err(invalid("client_id is missing"));
    }
    // §2.1: not one that stands for another.
    if received.params.get("request_uri").is_some() {
        return Err(invalid("request_uri cannot be pushed"));
    }
    let kept = |(name, _): &&(String, String)| !name.starts_with("client_assertion") && name != "client_secret";
    let params = Params(received.params.0.iter().filter(kept).cloned().collect());
    // §2.3: what the authorization endpoint would refuse is refused here.
    let request = Request::read(stand, params.clone()).map_err(invalid)?;
    request.check().map_err(|(error, description)| Denied::new(error, description))?;
    let request_uri = format!("urn:ietf:params:oauth:request_uri:{}", random(32));
    let mut state = stand.state();
    state.pushed.retain(|_, pushed| now < pushed.until);
    state.pushed.insert(request_uri.clone(), Pushed { client_id, params, until: now + LIFE });
    Ok(request_uri)
}

/// What a browser's request stands for. It may come again until it is answered: the page's form goes to the same address.
pub(super) fn pushed(state: &State, query: &Params, now: u64) -> Result<Params, &'static str> {
    // RFC 9101 §5 ignores what else is there; who sends it has not understood what pushing is for.
    if query.0.iter().any(|(name, _)| name != "client_id" && name != "request_uri") || query.repeated().is_some() {
        return Err("beside request_uri there is client_id and nothing else");
    }
    let known = query.get("request_uri").and_then(|uri| state.pushed.get(uri)).filter(|pushed| now < pushed.until);
    match known {
        Some(pushed) if query.get("client_id") == Some(&pushed.client_id) => Ok(pushed.params.clone()),
        Some(_) => Err("request_uri is another client's"),
        None => Err("request_uri is unknown, used or too old"),
    }
}

/// Milliseconds.
const LIFE: u64 = 60_000;
