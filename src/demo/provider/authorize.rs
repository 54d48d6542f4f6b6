//! The authorization endpoint: RFC 6749 §4.1.1, RFC 7636 §4.3, OpenID Connect Core §3.1.2.

use std::collections::HashSet;

use bytes::Bytes;
use cookie::{Cookie, SameSite};
use http::{HeaderValue, Response, StatusCode, header};
use url::form_urlencoded;

use super::grants::{Consent, Family};
use super::options::Pushing;
use super::{Received, Stand, State, pages, par};
use crate::demo::http::{Params, is_loopback, method_not_allowed, random};

/// A browser that has signed in here.
#[derive(Debug, Clone, Default)]
pub(super) struct SignedIn {
    user_id: String,
    /// Unix seconds.
    auth_time: u64,
    /// What ID tokens call this session.
    pub sid: String,
    /// The clients this user has let in.
    consented: HashSet<String>,
}

/// The parameters are those of the query; the page's form adds `user` and `decision` in its body:
/// `POST` of `user=100001&decision=allow` to the address that a browser was sent to is all that a test needs.
pub(super) fn authorize(stand: &Stand, received: &Received, now: u64) -> Response<Bytes> {
    let query = Params::parse(received.query().as_bytes());
    let by_name = stand.options.pushing != Pushing::Off && query.get("request_uri").is_some();
    let params = match by_name.then(|| par::pushed(&stand.state(), &query, now)) {
        Some(Ok(params)) => params,
        Some(Err(why)) => return pages::refused(why),
        None => query.clone(),
    };
    let response = answer(stand, params, by_name, received, now);
    if response.status() == StatusCode::SEE_OTHER {
        // RFC 9126 §4: good for one answer.
        query.get("request_uri").map(|uri| stand.state().pushed.remove(uri));
    }
    response
}

fn answer(stand: &Stand, params: Params, pushed: bool, received: &Received, now: u64) -> Response<Bytes> {
    // Until client and redirect URI are sure, nobody is sent anywhere (RFC 6749 §4.1.2.1).
    let request = match Request::read(stand, params) {
        Ok(request) => request,
        Err(why) => return pages::refused(why),
    };
    // From here on mistakes go back to the client.
    if stand.options.pushing == Pushing::Required && !pushed {
        let why = "authorization requests must be pushed";
        return request.back(stand, &[("error", "invalid_request"), ("error_description", why)]);
    }
    if let Err((error, description)) = request.check() {
        return request.back(stand, &[("error", error), ("error_description", description)]);
    }
    match received.method.as_str() {
        "GET" => arrive(stand, &request, received, now),
        "POST" => decide(stand, &request, received, now),
        _ => method_not_allowed("GET, POST"),
    }
}

/// A browser comes: either straight on, or to the page.
fn arrive(stand: &Stand, request: &Request, received: &Received, now: u64) -> Response<Bytes> {
    let prompt: Vec<&str> =
        request.params.get("prompt").unwrap_or_default().split(' ').filter(|p| !p.is_empty()).collect();
    let honoured = stand.state().answers.asks_again;
    let asks = honoured && ["login", "consent", "select_account"].iter().any(|page| prompt.contains(page));
    let silent = prompt.contains(&"none");
    if silent && asks {
        return request.back(stand, &[("error", "invalid_request"), ("error_description", "prompt=none stands alone")]);
    }
    let mut state = stand.state();
    let known = cookie(stand, received).and_then(|value| state.sign_ins.get(value)).cloned();
    let max_age = request.params.get("max_age").and_then(|seconds| seconds.parse::<u64>().ok());
    let known = known.filter(|known| {
        !honoured || max_age.is_none_or(|max_age| now / 1000 <= known.auth_time.saturating_add(max_age))
    });
    if !asks && stand.options.remember {
        match &known {
            Some(known) if known.consented.contains(&request.client_id) => {
                let code = grant(stand, &mut state, request, known, now);
                return request.back(stand, &[("code", &code)]);
            }
            Some(_) if silent => return request.back(stand, &[("error", "consent_required")]),
            Some(_) | None => {}
        }
    }
    if silent {
        return request.back(stand, &[("error", "login_required")]);
    }
    let chosen = known.map(|known| known.user_id);
    pages::choose(&state.users, &request.client_id, &request.redirect_uri, &request.scope(), chosen.as_deref())
}

