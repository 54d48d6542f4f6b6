//! Sign-out beyond this gate: tokens are revoked, and the browser is led through the provider's own sign-out and back.

use tokigate::demo::provider::{Endpoint, Fault, Hold};

use crate::world::{Ask, BAT, Browser, Reply, SARAA, World, eventually};

async fn world() -> World {
    World::oidc(|setup| setup.signs_out()).await
}

/// What the browser is sent to the provider with.
fn said(reply: &Reply, name: &str) -> Option<String> {
    reply.location_param(name)
}

fn leads_to_the_provider(reply: &Reply) -> bool {
    reply.status == 302 && reply.location().contains("/oauth2/logout?")
}

/// The provider signs out, and sends back.
async fn through_provider(world: &World, browser: &Browser, reply: &Reply) -> String {
    let location = reply.location();
    let target = location.strip_prefix(&world.provider.url()).unwrap_or_else(|| panic!("to the provider: {reply}"));
    let address = world.provider.address();
    let done = Ask::plain(target).send(address, &address.to_string()).await;
    assert_eq!(done.status, 303, "{done}");
    browser.inside(&done.location()).unwrap_or_else(|| panic!("back here: {done}"))
}

fn is_signed_out_page(reply: &Reply) -> bool {
    reply.status == 200 && reply.text().contains("/oauth2/start?rd=")
}

async fn revoked(world: &World, calls: u64) {
    let seen = world.provider.calls().clone();
    eventually("the tokens are revoked", move || seen.count(Endpoint::Revocation) >= calls).await;
}

#[tokio::test]
async fn the_browser_goes_by_the_providers_own_sign_out_and_comes_back_to_a_page() {
    let world = world().await;
    let browser = world.signed_in(BAT).await;
    let leave = browser.load("/oauth2/sign_out?rd=/deep/after").await;
    assert!(leads_to_the_provider(&leave), "{leave}");
    assert_eq!(said(&leave, "post_logout_redirect_uri"), Some(world.setup.signed_out_uri()));
    assert!(said(&leave, "id_token_hint").is_some_and(|hint| hint.split('.').count() == 3));
    assert!(said(&leave, "client_id").is_some());
    assert!(!browser.is_signed_in().await, "here first");

    let back = through_provider(&world, &browser, &leave).await;
    let page = browser.come_back(&back).await;
    assert!(is_signed_out_page(&page), "{page}");
    assert!(page.text().contains("/oauth2/start?rd=/deep/after"), "{page}");
    // The provider has no session any more: nobody is signed in again unawares, so nothing stands in the way.
    let start = browser.load("/deep/a").await;
    assert!(start.location().contains("/oauth2/authorize?"), "{start}");
    assert_eq!(start.location_param("prompt"), None);
}

#[tokio::test]
async fn whoever_does_not_come_back_stays_signed_out_here() {
    let world = world().await;
    let browser = world.signed_in(BAT).await;
    assert!(leads_to_the_provider(&browser.load("/oauth2/sign_out").await));
    for _ in 0..2 {
        let page = browser.load("/deep/a").await;
        assert!(is_signed_out_page(&page), "{page}");
    }
    let start = browser.load("/oauth2/start?rd=/deep/a").await;
    assert_eq!(start.location_param("prompt").as_deref(), Some("login"));
}

#[tokio::test]
async fn a_way_back_with_another_state_or_none_leads_nowhere_and_changes_nothing() {
    let world = world().await;
    let browser = world.signed_in(BAT).await;
    let leave = browser.load("/oauth2/sign_out?rd=/deep/after").await;
    let own = said(&leave, "state").unwrap();
    let other = world.signed_in(SARAA).await;
    let others = said(&other.load("/oauth2/sign_out?rd=/deep/others").await, "state").unwrap();
    let sign_in = other.load("/oauth2/start").await.location_param("state").unwrap();
    let (cut, twice) = (&own[..own.len() - 1], format!("{own}&state={own}"));
    for state in ["", "x", "https://evil.example", &others, &sign_in, cut, &twice] {
        let page = browser.come_back(&format!("/oauth2/signed_out?state={state}&rd=https://evil.example")).await;
        assert!(is_signed_out_page(&page) && page.header("location").is_none(), "{state}: {page}");
        assert!(page.set_cookies().is_empty(), "{state}: {page}");
        assert!(!page.text().contains("evil") && !page.text().contains("/deep/"), "{state}: {page}");
        assert!(is_signed_out_page(&browser.load("/deep/a").await), "{state}");
    }
    assert!(is_signed_out_page(&browser.come_back("/oauth2/signed_out").await));
    // Its own, once it comes.
    let page = browser.come_back(&format!("/oauth2/signed_out?state={own}")).await;
    assert!(page.text().contains("/oauth2/start?rd=/deep/after"), "{page}");
    assert!(browser.load("/deep/a").await.location().contains("/oauth2/authorize?"));
}

#[tokio::test]
async fn whoever_is_signed_in_is_not_told_otherwise() {
    let world = world().await;
    let browser = world.signed_in(BAT).await;
    let page = browser.come_back("/oauth2/signed_out?state=x").await;
    assert_eq!((page.status, browser.inside(&page.location()).as_deref()), (302, Some("/")));
    assert!(browser.is_signed_in().await);
    let stranger = world.browser().come_back("/oauth2/signed_out?state=x").await;
    assert!(is_signed_out_page(&stranger) && stranger.set_cookies().is_empty(), "{stranger}");
}

