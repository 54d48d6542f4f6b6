use super::*;
use crate::session::samples::{NOW, noise, ring};

fn attempt() -> Attempt {
    Attempt {
        state_id: noise(22),
        nonce: noise(23),
        verifier: Secret::new(noise(43)),
        return_to: "/orders/7?tab=хүргэлт&x=%2F".to_owned(),
        site: 3,
        started_at: NOW,
        step_up: StepUp {
            max_age: Some(Duration::from_secs(900)),
            acr_values: vec!["phr".to_owned(), "phrh".to_owned()],
        },
    }
}

fn state() -> State {
    State::of(&attempt(), false)
}

fn after(seconds: u64) -> Timestamp {
    NOW + Duration::from_secs(seconds)
}

#[test]
fn an_attempt_comes_back_whole_for_ten_minutes() {
    let keys = ring(&[1]);
    let text = attempt().seal(&keys, NOW);
    assert_eq!(Attempt::open(&keys, text.as_bytes(), NOW), Some(attempt()));
    assert_eq!(Attempt::open(&keys, text.as_bytes(), after(599)), Some(attempt()));
    assert_eq!(Attempt::open(&keys, text.as_bytes(), after(600)), None);
}

#[test]
fn a_state_comes_back_whole_for_an_hour() {
    let keys = ring(&[1]);
    for restarted in [false, true] {
        let state = State { restarted, ..state() };
        let text = state.seal(&keys, NOW);
        assert_eq!(State::open(&keys, text.as_bytes()).as_ref(), Some(&state));
        assert_eq!((state.is_stale(after(3599)), state.is_stale(after(3600))), (false, true));
    }
}

#[test]
fn a_state_is_url_safe() {
    let text = state().seal(&ring(&[1]), NOW);
    assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'), "{text}");
}

#[test]
fn an_attempts_cookie_is_no_state_and_a_state_no_attempt() {
    let keys = ring(&[1]);
    assert_eq!(State::open(&keys, attempt().seal(&keys, NOW).as_bytes()), None);
    assert_eq!(Attempt::open(&keys, state().seal(&keys, NOW).as_bytes(), NOW), None);
}

#[test]
fn a_return_address_is_carried_whole_or_not_at_all() {
    let keys = ring(&[1]);
    let returns = |len: usize| {
        let attempt = Attempt { return_to: format!("/{}", noise(len - 1)), ..attempt() };
        let state = State::of(&attempt, false).seal(&keys, NOW);
        let sealed = attempt.seal(&keys, NOW);
        assert!(state.len() < 1024 && sealed.len() < 3900, "{} {}", state.len(), sealed.len());
        let state = State::open(&keys, state.as_bytes()).expect("ours").return_to;
        let attempt = Attempt::open(&keys, sealed.as_bytes(), NOW).expect("ours").return_to;
        (state.map(|path| path.len()), attempt.len())
    };
    assert_eq!(returns(512), (Some(512), 512));
    assert_eq!(returns(513), (None, 513));
    assert_eq!(returns(2048), (None, 2048));
    assert_eq!(returns(2049), (None, 0));
}

#[test]
fn an_attempt_with_nowhere_to_return_to_has_a_state_with_nowhere_to_return_to() {
    let state = State::of(&Attempt { return_to: String::new(), ..attempt() }, true);
    assert_eq!((state.return_to, state.restarted, state.site), (None, true, 3));
}

#[test]
fn a_long_state_is_not_even_decoded() {
    let long = noise(MAX_STATE_TEXT + 1);
    assert_eq!(State::open(&ring(&[1]), long.as_bytes()), None);
}

#[test]
fn records_of_another_shape_under_our_own_key_are_none() {
    let keys = ring(&[1]);
    for purpose in [Purpose::Attempt, Purpose::State] {
        for len in 0..80 {
            for byte in [0, 2, 0x7f, 0x80, 0xff] {
                let text = keys.seal(purpose, &vec![byte; len], NOW);
                assert_eq!(Attempt::open(&keys, text.as_bytes(), NOW), None);
                assert_eq!(State::open(&keys, text.as_bytes()), None);
            }
        }
    }
}

#[test]
fn no_verifier_stands_in_a_debug_line() {
    assert!(!format!("{:?}", attempt()).contains(attempt().verifier.expose().as_str()));
}
