//! http2/7 and http2/8: codes of errors, and HTTP in frames.

use super::each;
use crate::world::Client;
use crate::world::frames::{code, flag, kind};
use crate::world::hpack::block;

#[tokio::test]
async fn s7_case_1_goaway_for_a_reason_that_nobody_knows() {
    each(async |client| {
        client.frame(kind::GOAWAY, flag::NONE, 0, &[0, 0, 0, 0, 0, 0, 0, 0xff]).await;
        client.ends().await;
    })
    .await;
}

#[tokio::test]
async fn s7_case_2_reset_for_a_reason_that_nobody_knows() {
    each(async |client| {
        client.headers(flag::END_HEADERS, 1, &client.post()).await;
        client.reset(1, 0xff).await;
        client.lives().await;
    })
    .await;
}

#[tokio::test]
async fn s8_1_case_1_trailers_that_do_not_end_the_stream() {
    each(async |client| {
        client.headers(flag::END_HEADERS, 1, &client.post()).await;
        client.data(flag::NONE, 1, b"test").await;
        client.headers(flag::END_HEADERS, 1, &block(&[("x-test", "ok")])).await;
        client.refuses(1, &[code::PROTOCOL_ERROR]).await;
    })
    .await;
}

/// This request is refused, and not passed on.
async fn malformed(head: impl Fn(&Client) -> Vec<u8>) {
    each(async |client| {
        let head = head(client);
        client.malformed(&head).await;
    })
    .await;
}

#[tokio::test]
async fn s8_1_2_case_1_a_name_in_upper_case() {
    malformed(|client| client.get_with(&[("X-TEST", "ok")])).await;
}

#[tokio::test]
async fn s8_1_2_1_case_1_an_unknown_pseudo_field() {
    malformed(|client| client.get_with(&[(":test", "ok")])).await;
}

#[tokio::test]
async fn s8_1_2_1_case_2_an_answers_pseudo_field() {
    malformed(|client| client.get_with(&[(":status", "200")])).await;
}

#[tokio::test]
async fn s8_1_2_1_case_3_a_pseudo_field_among_trailers() {
    each(async |client| {
        client.headers(flag::END_HEADERS, 1, &client.post()).await;
        client.data(flag::NONE, 1, b"test").await;
        client.headers(flag::END_HEADERS, 1, &block(&[(":method", "POST")])).await;
        client.refuses(1, &[code::PROTOCOL_ERROR]).await;
    })
    .await;
}

#[tokio::test]
async fn s8_1_2_1_case_4_a_pseudo_field_after_others() {
    malformed(|client| [block(&[("x-test", "ok")]), client.get()].concat()).await;
}

#[tokio::test]
async fn s8_1_2_2_case_1_a_connection_field() {
    malformed(|client| client.get_with(&[("connection", "keep-alive")])).await;
}

#[tokio::test]
async fn s8_1_2_2_case_2_te_that_is_not_trailers() {
    malformed(|client| client.get_with(&[("trailers", "test"), ("te", "trailers, deflate")])).await;
}

#[tokio::test]
async fn s8_1_2_3_case_1_an_empty_path() {
    malformed(|client| client.request("GET", "", &[])).await;
}

/// A request of these pseudo-fields.
fn only(client: &Client, fields: &[(&str, &str)]) -> Vec<u8> {
    block(&[fields, &[(":authority", &client.world.setup.host())]].concat())
}

const PATH: (&str, &str) = (":path", "/public/h2spec");

#[tokio::test]
async fn s8_1_2_3_case_2_no_method() {
    malformed(|client| only(client, &[(":scheme", client.scheme()), PATH])).await;
    // As h2spec sends it, the scheme is missing too.
    malformed(|client| only(client, &[PATH])).await;
}

#[tokio::test]
async fn s8_1_2_3_case_3_no_scheme() {
    malformed(|client| only(client, &[(":method", "GET"), PATH])).await;
}

#[tokio::test]
async fn s8_1_2_3_case_4_no_path() {
    malformed(|client| only(client, &[(":method", "GET"), (":scheme", client.scheme())])).await;
}

#[tokio::test]
async fn s8_1_2_3_case_5_two_methods() {
    malformed(|client| client.get_with(&[(":method", "GET")])).await;
}

#[tokio::test]
async fn s8_1_2_3_case_6_two_schemes() {
    malformed(|client| client.get_with(&[(":scheme", client.scheme())])).await;
}

#[tokio::test]
async fn s8_1_2_3_case_7_two_paths() {
    malformed(|client| client.get_with(&[PATH])).await;
    // As h2spec sends it, the path is a second method.
    malformed(|client| client.get_with(&[(":method", PATH.1)])).await;
}

#[tokio::test]
async fn s8_1_2_6_case_1_data_that_is_longer_than_said() {
    each(async |client| {
        client.headers(flag::END_HEADERS, 1, &client.post_with(&[("content-length", "1")])).await;
        client.data(flag::END_STREAM, 1, b"test").await;
        client.refuses(1, &[code::PROTOCOL_ERROR]).await;
    })
    .await;
}

#[tokio::test]
async fn s8_1_2_6_case_2_data_that_together_is_longer_than_said() {
    each(async |client| {
        client.headers(flag::END_HEADERS, 1, &client.post_with(&[("content-length", "1")])).await;
        client.data(flag::NONE, 1, b"test").await;
        client.data(flag::END_STREAM, 1, b"test").await;
        client.refuses(1, &[code::PROTOCOL_ERROR]).await;
    })
    .await;
}

#[tokio::test]
async fn s8_2_case_1_a_push_from_a_client() {
    each(async |client| {
        let promise = [&3u32.to_be_bytes()[..], &client.get()].concat();
        client.frame(kind::PUSH_PROMISE, flag::END_HEADERS, 1, &promise).await;
        client.breaks(&[code::PROTOCOL_ERROR]).await;
    })
    .await;
}
