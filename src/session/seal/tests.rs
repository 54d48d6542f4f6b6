use super::*;
use crate::session::samples::{NOW, context, key, ring};
use proptest::prelude::*;

const PLAIN: &[u8] = b"who, until when, and what headers need";
const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn later(seconds: u64) -> Timestamp {
    NOW + Duration::from_secs(seconds)
}

fn opens(ring: &KeyRing, text: &[u8]) -> bool {
    ring.open(Purpose::Session, text).is_some_and(|opened| opened.bytes() == PLAIN)
}

/// Which of `keys` can open what this ring seals at a moment.
fn seals_with(ring_: &KeyRing, keys: &[u8], now: Timestamp) -> Vec<u8> {
    let text = ring_.seal(Purpose::Session, PLAIN, now);
    keys.iter().copied().filter(|byte| opens(&ring(&[*byte]), text.as_bytes())).collect()
}

fn delayed(keys: &[u8], now: Timestamp) -> KeyRing {
    KeyRing::new(keys.iter().copied().map(key).collect(), context(), Duration::from_secs(300), now).expect("keys")
}

fn reloaded(ring: &KeyRing, keys: &[u8], now: Timestamp) -> KeyRing {
    ring.reloaded(keys.iter().copied().map(key).collect(), Duration::from_secs(300), now).expect("keys")
}

#[test]
fn what_is_sealed_opens_again_and_never_reads_the_same_twice() {
    let ring = ring(&[1]);
    for len in 0..200 {
        let plain = vec![b'x'; len];
        let (one, two) = (ring.seal(Purpose::Tokens, &plain, NOW), ring.seal(Purpose::Tokens, &plain, NOW));
        assert_ne!(one, two);
        assert_eq!(one.len(), KeyRing::sealed_len(len));
        let opened = ring.open(Purpose::Tokens, one.as_bytes()).expect("sealed here");
        assert_eq!(opened.bytes(), plain);
        assert_eq!(opened.into_bytes(), plain);
        assert_eq!(*ring.open(Purpose::Tokens, two.as_bytes()).expect("sealed here").into_secret(), plain);
    }
}

#[test]
fn a_text_cut_at_any_length_opens_nothing() {
    let ring = ring(&[1]);
    let text = ring.seal(Purpose::Session, PLAIN, NOW);
    for len in 0..text.len() {
        assert!(!opens(&ring, &text.as_bytes()[..len]), "{len}");
        assert!(!opens(&ring, &text.as_bytes()[len + 1..]), "{len} from the front");
    }
}

#[test]
fn a_text_with_any_other_character_opens_nothing() {
    let ring = ring(&[1]);
    // Lengths whose last character has two, four and no stray bits: there a decoder that forgives takes several texts for one.
    for plain in [&PLAIN[..30], &PLAIN[..31], &PLAIN[..32]] {
        let text = ring.seal(Purpose::Session, plain, NOW);
        for at in 0..text.len() {
            for other in ALPHABET.iter().chain(b"+/=. \"%\0\xff") {
                let mut changed = text.clone().into_bytes();
                changed[at] = *other;
                let same = changed == text.as_bytes();
                assert_eq!(ring.open(Purpose::Session, &changed).is_some(), same, "{at} {other}");
            }
        }
        for added in ["=", "==", "A", "AA", " ", "\n", ";"] {
            assert!(ring.open(Purpose::Session, format!("{text}{added}").as_bytes()).is_none(), "{added:?} behind");
            assert!(ring.open(Purpose::Session, format!("{added}{text}").as_bytes()).is_none(), "{added:?} before");
        }
    }
}

#[test]
fn what_is_sealed_for_one_purpose_opens_for_no_other() {
    let ring = ring(&[1]);
    for sealed in PURPOSES {
        let text = ring.seal(sealed, PLAIN, NOW);
        for opened in PURPOSES {
            assert_eq!(ring.open(opened, text.as_bytes()).is_some(), sealed == opened, "{sealed:?} as {opened:?}");
        }
    }
}

#[test]
fn each_purpose_has_a_key_and_associated_data_of_its_own() {
    let ring = ring(&[1]);
    let nonce = Nonce::from([0; NONCE]);
    let outcomes: std::collections::HashSet<Vec<u8>> = PURPOSES
        .iter()
        .map(|purpose| {
            let mut body = PLAIN.to_vec();
            let cipher = &ring.keys[0].ciphers[purpose.index()];
            cipher.encrypt_inout_detached(&nonce, b"", body.as_mut_slice().into()).expect("small");
            body
        })
        .collect();
    assert_eq!(outcomes.len(), PURPOSES.len());
    assert_eq!(ring.bound.iter().collect::<std::collections::HashSet<_>>().len(), PURPOSES.len());
}

#[test]
fn another_gates_or_clients_cookies_open_nothing() {
    let text = ring(&[1]).seal(Purpose::Session, PLAIN, NOW);
    let other = |client_id: &str, cookie_base: &str| {
        let context = Context { client_id: client_id.to_owned(), cookie_base: cookie_base.to_owned() };
        KeyRing::new(vec![key(1)], context, Duration::ZERO, NOW).expect("a key")
    };
    let (client, base) = (context().client_id, context().cookie_base);
    assert!(opens(&other(&client, &base), text.as_bytes()));
    assert!(!opens(&other("another", &base), text.as_bytes()));
    assert!(!opens(&other(&client, "__Host-tokigate-app1"), text.as_bytes()));
    assert!(!opens(&other(&client[1..], &format!("{base}{}", &client[..1])), text.as_bytes()));
}

