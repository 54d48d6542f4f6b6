//! generic/1 to generic/4: what every server takes.

use super::{each, each_from_the_first_byte};
use crate::world::frames::{Event, PREFACE, code, flag, kind, priority, setting};
use crate::world::hpack::block;

#[tokio::test]
async fn s1_case_1_the_first_frame_is_settings() {
    each_from_the_first_byte(async |client| {
        client.send(PREFACE).await;
        client.set(&[(setting::INITIAL_WINDOW_SIZE, 65_535)]).await;
        let Event::Frame(first) = client.next().await else { panic!("a frame") };
        assert!(first.kind == kind::SETTINGS && !first.has(flag::ACK), "{first:?}");
    })
    .await;
}

#[tokio::test]
async fn s2_case_1_priority_on_an_idle_stream() {
    each(async |client| {
        client.priority(1, 0, 255).await;
        client.lives().await;
    })
    .await;
}

#[tokio::test]
async fn s2_case_2_window_update_on_a_half_closed_stream() {
    each(async |client| {
        client.set(&[(setting::INITIAL_WINDOW_SIZE, 0)]).await;
        client.headers(flag::WHOLE, 1, &client.get()).await;
        client.window(1, 1).await;
        client.until("a byte", |frame| frame.kind == kind::DATA && frame.payload.len() == 1).await;
    })
    .await;
}

#[tokio::test]
async fn s2_case_3_priority_on_a_half_closed_stream() {
    each(async |client| {
        client.set(&[(setting::INITIAL_WINDOW_SIZE, 0)]).await;
        client.headers(flag::WHOLE, 1, &client.get()).await;
        client.priority(1, 0, 255).await;
        client.window(1, 1).await;
        client.until("a byte", |frame| frame.kind == kind::DATA && frame.payload.len() == 1).await;
    })
    .await;
}

#[tokio::test]
async fn s2_case_4_reset_of_a_half_closed_stream() {
    each(async |client| {
        client.headers(flag::WHOLE, 1, &client.get()).await;
        client.reset(1, code::CANCEL).await;
        client.lives().await;
    })
    .await;
}

#[tokio::test]
async fn s2_case_5_priority_on_a_closed_stream() {
    each(async |client| {
        client.headers(flag::WHOLE, 1, &client.get()).await;
        client.until("the end", |frame| frame.stream == 1 && frame.has(flag::END_STREAM)).await;
        client.priority(1, 0, 255).await;
        client.lives().await;
    })
    .await;
}

#[tokio::test]
async fn s3_1_case_1_data() {
    each(async |client| {
        client.headers(flag::END_HEADERS, 1, &client.post()).await;
        client.data(flag::END_STREAM, 1, b"test").await;
        client.answers(1).await;
    })
    .await;
}

#[tokio::test]
async fn s3_1_case_2_data_twice() {
    each(async |client| {
        client.headers(flag::END_HEADERS, 1, &client.post()).await;
        client.data(flag::NONE, 1, b"test").await;
        client.data(flag::END_STREAM, 1, b"test").await;
        client.answers(1).await;
    })
    .await;
}

#[tokio::test]
async fn s3_1_case_3_data_with_padding() {
    each(async |client| {
        client.headers(flag::END_HEADERS, 1, &client.post()).await;
        client.data(flag::END_STREAM | flag::PADDED, 1, b"\x06test\0\0\0\0\0\0").await;
        client.answers(1).await;
    })
    .await;
}

#[tokio::test]
async fn s3_2_case_1_headers() {
    each(async |client| {
        client.headers(flag::WHOLE, 1, &client.get()).await;
        client.answers(1).await;
    })
    .await;
}

#[tokio::test]
async fn s3_2_case_2_headers_with_padding() {
    each(async |client| {
        let padded = [&[8][..], &client.get(), &[0; 8]].concat();
        client.headers(flag::WHOLE | flag::PADDED, 1, &padded).await;
        client.answers(1).await;
    })
    .await;
}

#[tokio::test]
async fn s3_2_case_3_headers_with_a_priority() {
    each(async |client| {
        let weighed = [&priority(0, 255)[..], &client.get()].concat();
        client.headers(flag::WHOLE | flag::PRIORITY, 1, &weighed).await;
        client.answers(1).await;
    })
    .await;
}

/// A PRIORITY frame of `stream`, and then a request on stream 1.
async fn priority_and_request(stream: u32, on: u32, weight: u8) {
    each(async |client| {
        client.priority(stream, on, weight).await;
        client.headers(flag::WHOLE, 1, &client.get()).await;
        client.answers(1).await;
    })
    .await;
}

#[tokio::test]
async fn s3_3_case_1_priority_of_weight_1() {
    priority_and_request(1, 0, 0).await;
}

