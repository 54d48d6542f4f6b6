//! Applications over HTTP/2 that do what they must not, and those that are reached in another way than by h2c://.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::Response;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::world::frames::{Frames, code, flag, kind};
use crate::world::hpack::block;
use crate::world::http2;
use crate::world::{Ask, BAT, Ca, Call, Http2App, Setup, Socket, TlsFront, World, WsEnd, eventually};

async fn before(app: &Http2App, change: impl FnOnce(&mut Setup)) -> World {
    World::with(|setup| {
        setup.set("", "upstream", &app.upstream());
        setup.set("", "workers", "1");
        setup.rule("/open/**", "public");
        change(setup);
    })
    .await
}

/// One thing each that no application may answer.
const WRONG: &[&str] = &[
    "101",
    "transfer-encoding",
    "connection",
    "an upper-case name",
    "no status",
    "a status that is none",
    "a pseudo-header behind a field",
    "data before a head",
    "1xx without end",
    "a head without end",
    "a promise",
];

async fn answer_wrongly(frames: &mut Frames, stream: u32, wrong: &str) {
    let head = |fields: &[(&str, &str)]| block(fields);
    let whole = flag::WHOLE;
    match wrong {
        "101" => frames.headers(flag::END_HEADERS, stream, &head(&[(":status", "101")])).await,
        "transfer-encoding" => {
            frames.headers(whole, stream, &head(&[(":status", "200"), ("transfer-encoding", "chunked")])).await;
        }
        "connection" => frames.headers(whole, stream, &head(&[(":status", "200"), ("connection", "close")])).await,
        "an upper-case name" => frames.headers(whole, stream, &head(&[(":status", "200"), ("X-Upper", "1")])).await,
        "no status" => frames.headers(whole, stream, &head(&[("x", "1")])).await,
        "a status that is none" => frames.headers(whole, stream, &head(&[(":status", "2x0")])).await,
        "a pseudo-header behind a field" => {
            frames.headers(whole, stream, &head(&[("x", "1"), (":status", "200")])).await
        }
        "data before a head" => frames.data(flag::END_STREAM, stream, b"x").await,
        "1xx without end" => {
            for _ in 0..50 {
                frames.headers(flag::END_HEADERS, stream, &head(&[(":status", "103")])).await;
            }
        }
        "a head without end" => {
            let much = "x".repeat(16_000);
            frames.headers(flag::NONE, stream, &head(&[(":status", "200"), ("x", &much)])).await;
            for _ in 0..40 {
                frames.continuation(flag::NONE, stream, &head(&[("x", &much)])).await;
            }
        }
        "a promise" => {
            let promise = [&2u32.to_be_bytes()[..], &head(&[(":method", "GET"), (":path", "/")])].concat();
            frames.frame(kind::PUSH_PROMISE, flag::END_HEADERS, stream, &promise).await;
        }
        other => panic!("{other}"),
    }
}

/// N-17: whatever it sends, its client gets a 502, and the gate lives.
#[tokio::test]
async fn an_answer_that_is_none_is_a_502_and_the_gate_lives() {
    for wrong in WRONG {
        let app = Http2App::hostile(move |mut frames, number| async move {
            loop {
                let asked = frames.until("a request", |frame| frame.kind == kind::HEADERS).await;
                if number == 0 {
                    answer_wrongly(&mut frames, asked.stream, wrong).await;
                } else {
                    frames.headers(flag::WHOLE, asked.stream, &block(&[(":status", "204")])).await;
                }
            }
        })
        .await;
        let world = before(&app, |setup| setup.set("limits", "upstream_timeout", "\"5s\"")).await;
        let answer = world.curl(Ask::plain("/open/a").method("POST").body(b"x")).await;
        assert_eq!(answer.status, 502, "{wrong}: {answer}");
        // On the same connection or another: it goes on.
        if app.connections() == 1 {
            continue;
        }
        assert_eq!(world.curl(Ask::plain("/open/a")).await.status, 204, "{wrong}");
    }
}

