//! Cookies that somebody made up, cut, doubled or carried over: all of them are simply no session. Security.md 2.4.

use crate::world::{Ask, BAT, CLIENT, SARAA, World};

#[tokio::test]
async fn a_session_cookie_of_another_client_opens_nothing() {
    let mut world = World::new().await;
    let browser = world.signed_in(BAT).await;
    assert!(browser.is_signed_in().await);
    world.restart(|setup| setup.set("provider", "client_id", "\"9c6dbbd8-0000-4000-8000-000000000001\""));
    assert_eq!(browser.copy().fetch("/deep/a").await.status, 401);
    world.restart(|setup| setup.set("provider", "client_id", &format!("\"{CLIENT}\"")));
    assert_eq!(browser.fetch("/deep/a").await.status, 200, "the same key, the same client");
}

#[tokio::test]
async fn a_session_cookie_of_another_name_opens_nothing() {
    let world = World::with(|setup| {
        setup.https();
        setup.session("cookie_name", "\"__Host-tokigate-a\"");
    });
    let mut world = world.await;
    let browser = world.signed_in(BAT).await;
    world.restart(|setup| setup.session("cookie_name", "\"__Host-tokigate-b\""));
    let cookies = browser.cookies();
    for cookie in cookies {
        browser.jar().put(&cookie.name.replace("__Host-tokigate-a", "__Host-tokigate-b"), &cookie.value);
    }
    assert_eq!(browser.fetch("/deep/a").await.status, 401);
}

#[tokio::test]
async fn a_cookie_that_was_touched_is_no_session() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    let name = world.setup.cookie();
    let value = browser.jar().get(&name).unwrap().value.clone();
    let mut touched: Vec<String> = (0..value.len()).step_by(7).map(|at| value[..at].to_owned()).collect();
    for at in (0..value.len()).step_by(11) {
        let mut bytes = value.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        touched.push(String::from_utf8(bytes).unwrap());
    }
    touched.extend([format!("{value}A"), format!("{value}="), format!("\"{value}\""), value.replace(['-', '_'], "+")]);
    world.app.requests().clear();
    for value in touched.iter().filter(|touched| **touched != value) {
        let forged = browser.copy();
        forged.jar().put(&name, value);
        let reply = forged.fetch("/deep/a").await;
        assert_eq!(reply.status, 401, "{value}");
    }
    assert_eq!(world.seen(), Vec::<String>::new());
}

#[tokio::test]
async fn whatever_is_wrong_with_it_the_answer_is_the_same() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    let name = world.setup.cookie();
    let value = browser.jar().get(&name).unwrap().value.clone();
    let mut answers = Vec::new();
    for forged in
        ["garbage".to_owned(), value[..20].to_owned(), format!("{}AAAA", &value[..value.len() - 4]), String::new()]
    {
        let browser = world.browser();
        browser.jar().put(&name, &forged);
        let mut reply = browser.fetch("/deep/a").await;
        reply.headers.remove("x-request-id");
        reply.headers.remove("date");
        answers.push((reply.status, format!("{:?}", reply.headers), reply.text()));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
}

#[tokio::test]
async fn what_is_no_session_is_taken_from_the_browser_and_signing_in_works() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    let name = world.setup.cookie();
    browser.jar().put(&name, "garbage");
    let start = browser.load("/deep/a").await;
    assert_eq!(start.status, 302);
    assert!(browser.jar().get(&name).is_none(), "{start}");
    let back = world.allow(&start, SARAA).await;
    browser.come_back(&back).await;
    browser.load("/deep/a").await;
    assert_eq!(world.told("x-forwarded-user").as_deref(), Some(SARAA));
}

#[tokio::test]
async fn of_two_cookies_of_one_name_neither_counts() {
    let world = World::new().await;
    let (bat, saraa) = (world.signed_in(BAT).await, world.signed_in(SARAA).await);
    let (one, two) = (bat.cookie_line(), saraa.cookie_line());
    for line in [format!("{one}; {two}"), format!("{two}; {one}")] {
        let reply = world.curl(Ask::script("/deep/a").with("cookie", &line)).await;
        assert_eq!(reply.status, 401, "{reply}");
    }
}

#[tokio::test]
async fn a_cookie_line_in_two_lines_is_one() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    let mut ask = Ask::script("/deep/a").and("cookie", "first=1");
    for pair in browser.cookie_line().split("; ") {
        ask = ask.and("cookie", pair);
    }
    assert_eq!(world.curl(ask.and("cookie", "last=2")).await.status, 200);
    let head = world.app.requests().last().unwrap();
    let lines = head.lines("cookie").join("; ");
    assert_eq!(lines, "first=1; last=2");
}

