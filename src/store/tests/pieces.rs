//! Parts in pieces, budgets, and browsers that mix them up.

use super::*;
use proptest::prelude::*;

const IDENTITY: &str = "__Host-tokigate";
const TOKENS: &str = "__Host-tokigate.t0";

fn opened(tokens: Tokens) -> TokensPart {
    TokensPart::Opened(Arc::new(tokens))
}

fn know(jar: &Jar, now: Timestamp) -> (Known, TokensPart) {
    recognised(&store(), &ring(&[1]), jar, now)
}

/// The browser after one more answer in which nothing else happened.
fn settled(store: &CookieStore, jar: &Jar, now: Timestamp) -> Jar {
    let mut jar = jar.clone();
    let cookies = jar.cookies(&store.settings.names);
    jar.take(&visit(store, &ring(&[1]), &jar, now, |held| held.tokens = store.tokens(held, &cookies, &ring(&[1]))));
    jar
}

#[test]
fn what_was_written_comes_back_whatever_its_size() {
    let store = store_for(60_000);
    for size in (500..=40_000).step_by(100) {
        let tokens = with_access(size);
        let jar = signed_in(&store, tokens.clone());
        let (known, came) = recognised(&store, &ring(&[1]), &jar, NOW);
        assert_eq!((known, came), (Known::User(session()), opened(tokens)), "{size}");
    }
}

#[test]
fn twelve_kilobytes_of_tokens_work_with_a_budget_that_allows_them() {
    let tokens = Tokens {
        access_token: Secret::new(noise(6000)),
        refresh_token: Some(Secret::new(noise(2000))),
        id_token: Some(Secret::new(noise(4000))),
        ..tokens()
    };
    let store = store_for(20 * 1024);
    assert_eq!(store.fits(&session(), &tokens), Ok(()));
    assert_eq!(recognised(&store, &ring(&[1]), &signed_in(&store, tokens.clone()), NOW).1, opened(tokens));
}

#[test]
fn over_the_budget_the_id_token_goes_first_then_tokens_are_compressed_then_it_is_said() {
    let verbose = |len: usize| Secret::new("group-of-people ".repeat(len / 16));
    let kept = |tokens: Tokens| {
        let store = store();
        store.fits(&session(), &tokens).map(|()| {
            let jar = signed_in(&store, tokens);
            let bytes = jar.headers()[header::COOKIE].len();
            assert!(bytes <= BUDGET);
            match recognised(&store, &ring(&[1]), &jar, NOW).1 {
                TokensPart::Opened(tokens) => {
                    let compressed = bytes < tokens.access_token.expose().len();
                    (tokens.access_token.expose().len(), tokens.id_token.is_some(), compressed)
                }
                TokensPart::Absent | TokensPart::Sealed => panic!("no tokens"),
            }
        })
    };
    let id_token = Some(Secret::new(noise(1000)));
    let base = Tokens { id_token, ..tokens() };
    assert_eq!(kept(Tokens { access_token: verbose(3200), ..base.clone() }), Ok((3200, true, false)));
    assert_eq!(kept(Tokens { access_token: verbose(4400), ..base.clone() }), Ok((4400, false, false)));
    assert_eq!(kept(Tokens { access_token: verbose(16_000), ..base.clone() }), Ok((16_000, false, true)));
    let over = kept(Tokens { access_token: Secret::new(noise(9000)), ..base }).expect_err("more than fits");
    assert!(over.needed > BUDGET && over.budget == BUDGET, "{over:?}");
}

#[test]
fn what_the_budget_counts_is_what_comes_back() {
    for size in [100, 1000, 2500, 3000, 4000, 5000] {
        let tokens = with_access(size);
        let came = |budget| signed_in(&store_for(budget), tokens.clone()).headers()[header::COOKIE].len();
        // The last pair has no `; ` behind it.
        let whole = came(60_000) + 2;
        assert_eq!(came(whole) + 2, whole, "{size}: written as it is");
        assert!(came(whole - 1) + 2 < whole, "{size}: compressed");
    }
}

#[test]
fn tokens_that_outgrow_the_budget_at_a_refresh_are_not_lost() {
    let store = store();
    let mut jar = signed_in(&store, tokens());
    let fresh = Tokens { generation: 1, ..with_access(9000) };
    let renewed = Session { generation: 1, ..session() };
    jar.take(&visit(&store, &ring(&[1]), &jar, NOW, |held| sign_in_as(held, renewed, fresh.clone())));
    assert_eq!(recognised(&store, &ring(&[1]), &jar, NOW).1, opened(fresh));
}