#[tokio::test]
async fn scripts_and_machines_are_not_led_away() {
    let world = world().await;
    for ask in [Ask::script("/oauth2/sign_out").method("POST"), Ask::plain("/oauth2/sign_out")] {
        let browser = world.signed_in(BAT).await;
        let reply = browser.send(ask).await;
        assert_eq!((reply.status, reply.header("location")), (200, None), "{reply}");
        assert!(!reply.text().contains("id_token_hint"));
        assert!(!browser.is_signed_in().await);
    }
}

#[tokio::test]
async fn a_form_and_a_browser_without_a_session_are() {
    let world = world().await;
    let browser = world.signed_in(BAT).await;
    let asked = browser.send(Ask::page("/oauth2/sign_out").with("sec-fetch-site", "same-origin").form("")).await;
    assert!(leads_to_the_provider(&asked), "{asked}");
    let leave = world.browser().load("/oauth2/sign_out").await;
    assert!(leads_to_the_provider(&leave), "{leave}");
    assert_eq!(said(&leave, "id_token_hint"), None);
}

#[tokio::test]
async fn tokens_are_revoked_the_refresh_token_first_and_once() {
    let world = world().await;
    let browser = world.signed_in(BAT).await;
    let before = browser.copy();
    browser.load("/oauth2/sign_out").await;
    revoked(&world, 2).await;
    let calls = world.provider.calls().of(Endpoint::Revocation);
    let hints: Vec<_> = calls.iter().map(|call| call.param("token_type_hint").unwrap()).collect();
    assert_eq!(hints, ["refresh_token", "access_token"]);
    assert!(calls.iter().all(|call| call.status == Some(200) && call.param("client_id").is_some()));
    assert_eq!(world.provider.calls().facts().families_revoked, 1);
    // A cookie that comes again costs the provider nothing.
    for _ in 0..3 {
        before.load("/oauth2/sign_out").await;
    }
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    assert_eq!(world.provider.calls().count(Endpoint::Revocation), 2);
}

#[tokio::test]
async fn nobody_waits_for_a_provider_that_is_away() {
    let world = world().await;
    let browser = world.signed_in(BAT).await;
    let hold: Hold = world.provider.faults().hold(Endpoint::Revocation);
    let leave = browser.load("/oauth2/sign_out").await;
    assert!(leads_to_the_provider(&leave), "{leave}");
    assert!(!browser.is_signed_in().await);
    hold.release();

    let browser = world.signed_in(BAT).await;
    world.provider.faults().down(true);
    assert!(leads_to_the_provider(&browser.load("/oauth2/sign_out").await));
    assert!(!browser.is_signed_in().await);
}

#[tokio::test]
async fn what_could_not_be_revoked_is_tried_again() {
    let world = world().await;
    let browser = world.signed_in(BAT).await;
    world.provider.faults().next(Endpoint::Revocation, 2, Fault::status(503, ""));
    browser.load("/oauth2/sign_out").await;
    revoked(&world, 1).await;
    for _ in 0..100 {
        world.turn(5);
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let calls = world.provider.calls().of(Endpoint::Revocation);
    let hints: Vec<_> = calls.iter().map(|call| call.param("token_type_hint").unwrap()).collect();
    assert_eq!(hints, ["refresh_token", "refresh_token", "refresh_token", "access_token"]);
    assert_eq!(world.provider.calls().facts().families_revoked, 1);
}

#[tokio::test]
async fn what_a_refresh_brings_after_a_sign_out_is_revoked_too() {
    let world = world().await;
    let browser = world.signed_in(BAT).await;
    world.turn(61);
    let hold = world.provider.faults().hold(Endpoint::Refresh);
    let asking = tokio::spawn({
        let browser = browser.copy();
        async move { browser.send_only(Ask::page("/deep/a")).await }
    });
    hold.arrived(1).await;
    world.provider.faults().set(Endpoint::Revocation, Fault::status(400, r#"{"error":"invalid_request"}"#));
    browser.load("/oauth2/sign_out").await;
    revoked(&world, 1).await;
    world.provider.faults().clear();
    hold.release();
    asking.await.unwrap();
    let calls = world.provider.calls().clone();
    eventually("what came is revoked", move || calls.facts().families_revoked == 1).await;
}

#[tokio::test]
async fn a_sign_in_over_it_revokes_the_tokens_of_another_user_and_not_of_the_same() {
    for (user, families) in [(BAT, 0), (SARAA, 1)] {
        let world = world().await;
        let browser = world.signed_in(BAT).await;
        browser.sign_in_by("/oauth2/start?rd=/deep/a", user).await;
        assert_eq!(browser.fetch("/deep/who").await.status, 200);
        if families > 0 {
            revoked(&world, 2).await;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        assert_eq!(world.provider.calls().facts().families_revoked, families, "{user}");
        world.turn(61);
        assert_eq!(browser.fetch("/deep/who").await.status, 200, "the new session refreshes");
    }
}

#[tokio::test]
async fn a_question_of_another_site_may_lead_on_to_the_provider() {
    let world = world().await;
    let browser = world.signed_in(BAT).await;
    let page = browser.send(Ask::page_from_elsewhere("/oauth2/sign_out")).await;
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains(&format!("form-action 'self' https: {};", world.provider.url())), "{policy}");
}
