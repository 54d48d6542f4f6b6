use super::*;
use crate::oidc::{Secret, StepUp};
use crate::session::samples::{NOW, session, tokens};
use std::future::Future;
use std::sync::Barrier;
use std::task::{Context, Poll, Waker};

const END: Timestamp = Timestamp::from_unix_seconds(1_800_000_000 + 12 * 3600);

fn id(n: u64) -> SessionId {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&n.to_le_bytes());
    SessionId::from_bytes(bytes)
}

fn session_of(n: u64) -> Session {
    Session { id: id(n), ..session() }
}

fn renewed(n: u64, generation: u32) -> Arc<Renewed> {
    let session = Session { id: id(n), generation, ..session() };
    Arc::new(Renewed { session, tokens: Arc::new(Tokens { session: id(n), generation, ..tokens() }) })
}

/// How the session is over, if it is.
fn over(memory: &Memory, n: u64) -> Option<Over> {
    match memory.meet(&session_of(n)) {
        Standing::Over(over) => Some(over),
        Standing::Lives(_) => None,
    }
}

fn after(seconds: u64) -> Timestamp {
    NOW + Duration::from_secs(seconds)
}

fn generation(memory: &Memory, n: u64) -> Option<u32> {
    memory.newer(id(n), 0).map(|kept| kept.session.generation)
}

#[test]
fn an_ended_session_is_known_as_one_until_its_absolute_end() {
    let memory = Memory::new(10);
    assert!(memory.is_quiet() && !memory.is_ended(id(1)));
    memory.end(id(1), END);
    assert!(memory.is_ended(id(1)) && !memory.is_ended(id(2)) && !memory.is_quiet());
    memory.tidy(END - Duration::from_secs(1));
    assert!(memory.is_ended(id(1)));
    memory.tidy(END);
    assert!(!memory.is_ended(id(1)) && memory.is_quiet());
}

#[test]
fn nothing_is_kept_of_a_session_that_has_ended() {
    let memory = Memory::new(10);
    memory.keep(renewed(1, 1), NOW).expect("it lives");
    memory.end(id(1), END);
    assert_eq!(generation(&memory, 1), None);
    assert_eq!(memory.keep(renewed(1, 2), NOW), Err(Ended));
    assert_eq!(generation(&memory, 1), None);
}

#[test]
fn an_answer_that_clears_the_cookies_itself_is_remembered_whatever_ends_it_besides() {
    let memory = Memory::new(10);
    memory.end(id(1), END);
    assert!(over(&memory, 1).is_some_and(|over| !over.is_cleared()));
    memory.end_and_clear(id(1), END);
    memory.end(id(1), NOW);
    assert!(over(&memory, 1).is_some_and(Over::is_cleared) && memory.is_ended(id(1)));
    memory.tidy(NOW);
    assert!(memory.is_ended(id(1)), "the later end counts");
}

#[test]
fn the_newest_result_is_kept_whatever_order_they_come_in() {
    let memory = Memory::new(10);
    for (came, kept) in [(2, 2), (1, 2), (3, 3), (3, 3)] {
        memory.keep(renewed(1, came), NOW).expect("it lives");
        assert_eq!(generation(&memory, 1), Some(kept));
    }
    assert!(memory.newer(id(1), 2).is_some() && memory.newer(id(1), 3).is_none() && memory.kept(id(1)).is_some());
}

#[test]
fn a_result_is_kept_until_its_browser_has_it_and_a_minute_longer() {
    let memory = Memory::new(10);
    memory.keep(renewed(1, 4), NOW).expect("it lives");
    memory.seen(id(1), 3, after(4000));
    memory.tidy(after(11 * 3600));
    assert_eq!(generation(&memory, 1), Some(4), "nobody has come with it");
    memory.seen(id(1), 4, after(11 * 3600));
    memory.seen(id(1), 4, after(11 * 3600 + 59));
    assert_eq!(generation(&memory, 1), Some(4), "late requests");
    memory.seen(id(1), 4, after(11 * 3600 + 60));
    assert!(memory.is_quiet());
}