/// The page's form comes back.
fn decide(stand: &Stand, request: &Request, received: &Received, now: u64) -> Response<Bytes> {
    let form = &received.params;
    let mut state = stand.state();
    match form.get("decision") {
        Some("refuse") => request.back(
            stand,
            &[("error", "access_denied"), ("error_description", "the user did not let the application in")],
        ),
        Some("allow") => {
            let Some(user) = form.get("user").and_then(|id| state.users.get(id)) else {
                return pages::refused("the form names no user of this stand-in");
            };
            let user_id = user.id.clone();
            // A new value at every sign-in, so that one planted before is worth nothing.
            let old = cookie(stand, received)
                .and_then(|value| state.sign_ins.remove(value))
                .filter(|old| old.user_id == user_id);
            let mut signed_in = SignedIn { auth_time: now / 1000, ..old.unwrap_or_else(|| state.begin(user_id)) };
            signed_in.consented.insert(request.client_id.clone());
            let code = grant(stand, &mut state, request, &signed_in, now);
            let mut response = request.back(stand, &[("code", &code)]);
            let value = random(32);
            let set = Cookie::build((cookie_name(stand), &*value)).path("/oauth2").http_only(true);
            let set = set.same_site(SameSite::Lax).to_string();
            state.sign_ins.insert(value, signed_in);
            let set = HeaderValue::try_from(set).expect("base64url and digits are visible ASCII");
            response.headers_mut().insert(header::SET_COOKIE, set);
            response
        }
        Some(_) | None => pages::refused("the form decides neither allow nor refuse"),
    }
}

impl State {
    /// A session begins.
    fn begin(&mut self, user_id: String) -> SignedIn {
        let sid = random(16);
        self.sids.push((user_id.clone(), sid.clone()));
        // Of a stand-in that runs for weeks the newest are enough.
        let surplus = self.sids.len().saturating_sub(SIDS);
        self.sids.drain(..surplus);
        SignedIn { user_id, sid, ..SignedIn::default() }
    }
}

fn grant(stand: &Stand, state: &mut State, request: &Request, signed_in: &SignedIn, now: u64) -> String {
    let SignedIn { user_id, auth_time, sid, .. } = signed_in.clone();
    let family = Family {
        client_id: request.client_id.clone(),
        user_id,
        sid,
        scope: request.scope(),
        nonce: request.params.get("nonce").map(str::to_owned),
        auth_time,
        acr: request.acr(state.answers.acr),
        revoked: false,
    };
    let challenge = request.params.get("code_challenge").map(str::to_owned);
    let consent = Consent { family, redirect_uri: request.redirect_uri.clone(), challenge };
    state.grants.grant(consent, stand.options.code_lifetime, now)
}

/// An authorization request whose client and redirect URI are sure.
pub(super) struct Request {
    client_id: String,
    redirect_uri: String,
    /// Whether this client must send a challenge.
    pkce: bool,
    params: Params,
}

