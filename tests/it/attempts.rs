//! Who starts an attempt, and who is told no: interface.md, "What a request without a session gets".

use tokigate::demo::provider::Endpoint;

use crate::world::{Ask, BAT, Cookie, Reply, World};

fn is_an_attempt(reply: &Reply) -> bool {
    reply.status == 302 && reply.location().contains("/oauth2/authorize?") && reply.set_cookies().len() == 1
}

/// 401, and nothing that a sign-in would need.
fn is_a_plain_no(reply: &Reply) -> bool {
    reply.status == 401 && reply.header("location").is_none() && reply.set_cookies().is_empty()
}

#[tokio::test]
async fn the_cookie_of_an_attempt_is_http_only_lax_and_lives_ten_minutes_at_most() {
    let world = World::with(|setup| {
        setup.https();
        setup.session("same_site", "\"Strict\"");
    });
    let world = world.await;
    let start = world.browser().load("/").await;
    let [line] = &start.set_cookies()[..] else { panic!("one cookie: {start}") };
    let cookie = Cookie::read(line, true, world.clock.now()).unwrap();
    assert!(cookie.name.starts_with("__Host-tokigate") && cookie.name != "__Host-tokigate", "{line}");
    assert!(cookie.http_only && cookie.secure && cookie.path == "/", "{line}");
    assert_eq!(cookie.same_site.as_deref(), Some("Lax"));
    assert!((1..=600).contains(&cookie.max_age.unwrap()), "{line}");
}

#[tokio::test]
async fn on_loopback_the_cookie_of_an_attempt_carries_the_port_in_its_name() {
    let world = World::new().await;
    let browser = world.browser();
    browser.load("/").await;
    assert!(browser.names()[0].starts_with(&world.setup.cookie()), "{:?}", browser.names());
    assert!(browser.names()[0] != world.setup.cookie());
}

#[tokio::test]
async fn its_callback_deletes_it() {
    let world = World::new().await;
    let browser = world.browser();
    let start = browser.load("/deep/a").await;
    let attempt = browser.names();
    let back = world.allow(&start, BAT).await;
    browser.come_back(&back).await;
    assert!(attempt.iter().all(|name| !browser.names().contains(name)), "{:?}", browser.names());
    assert!(browser.is_signed_in().await);
}

#[tokio::test]
async fn only_page_loads_start_an_attempt() {
    let world = World::new().await;
    let html = "text/html,*/*;q=0.8";
    let attempts = [
        Ask::page("/deep/a"),
        Ask::page_from_elsewhere("/deep/a"),
        // An in-app web view: no Sec-Fetch, and its own package name.
        Ask::plain("/deep/a").with("accept", html).with("x-requested-with", "mn.toki.app"),
        Ask::plain("/deep/a").with("accept", html),
    ];
    for ask in attempts {
        let reply = world.curl(ask.clone()).await;
        assert!(is_an_attempt(&reply), "{ask:?}: {reply}");
    }
}

