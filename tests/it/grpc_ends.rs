//! Calls of gRPC end: with their session, and with nothing else that they say of themselves.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use h2::Reason;
use h2::client::ResponseFuture;
use http::Request;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::world::http2::whole;
use crate::world::{Ask, BAT, Browser, CLIENT, Ca, Call, Http2App, PATIENCE, TlsFront, World};

async fn in_time<T>(what: &str, waiting: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("in time: {what}"))
}

/// Both sides stream for as long as both are there; notifies `gone` when the client is not.
async fn chat(gone: &Arc<Notify>, kind: &'static str) -> Http2App {
    let gone = Arc::clone(gone);
    Http2App::start(move |mut call: Call| {
        let gone = Arc::clone(&gone);
        async move {
            if call.path() != "/chat.Chat/Talk" {
                return call.answer("ok");
            }
            let mut down = call.begin(kind);
            down.send_data(Bytes::from_static(b"hello"), false).unwrap();
            while let Some(Ok(_)) = call.request.body_mut().data().await {}
            gone.notify_one();
        }
    })
    .await
}

async fn before(app: &Http2App) -> World {
    World::with(|setup| setup.set("", "upstream", &app.upstream())).await
}

async fn call(world: &World, browser: &Browser, kind: &str) -> (h2::RecvStream, h2::SendStream<Bytes>) {
    let stream = TcpStream::connect(world.address()).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(async move { drop(connection.await) });
    let request = Request::post(format!("http://{}/chat.Chat/Talk", world.setup.host()))
        .header("content-type", kind)
        .header("cookie", browser.cookie_line());
    let (answer, up) = client.ready().await.unwrap().send_request(request.body(()).unwrap(), false).unwrap();
    let mut down = in_time("the head", answer).await.unwrap().into_body();
    assert_eq!(in_time("a message", down.data()).await.unwrap().unwrap(), "hello");
    (down, up)
}

#[tokio::test]
async fn a_call_is_over_with_its_session_for_both_sides() {
    let gone = Arc::new(Notify::new());
    let app = chat(&gone, "application/grpc").await;
    let world = before(&app).await;
    let browser = world.signed_in(BAT).await;
    let (mut down, _up) = call(&world, &browser, "application/grpc").await;
    browser.load("/oauth2/sign_out").await;
    assert!(in_time("the client's end", down.data()).await.is_none());
    let trailers = in_time("trailers", down.trailers()).await.unwrap();
    assert_eq!(trailers.unwrap()["grpc-status"], "16", "UNAUTHENTICATED");
    in_time("the application's end", gone.notified()).await;
}

#[tokio::test]
async fn a_call_of_grpc_web_has_its_status_in_its_body_and_so_is_broken_off() {
    let gone = Arc::new(Notify::new());
    let app = chat(&gone, "application/grpc-web+proto").await;
    let world = before(&app).await;
    let browser = world.signed_in(BAT).await;
    let (mut down, _up) = call(&world, &browser, "application/grpc-web+proto").await;
    browser.load("/oauth2/sign_out").await;
    assert!(in_time("the client's end", down.data()).await.unwrap().is_err());
    in_time("the application's end", gone.notified()).await;
}

/// Says its head when it has heard everything.
const PUSH: &str = "/chat.Chat/Push";
/// Says it at once, and two messages.
const TALK: &str = "/chat.Chat/Talk";

struct Heard(UnboundedReceiver<String>);

impl Heard {
    async fn next(&mut self) -> String {
        in_time("what the application hears", self.0.recv()).await.unwrap()
    }
}

