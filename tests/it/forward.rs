//! The request as the client sent it, and the answer as the application gave it: interface.md, "What the application gets".

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::world::{Ask, BAT, World};

#[tokio::test]
async fn the_target_arrives_byte_for_byte() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    for target in [
        "/deep/a%2Fb?x=%41&y=;z+a%20b&&=",
        "/deep//a/./b/../c;v=1",
        "/deep/%D0%91%zz?%",
        "/deep/a?b=c?d=/e#",
        "/deep/~!$&'()*+,;=:@",
    ] {
        let expected = target.trim_end_matches('#');
        assert!(browser.fetch(expected).await.header("x-sample-app").is_some(), "{target}");
        assert_eq!(world.seen().last().map(String::as_str), Some(expected));
    }
    let long = format!("/deep/a?{}", "q=%20&".repeat(1300));
    browser.fetch(&long).await;
    assert_eq!(world.seen().last(), Some(&long));
}

#[tokio::test]
async fn methods_bodies_and_headers_pass_both_ways() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        let ask = Ask::script("/echo").method(method).with("content-type", "text/x-mine").body(b"there and back");
        let reply = browser.send(ask).await;
        assert_eq!((reply.status, reply.text().as_str()), (200, "there and back"), "{method}");
        assert_eq!(reply.header("content-type"), Some("text/x-mine"));
        assert_eq!(world.app.requests().last().unwrap().method, method);
    }
    let reply = browser.send(Ask::script("/headers").with("accept-language", "mn").with("x-custom", "a, b")).await;
    assert_eq!(reply.status, 200);
    assert_eq!(
        (world.told("accept-language").as_deref(), world.told("x-custom").as_deref()),
        (Some("mn"), Some("a, b"))
    );
    for status in [200, 201, 204, 304, 400, 404, 418, 500, 503] {
        assert_eq!(browser.fetch(&format!("/status/{status}")).await.status, status);
    }
}

#[tokio::test]
async fn head_has_no_body_and_the_connection_goes_on() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    let cookie = format!("Cookie: {}", browser.cookie_line());
    let host = format!("Host: {}", world.setup.host());
    let mut wire = world.wire().await;
    let head = wire.request(&["HEAD /bytes/1000 HTTP/1.1", &host, &cookie]).await;
    assert!(head.starts_with("HTTP/1.1 200") && head.to_lowercase().contains("content-length: 1000"), "{head}");
    let next = wire.request(&["GET /status/418 HTTP/1.1", &host, &cookie]).await;
    assert!(next.starts_with("HTTP/1.1 418"), "{next}");
}

#[tokio::test]
async fn a_request_id_is_kept_when_sane_and_made_when_not() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    let reply = browser.send(Ask::script("/headers").with("x-request-id", "sane-1.2_3")).await;
    assert_eq!(reply.status, 200);
    assert_eq!(world.told("x-request-id").as_deref(), Some("sane-1.2_3"));
    for insane in ["x".repeat(10_000), "a b".to_owned(), "<script>".to_owned(), "\u{e9}".to_owned()] {
        browser.send(Ask::script("/headers").with("x-request-id", &insane)).await;
        let told = world.told("x-request-id").unwrap();
        assert!(told != insane && !told.is_empty() && told.len() <= 128, "{told}");
    }
    browser.fetch("/headers").await;
    assert!(world.told("x-request-id").is_some());
}

#[tokio::test]
async fn a_trace_goes_on() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    browser.send(Ask::script("/headers").with("traceparent", parent).with("tracestate", "a=b")).await;
    let told = world.told("traceparent").unwrap();
    assert!(told.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"), "{told}");
    assert_eq!(world.told("tracestate").as_deref(), Some("a=b"));
}

#[tokio::test]
async fn an_application_that_is_down_is_a_502_in_the_form_that_was_asked_for() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    world.app.stop();
    let page = browser.load("/deep/a").await;
    assert!(page.status == 502 && page.is_html(), "{page}");
    let id = page.header("x-request-id").unwrap();
    assert!(page.text().contains(id));
    let problem = browser.fetch("/deep/a").await;
    assert_eq!((problem.status, problem.header("content-type")), (502, Some("application/problem+json")));
    assert_eq!(problem.json()["status"], 502);
    assert!(!page.text().contains("127.0.0.1") && !problem.text().contains("127.0.0.1"), "no detail: {problem}");
    assert!(browser.is_signed_in().await, "and nobody is signed out by it");
    let ready = world.admin("/readyz").await;
    assert!(ready.status == 200 && ready.text().contains("application"), "{ready}");
}

