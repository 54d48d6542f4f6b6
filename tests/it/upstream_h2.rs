//! Applications over HTTP/2: `h2c://`, and `https://` by ALPN.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::world::frames::{code, flag, kind};
use crate::world::hpack::block;
use crate::world::{Ask, BAT, Call, Http2App, Setup, World, eventually};

async fn before(app: &Http2App, change: impl FnOnce(&mut Setup)) -> World {
    World::with(|setup| {
        setup.set("", "upstream", &app.upstream());
        setup.set("", "workers", "1");
        setup.rule("/**", "public");
        change(setup);
    })
    .await
}

#[tokio::test]
async fn a_request_of_http_1_is_put_as_http_2_has_it() {
    let app = Http2App::start(|mut call: Call| async move {
        let (body, trailers) = call.body().await.unwrap();
        call.answer(format!("{} {:?}", String::from_utf8(body).unwrap(), trailers.get("x-sum")));
    })
    .await;
    let world = before(&app, |_| {}).await;
    let mut wire = world.wire().await;
    let host = world.setup.host();
    wire.send(format!(
        "POST /a%2fb//c?d=%20 HTTP/1.1\r\nhost: {host}\r\nconnection: te, x-hop\r\nte: trailers\r\nx-hop: 1\r\ncookie: a=1; b=2\r\n\
         transfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n5\r\nhello\r\n0\r\nx-sum: 9\r\n\r\n"
    ))
    .await;
    let head = wire.head().await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("content-length: 15\r\n"), "{head}");
    let seen = &app.seen()[0];
    assert_eq!((seen.method().as_str(), seen.version()), ("POST", http::Version::HTTP_2));
    assert_eq!(seen.uri().to_string(), format!("http://{host}/a%2fb//c?d=%20"));
    let header = |name: &str| seen.headers().get(name).map(|value| value.to_str().unwrap());
    assert_eq!(
        (header("te"), header("cookie"), header("x-forwarded-host")),
        (Some("trailers"), Some("a=1; b=2"), Some(host.as_str()))
    );
    for gone in ["host", "connection", "x-hop", "transfer-encoding"] {
        assert_eq!(header(gone), None, "{gone}");
    }
    wire.send(format!("GET / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n")).await;
    let rest = String::from_utf8(wire.rest().await).unwrap();
    assert!(rest.starts_with("hello Some(\"9\")HTTP/1.1 200 OK"), "{rest}");
    assert_eq!(app.connections(), 1);
}

#[tokio::test]
async fn a_signed_in_user_is_told_as_ever() {
    let app = Http2App::start(|mut call: Call| async move { call.answer("ok") }).await;
    let world = World::with(|setup| setup.set("", "upstream", &app.upstream())).await;
    let browser = world.signed_in(BAT).await;
    assert_eq!(browser.fetch("/a").await.status, 200);
    assert_eq!(app.seen().last().unwrap().headers()["x-forwarded-user"], BAT);
}

#[tokio::test]
async fn a_hundred_at_once_share_a_connection_and_a_slow_one_holds_up_nobody() {
    let (slow, wakes) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (waits, begun) = (Arc::clone(&slow), Arc::clone(&wakes));
    let app = Http2App::start(move |mut call: Call| {
        let (waits, begun) = (Arc::clone(&waits), Arc::clone(&begun));
        async move {
            if call.path() == "/slow" {
                begun.notify_one();
                waits.notified().await;
            }
            let path = call.path();
            call.answer(path);
        }
    })
    .await;
    let world = Arc::new(before(&app, |_| {}).await);
    let late = {
        let world = Arc::clone(&world);
        tokio::spawn(async move { world.curl(Ask::plain("/slow")).await })
    };
    wakes.notified().await;
    let many = join_all((0..99).map(|number| {
        let world = Arc::clone(&world);
        async move {
            let path = format!("/{number}");
            assert_eq!(world.curl(Ask::plain(&path)).await.text(), path);
        }
    }));
    many.await;
    assert!(!late.is_finished());
    slow.notify_one();
    assert_eq!(late.await.unwrap().text(), "/slow");
    assert_eq!(app.connections(), 1);
}

#[tokio::test]
async fn more_than_the_application_takes_on_one_connection_go_on_others() {
    let held = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&held);
    let mut builder = h2::server::Builder::new();
    builder.max_concurrent_streams(4);
    let app = Http2App::with(&builder, move |mut call: Call| {
        let counted = Arc::clone(&counted);
        async move {
            counted.fetch_add(1, Ordering::SeqCst);
            // None is answered before all have come.
            eventually("all come", || counted.load(Ordering::SeqCst) >= 10).await;
            call.answer("ok");
        }
    })
    .await;
    let world = before(&app, |_| {}).await;
    let answers = join_all((0..10).map(|_| world.curl(Ask::plain("/")))).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!(app.connections(), 3, "no more than are needed");
}

