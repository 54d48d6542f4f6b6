//! Handshake: a request to become a WebSocket (RFC 6455 §4).

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version};

use crate::wire::hop::lists;

/// A client's well-formed handshake, and the only answer that takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handshake {
    accept: String,
}

impl Handshake {
    /// `None` for anything but a whole and valid handshake (RFC 6455 §4.2.1): that is a request like any other, and its `Upgrade` goes.
    pub fn read(head: &Parts) -> Option<Handshake> {
        let headers = &head.headers;
        if !headers.contains_key(UPGRADE) || head.method != Method::GET || head.version != Version::HTTP_11 {
            return None;
        }
        if !lists(headers, UPGRADE, "websocket") || !lists(headers, CONNECTION, "upgrade") {
            return None;
        }
        let key = only(headers, SEC_WEBSOCKET_KEY)?.as_bytes().trim_ascii();
        let version = only(headers, SEC_WEBSOCKET_VERSION)?;
        let is_nonce = STANDARD.decode(key).is_ok_and(|nonce| nonce.len() == 16);
        (version == "13" && is_nonce).then(|| Handshake { accept: accept(key) })
    }

    /// Answers the client's key, for an application that has seen none (RFC 8441 §5).
    pub fn accept(&self, headers: &mut HeaderMap) {
        let accept = HeaderValue::try_from(&self.accept).expect("base64 is visible ASCII");
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }

    /// Whether the application's 101 is an answer to this very handshake (RFC 6455 §4.1).
    pub fn is_accepted(&self, headers: &HeaderMap) -> bool {
        let accepted = only(headers, SEC_WEBSOCKET_ACCEPT)
            .is_some_and(|value| value.as_bytes().trim_ascii() == self.accept.as_bytes());
        accepted && lists(headers, UPGRADE, "websocket") && lists(headers, CONNECTION, "upgrade")
    }
}

/// The field's value where it came on exactly one line.
fn only(headers: &HeaderMap, name: HeaderName) -> Option<&HeaderValue> {
    let mut lines = headers.get_all(name).iter();
    let line = lines.next()?;
    lines.next().is_none().then_some(line)
}

fn accept(key: &[u8]) -> String {
    let mut hash = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
    hash.update(key);
    hash.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    STANDARD.encode(hash.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    /// RFC 6455 §1.3, with one line replaced.
    fn asked(name: &str, value: &str) -> Option<Handshake> {
        let mut lines = vec![
            ("upgrade", "websocket"),
            ("connection", "keep-alive, Upgrade"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("sec-websocket-version", "13"),
        ];
        lines.retain(|line| line.0 != name);
        let request =
            lines.into_iter().chain([(name, value)]).fold(Request::get("/"), |r, (name, value)| r.header(name, value));
        Handshake::read(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn the_answer_of_the_specifications_example_is_accepted() {
        let handshake = asked("upgrade", "WebSocket").unwrap();
        let mut answer = HeaderMap::new();
        answer.insert("upgrade", "websocket".parse().unwrap());
        answer.insert("connection", "Upgrade".parse().unwrap());
        answer.insert("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".parse().unwrap());
        assert!(handshake.is_accepted(&answer));
        answer.insert("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOp=".parse().unwrap());
        assert!(!handshake.is_accepted(&answer));
    }

    #[test]
    fn half_a_handshake_is_none() {
        for (name, value) in [
            ("upgrade", "h2c"),
            ("connection", "keep-alive"),
            ("sec-websocket-version", "8"),
            ("sec-websocket-key", "c2hvcnQ="),
            ("sec-websocket-key", "no base64 whatever"),
        ] {
            assert_eq!(asked(name, value), None, "{name}: {value}");
        }
    }
}
