//! generic/5: every way to write a field (RFC 7541 §6).

use super::each;
use crate::world::frames::flag;
use crate::world::hpack::{literal, string};

/// Coded by RFC 7541 Appendix B: `user-agent`, `x-test`, `h2spec`.
const USER_AGENT: &[u8] = &[0x87, 0xb5, 0x05, 0xb1, 0x61, 0xcc, 0x5a, 0x93];
const X_TEST: &[u8] = &[0x85, 0xf2, 0xb2, 0x4a, 0x84, 0xff];
const H2SPEC: &[u8] = &[0x84, 0x9c, 0x48, 0xac, 0xa4];
/// The static table's `user-agent`, as an index of six bits and of four.
const INDEXED_6: &[u8] = &[0x40 | 58];
const INDEXED_4: &[u8] = &[0x0f, 58 - 15];
const NEVER_INDEXED_4: &[u8] = &[0x1f, 58 - 15];

/// A GET that ends with this: it is taken, and the application is told.
async fn after_a_get(more: &[u8], told: Option<(&str, &str)>) {
    each(async |client| {
        let head = [&client.get(), more].concat();
        client.headers(flag::WHOLE, 1, &head).await;
        client.answers(1).await;
        if let Some((name, value)) = told {
            assert_eq!(client.world.told(name).as_deref(), Some(value));
        }
    })
    .await;
}

const AGENT_SAID: Option<(&str, &str)> = Some(("user-agent", "h2spec"));
const TEST_SAID: Option<(&str, &str)> = Some(("x-test", "h2spec"));

#[tokio::test]
async fn s5_case_1_an_indexed_field() {
    after_a_get(&[0x80 | 58], Some(("user-agent", ""))).await;
}

#[tokio::test]
async fn s5_case_2_a_literal_that_is_indexed_of_an_indexed_name() {
    let plain = string(b"h2spec");
    after_a_get(&[INDEXED_6, &plain].concat(), AGENT_SAID).await;
}

#[tokio::test]
async fn s5_case_3_a_literal_that_is_indexed_of_an_indexed_name_by_huffman() {
    after_a_get(&[INDEXED_6, H2SPEC].concat(), AGENT_SAID).await;
    // As h2spec has it, the name is spelled out.
    after_a_get(&[&[0x40], USER_AGENT, H2SPEC].concat(), AGENT_SAID).await;
}

#[tokio::test]
async fn s5_case_4_a_literal_that_is_indexed_of_a_new_name() {
    after_a_get(&[&[0x40], &literal(b"x-test", b"h2spec")[1..]].concat(), TEST_SAID).await;
}

#[tokio::test]
async fn s5_case_5_a_literal_that_is_indexed_of_a_new_name_by_huffman() {
    after_a_get(&[&[0x40], X_TEST, H2SPEC].concat(), TEST_SAID).await;
}

#[tokio::test]
async fn s5_case_6_a_literal_that_is_not_indexed_of_an_indexed_name() {
    let plain = string(b"h2spec");
    after_a_get(&[INDEXED_4, &plain].concat(), AGENT_SAID).await;
}

#[tokio::test]
async fn s5_case_7_a_literal_that_is_not_indexed_of_an_indexed_name_by_huffman() {
    after_a_get(&[INDEXED_4, H2SPEC].concat(), AGENT_SAID).await;
    after_a_get(&[&[0x00], USER_AGENT, H2SPEC].concat(), AGENT_SAID).await;
}

#[tokio::test]
async fn s5_case_8_a_literal_that_is_not_indexed_of_a_new_name() {
    after_a_get(&literal(b"x-test", b"h2spec"), TEST_SAID).await;
}

#[tokio::test]
async fn s5_case_9_a_literal_that_is_not_indexed_of_a_new_name_by_huffman() {
    after_a_get(&[&[0x00], X_TEST, H2SPEC].concat(), TEST_SAID).await;
}

#[tokio::test]
async fn s5_case_10_a_literal_that_is_never_indexed_of_an_indexed_name() {
    let plain = string(b"h2spec");
    after_a_get(&[NEVER_INDEXED_4, &plain].concat(), AGENT_SAID).await;
}

#[tokio::test]
async fn s5_case_11_a_literal_that_is_never_indexed_of_an_indexed_name_by_huffman() {
    after_a_get(&[NEVER_INDEXED_4, H2SPEC].concat(), AGENT_SAID).await;
    after_a_get(&[&[0x10], USER_AGENT, H2SPEC].concat(), AGENT_SAID).await;
}

#[tokio::test]
async fn s5_case_12_a_literal_that_is_never_indexed_of_a_new_name() {
    after_a_get(&[&[0x10], &literal(b"x-test", b"h2spec")[1..]].concat(), TEST_SAID).await;
}

#[tokio::test]
async fn s5_case_13_a_literal_that_is_never_indexed_of_a_new_name_by_huffman() {
    after_a_get(&[&[0x10], X_TEST, H2SPEC].concat(), TEST_SAID).await;
}

/// A GET that begins with this: it is taken.
async fn before_a_get(update: &[u8]) {
    each(async |client| {
        let head = [update, &client.get()].concat();
        client.headers(flag::WHOLE, 1, &head).await;
        client.answers(1).await;
    })
    .await;
}

#[tokio::test]
async fn s5_case_14_the_table_gets_another_size() {
    before_a_get(&[0x20]).await;
}

#[tokio::test]
async fn s5_case_15_the_table_gets_another_size_twice() {
    // None, and then 4096.
    before_a_get(&[0x20, 0x3f, 0xe1, 0x1f]).await;
}