#[test]
fn a_ring_needs_a_key_and_counts_each_once() {
    assert!(matches!(KeyRing::new(Vec::new(), context(), Duration::ZERO, NOW), Err(NoKeys)));
    assert_eq!(delayed(&[1, 1, 2, 1], NOW).keys.len(), 2);
}

#[test]
fn the_only_key_seals_at_once() {
    assert_eq!(seals_with(&delayed(&[1], NOW), &[1], NOW), [1]);
}

#[test]
fn at_the_start_the_second_of_several_seals_until_the_delay_is_over() {
    let ring = delayed(&[2, 1], NOW);
    assert_eq!(seals_with(&ring, &[1, 2], NOW), [1]);
    assert_eq!(seals_with(&ring, &[1, 2], later(299)), [1]);
    assert_eq!(seals_with(&ring, &[1, 2], later(300)), [2]);
}

#[test]
fn a_key_that_is_added_opens_at_once_and_seals_when_the_delay_is_over() {
    let ring = reloaded(&delayed(&[1], NOW), &[2, 1], later(1000));
    let by_another_replica = delayed(&[2], NOW).seal(Purpose::Session, PLAIN, NOW);
    assert!(opens(&ring, by_another_replica.as_bytes()));
    assert_eq!(seals_with(&ring, &[1, 2], later(1299)), [1]);
    let again = reloaded(&ring, &[2, 1], later(1200));
    assert_eq!(seals_with(&again, &[1, 2], later(1299)), [1]);
    assert_eq!(seals_with(&again, &[1, 2], later(1300)), [2]);
}

#[test]
fn a_key_added_while_another_waits_leaves_the_old_one_sealing() {
    let ring = reloaded(&delayed(&[1], NOW), &[2, 1], later(1000));
    let ring = reloaded(&ring, &[3, 2, 1], later(1100));
    assert_eq!(seals_with(&ring, &[1, 2, 3], later(1299)), [1]);
    assert_eq!(seals_with(&ring, &[1, 2, 3], later(1300)), [2]);
    assert_eq!(seals_with(&ring, &[1, 2, 3], later(1400)), [3]);
}

#[test]
fn the_key_that_was_the_only_one_goes_on_sealing_whatever_is_put_before_it() {
    let ring = reloaded(&delayed(&[1], NOW), &[3, 2, 1], later(10));
    assert_eq!(seals_with(&ring, &[1, 2, 3], later(10)), [1]);
}

#[test]
fn a_key_put_behind_first_and_in_front_later_waits_from_the_first_time() {
    let ring = reloaded(&delayed(&[1], NOW), &[1, 2], later(1000));
    assert_eq!(seals_with(&ring, &[1, 2], later(5000)), [1]);
    let ring = reloaded(&ring, &[2, 1], later(1100));
    assert_eq!(seals_with(&ring, &[1, 2], later(1200)), [1]);
    assert_eq!(seals_with(&ring, &[1, 2], later(1300)), [2]);
}

#[test]
fn only_what_a_key_behind_the_sealing_one_sealed_is_former() {
    let (old, new) = (ring(&[1]).seal(Purpose::Session, PLAIN, NOW), ring(&[2]).seal(Purpose::Session, PLAIN, NOW));
    let both = delayed(&[2, 1], NOW);
    let former = |text: &str, now| {
        let opened = both.open(Purpose::Session, text.as_bytes()).expect("both open");
        assert_eq!(both.names_former(text.as_bytes(), now), both.is_former(&opened, now));
        both.is_former(&opened, now)
    };
    assert!(!former(&old, NOW), "it still seals");
    assert!(!former(&new, NOW), "it will seal");
    assert!(former(&old, later(300)));
    assert!(!former(&new, later(300)));
}

#[test]
fn what_a_key_sealed_that_is_gone_opens_nothing() {
    let text = delayed(&[1], NOW).seal(Purpose::Session, PLAIN, NOW);
    assert!(opens(&reloaded(&delayed(&[1], NOW), &[2, 1], NOW), text.as_bytes()));
    assert!(!opens(&reloaded(&delayed(&[1], NOW), &[2], NOW), text.as_bytes()));
}

#[test]
fn a_users_hash_is_stable_keyed_and_tells_users_apart() {
    let user = |name: &str| Subject::parse(name).expect("a name");
    let hash = ring(&[1]).user_hash(&user("бат"));
    assert_eq!(hash, delayed(&[1, 2], later(50)).user_hash(&user("бат")));
    assert_eq!(hash.len(), 24);
    assert_ne!(hash, ring(&[1]).user_hash(&user("Бат")));
    assert_ne!(hash, ring(&[2]).user_hash(&user("бат")));
}

#[test]
fn no_key_stands_in_a_debug_line() {
    assert_eq!(format!("{:?}", ring(&[1, 2])), "KeyRing(2 keys)");
}

proptest! {
    #[test]
    fn whatever_comes_opens_nothing_and_breaks_nothing(text in "[A-Za-z0-9_+/=.-]{0,400}", bytes: Vec<u8>) {
        let ring = ring(&[1, 2]);
        for purpose in PURPOSES {
            prop_assert!(ring.open(purpose, text.as_bytes()).is_none());
            prop_assert!(ring.open(purpose, &bytes).is_none());
        }
    }

    #[test]
    fn a_forger_who_knows_the_key_identifier_opens_nothing(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let ring = ring(&[1]);
        let mut forged = vec![VERSION];
        forged.extend_from_slice(&ring.keys[0].id);
        forged.extend_from_slice(&body);
        prop_assert!(ring.open(Purpose::Session, URL_SAFE_NO_PAD.encode_to_string(&forged).as_bytes()).is_none());
    }
}
