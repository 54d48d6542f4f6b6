//! WebSockets in streams: the same decision, the same refusals, the same ends as over HTTP/1.1.

use tokigate::demo::provider::Endpoint;

use crate::world::{BAT, Socket, World, WsEnd, eventually};

#[tokio::test]
async fn who_is_signed_in_talks_to_the_application() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    let own = world.setup.public_url.clone();
    let mut socket = Socket::open_in_stream(&world, Some(&browser), "/ws?hello=first", Some(&own)).await.unwrap();
    assert_eq!(socket.hear().await, "first");
    for text in ["Сайн уу".to_owned(), "x".repeat(300_000), String::new()] {
        socket.say(&text).await;
        assert_eq!(socket.hear().await, text);
    }
    assert_eq!(world.told("x-forwarded-user").as_deref(), Some(BAT));
    assert_eq!(world.told("cookie"), None);
}

#[tokio::test]
async fn refusals_are_those_of_http_1_1() {
    let world = World::with(|setup| {
        setup.set("", "allowed_origins", "[\"https://friend.example\"]");
        setup.rule("/closed/**", "deny");
    })
    .await;
    let browser = world.signed_in(BAT).await;
    let own = world.setup.public_url.clone();
    let inside = Some(&browser);
    for (browser, target, origin, expected) in [
        (inside, "/ws", None, None),
        (inside, "/ws", Some(own.as_str()), None),
        (inside, "/ws", Some("https://friend.example"), None),
        (inside, "/ws", Some("https://evil.example"), Some(403)),
        (inside, "/ws", Some("null"), Some(403)),
        (inside, "/closed/ws", None, Some(403)),
        (inside, "/status/403", None, Some(403)),
        (inside, "/oauth2/nothing", None, Some(404)),
        (None, "/ws", None, Some(401)),
        (None, "/ws", Some("https://evil.example"), Some(401)),
    ] {
        let over_1 = Socket::open(&world, browser, target, origin).await.err();
        let over_2 = Socket::open_in_stream(&world, browser, target, origin).await.err();
        assert_eq!((over_1, over_2), (expected, expected), "{target} {origin:?}");
    }
    // A page is no tunnel, and over HTTP/2 a success would be one.
    assert_eq!(Socket::open_in_stream(&world, inside, "/deep/a", None).await.err(), Some(502));
}

#[tokio::test]
async fn sign_out_closes_it_with_4401_and_a_shutdown_with_1001() {
    let world = World::new().await;
    let (browser, other) = (world.signed_in(BAT).await, world.signed_in(BAT).await);
    let mut socket = Socket::open_in_stream(&world, Some(&browser), "/ws", None).await.unwrap();
    let mut others = Socket::open_in_stream(&world, Some(&other), "/ws", None).await.unwrap();
    socket.say("a").await;
    assert_eq!(socket.hear().await, "a");
    browser.load("/oauth2/sign_out").await;
    assert_eq!(socket.end().await, WsEnd::Closed(4401));
    others.say("b").await;
    assert_eq!(others.hear().await, "b");
    let requests = world.app.requests().clone();
    eventually("the application notices", || requests.open_sockets() == 1).await;
    world.gate.as_ref().unwrap().terminate();
    assert_eq!(others.end().await, WsEnd::Closed(1001));
}

#[tokio::test]
async fn a_client_that_goes_without_a_word_is_gone_for_the_application_too() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    let socket = Socket::open_in_stream(&world, Some(&browser), "/ws", None).await.unwrap();
    let requests = world.app.requests().clone();
    eventually("it is open", || requests.open_sockets() == 1).await;
    drop(socket);
    eventually("the application notices", || requests.open_sockets() == 0).await;
}

#[tokio::test]
async fn an_expired_token_is_refreshed_before_the_handshake_and_the_answer_carries_the_cookie() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    world.turn(61);
    let mut socket = Socket::open_in_stream(&world, Some(&browser), "/ws?hello=x", None).await.unwrap();
    assert_eq!(socket.hear().await, "x");
    assert_eq!(world.provider.calls().count(Endpoint::Refresh), 1);
    assert!(socket.set_cookies().len() >= 2, "{:?}", socket.set_cookies());
}
