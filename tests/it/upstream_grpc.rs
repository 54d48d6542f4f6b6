//! gRPC: from a client of HTTP/2 to an application of HTTP/2 (security cases W-12).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::world::{Ask, Call, Http2App, Setup, World};

async fn before(app: &Http2App, change: impl FnOnce(&mut Setup)) -> World {
    World::with(|setup| {
        setup.set("", "upstream", &app.upstream());
        setup.set("", "workers", "1");
        setup.rule("/**", "public");
        change(setup);
    })
    .await
}

/// A client of HTTP/2 by prior knowledge.
async fn client(world: &World) -> h2::client::SendRequest<Bytes> {
    let stream = TcpStream::connect(world.address()).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(async move { drop(connection.await) });
    client.ready().await.unwrap()
}

fn call(world: &World, path: &str, lines: &[(&str, &str)]) -> Request<()> {
    let request = Request::post(format!("http://{}{path}", world.setup.host()));
    lines.iter().fold(request, |request, (name, value)| request.header(*name, *value)).body(()).unwrap()
}

const GRPC: &[(&str, &str)] = &[("content-type", "application/grpc"), ("te", "trailers")];

#[tokio::test]
async fn both_sides_of_a_call_stream_at_the_same_time_and_end_apart() {
    let app = Http2App::start(|mut call: Call| async move {
        let mut down = call.begin("application/grpc");
        let up = call.request.body_mut();
        while let Some(Ok(data)) = up.data().await {
            let _ = up.flow_control().release_capacity(data.len());
            down.send_data(data, false).unwrap();
        }
        // After the client has ended its side.
        down.send_data(Bytes::from_static(b"bye"), false).unwrap();
        down.send_trailers(
            [("grpc-status", "0"), ("grpc-message", "fine")]
                .map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap()))
                .into_iter()
                .collect::<HeaderMap>(),
        )
        .unwrap();
    })
    .await;
    let world = before(&app, |_| {}).await;
    let lines = [GRPC, &[("grpc-timeout", "30S"), ("grpc-encoding", "identity")]].concat();
    let (answer, mut up) = client(&world).await.send_request(call(&world, "/chat.Chat/Talk", &lines), false).unwrap();
    let answer = answer.await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["content-type"]),
        (200, &"application/grpc".parse().unwrap())
    );
    let mut down = answer.into_body();
    for word in ["one", "two", "three"] {
        up.send_data(Bytes::from(word), false).unwrap();
        assert_eq!(down.data().await.unwrap().unwrap(), word);
    }
    up.send_data(Bytes::new(), true).unwrap();
    assert_eq!(down.data().await.unwrap().unwrap(), "bye");
    assert!(down.data().await.is_none());
    let trailers = down.trailers().await.unwrap().unwrap();
    assert_eq!(
        (&trailers["grpc-status"], &trailers["grpc-message"]),
        (&"0".parse().unwrap(), &"fine".parse().unwrap())
    );
    let seen = &app.seen()[0];
    for (name, value) in &lines {
        assert_eq!(seen.headers()[*name], *value, "{name}");
    }
}

/// W-12: cancellation within a second, of a call whose both sides are under way.
#[tokio::test]
async fn a_call_that_is_cancelled_is_cancelled_at_the_application() {
    let (cancelled, told) = tokio::sync::mpsc::unbounded_channel();
    let (mut told, cancelled) = (told, Arc::new(cancelled));
    let app = Http2App::start(move |mut call: Call| {
        let cancelled = Arc::clone(&cancelled);
        async move {
            let mut down = call.begin("application/grpc");
            down.send_data(Bytes::from_static(b"first"), false).unwrap();
            let up = call.body().await.map(drop).map_err(|error| error.reason());
            let down = std::future::poll_fn(|cx| down.poll_reset(cx)).await.ok();
            cancelled.send((up, down)).unwrap();
        }
    })
    .await;
    let world = before(&app, |_| {}).await;
    let (answer, mut up) = client(&world).await.send_request(call(&world, "/a.B/C", GRPC), false).unwrap();
    up.send_data(Bytes::from_static(b"begun"), false).unwrap();
    let mut down = answer.await.unwrap().into_body();
    assert_eq!(down.data().await.unwrap().unwrap(), "first");
    let left = Instant::now();
    up.send_reset(h2::Reason::CANCEL);
    let (up, down) = told.recv().await.unwrap();
    assert!(left.elapsed() < Duration::from_secs(1), "{:?}", left.elapsed());
    assert_eq!((up, down), (Err(Some(h2::Reason::CANCEL)), Some(h2::Reason::CANCEL)));
}

