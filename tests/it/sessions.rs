//! How long a session lasts: interface.md, `[session]`.

use tokigate::demo::provider::{Endpoint, ExpiresIn, Fault};

use crate::world::{Ask, BAT, World};

#[tokio::test]
async fn without_a_refresh_token_it_lasts_its_lifetime_and_the_stale_token_is_not_passed_on() {
    let world = World::with(|setup| {
        setup.options.answers.refresh_token = false;
        setup.set("identity", "access_token", "\"x-forwarded-access-token\"");
    });
    let world = world.await;
    let browser = world.signed_in(BAT).await;
    assert!(world.told("x-forwarded-access-token").is_some());
    world.turn(61);
    assert_eq!(browser.fetch("/deep/a").await.status, 200);
    assert_eq!(world.told("x-forwarded-access-token"), None);
    world.turn(12 * 3600 - 62);
    assert_eq!(browser.fetch("/deep/a").await.status, 200);
    world.turn(2);
    assert_eq!(browser.fetch("/deep/a").await.status, 401);
}

#[tokio::test]
async fn with_end_with_token_it_ends_with_the_token() {
    let world = World::with(|setup| {
        setup.options.answers.refresh_token = false;
        setup.session("end_with_token", "true");
    });
    let world = world.await;
    let browser = world.signed_in(BAT).await;
    browser.jar().keep_for_ever();
    world.turn(59);
    assert_eq!(browser.fetch("/deep/a").await.status, 200);
    world.turn(2);
    assert_eq!(browser.fetch("/deep/a").await.status, 401);
}

#[tokio::test]
async fn no_expires_in_counts_as_an_hour_where_there_is_a_refresh_token() {
    let world = World::with(|setup| setup.options.answers.expires_in = ExpiresIn::Absent).await;
    let browser = world.signed_in(BAT).await;
    assert_eq!(browser.session().await["token_expires_in_seconds"], 3600);
    world.turn(3601);
    assert_eq!(browser.fetch("/deep/a").await.status, 200);
    assert_eq!(world.refreshes(), 1);
}

#[tokio::test]
async fn no_expires_in_and_no_refresh_token_counts_as_the_lifetime() {
    let world = World::with(|setup| {
        setup.options.answers.expires_in = ExpiresIn::Absent;
        setup.options.answers.refresh_token = false;
        setup.session("end_with_token", "true");
    });
    let world = world.await;
    let browser = world.signed_in(BAT).await;
    world.turn(12 * 3600 - 2);
    assert_eq!(browser.fetch("/deep/a").await.status, 200);
    world.turn(3);
    assert_eq!(browser.fetch("/deep/a").await.status, 401);
}

#[tokio::test]
async fn an_expires_in_that_is_none_is_neither_believed_nor_refreshed_at_every_request() {
    for odd in ["0", "-5", "1e300", "99999999999999999999", "\"abc\"", "\"\"", "null", "true", "[]", "1.5", "\"60\""] {
        let world = World::with(|setup| {
            setup.set("provider", "userinfo", "\"off\"");
            setup.set("provider", "scopes", "[\"offline_access\"]");
        });
        let world = world.await;
        let answer = format!(
            r#"{{"access_token":"a","token_type":"Bearer","expires_in":{odd},"refresh_token":"r","userId":"u1"}}"#
        );
        world.provider.faults().set(Endpoint::Token, Fault::status(200, &answer));
        let browser = world.browser();
        let back = world.allow(&browser.load("/deep/a").await, BAT).await;
        let done = browser.come_back(&back).await;
        if done.status != 302 {
            assert_eq!(done.status, 502, "{odd}: {done}");
            continue;
        }
        for _ in 0..10 {
            assert_eq!(browser.load("/deep/a").await.status, 200, "{odd}");
        }
        assert!(world.refreshes() <= 1, "{odd}: {}", world.refreshes());
        assert_eq!(world.told("x-forwarded-user").as_deref(), Some("u1"));
    }
}

#[tokio::test]
async fn claims_that_grow_at_a_refresh_cost_nobody_the_session() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    for groups in [100, 400, 2000] {
        let many: Vec<String> = (0..groups).map(|number| format!("a-group-of-some-length-{number}")).collect();
        world.provider.change_user(BAT, |claims| drop(claims.insert("groups".into(), many.into())));
        for _ in 0..3 {
            world.turn(61);
            assert_eq!(browser.load("/deep/a").await.status, 200, "{groups}");
            assert_eq!(browser.fetch("/deep/a").await.status, 200, "{groups}");
        }
        assert!(browser.cookie_line().len() < 60_000, "{groups}: {}", browser.cookie_line().len());
    }
    assert_eq!(world.provider.calls().facts().rotated_tokens_reused, 0);
}

