//! Another proxy asks: interface.md, `/auth` and `/auth/redirect`. The original request comes as nginx, Traefik and Caddy tell it.

use crate::world::{Ask, BAT, Browser, Reply, Setup, World};

/// Forward-auth alone: no application behind the gate.
fn alone(setup: &mut Setup) {
    setup.https();
    setup.unset("", "upstream");
}

async fn signed_in(world: &World) -> Browser {
    let browser = world.browser();
    assert_eq!(browser.sign_in_by("/oauth2/start?rd=/deep/a", BAT).await, "/deep/a");
    browser
}

/// As `auth_request` asks about this target.
fn auth(target: &str) -> Ask {
    Ask::plain("/oauth2/auth").with("x-original-uri", target).with("x-original-method", "GET")
}

/// As Traefik asks.
fn forwarded(endpoint: &str, target: &str) -> Ask {
    Ask::page(endpoint)
        .with("x-forwarded-method", "GET")
        .with("x-forwarded-proto", "https")
        .with("x-forwarded-host", "app.example.mn")
        .with("x-forwarded-uri", target)
}

#[tokio::test]
async fn who_is_signed_in_is_202_with_every_header_twice() {
    let world = World::with(alone).await;
    let browser = signed_in(&world).await;
    let reply = browser.send(auth("/deep/a")).await;
    assert_eq!(reply.status, 202, "{reply}");
    for (name, value) in [
        ("x-forwarded-user", BAT),
        ("x-auth-request-user", BAT),
        ("x-forwarded-email", "bat.dorj@example.mn"),
        ("x-auth-request-email", "bat.dorj@example.mn"),
        ("x-forwarded-groups", "admin,staff"),
        ("x-auth-request-groups", "admin,staff"),
    ] {
        assert_eq!(reply.header(name), Some(value), "{name}");
    }
    assert!(reply.header("x-auth-request-preferred-username").is_some());
    assert!(reply.set_cookies().is_empty());
}

#[tokio::test]
async fn a_stranger_is_401_with_the_address_to_sign_in_at() {
    let world = World::with(alone).await;
    let reply = world.browser().send(auth("/deep/wanted?a=b&c=%20")).await;
    assert_eq!(reply.status, 401, "{reply}");
    let location = reply.location();
    let start = location.strip_prefix("https://app.example.mn").unwrap_or_else(|| panic!("absolute: {location}"));
    assert!(start.starts_with("/oauth2/start?rd="), "{location}");
    assert!(reply.set_cookies().is_empty() && reply.header("x-forwarded-user").is_none());
    assert_eq!(world.browser().sign_in_by(start, BAT).await, "/deep/wanted?a=b&c=%20");
}

#[tokio::test]
async fn all_ways_of_telling_the_original_are_understood() {
    let world = World::with(alone).await;
    let stranger = world.browser();
    for ask in [
        auth("/deep/o?x"),
        Ask::plain("/oauth2/auth")
            .with("x-original-url", "https://app.example.mn/deep/o?x")
            .with("x-original-method", "GET"),
        forwarded("/oauth2/auth", "/deep/o?x"),
    ] {
        let location = stranger.send(ask.clone()).await.location();
        assert!(location.contains("/start?rd=") && location.ends_with("/deep/o%3Fx"), "{ask:?}: {location}");
    }
}

#[tokio::test]
async fn redirect_answers_as_the_gate_itself_would() {
    let world = World::with(|setup| {
        alone(setup);
        setup.rule("/admin/**", "deny");
        setup.rule("/public/**", "public");
    });
    let world = world.await;
    let browser = signed_in(&world).await;
    let endpoint = "/oauth2/auth/redirect";
    let page = world.browser().send(forwarded(endpoint, "/deep/a")).await;
    assert_eq!(page.status, 302, "{page}");
    assert!(
        page.location().starts_with(&world.provider.url()) || page.location().contains("/oauth2/start?rd="),
        "{page}"
    );
    let script = forwarded(endpoint, "/deep/a").with("sec-fetch-mode", "cors").with("accept", "application/json");
    assert_eq!(world.browser().send(script).await.status, 401);
    assert_eq!(browser.send(forwarded(endpoint, "/deep/a")).await.status, 202);
    assert_eq!(browser.send(forwarded(endpoint, "/admin/a")).await.status, 403);
    assert_eq!(world.browser().send(forwarded(endpoint, "/public/a")).await.status, 202);
}