/// Tells each message that it hears, and how the call ends.
async fn listening() -> (Http2App, Heard) {
    let (tell, heard) = unbounded_channel();
    let app = Http2App::start(move |mut call: Call| {
        let tell = tell.clone();
        async move {
            let mut down = match call.path().as_str() {
                PUSH => None,
                TALK => Some(call.begin("application/grpc")),
                _ => return call.answer("ok"),
            };
            if let Some(down) = &mut down {
                for word in ["hello", "again"] {
                    down.send_data(Bytes::from_static(word.as_bytes()), false).unwrap();
                }
            }
            let up = call.request.body_mut();
            while let Some(Ok(data)) = up.data().await {
                let _ = up.flow_control().release_capacity(data.len());
                let _ = tell.send(String::from_utf8(data.to_vec()).unwrap());
            }
            let reset = std::future::poll_fn(|cx| match &mut down {
                Some(down) => down.poll_reset(cx),
                None => call.respond.poll_reset(cx),
            });
            let reset = reset.await;
            let _ = tell.send(format!("reset: {:?}", reset.unwrap_or(Reason::NO_ERROR)));
        }
    })
    .await;
    (app, Heard(heard))
}

const CANCELLED: &str = "reset: CANCEL";

/// `window`: how much of an answer this client takes.
async fn begin(world: &World, who: (&str, &str), path: &str, window: u32) -> (ResponseFuture, h2::SendStream<Bytes>) {
    let stream = TcpStream::connect(world.address()).await.unwrap();
    let (client, connection) = h2::client::Builder::new().initial_window_size(window).handshake(stream).await.unwrap();
    tokio::spawn(async move { drop(connection.await) });
    let request = Request::post(format!("http://{}{path}", world.setup.host()))
        .header("content-type", "application/grpc")
        .header(who.0, who.1);
    client.ready().await.unwrap().send_request(request.body(()).unwrap(), false).unwrap()
}

fn say(up: &mut h2::SendStream<Bytes>, word: &'static str) {
    up.send_data(Bytes::from_static(word.as_bytes()), false).unwrap();
}

/// Trailers alone: UNAUTHENTICATED.
async fn is_told(answer: ResponseFuture) {
    let answer = in_time("a head", answer).await.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.headers()["grpc-status"]), (200, &"16".parse().unwrap()));
    assert!(answer.body().is_end_stream());
}

