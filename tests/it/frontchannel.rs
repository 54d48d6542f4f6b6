//! The provider's page signs people out in a frame: OpenID Connect Front-Channel Logout 1.0. Security.md O-10.

use crate::world::{Ask, BAT, Browser, Reply, SARAA, Socket, World, WsEnd};

/// What a browser sends for a frame of the provider's page; its cookies stay behind.
fn frame(target: &str) -> Ask {
    Ask::page(target).with("sec-fetch-site", "cross-site").with("sec-fetch-dest", "iframe").without("sec-fetch-user")
}

fn query(pairs: &[(&str, &str)]) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    format!("/oauth2/frontchannel_logout?{query}")
}

async fn named(world: &World, iss: &str, sid: &str) -> Reply {
    world.curl(frame(&query(&[("iss", iss), ("sid", sid)]))).await
}

fn sid(world: &World, user: &str) -> String {
    world.provider.sids(user).pop().expect("this user has signed in")
}

async fn still_here(browsers: &[&Browser]) -> bool {
    for browser in browsers {
        if !browser.is_signed_in().await {
            return false;
        }
    }
    true
}

#[tokio::test]
async fn rp_frontchannel_rpinitlogout_the_session_that_is_named_ends_without_its_cookie() {
    let world = World::oidc(|_| {}).await;
    let (browser, other) = (world.signed_in(BAT).await, world.signed_in(SARAA).await);
    let mut socket = Socket::open(&world, Some(&browser), "/ws", None).await.unwrap();
    let reply = named(&world, &world.provider.url(), &sid(&world, BAT)).await;
    assert_eq!((reply.status, reply.header("cache-control")), (200, Some("no-store")), "{reply}");
    assert!(reply.is_html() && reply.set_cookies().is_empty() && reply.body.is_empty());
    let policy = reply.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'"), "{policy}");
    assert!(policy.contains(&format!("frame-ancestors {}", world.provider.url())), "{policy}");
    assert_eq!(reply.header("x-frame-options"), None);
    assert_eq!(socket.end().await, WsEnd::Closed(4401));
    assert!(!browser.is_signed_in().await);
    let page = browser.load("/deep/a").await;
    assert!(page.status == 302 && page.location().contains("/oauth2/authorize?"), "{page}");
    assert!(still_here(&[&other]).await);
}

#[tokio::test]
async fn who_does_not_name_both_each_once_and_this_issuer_ends_nothing() {
    let world = World::oidc(|_| {}).await;
    let browser = world.signed_in(BAT).await;
    let (iss, sid) = (world.provider.url(), sid(&world, BAT));
    let (with_slash, upper) = (format!("{iss}/"), iss.to_uppercase());
    let (iss, sid, with_slash, upper) = (iss.as_str(), sid.as_str(), with_slash.as_str(), upper.as_str());
    for pairs in [
        &[][..],
        &[("iss", iss)],
        &[("sid", sid)],
        &[("iss", ""), ("sid", sid)],
        &[("iss", iss), ("sid", "")],
        &[("iss", with_slash), ("sid", sid)],
        &[("iss", upper), ("sid", sid)],
        &[("iss", "https://op.invalid"), ("sid", sid)],
        &[("iss", iss), ("iss", "https://op.invalid"), ("sid", sid)],
        &[("iss", iss), ("sid", sid), ("sid", "another")],
    ] {
        let reply = world.curl(frame(&query(pairs))).await;
        assert_eq!(reply.status, 400, "{pairs:?}: {reply}");
        assert!(browser.is_signed_in().await, "{pairs:?}");
        // With its cookies, whatever SameSite would say.
        let reply = world.curl(frame(&query(pairs)).with("cookie", &browser.cookie_line())).await;
        assert!(reply.set_cookies().is_empty(), "{pairs:?}: {reply}");
        assert!(browser.is_signed_in().await, "{pairs:?}");
    }
    let ahead = frame(&query(&[("iss", iss), ("sid", sid)])).with("sec-purpose", "prefetch");
    assert_eq!(world.curl(ahead).await.status, 401);
    assert_eq!(world.curl(frame(&query(&[("iss", iss), ("sid", sid)])).method("HEAD")).await.status, 405);
    assert_eq!(world.curl(frame(&query(&[("iss", iss), ("sid", sid)])).form("")).await.status, 405);
    assert!(browser.is_signed_in().await);
}

#[tokio::test]
async fn a_name_that_is_nobodys_gets_the_same_answer() {
    let world = World::oidc(|_| {}).await;
    let browser = world.signed_in(BAT).await;
    let iss = world.provider.url();
    let nobody = named(&world, &iss, "nobody").await;
    assert!(browser.is_signed_in().await);
    let mut somebody = named(&world, &iss, &sid(&world, BAT)).await;
    let mut nobody = nobody;
    for reply in [&mut nobody, &mut somebody] {
        reply.headers.remove("x-request-id");
        reply.headers.remove("date");
    }
    assert_eq!((nobody.status, nobody.headers, nobody.body), (somebody.status, somebody.headers, somebody.body));
}

#[tokio::test]
async fn cookies_that_came_go_where_they_are_the_sessions() {
    let world = World::oidc(|_| {}).await;
    let (browser, other) = (world.signed_in(BAT).await, world.signed_in(SARAA).await);
    let target = query(&[("iss", &world.provider.url()), ("sid", &sid(&world, BAT))]);
    // A provider of the same site: `SameSite` lets them through.
    let same_site = || frame(&target).with("sec-fetch-site", "same-site");
    let reply = world.curl(same_site().with("cookie", &other.cookie_line())).await;
    assert!(reply.status == 200 && reply.set_cookies().is_empty(), "{reply}");
    let reply = world.curl(same_site().with("cookie", &browser.cookie_line())).await;
    assert_eq!(reply.status, 200);
    let taken = reply.set_cookies();
    assert!(!taken.is_empty() && taken.iter().all(|line| line.contains("Max-Age=0")), "{taken:?}");
    assert!(still_here(&[&other]).await);
}

#[tokio::test]
async fn a_flood_of_inventions_brings_no_session_back_and_calls_nobody() {
    let world = World::oidc(|_| {}).await;
    let (by_token, in_front) = (world.signed_in(BAT).await, world.signed_in(SARAA).await);
    let iss = world.provider.url();
    let (bats, saraas) = (sid(&world, BAT), sid(&world, SARAA));
    let token = world.provider.logout_token(crate::world::CLIENT, Some(&bats), None);
    let form = format!("logout_token={}", world.provider.sign_logout_token(&token));
    assert_eq!(world.curl(Ask::plain("/oauth2/backchannel_logout").form(&form)).await.status, 200);
    named(&world, &iss, &saraas).await;
    assert!(!in_front.copy().is_signed_in().await, "it was seen");
    world.provider.calls().clear();
    for number in 0..1500 {
        assert_eq!(named(&world, &iss, &format!("invented-{number}")).await.status, 200);
    }
    assert!(!by_token.is_signed_in().await && !in_front.is_signed_in().await);
    assert_eq!(world.provider.calls().all().len(), 0, "nothing is revoked on the word of whoever asks");
}

#[tokio::test]
async fn without_a_known_issuer_nobody_can_be_named() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    assert_eq!(named(&world, &world.provider.url(), &sid(&world, BAT)).await.status, 400);
    assert!(browser.is_signed_in().await);
}
