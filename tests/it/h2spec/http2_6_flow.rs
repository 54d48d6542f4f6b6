//! http2/6.9: windows.

use super::{LESS_PRECISE, each};
use crate::world::Client;
use crate::world::frames::{code, flag, kind, setting};

#[tokio::test]
async fn s6_9_case_1_nothing_more_for_the_connection() {
    each(async |client| {
        client.window(0, 0).await;
        client.breaks(&[code::PROTOCOL_ERROR]).await;
    })
    .await;
}

#[tokio::test]
async fn s6_9_case_2_nothing_more_for_a_stream() {
    each(async |client| {
        client.headers(flag::END_HEADERS, 1, &client.get()).await;
        client.window(1, 0).await;
        client.refuses(1, &[code::PROTOCOL_ERROR]).await;
    })
    .await;
}

#[tokio::test]
async fn s6_9_case_3_window_update_of_three_octets() {
    each(async |client| {
        client.frame(kind::WINDOW_UPDATE, flag::NONE, 0, &[0, 0, 1]).await;
        client.breaks(&[code::FRAME_SIZE_ERROR, LESS_PRECISE]).await;
    })
    .await;
}

/// All streams have this window from now on.
async fn windows(client: &mut Client, size: u32) {
    client.set(&[(setting::INITIAL_WINDOW_SIZE, size)]).await;
    client.until_acknowledged().await;
}

/// The next octets of the answer are so many.
async fn comes(client: &mut Client, octets: usize) {
    let data = client.until("data", |frame| frame.kind == kind::DATA && !frame.payload.is_empty()).await;
    assert_eq!(data.payload.len(), octets, "{:#?}", client.seen());
}

#[tokio::test]
async fn s6_9_1_case_1_no_more_than_the_window_holds() {
    each(async |client| {
        windows(client, 1).await;
        client.headers(flag::WHOLE, 1, &client.get()).await;
        comes(client, 1).await;
    })
    .await;
}

#[tokio::test]
async fn s6_9_1_case_2_the_connections_window_beyond_the_greatest() {
    each(async |client| {
        client.window(0, 0x7fff_ffff).await;
        client.window(0, 0x7fff_ffff).await;
        client.breaks(&[code::FLOW_CONTROL_ERROR]).await;
    })
    .await;
}

#[tokio::test]
async fn s6_9_1_case_3_a_streams_window_beyond_the_greatest() {
    each(async |client| {
        client.headers(flag::END_HEADERS, 1, &client.get()).await;
        client.window(1, 0x7fff_ffff).await;
        client.window(1, 0x7fff_ffff).await;
        client.refuses(1, &[code::FLOW_CONTROL_ERROR]).await;
    })
    .await;
}

#[tokio::test]
async fn s6_9_2_case_1_a_window_that_is_opened_later() {
    each(async |client| {
        windows(client, 0).await;
        client.headers(flag::WHOLE, 1, &client.get()).await;
        windows(client, 1).await;
        comes(client, 1).await;
    })
    .await;
}

#[tokio::test]
async fn s6_9_2_case_2_a_window_below_nothing() {
    each(async |client| {
        windows(client, 3).await;
        client.headers(flag::WHOLE, 1, &client.get()).await;
        comes(client, 3).await;
        windows(client, 2).await;
        client.window(1, 2).await;
        comes(client, 1).await;
    })
    .await;
}

#[tokio::test]
async fn s6_9_2_case_3_windows_beyond_the_greatest() {
    each(async |client| {
        client.set(&[(setting::INITIAL_WINDOW_SIZE, 0x8000_0000)]).await;
        client.breaks(&[code::FLOW_CONTROL_ERROR, LESS_PRECISE]).await;
    })
    .await;
}
