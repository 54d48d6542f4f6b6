use http::Request;
use proptest::prelude::*;

use super::*;

/// A request's head as the library hands it over, `lines` beside its pseudo-fields.
fn head(uri: &str, lines: &[(&str, &str)]) -> Parts {
    let request = Request::get(uri).version(Version::HTTP_2);
    lines.iter().fold(request, |request, (name, value)| request.header(*name, *value)).body(()).unwrap().into_parts().0
}

fn translated(uri: &str, lines: &[(&str, &str)]) -> Result<Parts, Malformed> {
    let mut head = head(uri, lines);
    translate(&mut head, None, no_key).map(|()| head)
}

fn no_key() -> HeaderValue {
    panic!("nobody wants one")
}

fn extended(protocol: &str, lines: &[(&str, &str)]) -> Result<Parts, Malformed> {
    let mut head = head("https://app/chat?a", lines);
    head.method = Method::CONNECT;
    translate(&mut head, Some(protocol), || HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ==")).map(|()| head)
}

#[test]
fn a_head_is_what_http_1_1_would_have_brought() {
    let head = translated("https://App.example.mn:8443/a//../b?c=%2f", &[("accept", "*/*")]).unwrap();
    assert_eq!(head.uri, "/a//../b?c=%2f");
    assert_eq!((head.uri.scheme(), head.uri.authority()), (None, None));
    assert_eq!(head.headers["host"], "App.example.mn:8443");
    assert_eq!(head.version, Version::HTTP_11);
}

#[test]
fn a_head_that_comes_from_http_1_1_has_its_host_and_no_authority() {
    let head = translated("/a", &[("host", "app")]).unwrap();
    assert_eq!((head.uri.path(), &head.headers["host"]), ("/a", &HeaderValue::from_static("app")));
}

#[test]
fn authority_and_host_name_one_host() {
    for (uri, host) in [
        ("https://app/", "app"),
        ("https://app/", "APP:443"),
        ("https://app:443/", "app"),
        ("http://app/", "app:80"),
        ("https://[::1]:4180/", "[0:0::1]:4180"),
    ] {
        assert!(translated(uri, &[("host", host)]).is_ok(), "{uri} {host}");
    }
    for (uri, host) in [
        ("https://app/", "evil"),
        ("https://app/", "app:80"),
        ("http://app/", "app:443"),
        ("https://app:1/", "app:2"),
        ("https://app/", ""),
        ("https://app/", "app,app"),
        ("https://x@app/", "app"),
        ("https://x:y@app/", "x:y@app"),
    ] {
        assert_eq!(translated(uri, &[("host", host)]).unwrap_err(), Malformed::Host, "{uri} {host}");
    }
    assert_eq!(translated("https://x@app/", &[]).unwrap_err(), Malformed::Host);
    assert_eq!(translated("https://app/", &[("host", "app"), ("host", "app")]).unwrap_err(), Malformed::Host);
    assert_eq!(translated("ftp://app/", &[]).unwrap_err(), Malformed::Target);
}

#[test]
fn crumbs_become_one_line_in_their_order() {
    let crumbs = [("cookie", "a=b; c=d"), ("cookie", "e"), ("x", "y"), ("cookie", "f=g")];
    let head = translated("https://app/", &crumbs).unwrap();
    let lines: Vec<_> = head.headers.get_all("cookie").iter().collect();
    assert_eq!(lines, ["a=b; c=d; e; f=g"]);
}

#[test]
fn what_http_2_has_no_place_for_is_refused() {
    for line in [
        ("connection", "close"),
        ("connection", "x-forwarded-user"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "keep-alive"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "websocket"),
        ("te", "gzip"),
        ("te", "trailers, deflate"),
        ("x", " y"),
        ("x", "y "),
        ("x", "\ty"),
        ("x", "y\t"),
        ("x", " "),
        ("cookie", " a=b"),
    ] {
        assert_eq!(translated("https://app/", &[line]).unwrap_err(), Malformed::Field, "{line:?}");
    }
    assert!(translated("https://app/", &[("te", "trailers"), ("x", ""), ("y", "a b")]).is_ok());
}

#[test]
fn connect_stays_what_the_door_refuses() {
    let mut head = head("app:443", &[]);
    head.method = Method::CONNECT;
    assert_eq!(translate(&mut head, None, no_key), Ok(()));
    assert_eq!(head.method, Method::CONNECT);
}

#[test]
fn an_extended_connect_is_the_handshake_that_http_1_1_would_have_brought() {
    let lines = [
        ("sec-websocket-version", "13"),
        ("sec-websocket-protocol", "chat, superchat"),
        ("sec-websocket-extensions", "permessage-deflate"),
        ("sec-websocket-key", "the client's own"),
        ("origin", "https://app"),
        ("cookie", "a=b"),
        ("cookie", "c=d"),
    ];
    let head = extended("WebSocket", &lines).unwrap();
    assert_eq!((&head.method, head.version), (&Method::GET, Version::HTTP_11));
    assert_eq!(head.uri, "/chat?a");
    for (name, value) in [
        ("host", "app"),
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-version", "13"),
        ("sec-websocket-protocol", "chat, superchat"),
        ("sec-websocket-extensions", "permessage-deflate"),
        ("origin", "https://app"),
        ("cookie", "a=b; c=d"),
    ] {
        assert_eq!(head.headers.get_all(name).iter().collect::<Vec<_>>(), [value], "{name}");
    }
    assert_eq!(head.headers.len(), 9);
}

#[test]
fn an_extended_connect_for_anything_else_is_none() {
    for protocol in ["connect-udp", "connect-ip", "", "websocket2", "web socket"] {
        assert_eq!(extended(protocol, &[]).unwrap_err(), Malformed::Protocol, "{protocol}");
    }
    for line in [("upgrade", "websocket"), ("connection", "upgrade"), ("transfer-encoding", "chunked")] {
        assert_eq!(extended("websocket", &[line]).unwrap_err(), Malformed::Field, "{line:?}");
    }
    assert_eq!(extended("websocket", &[("host", "evil")]).unwrap_err(), Malformed::Host);
}

proptest! {
    /// Whatever an attacker puts into a head: what comes through reads the same to HTTP/1.1, and names one host.
    #[test]
    fn what_comes_through_says_nothing_else_in_http_1_1(
        authority in r"([a-z@:.\[\]]{0,6}|app(:443|:80)?)",
        scheme in prop::sample::select(vec!["http", "https", "ftp"]),
        lines in prop::collection::vec((
            prop::sample::select(vec!["host", "cookie", "te", "connection", "transfer-encoding", "content-length", "x-forwarded-user"]),
            r"[ \t]{0,1}(app(:443|:80)?|evil|trailers|chunked|a=b(; c=d)?|[a-z=;, ]{0,6})[ \t]{0,1}",
        ), 0..6),
    ) {
        let mut request = Request::get("/").version(Version::HTTP_2);
        if let Ok(uri) = format!("{scheme}://{authority}/x").parse::<Uri>() {
            request = request.uri(uri);
        }
        let named = request.uri_ref().and_then(|uri| uri.authority().cloned());
        let request = lines.iter().fold(request, |request, (name, value)| request.header(*name, value));
        let Ok(request) = request.body(()) else { return Ok(()) };
        let (mut head, ()) = request.into_parts();
        if translate(&mut head, None, no_key) == Ok(()) {
            prop_assert!(head.uri.authority().is_none());
            if let Some(named) = named {
                prop_assert_eq!(head.headers.get_all("host").iter().collect::<Vec<_>>(), [named.as_str()]);
                prop_assert!(!named.as_str().contains('@'));
                prop_assert!(lines.iter().all(|(name, value)| *name != "host" || !value.contains("evil")));
            }
            prop_assert!(head.headers.get_all("cookie").iter().count() <= 1);
            prop_assert!(!head.headers.contains_key("connection") && !head.headers.contains_key("transfer-encoding"));
            prop_assert!(lines.iter().all(|(_, value)| value.trim_matches([' ', '\t']) == value));
            let crumbs: Vec<&str> = lines.iter().filter(|(name, _)| *name == "cookie").map(|(_, value)| value.as_str()).collect();
            prop_assert_eq!(head.headers.get("cookie").map_or("", |line| line.to_str().unwrap()), crumbs.join("; "));
        }
    }
}