#[test]
fn a_newer_result_is_kept_anew_after_an_older_was_seen() {
    let memory = Memory::new(10);
    memory.keep(renewed(1, 1), NOW).expect("it lives");
    memory.seen(id(1), 1, after(10));
    memory.keep(renewed(1, 2), after(20)).expect("it lives");
    memory.tidy(after(3600));
    assert_eq!(generation(&memory, 1), Some(2));
}

#[test]
fn no_result_outlives_its_session() {
    let memory = Memory::new(10);
    memory.keep(renewed(1, 1), NOW).expect("it lives");
    memory.seen(id(1), 1, END - Duration::from_secs(5));
    memory.tidy(END);
    assert!(memory.is_quiet());
}

#[test]
fn beyond_its_capacity_it_forgets_what_is_oldest_or_soonest_over_and_counts_it() {
    let memory = Memory::new(3);
    for n in [5, 3, 4, 6] {
        memory.end(id(n), after(100 + n));
    }
    assert_eq!([3, 4, 5, 6].map(|n| memory.is_ended(id(n))), [false, true, true, true]);
    for n in 11..=14 {
        memory.keep(renewed(n, 1), after(n)).expect("it lives");
    }
    assert_eq!([11, 12, 13, 14].map(|n| generation(&memory, n)), [None, Some(1), Some(1), Some(1)]);
    assert_eq!(memory.evictions().sessions, 2);
    let remembered = memory.shared.lock();
    assert_eq!(remembered.ended.len(), 3);
    assert_eq!((remembered.kept.len(), remembered.kept_order.len(), remembered.kept_age.len()), (3, 3, 3));
}

#[test]
fn nothing_is_evicted_for_a_session_that_is_there_already() {
    let memory = Memory::new(1);
    for round in 1..5 {
        memory.end(id(1), after(u64::from(round)));
        memory.keep(renewed(2, round), NOW).expect("it lives");
    }
    assert_eq!(memory.evictions(), Evictions::default());
    assert_eq!(generation(&memory, 2), Some(4));
}

fn poll_once(future: std::pin::Pin<&mut impl Future<Output = ()>>) -> Poll<()> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[tokio::test]
async fn every_tunnel_of_an_ended_session_wakes_and_no_other() {
    let memory = Memory::new(10);
    let wait = |n| {
        let memory = memory.clone();
        tokio::spawn(tokio::time::timeout(Duration::from_secs(10), async move {
            memory.ended(memory.called(&session_of(n))).await
        }))
    };
    let (one, two, other) = (wait(1), wait(1), wait(2));
    tokio::task::yield_now().await;
    memory.end(id(1), END);
    one.await.expect("no panic").expect("woken");
    two.await.expect("no panic").expect("woken");
    tokio::task::yield_now().await;
    assert!(!other.is_finished());
    memory.end_and_clear(id(2), END);
    other.await.expect("no panic").expect("woken");
    assert!(memory.shared.lock().watched.is_empty());
}

#[tokio::test]
async fn who_asks_after_the_end_need_not_wait() {
    let memory = Memory::new(10);
    memory.end(id(1), END);
    memory.ended(memory.called(&session_of(1))).await;
}

#[test]
fn a_dropped_wait_leaves_nothing_behind() {
    let memory = Memory::new(10);
    let mut one = Box::pin(memory.ended(memory.called(&session_of(1))));
    let mut two = Box::pin(memory.ended(memory.called(&session_of(1))));
    assert!(poll_once(one.as_mut()).is_pending() && poll_once(two.as_mut()).is_pending());
    drop(one);
    assert_eq!(memory.shared.lock().watched[&id(1)].count, 1);
    memory.end(id(1), END);
    assert!(poll_once(two.as_mut()).is_ready());
    drop(two);
    assert!(memory.shared.lock().watched.is_empty());
}

