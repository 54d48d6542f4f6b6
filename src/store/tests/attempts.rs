//! Attempts in their six slots.

use super::*;
use crate::oidc::StepUp;
use crate::session::Attempt;

fn attempt(state_id: &str, started_at: Timestamp) -> Attempt {
    Attempt {
        state_id: state_id.to_owned(),
        nonce: noise(22),
        verifier: Secret::new(noise(43)),
        return_to: format!("/{state_id}"),
        site: 0,
        started_at,
        step_up: StepUp::default(),
    }
}

/// A tab that starts signing in.
fn start(store: &CookieStore, jar: &mut Jar, state_id: &str, now: Timestamp) -> u8 {
    let slot = store.free_slot(&jar.cookies(&store.settings.names), &ring(&[1]), state_id, now);
    jar.take(&visit(store, &ring(&[1]), jar, now, |held| held.attempt_started = Some((slot, attempt(state_id, now)))));
    slot
}

fn found(store: &CookieStore, jar: &Jar, state_id: &str, now: Timestamp) -> Option<(u8, Attempt)> {
    store.attempt(&jar.cookies(&store.settings.names), &ring(&[1]), state_id, now)
}

#[test]
fn six_tabs_sign_in_at_the_same_time_and_finish_in_any_order() {
    let store = store();
    let mut jar = Jar::default();
    let names = ["a", "b", "c", "d", "e", "f"];
    for (seconds, name) in names.iter().enumerate() {
        start(&store, &mut jar, name, after(seconds as u64));
    }
    assert_eq!(jar.0.len(), 6);
    for name in ["d", "a", "f", "b", "e", "c"] {
        let (slot, attempt) = found(&store, &jar, name, after(60)).expect("its own");
        assert_eq!(attempt.return_to, format!("/{name}"));
        jar.take(&visit(&store, &ring(&[1]), &jar, after(60), |held| held.attempts_over.push(slot)));
        assert_eq!(found(&store, &jar, name, after(60)), None, "good for one use");
    }
    assert!(jar.0.is_empty());
}

#[test]
fn the_oldest_of_seven_goes() {
    let store = store();
    let mut jar = Jar::default();
    for (seconds, name) in ["a", "b", "c", "d", "e", "f", "g", "h"].iter().enumerate() {
        start(&store, &mut jar, name, after(seconds as u64));
    }
    let left = ["a", "b", "c", "d", "e", "f", "g", "h"].map(|name| found(&store, &jar, name, after(60)).is_some());
    assert_eq!(left, [false, false, true, true, true, true, true, true]);
}

#[test]
fn tabs_opened_together_do_not_all_take_the_same_slot() {
    let store = store();
    let slots: std::collections::HashSet<u8> =
        (0..100).map(|len| store.free_slot(&Cookies::default(), &ring(&[1]), &noise(len), NOW)).collect();
    assert_eq!(slots.len(), 6);
}

#[test]
fn an_attempts_cookie_is_lax_and_lasts_ten_minutes_even_where_sessions_are_strict() {
    let store = CookieStore::new(Settings { same_site: SameSite::Strict, ..settings() });
    let headers = visit(&store, &ring(&[1]), &Jar::default(), NOW, |held| {
        held.attempt_started = Some((2, attempt("a", NOW)));
        held.attempts_over.extend([2, 3]);
    });
    let lines = set_cookies(&headers);
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].starts_with("__Host-tokigate.a2=") && lines[0].contains("; Max-Age=600; "), "{}", lines[0]);
    assert!(lines[1].starts_with("__Host-tokigate.a3=; ") && lines[1].contains("; Max-Age=0; "), "{}", lines[1]);
    assert!(lines.iter().all(|line| line.ends_with("SameSite=Lax; Secure")), "{lines:?}");
}

#[test]
fn a_stale_attempt_is_none_though_its_cookie_still_comes() {
    let store = store();
    let mut jar = Jar::default();
    start(&store, &mut jar, "a", NOW);
    assert!(found(&store, &jar, "a", after(599)).is_some());
    assert_eq!(found(&store, &jar, "a", after(600)), None);
    assert_eq!(found(&store, &jar, "b", NOW), None);
}

#[test]
fn an_attempt_is_no_session_and_a_session_no_attempt() {
    let store = store();
    let mut jar = Jar::default();
    let slot = start(&store, &mut jar, "a", NOW);
    let text = jar.0.remove(&store.settings.names.name(Part::Attempt(slot))).expect("written");
    for value in [text.clone(), format!("a{text}")] {
        jar.0.insert("__Host-tokigate".to_owned(), value);
        assert_eq!(recognised(&store, &ring(&[1]), &jar, NOW).0, Known::Unreadable);
    }
    let session = signed_in(&store, tokens()).0["__Host-tokigate"].clone();
    for value in [session.clone(), session[1..].to_owned()] {
        let mut jar = Jar::default();
        jar.0.insert("__Host-tokigate.a0".to_owned(), value);
        assert_eq!(found(&store, &jar, "a", NOW), None);
    }
}

#[test]
fn slots_that_do_not_open_are_free() {
    let store = store();
    let mut jar = Jar::default();
    for slot in 0..6 {
        jar.0.insert(store.settings.names.name(Part::Attempt(slot)), "junk".to_owned());
    }
    let slot = start(&store, &mut jar, "a", NOW);
    assert_eq!(found(&store, &jar, "a", NOW).map(|(slot, _)| slot), Some(slot));
}

#[test]
fn the_largest_attempt_fits_its_cookie() {
    let store = store();
    let mut jar = Jar::default();
    let large = Attempt { return_to: format!("/{}", noise(2047)), site: u16::MAX, ..attempt(&noise(64), NOW) };
    // The jar refuses what a browser would.
    jar.take(&visit(&store, &ring(&[1]), &jar, NOW, |held| held.attempt_started = Some((5, large.clone()))));
    assert_eq!(found(&store, &jar, &large.state_id, NOW), Some((5, large)));
}
