//! Requests that are still being sent when their session ends.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;

use crate::world::http2::{connect, whole};
use crate::world::{Ask, BAT, Browser, CLIENT, Call, Http2App, PATIENCE, Setup, Wire, World};

/// Answers when it has all of the request, and is let.
const LATE: &str = "/late";
/// Begins its answer at once.
const EARLY: &str = "/early";
const PATHS: [&str; 2] = [LATE, EARLY];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speaks {
    Http1,
    Http2,
}

use Speaks::{Http1, Http2};

const WIRES: [(Speaks, Speaks); 4] = [(Http1, Http1), (Http1, Http2), (Http2, Http1), (Http2, Http2)];

/// An application that tells what it gets of an upload.
struct Listening {
    app: Http2App,
    speaks: Speaks,
    told: UnboundedReceiver<&'static str>,
    may_answer: Arc<Notify>,
}

impl Listening {
    async fn start(speaks: Speaks) -> Listening {
        let (tell, told) = unbounded_channel();
        let may_answer = Arc::new(Notify::new());
        let let_go = Arc::clone(&may_answer);
        let app = match speaks {
            Http1 => Http2App::raw(move |stream, _| by_http1(stream, tell.clone(), Arc::clone(&let_go))).await,
            Http2 => Http2App::start(move |call| by_http2(call, tell.clone(), Arc::clone(&let_go))).await,
        };
        Listening { app, speaks, told, may_answer }
    }

    async fn world(&self, change: impl FnOnce(&mut Setup)) -> World {
        let scheme = if self.speaks == Http1 { "http" } else { "h2c" };
        World::oidc(|setup| {
            setup.set("", "upstream", &format!("\"{scheme}://{}\"", self.app.address()));
            change(setup);
        })
        .await
    }

    async fn next(&mut self) -> &'static str {
        timeout(PATIENCE, self.told.recv()).await.expect("in time: what the application gets").unwrap()
    }
}

async fn by_http1(mut stream: TcpStream, tell: UnboundedSender<&'static str>, may_answer: Arc<Notify>) {
    let mut bytes = [0; 4096];
    let mut upload = String::new();
    while let Ok(read @ 1..) = stream.read(&mut bytes).await {
        let text = String::from_utf8_lossy(&bytes[..read]).into_owned();
        if text.starts_with("GET") {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            continue;
        }
        upload += &text;
        if text.starts_with("POST /early") {
            let begun = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n";
            stream.write_all(begun).await.unwrap();
        }
        for word in ["before", "still", "after"].into_iter().filter(|word| text.contains(word)) {
            let _ = tell.send(word);
        }
        if upload.ends_with("\r\n0\r\n\r\n") {
            let _ = tell.send("all");
            may_answer.notified().await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
        }
    }
    if !upload.is_empty() {
        let _ = tell.send("cut");
    }
}

async fn by_http2(mut call: Call, tell: UnboundedSender<&'static str>, may_answer: Arc<Notify>) {
    let mut down = (call.path() == EARLY).then(|| call.begin("text/plain"));
    if let Some(down) = &mut down {
        down.send_data(Bytes::from_static(b"hello"), false).unwrap();
    }
    let is_upload = call.request.method() == http::Method::POST;
    let up = call.request.body_mut();
    while let Some(data) = up.data().await {
        let Ok(data) = data else {
            let _ = tell.send("cut");
            return;
        };
        let _ = up.flow_control().release_capacity(data.len());
        let words = ["before", "still", "after", "all"];
        let _ = words.into_iter().filter(|word| *word.as_bytes() == data).try_for_each(|word| tell.send(word));
    }
    if is_upload {
        may_answer.notified().await;
    }
    call.answer("ok");
}

/// A client that sends, and what it is answered.
enum Sending {
    Http1(Wire),
    Http2(h2::SendStream<Bytes>, h2::client::ResponseFuture),
}

impl Sending {
    async fn begin(speaks: Speaks, world: &World, (name, value): (&str, &str), path: &str) -> Sending {
        let host = world.setup.host();
        match speaks {
            Http1 => {
                let mut wire = world.wire().await;
                let head = format!("POST {path} HTTP/1.1\r\nhost: {host}\r\n{name}: {value}\r\n");
                wire.send(format!("{head}transfer-encoding: chunked\r\n\r\n")).await;
                Sending::Http1(wire)
            }
            Http2 => {
                let (mut client, _) = connect(world.address()).await;
                let request = Request::post(format!("http://{host}{path}")).header(name, value).body(()).unwrap();
                let (answer, up) = client.send_request(request, false).unwrap();
                Sending::Http2(up, answer)
            }
        }
    }

    async fn of(speaks: Speaks, world: &World, browser: &Browser, path: &str) -> Sending {
        Sending::begin(speaks, world, ("cookie", &browser.cookie_line()), path).await
    }

    async fn say(&mut self, word: &'static str) {
        match self {
            Sending::Http1(wire) => wire.send(format!("{:x}\r\n{word}\r\n", word.len())).await,
            Sending::Http2(up, _) => up.send_data(Bytes::from_static(word.as_bytes()), false).unwrap(),
        }
    }

    async fn finish(&mut self) {
        match self {
            Sending::Http1(wire) => wire.send("3\r\nall\r\n0\r\n\r\n").await,
            Sending::Http2(up, _) => up.send_data(Bytes::from_static(b"all"), true).unwrap(),
        }
    }

