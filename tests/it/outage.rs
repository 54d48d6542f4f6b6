//! The provider is away: issue 2 §4, interface.md `outage_grace`.

use std::time::Duration;

use tokigate::demo::provider::{Endpoint, Fault};

use crate::world::{Ask, BAT, World, eventually};

#[tokio::test]
async fn a_session_is_served_for_the_grace_then_503_and_the_return_is_noticed() {
    let world = World::with(|setup| setup.session("outage_grace", "\"2m\"")).await;
    let browser = world.signed_in(BAT).await;
    world.provider.faults().down(true);
    world.turn(61);
    for _ in 0..11 {
        let reply = browser.fetch("/deep/a").await;
        assert_eq!((reply.status, reply.set_cookies().len()), (200, 0), "{reply}");
        world.turn(10);
    }
    world.turn(10);
    let names = browser.names();
    for ask in [Ask::page("/deep/a"), Ask::script("/deep/a"), Ask::page("/oauth2/refresh").method("POST")] {
        let reply = browser.send(ask.clone()).await;
        assert_eq!((reply.status, reply.header("location")), (503, None), "{ask:?}: {reply}");
        assert!(reply.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
        assert_eq!(browser.names(), names, "the cookies stay");
    }
    assert!(browser.load("/deep/a").await.is_html());
    assert_eq!(browser.fetch("/deep/a").await.header("content-type"), Some("application/problem+json"));
    // Back: the first refresh that works brings the session back.
    world.provider.faults().down(false);
    let mut back = 0;
    for _ in 0..30 {
        world.turn(10);
        back = browser.fetch("/deep/b").await.status;
        if back == 200 {
            break;
        }
    }
    assert_eq!(back, 200, "the return is noticed");
    assert_eq!(browser.session().await["token_expires_in_seconds"], 60);
}

#[tokio::test]
async fn retries_are_spaced() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    world.turn(61);
    world.provider.faults().set(Endpoint::Refresh, Fault::status(503, ""));
    for _ in 0..50 {
        assert_eq!(browser.fetch("/deep/a").await.status, 200);
    }
    assert!(world.refreshes() <= 2, "{} at one moment", world.refreshes());
    for _ in 0..60 {
        world.turn(1);
        browser.fetch("/deep/a").await;
    }
    let in_a_minute = world.refreshes();
    assert!((2..=20).contains(&in_a_minute), "{in_a_minute} in a minute");
}

#[tokio::test]
async fn a_herd_of_sessions_does_not_trample_a_provider_that_is_down() {
    let world = World::new().await;
    let mut browsers = Vec::new();
    for _ in 0..30 {
        browsers.push(world.signed_in(BAT).await);
    }
    world.turn(61);
    world.provider.faults().set(Endpoint::Refresh, Fault::status(503, ""));
    for _ in 0..10 {
        let all = futures_util::future::join_all(browsers.iter().map(|browser| browser.fetch("/deep/a"))).await;
        assert!(all.iter().all(|reply| reply.status == 200));
        world.turn(1);
    }
    // Every session every second would be three hundred.
    assert!(world.refreshes() <= 60, "{}", world.refreshes());
    world.provider.faults().clear();
    world.turn(120);
    for browser in &browsers {
        let mut refreshed = false;
        for _ in 0..20 {
            assert_eq!(browser.fetch("/deep/a").await.status, 200);
            refreshed = browser.session().await["token_expires_in_seconds"] != 0;
            if refreshed {
                break;
            }
            world.turn(5);
        }
        assert!(refreshed, "no session that was refreshable is lost");
    }
}

#[tokio::test]
async fn the_lifetime_ends_a_session_during_an_outage_too() {
    let world = World::with(|setup| {
        setup.session("lifetime", "\"3m\"");
        setup.session("outage_grace", "\"1h\"");
    });
    let world = world.await;
    let browser = world.signed_in(BAT).await;
    world.provider.faults().down(true);
    world.turn(170);
    assert_eq!(browser.fetch("/deep/a").await.status, 200);
    world.turn(11);
    browser.jar().keep_for_ever();
    assert_eq!(browser.fetch("/deep/a").await.status, 401);
}

#[tokio::test]
async fn public_and_optional_paths_do_not_notice_an_outage() {
    let world = World::with(|setup| {
        setup.rule("/public/**", "public");
        setup.rule("/deep/optional/**", "optional");
        setup.session("outage_grace", "\"0s\"");
    });
    let world = world.await;
    let browser = world.signed_in(BAT).await;
    world.provider.faults().down(true);
    world.turn(61);
    assert_eq!(browser.load("/public/a").await.status, 200);
    assert_eq!(browser.load("/deep/optional/a").await.status, 200);
    assert_eq!(world.told("x-forwarded-user"), None, "nobody, as long as nobody knows");
    assert_eq!(browser.load("/deep/a").await.status, 503);
    assert_eq!(browser.load("/oauth2/sign_out").await.status, 200, "nobody is kept from leaving");
    assert!(!browser.is_signed_in().await);
}

