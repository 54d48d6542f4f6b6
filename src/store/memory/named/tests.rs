use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;

use super::*;
use crate::session::samples::{NOW, session};
use crate::session::{AtProvider, Sub};

/// Shorter than an attempt may take.
const LIFETIME: Duration = Duration::from_secs(300);

fn named(sid: Option<&str>, sub: Option<&str>) -> Session {
    Session { at_provider: AtProvider::new(sub.map(Sub::Other), sid, None), created_at: NOW, ..session() }
}

fn session_named(sid: &str) -> Whom {
    Whom::Session(sid.to_owned())
}

fn address(n: u32) -> Option<IpAddr> {
    Some(IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + n)))
}

struct List {
    naming: Naming,
    named: Named,
}

impl List {
    fn new(capacity: usize) -> List {
        List { naming: Naming::default(), named: Named::new(capacity) }
    }

    fn end(&mut self, whom: &Whom, channel: Channel, now: Timestamp) {
        self.named.end(self.naming.whom(whom), channel, now, LIFETIME, now);
    }

    fn is_over(&self, session: &Session) -> bool {
        self.named.is_over(&self.naming.of(session))
    }
}

#[test]
fn each_kind_of_name_means_the_sessions_that_have_it() {
    let all = [
        named(Some("s-1"), Some("u-1")),
        named(Some("s-2"), Some("u-1")),
        named(Some("s-1"), Some("u-2")),
        named(Some("u-1"), Some("s-1")),
        named(None, Some("u-1")),
        named(Some("s-1"), None),
        named(None, None),
    ];
    for (whom, expected) in [
        (session_named("s-1"), [true, false, true, false, false, true, false]),
        (Whom::User("u-1".to_owned()), [true, true, false, false, true, false, false]),
        (
            Whom::SessionOfUser { sid: "s-1".to_owned(), sub: "u-1".to_owned() },
            [true, false, false, false, false, false, false],
        ),
        (session_named("s-"), [false; 7]),
        (session_named(""), [false; 7]),
    ] {
        let mut list = List::new(10);
        list.end(&whom, Channel::Back, NOW);
        assert_eq!(all.each_ref().map(|session| list.is_over(session)), expected, "{whom:?}");
    }
}

#[test]
fn a_token_that_was_long_on_its_way_ends_nothing_that_began_meanwhile() {
    let mut list = List::new(10);
    let later = NOW + Duration::from_secs(600);
    let name = list.naming.whom(&session_named("s-1"));
    list.named.end(name, Channel::Back, NOW, LIFETIME, later);
    assert!(list.is_over(&named(Some("s-1"), None)));
    let meanwhile = Session { created_at: NOW + Duration::from_secs(1), ..named(Some("s-1"), None) };
    assert!(!list.is_over(&meanwhile));
}

#[test]
fn what_begins_after_the_end_lives_though_the_clock_stands_or_was_turned_back() {
    for back in [0, 1, 3_600_000] {
        let mut list = List::new(10);
        list.end(&session_named("s-1"), Channel::Back, NOW);
        let now = NOW - Duration::from_millis(back);
        let started = list.named.start(now);
        let mut next = named(Some("s-1"), None);
        next.created_at = list.named.begin(&list.naming.of(&next), started, now);
        assert!(!list.is_over(&next), "{back}");
        // And the next end ends that one too.
        list.end(&session_named("s-1"), Channel::Back, now);
        assert!(list.is_over(&next), "{back}");
    }
}

/// What anybody can do, as often as they like: say that a session has ended, and begin to sign in.
#[test]
fn nobody_takes_the_lists_time_far_ahead_of_the_clock() {
    let mut list = List::new(10);
    let mut started = NOW;
    for _ in 0..100_000 {
        list.end(&session_named("x"), Channel::Front(None), NOW);
        started = list.named.start(NOW);
    }
    assert_eq!(started, NOW + MOST_AHEAD);
    let mut own = named(Some("s-1"), None);
    own.created_at = list.named.begin(&list.naming.of(&own), started, NOW);
    assert!(!list.is_over(&own));
    list.end(&session_named("s-1"), Channel::Back, NOW);
    assert!(list.is_over(&own), "nor ahead of what the provider says");
}

#[test]
fn a_sign_in_that_had_begun_when_the_end_came_begins_no_session() {
    let mut list = List::new(10);
    let started = list.named.start(NOW);
    list.end(&session_named("s-1"), Channel::Back, NOW);
    let mut late = named(Some("s-1"), None);
    late.created_at = list.named.begin(&list.naming.of(&late), started, NOW + Duration::from_secs(1));
    assert!(list.is_over(&late));
}

#[test]
fn full_of_what_the_provider_said_the_soonest_go_and_are_counted() {
    let mut list = List::new(2);
    for (second, sid) in [(0, "s-0"), (1, "s-1"), (2, "s-2")] {
        list.end(&session_named(sid), Channel::Back, NOW + Duration::from_secs(second));
    }
    let over = ["s-0", "s-1", "s-2"].map(|sid| list.is_over(&named(Some(sid), None)));
    assert_eq!((over, list.named.evictions()), ([false, true, true], (1, 0)));
    // The same again takes no place.
    list.end(&session_named("s-1"), Channel::Back, NOW + Duration::from_secs(3));
    assert_eq!(list.named.evictions(), (1, 0));
}

/// Room for 160 names in front, 10 of them for one address.
fn flooded() -> List {
    let mut list = List::new(800);
    list.end(&session_named("back"), Channel::Back, NOW);
    list.end(&session_named("front"), Channel::Front(address(0)), NOW);
    list
}