#[tokio::test]
async fn who_is_no_page_load_gets_401_and_no_attempt() {
    let world = World::new().await;
    let html = "text/html,*/*;q=0.8";
    let refused = [
        Ask::script("/deep/a"),
        Ask::script("/deep/a").with("accept", html),
        Ask::script("/deep/a").with("sec-fetch-mode", "no-cors").with("sec-fetch-dest", "image"),
        Ask::script("/deep/a").with("sec-fetch-mode", "same-origin"),
        Ask::script("/deep/a").with("sec-fetch-mode", "websocket"),
        Ask::plain("/deep/a"),
        Ask::plain("/deep/a").without("accept"),
        Ask::plain("/deep/a").with("accept", "application/json"),
        Ask::plain("/deep/a").with("accept", "text/event-stream"),
        Ask::plain("/deep/a").with("accept", "application/json, text/html"),
        Ask::plain("/deep/a").with("accept", html).with("x-requested-with", "XMLHttpRequest"),
        Ask::page("/deep/a").with("sec-purpose", "prefetch;prerender"),
        Ask::page("/deep/a").with("sec-purpose", "prefetch"),
        Ask::page("/deep/a").with("purpose", "prefetch"),
        Ask::page("/deep/a").with("sec-fetch-dest", "iframe"),
        Ask::page("/deep/a").with("sec-fetch-dest", "frame"),
        Ask::page("/deep/a").form("a=b"),
        Ask::plain("/deep/a").with("accept", html).form("a=b"),
        Ask::plain("/deep/a").method("POST").with("content-type", "application/json").body(b"{}"),
        Ask::plain("/deep/a").method("DELETE").with("accept", html),
        Ask::plain("/deep/a")
            .method("OPTIONS")
            .with("origin", "https://elsewhere.example")
            .with("access-control-request-method", "GET"),
        Ask::page("/deep/a")
            .with("upgrade", "websocket")
            .with("connection", "Upgrade")
            .with("sec-websocket-version", "13")
            .with("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    for ask in refused {
        let reply = world.curl(ask.clone()).await;
        assert!(is_a_plain_no(&reply), "{ask:?}: {reply}");
        assert!(reply.header("www-authenticate").is_some(), "{ask:?}");
        assert_eq!(reply.header("cache-control"), Some("no-store"), "{ask:?}");
    }
    assert_eq!(world.seen(), Vec::<String>::new());
}

#[tokio::test]
async fn a_script_is_told_where_to_sign_in() {
    let world = World::new().await;
    let reply = world.browser().fetch("/deep/a?secret=1").await;
    assert_eq!(reply.header("content-type"), Some("application/problem+json"));
    assert!(reply.header("www-authenticate").unwrap().starts_with("Bearer"));
    let problem = reply.json();
    assert_eq!(problem["status"], 401);
    for field in ["type", "title", "detail"] {
        assert!(problem[field].as_str().is_some_and(|text| !text.is_empty()), "{field}: {reply}");
    }
    assert_eq!(problem["login_url"], format!("{}/oauth2/start", world.setup.public_url));
}

#[tokio::test]
async fn grpc_is_told_in_its_own_words() {
    let world = World::new().await;
    for (kind, answered) in [
        ("application/grpc", "application/grpc"),
        ("application/grpc+proto", "application/grpc"),
        // connect-es 1 takes no other.
        ("application/grpc-web+proto", "application/grpc-web+proto"),
        ("application/grpc-web", "application/grpc-web+proto"),
        ("application/grpc-web+json", "application/grpc-web+json"),
        ("application/grpc-web-text+proto", "application/grpc-web-text"),
    ] {
        let ask = Ask::plain("/pkg.Service/Method").method("POST").with("content-type", kind).with("te", "trailers");
        let reply = world.curl(ask).await;
        assert_eq!((reply.status, reply.header("grpc-status")), (200, Some("16")), "{reply}");
        assert_eq!(reply.header("content-type"), Some(answered));
        assert!(reply.set_cookies().is_empty());
    }
}

#[tokio::test]
async fn a_frame_gets_a_page_whose_link_opens_at_the_top() {
    let world = World::new().await;
    let reply = world.curl(Ask::page("/deep/a").with("sec-fetch-dest", "iframe")).await;
    assert!(reply.status == 401 && reply.is_html());
    assert!(reply.text().contains("target=\"_top\"") || reply.text().contains("target=\"_blank\""), "{reply}");
}

#[tokio::test]
async fn a_posted_form_gets_a_page_that_says_so() {
    let world = World::new().await;
    let reply = world.curl(Ask::page("/form").form("note=hello")).await;
    assert!(reply.status == 401 && reply.is_html(), "{reply}");
    assert!(!reply.text().contains("hello"), "nothing of it is repeated");
}

#[tokio::test]
async fn a_megabyte_that_is_posted_by_a_stranger_goes_nowhere() {
    let world = World::new().await;
    let reply = world.curl(Ask::script("/upload").method("POST").body(&vec![b'x'; 1 << 20])).await;
    assert_eq!(reply.status, 401);
    assert_eq!(world.seen(), Vec::<String>::new());
}

#[tokio::test]
async fn head_is_sent_to_start_without_an_attempt() {
    let world = World::new().await;
    let reply = world.curl(Ask::page("/deep/a?b=c").method("HEAD")).await;
    assert_eq!((reply.status, reply.set_cookies().len()), (302, 0), "{reply}");
    let location = reply.location();
    let start = location.strip_prefix(&world.setup.public_url).unwrap_or(&location);
    assert!(start.starts_with("/oauth2/start?rd="), "{location}");
    assert_eq!(world.browser().sign_in_by(start, BAT).await, "/deep/a?b=c");
}

#[tokio::test]
async fn start_begins_one_whatever_accept_says_under_all_its_names() {
    let world = World::new().await;
    for name in ["start", "login", "sign_in"] {
        for accept in ["*/*", "application/json", "text/event-stream", "image/png"] {
            let ask = Ask::plain(&format!("/oauth2/{name}?rd=/deep/b")).with("accept", accept);
            let reply = world.curl(ask).await;
            assert!(is_an_attempt(&reply), "{name} {accept}: {reply}");
        }
    }
    assert!(is_an_attempt(&world.curl(Ask::page("/oauth2/start")).await));
}

#[tokio::test]
async fn head_of_start_begins_none() {
    let world = World::new().await;
    let reply = world.curl(Ask::page("/oauth2/start?rd=/deep/b").method("HEAD")).await;
    assert!(reply.set_cookies().is_empty(), "{reply}");
}

#[tokio::test]
async fn start_is_refused_to_scripts_and_prefetches() {
    let world = World::new().await;
    let start = "/oauth2/start?rd=/deep/b";
    for ask in [
        Ask::script(start),
        Ask::script(start).with("sec-fetch-mode", "no-cors"),
        Ask::page(start).with("sec-purpose", "prefetch"),
        Ask::page(start).with("purpose", "prefetch"),
        Ask::page(start).with("upgrade", "websocket").with("connection", "Upgrade"),
    ] {
        let reply = world.curl(ask.clone()).await;
        assert!(reply.status >= 400 && reply.set_cookies().is_empty(), "{ask:?}: {reply}");
    }
}

#[tokio::test]
async fn what_start_is_given_beside_rd_reaches_nobody_unless_it_is_allowed() {
    let world = World::with(|setup| {
        setup.set("provider", "start_params", "[\"login_hint\"]");
        setup.set("provider", "authorize_params", "{ ui_locales = \"mn\" }");
    });
    let world = world.await;
    let extra = "login_hint=bat&scope=admin&prompt=none&redirect_uri=https://evil.example/&client_id=x&nonce=1&state=2\
                 &response_mode=fragment&code_challenge=3&code_challenge_method=plain&response_type=token&request=4&acr=5";
    let reply = world.curl(Ask::page(&format!("/oauth2/start?{extra}"))).await;
    let url = url::Url::parse(&reply.location()).unwrap();
    let mut names: Vec<String> = url.query_pairs().map(|(name, _)| name.into_owned()).collect();
    names.sort();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count, "nothing twice: {url}");
    assert_eq!(reply.location_param("login_hint").as_deref(), Some("bat"));
    assert_eq!(reply.location_param("ui_locales").as_deref(), Some("mn"));
    assert_eq!(reply.location_param("scope").as_deref(), Some("openid offline_access"));
    assert_eq!(reply.location_param("redirect_uri"), Some(world.setup.redirect_uri()));
    assert_eq!(reply.location_param("code_challenge_method").as_deref(), Some("S256"));
    for name in ["prompt", "response_mode", "request", "acr"] {
        assert_eq!(reply.location_param(name), None, "{name}");
    }
}

#[tokio::test]
async fn starting_asks_nothing_of_the_provider() {
    let world = World::new().await;
    for _ in 0..50 {
        world.curl(Ask::page("/deep/a")).await;
    }
    assert_eq!(world.provider.calls().count(Endpoint::Token), 0);
    assert_eq!(world.provider.calls().all().len(), 0);
}
