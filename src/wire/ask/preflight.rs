//! Preflights: what a browser asks before it sends what a script of another origin wants to send (Fetch, "CORS protocol", HTTP requests).

use http::header::{
    ACCESS_CONTROL_REQUEST_METHOD, ALLOW, AUTHORIZATION, CONTENT_TYPE, COOKIE, DATE, ORIGIN, SERVER, VARY,
};
use http::{HeaderMap, HeaderName, Method};

use super::door::{Body, single};
use crate::wire::hop;

/// As browsers send it, and nothing else that calls itself so: OPTIONS, one `Origin`, one method that is asked about, no body and no type of one. Nobody's browser names another
/// method in a header, which applications may take for the request's own.
pub(super) fn asked_about(method: &Method, headers: &HeaderMap, body: Body) -> Option<Method> {
    let one = |name| single(headers, name).flatten();
    let is_one = *method == Method::OPTIONS
        && body == Body::None
        && !headers.contains_key(CONTENT_TYPE)
        && one(&ORIGIN).is_some()
        && !headers.keys().any(|name| OVERRIDES.iter().any(|known| hop::reads_as(name, known)));
    let asked = one(&ACCESS_CONTROL_REQUEST_METHOD)?;
    Method::from_bytes(asked.as_bytes()).ok().filter(|_| is_one)
}

/// Takes out what no browser sends with one: an application that takes it for more than it is shall not know who asks.
pub fn strip(headers: &mut HeaderMap) {
    headers.remove(COOKIE);
    headers.remove(AUTHORIZATION);
}

/// Leaves of an answer's head what a browser reads of it (Fetch, "CORS-preflight fetch"), and nothing of what a handler that does not look at the method would
/// tell.
pub fn strip_answer(headers: &mut HeaderMap) {
    let tells = |name: &&HeaderName| {
        !(name.as_str().starts_with("access-control-") || [VARY, ALLOW, DATE, SERVER].contains(name))
    };
    let gone: Vec<HeaderName> = headers.keys().filter(tells).cloned().collect();
    for name in gone {
        headers.remove(name);
    }
}

const OVERRIDES: [&str; 4] = ["x-http-method-override", "x-http-method", "x-method-override", "x-method"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_answer_that_is_left_which_says_to_whom_it_is_shared() {
        let told = [
            ("access-control-allow-origin", "https://friend.example"),
            ("access-control-allow-methods", "PUT"),
            ("vary", "Origin"),
            ("allow", "PUT"),
            ("set-cookie", "a=b"),
            ("location", "/secret"),
            ("content-type", "text/html"),
            ("content-length", "6"),
            ("etag", "\"secret\""),
            ("x-secret", "1"),
        ];
        let mut headers: HeaderMap =
            told.iter().map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap())).collect();
        strip_answer(&mut headers);
        let left: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(left, ["access-control-allow-origin", "access-control-allow-methods", "vary", "allow"]);
    }
}