#[test]
fn pieces_no_longer_needed_are_deleted() {
    let store = store_for(60_000);
    let mut jar = signed_in(&store, with_access(20_000));
    assert!(jar.0.len() > 6);
    let renewed = Session { generation: 1, ..session() };
    let fresh = Tokens { generation: 1, ..with_access(100) };
    jar.take(&visit(&store, &ring(&[1]), &jar, NOW, |held| sign_in_as(held, renewed, fresh.clone())));
    assert_eq!(jar.0.keys().collect::<Vec<_>>(), [IDENTITY, TOKENS]);
    assert_eq!(recognised(&store, &ring(&[1]), &jar, NOW).1, opened(fresh));
}

#[test]
fn answers_that_arrive_in_any_order_leave_whole_parts() {
    let store = store_for(60_000);
    let keys = ring(&[1]);
    let small = visit(&store, &keys, &Jar::default(), NOW, |held| sign_in_as(held, session(), with_access(3000)));
    let large = visit(&store, &keys, &Jar::default(), NOW, |held| {
        let (session, tokens) = other_session();
        sign_in_as(held, session, Tokens { access_token: Secret::new(noise(5000)), ..tokens });
    });
    for order in [[&small, &large], [&large, &small]] {
        let mut jar = Jar::default();
        order.into_iter().for_each(|headers| jar.take(headers));
        assert!(matches!(recognised(&store, &keys, &jar, NOW), (Known::User(_), TokensPart::Opened(_))));
    }
}

#[test]
fn mixed_generations_of_one_session_are_used_as_they_are() {
    let store = store();
    let first = signed_in(&store, with_access(500));
    let mut second = first.clone();
    let renewed = Session { generation: 1, ..session() };
    let fresh = Tokens { generation: 1, ..with_access(600) };
    second.take(&visit(&store, &ring(&[1]), &first, NOW, |held| sign_in_as(held, renewed.clone(), fresh.clone())));

    let mut new_identity = first.clone();
    new_identity.0.insert(IDENTITY.to_owned(), second.0[IDENTITY].clone());
    assert_eq!(know(&new_identity, NOW), (Known::User(renewed), opened(with_access(500))));
    let mut new_tokens = first.clone();
    new_tokens.0.insert(TOKENS.to_owned(), second.0[TOKENS].clone());
    assert_eq!(know(&new_tokens, NOW), (Known::User(session()), opened(fresh)));
    for mixed in [new_identity, new_tokens] {
        assert_eq!(settled(&store, &mixed, NOW), mixed);
    }
}

#[test]
fn tokens_of_another_session_are_none_and_go() {
    let store = store();
    let mut jar = signed_in(&store, tokens());
    let (session_b, tokens_b) = other_session();
    let mut other = Jar::default();
    other.take(&visit(&store, &ring(&[1]), &other, NOW, |held| sign_in_as(held, session_b, tokens_b)));
    jar.0.insert(TOKENS.to_owned(), other.0[TOKENS].clone());
    assert_eq!(know(&jar, NOW), (Known::User(session()), TokensPart::Absent));
    assert_eq!(settled(&store, &jar, NOW).0.keys().collect::<Vec<_>>(), [IDENTITY]);
}

#[test]
fn a_session_without_its_tokens_part_lasts_until_its_access_token_ends() {
    let mut jar = signed_in(&store(), tokens());
    jar.0.remove(TOKENS);
    assert_eq!(know(&jar, after(3599)), (Known::User(session()), TokensPart::Absent));
    assert_eq!(know(&jar, after(3600)), (Known::Unreadable, TokensPart::Absent));
    let kept = signed_in(&store(), tokens());
    assert_eq!(know(&kept, after(3600)).0, Known::User(session()), "with it, it can be refreshed");
}

#[test]
fn one_that_was_given_no_refresh_token_lasts_without_its_tokens_part() {
    let store = store();
    let mut jar = Jar::default();
    let lasting = Session { refreshable: false, ..session() };
    jar.take(&visit(&store, &ring(&[1]), &jar, NOW, |held| sign_in_as(held, lasting.clone(), tokens())));
    jar.0.remove(TOKENS);
    assert_eq!(know(&jar, after(10 * 3600)).0, Known::User(lasting));
}

#[test]
fn tokens_without_an_identity_are_nobodys_and_go() {
    let store = store();
    let mut jar = signed_in(&store, with_access(4500));
    jar.0.remove(IDENTITY);
    assert_eq!(know(&jar, NOW), (Known::Nobody, TokensPart::Absent));
    assert!(settled(&store, &jar, NOW).0.is_empty());
}