#[tokio::test]
async fn a_slow_provider_holds_up_nobody_whose_token_is_good() {
    let world = World::new().await;
    let (waiting, fresh) = (world.signed_in(BAT).await, world.signed_in(BAT).await);
    world.turn(61);
    assert_eq!(fresh.fetch("/deep/a").await.status, 200);
    let hold = world.provider.faults().hold(Endpoint::Refresh);
    let asking = tokio::spawn(async move { waiting.fetch("/deep/waits").await });
    hold.arrived(1).await;
    let began = tokio::time::Instant::now();
    for _ in 0..50 {
        assert_eq!(fresh.fetch("/deep/b").await.status, 200);
    }
    assert!(began.elapsed() < Duration::from_secs(5));
    hold.release();
    assert_eq!(asking.await.unwrap().status, 200);
}

#[tokio::test]
async fn a_provider_that_is_down_at_the_start_is_waited_for() {
    let mut world = World::without_gate(|setup| setup.oidc()).await;
    world.provider.faults().down(true);
    world.start();
    world.until_degraded(true).await;
    let page = world.browser().load("/deep/a").await;
    assert!(page.status == 502 || page.status == 503, "{page}");
    assert!(page.is_html() && page.header("location").is_none());
    assert_eq!(world.browser().fetch("/deep/a").await.status, 401, "who is nobody is nobody all the same");
    world.provider.faults().down(false);
    // It comes back by itself: nobody restarts anything.
    for _ in 0..100 {
        world.turn(5);
        tokio::time::sleep(Duration::from_millis(20)).await;
        if !world.admin("/readyz").await.text().contains("provider") {
            break;
        }
    }
    world.until_degraded(false).await;
    assert_eq!(world.browser().sign_in(BAT, "/deep/a").await.status, 200);
}

#[tokio::test]
async fn a_provider_that_says_it_is_another_is_not_believed() {
    let world = World::with(|setup| {
        setup.oidc();
        setup.options.issuer = Some("https://other.example".to_owned());
    });
    let world = world.await;
    let calls = world.provider.calls().clone();
    eventually("discovery is tried", || calls.count(Endpoint::Discovery) >= 1).await;
    world.until_degraded(true).await;
    let page = world.browser().load("/deep/a").await;
    assert!((502..=503).contains(&page.status), "{page}");
}

#[tokio::test]
async fn keys_that_are_known_outlive_an_outage_of_their_address() {
    let world = World::oidc(|_| {}).await;
    world.signed_in(BAT).await;
    world.provider.faults().set(Endpoint::Jwks, Fault::status(500, ""));
    world.provider.faults().set(Endpoint::Discovery, Fault::status(500, ""));
    for _ in 0..5 {
        world.turn(24 * 3600);
        world.signed_in(BAT).await;
    }
}

#[tokio::test]
async fn the_toki_preset_starts_without_its_provider_and_works_when_it_comes() {
    let mut world = World::without_gate(|_| {}).await;
    world.provider.faults().down(true);
    world.start();
    assert_eq!(world.admin("/readyz").await.status, 200);
    assert_eq!(world.admin("/healthz").await.status, 200);
    let browser = world.browser();
    let start = browser.load("/deep/a").await;
    assert_eq!(start.status, 302, "its addresses are known: {start}");
    world.provider.faults().down(false);
    let back = browser.at_provider(&start, BAT).await;
    world.provider.faults().down(true);
    let failed = browser.come_back(&back).await;
    assert!(failed.status == 502 && failed.is_html(), "{failed}");
    world.provider.faults().down(false);
    assert_eq!(browser.sign_in(BAT, "/deep/a").await.status, 200);
}

#[tokio::test]
async fn sessions_of_before_live_on_while_discovery_waits() {
    let mut world = World::oidc(|_| {}).await;
    let browser = world.signed_in(BAT).await;
    world.provider.faults().down(true);
    world.restart(|_| {});
    assert_eq!(browser.fetch("/deep/a").await.status, 200);
    world.turn(61);
    assert_eq!(browser.fetch("/deep/a").await.status, 200, "within the grace");
    world.provider.faults().down(false);
    let calls = world.provider.calls().clone();
    let before = calls.count(Endpoint::Refresh);
    for _ in 0..100 {
        world.turn(2);
        tokio::time::sleep(Duration::from_millis(10)).await;
        browser.fetch("/deep/a").await;
        if calls.count(Endpoint::Refresh) > before {
            break;
        }
    }
    eventually("refreshed once discovery is through", || calls.count(Endpoint::Refresh) == before + 1).await;
    assert_eq!(browser.fetch("/deep/a").await.status, 200);
}
