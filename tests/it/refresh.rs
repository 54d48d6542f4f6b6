//! When a refresh happens, and what it brings: issue 2 §4. Tokens live 60 seconds here, so the window begins at 40.

use std::time::Duration;

use tokigate::demo::provider::{Endpoint, Fault};

use crate::world::{Ask, BAT, SARAA, World};

#[tokio::test]
async fn a_fresh_token_is_left_alone() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    world.turn(39);
    browser.load("/deep/a").await;
    browser.fetch("/api/time").await;
    assert_eq!(world.refreshes(), 0);
}

#[tokio::test]
async fn in_the_first_half_of_the_window_a_page_load_starts_one_and_its_answer_carries_the_cookie() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    world.turn(42);
    let reply = browser.load("/deep/a").await;
    assert_eq!((reply.status, world.refreshes()), (200, 1));
    assert!(!reply.set_cookies().is_empty(), "{reply}");
    let left = browser.session().await["token_expires_in_seconds"].as_u64().unwrap();
    assert_eq!(left, 60);
}

#[tokio::test]
async fn a_burst_of_scripts_in_the_first_half_starts_none_in_the_second_half_one() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    world.turn(42);
    let burst = || futures_util::future::join_all((0..20).map(|_| browser.send_only(Ask::script("/api/time"))));
    assert!(burst().await.iter().all(|reply| reply.status == 200));
    assert_eq!(world.refreshes(), 0);
    world.turn(10);
    assert!(burst().await.iter().all(|reply| reply.status == 200));
    assert_eq!(world.refreshes(), 1);
}

#[tokio::test]
async fn refresh_before_is_taken_as_written() {
    let world = World::with(|setup| setup.session("refresh_before", "\"50s\"")).await;
    let browser = world.signed_in(BAT).await;
    world.turn(9);
    browser.load("/deep/a").await;
    assert_eq!(world.refreshes(), 0);
    world.turn(2);
    browser.load("/deep/a").await;
    assert_eq!(world.refreshes(), 1);
}

#[tokio::test]
async fn beside_the_request_both_calls_run_at_the_same_time() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    world.app.requests().clear();
    world.turn(42);
    let hold = world.provider.faults().hold(Endpoint::Refresh);
    let load = browser.load("/deep/beside");
    let watch = async {
        hold.arrived(1).await;
        crate::world::eventually("the application is asked meanwhile", || world.app.requests().count() == 1).await;
        hold.release();
    };
    let (reply, ()) = tokio::join!(load, watch);
    assert_eq!(reply.status, 200);
    assert!(!reply.set_cookies().is_empty(), "the head waits for the provider");
}

#[tokio::test]
async fn the_head_waits_a_bounded_while_and_the_next_request_gets_what_came() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    world.turn(42);
    let hold = world.provider.faults().hold(Endpoint::Refresh);
    let began = tokio::time::Instant::now();
    let reply = browser.load("/deep/a").await;
    assert_eq!((reply.status, reply.set_cookies().len()), (200, 0));
    assert!(began.elapsed() < Duration::from_secs(5));
    hold.release();
    world.provider.faults().clear();
    let calls = world.provider.calls().clone();
    crate::world::eventually("user info is asked", || calls.count(Endpoint::UserInfo) == 2).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let reply = browser.fetch("/deep/b").await;
    assert!(!reply.set_cookies().is_empty(), "{reply}");
    assert_eq!(world.refreshes(), 1);
}

#[tokio::test]
async fn an_event_stream_does_not_wait_for_the_provider() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    world.turn(55);
    let hold = world.provider.faults().hold(Endpoint::Refresh);
    let began = tokio::time::Instant::now();
    let mut stream = browser.open(Ask::script("/events?ms=5").with("accept", "text/event-stream")).await;
    assert!(stream.next().await.is_some());
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    hold.release();
}

#[tokio::test]
async fn an_expired_token_makes_the_request_wait() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    world.app.requests().clear();
    world.turn(61);
    let hold = world.provider.faults().hold(Endpoint::Refresh);
    let fetch = browser.fetch("/deep/first");
    let watch = async {
        hold.arrived(1).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(world.app.requests().count(), 0, "not before the provider has answered");
        hold.release();
    };
    let (reply, ()) = tokio::join!(fetch, watch);
    assert_eq!((reply.status, world.app.requests().count()), (200, 1));
    assert!(!reply.set_cookies().is_empty());
}

