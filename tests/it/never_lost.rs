//! Refreshes that never lose a session: issue 2 §4, before a provider that rotates refresh tokens and revokes the whole family on reuse.

use std::time::Duration;

use tokigate::demo::provider::{Endpoint, Facts, Fault};

use crate::world::{Ask, BAT, Browser, Dice, World, eventually};

/// A hundred requests at once with an expired token; each hangs up after so many milliseconds, or waits for its answer.
async fn round(world: &World, browser: &Browser, dice: &mut Dice, number: u64) {
    let all_leave = number.is_multiple_of(3);
    let mut asking = Vec::new();
    for client in 0..100 {
        let leaves = (all_leave || dice.roll(2) == 0).then(|| Duration::from_micros(dice.roll(15_000) as u64));
        // One at least is there long enough to ask.
        let leaves = leaves.map(|after| if client == 50 { Duration::from_millis(200) } else { after });
        let ask = if client % 3 == 0 { Ask::page("/deep/many") } else { Ask::script("/deep/many") };
        let browser = browser.clone();
        asking.push(tokio::spawn(async move {
            let sending = browser.send_only(ask);
            match leaves {
                Some(after) => tokio::time::timeout(after, sending).await.ok(),
                None => Some(sending.await),
            }
        }));
    }
    let mut replies = Vec::new();
    for asked in asking {
        replies.extend(asked.await.unwrap());
    }
    for reply in &replies {
        assert_eq!(reply.status, 200, "{reply}");
    }
    // The browser stores what came, or nothing of it.
    let stored = if all_leave || replies.is_empty() { None } else { Some(dice.roll(replies.len())) };
    if let Some(stored) = stored {
        browser.take(&replies[stored]);
    }
    // Nobody may be waiting for it, and it comes to its end.
    let calls = world.provider.calls().clone();
    eventually("user info follows the refresh", || calls.count(Endpoint::UserInfo) > number).await;
}

#[tokio::test]
async fn a_hundred_at_once_in_ten_rounds_of_clients_that_hang_up_cost_one_refresh_a_round_and_no_session() {
    for seed in 1..=3 {
        let world = World::new().await;
        let browser = world.signed_in(BAT).await;
        let mut dice = Dice::new(seed);
        for number in 1..=10 {
            world.turn(300);
            // The provider takes its time, so that most leave while it does.
            world.provider.faults().next(
                Endpoint::Refresh,
                1,
                Fault::DelayAnswer(Duration::from_millis(dice.roll(300) as u64)),
            );
            round(&world, &browser, &mut dice, number).await;
            assert_eq!(world.refreshes(), number, "exactly one in round {number} of seed {seed}");
        }
        world.turn(300);
        assert_eq!(browser.load("/deep/last").await.status, 200, "the session is not lost");
        assert_eq!(world.provider.calls().facts(), Facts::default(), "no token was sent twice");
    }
}

#[tokio::test]
async fn everybody_who_waits_gets_the_new_cookie() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    world.turn(61);
    let all = futures_util::future::join_all((0..100).map(|_| browser.send_only(Ask::script("/deep/a")))).await;
    assert!(all.iter().all(|reply| reply.status == 200 && !reply.set_cookies().is_empty()));
    assert_eq!(world.refreshes(), 1);
    // Whichever of them the browser stored last.
    let (first, last) = (browser.copy(), browser.copy());
    first.take(&all[0]);
    last.take(&all[99]);
    for browser in [first, last] {
        assert_eq!(browser.session().await["token_expires_in_seconds"], 60);
    }
}

#[tokio::test]
async fn requests_that_still_carry_the_old_cookie_get_the_newest_result() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    let old = browser.copy();
    world.turn(61);
    browser.load("/deep/a").await;
    for _ in 0..3 {
        let reply = old.send_only(Ask::script("/deep/b")).await;
        assert!(reply.status == 200 && !reply.set_cookies().is_empty(), "{reply}");
    }
    assert_eq!(world.refreshes(), 1);
    assert_eq!(world.provider.calls().facts(), Facts::default());
}

#[tokio::test]
async fn an_older_answer_that_arrives_last_does_no_harm() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    world.turn(61);
    let older = browser.send_only(Ask::page("/deep/a")).await;
    browser.take(&older);
    world.turn(61);
    let newer = browser.send_only(Ask::page("/deep/b")).await;
    browser.take(&newer);
    browser.fetch("/deep/c").await;
    browser.take(&older);
    for seconds in [0, 61, 61] {
        world.turn(seconds);
        assert_eq!(browser.fetch("/deep/d").await.status, 200);
    }
    assert_eq!(world.provider.calls().facts(), Facts::default());
}

#[tokio::test]
async fn a_result_that_no_browser_has_been_seen_with_is_kept_for_hours() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    world.turn(61);
    // The answer goes to nobody.
    let hold = world.provider.faults().hold(Endpoint::Refresh);
    tokio::select! {
        _ = browser.send_only(Ask::page("/deep/a")) => panic!("it waits"),
        () = hold.arrived(1) => {}
    }
    hold.release();
    world.provider.faults().clear();
    world.counts("tokigate_refreshes_total{result=\"renewed\"} 1").await;
    world.turn(6 * 3600);
    assert_eq!(browser.load("/deep/b").await.status, 200);
    assert_eq!((world.refreshes(), world.provider.calls().facts()), (2, Facts::default()));
}

