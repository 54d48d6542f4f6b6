//! Sign-out, and the page that stands before everything until its button is pressed: interface.md, `/sign_out`.

use crate::world::{Ask, BAT, Browser, Reply, SARAA, World};

fn shows_the_signed_out_page(reply: &Reply) -> bool {
    reply.status == 200
        && reply.is_html()
        && reply.text().contains("/oauth2/start?rd=")
        && reply.header("location").is_none()
}

/// Where the page's one button leads.
fn button(world: &World, page: &Reply) -> String {
    let text = page.text();
    let link =
        text.split("href=\"").find(|rest| rest.contains("/oauth2/start?rd=")).unwrap_or_else(|| panic!("{page}"));
    let link = link.split('"').next().unwrap().replace("&amp;", "&").replace("&#38;", "&");
    link.strip_prefix(&world.setup.public_url).unwrap_or(&link).to_owned()
}

#[tokio::test]
async fn signing_out_takes_every_cookie_and_shows_the_page() {
    let world = World::with(|setup| setup.https()).await;
    let browser = world.signed_in(BAT).await;
    let taken = browser.cookies();
    let page = browser.load("/oauth2/sign_out").await;
    assert!(shows_the_signed_out_page(&page), "{page}");
    assert_eq!(page.header("cache-control"), Some("no-store"));
    for cookie in taken {
        let line = page.set_cookies().into_iter().find(|line| line.starts_with(&format!("{}=;", cookie.name)));
        let line = line.unwrap_or_else(|| panic!("{} goes: {page}", cookie.name));
        for attribute in ["Path=/", "Secure", "HttpOnly", "Max-Age=0"] {
            assert!(line.contains(attribute), "{line}");
        }
    }
    assert_eq!(browser.fetch("/deep/a").await.status, 401);
}

#[tokio::test]
async fn every_page_load_shows_it_again_until_the_button_is_pressed() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    browser.load("/oauth2/sign_out").await;
    for target in ["/", "/deep/a", "/deep/b?c=d"] {
        let page = browser.load(target).await;
        assert!(shows_the_signed_out_page(&page), "{target}: {page}");
        assert!(page.set_cookies().is_empty());
    }
    assert_eq!(browser.fetch("/deep/a").await.status, 401);
    world.turn(3600);
    let page = browser.load("/deep/wanted?x=1").await;
    assert!(shows_the_signed_out_page(&page), "{page}");
    // Its attempt asks who it is, and leads to the page that was asked for.
    let start = browser.load(&button(&world, &page)).await;
    assert_eq!(start.location_param("prompt").as_deref(), Some("login"));
    let back = browser.at_provider(&start, SARAA).await;
    let done = browser.come_back(&back).await;
    assert_eq!(browser.inside(&done.location()).as_deref(), Some("/deep/wanted?x=1"));
    assert_eq!(browser.load("/deep/a").await.status, 200);
}

#[tokio::test]
async fn once_the_button_was_pressed_page_loads_sign_in_again() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    let page = browser.load("/oauth2/sign_out").await;
    browser.load(&button(&world, &page)).await;
    // That attempt was abandoned; the next page load begins one of its own.
    let start = browser.load("/deep/a").await;
    assert!(start.status == 302 && start.location().contains("/oauth2/authorize?"), "{start}");
    assert_eq!(start.location_param("prompt"), None);
}

#[tokio::test]
async fn the_button_leads_to_rd() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    let page = browser.load("/oauth2/sign_out?rd=/deep/after%3Fx").await;
    assert_eq!(browser.sign_in_by(&button(&world, &page), BAT).await, "/deep/after?x");
}

#[tokio::test]
async fn all_its_names_and_both_methods_do() {
    let world = World::new().await;
    for ask in [
        Ask::page("/oauth2/sign_out"),
        Ask::page("/oauth2/logout"),
        Ask::page("/oauth2/sign_out").form(""),
        Ask::page("/oauth2/sign_out").with("sec-fetch-site", "same-origin"),
        Ask::script("/oauth2/logout").method("POST"),
        Ask::plain("/oauth2/sign_out"),
    ] {
        let browser = world.signed_in(BAT).await;
        let reply = browser.send(ask.clone()).await;
        assert!(reply.status < 400, "{ask:?}: {reply}");
        assert!(!browser.is_signed_in().await, "{ask:?}");
    }
}

#[tokio::test]
async fn what_is_fetched_ahead_of_time_signs_nobody_out() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    for ask in [
        Ask::page("/oauth2/sign_out").with("sec-fetch-site", "same-origin").with("sec-purpose", "prefetch"),
        Ask::page("/oauth2/sign_out").with("sec-fetch-site", "same-origin").with("sec-purpose", "prefetch;prerender"),
        Ask::page("/oauth2/logout").with("sec-fetch-site", "same-origin").with("purpose", "prefetch"),
        Ask::page("/oauth2/sign_out").method("HEAD"),
    ] {
        let reply = browser.send(ask.clone()).await;
        assert!(browser.is_signed_in().await, "{ask:?}: {reply}");
    }
}

#[tokio::test]
async fn another_site_cannot_sign_anybody_out_it_asks_first() {
    let world = World::new().await;
    let elsewhere = [
        Ask::page("/oauth2/sign_out").with("sec-fetch-site", "cross-site"),
        Ask::page("/oauth2/sign_out").with("sec-fetch-site", "same-site"),
        Ask::page("/oauth2/sign_out").with("sec-fetch-site", "same-site").form("a=b"),
        Ask::plain("/oauth2/sign_out").with("origin", "https://evil.example").form(""),
        Ask::plain("/oauth2/sign_out").with("origin", "null").form(""),
        Ask::plain("/oauth2/sign_out").with("accept", "text/html").with("referer", "https://evil.example/x"),
        Ask::script("/oauth2/sign_out").with("sec-fetch-site", "cross-site").with("sec-fetch-mode", "no-cors"),
    ];
    for ask in elsewhere {
        let browser: Browser = world.signed_in(BAT).await;
        // With its cookies, whatever SameSite would say.
        let line = browser.cookie_line();
        let reply = world.curl(ask.clone().with("cookie", &line)).await;
        browser.take(&reply);
        assert!(browser.is_signed_in().await, "{ask:?}: {reply}");
        assert!(reply.set_cookies().is_empty(), "{ask:?}: {reply}");
    }
}

#[tokio::test]
async fn the_question_is_a_form_that_posts_from_here() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    let page = browser.send(Ask::page_from_elsewhere("/oauth2/sign_out?rd=/deep/a")).await;
    assert!(page.is_html() && page.text().contains("method=\"post\""), "{page}");
    let action = page.text();
    let action = action
        .split("action=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .replace("&amp;", "&")
        .replace("&#38;", "&");
    let action = action.strip_prefix(&world.setup.public_url).unwrap_or(&action).to_owned();
    let done = browser.send(Ask::page(&action).with("sec-fetch-site", "same-origin").form("")).await;
    assert!(shows_the_signed_out_page(&done), "{done}");
    assert!(!browser.is_signed_in().await);
}

#[tokio::test]
async fn signing_out_without_a_session_is_no_mistake() {
    let world = World::new().await;
    let browser = world.browser();
    let page = browser.load("/oauth2/sign_out").await;
    assert!(shows_the_signed_out_page(&page), "{page}");
}
