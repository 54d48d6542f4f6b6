use super::samples::{NOW, session};
use super::*;
use bytes::Bytes;
use proptest::prelude::*;

fn after(seconds: u64) -> Timestamp {
    NOW + Duration::from_secs(seconds)
}

fn with_token_of(seconds: u64) -> Session {
    // The first two bytes spread the default window: none here.
    Session { id: SessionId::from_bytes([0; 16]), token_expires_at: after(seconds), ..session() }
}

fn standing(session: &Session, lifetimes: &Lifetimes, seconds: u64) -> Freshness {
    session.freshness(lifetimes, after(seconds))
}

#[test]
fn a_refresh_is_due_a_minute_before_the_tokens_end() {
    let lifetimes = Lifetimes::default();
    let session = with_token_of(3600);
    assert_eq!(standing(&session, &lifetimes, 3539), Freshness::Fresh);
    assert_eq!(standing(&session, &lifetimes, 3540), Freshness::Stale { late: false });
    assert_eq!(standing(&session, &lifetimes, 3569), Freshness::Stale { late: false });
    assert_eq!(standing(&session, &lifetimes, 3570), Freshness::Stale { late: true });
    assert_eq!(standing(&session, &lifetimes, 3599), Freshness::Stale { late: true });
    assert_eq!(standing(&session, &lifetimes, 3600), Freshness::Expired);
}

#[test]
fn a_short_tokens_window_is_a_third_of_its_life() {
    let session = Session { id: SessionId::from_bytes([255; 16]), ..with_token_of(60) };
    assert_eq!(standing(&session, &Lifetimes::default(), 39), Freshness::Fresh);
    assert_eq!(standing(&session, &Lifetimes::default(), 40), Freshness::Stale { late: false });
}

#[test]
fn a_window_that_is_written_is_taken_as_written() {
    let lifetimes = Lifetimes { refresh_before: Some(Duration::from_secs(50)), ..Lifetimes::default() };
    let session = Session { id: SessionId::from_bytes([255; 16]), ..with_token_of(60) };
    assert_eq!(standing(&session, &lifetimes, 9), Freshness::Fresh);
    assert_eq!(standing(&session, &lifetimes, 10), Freshness::Stale { late: false });
}

#[test]
fn sessions_that_began_together_are_not_refreshed_together() {
    let mut due = [0usize; 7];
    for n in 0..10_000u16 {
        let mut id = [0; 16];
        id[..2].copy_from_slice(&n.wrapping_mul(6554).to_le_bytes());
        let session = Session { id: SessionId::from_bytes(id), ..with_token_of(3600) };
        let first = (3533..=3540).find(|second| standing(&session, &Lifetimes::default(), *second) != Freshness::Fresh);
        due[usize::try_from(first.expect("due by then") - 3534).expect("not earlier")] += 1;
    }
    let (total, peak): (usize, usize) = (due.iter().sum(), *due.iter().max().expect("seven"));
    assert_eq!(total, 10_000);
    assert!(peak * 6 < total * 3, "{due:?}");
}

#[test]
fn a_session_without_a_refresh_token_outlives_its_token_unless_told_otherwise() {
    let session = Session { refreshable: false, ..with_token_of(3600) };
    assert_eq!(standing(&session, &Lifetimes::default(), 5000), Freshness::Fresh);
    let with_token = Lifetimes { end_with_token: true, ..Lifetimes::default() };
    assert_eq!(standing(&session, &with_token, 3599), Freshness::Fresh);
    assert_eq!(standing(&session, &with_token, 3600), Freshness::Over);
    assert_eq!(session.left(&with_token, after(3000)), Duration::from_secs(600));
    assert_eq!(standing(&with_token_of(3600), &with_token, 3600), Freshness::Expired);
}

#[test]
fn no_activity_and_no_refresh_moves_the_absolute_end() {
    let lifetimes = Lifetimes { idle_timeout: Some(Duration::from_secs(900)), ..Lifetimes::default() };
    let end = 12 * 3600;
    let session = Session { seen_at: after(end - 1), token_expires_at: after(end + 3600), generation: 40, ..session() };
    assert_eq!(standing(&session, &lifetimes, end - 1), Freshness::Fresh);
    assert_eq!(standing(&session, &lifetimes, end), Freshness::Over);
    assert_eq!(session.left(&lifetimes, after(end - 1)), Duration::from_secs(1));
    assert_eq!(session.left(&lifetimes, after(end + 1)), Duration::ZERO);
}

#[test]
fn a_lifetime_made_shorter_counts_for_sessions_that_began_before() {
    let lifetimes = Lifetimes { lifetime: Duration::from_secs(600), ..Lifetimes::default() };
    assert_eq!(standing(&session(), &lifetimes, 599), Freshness::Fresh);
    assert_eq!(standing(&session(), &lifetimes, 600), Freshness::Over);
    let longer = Lifetimes { lifetime: Duration::from_secs(24 * 3600), ..Lifetimes::default() };
    assert_eq!(standing(&session(), &longer, 12 * 3600), Freshness::Over);
}

