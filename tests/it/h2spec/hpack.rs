//! hpack/2 to hpack/6: what cannot be decoded breaks the connection (RFC 9113 §4.3).

use super::{LESS_PRECISE, each};
use crate::world::frames::{code, flag, setting};
use crate::world::hpack::integer;

/// A GET with this at its end.
async fn undecodable(more: &[u8]) {
    each(async |client| {
        let head = [&client.get(), more].concat();
        client.headers(flag::WHOLE, 1, &head).await;
        client.breaks(&[code::COMPRESSION_ERROR, LESS_PRECISE]).await;
        assert_eq!(client.world.seen(), [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn s2_3_3_case_1_an_index_beyond_both_tables() {
    undecodable(&[0x80 | 70]).await;
}

#[tokio::test]
async fn s2_3_3_case_2_a_name_by_an_index_beyond_both_tables() {
    undecodable(&[0x7f, 70 - 63, 0]).await;
}

#[tokio::test]
async fn s4_2_case_1_another_size_at_the_end_of_a_block() {
    undecodable(&[0x21]).await;
}

#[tokio::test]
async fn s5_2_case_1_padding_of_more_than_seven_bits() {
    undecodable(&[0x00, 0x85, 0xf2, 0xb2, 0x4a, 0x84, 0xff, 0x84, 0x49, 0x50, 0x9f, 0xff]).await;
}

#[tokio::test]
async fn s5_2_case_2_padding_of_zeros() {
    undecodable(&[0x00, 0x85, 0xf2, 0xb2, 0x4a, 0x84, 0xff, 0x83, 0x49, 0x50, 0x90]).await;
}

#[tokio::test]
async fn s5_2_case_3_the_end_of_a_string_within_it() {
    undecodable(&[0x00, 0x85, 0xf2, 0xb2, 0x4a, 0x84, 0xff, 0x87, 0xff, 0xff, 0xff, 0xfd, 0x25, 0x42, 0x7f]).await;
}

#[tokio::test]
async fn s6_1_case_1_index_zero() {
    undecodable(&[0x80]).await;
}

#[tokio::test]
async fn s6_3_case_1_a_size_beyond_what_was_set() {
    each(async |client| {
        let set = client.settings.iter().find(|(name, _)| *name == setting::HEADER_TABLE_SIZE);
        let most = usize::try_from(set.map_or(4096, |(_, value)| *value)).unwrap();
        let head = [integer(0x20, 5, most + 1), client.get()].concat();
        client.headers(flag::WHOLE, 1, &head).await;
        client.breaks(&[code::COMPRESSION_ERROR, LESS_PRECISE]).await;
    })
    .await;
}