#[tokio::test]
async fn public_paths_never_start_one() {
    let world = World::with(|setup| setup.rule("/public/**", "public")).await;
    let browser = world.signed_in(BAT).await;
    for seconds in [45, 10, 10, 600] {
        world.turn(seconds);
        assert_eq!(browser.load("/public/a").await.status, 200);
        assert_eq!(browser.fetch("/public/b").await.status, 200);
    }
    assert_eq!(world.refreshes(), 0);
}

#[tokio::test]
async fn of_the_gates_own_endpoints_only_refresh_does() {
    let world = World::with(|setup| {
        setup.set("", "health_path", "\"/health\"");
    });
    let world = world.await;
    let browser = world.signed_in(BAT).await;
    world.turn(55);
    for target in ["/oauth2/session", "/oauth2/userinfo", "/health", "/oauth2/nothing"] {
        browser.fetch(target).await;
        browser.load(target).await;
    }
    browser.copy().load("/oauth2/start").await;
    browser.copy().send(Ask::page("/oauth2/callback?x")).await;
    assert_eq!(world.refreshes(), 0);
    let reply = browser.send(Ask::script("/oauth2/refresh").method("POST")).await;
    assert_eq!((reply.status, world.refreshes()), (200, 1));
    assert_eq!(reply.json()["token_expires_in_seconds"], 60);
    assert!(!reply.set_cookies().is_empty());
}

#[tokio::test]
async fn refresh_refreshes_now_even_what_is_fresh_and_only_by_post() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    assert_eq!(browser.fetch("/oauth2/refresh").await.status, 405);
    assert_eq!(world.refreshes(), 0);
    for round in 1..=3 {
        let reply = browser.send(Ask::script("/oauth2/refresh").method("POST")).await;
        assert_eq!((reply.status, world.refreshes()), (200, round), "{reply}");
    }
    assert!(browser.is_signed_in().await);
    let stranger = world.browser().send(Ask::script("/oauth2/refresh").method("POST")).await;
    assert!(stranger.status == 401 || stranger.json()["active"] == false, "{stranger}");
}

#[tokio::test]
async fn the_refresh_request_is_what_the_standard_says() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    world.turn(61);
    browser.load("/deep/a").await;
    let call = world.provider.calls().last(Endpoint::Refresh).unwrap();
    let mut names: Vec<&str> = call.params.0.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["client_id", "grant_type", "refresh_token"]);
}

#[tokio::test]
async fn with_a_secret_a_refresh_carries_it_in_the_body() {
    let world = World::with(crate::world::Setup::confidential_with_pkce).await;
    let browser = world.signed_in(BAT).await;
    world.turn(61);
    assert_eq!(browser.load("/deep/a").await.status, 200);
    let call = world.provider.calls().last(Endpoint::Refresh).unwrap();
    assert_eq!(call.param("client_secret"), Some(crate::world::SECRET));
}

#[tokio::test]
async fn the_new_cookie_comes_with_answers_of_every_kind() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    for ask in [
        Ask::script("/status/304"),
        Ask::script("/status/204"),
        Ask::script("/status/404"),
        Ask::script("/status/500"),
        Ask::script("/deep/a").method("HEAD"),
        Ask::script("/hangup"),
        Ask::script("/pkg.S/M").method("POST").with("content-type", "application/grpc"),
        Ask::script("/echo").method("POST").body(b"body"),
    ] {
        world.turn(61);
        let reply = browser.send(ask.clone()).await;
        assert!(!reply.set_cookies().is_empty(), "{ask:?}: {reply}");
    }
}

#[tokio::test]
async fn an_upload_waits_for_its_refresh_and_arrives_whole() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    world.turn(61);
    let body = vec![b'u'; 2 << 20];
    let reply = browser.send(Ask::script("/echo").method("POST").body(&body)).await;
    assert!(reply.status == 200 && reply.body == body);
    assert_eq!(world.refreshes(), 1);
}