#[tokio::test]
async fn rules_are_those_of_the_original_request() {
    let world = World::with(|setup| {
        alone(setup);
        setup.rule("/admin/**", "deny");
        setup.rule("/public/**", "public");
        setup.rest += "[[rules]]\npath = \"/api/**\"\nmethods = [\"GET\"]\naccess = \"public\"\n";
    });
    let world = world.await;
    let browser = signed_in(&world).await;
    let stranger = world.browser();
    assert_eq!(browser.send(auth("/admin/a")).await.status, 403);
    assert_eq!(stranger.send(auth("/public/a")).await.status, 202);
    assert_eq!(stranger.send(auth("/public/a")).await.header("x-forwarded-user"), None);
    assert_eq!(stranger.send(auth("/api/a")).await.status, 202);
    assert_eq!(stranger.send(auth("/api/a").with("x-original-method", "POST")).await.status, 401);
    for target in ["/public/../deep/a", "/public/%2e%2e/deep/a", "/public/..;/deep", "/public//../admin"] {
        let status = stranger.send(auth(target)).await.status;
        assert!(matches!(status, 400 | 401 | 403), "{target}: {status}");
    }
}

#[tokio::test]
async fn where_rules_tell_requests_apart_and_none_is_told_it_is_403() {
    let world = World::with(|setup| {
        alone(setup);
        setup.rule("/public/**", "public");
    });
    let world = world.await;
    let browser = signed_in(&world).await;
    assert_eq!(browser.send(Ask::plain("/oauth2/auth")).await.status, 403);
    assert_eq!(browser.send(Ask::plain("/oauth2/auth").with("x-original-method", "GET")).await.status, 403);
    // Told in two ways that differ: as good as not told.
    let both = auth("/public/a").with("x-forwarded-uri", "/deep/a").with("x-forwarded-method", "GET");
    assert_eq!(world.browser().send(both).await.status, 403);
}

#[tokio::test]
async fn who_is_not_trusted_is_not_believed() {
    // With an application behind the gate, loopback does not count by itself.
    let world = World::with(|setup| {
        setup.rule("/public/**", "public");
    });
    let world = world.await;
    let browser = world.signed_in(BAT).await;
    for ask in [auth("/public/a"), forwarded("/oauth2/auth", "/public/a")] {
        assert_eq!(world.browser().send(ask.clone()).await.status, 403, "{ask:?}");
        assert_eq!(browser.send(ask).await.status, 403);
    }
}

#[tokio::test]
async fn allowed_groups_emails_and_domains_are_honoured_and_nothing_else() {
    let world = World::with(alone).await;
    let browser = signed_in(&world).await;
    let ask = |query: &str| Ask { target: format!("/oauth2/auth?{query}"), ..auth("/deep/a") };
    for (query, status) in [
        ("allowed_groups=admin", 202),
        ("allowed_groups=other,staff", 202),
        ("allowed_groups=other", 403),
        ("allowed_emails=bat.dorj@example.mn", 202),
        ("allowed_emails=other@example.mn", 403),
        ("allowed_email_domains=example.mn", 202),
        ("allowed_email_domains=ample.mn", 403),
        ("allowed_email_domains=evil.example.mn", 403),
        ("allowed_groups=admin&allowed_emails=other@example.mn", 403),
        ("allowed_users=x", 400),
        ("allowed_group=admin", 400),
    ] {
        assert_eq!(browser.send(ask(query)).await.status, status, "{query}");
    }
    assert_eq!(world.browser().send(ask("allowed_groups=admin")).await.status, 401);
}

