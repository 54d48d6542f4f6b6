//! What is written, when, and how.

use super::*;

#[test]
fn nobody_with_nothing_gets_nothing() {
    let headers = visit(&store(), &ring(&[1]), &Jar::default(), NOW, |_| {});
    assert!(headers.is_empty());
}

#[test]
fn an_unchanged_session_writes_nothing() {
    let store = store();
    let jar = signed_in(&store, with_access(6000));
    let cookies = jar.cookies(&store.settings.names);
    let headers = visit(&store, &ring(&[1]), &jar, after(100), |held| {
        held.tokens = store.tokens(held, &cookies, &ring(&[1]));
        assert!(matches!(held.tokens, TokensPart::Opened(_)));
    });
    assert!(headers.is_empty(), "{headers:?}");
}

#[test]
fn cookies_are_hardened() {
    let store = store();
    let headers = visit(&store, &ring(&[1]), &Jar::default(), NOW, |held| sign_in_as(held, session(), tokens()));
    for line in set_cookies(&headers) {
        assert!(line.starts_with("__Host-tokigate"), "{line}");
        let (_, attributes) = line.split_once("; ").expect("attributes");
        let expected = if line.contains("=; ") { 0 } else { 12 * 3600 };
        assert_eq!(attributes, format!("Path=/; Max-Age={expected}; HttpOnly; SameSite=Lax; Secure"));
    }
    assert!(headers.get_all(header::SET_COOKIE).iter().all(HeaderValue::is_sensitive));
}

#[test]
fn on_loopback_http_they_are_not_secure_and_strict_where_that_is_set() {
    let names = CookieNames { base: "tokigate-4180".to_owned(), secure: false, drop: Vec::new() };
    let store = CookieStore::new(Settings { names, same_site: SameSite::Strict, ..settings() });
    let headers = visit(&store, &ring(&[1]), &Jar::default(), NOW, |held| {
        sign_in_as(held, session(), tokens());
        held.signed_out = true;
    });
    for line in set_cookies(&headers) {
        let same_site = if line.starts_with("tokigate-4180.out=") { "Lax" } else { "Strict" };
        assert!(line.ends_with(&format!("; HttpOnly; SameSite={same_site}")), "{line}");
    }
}

#[test]
fn a_name_longer_than_a_cookie_breaks_nothing() {
    let names = CookieNames { base: "n".repeat(5000), secure: true, drop: Vec::new() };
    let store = CookieStore::new(Settings { names, ..settings() });
    let headers = visit(&store, &ring(&[1]), &Jar::default(), NOW, |held| sign_in_as(held, session(), tokens()));
    assert!(!set_cookies(&headers).is_empty());
    assert!(store.fits(&session(), &tokens()).is_err());
}

#[test]
fn max_age_is_what_is_left_and_never_zero() {
    let store = store();
    let identity = |now| {
        let session = Session { seen_at: now, ..session() };
        let headers = visit(&store, &ring(&[1]), &Jar::default(), now, |held| sign_in_as(held, session, tokens()));
        set_cookies(&headers)[0].split("; ").nth(2).expect("Max-Age").to_owned()
    };
    assert_eq!(identity(after(3600)), "Max-Age=39600");
    assert_eq!(identity(NOW + Duration::from_millis(12 * 3_600_000 - 1)), "Max-Age=1");
}

#[test]
fn where_idleness_counts_the_identity_goes_earlier_than_the_tokens() {
    let lifetimes = Lifetimes { idle_timeout: Some(Duration::from_secs(900)), ..Lifetimes::default() };
    let store = CookieStore::new(Settings { lifetimes, ..settings() });
    let headers = visit(&store, &ring(&[1]), &Jar::default(), NOW, |held| sign_in_as(held, session(), tokens()));
    let lines = set_cookies(&headers);
    assert!(lines[0].starts_with("__Host-tokigate=") && lines[0].contains("Max-Age=900;"), "{lines:?}");
    assert!(lines[2].starts_with("__Host-tokigate.t0=") && lines[2].contains("Max-Age=43200;"), "{lines:?}");
}

#[test]
fn activity_is_written_without_touching_the_tokens() {
    let lifetimes = Lifetimes { idle_timeout: Some(Duration::from_secs(900)), ..Lifetimes::default() };
    let store = CookieStore::new(Settings { lifetimes: lifetimes.clone(), ..settings() });
    let jar = signed_in(&store, tokens());
    let headers = visit(&store, &ring(&[1]), &jar, after(100), |held| {
        let Known::User(session) = &held.known else { panic!("signed in") };
        held.known = Known::User(session.touched(&lifetimes, after(100)).expect("due"));
    });
    assert!(set_cookies(&headers).iter().all(|line| !line.contains(".t")), "{headers:?}");
    let mut jar = jar;
    jar.take(&headers);
    assert!(matches!(recognised(&store, &ring(&[1]), &jar, after(950)).0, Known::User(_)));
}

#[test]
fn an_answer_that_sets_a_cookie_is_not_cacheable_whatever_the_application_says() {
    let store = store();
    let (cookies, keys) = (Cookies::default(), ring(&[1]));
    let before = store.presented(&cookies, &keys, NOW);
    let mut held = before.clone();
    let mut headers = HeaderMap::new();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=600"));
    headers.append(header::CACHE_CONTROL, HeaderValue::from_static("immutable"));
    headers.insert("cdn-cache-control", HeaderValue::from_static("max-age=600"));
    headers.append(header::SET_COOKIE, HeaderValue::from_static("app=1"));
    let untouched = headers.clone();
    store.settle(&before, &held, &cookies, &keys, NOW, &mut headers);
    assert_eq!(headers, untouched);

    sign_in_as(&mut held, session(), tokens());
    store.settle(&before, &held, &cookies, &keys, NOW, &mut headers);
    assert_eq!(headers.get_all(header::CACHE_CONTROL).iter().collect::<Vec<_>>(), ["no-store"]);
    assert!(!headers.contains_key("cdn-cache-control"));
    assert_eq!(set_cookies(&headers)[0], "app=1");
}