#[tokio::test]
async fn one_refresh_for_one_session_and_each_session_its_own() {
    let world = World::new().await;
    let mut browsers = Vec::new();
    for _ in 0..10 {
        browsers.push(world.signed_in(BAT).await);
    }
    world.turn(61);
    let asks = browsers.iter().flat_map(|browser| (0..10).map(move |_| browser.send_only(Ask::script("/deep/a"))));
    let all = futures_util::future::join_all(asks).await;
    assert!(all.iter().all(|reply| reply.status == 200));
    assert_eq!(world.refreshes(), 10);
}

#[tokio::test]
async fn a_departing_client_cancels_no_refresh() {
    let world = World::new().await;
    let mut dice = Dice::new(7);
    let browser = world.signed_in(BAT).await;
    for number in 1..=60 {
        world.turn(61);
        let leaves = Duration::from_micros(dice.roll(3_000) as u64);
        let _ = tokio::time::timeout(leaves, browser.send_only(Ask::script("/deep/a"))).await;
        // Comes again with the cookie it has, as if nothing had been.
        let reply = browser.fetch("/deep/a").await;
        assert_eq!((reply.status, world.refreshes()), (200, number));
    }
    assert_eq!(world.provider.calls().facts(), Facts::default());
}

#[tokio::test]
async fn invalid_grant_ends_the_session_for_scripts_with_401_and_its_cookies_go() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    world.provider.revoke_user(BAT);
    world.turn(61);
    let reply = browser.fetch("/deep/a").await;
    assert_eq!((reply.status, browser.names()), (401, Vec::new()), "{reply}");
    assert_eq!(world.refreshes(), 1);
}

#[tokio::test]
async fn invalid_grant_sends_a_page_load_to_sign_in_and_back() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    let old = browser.copy();
    world.provider.revoke_user(BAT);
    world.turn(61);
    let start = browser.load("/deep/again?x").await;
    assert!(start.status == 302 && start.location().contains("/oauth2/authorize?"), "{start}");
    let base = world.setup.cookie();
    assert!(browser.names().iter().all(|name| name.starts_with(&format!("{base}.a"))), "{:?}", browser.names());
    let back = browser.at_provider(&start, BAT).await;
    let done = browser.come_back(&back).await;
    assert_eq!(browser.inside(&done.location()).as_deref(), Some("/deep/again?x"));
    // The old cookies do not try their token again.
    assert_eq!(old.fetch("/deep/a").await.status, 401);
    assert_eq!(world.refreshes(), 1);
}

#[tokio::test]
async fn invalid_grant_beside_a_request_does_not_spoil_that_request() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    world.provider.revoke_user(BAT);
    world.turn(45);
    let reply = browser.load("/deep/a").await;
    assert_eq!(reply.status, 200, "its token was still good: {reply}");
    assert!(browser.names().iter().all(|name| name.ends_with(".back")), "{:?}", browser.names());
    assert_eq!(browser.fetch("/deep/a").await.status, 401);
}

#[tokio::test]
async fn a_lost_answer_is_retried_and_invalid_grant_then_ends_it_without_a_loop() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    world.turn(61);
    world.provider.faults().next(Endpoint::Refresh, 1, Fault::LoseAnswer);
    // The provider has rotated, the answer never came: it looks like an outage, and is served as one.
    assert_eq!(browser.fetch("/deep/a").await.status, 200);
    assert_eq!(world.refreshes(), 1);
    let mut last = 200;
    for _ in 0..20 {
        world.turn(10);
        last = browser.fetch("/deep/a").await.status;
        if last != 200 {
            break;
        }
    }
    assert_eq!((last, browser.names()), (401, Vec::new()));
    assert_eq!(world.refreshes(), 2, "once more, and no more");
}

#[tokio::test]
async fn any_other_failure_ends_nothing() {
    for fault in [
        Fault::status(500, ""),
        Fault::html(503),
        Fault::html(200),
        Fault::status(400, r#"{"error":"invalid_request"}"#),
        Fault::status(400, r#"{"error":"temporarily_unavailable"}"#),
        Fault::status(401, r#"{"error":"invalid_client"}"#),
        Fault::status(400, r#"{"error":"unauthorized_client"}"#),
        Fault::status(429, ""),
        Fault::status(200, "{}"),
        Fault::HangUp,
        Fault::Huge(10 << 20),
    ] {
        let world = World::new().await;
        let browser = world.signed_in(BAT).await;
        world.turn(61);
        world.provider.faults().set(Endpoint::Refresh, fault.clone());
        let reply = browser.fetch("/deep/a").await;
        assert_eq!((reply.status, reply.set_cookies().len()), (200, 0), "{fault:?}: {reply}");
        world.provider.faults().clear();
        world.turn(60);
        assert_eq!(browser.fetch("/deep/a").await.status, 200, "{fault:?}");
        assert_eq!(browser.session().await["token_expires_in_seconds"], 60, "{fault:?}: refreshed at last");
    }
}