#[test]
fn one_who_invents_names_forgets_only_inventions_of_its_own() {
    let mut list = flooded();
    for n in 0..10_000 {
        list.end(&session_named(&format!("x-{n}")), Channel::Front(address(1)), NOW + Duration::from_secs(1));
    }
    assert!(list.is_over(&named(Some("back"), None)) && list.is_over(&named(Some("front"), None)));
    assert_eq!(list.named.evictions(), (0, 10_000 - 10));
    assert!(list.is_over(&Session { created_at: NOW, ..named(Some("x-9999"), None) }));
}

#[test]
fn many_who_do_forget_inventions_before_names_that_were_met() {
    let mut list = flooded();
    let met = list.naming.of(&named(Some("front"), None));
    list.named.seen(&met);
    for n in 0..10_000 {
        list.end(&session_named(&format!("x-{n}")), Channel::Front(address(n)), NOW + Duration::from_secs(1));
    }
    assert!(list.is_over(&named(Some("back"), None)) && list.is_over(&named(Some("front"), None)));
    assert_eq!(list.named.evictions(), (0, 10_000 + 1 - 160));
}

#[test]
fn one_subscribers_addresses_are_one_callers() {
    let mut list = flooded();
    for n in 0..1000_u128 {
        let v6 = IpAddr::V6((0x2001_0db8_0000_0001_u128 << 64 | n).into());
        list.end(&session_named(&format!("x-{n}")), Channel::Front(Some(v6)), NOW);
    }
    assert_eq!(list.named.evictions(), (0, 1000 - 10));
}

#[test]
fn a_logout_token_is_used_once_for_as_long_as_it_holds() {
    let mut list = List::new(2);
    let until = NOW + Duration::from_secs(10);
    let [a, b] = ["a", "b"].map(|jti| list.naming.identifier(jti));
    assert!(list.named.first_use(a, until, NOW) && list.named.first_use(b, until, NOW));
    assert!(!list.named.first_use(a, until, NOW + Duration::from_secs(9)));
    assert!(list.named.first_use(a, until, until));
}

#[derive(Clone, Debug)]
enum Step {
    /// An attempt starts, of a person who will be these.
    Start(usize, usize),
    /// The oldest attempt under way comes to its end.
    Finish,
    EndSession(usize, bool),
    EndUser(usize),
    EndBoth(usize, usize),
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0..3_usize, 0..3_usize).prop_map(|(sid, sub)| Step::Start(sid, sub)),
        Just(Step::Finish),
        (0..3_usize, any::<bool>()).prop_map(|(sid, front)| Step::EndSession(sid, front)),
        (0..3_usize).prop_map(Step::EndUser),
        (0..3_usize, 0..3_usize).prop_map(|(sid, sub)| Step::EndBoth(sid, sub)),
        prop_oneof![Just(0), Just(1), Just(7), Just(299_999), Just(300_001), Just(500_000)].prop_map(Step::Wait),
    ];
    proptest::collection::vec(step, 0..60)
}

/// What truly happened, in its order: `age` of the attempt and of every end.
struct Person {
    session: Session,
    sid: usize,
    sub: usize,
    began: usize,
}

proptest! {
    /// Never another's, and never forgotten while a cookie can be alive, whatever the clock does.
    #[test]
    fn exactly_those_are_over_whose_attempt_began_before_an_end_of_their_name(steps in steps()) {
        let mut list = List::new(1000);
        let mut now = NOW;
        let (mut under_way, mut people) = (std::collections::VecDeque::new(), Vec::<Person>::new());
        let mut ends: Vec<(usize, Whom)> = Vec::new();
        for (age, step) in steps.into_iter().enumerate() {
            let text = |kind: &str, n: usize| format!("{kind}{n}");
            match step {
                Step::Start(sid, sub) => under_way.push_back((age, list.named.start(now), sid, sub)),
                Step::Finish => {
                    let Some((began, started, sid, sub)) = under_way.pop_front() else { continue };
                    if now.since(started) > ATTEMPT_TTL {
                        continue;
                    }
                    let mut session = named(Some(&text("s", sid)), Some(&text("u", sub)));
                    session.created_at = list.named.begin(&list.naming.of(&session), started, now);
                    people.push(Person { session, sid, sub, began });
                }
                Step::EndSession(sid, front) => {
                    let whom = session_named(&text("s", sid));
                    list.end(&whom, if front { Channel::Front(None) } else { Channel::Back }, now);
                    ends.push((age, whom));
                }
                Step::EndUser(sub) => {
                    let whom = Whom::User(text("u", sub));
                    list.end(&whom, Channel::Back, now);
                    ends.push((age, whom));
                }
                Step::EndBoth(sid, sub) => {
                    let whom = Whom::SessionOfUser { sid: text("s", sid), sub: text("u", sub) };
                    list.end(&whom, Channel::Back, now);
                    ends.push((age, whom));
                }
                Step::Wait(millis) => now = now + Duration::from_millis(millis),
            }
            list.named.tidy(now);
            people.retain(|person| now < person.session.created_at + LIFETIME);
            for Person { session, sid, sub, began } in &people {
                let means = |whom: &Whom| match whom {
                    Whom::Session(name) => *name == text("s", *sid),
                    Whom::User(name) => *name == text("u", *sub),
                    Whom::SessionOfUser { sid: one, sub: other } => *one == text("s", *sid) && *other == text("u", *sub),
                };
                let expected = ends.iter().any(|(age, whom)| age > began && means(whom));
                prop_assert_eq!(list.is_over(session), expected, "s{} u{} since {}", sid, sub, began);
                prop_assert!(!expected || session.created_at <= list.named.latest(), "the fast way agrees");
            }
        }
    }
}
