//! `[cors]`: pages of other origins whose scripts use the application.

use std::convert::Infallible;

use bytes::Bytes;
use http::header;
use http_body_util::{BodyExt as _, Empty, StreamBody};
use hyper::body::Frame;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use crate::world::{Ask, BAT, Reply, World};

const FRIEND: &str = "https://friend.example";
const EVIL: &str = "https://evil.example";

async fn world() -> World {
    World::with(|setup| {
        setup.set("cors", "origins", &format!("[{FRIEND:?}]"));
        setup.rule("/deep/never/**", "deny");
        setup.rule("/deep/open/**", "public");
    })
    .await
}

/// What a browser sends ahead of a script's PUT.
fn preflight(target: &str, origin: &str) -> Ask {
    let ask = Ask::plain(target).method("OPTIONS").with("origin", origin).with("sec-fetch-mode", "cors");
    ask.with("access-control-request-method", "PUT").with("access-control-request-headers", "content-type,x-csrf-token")
}

fn script(target: &str, origin: &str) -> Ask {
    Ask::script(target).with("origin", origin).with("sec-fetch-site", "same-site")
}

/// To whom the answer may be shown; what may be read of its head.
fn shown(reply: &Reply) -> (Option<&str>, Option<&str>, Option<&str>) {
    (
        reply.header("access-control-allow-origin"),
        reply.header("access-control-allow-credentials"),
        reply.header("access-control-expose-headers"),
    )
}

const TO_FRIEND: (Option<&str>, Option<&str>, Option<&str>) =
    (Some(FRIEND), Some("true"), Some("WWW-Authenticate, Retry-After, X-Request-Id, Grpc-Status, Grpc-Message"));
const TO_NOBODY: (Option<&str>, Option<&str>, Option<&str>) = (None, None, None);

#[tokio::test]
async fn the_application_answers_a_preflight_from_a_listed_origin_and_hears_of_no_other() {
    let world = world().await;
    let browser = world.signed_in(BAT).await;
    world.app.requests().clear();
    let spoofed = preflight("/deep/a", FRIEND).with("x-forwarded-user", "root").with("x_forwarded_groups", "admin");
    let reply = world.curl(spoofed.clone()).await;
    assert_eq!((reply.status, shown(&reply)), (200, TO_NOBODY), "the application's answer is its own to share");
    let head = world.app.requests().last().unwrap();
    assert_eq!((head.method.as_str(), head.target.as_str()), ("OPTIONS", "/deep/a"));
    assert_eq!(head.header("access-control-request-headers"), Some("content-type,x-csrf-token"));
    for name in ["x-forwarded-user", "x-forwarded-groups", "cookie"] {
        assert_eq!(head.header(name), None, "{name}");
    }
    // Whoever else brings a session with it is nobody either.
    assert_eq!(browser.send(spoofed).await.status, 200);
    assert_eq!(world.told("x-forwarded-user"), None);
    world.app.requests().clear();
    for origin in [EVIL, "null", "https://friend.example:444", "https://Friend.example"] {
        let reply = world.curl(preflight("/deep/a", origin)).await;
        assert_eq!((reply.status, shown(&reply)), (401, TO_NOBODY), "{origin}");
    }
    let denied = world.curl(preflight("/deep/never/a", FRIEND)).await;
    assert_eq!((denied.status, shown(&denied)), (403, TO_FRIEND));
    assert_eq!(world.seen(), Vec::<String>::new());
}

/// Many a handler does not look at the method: it answers a stranger's OPTIONS with what it has for its users.
#[tokio::test]
async fn of_a_closed_path_a_preflight_brings_back_nothing_but_what_a_browser_reads() {
    let world = world().await;
    let credentials = |target| preflight(target, FRIEND).with("cookie", "app=1").with("authorization", "Basic eDp5");
    let closed = world.curl(credentials("/deep/a")).await;
    assert_eq!((closed.status, closed.body.as_slice(), closed.header("content-type")), (200, &b""[..], None));
    assert_eq!((world.told("cookie"), world.told("authorization")), (None, None));
    let open = world.curl(credentials("/deep/open/a")).await;
    assert!(!open.body.is_empty() && open.header("content-type").is_some(), "what anybody may have");
    assert_eq!(world.told("cookie").as_deref(), Some("app=1"));
}

#[tokio::test]
async fn what_could_do_something_is_no_preflight() {
    let world = world().await;
    let forged = |ask: Ask| world.curl(ask);
    assert_eq!(forged(preflight("/deep/a", FRIEND).body(b"x")).await.status, 401, "a body");
    assert_eq!(forged(preflight("/deep/a", FRIEND).with("x-http-method-override", "DELETE")).await.status, 401);
    assert_eq!(forged(preflight("/deep/a", FRIEND).and("origin", EVIL)).await.status, 401, "two origins");
    assert_eq!(forged(preflight("/deep/a", FRIEND).without("access-control-request-method")).await.status, 401);
    for method in ["GET", "POST", "DELETE", "PROPFIND"] {
        assert_eq!(forged(preflight("/deep/a", FRIEND).method(method)).await.status, 401, "{method}");
    }
    // hyper's client sends no body with `Transfer-Encoding` to which nothing was given: by hand.
    let lines = [
        "OPTIONS /deep/a HTTP/1.1",
        &format!("Host: {}", world.setup.host()),
        &format!("Origin: {FRIEND}"),
        "Access-Control-Request-Method: PUT",
        "Transfer-Encoding: chunked",
    ];
    assert!(world.wire().await.request(&lines).await.starts_with("HTTP/1.1 401 "));
    assert_eq!(world.seen(), Vec::<String>::new());
}

