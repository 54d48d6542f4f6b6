//! Circles of redirects, and how they end: a browser that loses its session each time, before a provider that remembers its user.

use crate::world::{Ask, BAT, Browser, Reply, World};

/// Keeps the cookies of attempts, and none of the session's.
fn lose_the_session(world: &World, browser: &Browser) {
    let base = world.setup.cookie();
    let lost = browser.names().into_iter().filter(|name| *name == base || name.starts_with(&format!("{base}.t")));
    for name in lost.collect::<Vec<_>>() {
        browser.jar().remove(&name);
    }
}

/// One round: to the provider, back, and to the page again.
async fn round(world: &World, browser: &Browser, start: &Reply) -> Reply {
    let back = browser.at_provider(start, BAT).await;
    let done = browser.come_back(&back).await;
    assert_eq!(done.status, 302, "{done}");
    lose_the_session(world, browser);
    browser.come_back(&browser.inside(&done.location()).unwrap()).await
}

fn explains(reply: &Reply) -> bool {
    reply.status == 401 && reply.is_html() && reply.header("location").is_none() && reply.text().contains("again=1")
}

#[tokio::test]
async fn a_browser_that_loses_its_session_goes_round_three_times_and_then_is_told() {
    let world = World::new().await;
    let browser = world.browser();
    let mut page = browser.load("/deep/a?x=1").await;
    for _ in 0..3 {
        assert_eq!(page.status, 302, "{page}");
        page = round(&world, &browser, &page).await;
    }
    assert!(explains(&page), "{page}");
    let again = browser.load("/other").await;
    assert!(explains(&again) && again.set_cookies().is_empty(), "no other page begins anew: {again}");
    let from_a_proxy = browser.load("/oauth2/start?rd=/deep/a").await;
    assert!(explains(&from_a_proxy), "nor does a redirect of nginx: {from_a_proxy}");
}

#[tokio::test]
async fn its_button_tries_again_and_leads_to_the_page() {
    let world = World::new().await;
    let browser = world.browser();
    let mut page = browser.load("/deep/a").await;
    for _ in 0..3 {
        page = round(&world, &browser, &page).await;
    }
    assert!(page.text().contains("/oauth2/start?rd=/deep/a&#38;again=1"), "{page}");
    assert_eq!(browser.sign_in_by("/oauth2/start?rd=/deep/a&again=1", BAT).await, "/deep/a");
    assert!(browser.is_signed_in().await, "this time the cookies were kept");
}

#[tokio::test]
async fn a_minute_later_nobody_remembers() {
    let world = World::new().await;
    let browser = world.browser();
    let mut page = browser.load("/deep/a").await;
    for _ in 0..3 {
        page = round(&world, &browser, &page).await;
    }
    assert!(explains(&page));
    world.turn(61);
    assert_eq!(browser.load("/deep/a").await.status, 302);
}

#[tokio::test]
async fn whoever_keeps_the_session_is_never_counted() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    for _ in 0..4 {
        browser.sign_in_by("/oauth2/start", BAT).await;
    }
    browser.load("/oauth2/sign_out").await;
    let (names, marker) = (browser.names(), format!("{}.out", world.setup.cookie()));
    assert_eq!(names, [marker]);
}

#[tokio::test]
async fn scripts_and_public_pages_are_as_ever() {
    let world = World::with(|setup| setup.rule("/deep/open", "public")).await;
    let browser = world.browser();
    let mut page = browser.load("/deep/a").await;
    for _ in 0..3 {
        page = round(&world, &browser, &page).await;
    }
    assert!(explains(&page));
    assert_eq!(browser.fetch("/api").await.status, 401);
    assert_eq!(browser.send(Ask::page("/deep/open")).await.status, 200);
}
