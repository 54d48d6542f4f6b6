use super::*;
use crate::session::samples::{noise, tokens};
use base64_simd::URL_SAFE_NO_PAD;
use proptest::prelude::*;

/// Signed with 256 bytes or a few more, as RS256 does; every four characters of base64url are canonical.
fn jwt(payload: &str) -> String {
    let header = URL_SAFE_NO_PAD.encode_to_string(r#"{"alg":"RS256","typ":"JWT","kid":"one"}"#);
    let signature = noise(344 + payload.len() % 8 * 4);
    format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode_to_string(payload))
}

fn with_access(access: &str) -> Tokens {
    Tokens { access_token: Secret::new(access.to_owned()), ..tokens() }
}

fn without_id_token(tokens: Tokens) -> Tokens {
    Tokens { id_token: None, ..tokens }
}

#[test]
fn each_packing_reads_back_what_it_keeps() {
    for refresh_token in [None, tokens().refresh_token] {
        let whole = Tokens { refresh_token, generation: 9, ..tokens() };
        assert_eq!(Tokens::decode(&whole.encode(Packing::Whole)), Some(whole.clone()));
        for packing in [Packing::WithoutIdToken, Packing::Compressed] {
            assert_eq!(Tokens::decode(&whole.encode(packing)), Some(without_id_token(whole.clone())), "{packing:?}");
        }
    }
}

#[test]
fn odd_tokens_come_back_byte_for_byte() {
    let signed = jwt(r#"{"sub":"1"}"#);
    // A last character with stray bits decodes, but not back to itself.
    let stray = format!("{}.{}.AB", "e30", "e30");
    let padded = format!("{signed}=");
    let many = ["e30"; 5].join(".");
    for odd in [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "e30..",
        "AAAA.AAAA.AAAA",
        "бат.x.y",
        "a b\n;,\"",
        &signed,
        &stray,
        &padded,
        &many,
    ] {
        for packing in Packing::LADDER {
            let read = Tokens::decode(&with_access(odd).encode(packing)).expect("written here");
            assert_eq!(read.access_token.expose(), odd, "{packing:?}");
        }
    }
}

#[test]
fn compressed_jwts_are_a_good_deal_smaller() {
    let groups: Vec<String> = (0..8).map(|n| format!("{}-of-{n}", noise(11 + n))).collect();
    let claims = |kind: &str| jwt(&serde_json::json!({ "typ": kind, "sub": "1", "groups": groups }).to_string());
    let tokens = Tokens { refresh_token: Some(Secret::new(claims("Refresh"))), ..with_access(&claims("Bearer")) };
    let plain = tokens.encode(Packing::WithoutIdToken);
    let (compressed, deflated) =
        (tokens.encode(Packing::Compressed).len(), compress_to_vec(&plain, DEFLATE_LEVEL).len());
    assert!(compressed * 10 < deflated * 9, "{compressed}, and {deflated} with the JWT as it is, of {}", plain.len());
}

#[test]
fn a_body_that_inflates_without_end_is_refused() {
    let packed = |len: usize| with_access(&"a".repeat(len)).encode(Packing::Compressed);
    let bomb = packed(MAX_INFLATED);
    assert!(bomb.len() < 2000);
    assert_eq!(Tokens::decode(&bomb), None);
    assert!(Tokens::decode(&packed(MAX_INFLATED - 100)).is_some());
}

#[test]
fn a_record_cut_or_grown_is_none() {
    for packing in Packing::LADDER {
        let whole = tokens().encode(packing);
        for len in 0..whole.len() {
            assert_eq!(Tokens::decode(&whole[..len]), None, "{packing:?} {len}");
        }
    }
    assert_eq!(Tokens::decode(&[tokens().encode(Packing::Whole).as_slice(), b"\0"].concat()), None);
}

#[test]
fn no_token_stands_in_a_debug_line() {
    let line = format!("{:?}", tokens());
    assert!(!line.contains("\"access\"") && !line.contains("\"refresh\"") && !line.contains("\"identity\""), "{line}");
}

proptest! {
    #[test]
    fn any_bytes_are_tokens_or_none(
        form in 0u8..3,
        body in proptest::collection::vec(prop_oneof![0u8..3, Just(0x80), Just(0xff), any::<u8>()], 0..120),
        deflated: bool,
    ) {
        let mut bytes = vec![VERSION, form];
        bytes.extend_from_slice(&[7; 20]);
        bytes.extend_from_slice(&if deflated { compress_to_vec(&body, 6) } else { body });
        let _ = Tokens::decode(&bytes);
    }

    #[test]
    fn any_token_comes_back(access in "[A-Za-z0-9_=.-]{0,90}", refresh in "\\PC{0,40}") {
        let tokens = Tokens { refresh_token: Some(Secret::new(refresh)), ..with_access(&access) };
        for packing in [Packing::WithoutIdToken, Packing::Compressed] {
            prop_assert_eq!(Tokens::decode(&tokens.encode(packing)), Some(without_id_token(tokens.clone())));
        }
    }
}
