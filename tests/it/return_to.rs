//! Return addresses lead to this site and nowhere else: security.md 2.3.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;

use tokigate::demo::provider::{Client, Endpoint};

use crate::world::{BAT, Browser, CLIENT, SARAA, World};

/// Where a sign-in that began with this `rd` ends. Each costs one code.
async fn lands(world: &World, rd: &str) -> String {
    let browser = world.browser();
    let start = browser.load(&format!("/oauth2/start?rd={}", encoded(rd))).await;
    assert_eq!(start.status, 302, "{rd}: {start}");
    let back = browser.at_provider(&start, BAT).await;
    browser.come_back(&back).await.location()
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// Read as browsers read it (WHATWG), from the address of the callback.
fn origin_of(world: &World, location: &str) -> String {
    let base = url::Url::parse(&world.setup.redirect_uri()).unwrap();
    base.join(location).unwrap().origin().ascii_serialization()
}

#[tokio::test]
async fn rd_takes_paths_of_this_site_and_its_own_address() {
    let world = World::new().await;
    let origin = world.setup.public_url.clone();
    for (rd, target) in [
        ("/deep/a?b=c&d=%2F", "/deep/a?b=c&d=%2F"),
        (&format!("{origin}/deep/b?x"), "/deep/b?x"),
        (&origin, "/"),
        (&format!("{origin}/"), "/"),
        ("/deep/%D0%91", "/deep/%D0%91"),
        ("", "/"),
    ] {
        let location = lands(&world, rd).await;
        assert_eq!(world.browser().inside(&location).as_deref(), Some(target), "{rd}");
    }
}

#[tokio::test]
async fn anything_else_counts_as_the_root() {
    let world = World::new().await;
    let host = world.setup.host();
    let (name, port) = host.split_once(':').unwrap();
    let elsewhere = [
        "https://evil.example/".to_owned(),
        "//evil.example/".to_owned(),
        "///evil.example/".to_owned(),
        "/\\evil.example/".to_owned(),
        "\\\\evil.example/".to_owned(),
        "/\t/evil.example/".to_owned(),
        "/\n/evil.example/".to_owned(),
        "\t//evil.example/".to_owned(),
        " //evil.example".to_owned(),
        "javascript:alert(1)".to_owned(),
        "JaVaScRiPt:alert(1)".to_owned(),
        "\u{1}javascript:alert(1)".to_owned(),
        "data:text/html,x".to_owned(),
        format!("https://{host}/"),
        format!("http://{host}@evil.example/"),
        format!("http://evil.example\\@{host}/"),
        format!("http://{host}.evil.example/"),
        format!("http://evil-{host}/"),
        format!("http://user@{host}/"),
        format!("http://{name}/"),
        format!("http://{name}:{port}1/"),
        format!("http://{name}:1/"),
        format!("http:{host}/evil"),
        format!("http:/\\evil.example/{host}"),
        format!("http://evil.example#{host}/"),
        format!("//{host}/"),
        "http://localhost。evil.example/".to_owned(),
        "evil".to_owned(),
        "?x".to_owned(),
        "http://".to_owned(),
    ];
    for rd in elsewhere {
        let location = lands(&world, &rd).await;
        assert_eq!(world.browser().inside(&location).as_deref(), Some("/"), "{rd:?} led to {location}");
    }
}

#[tokio::test]
async fn no_rd_of_any_spelling_leaves_the_site() {
    let world = World::with(|setup| setup.set("limits", "logins_per_minute", "100000")).await;
    // Grown from what redirect filters stumble over.
    let rd = r"[/\\\t\n @.:?#%]{0,4}(evil\.example|localhost|javascript|https?|%2f|%5c|%09|\.\.)?[/\\\t:@a-z.%?#]{0,8}";
    let mut runner = TestRunner::default();
    let samples = (0..150).map(|_| rd.new_tree(&mut runner).unwrap().current()).collect::<Vec<String>>();
    for rd in samples {
        let location = lands(&world, &rd).await;
        assert_eq!(origin_of(&world, &location), world.setup.origin(), "{rd:?} led to {location}");
    }
}

#[tokio::test]
async fn a_target_that_looks_like_another_host_stays_here() {
    let world = World::new().await;
    for target in [
        "//evil.example/x",
        "/\\evil.example",
        "/%09/evil.example",
        "/.//evil.example",
        "/%5cevil.example",
        "/;//evil.example",
    ] {
        let browser = world.browser();
        let start = browser.load(target).await;
        // Refused is as good as brought back.
        if start.status != 302 {
            assert_eq!(start.status, 400, "{target}: {start}");
            continue;
        }
        let back = browser.at_provider(&start, BAT).await;
        let location = browser.come_back(&back).await.location();
        assert_eq!(origin_of(&world, &location), world.setup.origin(), "{target} led to {location}");
    }
}

#[tokio::test]
async fn an_absolute_target_is_no_way_out() {
    let world = World::new().await;
    let host = world.setup.host();
    let lines = [
        "GET http://evil.example/x HTTP/1.1",
        &format!("Host: {host}"),
        "Sec-Fetch-Mode: navigate",
        "Sec-Fetch-Dest: document",
    ];
    let head = world.wire().await.request(&lines).await;
    assert!(head.starts_with("HTTP/1.1 400") || head.starts_with("HTTP/1.1 421"), "{head}");
    assert!(!head.contains("evil.example"), "{head}");
}

#[tokio::test]
async fn the_gates_own_addresses_are_no_destination() {
    let world = World::new().await;
    for rd in [
        "/oauth2/sign_out",
        "/oauth2/logout?x",
        "/oauth2/start?rd=/x",
        "/oauth2/callback?code=a&state=b",
        "/oauth2/login",
    ] {
        let location = lands(&world, rd).await;
        assert_eq!(world.browser().inside(&location).as_deref(), Some("/"), "{rd} led to {location}");
    }
}

#[tokio::test]
async fn an_address_that_is_too_long_is_not_cut_and_then_used() {
    let world = World::new().await;
    let rd = format!("/deep/{}", "a".repeat(20_000));
    let browser = world.browser();
    let start = browser.load(&format!("/oauth2/start?rd={rd}")).await;
    if start.status == 302 {
        let back = browser.at_provider(&start, BAT).await;
        let done = browser.come_back(&back).await;
        let target = browser.inside(&done.location()).unwrap();
        assert!(target == "/" || target == rd, "{}", target.len());
    }
}

#[tokio::test]
async fn of_several_public_urls_it_is_the_one_that_was_asked() {
    let world = World::with(|setup| {
        let other = format!("http://127.0.0.1:{}", setup.port);
        let uris = [setup.redirect_uri(), format!("{other}/oauth2/callback")];
        setup.options.clients = vec![Client { redirect_uris: uris.into(), ..Client::public(CLIENT, "") }];
        setup.also = vec![other];
    });
    let world = world.await;
    for origin in [world.setup.public_url.clone(), world.setup.also[0].clone()] {
        let browser = world.browser_at(&origin);
        assert_eq!(browser.sign_in(BAT, "/deep/here?x").await.status, 200, "{origin}");
        let call = world.provider.calls().last(Endpoint::Code).unwrap();
        assert_eq!(call.param("redirect_uri"), Some(format!("{origin}/oauth2/callback").as_str()));
        let host = origin.split_once("://").unwrap().1;
        assert_eq!(world.told("x-forwarded-host").as_deref(), Some(host));
    }
    // The session is where its cookie is: the other origin is asked on the other origin.
    let browser = world.browser();
    let start =
        browser.load(&format!("/oauth2/start?rd={}", encoded(&format!("{}/deep/there", world.setup.also[0])))).await;
    let location = start.location();
    assert!(location.starts_with(&world.setup.also[0]) && start.set_cookies().is_empty(), "{start}");
}

#[tokio::test]
async fn signing_out_leads_no_further_either() {
    let world = World::new().await;
    for rd in ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"] {
        let browser: Browser = world.signed_in(SARAA).await;
        let page = browser.load(&format!("/oauth2/sign_out?rd={}", encoded(rd))).await;
        assert!(page.header("location").is_none() && !page.text().contains("evil.example"), "{page}");
        assert!(!page.text().contains("javascript:"), "{page}");
    }
}
