use super::*;

fn rewrite() -> Rewrite {
    let host = Host { name: "app.example.mn".to_owned(), port: None };
    let local = Host { name: "localhost".to_owned(), port: Some(4180) };
    let cookies = CookieNames { base: "__Host-tokigate".to_owned(), secure: true, drop: Vec::new() };
    Rewrite::new(
        [&HeaderName::from_static("remote-user")],
        vec![Public::new(true, &host), Public::new(false, &local)],
        cookies,
    )
}

fn sent(lines: &[(&'static str, &str)]) -> HeaderMap {
    lines.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
}

fn rewritten(lines: &[(&'static str, &str)], trusted: bool, public_url: usize) -> HeaderMap {
    let mut headers = sent(lines);
    let identity = [
        (HeaderName::from_static("x-forwarded-user"), HeaderValue::from_static("alice")),
        (header::AUTHORIZATION, HeaderValue::from_static("Bearer ours")),
    ];
    let from = From {
        address: Some("10.0.0.5".parse().unwrap()),
        address_value: Some(&HeaderValue::from_static("10.0.0.5")),
        trusted,
        client_certificate: None,
        request_id: &HeaderValue::from_static("r1"),
    };
    rewrite().request(&mut headers, &Fill { public_url, identity: &identity, from, upgrade: false });
    headers
}

#[test]
fn the_application_is_told_the_public_url_whoever_connected() {
    for trusted in [false, true] {
        let lines = [("x-forwarded-proto", "http"), ("x-forwarded-host", "evil"), ("x-forwarded-port", "1")];
        let headers = rewritten(&lines, trusted, 0);
        assert_eq!(headers["x-forwarded-proto"], "https");
        assert_eq!(headers["x-forwarded-host"], "app.example.mn");
        assert_eq!(headers["x-forwarded-port"], "443");
    }
    let headers = rewritten(&[], false, 1);
    assert_eq!(
        (&headers["x-forwarded-host"], &headers["x-forwarded-port"]),
        (&"localhost:4180".parse().unwrap(), &"4180".parse().unwrap())
    );
}

#[test]
fn connection_names_ours_and_ours_is_there_all_the_same() {
    let headers = rewritten(
        &[("connection", "x-forwarded-user, x-forwarded-for, x-request-id"), ("x-forwarded-user", "admin")],
        false,
        0,
    );
    assert_eq!(headers.get_all("x-forwarded-user").iter().collect::<Vec<_>>(), ["alice"]);
    assert_eq!(headers["x-forwarded-for"], "10.0.0.5");
    assert_eq!(headers["x-request-id"], "r1");
    assert!(!headers.contains_key("connection"));
}

#[test]
fn a_token_of_ours_takes_the_place_of_whatever_was_sent() {
    let headers = rewritten(&[("authorization", "Bearer theirs"), ("authorization", "Basic x")], false, 0);
    assert_eq!(headers.get_all("authorization").iter().collect::<Vec<_>>(), ["Bearer ours"]);
}

#[test]
fn a_trusted_list_is_continued_in_both_forms() {
    let lines = [("x-forwarded-for", "9.9.9.9"), ("forwarded", "for=9.9.9.9")];
    let headers = rewritten(&lines, true, 0);
    assert_eq!(headers["x-forwarded-for"], "9.9.9.9, 10.0.0.5");
    assert_eq!(headers.get_all("forwarded").iter().collect::<Vec<_>>(), ["for=9.9.9.9", "for=10.0.0.5"]);
    let headers = rewritten(&lines, false, 0);
    assert_eq!(headers["x-forwarded-for"], "10.0.0.5");
    assert!(!headers.contains_key("forwarded"));
}

#[test]
fn who_takes_trailers_says_so_again() {
    let headers = rewritten(&[("te", "gzip, Trailers"), ("connection", "te")], false, 0);
    assert_eq!((&headers["te"], &headers["connection"]), (&"trailers".parse().unwrap(), &"te".parse().unwrap()));
}

#[test]
fn no_line_of_the_applications_sets_a_cookie_of_ours() {
    for line in [
        "__Host-tokigate=x",
        " tokigate-4180.t0 =x; Path=/",
        "=tokigate-4180=x; Path=/",
        " = __Host-tokigate=x",
        "tokigate-4180",
    ] {
        let mut headers = sent(&[("set-cookie", line), ("set-cookie", "mine==__Host-tokigate=x")]);
        rewrite().response(&mut headers);
        let left: Vec<_> = headers.get_all("set-cookie").iter().collect();
        assert_eq!(left, ["mine==__Host-tokigate=x"], "{line}");
    }
}

#[test]
fn the_applications_keep_alive_is_read_before_it_goes() {
    let mut headers = sent(&[("connection", "keep-alive"), ("keep-alive", "max=100, Timeout=5"), ("etag", "1")]);
    assert_eq!(rewrite().response(&mut headers), Some(Duration::from_secs(5)));
    assert_eq!(headers.len(), 1);
}

/// What a client sent on its own behalf, rewritten for nobody (a public path) and for somebody.
fn for_nobody_and_somebody(lines: &[(&'static str, &str)]) -> [HeaderMap; 2] {
    let nobody = Fill {
        public_url: 0,
        identity: &[],
        from: From {
            address: None,
            address_value: None,
            trusted: true,
            client_certificate: None,
            request_id: &HeaderValue::from_static("r1"),
        },
        upgrade: false,
    };
    let mut headers = sent(lines);
    rewrite().request(&mut headers, &nobody);
    [headers, rewritten(lines, true, 0)]
}

/// security.md H-01: whoever sent it, on public paths also.
#[test]
fn nobody_names_a_user_but_the_gate() {
    let names = [
        "x-forwarded-user",
        "x_forwarded_user",
        "x.forwarded-user",
        "x-forwarded_email",
        "x-forwarded-preferred-username",
        "x-forwarded-groups",
        "x-forwarded-access-token",
        "x_forwarded_access_token",
        "x-forwarded-id-token",
        "x-auth-request-user",
        "x_auth_request_groups",
        "x-auth-request-redirect",
        "x-tokigate-assertion",
        "x_tokigate.anything",
        "remote-user",
        "remote_user",
    ];
    for name in names {
        for headers in for_nobody_and_somebody(&[(name, "admin"), ("accept", "*/*"), (name, "root")]) {
            assert!(headers.values().all(|value| value != "admin" && value != "root"), "{name}: {headers:?}");
            assert_eq!(headers["accept"], "*/*");
        }
    }
    let [nobody, somebody] = for_nobody_and_somebody(&[("x-forwarded-user", "admin")]);
    assert!(!nobody.contains_key("x-forwarded-user"));
    assert_eq!(somebody["x-forwarded-user"], "alice");
}

#[test]
fn what_is_the_clients_own_goes_on_as_sent() {
    let lines = [
        ("host", "app.example.mn:443"),
        ("accept", "text/html"),
        ("accept", "*/*"),
        ("cookie", "a=1; b=\"2\""),
        ("cookie", "c"),
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        ("x-http-method-override", "PUT"),
        ("x-csrf_token", "1"),
        ("content-length", "3"),
        ("range", "bytes=0-1"),
    ];
    for headers in for_nobody_and_somebody(&lines) {
        for (name, _) in lines {
            let expected: Vec<&str> =
                lines.iter().filter(|(other, _)| *other == name).map(|(_, value)| *value).collect();
            assert_eq!(headers.get_all(name).iter().collect::<Vec<_>>(), expected, "{name}");
        }
    }
    let [nobody, _] = for_nobody_and_somebody(&[("authorization", "Basic x")]);
    assert_eq!(nobody["authorization"], "Basic x", "it is none of the gate's business");
}

#[test]
fn no_tokigates_cookies_reach_the_application_and_all_others_do() {
    let lines = [
        ("cookie", "a=1; __Host-tokigate=x; b=2"),
        ("cookie", "__Host-tokigate.t0=y; tokigate-4180=z"),
        ("cookie", "c=3;__Host-tokigate-app1=other; __Host-tokigate.a0=w"),
    ];
    for headers in for_nobody_and_somebody(&lines) {
        assert_eq!(headers.get_all("cookie").iter().collect::<Vec<_>>(), ["a=1; b=2", "c=3"]);
    }
    for headers in for_nobody_and_somebody(&lines[1..2]) {
        assert!(!headers.contains_key("cookie"));
    }
}

#[test]
fn from_a_unix_socket_nobody_is_forwarded_for() {
    let untrusted = From {
        address: None,
        address_value: None,
        trusted: false,
        client_certificate: None,
        request_id: &HeaderValue::from_static("r1"),
    };
    let mut headers = sent(&[("x-forwarded-for", "9.9.9.9"), ("x-real-ip", "9.9.9.9"), ("forwarded", "for=9.9.9.9")]);
    rewrite().request(&mut headers, &Fill { public_url: 0, identity: &[], from: untrusted, upgrade: false });
    assert!(headers.values().all(|value| value != "9.9.9.9" && value != "for=9.9.9.9"), "{headers:?}");
}

#[test]
fn a_handshake_keeps_what_it_needs_and_no_more() {
    let untrusted = From {
        address: None,
        address_value: None,
        trusted: false,
        client_certificate: None,
        request_id: &HeaderValue::from_static("r1"),
    };
    let lines = [
        ("connection", "keep-alive, Upgrade, x-gone"),
        ("upgrade", "WebSocket"),
        ("x-gone", "1"),
        ("x-forwarded-user", "admin"),
    ];
    let mut headers = sent(&[&lines[..], &[("sec-websocket-key", "k"), ("sec-websocket-protocol", "p")]].concat());
    rewrite().request(&mut headers, &Fill { public_url: 0, identity: &[], from: untrusted, upgrade: true });
    assert_eq!(
        (&headers["connection"], &headers["upgrade"]),
        (&"upgrade".parse().unwrap(), &"websocket".parse().unwrap())
    );
    assert!(headers.contains_key("sec-websocket-key") && headers.contains_key("sec-websocket-protocol"));
    assert!(!headers.contains_key("x-gone") && !headers.contains_key("x-forwarded-user"));
}