#[test]
fn idleness_ends_a_session_and_activity_is_written_down_now_and_then() {
    let lifetimes = Lifetimes { idle_timeout: Some(Duration::from_secs(1800)), ..Lifetimes::default() };
    assert_eq!(standing(&session(), &lifetimes, 1799), Freshness::Fresh);
    assert_eq!(standing(&session(), &lifetimes, 1800), Freshness::Over);
    assert_eq!(session().touched(&lifetimes, after(179)), None);
    let touched = session().touched(&lifetimes, after(180)).expect("a tenth of the time-out");
    assert_eq!(standing(&touched, &lifetimes, 180 + 1799), Freshness::Fresh);
    assert_eq!(touched, Session { seen_at: after(180), ..session() });
    assert_eq!(session().touched(&Lifetimes::default(), after(5000)), None);
}

#[test]
fn an_idle_timeout_under_a_minute_is_still_kept_up() {
    let lifetimes = Lifetimes { idle_timeout: Some(Duration::from_secs(30)), ..Lifetimes::default() };
    assert_eq!(session().touched(&lifetimes, after(14)), None);
    assert!(session().touched(&lifetimes, after(15)).is_some());
}

#[test]
fn times_at_the_edge_of_what_can_be_written_break_nothing() {
    for time in [Timestamp::default(), Timestamp::MAX] {
        let session = Session {
            created_at: time,
            expires_at: time,
            seen_at: time,
            token_issued_at: time,
            token_expires_at: time,
            ..session()
        };
        for now in [Timestamp::default(), NOW, Timestamp::MAX] {
            let lifetimes = Lifetimes { idle_timeout: Some(Duration::MAX), ..Lifetimes::default() };
            let _ =
                (session.freshness(&lifetimes, now), session.left(&lifetimes, now), session.touched(&lifetimes, now));
        }
    }
}

#[test]
fn a_session_reads_back_as_it_was_written() {
    let session = Session { generation: 0x0102_0304, auth_time: Some(after(5)), seen_at: after(6), ..session() };
    let at_provider = AtProvider::new(Some(Sub::Other("other")), None, Some("phr"));
    let session = Session { at_provider, ..session };
    assert_eq!(Session::decode(&Bytes::from(session.encode())), Some(session));
    let bare = Session { refreshable: false, claims: Claims::default(), auth_time: None, ..super::samples::session() };
    let bare = Session { at_provider: AtProvider::default(), ..bare };
    assert_eq!(Session::decode(&Bytes::from(bare.encode())), Some(bare));
}

#[test]
fn a_record_cut_or_grown_is_no_session() {
    let whole = session().encode();
    for len in 0..whole.len() {
        assert_eq!(Session::decode(&Bytes::copy_from_slice(&whole[..len])), None, "{len}");
    }
    assert_eq!(Session::decode(&Bytes::from([whole.as_slice(), b"\0"].concat())), None);
}

#[test]
fn what_a_later_minor_release_adds_is_passed_over() {
    let mut whole = Session { at_provider: AtProvider::default(), ..session() }.encode();
    assert_eq!(whole.pop(), Some(0));
    let mut extension = Vec::new();
    codec::put_extension(&mut extension, 200, b"something new");
    codec::put_bytes(&mut whole, &extension);
    whole[1] |= 0x80;
    let opened = Session::decode(&Bytes::from(whole)).unwrap();
    assert_eq!(opened.user, session().user);
    assert!(opened.encode().ends_with(b"something new"), "and it is kept");
}

#[test]
fn another_version_is_no_session() {
    for version in [0, 2, 255] {
        let mut whole = session().encode();
        whole[0] = version;
        assert_eq!(Session::decode(&Bytes::from(whole)), None);
    }
}

#[test]
fn nothing_of_a_person_stands_in_a_debug_line() {
    let line = format!("{:?}", session());
    assert!(!line.contains("Бат") && !line.contains("user-1"), "{line}");
}

proptest! {
    #[test]
    fn any_bytes_are_a_session_or_none(tail in proptest::collection::vec(any::<u8>(), 0..120), version in 0u8..3) {
        let mut bytes = vec![version];
        bytes.extend_from_slice(&tail);
        let _ = Session::decode(&Bytes::from(bytes));
    }

    #[test]
    fn a_changed_byte_breaks_nothing(at in 0usize..200, byte: u8) {
        let mut whole = session().encode();
        let at = at % whole.len();
        whole[at] = byte;
        if let Some(read) = Session::decode(&Bytes::from(whole)) {
            let _ = (read.claims.to_json(), read.user.as_str().len());
        }
    }
}
