//! The pages that people see when something is not as it should be.

use crate::world::{Ask, BAT, World};

#[tokio::test]
async fn a_page_says_in_the_readers_language_what_is_and_whom_to_ask() {
    let world = World::with(|setup| {
        setup.set("pages", "name", "\"Нэгдсэн портал\"");
        setup.set("pages", "support", "\"help@example.mn\"");
    });
    let world = world.await;
    let browser = world.signed_in(BAT).await;
    world.app.stop();
    for (accept, language) in [("mn,en;q=0.5", "mn"), ("en-GB", "en"), ("mn-MN", "mn"), ("de", "en"), ("", "en")] {
        let page = browser.send(Ask::page("/deep/a").with("accept-language", accept)).await;
        assert_eq!((page.status, page.header("content-language")), (502, Some(language)), "{accept}");
        assert!(page.text().contains("Нэгдсэн портал") && page.text().contains("help@example.mn"), "{page}");
        assert!(page.text().contains(page.header("x-request-id").unwrap()));
        assert_eq!(page.header("cache-control"), Some("no-store"));
    }
}

#[tokio::test]
async fn a_language_that_is_written_is_the_language() {
    let world = World::with(|setup| setup.set("pages", "language", "\"mn\"")).await;
    let page = world.browser().send(Ask::page("/oauth2/nothing").with("accept-language", "en")).await;
    assert_eq!(page.header("content-language"), Some("mn"));
}

#[tokio::test]
async fn what_a_client_sent_is_text_and_never_markup() {
    let world = World::with(|setup| setup.rule("/deep/no/**", "deny")).await;
    let host = format!("Host: {}", world.setup.host());
    let browser = world.signed_in(BAT).await;
    let cookie = format!("Cookie: {}", browser.cookie_line());
    let evil = "\"'><script>alert(1)</script>";
    for lines in [
        vec![format!("GET /oauth2/{evil} HTTP/1.1"), host.clone()],
        vec![format!("GET /deep/no/{evil} HTTP/1.1"), host.clone(), cookie.clone()],
        vec!["GET /deep/a HTTP/1.1".to_owned(), format!("Host: {evil}")],
        vec!["GET /deep/a HTTP/1.1".to_owned(), host.clone(), format!("X-Request-Id: {evil}")],
        vec![format!("GET /oauth2/sign_out?rd=/{evil} HTTP/1.1"), host.clone()],
        vec![format!("GET /oauth2/callback?error={evil}&state=x HTTP/1.1"), host.clone()],
        vec!["GET /oauth2/sign_out?rd=/%22%3E%3Cscript%3E HTTP/1.1".to_owned(), host.clone()],
    ] {
        let mut lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        lines.extend([
            "Accept: text/html",
            "Sec-Fetch-Mode: navigate",
            "Sec-Fetch-Dest: document",
            "Connection: close",
        ]);
        let mut wire = world.wire().await;
        let head = wire.request(&lines).await;
        let body = String::from_utf8(wire.rest().await).unwrap();
        assert!(!body.contains("<script") && !head.contains("<script"), "{lines:?}: {head}{body}");
    }
}

#[tokio::test]
async fn every_answer_of_the_gate_forbids_framing_sniffing_and_caching() {
    let world = World::with(|setup| setup.rule("/deep/no/**", "deny")).await;
    let browser = world.signed_in(BAT).await;
    for reply in [
        world.browser().load("/deep/a").await,
        world.browser().fetch("/deep/a").await,
        world.browser().load("/oauth2/nothing").await,
        browser.fetch("/oauth2/session").await,
        browser.fetch("/oauth2/userinfo").await,
        browser.load("/deep/no/a").await,
        browser.load("/hangup").await,
        browser.load("/oauth2/callback?x").await,
        browser.copy().load("/oauth2/sign_out").await,
    ] {
        assert_eq!(reply.header("cache-control"), Some("no-store"), "{reply}");
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{reply}");
        assert!(reply.header("content-security-policy").unwrap().contains("frame-ancestors 'none'"), "{reply}");
        assert!(reply.header("referrer-policy").is_some(), "{reply}");
        assert!(!reply.text().contains("http://cdn") && !reply.text().contains("src=\"http"), "nothing from elsewhere");
    }
}

#[tokio::test]
async fn head_of_a_page_has_its_head_alone() {
    let world = World::new().await;
    let host = format!("Host: {}", world.setup.host());
    let mut wire = world.wire().await;
    let head = wire.request(&["HEAD /oauth2/nothing HTTP/1.1", &host, "Accept: text/html"]).await;
    assert!(head.starts_with("HTTP/1.1 404"), "{head}");
    let next = wire.request(&["GET /oauth2/session HTTP/1.1", &host]).await;
    assert!(next.starts_with("HTTP/1.1 200"), "{next}");
}
