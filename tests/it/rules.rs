//! Rules, and that no second reading opens anything: interface.md, "Rules"; security.md 2.9.

use crate::world::{Ask, BAT, SARAA, Setup, UNURMAA, World};

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

async fn with_rule(rule: &str) -> World {
    World::with(|setup| setup.rest += &format!("[[rules]]\npath = \"/deep/admin/**\"\n{rule}\n")).await
}

#[tokio::test]
async fn who_is_not_in_the_group_is_told_so_and_who_is_gets_in() {
    let world = with_rule("require = { groups = [\"admin\"] }").await;
    let browser = world.signed_in(BAT).await;
    assert_eq!(browser.load("/deep/admin/a").await.status, 200);
    assert_eq!(world.browser().load("/deep/admin/a").await.status, 302, "a stranger may be anybody");
    let browser = world.signed_in(UNURMAA).await;
    world.app.requests().clear();
    let page = browser.load("/deep/admin/a").await;
    assert!(page.status == 403 && page.text().contains("You are not in the right group"), "{page}");
    let mongolian = browser.send(Ask::page("/deep/admin/a").with("accept-language", "mn")).await;
    assert!(mongolian.text().contains("бүлэг"), "{mongolian}");
    let problem = browser.fetch("/deep/admin/a").await;
    assert_eq!((problem.status, &problem.json()["reason"]), (403, &"group_missing".into()));
    for reply in [page, problem] {
        let text = reply.text().replace("/deep/admin/a", "");
        assert!(!text.contains("admin") && !text.contains("staff"), "no rule, no claim: {reply}");
    }
    assert_eq!(world.seen(), Vec::<String>::new());
}

#[tokio::test]
async fn an_address_of_another_domain_or_none_is_not_enough() {
    let world = with_rule("require.email = \"*@EXAMPLE.mn\"").await;
    for (user, status, reason) in [(BAT, 200, None), (SARAA, 403, Some("email_not_allowed"))] {
        let reply = world.signed_in(user).await.fetch("/deep/admin/a").await;
        assert_eq!(reply.status, status, "{reply}");
        assert!(reason.is_none_or(|reason| reply.json()["reason"] == reason), "{reply}");
    }
}

/// What was sealed before a rule asked for a claim does not have it: then it is missing, and a sign-in brings it.
#[tokio::test]
async fn a_claim_that_a_rule_begins_to_ask_for_comes_with_the_next_sign_in() {
    let mut world = World::new().await;
    let browser = world.signed_in(BAT).await;
    let rule = "[[rules]]\npath = \"/deep/admin/**\"\nrequire = { phoneNo = \"*\" }\n";
    world.restart(|setup| setup.rest += rule);
    let reply = browser.fetch("/deep/admin/a").await;
    assert_eq!((reply.status, &reply.json()["reason"]), (403, &"claim_not_met".into()));
    assert_eq!(browser.sign_in_by("/oauth2/start?rd=/deep/admin/a", BAT).await, "/deep/admin/a");
    assert_eq!(browser.fetch("/deep/admin/a").await.status, 200);
}

#[tokio::test]
async fn from_elsewhere_nobody_is_even_asked_to_sign_in() {
    let office = |setup: &mut Setup| {
        setup.rest += "[[rules]]\npath = \"/deep/admin/**\"\nfrom = [\"10.0.0.0/8\"]\n";
        setup.rest += "[[rules]]\npath = \"/api/**\"\nfrom = [\"10.0.0.0/8\"]\naccess = \"public\"\n";
    };
    let world = World::with(office).await;
    let forged = |target: &str| Ask::page(target).with("x-forwarded-for", "10.1.2.3");
    let page = world.browser().send(forged("/deep/admin/a")).await;
    assert!(page.status == 403 && page.text().contains("network"), "{page}");
    assert_eq!(world.browser().send(forged("/api/time")).await.status, 302, "the public rule is not there");
    let behind = World::with(|setup| {
        office(setup);
        setup.set("", "trusted_proxies", "[\"loopback\"]");
    });
    let world = behind.await;
    assert_eq!(world.browser().send(forged("/deep/admin/a")).await.status, 302);
    assert_eq!(world.browser().send(forged("/api/time")).await.status, 200);
    let outside = Ask::page("/api/time").with("x-forwarded-for", "10.1.2.3, 203.0.113.7");
    assert_eq!(world.browser().send(outside).await.status, 302);
}