#[tokio::test]
async fn an_application_that_hangs_up_is_a_502_and_one_that_is_slow_a_504() {
    let world = World::with(|setup| setup.set("limits", "upstream_timeout", "\"300ms\"")).await;
    let browser = world.signed_in(BAT).await;
    assert_eq!(browser.fetch("/hangup").await.status, 502);
    let slow = browser.load("/hang").await;
    assert!(slow.status == 504 && slow.is_html(), "{slow}");
    assert_eq!(browser.fetch("/hang").await.header("content-type"), Some("application/problem+json"));
    assert_eq!(browser.fetch("/deep/a").await.status, 200);
}

#[tokio::test]
async fn an_answer_that_breaks_off_breaks_off() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    let host = format!("Host: {}", world.setup.host());
    let cookie = format!("Cookie: {}", browser.cookie_line());
    for target in ["/abort", "/abort?chunked=1"] {
        let mut wire = world.wire().await;
        let head = wire.request(&[&format!("GET {target} HTTP/1.1"), &host, &cookie]).await;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        let rest = String::from_utf8(wire.rest().await).unwrap();
        assert!(!rest.ends_with("0\r\n\r\n") && rest.len() < 1000, "never as if it were whole: {}", rest.len());
    }
}

#[tokio::test]
async fn a_host_that_nobody_knows_is_421_with_the_right_address() {
    let world = World::new().await;
    let page = world.curl(Ask::page("/deep/a?b").with("host", "elsewhere.example")).await;
    assert_eq!(page.status, 421, "{page}");
    assert!(page.text().contains(&world.setup.public_url), "{page}");
    assert_eq!(world.curl(Ask::script("/deep/a").with("host", "elsewhere.example")).await.status, 421);
    // Another loopback name of the port: on to the right one.
    let other = world.curl(Ask::page("/deep/a?b").with("host", &format!("127.0.0.1:{}", world.setup.port))).await;
    assert_eq!((other.status, other.location()), (302, format!("{}/deep/a?b", world.setup.public_url)));
    assert!(other.set_cookies().is_empty());
    assert_eq!(world.seen(), Vec::<String>::new());
}

#[tokio::test]
async fn extra_hosts_are_for_machines_401_and_never_a_redirect() {
    let world = World::with(|setup| {
        setup.set("", "extra_hosts", "[\"app.svc.cluster.local\"]");
        setup.rule("/public/**", "public");
    });
    let world = world.await;
    let here = |ask: Ask| world.curl(ask.with("host", "app.svc.cluster.local"));
    for ask in [Ask::page("/deep/a"), Ask::plain("/deep/a"), Ask::page("/oauth2/start")] {
        let reply = here(ask).await;
        assert!(reply.status == 401 && reply.header("location").is_none() && reply.set_cookies().is_empty(), "{reply}");
    }
    assert_eq!(here(Ask::plain("/public/a")).await.status, 200, "the same rules");
    assert_eq!(world.told("x-forwarded-host"), Some(world.setup.host()), "and it counts to the first");
}

#[tokio::test]
async fn exactly_one_valid_host_and_sane_lines() {
    let world = World::new().await;
    let host = format!("Host: {}", world.setup.host());
    let bad: Vec<Vec<&str>> = vec![
        vec!["GET / HTTP/1.1"],
        vec!["GET / HTTP/1.1", &host, &host],
        vec!["GET / HTTP/1.1", &host, "Host: other"],
        vec!["GET / HTTP/1.1", "Host: a b"],
        vec!["GET / HTTP/1.1", "Host: user@localhost"],
        vec!["GET / HTTP/1.1", &host, "Content-Length: 1", "Content-Length: 2"],
        vec!["POST / HTTP/1.1", &host, "Transfer-Encoding: gzip"],
        vec!["POST / HTTP/1.1", &host, "Content-Length: +1"],
        vec!["GET / HTTP/1.1", &host, "Bad Name: 1"],
        vec!["GET /a b HTTP/1.1", &host],
    ];
    for lines in bad {
        let head = world.wire().await.request(&lines).await;
        assert!(head.starts_with("HTTP/1.1 400") || head.starts_with("HTTP/1.1 421"), "{lines:?}: {head}");
    }
    assert_eq!(world.seen(), Vec::<String>::new());
    assert_eq!(world.curl(Ask::script("/deep/a")).await.status, 401, "and it lives");
}

