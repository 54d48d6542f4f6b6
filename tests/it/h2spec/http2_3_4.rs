//! http2/3 and http2/4: the preface, frames, and blocks of fields.

use super::{LESS_PRECISE, each, each_from_the_first_byte, long_field};
use crate::world::frames::{Event, PREFACE, code, flag, frame, kind, setting};

#[tokio::test]
async fn s3_5_case_1_the_preface() {
    each_from_the_first_byte(async |client| {
        client.send(PREFACE).await;
        client.set(&[(setting::INITIAL_WINDOW_SIZE, 65_535)]).await;
        let Event::Frame(first) = client.next().await else { panic!("a frame") };
        assert!(first.kind == kind::SETTINGS && !first.has(flag::ACK), "{first:?}");
    })
    .await;
}

#[tokio::test]
async fn s3_5_case_2_another_preface() {
    each_from_the_first_byte(async |client| {
        client.send(b"INVALID CONNECTION PREFACE\r\n\r\n").await;
        client.ends().await;
    })
    .await;
}

#[tokio::test]
async fn s4_1_case_1_a_frame_of_an_unknown_type() {
    each(async |client| {
        client.frame(kind::UNKNOWN, flag::NONE, 0, &[0; 8]).await;
        client.lives().await;
    })
    .await;
}

#[tokio::test]
async fn s4_1_case_2_a_flag_that_is_not_defined() {
    each(async |client| {
        client.frame(kind::PING, 0x16, 0, b"flagged!").await;
        client.until("its PING", |frame| frame.is_pong(b"flagged!")).await;
    })
    .await;
}

#[tokio::test]
async fn s4_1_case_3_the_reserved_bit() {
    each(async |client| {
        client.frame(kind::PING, flag::NONE, 0x8000_0000, b"reserved").await;
        client.until("its PING", |frame| frame.is_pong(b"reserved")).await;
    })
    .await;
}

#[tokio::test]
async fn s4_2_case_1_data_of_the_greatest_size() {
    each(async |client| {
        client.headers(flag::END_HEADERS, 1, &client.post()).await;
        client.data(flag::END_STREAM, 1, &vec![b'x'; client.most()]).await;
        client.answers(1).await;
    })
    .await;
}

#[tokio::test]
async fn s4_2_case_2_data_beyond_the_greatest_size() {
    each(async |client| {
        client.headers(flag::END_HEADERS, 1, &client.post()).await;
        client.data(flag::END_STREAM, 1, &vec![b'x'; client.most() + 1]).await;
        client.refuses(1, &[code::FRAME_SIZE_ERROR]).await;
    })
    .await;
}

#[tokio::test]
async fn s4_2_case_3_headers_beyond_the_greatest_size() {
    each(async |client| {
        let mut head = client.get();
        while head.len() <= client.most() {
            head.extend(long_field("x-long"));
        }
        client.headers(flag::WHOLE, 1, &head).await;
        client.breaks(&[code::FRAME_SIZE_ERROR]).await;
        assert_eq!(client.world.seen(), [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn s4_3_case_1_a_block_that_breaks_off() {
    each(async |client| {
        client.headers(flag::WHOLE, 1, &[0x40]).await;
        client.breaks(&[code::COMPRESSION_ERROR, LESS_PRECISE]).await;
    })
    .await;
}

#[tokio::test]
async fn s4_3_case_2_priority_within_a_block() {
    each(async |client| {
        client.headers(flag::NONE, 1, &client.get()).await;
        client.priority(1, 0, 255).await;
        client.continuation(flag::END_HEADERS, 1, &long_field("x-long")).await;
        client.breaks(&[code::PROTOCOL_ERROR]).await;
    })
    .await;
}

#[tokio::test]
async fn s4_3_case_3_headers_of_another_stream_within_a_block() {
    each(async |client| {
        let get = client.get();
        client.headers(flag::NONE, 1, &get).await;
        // At once: what follows would find the connection closed.
        let rest = [
            frame(kind::HEADERS, flag::WHOLE, 3, &get),
            frame(kind::CONTINUATION, flag::END_HEADERS, 1, &long_field("x-long")),
        ];
        client.send(&rest.concat()).await;
        client.breaks(&[code::PROTOCOL_ERROR]).await;
        assert_eq!(client.world.seen(), [""; 0]);
    })
    .await;
}