/// In HTTP/2 a body needs no field that announces it.
#[tokio::test]
async fn a_body_that_nothing_announces_is_one_too() {
    let world = world().await;
    let ask = |data: Option<&'static [u8]>| {
        let (address, host) = (world.address(), world.setup.host());
        async move {
            let stream = TcpStream::connect(address).await.unwrap();
            let (mut client, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
            let connection = tokio::spawn(connection);
            let frames =
                futures_util::stream::iter(data.map(|data| Ok::<_, Infallible>(Frame::data(Bytes::from_static(data)))));
            let body = match data {
                Some(_) => StreamBody::new(frames).boxed(),
                None => Empty::new().boxed(),
            };
            let request = http::Request::options(format!("http://{host}/deep/a"))
                .header("origin", FRIEND)
                .header("access-control-request-method", "PUT")
                .body(body);
            let status = client.send_request(request.unwrap()).await.unwrap().status();
            connection.abort();
            status
        }
    };
    assert_eq!(ask(None).await, 200);
    assert_eq!(world.seen(), ["/deep/a"]);
    assert_eq!(ask(Some(b"x")).await, 401);
    assert_eq!(world.seen(), ["/deep/a"]);
}

#[tokio::test]
async fn a_listed_origin_reads_every_refusal_of_the_gates_own_and_nobody_else_does() {
    let world = world().await;
    let browser = world.signed_in(BAT).await;
    let grpc_web =
        |target: &str| script(target, FRIEND).method("POST").with("content-type", "application/grpc-web+proto");
    for (ask, status) in [
        (script("/deep/a", FRIEND), 401),
        (script("/deep/a", FRIEND).method("PUT").body(b"x"), 401),
        (script("/deep/never/a", FRIEND), 403),
        (script("/oauth2/nothing", FRIEND), 404),
        (script("/oauth2/userinfo", FRIEND), 401),
        (grpc_web("/deep/a"), 200),
    ] {
        let reply = world.curl(ask.clone()).await;
        assert_eq!((reply.status, shown(&reply)), (status, TO_FRIEND), "{ask:?}");
        assert_eq!(reply.header("vary"), Some("Origin"), "{ask:?}");
        let to_evil = world.curl(ask.clone().with("origin", EVIL)).await;
        assert_eq!((to_evil.status, shown(&to_evil)), (status, TO_NOBODY), "{ask:?}");
        assert_eq!(to_evil.header("vary"), Some("Origin"), "{ask:?}");
    }
    assert!(world.curl(script("/deep/a", FRIEND)).await.json()["login_url"].is_string());
    // The application's own answers are untouched, whoever reads them.
    for reply in [browser.send(script("/deep/a", FRIEND)).await, world.curl(script("/deep/open/a", FRIEND)).await] {
        assert_eq!((reply.status, shown(&reply), reply.header("vary")), (200, TO_NOBODY, None));
    }
    world.app.stop();
    let down = browser.send(script("/deep/a", FRIEND)).await;
    assert_eq!((down.status, shown(&down)), (502, TO_FRIEND));
}

#[tokio::test]
async fn a_refusal_at_the_door_can_be_read_too() {
    let world = World::with(|setup| {
        setup.set("cors", "origins", &format!("[{FRIEND:?}]"));
        setup.set("limits", "body_bytes", "\"4KiB\"");
    });
    let world = world.await;
    let large = |origin: &str| world.curl(script("/deep/a", origin).method("POST").body(&[b'x'; 5000]));
    let (friend, evil) = (large(FRIEND).await, large(EVIL).await);
    assert_eq!((friend.status, shown(&friend)), (413, TO_FRIEND));
    assert_eq!((evil.status, shown(&evil)), (413, TO_NOBODY));
}

#[tokio::test]
async fn scripts_of_a_listed_origin_ask_the_gate_about_the_session() {
    let world = world().await;
    let browser = world.signed_in(BAT).await;
    for (target, method) in [("/oauth2/session", "GET"), ("/oauth2/userinfo", "GET"), ("/oauth2/refresh", "POST")] {
        let ahead = world.curl(preflight(target, FRIEND)).await;
        assert_eq!((ahead.status, shown(&ahead).0), (204, Some(FRIEND)), "{target}");
        assert!(ahead.header("access-control-allow-methods").unwrap().contains(method), "{target}");
        assert_eq!(ahead.header("access-control-allow-headers"), Some("content-type,x-csrf-token"), "{target}");
        let vary: Vec<_> = ahead.headers.get_all(header::VARY).iter().collect();
        assert_eq!(vary, ["Access-Control-Request-Headers", "Origin"], "{target}");
        let evil = world.curl(preflight(target, EVIL)).await;
        assert_eq!((evil.status, shown(&evil)), (405, TO_NOBODY), "{target}");

        let told = browser.send(script(target, FRIEND).method(method)).await;
        assert_eq!((told.status, shown(&told)), (200, TO_FRIEND), "{target}");
        let kept = browser.send(script(target, EVIL).method(method)).await;
        assert_eq!((kept.status, shown(&kept)), (200, TO_NOBODY), "{target}");
    }
    // A page that may read may still not sign anybody out unasked.
    let asked = browser.send(script("/oauth2/sign_out", FRIEND).method("POST")).await;
    assert_eq!(shown(&asked), TO_NOBODY);
    assert_eq!(browser.fetch("/deep/a").await.status, 200);
}

#[tokio::test]
async fn without_a_list_nothing_is_said_of_origins() {
    let world = World::new().await;
    for ask in [script("/deep/a", FRIEND), preflight("/deep/a", FRIEND), script("/oauth2/session", FRIEND)] {
        let reply = world.curl(ask.clone()).await;
        assert_eq!((shown(&reply), reply.header("vary")), (TO_NOBODY, None), "{ask:?}");
    }
}
