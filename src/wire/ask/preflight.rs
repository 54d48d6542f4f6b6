//! Preflights: what a browser asks before it sends what a script of another origin wants to send (Fetch, "CORS protocol", HTTP requests).

use http::header::{ACCESS_CONTROL_REQUEST_METHOD, CONTENT_TYPE, ORIGIN};
use http::{HeaderMap, Method};

use super::door::{Body, single};
use crate::wire::hop;

/// As browsers send it, and nothing else that calls itself so: OPTIONS, one `Origin`, one method that is asked about, no body and no type of one. Nobody's browser names another
/// method in a header, which applications may take for the request's own.
pub(super) fn is_preflight(method: &Method, headers: &HeaderMap, body: Body) -> bool {
    let one = |name| single(headers, name).flatten();
    *method == Method::OPTIONS
        && body == Body::None
        && !headers.contains_key(CONTENT_TYPE)
        && one(&ORIGIN).is_some()
        && one(&ACCESS_CONTROL_REQUEST_METHOD).is_some_and(|asked| Method::from_bytes(asked.as_bytes()).is_ok())
        && !headers.keys().any(|name| OVERRIDES.iter().any(|known| hop::reads_as(name, known)))
}

const OVERRIDES: [&str; 4] = ["x-http-method-override", "x-http-method", "x-method-override", "x-method"];