#[tokio::test]
async fn the_lifetime_counts_from_the_sign_in_and_a_refresh_does_not_extend_it() {
    let world = World::with(|setup| setup.session("lifetime", "\"5m\"")).await;
    let browser = world.signed_in(BAT).await;
    for _ in 0..4 {
        world.turn(61);
        browser.jar().keep_for_ever();
        assert_eq!(browser.fetch("/deep/a").await.status, 200);
    }
    world.turn(57);
    browser.jar().keep_for_ever();
    let refreshes = world.refreshes();
    assert_eq!(browser.fetch("/deep/a").await.status, 401);
    assert_eq!(world.refreshes(), refreshes, "nothing is asked for what is over");
}

#[tokio::test]
async fn an_idle_session_ends_and_an_active_one_goes_on() {
    let world = World::with(|setup| setup.session("idle_timeout", "\"10m\"")).await;
    let (active, idle) = (world.signed_in(BAT).await, world.signed_in(BAT).await);
    for _ in 0..6 {
        world.turn(240);
        assert_eq!(active.fetch("/deep/a").await.status, 200);
        active.jar().keep_for_ever();
        idle.jar().keep_for_ever();
    }
    assert_eq!(idle.fetch("/deep/a").await.status, 401);
}

#[tokio::test]
async fn asking_for_the_session_is_no_activity() {
    let world = World::with(|setup| setup.session("idle_timeout", "\"10m\"")).await;
    let browser = world.signed_in(BAT).await;
    for _ in 0..2 {
        world.turn(240);
        assert!(browser.is_signed_in().await);
    }
    world.turn(240);
    browser.jar().keep_for_ever();
    assert_eq!(browser.fetch("/deep/a").await.status, 401);
}

#[tokio::test]
async fn session_says_what_is_and_what_is_left() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    world.turn(10);
    let session = browser.session().await;
    assert_eq!(session["active"], true);
    assert_eq!(session["user"], BAT);
    assert_eq!(session["expires_in_seconds"], 12 * 3600 - 10);
    assert_eq!(session["token_expires_in_seconds"], 50);
    assert_eq!(session["refreshable"], true);
    assert_eq!(session["created_at"], "2027-01-15T08:00:00Z");
    assert_eq!(session["expires_at"], "2027-01-15T20:00:00Z");
    assert!(session["user_hash"].as_str().is_some_and(|hash| !hash.is_empty() && hash != BAT));
    let nobody = world.browser().fetch("/oauth2/session").await;
    assert_eq!((nobody.status, &nobody.json()["active"]), (200, &serde_json::json!(false)));
}

#[tokio::test]
async fn userinfo_tells_the_claims_that_identity_names_and_no_other() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    let reply = browser.fetch("/oauth2/userinfo").await;
    let text = reply.text();
    let claims = reply.json();
    assert_eq!(claims["userId"], BAT);
    assert_eq!(claims["email"], "bat.dorj@example.mn");
    assert_eq!(claims["groups"], serde_json::json!(["admin", "staff"]));
    for sensitive in ["AA00112233", "АА00112233", "1990-01-01", "99112233", "nationalId", "dob"] {
        assert!(!text.contains(sensitive), "{sensitive}: {text}");
    }
    assert_eq!(world.browser().fetch("/oauth2/userinfo").await.status, 401);
    assert_eq!(reply.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn the_endpoints_say_which_methods_they_take() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    for (target, method) in [
        ("/oauth2/session", "POST"),
        ("/oauth2/userinfo", "PUT"),
        ("/oauth2/start", "DELETE"),
        ("/oauth2/sign_out", "PUT"),
        ("/oauth2/refresh", "GET"),
    ] {
        let reply = browser.send(Ask::script(target).method(method)).await;
        assert!(reply.status == 405 && reply.header("allow").is_some(), "{method} {target}: {reply}");
    }
}

#[tokio::test]
async fn unknown_addresses_below_the_prefix_are_the_gates_404() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    for target in ["/oauth2/", "/oauth2/nothing", "/oauth2/jwks.json", "/oauth2/client.js", "/oauth2/start/x"] {
        let reply = browser.load(target).await;
        assert!(reply.status == 404 && reply.header("x-sample-app").is_none(), "{target}: {reply}");
    }
    // `/oauth2` alone and its neighbours are the application's.
    assert!(browser.load("/oauth2x").await.header("x-sample-app").is_some());
}