#[test]
fn whatever_runs_at_the_same_time_an_ended_session_stays_ended() {
    for round in 0..300 {
        let memory = Memory::new(100);
        let start = Arc::new(Barrier::new(4));
        let run = |work: fn(&Memory)| {
            let (memory, start) = (memory.clone(), start.clone());
            std::thread::spawn(move || {
                start.wait();
                work(&memory);
            })
        };
        let threads = [
            run(|memory| memory.end(id(1), END)),
            run(|memory| {
                for generation in 1..20 {
                    // Refused or not, as the race goes.
                    let _ = memory.keep(renewed(1, generation), NOW);
                }
            }),
            run(|memory| (1..20).for_each(|generation| memory.seen(id(1), generation, NOW))),
            run(|memory| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
                let woken = async {
                    tokio::time::timeout(Duration::from_secs(10), memory.ended(memory.called(&session_of(1)))).await
                };
                runtime.block_on(woken).expect("the end is heard of");
            }),
        ];
        for thread in threads {
            thread.join().expect("no panic");
        }
        assert!(memory.is_ended(id(1)), "round {round}");
        assert!(memory.kept(id(1)).is_none(), "round {round}");
        assert_eq!(memory.keep(renewed(1, 99), NOW), Err(Ended));
        let remembered = memory.shared.lock();
        assert!(remembered.watched.is_empty() && remembered.kept_order.is_empty() && remembered.kept_age.is_empty());
    }
}

#[test]
fn a_sign_out_is_known_as_one_until_somebody_signs_in_over_it() {
    let memory = Memory::new(10);
    memory.sign_out(id(1), after(100));
    memory.end(id(1), after(100));
    let signed_out = |n| over(&memory, n).is_some_and(Over::is_signed_out);
    let cleared = |n| over(&memory, n).is_some_and(Over::is_cleared);
    assert!(memory.is_signed_out(id(1)) && signed_out(1) && cleared(1));
    memory.end_and_clear(id(1), after(100));
    assert!(!memory.is_signed_out(id(1)) && !signed_out(1) && cleared(1));
    memory.end(id(2), after(100));
    assert!([2, 3].iter().all(|n| !memory.is_signed_out(id(*n)) && !signed_out(*n)));
}

#[test]
fn of_the_answers_to_a_session_that_was_refused_one_is_the_first_and_of_others_none() {
    let memory = Memory::new(10);
    memory.end(id(1), after(100));
    assert!(memory.is_first_to_tell(id(1)));
    memory.end(id(1), after(100));
    assert!(!memory.is_first_to_tell(id(1)));
    memory.end_and_clear(id(2), after(100));
    assert!(!memory.is_first_to_tell(id(2)) && !memory.is_first_to_tell(id(3)));
}

fn end_at_provider(memory: &Memory, sid: &str) -> usize {
    memory.end_named(&Whom::Session(sid.to_owned()), Channel::Back, NOW, Duration::from_secs(12 * 3600), NOW)
}

#[test]
fn nothing_is_kept_of_a_session_that_the_provider_has_ended_and_what_was_kept_goes_when_it_is_met() {
    let memory = Memory::new(10);
    memory.keep(renewed(1, 1), NOW).expect("it lives");
    end_at_provider(&memory, "sid-1");
    assert_eq!(memory.keep(renewed(1, 2), NOW), Err(Ended));
    assert!(memory.is_over(&session_of(1)), "asking changes nothing");
    assert_eq!(over(&memory, 1), Some(Over { how: How::Refused, is_news: true }));
    let known = Some(Over { how: How::Refused, is_news: false });
    assert_eq!(over(&memory, 1), known, "from then on it is as if it had been ended here");
    assert!(memory.is_first_to_tell(id(1)) && memory.kept(id(1)).is_none());
}

