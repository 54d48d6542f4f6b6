//! N-07 to N-09, N-12: frames without end that cost an answer, or work, or memory, and bring nothing on.

use super::{MIB, costs, process, seen};
use crate::world::Client;
use crate::world::frames::{Event, code, flag, frame, kind};

/// This comes without end, after that: it ends with ENHANCE_YOUR_CALM, the application has seen so many requests at most, and the process has
/// held little more.
async fn flood(
    first: impl Fn(&Client) -> Vec<u8>,
    again: impl Fn(&Client, u32) -> Vec<u8>,
    times: u32,
    most_seen: usize,
) {
    let (client, process) = process().await;
    let bytes: Vec<u8> = (0..times).flat_map(|number| again(&client, number)).collect();
    let first = first(&client);
    let Client { mut frames, world, .. } = client;
    let attack = async {
        frames.send(&first).await;
        frames.pour(&bytes).await;
        let mut last = None;
        while let Event::Frame(frame) = frames.next().await {
            if frame.kind == kind::GOAWAY {
                last = Some(frame.code());
            }
        }
        assert_eq!(last, Some(code::ENHANCE_YOUR_CALM), "{:#?}", frames.seen());
    };
    let cost = costs(&process, &world, attack).await;
    assert!(cost < 4 * MIB, "{cost} bytes more");
    assert!(seen(&world) <= most_seen, "{}", seen(&world));
}

fn nothing(_: &Client) -> Vec<u8> {
    Vec::new()
}

#[tokio::test]
async fn pings() {
    flood(nothing, |_, _| frame(kind::PING, flag::NONE, 0, &[7; 8]), 200_000, 0).await;
}

#[tokio::test]
async fn settings() {
    flood(nothing, |_, _| frame(kind::SETTINGS, flag::NONE, 0, &[]), 100_000, 0).await;
}

#[tokio::test]
async fn priorities() {
    flood(nothing, |_, number| frame(kind::PRIORITY, flag::NONE, number * 2 + 1, &[0; 5]), 200_000, 0).await;
}

#[tokio::test]
async fn frames_that_nobody_knows() {
    flood(nothing, |_, _| frame(kind::UNKNOWN, flag::NONE, 0, &[]), 200_000, 0).await;
}

#[tokio::test]
async fn window_updates_of_the_connection() {
    flood(nothing, |_, _| frame(kind::WINDOW_UPDATE, flag::NONE, 0, &[0, 0, 0, 1]), 200_000, 0).await;
}

/// A request that the application keeps waiting, on stream 1.
fn hanging(client: &Client) -> Vec<u8> {
    frame(kind::HEADERS, flag::WHOLE, 1, &client.request("GET", "/hang", &[]))
}

/// The same, and its body has not ended.
fn uploading(client: &Client) -> Vec<u8> {
    frame(kind::HEADERS, flag::END_HEADERS, 1, &client.post())
}

#[tokio::test]
async fn window_updates_of_a_stream() {
    flood(hanging, |_, _| frame(kind::WINDOW_UPDATE, flag::NONE, 1, &[0, 0, 0, 1]), 200_000, 1).await;
}

#[tokio::test]
async fn data_without_data() {
    flood(uploading, |_, _| frame(kind::DATA, flag::NONE, 1, &[]), 200_000, 1).await;
}

#[tokio::test]
async fn data_that_is_all_padding() {
    flood(uploading, |_, _| frame(kind::DATA, flag::PADDED, 1, &[1, 0]), 200_000, 1).await;
}

#[tokio::test]
async fn resets_of_one_stream() {
    flood(hanging, |_, _| frame(kind::RST_STREAM, flag::NONE, 1, &[0, 0, 0, 8]), 200_000, 1).await;
}

/// CVE-2023-44487.
#[tokio::test]
async fn requests_that_are_reset_at_once() {
    let again = |client: &Client, number| {
        let stream = number * 2 + 1;
        let request = frame(kind::HEADERS, flag::WHOLE, stream, &client.request("GET", "/hang", &[]));
        [request, frame(kind::RST_STREAM, flag::NONE, stream, &[0, 0, 0, 8])].concat()
    };
    flood(nothing, again, 40_000, 1000).await;
}

/// CVE-2025-8671: the gate is made to reset them, by a window that grows too large.
#[tokio::test]
async fn requests_that_the_gate_is_made_to_reset() {
    let again = |client: &Client, number| {
        let stream = number * 2 + 1;
        let request = frame(kind::HEADERS, flag::WHOLE, stream, &client.request("GET", "/hang", &[]));
        [request, frame(kind::WINDOW_UPDATE, flag::NONE, stream, &[0x7f, 0xff, 0xff, 0xff])].concat()
    };
    flood(nothing, again, 40_000, 1000).await;
}

/// The same, by requests that are none.
#[tokio::test]
async fn requests_that_are_malformed() {
    let again = |client: &Client, number| {
        let head = client.request("GET", "/hang", &[("connection", "x")]);
        frame(kind::HEADERS, flag::WHOLE, number * 2 + 1, &head)
    };
    flood(nothing, again, 40_000, 0).await;
}

/// More than may be open at once, by far.
#[tokio::test]
async fn requests_beyond_the_limit_of_streams() {
    let again = |client: &Client, number| {
        frame(kind::HEADERS, flag::WHOLE, number * 2 + 1, &client.request("GET", "/hang", &[]))
    };
    flood(nothing, again, 40_000, 100).await;
}

#[tokio::test]
async fn a_block_of_fields_that_goes_on_octet_by_octet() {
    let first = |client: &Client| frame(kind::HEADERS, flag::END_STREAM, 1, &client.request("GET", "/hang", &[]));
    flood(first, |_, _| frame(kind::CONTINUATION, flag::NONE, 1, &[0]), 200_000, 0).await;
}

#[tokio::test]
async fn a_block_of_fields_that_goes_on_with_nothing() {
    let first = |client: &Client| frame(kind::HEADERS, flag::END_STREAM, 1, &client.request("GET", "/hang", &[]));
    flood(first, |_, _| frame(kind::CONTINUATION, flag::NONE, 1, &[]), 200_000, 0).await;
}

#[tokio::test]
async fn a_block_of_fields_that_goes_on_in_large_pieces() {
    let first = |client: &Client| frame(kind::HEADERS, flag::END_STREAM, 1, &client.request("GET", "/hang", &[]));
    let field = super::hpack::literal(b"x-long", &[b'x'; 16_000]);
    flood(first, |_, _| frame(kind::CONTINUATION, flag::NONE, 1, &field), 4_000, 0).await;
}

#[tokio::test]
async fn a_client_that_has_much_to_say_is_no_flood() {
    let mut client = Client::new().await;
    for round in 0..100u32 {
        let stream = round * 2 + 1;
        client.headers(flag::WHOLE, stream, &client.get()).await;
        client.priority(stream, 0, 15).await;
        client.ping(b"how long").await;
        if round % 4 == 0 {
            client.reset(stream, code::CANCEL).await;
        } else {
            let (status, _) = client.answer(stream).await;
            assert_eq!(status, 200, "{round}");
        }
    }
    let size = 8 * 1024 * 1024;
    client.headers(flag::WHOLE, 999, &client.request("GET", &format!("/bytes/{size}"), &[])).await;
    let (status, body) = client.answer(999).await;
    assert_eq!((status, body.len()), (200, size));
}