#[test]
fn a_refresh_writes_both_parts() {
    let store = store();
    let mut jar = signed_in(&store, with_access(500));
    let renewed = Session { generation: 1, token_expires_at: after(7200), ..session() };
    let fresh = Tokens { generation: 1, ..with_access(600) };
    jar.take(&visit(&store, &ring(&[1]), &jar, NOW, |held| sign_in_as(held, renewed.clone(), fresh.clone())));
    assert_eq!(recognised(&store, &ring(&[1]), &jar, NOW), (Known::User(renewed), TokensPart::Opened(Arc::new(fresh))));
}

#[test]
fn signing_out_deletes_what_came_with_the_attributes_it_was_set_with() {
    let store = store();
    let mut jar = signed_in(&store, with_access(4500));
    assert!(jar.0.len() >= 3);
    let headers = visit(&store, &ring(&[1]), &jar, NOW, |held| {
        held.known = Known::Nobody;
        held.tokens = TokensPart::Absent;
        held.signed_out = true;
    });
    for line in set_cookies(&headers).iter().filter(|line| !line.contains(".out=")) {
        assert!(line.ends_with("=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure"), "{line}");
    }
    jar.take(&headers);
    assert_eq!(jar.0.keys().collect::<Vec<_>>(), ["__Host-tokigate.out"]);

    let cookies = jar.cookies(&store.settings.names);
    assert!(store.presented(&cookies, &ring(&[1]), NOW).signed_out);
    jar.take(&visit(&store, &ring(&[1]), &jar, NOW, |held| held.signed_out = false));
    assert!(jar.0.is_empty());
}

#[test]
fn a_session_that_another_answer_cleared_leaves_the_cookies_alone() {
    let store = store();
    let jar = signed_in(&store, tokens());
    let headers = visit(&store, &ring(&[1]), &jar, NOW, |held| {
        held.known = Known::Unreadable;
        held.tokens = TokensPart::Absent;
    });
    assert!(headers.is_empty(), "{headers:?}");
}

#[test]
fn while_the_provider_is_away_the_cookies_stay() {
    let store = store();
    let jar = signed_in(&store, tokens());
    let away = Known::Unsure { retry_after: Duration::from_secs(5) };
    assert!(visit(&store, &ring(&[1]), &jar, NOW, |held| held.known = away).is_empty());
}

#[test]
fn a_session_that_is_over_is_none_and_its_cookies_go() {
    let store = store();
    let mut jar = signed_in(&store, tokens());
    assert_eq!(recognised(&store, &ring(&[1]), &jar, after(12 * 3600)).0, Known::Unreadable);
    jar.take(&visit(&store, &ring(&[1]), &jar, after(12 * 3600), |_| {}));
    assert!(jar.0.is_empty());
}

#[test]
fn what_an_old_key_sealed_is_sealed_anew_once_the_new_one_seals() {
    let store = store();
    let mut jar = signed_in(&store, with_access(4500));
    let expected = recognised(&store, &ring(&[1]), &jar, NOW);
    assert!(visit(&store, &ring(&[1, 2]), &jar, NOW, |_| {}).is_empty());

    let both = ring(&[2, 1]);
    assert_eq!(recognised(&store, &both, &jar, NOW), expected);
    jar.take(&visit(&store, &both, &jar, NOW, |_| {}));
    assert_eq!(recognised(&store, &ring(&[2]), &jar, NOW), expected);
    assert!(visit(&store, &both, &jar, NOW, |_| {}).is_empty());
}

#[test]
fn tokens_of_an_old_key_beside_an_identity_of_the_new_are_sealed_anew() {
    let store = store();
    let mut jar = signed_in(&store, with_access(500));
    let old_tokens = jar.0["__Host-tokigate.t0"].clone();
    jar.take(&visit(&store, &ring(&[2, 1]), &jar, NOW, |_| {}));
    jar.0.insert("__Host-tokigate.t0".to_owned(), old_tokens);
    jar.take(&visit(&store, &ring(&[2, 1]), &jar, NOW, |_| {}));
    let (_, tokens) = recognised(&store, &ring(&[2]), &jar, NOW);
    assert_eq!(tokens, TokensPart::Opened(Arc::new(with_access(500))));
}

#[test]
fn of_two_keys_only_the_new_is_left_and_old_cookies_are_no_session() {
    let store = store();
    let mut jar = signed_in(&store, tokens());
    assert_eq!(recognised(&store, &ring(&[2]), &jar, NOW), (Known::Unreadable, TokensPart::Absent));
    jar.take(&visit(&store, &ring(&[2]), &jar, NOW, |_| {}));
    assert!(jar.0.is_empty());
}

#[test]
fn what_another_gate_left_behind_is_expired_on_sight() {
    let mut settings = settings();
    settings.names.drop = vec![NamePattern("_oauth2_proxy*".to_owned())];
    let store = CookieStore::new(settings);
    let mut jar = Jar::default();
    jar.0.extend(
        [("_oauth2_proxy_0", "x"), ("_oauth2_proxy", "y"), ("mine", "z")].map(|(k, v)| (k.to_owned(), v.to_owned())),
    );
    let headers = visit(&store, &ring(&[1]), &jar, NOW, |_| {});
    assert_eq!(headers[header::CACHE_CONTROL], "no-store");
    jar.take(&headers);
    assert_eq!(jar.0.keys().collect::<Vec<_>>(), ["mine"]);
}