/// TOKI knows no max_age and says nothing of when: it is asked to ask again.
#[tokio::test]
async fn at_toki_a_sign_in_that_is_too_old_is_done_again() {
    let world = with_rule("max_age = \"15m\"").await;
    let browser = world.signed_in(BAT).await;
    assert_eq!(browser.load("/deep/admin/a").await.status, 200);
    world.turn(901);
    assert_eq!(browser.load("/deep/a").await.status, 200, "elsewhere it is good enough");
    let data = browser.fetch("/deep/admin/a").await;
    assert_eq!(data.status, 401, "{data}");
    let challenge = data.header("www-authenticate").unwrap();
    assert!(challenge.starts_with("Bearer error=\"insufficient_user_authentication\""), "{challenge}");
    assert!(challenge.ends_with("max_age=\"900\""), "{challenge}");
    assert_eq!(data.json()["login_url"], format!("{}/oauth2/start?max_age=900", world.setup.public_url));
    let form = browser.send(Ask::page("/deep/admin/a").form("a=b")).await;
    assert!(form.status == 401 && form.text().contains("did not reach"), "{form}");
    let start = browser.load("/deep/admin/a").await;
    assert_eq!(start.location_param("prompt").as_deref(), Some("login"));
    assert_eq!(start.location_param("max_age").as_deref(), Some("900"));
    let back = browser.at_provider(&start, BAT).await;
    let done = browser.come_back(&back).await;
    assert_eq!(browser.inside(&done.location()).as_deref(), Some("/deep/admin/a"));
    assert_eq!(browser.load("/deep/admin/a").await.status, 200);
    assert_eq!(browser.fetch("/deep/admin/a").await.status, 200);
}

#[tokio::test]
async fn a_stranger_signs_in_as_the_rule_wants_at_once() {
    let world = with_rule("max_age = \"15m\"").await;
    let start = world.browser().load("/deep/admin/a").await;
    assert_eq!(start.location_param("max_age").as_deref(), Some("900"));
    assert_eq!(start.location_param("prompt").as_deref(), Some("login"), "a silent sign-in would count as a fresh one");
}

#[tokio::test]
async fn a_stronger_sign_in_is_asked_for_and_a_provider_that_gives_none_is_not_asked_for_ever() {
    let world = World::oidc(|setup| {
        setup.rest += "[[rules]]\npath = \"/deep/admin/**\"\nacr_values = [\"phr\"]\n";
    });
    let world = world.await;
    world.provider.reshape(|answers| answers.acr = &["pwd", "phr"]);
    let browser = world.signed_in(BAT).await;
    let start = browser.load("/deep/admin/a").await;
    assert_eq!(start.location_param("acr_values").as_deref(), Some("phr"));
    let back = browser.at_provider(&start, BAT).await;
    assert_eq!(browser.come_back(&back).await.status, 302);
    assert_eq!(browser.load("/deep/admin/a").await.status, 200);

    world.provider.reshape(|answers| answers.acr = &["pwd"]);
    let other = world.signed_in(BAT).await;
    let back = other.at_provider(&other.load("/deep/admin/a").await, BAT).await;
    let told = other.come_back(&back).await;
    assert!(told.status == 403 && told.is_html(), "{told}");
    assert_eq!(other.load("/deep/a").await.status, 200, "the session that was goes on");
}

#[tokio::test]
async fn nginx_is_told_of_conditions() {
    let world = World::with(|setup| {
        setup.https();
        setup.unset("", "upstream");
        setup.rest += "[[rules]]\npath = \"/deep/group/**\"\nrequire = { groups = [\"nobody\"] }\n";
        setup.rest += "[[rules]]\npath = \"/deep/fresh/**\"\nmax_age = \"15m\"\n";
        setup.rest += "[[rules]]\npath = \"/deep/office/**\"\nfrom = [\"10.0.0.0/8\", \"loopback\"]\n";
    });
    let world = world.await;
    let browser = world.browser();
    browser.sign_in_by("/oauth2/start?rd=/deep/a", BAT).await;
    let auth =
        |target: &str| Ask::plain("/oauth2/auth").with("x-original-uri", target).with("x-original-method", "GET");
    assert_eq!(browser.send(auth("/deep/group/a")).await.status, 403);
    assert_eq!(browser.send(auth("/deep/fresh/a")).await.status, 202);
    assert_eq!(browser.send(auth("/deep/office/a")).await.status, 403, "nginx itself is on loopback, and not who asks");
    let inside = auth("/deep/office/a").with("x-forwarded-for", "10.1.2.3");
    assert_eq!(browser.send(inside).await.status, 202);
    assert_eq!(browser.send(auth("/deep/office/a").with("x-forwarded-for", "203.0.113.1")).await.status, 403);
    world.turn(901);
    let stale = browser.send(auth("/deep/fresh/a")).await;
    assert_eq!(stale.status, 401, "{stale}");
    assert!(stale.location().ends_with("&max_age=900"), "{stale}");
    let start = stale.location().replace("https://app.example.mn", "");
    assert_eq!(browser.sign_in_by(&start, BAT).await, "/deep/fresh/a");
    assert_eq!(browser.send(auth("/deep/fresh/a")).await.status, 202);
}