#[tokio::test]
async fn a_grant_that_is_gone_is_told_in_every_form() {
    for (ask, status) in [
        (Ask::script("/deep/a"), 401),
        (Ask::page("/deep/a").form("a=b"), 401),
        (Ask::plain("/pkg.S/M").method("POST").with("content-type", "application/grpc"), 200),
        (Ask::page("/deep/a"), 302),
        (Ask::page("/deep/a").method("HEAD"), 302),
        (Ask::script("/oauth2/refresh").method("POST"), 200),
    ] {
        let world = World::new().await;
        let browser = world.signed_in(BAT).await;
        world.provider.revoke_user(BAT);
        world.turn(61);
        world.app.requests().clear();
        let reply = browser.send(ask.clone()).await;
        assert_eq!(reply.status, status, "{ask:?}: {reply}");
        assert!(world.seen().is_empty() && browser.jar().get(&world.setup.cookie()).is_none(), "{ask:?}");
        assert_eq!(reply.header("grpc-status").is_some(), ask.target.starts_with("/pkg"));
    }
}

#[tokio::test]
async fn what_an_answer_leaves_out_stays_as_it_was() {
    let world = World::with(|setup| {
        setup.options.rotate = false;
        setup.set("identity", "id_token", "\"x-forwarded-id-token\"");
    });
    let world = world.await;
    let browser = world.signed_in(BAT).await;
    let id_token = world.told("x-forwarded-id-token").unwrap();
    world.provider.reshape(|answers| {
        answers.id_token_on_refresh = false;
        answers.user_id_on_refresh = false;
        answers.expires_in = tokigate::demo::provider::ExpiresIn::Absent;
    });
    let mut sent = Vec::new();
    for round in 1..=3 {
        world.turn(3601);
        assert_eq!(browser.load("/deep/a").await.status, 200);
        assert_eq!(world.refreshes(), round);
        sent.push(world.provider.calls().last(Endpoint::Refresh).unwrap().param("refresh_token").unwrap().to_owned());
        assert_eq!(world.told("x-forwarded-user").as_deref(), Some(BAT));
    }
    sent.dedup();
    assert_eq!(sent.len(), 1, "the refresh token stands");
    assert_eq!(world.told("x-forwarded-id-token"), Some(id_token), "the ID token stands");
}

#[tokio::test]
async fn an_answer_about_another_user_ends_the_session() {
    for endpoint in [Endpoint::Refresh, Endpoint::UserInfo] {
        let world = World::new().await;
        let browser = world.signed_in(BAT).await;
        world.turn(61);
        world.provider.faults().next(endpoint, 1, Fault::AnotherUser);
        let reply = browser.fetch("/deep/a").await;
        assert_eq!(reply.status, 401, "{endpoint:?}: {reply}");
        assert_eq!(browser.names(), Vec::<String>::new(), "its cookies are deleted");
        assert_ne!(world.told("x-forwarded-user").as_deref(), Some(SARAA));
    }
}

#[tokio::test]
async fn groups_that_changed_reach_the_application_with_the_refresh() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    assert_eq!(world.told("x-forwarded-groups").as_deref(), Some("admin,staff"));
    world.provider.change_user(BAT, |claims| drop(claims.insert("groups".into(), serde_json::json!(["staff"]))));
    world.turn(61);
    browser.load("/deep/a").await;
    assert_eq!(world.told("x-forwarded-groups").as_deref(), Some("staff"));
    world.provider.change_user(BAT, |claims| drop(claims.remove("groups")));
    world.turn(61);
    browser.load("/deep/a").await;
    assert_eq!(world.told("x-forwarded-groups"), None);
}

#[tokio::test]
async fn user_info_that_fails_at_a_refresh_keeps_the_old_claims() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    for fault in [Fault::status(500, ""), Fault::HangUp, Fault::html(200), Fault::status(200, "[]")] {
        world.turn(61);
        world.provider.faults().next(Endpoint::UserInfo, 1, fault.clone());
        assert_eq!(browser.load("/deep/a").await.status, 200, "{fault:?}");
        assert_eq!(world.told("x-forwarded-groups").as_deref(), Some("admin,staff"), "{fault:?}");
    }
}

#[tokio::test]
async fn a_token_that_is_passed_on_has_half_a_minute_left() {
    let world = World::with(|setup| setup.set("identity", "access_token", "\"authorization\"")).await;
    let browser = world.signed_in(BAT).await;
    let first = world.told("authorization").unwrap();
    world.turn(29);
    browser.fetch("/deep/a").await;
    assert_eq!((world.refreshes(), world.told("authorization")), (0, Some(first.clone())));
    world.turn(3);
    browser.fetch("/deep/a").await;
    assert_eq!(world.refreshes(), 1);
    assert_ne!(world.told("authorization"), Some(first), "that very request has the new one");
}
