//! Tickets: who can open them, and for how long.

use proptest::prelude::*;

use super::*;

const NOW: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);
const SESSION: &[u8] = b"a session";

fn secret(byte: u8) -> Secret<[u8; 32]> {
    let mut key = [byte; 32];
    key[0] = !byte;
    Secret::new(key)
}

fn ring(keys: &[u8], clock: &Clock) -> Arc<Tickets> {
    Arc::new(Tickets::of(keys.iter().copied().map(secret).collect(), clock.clone()))
}

fn clock() -> Clock {
    Clock::manual(NOW)
}

fn authority(name: &[u8]) -> RootCertStore {
    use rustls::pki_types::{Der, TrustAnchor};
    let part = || Der::from(name.to_vec());
    RootCertStore {
        roots: vec![TrustAnchor { subject: part(), subject_public_key_info: part(), name_constraints: None }],
    }
}

fn plain(tickets: &Arc<Tickets>) -> Ticketer {
    Ticketer::new(Arc::clone(tickets), None)
}

#[test]
fn whoever_has_the_key_opens_and_nobody_else() {
    let clock = clock();
    let sealed = plain(&ring(&[1, 2], &clock)).encrypt(SESSION).unwrap();
    assert_eq!(plain(&ring(&[1], &clock)).decrypt(&sealed).unwrap(), SESSION);
    assert_eq!(plain(&ring(&[3, 1], &clock)).decrypt(&sealed).unwrap(), SESSION);
    assert_eq!(plain(&ring(&[2], &clock)).decrypt(&sealed), None);
    assert_eq!(plain(&Arc::new(Tickets::for_this_process(clock))).decrypt(&sealed), None);
}

#[test]
fn a_ticket_lives_six_hours_whatever_its_client_thinks() {
    let clock = clock();
    let ticketer = plain(&ring(&[1], &clock));
    let sealed = ticketer.encrypt(SESSION).unwrap();
    clock.turn(LIFETIME - Duration::from_secs(1));
    assert!(ticketer.decrypt(&sealed).is_some());
    clock.turn(Duration::from_secs(1));
    assert_eq!(ticketer.decrypt(&sealed), None);
    assert_eq!(u64::from(ticketer.lifetime()), LIFETIME.as_secs());
}

#[test]
fn one_from_a_clock_that_goes_ahead_is_taken_within_a_minute() {
    for (ahead, taken) in [(60, true), (61, false)] {
        let sealed = plain(&ring(&[1], &Clock::manual(NOW + Duration::from_secs(ahead)))).encrypt(SESSION).unwrap();
        assert_eq!(plain(&ring(&[1], &clock())).decrypt(&sealed).is_some(), taken, "{ahead}");
    }
}

#[test]
fn a_key_that_is_taken_out_opens_nothing_any_more() {
    let clock = clock();
    let tickets = ring(&[1], &clock);
    let sealed = plain(&tickets).encrypt(SESSION).unwrap();
    tickets.replace(vec![secret(2), secret(1)]);
    assert!(plain(&tickets).decrypt(&sealed).is_some());
    assert!(plain(&ring(&[2], &clock)).decrypt(&plain(&tickets).encrypt(SESSION).unwrap()).is_some());
    tickets.replace(vec![secret(2)]);
    assert_eq!(plain(&tickets).decrypt(&sealed), None);
}

/// A ticket lives as long as its key opens: two turns.
#[test]
fn keys_of_this_process_turn_and_no_ticket_is_cut_short() {
    let clock = clock();
    let tickets = Arc::new(Tickets::for_this_process(clock.clone()));
    let ticketer = plain(&tickets);
    let first = ticketer.encrypt(SESSION).unwrap();
    clock.turn(LIFETIME - Duration::from_secs(1));
    tickets.rotate();
    let late = ticketer.encrypt(SESSION).unwrap();
    assert_eq!(first[1..5], late[1..5]);
    clock.turn(Duration::from_secs(1));
    tickets.rotate();
    let next = ticketer.encrypt(SESSION).unwrap();
    assert_ne!(next[1..5], late[1..5]);
    clock.turn(LIFETIME - Duration::from_secs(2));
    tickets.rotate();
    assert!(ticketer.decrypt(&late).is_some() && ticketer.decrypt(&next).is_some());
    clock.turn(Duration::from_secs(2));
    tickets.rotate();
    assert_eq!(tickets.ring.load().keys.len(), 2);
    assert!(tickets.ring.load().keys.iter().all(|key| key.id != late[1..5]));
}

#[test]
fn keys_of_the_file_never_turn_by_themselves() {
    let clock = clock();
    let tickets = ring(&[1], &clock);
    clock.turn(LIFETIME * 10);
    tickets.rotate();
    let sealed = plain(&tickets).encrypt(SESSION).unwrap();
    assert!(plain(&ring(&[1], &clock)).decrypt(&sealed).is_some());
}

/// Else somebody without a certificate, or with another authority's, would come in by a ticket where certificates are demanded.
#[test]
fn a_ticket_opens_only_where_the_same_authorities_vouch_for_clients() {
    let tickets = ring(&[1], &clock());
    let of = |clients: Option<&RootCertStore>| Ticketer::new(Arc::clone(&tickets), clients);
    let (one, other) = (authority(b"one"), authority(b"other"));
    let all = [of(None), of(Some(&one)), of(Some(&other))];
    for (here, sealing) in all.iter().enumerate() {
        let sealed = sealing.encrypt(SESSION).unwrap();
        for (there, opening) in all.iter().enumerate() {
            assert_eq!(opening.decrypt(&sealed).is_some(), here == there, "{here} {there}");
        }
    }
}

#[test]
fn no_two_tickets_are_alike() {
    let ticketer = plain(&ring(&[1], &clock()));
    let (one, two) = (ticketer.encrypt(SESSION).unwrap(), ticketer.encrypt(SESSION).unwrap());
    assert_ne!(one[5..HEAD], two[5..HEAD]);
    assert_ne!(one[HEAD..], two[HEAD..]);
}

proptest! {
    #[test]
    fn one_bit_that_is_changed_and_nothing_opens(session in prop::collection::vec(any::<u8>(), 0..80), at: prop::sample::Index, bit in 0..8u8) {
        let ticketer = plain(&ring(&[1], &clock()));
        let mut sealed = ticketer.encrypt(&session).unwrap();
        prop_assert_eq!(ticketer.decrypt(&sealed), Some(session));
        let at = at.index(sealed.len());
        sealed[at] ^= 1 << bit;
        prop_assert_eq!(ticketer.decrypt(&sealed), None);
    }

    #[test]
    fn whatever_comes_as_a_ticket_is_answered(ticket in prop::collection::vec(any::<u8>(), 0..120)) {
        prop_assert_eq!(plain(&ring(&[1], &clock())).decrypt(&ticket), None);
    }
}