#[test]
fn cookies_under_each_others_names_are_no_session() {
    let whole = signed_in(&store(), tokens());
    let mut swapped = whole.clone();
    swapped.0.insert(IDENTITY.to_owned(), whole.0[TOKENS].clone());
    swapped.0.insert(TOKENS.to_owned(), whole.0[IDENTITY].clone());
    assert_eq!(know(&swapped, NOW), (Known::Unreadable, TokensPart::Absent));
    assert!(settled(&store(), &swapped, NOW).0.is_empty());
}

#[test]
fn an_identity_in_pieces_bears_no_tampering() {
    let store = store_for(60_000);
    let claims = serde_json::json!({ "groups": noise(9000) });
    let claims = crate::session::Claims::select(claims.as_object().expect("an object"), ["groups"].into_iter());
    let large = Session { claims, ..session() };
    let mut jar = Jar::default();
    jar.take(&visit(&store, &ring(&[1]), &jar, NOW, |held| sign_in_as(held, large.clone(), tokens())));
    assert_eq!(know(&jar, NOW).0, Known::User(large));
    let pieces: Vec<String> = jar.0.keys().filter(|name| !name.contains(".t")).cloned().collect();
    assert!(pieces.len() > 3);
    let stays_nobody = |tampered: &Jar, what: &str| {
        assert_eq!(know(tampered, NOW).0, Known::Unreadable, "{what}");
        assert!(settled(&store, tampered, NOW).0.is_empty(), "{what}");
    };
    for name in &pieces[1..] {
        let mut lost = jar.clone();
        lost.0.remove(name);
        stays_nobody(&lost, name);
        let mut swapped = jar.clone();
        swapped.0.insert(name.clone(), jar.0[&pieces[0]].clone());
        stays_nobody(&swapped, name);
    }
    let mut extra = jar.clone();
    extra.0.insert(format!("{IDENTITY}.{}", pieces.len()), jar.0[&pieces[1]].clone());
    stays_nobody(&extra, "extra");
}

#[test]
fn a_name_that_came_twice_is_no_session_in_either_order() {
    let store = store();
    let own = signed_in(&store, tokens());
    let (session_b, tokens_b) = other_session();
    let mut foreign = Jar::default();
    foreign.take(&visit(&store, &ring(&[1]), &foreign, NOW, |held| sign_in_as(held, session_b, tokens_b)));
    for (first, second) in [(&own, &foreign), (&foreign, &own)] {
        let mut headers = first.headers();
        headers.append(header::COOKIE, second.headers()[header::COOKIE].clone());
        let cookies = Cookies::read(&headers, &store.settings.names);
        let held = store.presented(&cookies, &ring(&[1]), NOW);
        assert_eq!((held.known.clone(), held.tokens.clone()), (Known::Unreadable, TokensPart::Absent));
        let mut answer = HeaderMap::new();
        store.settle(&held, &held, &cookies, &ring(&[1]), NOW, &mut answer);
        assert_eq!(set_cookies(&answer).iter().filter(|line| line.contains("Max-Age=0")).count(), 2);
    }
}

/// What an attacker does to the cookies of somebody signed in.
fn tampering() -> impl Strategy<Value = Vec<(usize, usize, String)>> {
    let value = prop_oneof!["[a-q]?[A-Za-z0-9_-]{0,60}", Just(String::new())];
    proptest::collection::vec((0usize..3, 0usize..40, value), 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_is_done_to_the_cookies_they_name_this_user_or_none(steps in tampering()) {
        let store = store_for(60_000);
        let mut jar = signed_in(&store, with_access(7000));
        for (what, at, value) in steps {
            let names: Vec<String> = jar.0.keys().cloned().collect();
            match (what, names.get(at % names.len().max(1))) {
                (0, Some(name)) => drop(jar.0.remove(name)),
                (1, Some(name)) => drop(jar.0.insert(name.clone(), value)),
                _ => {
                    let part = if at < 16 { Part::Tokens(at as u8) } else { Part::Identity((at % 16) as u8) };
                    jar.0.insert(store.settings.names.name(part), value);
                }
            }
        }
        let (known, came) = know(&jar, NOW);
        prop_assert!(matches!(&known, Known::Nobody | Known::Unreadable) || known == Known::User(session()));
        prop_assert!(came == TokensPart::Absent || came == opened(with_access(7000)));
        // One answer later nothing is left of what did not open.
        let after = settled(&store, &jar, NOW);
        prop_assert_eq!(settled(&store, &after, NOW), after.clone());
        let parts: Vec<Part> = after.cookies(&store.settings.names).parts().collect();
        prop_assert!(matches!(known, Known::User(_)) || parts.is_empty());
    }
}
