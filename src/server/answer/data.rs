//! Answers for programs: `/session`, `/userinfo`, `/auth`, health and the admin listener.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::{Map, Value, json};

use super::cors::ForScripts;
use super::{Asked, body, mark};
use crate::clock::Timestamp;
use crate::session::Session;
use crate::telemetry::metrics;
use crate::upstream::Body;

/// What `/session` tells.
pub struct SessionStatus<'a> {
    pub session: &'a Session,
    /// As in the log.
    pub user_hash: Option<&'a str>,
    /// What is left of the session if nothing more happens.
    pub left: Duration,
    pub now: Timestamp,
}

/// `GET /session` and `POST /refresh`. The same fields whether there is a session or not.
pub fn session_status(status: Option<&SessionStatus<'_>>, asked: &Asked<'_>) -> Response<Body> {
    let value = match status {
        Some(SessionStatus { session, user_hash, left, now }) => json!({
            "active": true,
            "user": session.user.as_str(),
            "user_hash": user_hash,
            "created_at": rfc3339(session.created_at),
            "expires_at": rfc3339(*now + *left),
            "expires_in_seconds": left.as_secs(),
            "token_expires_in_seconds": session.token_expires_at.since(*now).as_secs(),
            "refreshable": session.refreshable,
        }),
        None => json!({
            "active": false,
            "user": null,
            "user_hash": null,
            "created_at": null,
            "expires_at": null,
            "expires_in_seconds": null,
            "token_expires_in_seconds": null,
            "refreshable": false,
        }),
    };
    json_answer(&value, asked)
}

/// `/userinfo`: the claims that `[identity]` names.
pub fn user_info(claims: Map<String, Value>, asked: &Asked<'_>) -> Response<Body> {
    json_answer(&Value::Object(claims), asked)
}

/// Forward-auth says yes: every header that the application shall have, each `X-Forwarded-NAME` also as `X-Auth-Request-NAME`.
pub fn allowed(identity: &[(HeaderName, HeaderValue)], asked: &Asked<'_>) -> Response<Body> {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::ACCEPTED;
    let headers = response.headers_mut();
    headers.reserve(identity.len() * 2 + 6);
    for (name, value) in identity {
        if let Some(double) = double_of(name) {
            headers.append(double, value.clone());
        }
        headers.append(name.clone(), value.clone());
    }
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(0));
    mark(headers, asked);
    response.extensions_mut().insert(CountsCookies);
    response
}

/// In the extensions of an answer whose asker passes cookies on one by one.
#[derive(Clone, Copy, Debug)]
struct CountsCookies;

/// Says each `Set-Cookie` of forward-auth's yes once more as `X-Auth-Request-Set-Cookie-1` and so on: nginx's `auth_request` can pass on no field that comes in
/// several lines (before 1.23 it takes the first alone, since then it joins them into one that no browser reads).
pub fn count_cookies(response: &mut Response<Body>) {
    if response.extensions().get::<CountsCookies>().is_none() {
        return;
    }
    let cookies: Vec<HeaderValue> = response.headers().get_all(header::SET_COOKIE).iter().cloned().collect();
    for (number, cookie) in cookies.into_iter().enumerate() {
        if let Ok(name) = HeaderName::try_from(format!("x-auth-request-set-cookie-{}", number + 1)) {
            response.headers_mut().insert(name, cookie);
        }
    }
}

/// `x-forwarded-user` is also called `x-auth-request-user`: the name that configurations for oauth2-proxy read.
fn double_of(name: &HeaderName) -> Option<HeaderName> {
    let rest = name.as_str().strip_prefix("x-forwarded-")?;
    HeaderName::from_bytes(format!("x-auth-request-{rest}").as_bytes()).ok()
}

/// Of the application, which has agreed to a WebSocket in its own way: what follows is one (RFC 6455 §4.2.2).
pub fn switched(mut response: Response<Body>) -> Response<Body> {
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    response
}

/// `health_path`, and `/healthz`: for load balancers, which read the status.
pub fn health(healthy: bool, head: bool) -> Response<Body> {
    let (status, text) =
        if healthy { (StatusCode::OK, "ok\n") } else { (StatusCode::SERVICE_UNAVAILABLE, "not ready\n") };
    plain(status, "text/plain; charset=utf-8", text.to_owned(), head)
}

/// `/readyz`: 503 where not ready, and why not.
pub fn json(ready: bool, value: &Value, head: bool) -> Response<Body> {
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    plain(status, "application/json", format!("{value}\n"), head)
}

/// `/metrics`.
pub fn metrics(text: String, head: bool) -> Response<Body> {
    plain(StatusCode::OK, metrics::CONTENT_TYPE, text, head)
}

/// What the admin listener says to everything else.
pub fn admin_refusal(known_address: bool) -> Response<Body> {
    if !known_address {
        return plain(
            StatusCode::NOT_FOUND,
            "text/plain; charset=utf-8",
            "/healthz, /readyz, /metrics\n".to_owned(),
            false,
        );
    }
    let mut response =
        plain(StatusCode::METHOD_NOT_ALLOWED, "text/plain; charset=utf-8", "GET, HEAD\n".to_owned(), false);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}

fn plain(status: StatusCode, content_type: &'static str, text: String, head: bool) -> Response<Body> {
    let mut headers = HeaderMap::with_capacity(4);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(text.len()));
    let mut response = Response::new(if head { Body::Empty } else { Body::full(text) });
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

fn json_answer(value: &Value, asked: &Asked<'_>) -> Response<Body> {
    let mut response = Response::new(());
    response.extensions_mut().insert(ForScripts);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    mark(headers, asked);
    let body = body(value.to_string(), asked, headers);
    response.map(|()| body)
}

/// `2026-11-24T04:22:10Z`
fn rfc3339(time: Timestamp) -> String {
    // The year 9999 is as far as the format goes.
    let seconds = time.unix_seconds().min(253_402_300_799);
    let time: SystemTime = UNIX_EPOCH + Duration::from_secs(seconds);
    humantime::format_rfc3339_seconds(time).to_string()
}
