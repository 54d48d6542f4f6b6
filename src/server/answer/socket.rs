//! A WebSocket's handshake over HTTP/2, answered (RFC 8441 §5): where HTTP/1.1 says 101, a success; so nothing else may be one.

use http::header::{CONTENT_LENGTH, SEC_WEBSOCKET_ACCEPT};
use http::{HeaderValue, Response, StatusCode};

use super::Reason;
use crate::upstream::Body;

/// A 101 of HTTP/1.1, whose connection-specific fields go like those of any answer.
pub fn connected(mut switching: Response<Body>) -> Response<Body> {
    *switching.status_mut() = StatusCode::OK;
    switching.headers_mut().remove(SEC_WEBSOCKET_ACCEPT);
    switching
}

/// Anything else. Whoever answered a page to a handshake has not switched: it must not look as if they had.
pub fn not_connected(answer: Response<Body>) -> Response<Body> {
    if !answer.status().is_success() {
        return answer;
    }
    let mut refused = Response::new(Body::Empty);
    *refused.status_mut() = StatusCode::BAD_GATEWAY;
    refused.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    refused.extensions_mut().insert(Reason("socket_not_taken"));
    refused
}
