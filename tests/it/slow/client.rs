//! Clients.

use super::meets;
use crate::world::frames::{self, PREFACE, code, flag, frame, kind};
use crate::world::{Setup, Wire, World, hpack};

fn nothing_else(_: &mut Setup) {}

/// What the rest of an HTTP/2 connection says of its end.
async fn farewell(wire: &mut Wire) -> String {
    let rest = wire.rest().await;
    let goaway = frames::all(&rest).into_iter().rfind(|frame| frame.kind == kind::GOAWAY);
    match goaway.map(|frame| frame.code()) {
        None => "closed".to_owned(),
        Some(code::NO_ERROR) => "GOAWAY".to_owned(),
        Some(other) => format!("GOAWAY {other}"),
    }
}

async fn rest(wire: &mut Wire) -> String {
    String::from_utf8(wire.rest().await).unwrap()
}

fn status_line(heard: &str) -> String {
    heard.lines().next().unwrap_or_default().to_owned()
}

fn get(world: &World, more: &str) -> String {
    format!("GET /public/slow HTTP/1.1\r\nhost: {}\r\n{more}", world.setup.host())
}

/// A connection that speaks HTTP/2 and has said this much.
async fn http2(world: &World, said: &[u8]) -> Wire {
    let mut wire = world.wire().await;
    let settings = frame(kind::SETTINGS, flag::NONE, 0, &[]);
    let ack = frame(kind::SETTINGS, flag::ACK, 0, &[]);
    wire.send([PREFACE, &settings, &ack, said].concat()).await;
    wire
}

fn head(world: &World, method: &str, path: &str) -> Vec<u8> {
    let host = world.setup.host();
    hpack::block(&[(":method", method), (":scheme", "http"), (":path", path), (":authority", &host)])
}

#[tokio::test]
async fn before_its_first_byte() {
    meets("idle_timeout", "", nothing_else, async |world| rest(&mut world.wire().await).await).await;
}

#[tokio::test]
async fn inside_the_preface_of_http_2() {
    meets("header_timeout", "", nothing_else, async |world| {
        let mut wire = world.wire().await;
        wire.send(&PREFACE[..10]).await;
        rest(&mut wire).await
    })
    .await;
}

#[tokio::test]
async fn inside_a_head_of_http_1() {
    meets("header_timeout", "", nothing_else, async |world| {
        let mut wire = world.wire().await;
        wire.send(get(world, "x-more: 1\r\n")).await;
        rest(&mut wire).await
    })
    .await;
}

#[tokio::test]
async fn between_requests_of_http_1() {
    meets("idle_timeout", "", nothing_else, async |world| {
        let mut wire = world.wire().await;
        wire.send(get(world, "\r\n")).await;
        let head = wire.head().await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        wire.body(&head).await;
        rest(&mut wire).await
    })
    .await;
}

#[tokio::test]
async fn before_its_first_request_of_http_2() {
    meets("idle_timeout", "GOAWAY", nothing_else, async |world| farewell(&mut http2(world, &[]).await).await).await;
}

#[tokio::test]
async fn between_requests_of_http_2() {
    meets("idle_timeout", "GOAWAY", nothing_else, async |world| {
        let get = frame(kind::HEADERS, flag::WHOLE, 1, &head(world, "GET", "/public/slow"));
        let mut wire = http2(world, &get).await;
        farewell(&mut wire).await
    })
    .await;
}

#[tokio::test]
async fn inside_the_head_of_a_frame() {
    meets("header_timeout", "closed", nothing_else, async |world| {
        let whole = frame(kind::HEADERS, flag::WHOLE, 1, &head(world, "GET", "/public/slow"));
        let mut wire = http2(world, &whole[..5]).await;
        farewell(&mut wire).await
    })
    .await;
}

#[tokio::test]
async fn inside_a_frame_of_fields() {
    meets("header_timeout", "closed", nothing_else, async |world| {
        let whole = frame(kind::HEADERS, flag::WHOLE, 1, &head(world, "GET", "/public/slow"));
        let mut wire = http2(world, &whole[..20]).await;
        farewell(&mut wire).await
    })
    .await;
}

#[tokio::test]
async fn between_two_frames_of_one_block_of_fields() {
    meets("header_timeout", "closed", nothing_else, async |world| {
        let begun = frame(kind::HEADERS, flag::END_STREAM, 1, &head(world, "GET", "/public/slow"));
        let mut wire = http2(world, &begun).await;
        farewell(&mut wire).await
    })
    .await;
}

#[tokio::test]
async fn inside_a_body_of_http_1() {
    let setup = |ours: &mut Setup| ours.rule("/upload", "public");
    meets("upstream_timeout", "HTTP/1.1 408 Request Timeout", setup, async |world| {
        let mut wire = world.wire().await;
        let host = world.setup.host();
        wire.send(format!("POST /upload HTTP/1.1\r\nhost: {host}\r\ncontent-length: 10\r\n\r\nhalf ")).await;
        status_line(&rest(&mut wire).await)
    })
    .await;
}

/// gRPC is waited for as long as its calls take; HTTP/1.1 has none.
#[tokio::test]
async fn inside_a_body_of_http_1_that_calls_itself_grpc() {
    let setup = |ours: &mut Setup| ours.rule("/upload", "public");
    meets("upstream_timeout", "HTTP/1.1 200 OK", setup, async |world| {
        let mut wire = world.wire().await;
        let head = "content-type: application/grpc\r\ncontent-length: 10";
        wire.send(format!("POST /upload HTTP/1.1\r\nhost: {}\r\n{head}\r\n\r\nhalf ", world.setup.host())).await;
        let answer = rest(&mut wire).await;
        assert!(answer.contains("\r\ngrpc-status: "));
        status_line(&answer)
    })
    .await;
}

#[tokio::test]
async fn inside_a_body_of_http_2() {
    let setup = |ours: &mut Setup| ours.rule("/upload", "public");
    meets("upstream_timeout", "408", setup, async |world| {
        let mut client = frames::Frames::open(world.address()).await;
        client.headers(flag::END_HEADERS, 1, &head(world, "POST", "/upload")).await;
        client.data(flag::NONE, 1, b"half ").await;
        client.status(1).await.to_string()
    })
    .await;
}

/// Another stream of the same connection is somebody else.
#[tokio::test]
async fn a_body_that_stands_still_holds_up_no_other_stream() {
    let world = World::with(|setup| setup.rule("/**", "public")).await;
    let mut client = frames::Frames::open(world.address()).await;
    client.headers(flag::END_HEADERS, 1, &head(&world, "POST", "/upload")).await;
    client.data(flag::NONE, 1, b"half ").await;
    for stream in [3, 5, 7] {
        client.headers(flag::WHOLE, stream, &head(&world, "GET", "/public/other")).await;
        assert_eq!(client.status(stream).await, 200);
    }
    client.data(flag::END_STREAM, 1, b"whole").await;
    assert_eq!(client.status(1).await, 200);
}
