use http::{HeaderName, HeaderValue, Request, Version};

use super::*;

/// A request as the library would hand it over: request line and header lines.
fn request(line: &str, lines: &[&str]) -> Request<()> {
    let mut words = line.split(' ');
    let (method, target) = (words.next().expect("a method"), words.next().expect("a target"));
    let version = if words.next() == Some("HTTP/1.0") { Version::HTTP_10 } else { Version::HTTP_11 };
    let mut request =
        Request::builder().method(method).uri(target).version(version).body(()).expect("the library takes it");
    for line in lines {
        let (name, value) = line.split_once(": ").expect("name: value");
        let name = HeaderName::try_from(name).expect("a name");
        request.headers_mut().append(name, HeaderValue::try_from(value).expect("a value"));
    }
    request
}

fn names() -> CookieNames {
    CookieNames { base: "__Host-tokigate".into(), secure: true, drop: Vec::new() }
}

fn trusting(networks: &[&str]) -> Trust {
    let networks = networks.iter().map(|network| network.parse().expect("a network")).collect();
    Trust { networks, loopback_originals: false }
}

fn read_from(peer: Option<&str>, trust: &Trust, line: &str, lines: &[&str]) -> Result<Ask, Malformed> {
    let request = request(line, lines);
    let peer = peer.map_or(Remote::Unix, |peer| Remote::Address(peer.parse().expect("an address")));
    Ask::read(Head::of(&request), peer, trust, &names(), || HeaderValue::from_static("fresh"))
}

fn read(line: &str, lines: &[&str]) -> Result<Ask, Malformed> {
    let mut all = vec!["host: app.mn"];
    all.extend(lines);
    read_from(Some("192.0.2.1"), &Trust::default(), line, &all)
}

fn wants(line: &str, lines: &[&str]) -> Wants {
    read(line, lines).expect("well-formed").wants
}

const SOCKET: [&str; 4] = [
    "upgrade: WebSocket",
    "connection: keep-alive, Upgrade",
    "sec-websocket-version: 13",
    "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
];

#[test]
fn one_valid_host_is_needed_in_every_version() {
    for (line, lines) in [
        ("GET /", &[][..]),
        ("GET / HTTP/1.0", &[][..]),
        ("GET /", &["host: app.mn", "host: app.mn"]),
        ("GET /", &["host: app.mn", "host: evil.mn"]),
        ("GET /", &["host: a b"]),
        ("GET /", &["host: u@app.mn"]),
        ("GET /", &["host: app.mn."]),
        ("GET http://evil.mn/", &["host: app.mn"]),
        ("GET http://app.mn:8080/", &["host: app.mn"]),
    ] {
        assert_eq!(read_from(None, &Trust::default(), line, lines).err(), Some(Malformed::Host), "{line} {lines:?}");
    }
    assert_eq!(
        read_from(None, &Trust::default(), "GET http://u@app.mn/", &["host: app.mn"]).err(),
        Some(Malformed::Target)
    );
    assert_eq!(read("GET http://app.mn:80/x?y", &[]).expect("the same host").target, "/x?y");
    assert_eq!(read("GET https://APP.mn:443?y", &[]).expect("the same host").target, "/?y");
}

#[test]
fn only_targets_of_a_server_are_taken() {
    for line in [
        "GET foo",
        "GET foo:80",
        "GET ftp://app.mn/",
        "GET *",
        "OPTIONS http://app.mn*",
        "GET /a\\b",
        "GET /\\evil.mn",
        "GET /\u{444}",
    ] {
        let uri = line.split(' ').nth(1).expect("a target");
        if http::Uri::try_from(uri).is_err() {
            continue;
        }
        assert_eq!(read(line, &[]).err(), Some(Malformed::Target), "{line}");
    }
    for target in ["/", "//a", "/a%2Fb", "/a/../b;c", "/a?b\\c", "/a?", "/%zz", "/a|b?{}"] {
        assert_eq!(read(&format!("GET {target}"), &[]).expect("taken").target, target);
    }
    assert_eq!(read("OPTIONS *", &[]).expect("taken").target, "*");
}

#[test]
fn methods_that_reflect_or_tunnel_or_hide_are_not_taken() {
    for line in ["CONNECT app.mn:443", "TRACE /", "get /", "GeT /", "GET! /", "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHI /"] {
        assert_eq!(read(line, &[]).err(), Some(Malformed::Method), "{line}");
    }
    assert!(read("M-SEARCH /", &[]).is_ok());
}