#[tokio::test]
async fn trailers_that_do_not_end_the_stream_make_no_answer_complete() {
    let app = Http2App::hostile(|mut frames, _| async move {
        let asked = frames.until("a request", |frame| frame.kind == kind::HEADERS).await;
        frames.headers(flag::END_HEADERS, asked.stream, &block(&[(":status", "200")])).await;
        frames.data(flag::NONE, asked.stream, b"half").await;
        frames.headers(flag::END_HEADERS, asked.stream, &block(&[("grpc-status", "0")])).await;
        std::future::pending::<()>().await;
    })
    .await;
    let world = before(&app, |_| {}).await;
    let mut wire = world.wire().await;
    wire.send(format!("GET /open/a HTTP/1.1\r\nhost: {}\r\n\r\n", world.setup.host())).await;
    let rest = String::from_utf8(wire.rest().await).unwrap();
    assert!(!rest.ends_with("0\r\n\r\n"), "{rest:?}");
    assert_eq!(world.admin("/healthz").await.status, 200);
}

#[tokio::test]
async fn an_answer_that_breaks_off_never_looks_complete() {
    const WITH_LENGTH: &[(&str, &str)] = &[(":status", "200"), ("content-length", "10")];
    for (reason, head) in [code::CANCEL, code::NO_ERROR]
        .into_iter()
        .flat_map(|reason| [(reason, WITH_LENGTH), (reason, &WITH_LENGTH[..1])])
    {
        let app = Http2App::hostile(move |mut frames, _| async move {
            loop {
                let asked = frames.until("a request", |frame| frame.kind == kind::HEADERS).await;
                frames.headers(flag::END_HEADERS, asked.stream, &block(head)).await;
                frames.data(flag::NONE, asked.stream, b"half").await;
                frames.reset(asked.stream, reason).await;
            }
        })
        .await;
        let world = before(&app, |_| {}).await;
        let mut wire = world.wire().await;
        let host = world.setup.host();
        wire.send(format!("GET /open/a HTTP/1.1\r\nhost: {host}\r\n\r\n")).await;
        let rest = String::from_utf8(wire.rest().await).unwrap();
        assert!(!rest.ends_with("half") || rest.contains("content-length: 10\r\n"), "{reason} {head:?}: {rest:?}");
        assert!(!rest.ends_with("0\r\n\r\n"), "{reason} {head:?}: {rest:?}");
        let (mut client, _) = http2::connect(world.address()).await;
        let request = http::Request::get(format!("http://{host}/open/a")).body(()).unwrap();
        let (answer, _) = client.send_request(request, true).unwrap();
        let end = match answer.await {
            Ok(answer) => http2::whole(&mut answer.into_body()).await.unwrap_err(),
            Err(error) => error,
        };
        assert!(end.is_reset() && end.reason() != Some(h2::Reason::NO_ERROR), "{reason} {head:?}: {end}");
    }
}

/// RFC 9113 §8.1: an application may answer before it has the whole request, and ask for the rest to be left out.
#[tokio::test]
async fn an_early_answer_is_complete_though_its_upload_is_stopped() {
    let app = Http2App::hostile(|mut frames, _| async move {
        let asked = frames.until("a request", |frame| frame.kind == kind::HEADERS).await;
        frames.until("some of the body", |frame| frame.kind == kind::DATA).await;
        frames.headers(flag::END_HEADERS, asked.stream, &block(&[(":status", "413")])).await;
        frames.data(flag::END_STREAM, asked.stream, b"too much").await;
        frames.reset(asked.stream, code::NO_ERROR).await;
        std::future::pending::<()>().await;
    })
    .await;
    let world = before(&app, |_| {}).await;
    let mut wire = world.wire().await;
    let host = format!("host: {}", world.setup.host());
    wire.send(format!("POST /open/a HTTP/1.1\r\n{host}\r\ncontent-length: 100000\r\n\r\nbegin")).await;
    let head = wire.head().await;
    assert!(head.starts_with("HTTP/1.1 413") && head.contains("connection: close\r\n"), "{head}");
    let rest = String::from_utf8(wire.rest().await).unwrap();
    assert!(rest.contains("too much") && rest.ends_with("0\r\n\r\n"), "{rest:?}");
}