#[tokio::test]
async fn nonsense_in_a_cookie_line_hurts_nobody() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    let good = browser.cookie_line();
    for nonsense in [";;;", "a", "=;", "=", "\"", "a=\"b", &"x=y; ".repeat(1000), &format!("{}=", world.setup.cookie())]
    {
        let line = format!("{nonsense}; {good}");
        let reply = world.curl(Ask::script("/deep/a").with("cookie", &line)).await;
        // A second cookie of the session's name makes both worth nothing; everything else is passed over.
        let expected = if nonsense.starts_with("tokigate-") { 401 } else { 200 };
        assert_eq!(reply.status, expected, "{nonsense}");
    }
}

#[tokio::test]
async fn sixty_four_kilobytes_of_cookies_are_431() {
    let world = World::new().await;
    let line = format!("x={}", "y".repeat(70_000));
    let reply = world.curl(Ask::page("/deep/a").with("cookie", &line)).await;
    assert_eq!((reply.status, reply.header("location")), (431, None), "{reply}");
}

#[tokio::test]
async fn a_hundred_forged_pieces_are_bounded_and_nobodys() {
    let world = World::new().await;
    let base = world.setup.cookie();
    let line: Vec<String> =
        (0..300).flat_map(|n| [format!("{base}.{n}=A"), format!("{base}.t{n}=A"), format!("{base}.a{n}=A")]).collect();
    let reply = world.curl(Ask::script("/deep/a").with("cookie", &line.join("; "))).await;
    assert_eq!(reply.status, 401);
    assert!(reply.set_cookies().len() < 64, "{}", reply.set_cookies().len());
}

#[tokio::test]
async fn cookies_of_any_tokigate_never_reach_the_application_all_others_do_byte_for_byte() {
    let world = World::with(|setup| setup.rule("/public/**", "public")).await;
    let browser = world.signed_in(BAT).await;
    let ours = browser.cookie_line();
    let others = ["a=1", "b=\"x y\"", "tokigateway=2", "__Host-other=3", "c==;", "Tokigate-9=4"].join("; ");
    let line = format!("{others}; {ours}; tokigate-1=x; __Host-tokigate=y; __Host-tokigate-app1.t0=z; d=%20,5");
    for target in ["/headers", "/public/headers"] {
        let reply = world.curl(Ask::script(target).with("cookie", &line)).await;
        assert_eq!(reply.status, 200);
        let seen = world.told("cookie").unwrap();
        assert!(!seen.contains("tokigate-") && !seen.contains("__Host-tokigate"), "{target}: {seen}");
        for kept in ["a=1", "b=\"x y\"", "tokigateway=2", "__Host-other=3", "Tokigate-9=4", "d=%20,5"] {
            assert!(seen.contains(kept), "{target}: {kept} in {seen}");
        }
    }
}

#[tokio::test]
async fn the_application_sets_none_of_ours_and_all_of_its_own() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    let base = world.setup.cookie();
    let reply =
        browser.send_only(Ask::script(&format!("/set-cookie?a=1&{base}=x&{base}.t0=y&__Host-tokigate=z&b=2"))).await;
    assert_eq!(reply.set_cookies(), ["a=1; Path=/", "b=2; Path=/"]);
}

#[tokio::test]
async fn cookies_that_another_gate_left_behind_are_dropped_and_expired() {
    let world = World::with(|setup| setup.session("drop_cookies", "[\"_oauth2_proxy*\", \"legacy\"]")).await;
    let browser = world.signed_in(BAT).await;
    for name in ["_oauth2_proxy", "_oauth2_proxy_0", "legacy", "kept"] {
        browser.jar().put(name, "1");
    }
    browser.load("/headers").await;
    assert_eq!(world.told("cookie").as_deref(), Some("kept=1"));
    let left = browser.names();
    assert!(
        left.contains(&"kept".to_owned()) && !left.iter().any(|name| name.contains("oauth2_proxy") || name == "legacy"),
        "{left:?}"
    );
}

#[tokio::test]
async fn a_known_cookie_planted_before_signing_in_is_worth_nothing_after() {
    let world = World::new().await;
    let attacker = world.signed_in(BAT).await;
    let victim = world.browser();
    for cookie in attacker.cookies() {
        victim.jar().put(&cookie.name, &cookie.value);
    }
    assert_eq!(victim.sign_in_by("/oauth2/start?rd=/deep/a", SARAA).await, "/deep/a");
    victim.load("/deep/a").await;
    assert_eq!(world.told("x-forwarded-user").as_deref(), Some(SARAA));
    assert!(!attacker.is_signed_in().await, "the planted session ended with the sign-in over it");
}
