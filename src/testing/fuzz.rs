//! What eats bytes from outside, and what it promises of any bytes whatever: a broken promise panics. `fuzz/` has a target for each.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};

use crate::oidc::access_token::UnverifiedAccessToken;
use crate::oidc::callback::Callback;
use crate::server::http2::frames::Frames;
use crate::session::{Session, Tokens};
use crate::wire::proxy_header::{LONGEST, Opening, opening};
use crate::wire::{CookieNames, Cookies, Host, cookies};

/// A header has one length, however much has come: less asks for more, and more changes nothing.
pub fn proxy_header(bytes: &[u8]) {
    match opening(bytes) {
        Ok(Opening::Begun) => assert!(bytes.len() < LONGEST, "more is asked for than a header may have"),
        Ok(header @ Opening::Header { length, .. }) => {
            assert!(length <= bytes.len().min(LONGEST));
            assert_eq!(opening(&bytes[..length]), Ok(header));
            assert_eq!(opening(&bytes[..length - 1]), Ok(Opening::Begun));
            assert_eq!(opening(&bytes[..length / 2]), Ok(Opening::Begun));
        }
        Ok(Opening::Other) | Err(_) => {
            let more = [bytes, b"PROXY \r\n"].concat();
            assert_eq!(opening(&more), opening(bytes), "a verdict is not taken back");
        }
    }
}

/// Which frames there are does not depend on how their bytes come. The first byte says how they are cut up.
pub fn http2_frames(bytes: &[u8]) {
    let Some((size, bytes)) = bytes.split_first() else { return };
    let follow = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let (mut frames, mut heads) = (Frames::of_client(), Vec::new());
        for piece in pieces {
            frames.feed(piece, |head| heads.push(head));
        }
        (heads, frames.at_boundary(), frames.owes_the_rest())
    };
    let whole = follow(&mut std::iter::once(bytes));
    assert_eq!(follow(&mut bytes.chunks(usize::from(*size) + 1)), whole);
}

/// What is read as a host is written so that it is read as the same.
pub fn host(bytes: &[u8]) {
    if let Some(host) = Host::parse(bytes) {
        assert_eq!(Host::parse(host.to_string().as_bytes()).as_ref(), Some(&host));
        assert!(!host.name.bytes().any(|byte| byte.is_ascii_uppercase() || matches!(byte, b'@' | b'/' | b' ' | b'%')));
    }
}

/// None of ours is left in what the application gets, and what is left of the others is as it was.
pub fn cookies(bytes: &[u8]) {
    let Ok(line) = HeaderValue::from_bytes(bytes) else { return };
    let names = CookieNames { base: "__Host-tokigate".to_owned(), secure: true, drop: Vec::new() };
    let read = |line: &HeaderValue| Cookies::read(&HeaderMap::from_iter([(header::COOKIE, line.clone())]), &names);
    match cookies::without_ours(&line, &names) {
        None => assert!(read(&line).is_empty()),
        Some(None) => {}
        Some(Some(left)) => {
            assert!(left.len() < line.len() && read(&left).is_empty());
            assert_eq!(cookies::without_ours(&left, &names), None);
        }
    }
}

/// Sealed bytes that open are the gate's own, but of any version: they are read, or not; what is read is written as it was.
pub fn session(bytes: &[u8]) {
    if let Some(session) = Session::decode(&Bytes::copy_from_slice(bytes)) {
        let written = Bytes::from(session.encode());
        assert_eq!(Session::decode(&written).map(|again| again.encode()), Some(written.to_vec()));
    }
    let _ = Tokens::decode(bytes);
}

/// Whatever says that it is an access token.
pub fn access_token(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Some(token) = UnverifiedAccessToken::recognise(text)
    {
        let _ = token.alleged_issuer();
    }
}