#[tokio::test]
async fn one_that_speaks_http_1_under_h2c_gets_no_request() {
    let app = Http2App::raw(|mut stream, _| async move {
        let mut read = [0; 1024];
        let _ = stream.read(&mut read).await;
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
        let _ = stream.read(&mut read).await;
    })
    .await;
    let world = before(&app, |_| {}).await;
    let answer = world.curl(Ask::plain("/open/a")).await;
    assert_eq!(answer.status, 502, "{answer}");
    let ready = world.admin("/readyz").await;
    assert!(
        ready.text().contains("it does not speak HTTP/2") && ready.text().contains(&app.upstream()[1..10]),
        "{ready}"
    );
}

#[tokio::test]
async fn an_application_that_says_nothing_has_its_time_to_begin() {
    let app = Http2App::raw(|stream, _| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let world = before(&app, |setup| setup.set("limits", "upstream_connect_timeout", "\"300ms\"")).await;
    assert_eq!(world.curl(Ask::plain("/open/a")).await.status, 504);
}

/// An authority's certificate in a file; gone with its owner.
struct CaFile(Ca, std::path::PathBuf);

impl CaFile {
    fn new() -> CaFile {
        let file = std::env::temp_dir().join(format!("tokigate-alpn-{}.pem", crate::world::free_port()));
        let ca = Ca::new("ours");
        ca.write(&file);
        CaFile(ca, file)
    }

    async fn front(&self, offered: &[&str], behind: std::net::SocketAddr) -> TlsFront {
        TlsFront::offering(self.0.server(&["localhost"]), offered, behind).await
    }

    fn lead_to(&self, front: &TlsFront, setup: &mut Setup) {
        setup.set("", "upstream", &format!("\"https://localhost:{}\"", front.port()));
        setup.set("", "workers", "1");
        setup.set("upstream_tls", "ca_file", &format!("{:?}", self.1));
    }
}

impl Drop for CaFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.1);
    }
}

/// ALPN says what is spoken.
#[tokio::test]
async fn https_is_http_2_where_the_application_offers_it() {
    let ca = CaFile::new();
    let app = Http2App::start(|mut call: Call| async move { call.answer("over HTTP/2") }).await;
    for offered in [&["h2", "http/1.1"][..], &["http/1.1"], &[]] {
        let mut world = World::without_gate(|setup| setup.rule("/deep/**", "public")).await;
        let speaks_h2 = offered.contains(&"h2");
        let behind = if speaks_h2 { app.address() } else { world.app.address().unwrap() };
        let front = ca.front(offered, behind).await;
        ca.lead_to(&front, &mut world.setup);
        world.start();
        for _ in 0..3 {
            let answer = world.curl(Ask::plain("/deep/a")).await;
            assert_eq!((answer.status, answer.text() == "over HTTP/2"), (200, speaks_h2), "{offered:?}: {answer}");
        }
        let alpn = offered.first().map(|first| (*first).to_owned());
        assert_eq!(front.seen().iter().map(|shaken| shaken.alpn.clone()).collect::<Vec<_>>(), [alpn], "one connection");
    }
}

/// RFC 8441: echoes what its client says.
async fn with_sockets() -> Http2App {
    let mut builder = h2::server::Builder::new();
    builder.enable_connect_protocol();
    Http2App::with(&builder, |mut call: Call| async move {
        let protocol =
            call.request.extensions().get::<h2::ext::Protocol>().map(|protocol| protocol.as_str().to_owned());
        if protocol.as_deref() != Some("websocket") {
            return call.answer("no socket");
        }
        if call.path() == "/open/no" {
            let response = Response::builder().status(403).body(()).unwrap();
            drop(call.respond.send_response(response, true));
            return;
        }
        let mut down = call.respond.send_response(Response::new(()), false).unwrap();
        let up = call.request.body_mut();
        while let Some(Ok(data)) = up.data().await {
            let _ = up.flow_control().release_capacity(data.len());
            if data.is_empty() {
                break;
            }
            // A frame of a client, masked: sent back unmasked (RFC 6455 §5.2).
            let length = usize::from(data[1] & 0x7f);
            let (mask, masked) = (&data[2..6], &data[6..6 + length]);
            let plain = masked.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask);
            let frame: Vec<u8> = [data[0], data[1] & 0x7f].into_iter().chain(plain).collect();
            down.send_data(Bytes::from(frame), false).unwrap();
        }
    })
    .await
}

