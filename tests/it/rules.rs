//! Rules, and that no second reading opens anything: interface.md, "Rules"; security.md 2.9.

use crate::world::{Ask, BAT, World};

async fn world() -> World {
    let world = World::with(|setup| {
        setup.rule("/public/**", "public");
        setup.rule("/admin/**", "deny");
        setup.rest += "[[rules]]\npath = \"/api/**\"\nmethods = [\"GET\", \"HEAD\"]\naccess = \"public\"\n";
        setup.rule("/headers/optional", "optional");
    });
    world.await
}

#[tokio::test]
async fn the_first_rule_that_matches_decides() {
    let world = world().await;
    let browser = world.signed_in(BAT).await;
    for (target, method, stranger, user) in [
        ("/public", "GET", 200, 200),
        ("/public/a/b", "POST", 200, 200),
        ("/api/time", "GET", 200, 200),
        ("/api/time", "POST", 401, 200),
        ("/admin", "GET", 403, 403),
        ("/admin/a", "GET", 403, 403),
        ("/headers/optional", "GET", 200, 200),
        ("/headers", "GET", 401, 200),
        ("/publicx", "GET", 401, 404),
    ] {
        let ask = Ask::script(target).method(method);
        assert_eq!(world.browser().send(ask.clone()).await.status, stranger, "{method} {target}");
        assert_eq!(browser.send(ask).await.status, user, "{method} {target}");
    }
}

#[tokio::test]
async fn an_optional_path_is_told_who_it_is_where_somebody_is() {
    let world = world().await;
    let browser = world.signed_in(BAT).await;
    browser.fetch("/headers/optional").await;
    assert_eq!(world.told("x-forwarded-user").as_deref(), Some(BAT));
    world.browser().fetch("/headers/optional").await;
    assert_eq!(world.told("x-forwarded-user"), None);
    browser.fetch("/public/a").await;
    assert_eq!(world.told("x-forwarded-user"), None, "a public path is nobody's");
}

#[tokio::test]
async fn who_is_denied_gets_a_page_or_a_problem() {
    let world = world().await;
    let browser = world.signed_in(BAT).await;
    let page = browser.load("/admin/a").await;
    assert!(page.status == 403 && page.is_html(), "{page}");
    assert_eq!(browser.fetch("/admin/a").await.header("content-type"), Some("application/problem+json"));
    assert_eq!(world.seen().iter().filter(|target| target.starts_with("/admin")).count(), 0);
}

#[tokio::test]
async fn no_second_reading_opens_what_is_closed() {
    let world = world().await;
    for target in [
        "/public/../deep/a",
        "/public/./../deep/a",
        "/public//../deep/a",
        "/public/%2e%2e/deep/a",
        "/public/%2E%2E%2Fdeep/a",
        "/public/..%2fdeep/a",
        "/public/%252e%252e/deep/a",
        "/public\\..\\deep/a",
        "/public/..\\deep/a",
        "/public/..;/deep/a",
        "/public;x/../deep/a",
        "/public/;/../../deep/a",
        "/public/%2e%2e;x/deep/a",
        "/public/..%00/deep/a",
        "/public/%",
        "/public/%zz/../deep",
        "/deep/../deep/a",
        "//public/../deep/a",
        "/PUBLIC/a",
        "/%70ublic/../deep/a",
        "/api/../admin/a",
        "/api/%2e%2e/admin/a",
    ] {
        let reply = world.browser().fetch(target).await;
        assert!(matches!(reply.status, 400 | 401 | 403), "{target}: {reply}");
        assert!(reply.header("x-sample-app").is_none(), "{target}");
    }
    assert_eq!(world.seen(), Vec::<String>::new());
}

#[tokio::test]
async fn what_is_denied_is_denied_in_every_spelling() {
    let world = world().await;
    let browser = world.signed_in(BAT).await;
    world.app.requests().clear();
    for target in [
        "/admin",
        "/admin/",
        "//admin",
        "///public/..//admin",
        "/ADMIN",
        "/Admin/a",
        "/%61dmin",
        "/%2561dmin/a",
        "/admin%2fa",
        "/admin%2f",
        "/admin/.",
        "/./admin/a",
        "/x/../admin/a",
        "/x/%2e%2e/admin/a",
        "/admin;x/a",
        "/;/admin",
        "/.;/admin",
        "\\admin",
        "/x\\..\\admin",
        "/admin%00",
        "/admin%09",
        "/deep/..%2fadmin/a",
    ] {
        let lines = [
            format!("GET {target} HTTP/1.1"),
            format!("Host: {}", world.setup.host()),
            format!("Cookie: {}", browser.cookie_line()),
        ];
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let head = world.wire().await.request(&lines).await;
        assert!(head.starts_with("HTTP/1.1 403") || head.starts_with("HTTP/1.1 400"), "{target}: {head}");
    }
    assert_eq!(world.seen(), Vec::<String>::new());
}

#[tokio::test]
async fn a_preflight_passes_where_a_rule_lets_it() {
    let world = world().await;
    let preflight = |target: &str| {
        let ask = Ask::script(target).method("OPTIONS").with("origin", "https://friend.example");
        ask.with("access-control-request-method", "PUT")
    };
    assert_eq!(world.browser().send(preflight("/public/a")).await.status, 200);
    assert_eq!(world.browser().send(preflight("/api/a")).await.status, 401, "its methods are GET and HEAD");
    assert_eq!(world.browser().send(preflight("/deep/a")).await.status, 401);
}

#[tokio::test]
async fn the_query_is_no_path() {
    let world = world().await;
    for target in ["/deep/a?x=/public/b", "/deep/a?/../public/b", "/deep/a?%2e%2e/public"] {
        assert_eq!(world.browser().fetch(target).await.status, 401, "{target}");
    }
}

#[tokio::test]
async fn headers_that_rewrite_requests_elsewhere_change_no_decision() {
    let world = world().await;
    for (name, value) in [
        ("x-http-method-override", "GET"),
        ("x-original-url", "/public/a"),
        ("x-rewrite-url", "/public/a"),
        ("x-forwarded-uri", "/public/a"),
        ("x-original-uri", "/public/a"),
        ("x-forwarded-method", "GET"),
        ("x-middleware-subrequest", "middleware"),
    ] {
        assert_eq!(world.browser().send(Ask::script("/deep/a").with(name, value)).await.status, 401, "{name}");
        assert_eq!(
            world.browser().send(Ask::script("/api/a").method("POST").with(name, value)).await.status,
            401,
            "{name}"
        );
    }
    assert_eq!(world.seen(), Vec::<String>::new());
}
