//! WebSockets: the decision first, and an end when the session ends. Issue 2 §5, security.md 2.13.

use tokigate::demo::provider::Endpoint;

use crate::world::{BAT, Socket, World, WsEnd, eventually};

#[tokio::test]
async fn who_is_signed_in_talks_to_the_application() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    let mut socket =
        Socket::open(&world, Some(&browser), "/ws?hello=first", Some(&world.setup.public_url)).await.unwrap();
    assert_eq!(socket.hear().await, "first");
    socket.say("Сайн уу").await;
    assert_eq!(socket.hear().await, "Сайн уу");
    assert_eq!(world.told("x-forwarded-user").as_deref(), Some(BAT));
    assert_eq!(world.told("cookie"), None);
}

#[tokio::test]
async fn a_stranger_is_told_before_any_upgrade() {
    let world = World::new().await;
    assert_eq!(Socket::open(&world, None, "/ws", None).await.err(), Some(401));
    assert_eq!(world.seen(), Vec::<String>::new());
}

#[tokio::test]
async fn a_foreign_origin_is_refused_a_missing_one_is_no_browser() {
    let world = World::with(|setup| setup.set("", "allowed_origins", "[\"https://friend.example\"]")).await;
    let browser = world.signed_in(BAT).await;
    let own = world.setup.public_url.clone();
    for (origin, expected) in [
        (None, None),
        (Some(own.as_str()), None),
        (Some("https://friend.example"), None),
        (Some("https://evil.example"), Some(403)),
        (Some("null"), Some(403)),
        (Some("https://localhost"), Some(403)),
        (Some("http://localhost"), Some(403)),
        (Some("https://friend.example.evil.example"), Some(403)),
        (Some("http://friend.example"), Some(403)),
    ] {
        let opened = Socket::open(&world, Some(&browser), "/ws", origin).await;
        assert_eq!(opened.err(), expected, "{origin:?}");
    }
}

#[tokio::test]
async fn what_the_application_refuses_stays_http() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    assert_eq!(Socket::open(&world, Some(&browser), "/status/403", None).await.err(), Some(403));
    assert_eq!(Socket::open(&world, Some(&browser), "/deep/a", None).await.err(), Some(200));
}

#[tokio::test]
async fn sign_out_closes_it_with_4401() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    let other = world.signed_in(BAT).await;
    let mut socket = Socket::open(&world, Some(&browser), "/ws", None).await.unwrap();
    let mut others = Socket::open(&world, Some(&other), "/ws", None).await.unwrap();
    socket.say("a").await;
    assert_eq!(socket.hear().await, "a");
    browser.load("/oauth2/sign_out").await;
    assert_eq!(socket.end().await, WsEnd::Closed(4401));
    others.say("b").await;
    assert_eq!(others.hear().await, "b");
    let requests = world.app.requests().clone();
    eventually("the application notices", || requests.open_sockets() == 1).await;
}

#[tokio::test]
async fn a_sign_in_over_the_session_closes_it_too() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    let mut socket = Socket::open(&world, Some(&browser), "/ws", None).await.unwrap();
    browser.sign_in_by("/oauth2/start", BAT).await;
    assert_eq!(socket.end().await, WsEnd::Closed(4401));
}

#[tokio::test]
async fn a_grant_that_is_gone_closes_it() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    let mut socket = Socket::open(&world, Some(&browser), "/ws", None).await.unwrap();
    world.provider.revoke_user(BAT);
    world.turn(61);
    assert_eq!(browser.fetch("/deep/a").await.status, 401);
    assert_eq!(socket.end().await, WsEnd::Closed(4401));
}

#[tokio::test]
async fn it_outlives_its_token_and_not_the_sessions_lifetime() {
    let world = World::with(|setup| setup.session("lifetime", "\"10m\"")).await;
    let browser = world.signed_in(BAT).await;
    let mut socket = Socket::open(&world, Some(&browser), "/ws", None).await.unwrap();
    world.turn(590);
    socket.say("still").await;
    assert_eq!(socket.hear().await, "still");
    world.turn(10);
    assert_eq!(socket.end().await, WsEnd::Closed(4401));
}

#[tokio::test]
async fn where_the_session_ends_with_its_token_the_socket_does_too() {
    let world = World::with(|setup| {
        setup.session("end_with_token", "true");
        setup.options.answers.refresh_token = false;
    });
    let world = world.await;
    let browser = world.signed_in(BAT).await;
    let mut socket = Socket::open(&world, Some(&browser), "/ws", None).await.unwrap();
    world.turn(60);
    assert_eq!(socket.end().await, WsEnd::Closed(4401));
}

#[tokio::test]
async fn a_grant_that_is_gone_refuses_the_handshake() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    world.provider.revoke_user(BAT);
    world.turn(61);
    assert_eq!(Socket::open(&world, Some(&browser), "/ws", None).await.err(), Some(401));
}

#[tokio::test]
async fn an_expired_token_is_refreshed_before_the_handshake_and_the_101_carries_the_cookie() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    world.turn(61);
    let mut socket = Socket::open(&world, Some(&browser), "/ws?hello=x", None).await.unwrap();
    assert_eq!(socket.hear().await, "x");
    assert_eq!(world.provider.calls().count(Endpoint::Refresh), 1);
    assert!(socket.set_cookies().len() >= 2, "{:?}", socket.set_cookies());
}

#[tokio::test]
async fn a_shutdown_closes_it_with_1001() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    let mut socket = Socket::open(&world, Some(&browser), "/ws", None).await.unwrap();
    world.gate.as_ref().unwrap().terminate();
    assert_eq!(socket.end().await, WsEnd::Closed(1001));
}

#[tokio::test]
async fn a_handshake_that_is_none_is_no_tunnel() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    let host = format!("Host: {}", world.setup.host());
    let cookie = format!("Cookie: {}", browser.cookie_line());
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
    let upgrade = ["Connection: Upgrade", "Upgrade: websocket"];
    for (method, more) in [
        ("GET", vec![upgrade[0], upgrade[1], "Sec-WebSocket-Version: 13"]),
        ("GET", vec![upgrade[0], upgrade[1], key]),
        ("GET", vec![upgrade[0], upgrade[1], "Sec-WebSocket-Version: 12", key]),
        ("POST", vec![upgrade[0], upgrade[1], "Sec-WebSocket-Version: 13", key, "Content-Length: 0"]),
    ] {
        let request = format!("{method} /ws HTTP/1.1");
        let mut lines = vec![request.as_str(), &host, &cookie];
        lines.extend(more);
        let head = world.wire().await.request(&lines).await;
        let status: u16 = head.split(' ').nth(1).unwrap().parse().unwrap();
        assert!(matches!(status, 400 | 405 | 426), "{lines:?}: {head}");
    }
}