#[tokio::test]
async fn a_websocket_is_a_stream_to_an_application_that_takes_it_so() {
    let app = with_sockets().await;
    let world = before(&app, |_| {}).await;
    let browser = world.signed_in(BAT).await;
    let mut socket = Socket::open(&world, Some(&browser), "/ws", Some(&world.setup.origin())).await.unwrap();
    for word in ["over", "HTTP/2"] {
        socket.say(word).await;
        assert_eq!(socket.hear().await, word);
    }
    let asked = app.seen().into_iter().find(|request| request.uri().path() == "/ws").unwrap();
    assert_eq!((asked.method().as_str(), &asked.headers()["x-forwarded-user"]), ("CONNECT", &BAT.parse().unwrap()));
    assert_eq!(asked.headers()["sec-websocket-version"], "13");
    for gone in ["sec-websocket-key", "upgrade", "connection", "host"] {
        assert!(!asked.headers().contains_key(gone), "{gone}");
    }
    assert_eq!(Socket::open(&world, None, "/open/no", None).await.err(), Some(403));
    assert_eq!(Socket::open(&world, None, "/ws", None).await.err(), Some(401), "a stranger's");
    browser.send(Ask::page("/oauth2/sign_out").with("sec-fetch-site", "same-origin")).await;
    assert_eq!(socket.end().await, WsEnd::Closed(4401));
    assert_eq!(app.connections(), 1);
}

#[tokio::test]
async fn one_that_takes_no_websockets_so_is_a_502_that_says_so() {
    let asked = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&asked);
    let app = Http2App::hostile(move |mut frames, _| {
        let told = Arc::clone(&told);
        async move {
            frames.until("a request", |frame| frame.kind == kind::HEADERS).await;
            told.store(true, Ordering::SeqCst);
        }
    })
    .await;
    let world = before(&app, |_| {}).await;
    assert_eq!(Socket::open(&world, None, "/open/ws", None).await.err(), Some(502));
    assert!(app.connections() == 1 && !asked.load(Ordering::SeqCst), "it is not even asked");
    let ca = CaFile::new();
    let front = ca.front(&["h2"], app.address()).await;
    let (world, process) = World::around_a_process(|setup| {
        ca.lead_to(&front, setup);
        setup.rule("/open/**", "public");
    })
    .await;
    assert_eq!(Socket::open(&world, None, "/open/ws", None).await.err(), Some(502));
    assert!(!asked.load(Ordering::SeqCst), "nor over TLS");
    let why = |line: &serde_json::Value| line.to_string().contains("SETTINGS_ENABLE_CONNECT_PROTOCOL");
    eventually("it is told why", || process.log().iter().any(why)).await;
}

/// By HTTP/1.1 where it is offered; else as over `h2c://`.
#[tokio::test]
async fn over_tls_a_websocket_is_a_stream_where_there_is_nothing_but_http_2() {
    let (app, ca) = (with_sockets().await, CaFile::new());
    let mut world = World::without_gate(|_| {}).await;
    let front = ca.front(&["h2"], app.address()).await;
    ca.lead_to(&front, &mut world.setup);
    world.start();
    let browser = world.signed_in(BAT).await;
    for word in ["over", "TLS"] {
        let mut socket = Socket::open(&world, Some(&browser), "/ws", None).await.unwrap();
        socket.say(word).await;
        assert_eq!(socket.hear().await, word);
    }
    let asked = app.seen().into_iter().find(|request| request.uri().path() == "/ws").unwrap();
    assert_eq!((asked.method().as_str(), asked.uri().scheme_str()), ("CONNECT", Some("https")));
    assert_eq!(asked.headers()["x-forwarded-user"], BAT);
    assert_eq!(Socket::open(&world, None, "/ws", None).await.err(), Some(401), "a stranger's");
    assert_eq!(front.seen().len(), 1, "one connection");
    let ready = world.admin("/readyz").await;
    assert!(ready.text().contains("\"degraded\":[]"), "{ready}");
}