#[tokio::test]
async fn a_call_whose_head_has_not_come_is_over_too() {
    let (app, mut heard) = listening().await;
    let ca = Ca::new("the application's");
    let folder = std::env::temp_dir().join(format!("tokigate-grpc-ends-{}", crate::world::free_port()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("ca.pem");
    ca.write(&file);
    let front = TlsFront::offering(ca.server(&["localhost"]), &["h2"], app.address()).await;
    for upstream in [app.upstream(), format!("\"https://localhost:{}\"", front.port())] {
        let world = World::with(|setup| {
            setup.set("", "upstream", &upstream);
            if upstream.contains("https") {
                setup.set("upstream_tls", "ca_file", &format!("{file:?}"));
            }
        })
        .await;
        let browser = world.signed_in(BAT).await;
        let cookies = browser.cookie_line();
        let (answer, mut up) = begin(&world, ("cookie", &cookies), PUSH, 65_535).await;
        say(&mut up, "before");
        assert_eq!(heard.next().await, "before");
        browser.load("/oauth2/sign_out").await;
        assert_eq!(heard.next().await, CANCELLED, "{upstream}");
        is_told(answer).await;
        // Where nothing is left to be sent, too: there is no other end to this wait.
        let browser = world.signed_in(BAT).await;
        let cookies = browser.cookie_line();
        let (answer, mut up) = begin(&world, ("cookie", &cookies), PUSH, 65_535).await;
        up.send_data(Bytes::from_static(b"all"), true).unwrap();
        assert_eq!(heard.next().await, "all");
        browser.load("/oauth2/sign_out").await;
        assert_eq!(heard.next().await, CANCELLED, "{upstream}");
        is_told(answer).await;
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn a_call_whose_client_takes_nothing_is_over_too() {
    let (app, mut heard) = listening().await;
    let world = before(&app).await;
    for all_is_said in [false, true] {
        let browser = world.signed_in(BAT).await;
        let cookies = browser.cookie_line();
        // One octet of "hello" and all of "again" stay with the gate, so that nobody asks for more.
        let (answer, mut up) = begin(&world, ("cookie", &cookies), TALK, 4).await;
        up.send_data(Bytes::from_static(b"before"), all_is_said).unwrap();
        assert_eq!(heard.next().await, "before");
        let mut down = in_time("the head", answer).await.unwrap().into_body();
        assert_eq!(in_time("as much as it takes", down.data()).await.unwrap().unwrap(), "hell");
        browser.load("/oauth2/sign_out").await;
        assert_eq!(heard.next().await, CANCELLED, "all is said: {all_is_said}");
        down.flow_control().release_capacity(4).unwrap();
        assert_eq!(whole(&mut down).await.unwrap().first(), Some(&b'o'));
        assert_eq!(in_time("trailers", down.trailers()).await.unwrap().unwrap()["grpc-status"], "16");
    }
}

#[tokio::test]
async fn a_call_is_over_with_the_access_token_that_let_it_in() {
    let (app, mut heard) = listening().await;
    let audience = "https://api.example.mn";
    let world = World::oidc(|setup| {
        setup.set("", "upstream", &app.upstream());
        let issuer = format!("http://{}", setup.provider);
        setup.rest += &format!("[[bearer]]\nissuer = {issuer:?}\naudience = {audience:?}\n");
        setup.rest += "[[rules]]\npath = \"/chat.Chat/**\"\nbearer = true\n";
    })
    .await;
    for (path, window) in [(PUSH, 65_535), (TALK, 0)] {
        let token = format!("Bearer {}", world.provider.access_token(BAT, audience));
        let (answer, mut up) = begin(&world, ("authorization", &token), path, window).await;
        say(&mut up, "before");
        assert_eq!(heard.next().await, "before");
        world.turn(59);
        say(&mut up, "still");
        assert_eq!(heard.next().await, "still");
        world.turn(1);
        assert_eq!(heard.next().await, CANCELLED, "{path}");
        if path == PUSH {
            is_told(answer).await;
        }
    }
}

#[tokio::test]
async fn a_call_is_over_when_the_provider_ends_its_session() {
    let (app, mut heard) = listening().await;
    let world = World::oidc(|setup| setup.set("", "upstream", &app.upstream())).await;
    for (path, window) in [(PUSH, 65_535), (TALK, 0)] {
        let browser = world.signed_in(BAT).await;
        let cookies = browser.cookie_line();
        let (_answer, mut up) = begin(&world, ("cookie", &cookies), path, window).await;
        say(&mut up, "before");
        assert_eq!(heard.next().await, "before");
        let token = world.provider.logout_token(CLIENT, world.provider.sids(BAT).last().map(String::as_str), None);
        let form = format!("logout_token={}", world.provider.sign_logout_token(&token));
        assert_eq!(world.curl(Ask::plain("/oauth2/backchannel_logout").form(&form)).await.status, 200);
        assert_eq!(heard.next().await, CANCELLED, "{path}");
    }
}

#[tokio::test]
async fn a_call_that_is_merely_long_goes_on_to_its_sessions_lifetime() {
    let (app, mut heard) = listening().await;
    let world = World::with(|setup| {
        setup.set("", "upstream", &app.upstream());
        setup.session("lifetime", "\"10m\"");
    })
    .await;
    let browser = world.signed_in(BAT).await;
    let cookies = browser.cookie_line();
    let (answer, mut push) = begin(&world, ("cookie", &cookies), PUSH, 65_535).await;
    let (_held, mut talk) = begin(&world, ("cookie", &cookies), TALK, 0).await;
    for minute in 1..10 {
        world.turn(61);
        assert_eq!(browser.fetch("/deep/keeps-it-alive").await.status, 200);
        assert_eq!(world.refreshes(), minute);
        for up in [&mut push, &mut talk] {
            say(up, "still");
            assert_eq!(heard.next().await, "still");
        }
    }
    world.turn(60);
    assert_eq!([heard.next().await, heard.next().await], [CANCELLED, CANCELLED]);
    is_told(answer).await;
}