#[test]
fn what_is_known_of_a_session_is_that_it_is_over_before_what_is_kept_of_it() {
    let memory = Memory::new(10);
    assert_eq!(memory.meet(&session_of(1)), Standing::Lives(None));
    memory.keep(renewed(1, 4), NOW).expect("it lives");
    memory.end(id(2), END);
    assert_eq!(memory.meet(&session_of(1)), Standing::Lives(Some(renewed(1, 4))));
    assert_eq!(memory.meet(&session_of(3)), Standing::Lives(None));
    memory.sign_out(id(1), END);
    end_at_provider(&memory, "sid-1");
    assert_eq!(over(&memory, 1), Some(Over { how: How::SignedOut, is_news: false }), "it was no news");
}

#[tokio::test]
async fn tunnels_of_a_session_that_is_met_after_its_end_at_the_provider_are_woken_too() {
    let memory = Memory::new(10);
    end_at_provider(&memory, "sid-1");
    // Opened by a session of the same identifier that the provider calls by no name.
    let unnamed = Session { at_provider: crate::session::AtProvider::default(), ..session_of(1) };
    let mut waiting = Box::pin(memory.ended(memory.called(&unnamed)));
    assert!(poll_once(waiting.as_mut()).is_pending());
    assert!(over(&memory, 1).is_some_and(|over| over.is_news));
    assert!(poll_once(waiting.as_mut()).is_ready());
}

#[test]
fn a_session_that_began_after_the_last_end_is_not_looked_up() {
    let memory = Memory::new(10);
    let later = Session { created_at: after(1), ..session_of(1) };
    assert!(!memory.is_over(&session_of(1)) && memory.is_quiet());
    end_at_provider(&memory, "another");
    assert!(!memory.is_quiet() && !memory.is_over(&session_of(1)));
    end_at_provider(&memory, "sid-1");
    assert!(memory.is_over(&session_of(1)) && !memory.is_over(&later));
    memory.tidy(after(12 * 3600));
    assert!(memory.is_quiet(), "no cookie of theirs is alive");
}

#[tokio::test]
async fn every_tunnel_of_a_session_that_the_provider_ends_wakes_and_no_other() {
    let memory = Memory::new(10);
    let of = |sid| Session { at_provider: crate::session::AtProvider::new(None, Some(sid), None), ..session_of(1) };
    let mut meant = Box::pin(memory.ended(memory.called(&of("a"))));
    let other = Session { id: id(2), ..of("b") };
    let mut other = Box::pin(memory.ended(memory.called(&other)));
    assert!(poll_once(meant.as_mut()).is_pending() && poll_once(other.as_mut()).is_pending());
    assert_eq!(end_at_provider(&memory, "a"), 1);
    assert!(poll_once(meant.as_mut()).is_ready() && poll_once(other.as_mut()).is_pending());
    memory.ended(memory.called(&of("a"))).await;
}

fn attempt(state_id: &str, started_at: Timestamp) -> Attempt {
    Attempt {
        state_id: state_id.to_owned(),
        nonce: String::new(),
        verifier: Secret::new(String::new()),
        return_to: String::new(),
        site: 0,
        started_at,
        step_up: StepUp::default(),
    }
}

#[test]
fn a_callback_is_the_first_once_for_as_long_as_its_attempt_can_be_open() {
    let memory = Memory::new(10);
    assert!(memory.is_first_callback(&attempt("a", NOW), NOW) && memory.is_quiet());
    assert!(!memory.is_first_callback(&attempt("a", NOW), after(1)));
    assert!(memory.is_first_callback(&attempt("b", NOW), after(1)));
    memory.tidy(after(599));
    assert!(!memory.is_first_callback(&attempt("a", NOW), after(599)));
    memory.tidy(after(600));
    assert!(memory.shared.lock().spent.is_empty(), "no cookie of theirs opens");
}

#[test]
fn whoever_comes_back_from_too_many_attempts_makes_it_forget_the_oldest_and_that_is_counted() {
    let memory = Memory::new(3);
    for n in 0..5 {
        assert!(memory.is_first_callback(&attempt(&n.to_string(), after(n)), after(10)));
    }
    assert_eq!((memory.evictions().attempts, memory.shared.lock().spent.len()), (2, 3));
    assert!(!memory.is_first_callback(&attempt("4", after(4)), after(10)));
}