/// What the application says it has never processed is sent again, POST and all; what it may have processed never is.
#[tokio::test]
async fn what_was_never_processed_is_sent_again_with_its_body() {
    for refusal in ["GOAWAY", "REFUSED_STREAM"] {
        let bodies = Arc::new(std::sync::Mutex::new(Vec::new()));
        let told = Arc::clone(&bodies);
        let app = Http2App::hostile(move |mut frames, number| {
            let told = Arc::clone(&told);
            async move {
                let ended =
                    frames.until("a body", |frame| frame.kind == kind::DATA && frame.has(flag::END_STREAM)).await;
                told.lock().unwrap().push(ended.payload.clone());
                match (number, refusal) {
                    (0, "GOAWAY") => frames.frame(kind::GOAWAY, flag::NONE, 0, &[0; 8]).await,
                    (0, _) => frames.reset(1, code::REFUSED_STREAM).await,
                    _ => frames.headers(flag::WHOLE, ended.stream, &block(&[(":status", "204")])).await,
                }
                std::future::pending::<()>().await;
            }
        })
        .await;
        let world = before(&app, |_| {}).await;
        let answer = world.curl(Ask::plain("/pay").method("POST").body(b"once")).await;
        assert_eq!(answer.status, 204, "{refusal}: {answer}");
        assert_eq!((bodies.lock().unwrap().clone(), app.connections()), (vec![b"once".to_vec(); 2], 2), "{refusal}");
    }
}

#[tokio::test]
async fn what_may_have_been_processed_is_never_sent_twice() {
    for end in ["the connection ends", "GOAWAY after it", "reset"] {
        let came = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&came);
        let app = Http2App::hostile(move |mut frames, _| {
            let counted = Arc::clone(&counted);
            async move {
                let ended =
                    frames.until("a body", |frame| frame.kind == kind::DATA && frame.has(flag::END_STREAM)).await;
                counted.fetch_add(1, Ordering::SeqCst);
                match end {
                    "GOAWAY after it" => {
                        let last = [ended.stream.to_be_bytes(), [0; 4]].concat();
                        frames.frame(kind::GOAWAY, flag::NONE, 0, &last).await;
                    }
                    "reset" => {
                        frames.reset(ended.stream, code::CANCEL).await;
                        frames.next().await;
                    }
                    _ => {}
                }
            }
        })
        .await;
        let world = before(&app, |_| {}).await;
        let answer = world.curl(Ask::plain("/pay").method("POST").body(b"once")).await;
        assert_eq!((answer.status, came.load(Ordering::SeqCst)), (502, 1), "{end}: {answer}");
    }
}

#[tokio::test]
async fn a_client_that_leaves_ends_its_stream_alone() {
    let (reset, began) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (told, begun) = (Arc::clone(&reset), Arc::clone(&began));
    let app = Http2App::start(move |mut call: Call| {
        let (told, begun) = (Arc::clone(&told), Arc::clone(&begun));
        async move {
            if call.path() != "/long" {
                return call.answer("ok");
            }
            let mut stream = call.begin("text/plain");
            begun.notify_one();
            let reason = std::future::poll_fn(|cx| stream.poll_reset(cx)).await.unwrap();
            assert_eq!(reason, h2::Reason::CANCEL);
            told.notify_one();
        }
    })
    .await;
    let world = before(&app, |_| {}).await;
    let mut wire = world.wire().await;
    wire.request(&["GET /long HTTP/1.1", &format!("host: {}", world.setup.host())]).await;
    began.notified().await;
    let left = Instant::now();
    drop(wire);
    reset.notified().await;
    assert!(left.elapsed() < Duration::from_secs(1), "{:?}", left.elapsed());
    assert_eq!(world.curl(Ask::plain("/")).await.text(), "ok");
    assert_eq!(app.connections(), 1, "the connection goes on");
}

#[tokio::test]
async fn a_client_that_does_not_read_holds_the_application_up_after_a_bounded_number_of_bytes() {
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&sent);
    let app = Http2App::start(move |mut call: Call| {
        let counted = Arc::clone(&counted);
        async move {
            if call.path() != "/flood" {
                return call.answer("ok");
            }
            let mut stream = call.begin("text/plain");
            while counted.load(Ordering::SeqCst) < 64 << 20 {
                stream.reserve_capacity(16 << 10);
                let Some(Ok(room)) = std::future::poll_fn(|cx| stream.poll_capacity(cx)).await else { return };
                stream.send_data(Bytes::from(vec![b'x'; room]), false).unwrap();
                counted.fetch_add(room, Ordering::SeqCst);
            }
            let _ = stream.send_data(Bytes::new(), true);
        }
    })
    .await;
    let world = before(&app, |_| {}).await;
    let mut wire = world.wire().await;
    wire.request(&["GET /flood HTTP/1.1", &format!("host: {}", world.setup.host())]).await;
    // Until nothing moves any more.
    let mut before = 0;
    loop {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let now = sent.load(Ordering::SeqCst);
        if now == before && now > 0 {
            break;
        }
        before = now;
    }
    assert!(before < 12 << 20, "what the kernel and one window hold: {before}");
    assert_eq!(world.curl(Ask::plain("/")).await.text(), "ok", "others go on");
    assert!(wire.rest_is_at_least(64 << 20).await, "and all of it comes once it is read");
}
