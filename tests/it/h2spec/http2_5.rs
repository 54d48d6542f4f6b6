//! http2/5: streams, what state they are in, and errors.

use super::{LESS_PRECISE, each, long_field};
use crate::world::Client;
use crate::world::frames::{code, flag, frame, kind, priority, setting};

#[tokio::test]
async fn s5_1_case_1_data_on_an_idle_stream() {
    each(async |client| {
        client.data(flag::END_STREAM, 1, b"test").await;
        client.breaks(&[code::PROTOCOL_ERROR]).await;
    })
    .await;
}

#[tokio::test]
async fn s5_1_case_2_reset_of_an_idle_stream() {
    each(async |client| {
        client.reset(1, code::CANCEL).await;
        client.breaks(&[code::PROTOCOL_ERROR]).await;
    })
    .await;
}

#[tokio::test]
async fn s5_1_case_3_window_update_of_an_idle_stream() {
    each(async |client| {
        client.window(1, 100).await;
        client.breaks(&[code::PROTOCOL_ERROR]).await;
    })
    .await;
}

#[tokio::test]
async fn s5_1_case_4_continuation_on_an_idle_stream() {
    each(async |client| {
        client.continuation(flag::END_HEADERS, 1, &client.get()).await;
        client.breaks(&[code::PROTOCOL_ERROR]).await;
    })
    .await;
}

#[tokio::test]
async fn s5_1_case_5_data_on_a_half_closed_stream() {
    each(async |client| {
        let request = frame(kind::HEADERS, flag::WHOLE, 1, &client.get());
        client.send(&[request, frame(kind::DATA, flag::END_STREAM, 1, b"test")].concat()).await;
        client.refuses(1, &[code::STREAM_CLOSED, LESS_PRECISE]).await;
    })
    .await;
}

#[tokio::test]
async fn s5_1_case_6_headers_on_a_half_closed_stream() {
    each(async |client| {
        let request = frame(kind::HEADERS, flag::WHOLE, 1, &client.get());
        client.send(&[request.clone(), request].concat()).await;
        client.refuses(1, &[code::STREAM_CLOSED, LESS_PRECISE]).await;
    })
    .await;
}

#[tokio::test]
async fn s5_1_case_7_continuation_on_a_half_closed_stream() {
    each(async |client| {
        let get = client.get();
        let request = frame(kind::HEADERS, flag::WHOLE, 1, &get);
        client.send(&[request, frame(kind::CONTINUATION, flag::END_HEADERS, 1, &get)].concat()).await;
        client.refuses(1, &[code::STREAM_CLOSED, code::PROTOCOL_ERROR]).await;
    })
    .await;
}

/// This frame on a stream that the client has reset.
async fn after_a_reset(kind: u8, flags: u8, payload: impl Fn(&Client) -> Vec<u8>, codes: &[u32]) {
    each(async |client| {
        client.headers(flag::END_HEADERS, 1, &client.get()).await;
        client.reset(1, code::CANCEL).await;
        let payload = payload(client);
        client.frame(kind, flags, 1, &payload).await;
        client.refuses(1, codes).await;
    })
    .await;
}

#[tokio::test]
async fn s5_1_case_8_data_after_a_reset() {
    after_a_reset(kind::DATA, flag::END_STREAM, |_| b"test".to_vec(), &[code::STREAM_CLOSED]).await;
}

#[tokio::test]
async fn s5_1_case_9_headers_after_a_reset() {
    after_a_reset(kind::HEADERS, flag::WHOLE, Client::get, &[code::STREAM_CLOSED, LESS_PRECISE]).await;
}

#[tokio::test]
async fn s5_1_case_10_continuation_after_a_reset() {
    let codes = [code::STREAM_CLOSED, code::PROTOCOL_ERROR];
    after_a_reset(kind::CONTINUATION, flag::END_HEADERS, |_| long_field("x-long"), &codes).await;
}

/// This frame on a stream that has been answered to its end. RFC 7540 wants a connection error, and so does h2spec; RFC 9113 §5.1 leaves it at
/// that or an error of the stream, which is what the library makes of it once it has forgotten the stream.
async fn after_the_end(kind: u8, flags: u8, payload: impl Fn(&Client) -> Vec<u8>, codes: &[u32]) {
    each(async |client| {
        client.headers(flag::WHOLE, 1, &client.get()).await;
        client.until("the end", |frame| frame.stream == 1 && frame.has(flag::END_STREAM)).await;
        let payload = payload(client);
        client.frame(kind, flags, 1, &payload).await;
        client.refuses(1, codes).await;
    })
    .await;
}

