//! http2/6.1 to http2/6.4, and http2/6.10: the frames of a stream.

use super::{LESS_PRECISE, each, long_field};
use crate::world::frames::{code, flag, frame, kind};

#[tokio::test]
async fn s6_1_case_1_data_on_no_stream() {
    each(async |client| {
        client.data(flag::END_STREAM, 0, b"test").await;
        client.breaks(&[code::PROTOCOL_ERROR]).await;
    })
    .await;
}

#[tokio::test]
async fn s6_1_case_2_data_on_a_stream_that_is_not_open() {
    each(async |client| {
        let request = frame(kind::HEADERS, flag::WHOLE, 1, &client.post());
        client.send(&[request, frame(kind::DATA, flag::END_STREAM, 1, b"test")].concat()).await;
        client.refuses(1, &[code::STREAM_CLOSED, LESS_PRECISE]).await;
    })
    .await;
}

#[tokio::test]
async fn s6_1_case_3_data_that_is_all_padding_and_more() {
    each(async |client| {
        client.headers(flag::END_HEADERS, 1, &client.post_with(&[("content-length", "4")])).await;
        client.data(flag::END_STREAM | flag::PADDED, 1, b"\x06test").await;
        client.breaks(&[code::PROTOCOL_ERROR]).await;
    })
    .await;
}

#[tokio::test]
async fn s6_2_case_1_priority_where_a_continuation_is_due() {
    each(async |client| {
        client.headers(flag::NONE, 1, &client.get()).await;
        client.priority(1, 0, 255).await;
        client.continuation(flag::END_HEADERS, 1, &long_field("x-long")).await;
        client.breaks(&[code::PROTOCOL_ERROR]).await;
    })
    .await;
}

#[tokio::test]
async fn s6_2_case_2_headers_where_a_continuation_is_due() {
    each(async |client| {
        let get = client.get();
        client.headers(flag::NONE, 1, &get).await;
        client.headers(flag::WHOLE, 3, &get).await;
        client.continuation(flag::END_HEADERS, 1, &long_field("x-long")).await;
        client.breaks(&[code::PROTOCOL_ERROR]).await;
        assert_eq!(client.world.seen(), [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn s6_2_case_3_headers_on_no_stream() {
    each(async |client| {
        client.headers(flag::WHOLE, 0, &client.get()).await;
        client.breaks(&[code::PROTOCOL_ERROR]).await;
    })
    .await;
}

#[tokio::test]
async fn s6_2_case_4_headers_that_are_all_padding_and_more() {
    each(async |client| {
        let get = client.get();
        let padding = u8::try_from(get.len() + 1).unwrap();
        client.headers(flag::WHOLE | flag::PADDED, 1, &[&[padding][..], &get].concat()).await;
        client.refuses(1, &[code::PROTOCOL_ERROR]).await;
        assert_eq!(client.world.seen(), [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn s6_3_case_1_priority_of_no_stream() {
    each(async |client| {
        client.priority(0, 0, 255).await;
        client.breaks(&[code::PROTOCOL_ERROR]).await;
    })
    .await;
}

#[tokio::test]
async fn s6_3_case_2_priority_of_four_octets() {
    each(async |client| {
        client.headers(flag::WHOLE, 1, &client.get()).await;
        client.frame(kind::PRIORITY, flag::NONE, 1, &[0x80, 0, 0, 1]).await;
        client.refuses(1, &[code::FRAME_SIZE_ERROR, LESS_PRECISE]).await;
    })
    .await;
}

/// h2spec 2.6 has this one as generic/3.3/5 alone.
#[tokio::test]
async fn s6_3_case_3_priority_of_an_idle_stream_before_a_request() {
    each(async |client| {
        client.priority(3, 0, 255).await;
        client.headers(flag::WHOLE, 1, &client.get()).await;
        client.answers(1).await;
    })
    .await;
}

#[tokio::test]
async fn s6_4_case_1_reset_of_no_stream() {
    each(async |client| {
        client.reset(0, code::CANCEL).await;
        client.breaks(&[code::PROTOCOL_ERROR]).await;
    })
    .await;
}

#[tokio::test]
async fn s6_4_case_2_reset_of_an_idle_stream() {
    each(async |client| {
        client.reset(1, code::CANCEL).await;
        client.breaks(&[code::PROTOCOL_ERROR]).await;
    })
    .await;
}

#[tokio::test]
async fn s6_4_case_3_reset_of_three_octets() {
    each(async |client| {
        client.headers(flag::WHOLE, 1, &client.get()).await;
        client.frame(kind::RST_STREAM, flag::NONE, 1, &[0; 3]).await;
        client.breaks(&[code::FRAME_SIZE_ERROR, LESS_PRECISE]).await;
    })
    .await;
}

#[tokio::test]
async fn s6_10_case_1_continuations() {
    each(async |client| {
        client.headers(flag::END_STREAM, 1, &client.get()).await;
        client.continuation(flag::NONE, 1, &long_field("x-long")).await;
        client.continuation(flag::END_HEADERS, 1, &long_field("x-longer")).await;
        client.answers(1).await;
        assert_eq!(client.world.told("x-longer").map(|value| value.len()), Some(4000));
    })
    .await;
}

#[tokio::test]
async fn s6_10_case_2_data_where_a_continuation_is_due() {
    each(async |client| {
        client.headers(flag::NONE, 1, &client.post()).await;
        client.continuation(flag::NONE, 1, &long_field("x-long")).await;
        client.data(flag::END_STREAM, 1, b"test").await;
        client.breaks(&[code::PROTOCOL_ERROR]).await;
        assert_eq!(client.world.seen(), [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn s6_10_case_3_continuation_on_no_stream() {
    each(async |client| {
        client.headers(flag::END_STREAM, 1, &client.get()).await;
        client.continuation(flag::END_HEADERS, 0, &long_field("x-long")).await;
        client.breaks(&[code::PROTOCOL_ERROR]).await;
        assert_eq!(client.world.seen(), [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn s6_10_case_4_continuation_of_headers_that_have_ended() {
    each(async |client| {
        client.headers(flag::WHOLE, 1, &client.get()).await;
        client.continuation(flag::END_HEADERS, 1, &long_field("x-long")).await;
        client.breaks(&[code::PROTOCOL_ERROR]).await;
    })
    .await;
}

#[tokio::test]
async fn s6_10_case_5_continuation_of_a_continuation_that_has_ended() {
    each(async |client| {
        client.headers(flag::END_STREAM, 1, &client.get()).await;
        client.continuation(flag::END_HEADERS, 1, &long_field("x-long")).await;
        client.continuation(flag::END_HEADERS, 1, &long_field("x-long")).await;
        client.breaks(&[code::PROTOCOL_ERROR]).await;
    })
    .await;
}

#[tokio::test]
async fn s6_10_case_6_continuation_after_data() {
    each(async |client| {
        client.headers(flag::NONE, 1, &client.post()).await;
        client.data(flag::END_STREAM, 1, b"test").await;
        client.continuation(flag::NONE, 1, &long_field("x-long")).await;
        client.continuation(flag::END_HEADERS, 1, &long_field("x-long")).await;
        client.breaks(&[code::PROTOCOL_ERROR]).await;
        assert_eq!(client.world.seen(), [""; 0]);
    })
    .await;
}