#[test]
fn framing_is_plain_or_refused() {
    for (line, lines, refused) in [
        ("POST /", &["content-length: 4", "transfer-encoding: chunked"][..], Malformed::Framing),
        ("POST /", &["content-length: 4", "content-length: 5"], Malformed::Framing),
        ("POST /", &["content-length: 4", "content-length: 4"], Malformed::Framing),
        ("POST /", &["content-length: +4"], Malformed::Framing),
        ("POST /", &["content-length: 0x4"], Malformed::Framing),
        ("POST /", &["content-length: 4, 4"], Malformed::Framing),
        ("POST /", &["content-length: 99999999999999999999"], Malformed::Framing),
        ("POST /", &["content-length: "], Malformed::Framing),
        ("POST / HTTP/1.0", &["transfer-encoding: chunked"], Malformed::Framing),
        ("POST /", &["transfer-encoding: gzip, chunked"], Malformed::Coding),
        ("POST /", &["transfer-encoding: chunked", "transfer-encoding: chunked"], Malformed::Coding),
        ("POST /", &["transfer-encoding: identity"], Malformed::Coding),
        ("POST /", &["transfer-encoding: xchunked"], Malformed::Coding),
        ("POST /", &["transfer-encoding: "], Malformed::Coding),
        ("POST /", &["expect: y 100-continue"], Malformed::Expectation),
        ("POST /", &["expect: 100-continue", "expect: 100-continue"], Malformed::Expectation),
    ] {
        assert_eq!(read(line, lines).err(), Some(refused), "{line} {lines:?}");
    }
    for lines in [
        &["content-length: 4"][..],
        &["transfer-encoding: Chunked"],
        &["expect: 100-Continue"],
        &["content-length: 007"],
    ] {
        assert!(read("POST /", lines).is_ok(), "{lines:?}");
    }
}

#[test]
fn a_websocket_handshake_is_whole_or_refused() {
    assert_eq!(wants("GET /", &SOCKET), Wants::Socket);
    let without = |index: usize, instead: &'static str| {
        let mut lines = SOCKET.to_vec();
        lines[index] = instead;
        lines
    };
    for (line, lines) in [
        ("POST /", SOCKET.to_vec()),
        ("GET / HTTP/1.0", SOCKET.to_vec()),
        ("GET /", without(0, "upgrade: websocket, h2c")),
        ("GET /", without(1, "connection: close")),
        ("GET /", without(2, "sec-websocket-version: 12")),
        ("GET /", without(2, "x: y")),
        ("GET /", without(3, "sec-websocket-key: c2hvcnQ=")),
        ("GET /", without(3, "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ??")),
        ("GET /", without(3, "x: y")),
        ("GET /", [SOCKET.to_vec(), vec!["content-length: 30"]].concat()),
        ("GET /", [SOCKET.to_vec(), vec!["transfer-encoding: chunked"]].concat()),
        ("GET /", [SOCKET.to_vec(), vec!["sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ=="]].concat()),
    ] {
        assert_eq!(read(line, &lines).err(), Some(Malformed::Upgrade), "{line} {lines:?}");
    }
    // An octet beyond ASCII hides the line from nobody.
    let mut odd = request("GET /", &[&["host: app.mn"], &SOCKET[1..]].concat());
    odd.headers_mut().insert("upgrade", HeaderValue::from_bytes(b"websocket, \xff").expect("a value"));
    let peer = Remote::Address("192.0.2.1".parse().expect("an address"));
    let odd = Ask::read(Head::of(&odd), peer, &Trust::default(), &names(), || HeaderValue::from_static("fresh"));
    assert_eq!(odd.err(), Some(Malformed::Upgrade));
    assert_eq!(wants("GET /", &[&SOCKET[..], &["content-length: 0"]].concat()), Wants::Socket);
    // Another protocol is not taken up; the rest of the request stands.
    assert_eq!(wants("GET /", &["upgrade: h2c", "connection: upgrade", "accept: text/html"]), Wants::Page);
}