#[tokio::test]
async fn every_cookie_of_a_refresh_goes_back_through_the_proxy() {
    let world = World::with(|setup| {
        alone(setup);
        setup.options.answers.access_token_bytes = 3000;
        setup.session("cookie_budget", "\"16KiB\"");
    });
    let world = world.await;
    let browser = signed_in(&world).await;
    world.turn(61);
    let reply = browser.send(auth("/deep/a")).await;
    assert_eq!((reply.status, world.refreshes()), (202, 1), "{reply}");
    assert!(reply.set_cookies().len() >= 3, "{reply}");
    let again = browser.send(auth("/deep/a")).await;
    assert_eq!((again.status, again.set_cookies().len(), world.refreshes()), (202, 0, 1));
}

#[tokio::test]
async fn a_refresh_is_judged_by_the_original_request() {
    let world = World::with(|setup| {
        alone(setup);
        setup.rule("/public/**", "public");
    });
    let world = world.await;
    let browser = signed_in(&world).await;
    let original = |target: &str, page: bool| {
        let ask = forwarded("/oauth2/auth", target);
        if page { ask } else { ask.with("sec-fetch-mode", "cors").with("sec-fetch-dest", "empty") }
    };
    world.turn(42);
    assert_eq!(browser.send(original("/public/a", true)).await.status, 202);
    assert_eq!(browser.send(original("/deep/a", false)).await.status, 202);
    assert_eq!(world.refreshes(), 0, "neither a public path nor, in the first half of the window, a script");
    assert_eq!(browser.send(original("/deep/a", true)).await.status, 202);
    assert_eq!(world.refreshes(), 1);
}

#[tokio::test]
async fn an_ended_grant_is_401_and_its_cookies_go() {
    let world = World::with(alone).await;
    let browser = signed_in(&world).await;
    world.provider.revoke_user(BAT);
    world.turn(61);
    let reply = browser.send(auth("/deep/a")).await;
    assert_eq!((reply.status, browser.names()), (401, Vec::new()), "{reply}");
}

#[tokio::test]
async fn without_an_application_everything_but_the_gates_own_is_404() {
    let world = World::with(alone).await;
    let browser = signed_in(&world).await;
    for target in ["/", "/deep/a", "/oauth2"] {
        let reply: Reply = browser.load(target).await;
        assert_eq!(reply.status, 404, "{target}: {reply}");
    }
}

#[tokio::test]
async fn tokens_that_are_passed_on_go_to_the_proxy() {
    let world = World::with(|setup| {
        alone(setup);
        setup.set("identity", "access_token", "\"x-forwarded-access-token\"");
    });
    let world = world.await;
    let browser = signed_in(&world).await;
    let reply = browser.send(auth("/deep/a")).await;
    let token = reply.header("x-forwarded-access-token").unwrap();
    assert_eq!(reply.header("x-auth-request-access-token"), Some(token));
}

/// HttpOnly would be worth nothing, were `/oauth2/auth` the way around it.
#[tokio::test]
async fn no_script_of_a_page_reads_a_token() {
    for trusted in ["[]", "[\"loopback\"]"] {
        let world = World::with(|setup| {
            setup.set("identity", "access_token", "\"x-forwarded-access-token\"");
            setup.set("identity", "id_token", "\"authorization\"");
            setup.set("", "trusted_proxies", trusted);
        });
        let world = world.await;
        let browser = world.signed_in(BAT).await;
        for endpoint in ["/oauth2/auth", "/oauth2/auth/redirect"] {
            let plain = Ask::script(endpoint);
            let told = plain.clone().with("x-original-uri", "/deep/a").with("x-original-method", "GET");
            for ask in [plain, told] {
                let reply = browser.send(ask).await;
                assert_eq!((reply.status, reply.header("x-forwarded-user")), (202, Some(BAT)), "{reply}");
                for name in ["x-forwarded-access-token", "x-auth-request-access-token", "authorization"] {
                    assert_eq!(reply.header(name), None, "{name}, {trusted}: {reply}");
                }
            }
        }
    }
}