#[tokio::test]
async fn s3_3_case_2_priority_of_weight_256() {
    priority_and_request(1, 0, 255).await;
}

#[tokio::test]
async fn s3_3_case_3_priority_that_depends_on_a_stream() {
    priority_and_request(3, 1, 0).await;
}

#[tokio::test]
async fn s3_3_case_4_priority_that_is_exclusive() {
    priority_and_request(1, 0x8000_0000, 0).await;
}

#[tokio::test]
async fn s3_3_case_5_priority_of_a_later_stream() {
    priority_and_request(3, 0, 255).await;
}

#[tokio::test]
async fn s3_4_case_1_reset() {
    each(async |client| {
        client.headers(flag::END_HEADERS, 1, &client.get()).await;
        client.reset(1, code::CANCEL).await;
        client.lives().await;
    })
    .await;
}

#[tokio::test]
async fn s3_5_case_1_settings_of_every_kind() {
    each(async |client| {
        let all = [
            (setting::HEADER_TABLE_SIZE, 4096),
            (setting::ENABLE_PUSH, 1),
            (setting::MAX_CONCURRENT_STREAMS, 100),
            (setting::INITIAL_WINDOW_SIZE, 65_535),
            (setting::MAX_FRAME_SIZE, 16_384),
            (setting::MAX_HEADER_LIST_SIZE, 100),
        ];
        client.set(&all).await;
        client.until_acknowledged().await;
    })
    .await;
}

#[tokio::test]
async fn s3_7_case_1_ping() {
    each(async |client| {
        client.ping(b"tokigate").await;
        client.until("it", |frame| frame.is_pong(b"tokigate")).await;
    })
    .await;
}

#[tokio::test]
async fn s3_8_case_1_goaway() {
    each(async |client| {
        let payload = [&[0; 8][..], b"bye"].concat();
        client.frame(kind::GOAWAY, flag::NONE, 0, &payload).await;
        client.ends().await;
    })
    .await;
}

#[tokio::test]
async fn s3_9_case_1_window_update_of_the_connection() {
    each(async |client| {
        client.window(0, 1).await;
        client.lives().await;
    })
    .await;
}

#[tokio::test]
async fn s3_9_case_2_window_update_of_a_stream() {
    each(async |client| {
        client.headers(flag::WHOLE, 1, &client.get()).await;
        client.window(1, 1).await;
        client.answers(1).await;
    })
    .await;
}

#[tokio::test]
async fn s3_10_case_1_continuation() {
    each(async |client| {
        let get = client.get();
        client.headers(flag::END_STREAM, 1, &get[..5]).await;
        client.continuation(flag::END_HEADERS, 1, &get[5..]).await;
        client.answers(1).await;
    })
    .await;
}

#[tokio::test]
async fn s3_10_case_2_continuation_twice() {
    each(async |client| {
        let get = client.get();
        client.headers(flag::END_STREAM, 1, &get[..5]).await;
        client.continuation(flag::NONE, 1, &get[5..10]).await;
        client.continuation(flag::END_HEADERS, 1, &get[10..]).await;
        client.answers(1).await;
    })
    .await;
}

#[tokio::test]
async fn s4_case_1_get() {
    each(async |client| {
        client.headers(flag::WHOLE, 1, &client.get()).await;
        client.answers(1).await;
        assert_eq!(client.world.seen(), ["/public/h2spec"]);
    })
    .await;
}

#[tokio::test]
async fn s4_case_2_head() {
    each(async |client| {
        client.headers(flag::WHOLE, 1, &client.request("HEAD", "/public/h2spec", &[])).await;
        client.answers(1).await;
        client.lives().await;
        assert!(client.seen().iter().all(|event| !event.contains("DATA on 1 flags 0x0")), "{:#?}", client.seen());
    })
    .await;
}

#[tokio::test]
async fn s4_case_3_post() {
    each(async |client| {
        client.headers(flag::END_HEADERS, 1, &client.request("POST", "/echo", &[])).await;
        client.data(flag::END_STREAM, 1, b"test").await;
        assert_eq!(client.answer(1).await, (200, b"test".to_vec()));
    })
    .await;
}

#[tokio::test]
async fn s4_case_4_post_with_trailers() {
    each(async |client| {
        client.headers(flag::END_HEADERS, 1, &client.request("POST", "/echo", &[("trailer", "x-test")])).await;
        client.data(flag::NONE, 1, b"test").await;
        client.headers(flag::WHOLE, 1, &block(&[("x-test", "ok")])).await;
        assert_eq!(client.answer(1).await, (200, b"test".to_vec()));
    })
    .await;
}
