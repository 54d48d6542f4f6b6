//! Bodies that stream, and streams that end with the session: issue 2 §5.

use std::time::Duration;

use crate::world::{Ask, BAT, World, eventually};

const STREAM: &str = "/events?ms=20";

#[tokio::test]
async fn an_event_arrives_within_fifty_milliseconds_of_being_sent() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    let mut stream = browser.open(Ask::script(STREAM)).await;
    assert_eq!(stream.headers["content-type"], "text/event-stream");
    let mut waits = Vec::new();
    for _ in 0..20 {
        let event = String::from_utf8(stream.next().await.unwrap().to_vec()).unwrap();
        #[expect(clippy::disallowed_methods, reason = "the application wrote the machine's time into the event")]
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
        let sent: u128 = event.split("data: ").nth(1).unwrap().trim().parse().unwrap();
        waits.push(now.saturating_sub(sent));
    }
    waits.sort_unstable();
    // The machine is shared: the middle one tells.
    assert!(waits[10] < 50, "{waits:?}");
}

#[tokio::test]
async fn a_stream_ends_at_sign_out() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    let mut stream = browser.open(Ask::script(STREAM)).await;
    assert!(stream.next().await.is_some());
    browser.load("/oauth2/sign_out").await;
    stream.end().await;
    let requests = world.app.requests().clone();
    eventually("the application notices", || requests.open_streams() == 0).await;
}

#[tokio::test]
async fn a_stream_ends_at_the_sessions_lifetime_and_not_with_its_token() {
    let world = World::with(|setup| setup.session("lifetime", "\"10m\"")).await;
    let browser = world.signed_in(BAT).await;
    let mut stream = browser.open(Ask::script(STREAM)).await;
    for _ in 0..9 {
        world.turn(61);
        browser.fetch("/deep/keeps-it-alive").await;
        assert!(stream.next().await.is_some());
    }
    world.turn(60);
    stream.end().await;
}

#[tokio::test]
async fn a_sign_out_elsewhere_ends_only_its_own_session() {
    let world = World::new().await;
    let (one, two) = (world.signed_in(BAT).await, world.signed_in(BAT).await);
    let mut stream = one.open(Ask::script(STREAM)).await;
    two.load("/oauth2/sign_out").await;
    for _ in 0..5 {
        assert!(stream.next().await.is_some());
    }
}

#[tokio::test]
async fn a_public_stream_is_nobodys_and_goes_on() {
    let world = World::with(|setup| setup.rule("/events", "public")).await;
    let browser = world.signed_in(BAT).await;
    let mut stream = browser.open(Ask::script(STREAM)).await;
    browser.load("/oauth2/sign_out").await;
    world.turn(24 * 3600);
    for _ in 0..5 {
        assert!(stream.next().await.is_some());
    }
}

#[tokio::test]
async fn an_application_hears_of_a_client_that_leaves() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    let mut stream = browser.open(Ask::script(STREAM)).await;
    assert!(stream.next().await.is_some());
    drop(stream);
    let requests = world.app.requests().clone();
    eventually("it is told", || requests.open_streams() == 0).await;
}

#[tokio::test]
async fn megabytes_pass_up_and_down_unchanged() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    let body: Vec<u8> = (0..4 << 20).map(|at: u32| u8::try_from(at % 251).unwrap()).collect();
    let up = browser.send(Ask::script("/echo").method("POST").body(&body)).await;
    assert!(up.body == body);
    for target in ["/bytes/5000000", "/bytes/5000000?chunked=1"] {
        assert_eq!(browser.fetch(target).await.body.len(), 5_000_000);
    }
}

#[tokio::test]
async fn an_upload_is_not_gathered_first() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    let mut wire = world.wire().await;
    let head = format!(
        "POST /echo HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n",
        world.setup.host(),
        browser.cookie_line()
    );
    wire.send(head).await;
    // The answer begins while the request still goes on.
    let head = tokio::time::timeout(Duration::from_secs(5), wire.head()).await.expect("the answer begins");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    wire.send("6\r\nsecond\r\n0\r\n\r\n").await;
}
