//! http2/6.5 to http2/6.8: the frames of a connection.

use super::{LESS_PRECISE, each};
use crate::world::frames::{Event, code, flag, kind, setting};

#[tokio::test]
async fn s6_5_case_1_an_acknowledgement_that_says_something() {
    each(async |client| {
        client.frame(kind::SETTINGS, flag::ACK, 0, &[0]).await;
        client.breaks(&[code::FRAME_SIZE_ERROR, LESS_PRECISE]).await;
    })
    .await;
}

#[tokio::test]
async fn s6_5_case_2_settings_of_a_stream() {
    each(async |client| {
        client.frame(kind::SETTINGS, flag::NONE, 1, &[0, 3, 0, 0, 0, 100]).await;
        client.breaks(&[code::PROTOCOL_ERROR]).await;
    })
    .await;
}

#[tokio::test]
async fn s6_5_case_3_settings_of_eight_octets() {
    each(async |client| {
        client.frame(kind::SETTINGS, flag::NONE, 0, &[0, 3, 0, 0, 0, 100, 0, 2]).await;
        client.breaks(&[code::PROTOCOL_ERROR, code::FRAME_SIZE_ERROR]).await;
    })
    .await;
}

/// This setting, and the error that it makes.
async fn set(name: u16, value: u32, errors: &[u32]) {
    each(async |client| {
        client.set(&[(name, value)]).await;
        client.breaks(errors).await;
    })
    .await;
}

#[tokio::test]
async fn s6_5_2_case_1_push_is_neither_on_nor_off() {
    set(setting::ENABLE_PUSH, 2, &[code::PROTOCOL_ERROR]).await;
}

#[tokio::test]
async fn s6_5_2_case_2_a_window_beyond_the_greatest() {
    set(setting::INITIAL_WINDOW_SIZE, 0x8000_0000, &[code::FLOW_CONTROL_ERROR, LESS_PRECISE]).await;
}

#[tokio::test]
async fn s6_5_2_case_3_frames_below_the_smallest() {
    set(setting::MAX_FRAME_SIZE, 16_383, &[code::PROTOCOL_ERROR]).await;
}

#[tokio::test]
async fn s6_5_2_case_4_frames_beyond_the_greatest() {
    set(setting::MAX_FRAME_SIZE, 1 << 24, &[code::PROTOCOL_ERROR]).await;
}

#[tokio::test]
async fn s6_5_2_case_5_a_setting_that_nobody_knows() {
    each(async |client| {
        client.set(&[(0xff, 1)]).await;
        client.lives().await;
    })
    .await;
}

#[tokio::test]
async fn s6_5_3_case_1_of_two_values_the_last_counts() {
    each(async |client| {
        client.set(&[(setting::INITIAL_WINDOW_SIZE, 100), (setting::INITIAL_WINDOW_SIZE, 1)]).await;
        client.until_acknowledged().await;
        client.headers(flag::WHOLE, 1, &client.get()).await;
        let data = client.until("data", |frame| frame.kind == kind::DATA && !frame.payload.is_empty()).await;
        assert_eq!(data.payload.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn s6_5_3_case_2_settings_are_acknowledged() {
    each(async |client| {
        client.set(&[(setting::ENABLE_PUSH, 0)]).await;
        client.until_acknowledged().await;
    })
    .await;
}

#[tokio::test]
async fn s6_7_case_1_ping_comes_back_as_it_was() {
    each(async |client| {
        client.ping(b"h2spec\0\0").await;
        client.until("it", |frame| frame.is_pong(b"h2spec\0\0")).await;
    })
    .await;
}

#[tokio::test]
async fn s6_7_case_2_an_answer_to_a_ping_is_not_answered() {
    each(async |client| {
        client.frame(kind::PING, flag::ACK, 0, b"unasked\0").await;
        client.ping(b"asked\0\0\0").await;
        loop {
            let Event::Frame(frame) = client.next().await else { panic!("{:#?}", client.seen()) };
            if frame.kind == kind::PING {
                assert!(frame.is_pong(b"asked\0\0\0"), "{:?}", frame.payload);
                break;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn s6_7_case_3_ping_on_a_stream() {
    each(async |client| {
        client.frame(kind::PING, flag::NONE, 1, &[0; 8]).await;
        client.breaks(&[code::PROTOCOL_ERROR]).await;
    })
    .await;
}

#[tokio::test]
async fn s6_7_case_4_ping_of_six_octets() {
    each(async |client| {
        client.frame(kind::PING, flag::NONE, 0, &[0; 6]).await;
        client.breaks(&[code::FRAME_SIZE_ERROR, LESS_PRECISE]).await;
    })
    .await;
}

#[tokio::test]
async fn s6_8_case_1_goaway_on_a_stream() {
    each(async |client| {
        client.frame(kind::GOAWAY, flag::NONE, 1, &[0; 8]).await;
        client.breaks(&[code::PROTOCOL_ERROR]).await;
    })
    .await;
}