#[tokio::test]
async fn messages_of_sixteen_mebibytes_go_both_ways() {
    let app = Http2App::start(|mut call: Call| async move {
        let (body, _) = call.body().await.unwrap();
        let mut down = call.begin("application/grpc");
        down.send_data(body.into(), false).unwrap();
        down.send_trailers([("grpc-status".parse().unwrap(), "0".parse().unwrap())].into_iter().collect()).unwrap();
    })
    .await;
    let world = before(&app, |_| {}).await;
    let message: Vec<u8> = (0..16 << 20).map(|at: u32| at.to_le_bytes()[usize::from(at.is_multiple_of(3))]).collect();
    let (answer, mut up) = client(&world).await.send_request(call(&world, "/a.B/C", GRPC), false).unwrap();
    up.send_data(Bytes::from(message.clone()), true).unwrap();
    let mut down = answer.await.unwrap().into_body();
    let mut echoed = Vec::new();
    while let Some(data) = down.data().await {
        let data = data.unwrap();
        down.flow_control().release_capacity(data.len()).unwrap();
        echoed.extend_from_slice(&data);
    }
    assert!(echoed == message, "{} bytes", echoed.len());
    assert_eq!(down.trailers().await.unwrap().unwrap()["grpc-status"], "0");
}

#[tokio::test]
async fn a_call_that_is_answered_late_is_cut_by_its_own_deadline_alone() {
    let app = Http2App::start(|mut call: Call| async move {
        tokio::time::sleep(Duration::from_millis(900)).await;
        if call.path() != "/never" {
            call.answer("late");
        } else {
            std::future::pending::<()>().await;
        }
    })
    .await;
    let world = before(&app, |setup| setup.set("limits", "upstream_timeout", "\"300ms\"")).await;
    let mut client = client(&world).await;
    let (answer, _) = client.send_request(call(&world, "/late", GRPC), true).unwrap();
    let late = answer.await.unwrap();
    assert_eq!((late.status().as_u16(), late.headers().get("grpc-status")), (200, None), "the application's own");
    assert_eq!(world.curl(Ask::plain("/late")).await.status, 504, "not gRPC");
    let lines = [GRPC, &[("grpc-timeout", "100m")]].concat();
    let (answer, _) = client.send_request(call(&world, "/never", &lines), true).unwrap();
    let answer = answer.await.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.headers()["grpc-status"]), (200, &"4".parse().unwrap()));
    assert!(answer.body().is_end_stream(), "trailers-only");
}

#[tokio::test]
async fn an_application_that_is_away_is_unavailable_in_the_words_of_grpc() {
    let app = Http2App::raw(|stream, _| async move { drop(stream) }).await;
    let world = before(&app, |_| {}).await;
    let (answer, _) = client(&world).await.send_request(call(&world, "/a.B/C", GRPC), true).unwrap();
    let answer = answer.await.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.headers()["grpc-status"]), (200, &"14".parse().unwrap()));
    assert!(answer.headers().contains_key("grpc-message") && answer.body().is_end_stream());
    let ready = world.admin("/readyz").await;
    assert!(ready.text().contains("it does not speak HTTP/2"), "{ready}");
}