impl Request {
    /// The way that is asked for, where it is there; else the usual one (OpenID Connect Core §3.1.2.1, `acr_values`).
    fn acr(&self, ways: &'static [&'static str]) -> Option<&'static str> {
        let mut asked = self.params.get("acr_values").unwrap_or_default().split(' ');
        asked.find_map(|asked| ways.iter().find(|way| **way == asked)).or(ways.first()).copied()
    }

    pub(super) fn read(stand: &Stand, params: Params) -> Result<Self, &'static str> {
        if params.is_repeated("client_id") || params.is_repeated("redirect_uri") {
            return Err("client_id or redirect_uri is there more than once");
        }
        let client_id = params.get("client_id").ok_or("client_id is missing")?.to_owned();
        let redirect_uri = params.get("redirect_uri").ok_or("redirect_uri is missing")?.to_owned();
        let state = stand.state();
        let pkce = match state.clients.iter().find(|client| client.id == client_id) {
            Some(client) if client.redirect_uris.contains(&redirect_uri) => client.pkce,
            _ if stand.options.any_loopback_redirect && leads_to_loopback(&redirect_uri) => false,
            Some(_) => return Err("redirect_uri is not one that this client has registered"),
            None if stand.options.any_loopback_redirect => return Err("redirect_uri does not lead to this machine"),
            None => return Err("client_id is not registered"),
        };
        Ok(Self { client_id, redirect_uri, pkce, params })
    }

    pub(super) fn check(&self) -> Result<(), (&'static str, &'static str)> {
        if self.params.repeated().is_some() {
            return Err(("invalid_request", "a parameter is there more than once"));
        }
        match self.params.get("response_type") {
            Some("code") => {}
            Some(_) => return Err(("unsupported_response_type", "response_type must be code")),
            None => return Err(("invalid_request", "response_type is missing")),
        }
        // RFC 6749 §3.3: visible ASCII but the quotation mark and the backslash, one space between.
        let token =
            |scope: &str| !scope.is_empty() && scope.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5B | 0x5D..=0x7E));
        if self.params.get("scope").is_some_and(|scope| !scope.split(' ').all(token)) {
            return Err(("invalid_scope", "scope is malformed"));
        }
        match (self.params.get("code_challenge"), self.params.get("code_challenge_method")) {
            // RFC 7636 §4.3: a missing method means plain, which is not taken here.
            (Some(_), None) => Err(("invalid_request", "code_challenge_method must be S256")),
            (_, Some(method)) if method != "S256" => Err(("invalid_request", "code_challenge_method must be S256")),
            // SHA-256 in base64url without padding.
            (Some(challenge), Some(_)) if challenge.len() != 43 || !challenge.bytes().all(is_base64url) => {
                Err(("invalid_request", "code_challenge is no S256 challenge"))
            }
            (None, Some(_)) => Err(("invalid_request", "code_challenge is missing")),
            (None, None) if self.pkce => Err(("invalid_request", "code_challenge is missing")),
            (Some(_), Some(_)) | (None, None) => Ok(()),
        }
    }

    fn scope(&self) -> Vec<String> {
        self.params.get("scope").unwrap_or_default().split(' ').filter(|s| !s.is_empty()).map(str::to_owned).collect()
    }

    /// Sends the browser back to the client, with `state` as it came (and `iss`, RFC 9207, from an OpenID Provider).
    fn back(&self, stand: &Stand, answer: &[(&str, &str)]) -> Response<Bytes> {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(answer);
        let state = (!self.params.is_repeated("state")).then(|| self.params.get("state")).flatten();
        query.extend_pairs(state.map(|state| ("state", state)));
        if stand.options.oidc {
            query.append_pair("iss", stand.issuer());
        }
        let joint = if self.redirect_uri.contains('?') { '&' } else { '?' };
        let Ok(location) = HeaderValue::try_from(format!("{}{joint}{}", self.redirect_uri, query.finish())) else {
            return pages::refused("redirect_uri cannot stand in a header");
        };
        let mut response = Response::new(Bytes::new());
        // 303, not 302 and never 307: the answer to the form must not be posted on (RFC 9700 §4.12).
        *response.status_mut() = StatusCode::SEE_OTHER;
        response.headers_mut().insert(header::LOCATION, location);
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

/// This browser is signed in no longer.
pub(super) fn forget(stand: &Stand, received: &Received) {
    cookie(stand, received).map(|value| stand.state().sign_ins.remove(value));
}

/// Browsers do not tell ports apart in cookies: two stand-ins on one machine need two names.
fn cookie_name(stand: &Stand) -> String {
    format!("stand-in-toki-{}", stand.address.port())
}

fn cookie<'a>(stand: &Stand, received: &'a Received) -> Option<&'a str> {
    let name = cookie_name(stand);
    let lines = received.headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut cookies = lines.flat_map(Cookie::split_parse).filter_map(Result::ok);
    cookies.find(|cookie| cookie.name() == name)?.value_raw()
}

fn leads_to_loopback(redirect_uri: &str) -> bool {
    url::Url::parse(redirect_uri).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https") && url.fragment().is_none() && url.host_str().is_some_and(is_loopback)
    })
}

fn is_base64url(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'-' || b == b'_'
}

/// Sessions whose `sid` is known.
const SIDS: usize = 10_000;