#[tokio::test]
async fn of_two_lengths_the_application_hears_one() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    world.app.requests().clear();
    let head = format!("POST /echo HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\n", world.setup.host(), browser.cookie_line());
    let mut wire = world.wire().await;
    wire.send(format!(
        "{head}Content-Length: 60\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n"
    ))
    .await;
    let answer = wire.head().await;
    if answer.starts_with("HTTP/1.1 200") {
        let raw: String =
            world.app.requests().raw().iter().map(|raw| String::from_utf8_lossy(raw).into_owned()).collect();
        assert!(!raw.to_lowercase().contains("content-length"), "{raw}");
    } else {
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    }
    assert!(!world.seen().iter().any(|target| target.contains("smuggled")), "{:?}", world.seen());
}

#[tokio::test]
async fn limits_hold() {
    let world = World::with(|setup| {
        setup.set("limits", "header_bytes", "\"16KiB\"");
        setup.set("limits", "body_bytes", "\"1KiB\"");
    });
    let world = world.await;
    let browser = world.signed_in(BAT).await;
    let long = Ask::script("/deep/a").with("x-long", &"x".repeat(20_000));
    assert_eq!(browser.send(long).await.status, 431);
    let big = browser.send(Ask::script("/upload").method("POST").body(&[b'x'; 1025])).await;
    assert_eq!(big.status, 413, "{big}");
    assert_eq!(browser.send(Ask::script("/upload").method("POST").body(&[b'x'; 1024])).await.status, 200);
    // Without a length in front it is noticed on the way.
    let mut wire = world.wire().await;
    let head = format!(
        "POST /upload HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\nTransfer-Encoding: chunked\r\n\r\n",
        world.setup.host(),
        browser.cookie_line()
    );
    wire.send(format!("{head}800\r\n{}\r\n0\r\n\r\n", "x".repeat(0x800))).await;
    let head = wire.head().await;
    assert!(head.starts_with("HTTP/1.1 413"), "{head}");
}

#[tokio::test]
async fn a_unix_socket_before_the_application_does_as_well() {
    let path = std::env::temp_dir().join(format!("tokigate-app-{}.sock", crate::world::free_port()));
    let app = tokigate::demo::app::App::start_unix(tokio::net::UnixListener::bind(&path).unwrap());
    let address = format!("\"unix:{}\"", path.display());
    let world = World::with(|setup| setup.set("", "upstream", &address)).await;
    let browser = world.signed_in(BAT).await;
    assert_eq!(browser.fetch("/deep/a").await.status, 200);
    let head = app.requests().last().unwrap();
    assert_eq!((head.header("x-forwarded-user"), head.header("host")), (Some(BAT), Some(world.setup.host().as_str())));
    std::fs::remove_file(&path).unwrap();
}

#[tokio::test]
async fn a_unix_socket_before_the_gate_does_as_well() {
    let path = std::env::temp_dir().join(format!("tokigate-gate-{}.sock", crate::world::free_port()));
    let world = World::with(|setup| {
        let listen = format!("[\"127.0.0.1:{}\", \"unix:{}\"]", setup.port, path.display());
        setup.set("", "listen", &listen);
    });
    let world = world.await;
    let browser = world.signed_in(BAT).await;
    let mut stream = tokio::net::UnixStream::connect(&path).await.unwrap();
    let request = format!(
        "GET /headers HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\nConnection: close\r\n\r\n",
        world.setup.host(),
        browser.cookie_line()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(world.told("x-forwarded-user").as_deref(), Some(BAT));
}

#[tokio::test]
async fn the_health_path_answers_whoever_asks() {
    let world = World::with(|setup| setup.set("", "health_path", "\"/health\"")).await;
    for host in ["localhost", "10.1.2.3:8080", "anything.example"] {
        assert_eq!(world.curl(Ask::plain("/health").with("host", host)).await.status, 200);
        assert_eq!(world.curl(Ask::plain("/health").method("HEAD").with("host", host)).await.status, 200);
    }
    // The exact path and nothing near it, whoever says it is a probe.
    for target in ["/health/", "/healthz", "/HEALTH", "//health"] {
        let ask = Ask::plain(target).with("user-agent", "kube-probe/1.30");
        assert_eq!(world.curl(ask).await.status, 401, "{target}");
    }
}