#[tokio::test]
async fn s5_1_case_11_data_on_a_closed_stream() {
    after_the_end(kind::DATA, flag::END_STREAM, |_| b"test".to_vec(), &[code::STREAM_CLOSED, LESS_PRECISE]).await;
}

#[tokio::test]
async fn s5_1_case_12_headers_on_a_closed_stream() {
    after_the_end(kind::HEADERS, flag::WHOLE, Client::get, &[code::STREAM_CLOSED, LESS_PRECISE]).await;
}

#[tokio::test]
async fn s5_1_case_13_continuation_on_a_closed_stream() {
    let codes = [code::STREAM_CLOSED, code::PROTOCOL_ERROR];
    after_the_end(kind::CONTINUATION, flag::END_HEADERS, |_| long_field("x-long"), &codes).await;
}

#[tokio::test]
async fn s5_1_1_case_1_an_even_stream() {
    each(async |client| {
        client.headers(flag::WHOLE, 2, &client.get()).await;
        client.breaks(&[code::PROTOCOL_ERROR]).await;
        assert_eq!(client.world.seen(), [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn s5_1_1_case_2_a_stream_below_the_last() {
    each(async |client| {
        let get = client.get();
        client.headers(flag::WHOLE, 5, &get).await;
        client.headers(flag::WHOLE, 3, &get).await;
        client.breaks(&[code::PROTOCOL_ERROR]).await;
    })
    .await;
}

/// Not in h2spec 2.6, but in its repository since.
#[tokio::test]
async fn s5_1_1_case_3_a_stream_once_more() {
    each(async |client| {
        let request = frame(kind::HEADERS, flag::WHOLE, 5, &client.get());
        client.send(&[request.clone(), request].concat()).await;
        client.refuses(5, &[code::STREAM_CLOSED, LESS_PRECISE]).await;
    })
    .await;
}

#[tokio::test]
async fn s5_1_2_case_1_more_streams_than_are_allowed() {
    each(async |client| {
        let set = client.settings.iter().find(|(name, _)| *name == setting::MAX_CONCURRENT_STREAMS);
        let (_, most) = *set.expect("it says how many");
        // Nothing of an answer gets out, so none ends.
        client.set(&[(setting::INITIAL_WINDOW_SIZE, 0)]).await;
        client.until_acknowledged().await;
        let get = client.get();
        let all: Vec<u8> =
            (0..=most).flat_map(|number| frame(kind::HEADERS, flag::WHOLE, number * 2 + 1, &get)).collect();
        client.send(&all).await;
        client.refuses(most * 2 + 1, &[code::PROTOCOL_ERROR, code::REFUSED_STREAM]).await;
    })
    .await;
}

#[tokio::test]
async fn s5_3_1_case_1_headers_that_depend_on_themselves() {
    each(async |client| {
        let head = [&priority(1, 255)[..], &client.get()].concat();
        client.headers(flag::WHOLE | flag::PRIORITY, 1, &head).await;
        client.refuses(1, &[code::PROTOCOL_ERROR]).await;
    })
    .await;
}

#[tokio::test]
async fn s5_3_1_case_2_priority_that_depends_on_itself() {
    each(async |client| {
        client.priority(1, 1, 255).await;
        client.refuses(1, &[code::PROTOCOL_ERROR]).await;
    })
    .await;
}

#[tokio::test]
async fn s5_4_1_case_1_a_connection_error_closes_the_connection() {
    each(async |client| {
        client.frame(kind::PING, flag::NONE, 3, &[0; 8]).await;
        client.ends().await;
    })
    .await;
}

/// `h2spec --strict` asks this one.
#[tokio::test]
async fn s5_4_1_case_2_a_connection_error_is_told_first() {
    each(async |client| {
        client.frame(kind::PING, flag::NONE, 3, &[0; 8]).await;
        client.breaks(&[code::PROTOCOL_ERROR]).await;
    })
    .await;
}

#[tokio::test]
async fn s5_5_case_1_a_frame_of_an_extension() {
    each(async |client| {
        client.frame(kind::UNKNOWN, flag::NONE, 0, &[0; 8]).await;
        client.lives().await;
    })
    .await;
}

#[tokio::test]
async fn s5_5_case_2_a_frame_of_an_extension_within_a_block() {
    each(async |client| {
        client.headers(flag::END_STREAM, 1, &client.get()).await;
        client.frame(kind::UNKNOWN, flag::NONE, 0, &[0; 8]).await;
        client.breaks(&[code::PROTOCOL_ERROR]).await;
        assert_eq!(client.world.seen(), [""; 0]);
    })
    .await;
}