#[test]
fn what_a_request_wants_follows_the_table_in_its_order() {
    let navigate = "sec-fetch-mode: navigate";
    let document = "sec-fetch-dest: document";
    let html = "accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8";
    let form = "content-type: application/x-www-form-urlencoded; charset=utf-8";
    for (line, lines, expected) in [
        ("POST /", &["content-type: Application/gRPC-web+proto", navigate][..], Wants::Grpc(Grpc::Web)),
        ("OPTIONS /", &["access-control-request-method: PUT", "purpose: prefetch"], Wants::Preflight),
        ("OPTIONS /", &[html], Wants::Data),
        ("GET /", &["sec-purpose: prefetch;prerender", navigate, document], Wants::Prefetch),
        ("GET /", &["purpose: prefetch", html], Wants::Prefetch),
        ("GET /", &[navigate, document, "x-requested-with: XMLHttpRequest"], Wants::Page),
        ("HEAD /", &[navigate, document], Wants::Page),
        ("POST /", &[navigate, document, form], Wants::Form),
        ("POST /", &[navigate, document, "content-type: multipart/form-data; boundary=x"], Wants::Form),
        ("GET /", &[navigate, "sec-fetch-dest: iframe"], Wants::Frame),
        ("POST /", &[navigate, "sec-fetch-dest: embed", form], Wants::Frame),
        ("GET /", &[navigate, "sec-fetch-dest: empty"], Wants::Data),
        ("GET /", &["sec-fetch-mode: cors", html], Wants::Data),
        ("GET /", &["sec-fetch-mode: no-cors", html], Wants::Data),
        ("GET /", &["x-requested-with: XMLHttpRequest", html], Wants::Data),
        ("GET /", &["x-requested-with: mn.toki.superapp", html], Wants::Page),
        ("GET /", &["accept: text/html, application/problem+json"], Wants::Data),
        ("GET /", &["accept: text/event-stream", "accept: text/html"], Wants::Data),
        ("POST /", &["content-type: application/json", html], Wants::Data),
        ("GET /", &["accept: */*"], Wants::Data),
        ("GET /", &[], Wants::Data),
        ("POST /", &[form], Wants::Data),
        ("POST /", &[form, html], Wants::Form),
        ("PUT /", &[html], Wants::Data),
    ] {
        assert_eq!(wants(line, lines), expected, "{line} {lines:?}");
    }
}

#[test]
fn a_request_is_foreign_when_its_browser_says_so_or_another_site_sent_it() {
    for (lines, expected) in [
        (&[][..], Relation::Own),
        (&["sec-fetch-site: same-origin", "origin: https://evil.mn"], Relation::Own),
        (&["sec-fetch-site: none"], Relation::Own),
        (&["sec-fetch-site: cross-site"], Relation::Foreign),
        (&["sec-fetch-site: same-site"], Relation::Foreign),
        (&["sec-fetch-site: new-word"], Relation::Foreign),
        (&["origin: https://app.mn"], Relation::Own),
        (&["origin: https://app.mn:8443"], Relation::Foreign),
        (&["origin: null"], Relation::Foreign),
        (&["referer: https://app.mn/x?y"], Relation::Own),
        (&["referer: https://app.mn@evil.mn/"], Relation::Foreign),
        (&["origin: https://app.mn", "referer: https://evil.mn/"], Relation::Foreign),
    ] {
        assert_eq!(read("POST /", lines).expect("well-formed").relation, expected, "{lines:?}");
    }
}

#[test]
fn the_client_is_found_from_the_right_and_only_behind_trusted_proxies() {
    let trust = trusting(&["10.0.0.0/8"]);
    let client = |peer, line: &str| {
        let ask = read_from(peer, &trust, "GET /", &["host: app.mn", line]).expect("well-formed");
        ask.client.map_or("?".to_owned(), |client| client.to_string())
    };
    for (peer, line, expected) in [
        (Some("10.0.0.5"), "x-forwarded-for: 9.9.9.9, 6.6.6.6", "6.6.6.6"),
        (Some("10.0.0.5"), "x-forwarded-for: 9.9.9.9, 6.6.6.6 , 10.1.1.1", "6.6.6.6"),
        (Some("10.0.0.5"), "x-forwarded-for: 10.2.2.2, 10.1.1.1", "10.2.2.2"),
        (Some("10.0.0.5"), "x-forwarded-for: 9.9.9.9, nil", "?"),
        (Some("10.0.0.5"), "x-forwarded-for: 10000.0.0.1", "?"),
        (Some("10.0.0.5"), "x-forwarded-for: fe80::1%eth0", "?"),
        (Some("10.0.0.5"), "x-forwarded-for: 9.9.9.9:1234", "9.9.9.9"),
        (Some("10.0.0.5"), "x-forwarded-for: [2001:db8::1]:80", "2001:db8::1"),
        (Some("10.0.0.5"), "forwarded: for=9.9.9.9, for=\"[2001:db8::1]:80\";host=x", "2001:db8::1"),
        (Some("10.0.0.5"), "forwarded: for=_hidden", "?"),
        (Some("10.0.0.5"), "x: y", "10.0.0.5"),
        (Some("192.0.2.1"), "x-forwarded-for: 9.9.9.9", "192.0.2.1"),
        (None, "x-forwarded-for: 9.9.9.9", "?"),
    ] {
        assert_eq!(client(peer, line), expected, "{peer:?} {line}");
    }
}