/// A provider's answer by way of a browser.
pub fn callback(bytes: &[u8]) {
    let Ok(query) = std::str::from_utf8(bytes) else { return };
    match Callback::read(Some(query)) {
        Ok(Callback::Code { state, iss, .. }) => assert!(!state.is_empty() && iss.is_none_or(|iss| !iss.is_empty())),
        Ok(Callback::Refused { error, .. }) => assert!(!error.is_empty()),
        Err(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    /// Pieces of what the readers know, and bytes of any kind between them.
    fn pieces(known: &'static [&'static [u8]]) -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            3 => prop::sample::select(known).prop_map(<[u8]>::to_vec),
            1 => prop::collection::vec(any::<u8>(), 0..20),
        ];
        prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    const PROXY: &[&[u8]] = &[
        b"PROXY UNKNOWN\r\n",
        b"PROXY TCP4 127.0.0.1 127.0.0.1 1 65535\r\n",
        b"PROXY TCP6 ::1 ::1 0 1\r\n",
        b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\x01\x7f\0\0\x01\0\x01\0\x01",
        b"PROXY ",
        b"TCP4 ",
        b"TCP6 ",
        b"UNKNOWN",
        b"127.0.0.1 ",
        b"::1 ",
        b"65535 ",
        b"1",
        b" ",
        b"\r\n",
        b"\r\n\r\n\0\r\nQUIT\n",
        b"\x20\x00\x00\x00",
        b"\x21\x11\x00\x0c",
        b"\x21\x21\x00\x24",
        b"\x7f\0\0\x01",
        b"\x03\x00\x04",
    ];
    const FRAMES: &[&[u8]] = &[
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\0\0\0\x04\0\0\0\0\0",
        b"\0\0\x08\x06\0\0\0\0\0",
        b"\0\0\x01\x01\x01\0\0\0\x01\x82",
        b"\0\0\0\x09\x04\0\0\0\x01",
        b"\0\0\x02\0\0\0\0\0\x01",
        b"\x80",
        b"\0",
    ];
    const HOSTS: &[&[u8]] = &[b"a", b"A", b".", b"-", b":", b"80", b"[", b"]", b"::1", b"localhost", b"%", b"@", b" "];
    const COOKIES: &[&[u8]] =
        &[b"__Host-tokigate", b"tokigate-1", b".1", b".t0", b"=", b";", b" ", b"; ", b"a=1", b"\"", b",", b"\t"];
    const TOKENS: &[&[u8]] = &[b"eyJ0eXAiOiJhdCtqd3QifQ", b".", b"e30", b"eyJpc3MiOiJhIn0", b"=", b"-", b"_"];
    const QUERIES: &[&[u8]] = &[b"code=", b"state=", b"error=", b"iss=", b"&", b"%", b"2", b"F", b"+", b"a", b"="];
    const SESSIONS: &[&[u8]] = &[b"\0", b"\x01", b"\x02", b"\x80", b"\x7f", b"user", b"\xff"];

    #[test]
    fn every_promise_has_a_target() {
        let read = |file: &str| std::fs::read_to_string(format!("{}/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let (ours, targets) = (read("src/testing/fuzz.rs"), read("fuzz/Cargo.toml"));
        let promises =
            ours.lines().filter_map(|line| line.strip_prefix("pub fn ")?.split_once("(bytes")).map(|it| it.0);
        let promises: Vec<&str> = promises.collect();
        assert_eq!(promises.len(), 7, "{promises:?}");
        for promise in promises {
            assert!(targets.contains(&format!("name = \"{promise}\"")), "{promise}");
            let target = read(&format!("fuzz/fuzz_targets/{promise}.rs"));
            assert!(target.contains(&format!("tokigate::testing::fuzz::{promise}(bytes)")), "{target}");
        }
    }

    /// Eight times as many as elsewhere, because they are quick.
    fn many() -> ProptestConfig {
        let usual = ProptestConfig::default();
        ProptestConfig { cases: usual.cases.saturating_mul(8), ..usual }
    }

    proptest! {
        #![proptest_config(many())]

        #[test]
        fn every_promise_holds_of_any_pieces_of_a_proxy_header(bytes in pieces(PROXY)) {
            super::proxy_header(&bytes);
        }

        #[test]
        fn every_promise_holds_of_any_pieces_of_http_2(bytes in pieces(FRAMES)) {
            super::http2_frames(&bytes);
        }

        #[test]
        fn every_promise_holds_of_any_pieces_of_a_host(bytes in pieces(HOSTS)) {
            super::host(&bytes);
        }

        #[test]
        fn every_promise_holds_of_any_pieces_of_a_cookie_line(bytes in pieces(COOKIES)) {
            super::cookies(&bytes);
        }

        #[test]
        fn every_promise_holds_of_any_pieces_of_a_session(bytes in pieces(SESSIONS)) {
            super::session(&bytes);
        }

        #[test]
        fn every_promise_holds_of_any_pieces_of_an_access_token(bytes in pieces(TOKENS)) {
            super::access_token(&bytes);
        }

        #[test]
        fn every_promise_holds_of_any_pieces_of_a_callback(bytes in pieces(QUERIES)) {
            super::callback(&bytes);
        }
    }
}
