//! A WebSocket's handshake over HTTP/2, answered (RFC 8441 §5): where HTTP/1.1 says 101, a success; so nothing else may be one.

use http::header::{CONTENT_LENGTH, SEC_WEBSOCKET_ACCEPT, SET_COOKIE};
use http::{HeaderValue, Response, StatusCode};

use super::Reason;
use crate::upstream::Body;

/// A 101 of HTTP/1.1, whose connection-specific fields go like those of any answer.
pub fn connected(mut switching: Response<Body>) -> Response<Body> {
    *switching.status_mut() = StatusCode::OK;
    switching.headers_mut().remove(SEC_WEBSOCKET_ACCEPT);
    switching
}

/// Anything else. Whoever answered a page to a handshake has not switched: it must not look as if they had. Its cookies count all the same, a refreshed
/// session's among them.
pub fn not_connected(answer: Response<Body>) -> Response<Body> {
    if !answer.status().is_success() {
        return answer;
    }
    let mut refused = Response::new(Body::Empty);
    *refused.status_mut() = StatusCode::BAD_GATEWAY;
    refused.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    for cookie in answer.headers().get_all(SET_COOKIE) {
        refused.headers_mut().append(SET_COOKIE, cookie.clone());
    }
    refused.extensions_mut().insert(Reason("socket_not_taken"));
    refused
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_answers_a_handshake_is_refused_and_keeps_its_cookies() {
        let page = Response::builder().header("set-cookie", "a=1").header("set-cookie", "b=2").header("x-secret", "1");
        let refused = not_connected(page.body(Body::full("page")).unwrap());
        assert!(refused.status().is_server_error());
        assert_eq!(refused.headers().get_all(SET_COOKIE).iter().collect::<Vec<_>>(), ["a=1", "b=2"]);
        assert!(!refused.headers().contains_key("x-secret"));
    }
}