#[test]
fn the_forwarded_host_counts_from_trusted_proxies_only() {
    let trust = trusting(&["10.0.0.0/8"]);
    let host = |peer, lines: &[&str]| {
        let mut all = vec!["host: inner:8080"];
        all.extend(lines);
        read_from(Some(peer), &trust, "GET /", &all).map(|ask| ask.host.to_string())
    };
    assert_eq!(host("10.0.0.5", &["x-forwarded-host: App.mn"]), Ok("app.mn".to_owned()));
    assert_eq!(
        host("10.0.0.5", &["x-forwarded-host: evil.mn, app.mn"]),
        Ok("app.mn".to_owned()),
        "the last one was written next door"
    );
    assert_eq!(host("10.0.0.5", &["forwarded: for=1.2.3.4;host=\"app.mn:8443\""]), Ok("app.mn:8443".to_owned()));
    assert_eq!(host("10.0.0.5", &["x-forwarded-host: a b"]), Err(Malformed::Host));
    assert_eq!(host("192.0.2.1", &["x-forwarded-host: app.mn"]), Ok("inner:8080".to_owned()));
}

#[test]
fn the_original_request_is_believed_only_where_one_story_is_told_by_the_right_one() {
    let trust = trusting(&["10.0.0.0/8"]);
    let told = [
        "host: gate",
        "x-original-method: POST",
        "x-original-url: https://app.mn/deep?x=1",
        "content-type: text/plain",
        "accept: text/html",
    ];
    let original = |peer, trust: &Trust, lines: &[&str]| {
        read_from(peer, trust, "GET /oauth2/auth", lines).expect("well-formed").original
    };
    let heard = original(Some("10.0.0.5"), &trust, &told).expect("told");
    assert_eq!(heard.method, Some(Method::POST));
    assert_eq!(heard.host, Host::parse(b"app.mn"));
    assert_eq!(heard.target, Some(PathAndQuery::from_static("/deep?x=1")));
    assert_eq!((heard.wants, heard.contradictory), (Wants::Form, false), "as the original request would have been");
    assert!(original(Some("192.0.2.1"), &trust, &told).is_none());
    assert!(original(Some("127.0.0.1"), &trust, &told).is_none());
    let beside = Trust { loopback_originals: true, ..Trust::default() };
    assert!(original(Some("127.0.0.1"), &beside, &told).is_some());
    assert!(original(None, &beside, &told).is_some());
    assert!(original(Some("192.0.2.1"), &beside, &told).is_none());
    for second in [
        "x-forwarded-uri: /public",
        "x-forwarded-method: GET",
        "x-original-url: https://app.mn/public",
        "x-original-uri: /deep",
    ] {
        let heard = original(Some("10.0.0.5"), &trust, &[&told[..], &[second]].concat()).expect("told");
        assert!(heard.contradictory, "{second}");
    }
    for target in ["x-forwarded-uri: x", "x-forwarded-uri: /a b", "x-forwarded-uri: /a#b", "x-forwarded-uri: /a\\b"] {
        let heard = original(Some("10.0.0.5"), &trust, &["host: gate", target]).expect("told");
        assert_eq!(heard.target, None, "{target}");
    }
}

#[test]
fn a_sane_request_id_is_kept_and_any_other_replaced() {
    let id = |line: &str| read("GET /", &[line]).expect("well-formed").request_id;
    assert_eq!(id("x-request-id: 4bf9-2f_3:5/7=+a.b"), "4bf9-2f_3:5/7=+a.b");
    for line in [
        "x: y",
        "x-request-id: a b",
        "x-request-id: \"",
        "x-request-id: ",
        &format!("x-request-id: {}", "a".repeat(129)),
    ] {
        assert_eq!(id(line), "fresh", "{line}");
    }
}

#[test]
fn of_several_origins_none_counts() {
    let origin = |lines: &[&str]| read("GET /", lines).expect("well-formed").origin;
    assert_eq!(origin(&["origin: https://app.mn"]).expect("one"), "https://app.mn");
    assert_eq!(origin(&["origin: https://app.mn", "origin: https://evil.mn"]).expect("none of them"), "null");
}

#[test]
fn how_it_was_fetched_is_said_by_the_browser_or_by_an_older_script() {
    let fetch = |lines: &[&str]| read("GET /", lines).expect("well-formed").fetch;
    for (lines, expected) in [
        (&[][..], Fetch::Unsaid),
        (&["sec-fetch-mode: navigate", "x-requested-with: XMLHttpRequest"], Fetch::Navigate),
        (&["sec-fetch-mode: websocket"], Fetch::Other),
        (&["x-requested-with: XMLHttpRequest"], Fetch::Other),
        (&["x-requested-with: mn.toki.superapp"], Fetch::Unsaid),
    ] {
        assert_eq!(fetch(lines), expected, "{lines:?}");
    }
}