    async fn status(self) -> u16 {
        match self {
            Sending::Http1(mut wire) => {
                let head = wire.head().await;
                let status = head.split(' ').nth(1).unwrap().parse().unwrap();
                assert!(status == 200 || head.contains("connection: close\r\n"), "{head}");
                status
            }
            Sending::Http2(_up, answer) => timeout(PATIENCE, answer).await.unwrap().unwrap().status().as_u16(),
        }
    }

    /// Waits for as much of an answer as comes before the request is over, and goes on to its end.
    async fn until(mut self, path: &str, over: impl AsyncFnOnce()) {
        if path == LATE {
            over().await;
            assert_eq!(self.status().await, 401);
            return;
        }
        match &mut self {
            Sending::Http1(wire) => {
                assert!(wire.head().await.starts_with("HTTP/1.1 200"));
                over().await;
                let rest = String::from_utf8(wire.rest().await).unwrap();
                assert!("5\r\nhello\r\n".starts_with(&rest), "it comes to no proper end: {rest}");
            }
            Sending::Http2(_up, answer) => {
                let mut body = timeout(PATIENCE, answer).await.unwrap().unwrap().into_body();
                over().await;
                whole(&mut body).await.expect_err("reset");
            }
        }
    }
}

#[tokio::test]
async fn nothing_more_of_an_upload_arrives_when_its_session_is_over() {
    for (client, application) in WIRES {
        let mut app = Listening::start(application).await;
        let world = app.world(|_| {}).await;
        for path in PATHS {
            let browser = world.signed_in(BAT).await;
            let mut sending = Sending::of(client, &world, &browser, path).await;
            sending.say("before").await;
            assert_eq!(app.next().await, "before");
            let sign_out = async || {
                browser.load("/oauth2/sign_out").await;
                assert_eq!(app.next().await, "cut", "{client:?} to {application:?}, {path}");
            };
            sending.until(path, sign_out).await;
        }
    }
}

#[tokio::test]
async fn the_provider_ends_it_too() {
    let mut app = Listening::start(Http1).await;
    let world = app.world(|_| {}).await;
    for path in PATHS {
        let browser = world.signed_in(BAT).await;
        let mut sending = Sending::of(Http1, &world, &browser, path).await;
        sending.say("before").await;
        assert_eq!(app.next().await, "before");
        let token = world.provider.logout_token(CLIENT, world.provider.sids(BAT).last().map(String::as_str), None);
        let form = format!("logout_token={}", world.provider.sign_logout_token(&token));
        let told = async || {
            assert_eq!(world.curl(Ask::plain("/oauth2/backchannel_logout").form(&form)).await.status, 200);
            assert_eq!(app.next().await, "cut", "{path}");
        };
        sending.until(path, told).await;
    }
}

#[tokio::test]
async fn an_access_token_ends_it_too() {
    let audience = "https://api.example.mn";
    let mut app = Listening::start(Http1).await;
    let world = app.world(|setup| {
        let issuer = format!("http://{}", setup.provider);
        setup.rest += &format!("[[bearer]]\nissuer = {issuer:?}\naudience = {audience:?}\n");
        setup.rest += "[[rules]]\npath = [\"/early\", \"/late\"]\nbearer = true\n";
    });
    let world = world.await;
    for path in PATHS {
        let token = format!("Bearer {}", world.provider.access_token(BAT, audience));
        let mut sending = Sending::begin(Http1, &world, ("authorization", &token), path).await;
        world.turn(59);
        sending.say("before").await;
        assert_eq!(app.next().await, "before");
        let run_out = async || {
            world.turn(1);
            assert_eq!(app.next().await, "cut", "{path}");
        };
        sending.until(path, run_out).await;
    }
}

/// However long it takes, and however often the session is refreshed meanwhile.
#[tokio::test]
async fn an_upload_goes_on_while_its_session_does() {
    let mut app = Listening::start(Http1).await;
    let world = app.world(|setup| setup.session("lifetime", "\"10m\"")).await;
    let browser = world.signed_in(BAT).await;
    let mut sending = Sending::of(Http1, &world, &browser, LATE).await;
    for _ in 1..10 {
        world.turn(61);
        assert_eq!(browser.fetch("/deep/keeps-it-alive").await.status, 200);
        sending.say("still").await;
        assert_eq!(app.next().await, "still");
    }
    assert_eq!(world.refreshes(), 9);
    world.turn(60);
    assert_eq!(app.next().await, "cut");
    assert_eq!(sending.status().await, 401);
}

/// It was asked while it might be.
#[tokio::test]
async fn a_request_that_the_application_has_is_answered() {
    for (client, application) in WIRES {
        let mut app = Listening::start(application).await;
        let world = app.world(|_| {}).await;
        let browser = world.signed_in(BAT).await;
        let mut sending = Sending::of(client, &world, &browser, LATE).await;
        sending.finish().await;
        assert_eq!(app.next().await, "all");
        browser.load("/oauth2/sign_out").await;
        assert!(!browser.is_signed_in().await);
        // Who cut it would have, by now.
        tokio::time::sleep(Duration::from_millis(50)).await;
        app.may_answer.notify_one();
        assert_eq!(sending.status().await, 200, "{client:?} to {application:?}");
    }
}
