//! Whose request it is: `public_url`, several of them, `extra_hosts`, `health_path`, anything else.

use super::*;

fn three() -> Gate {
    gate_with(|settings| {
        settings.public_urls =
            ["https://app.example.mn/a", "https://app.example.mn/a/b", "https://shop.example.mn:8443"]
                .map(public_url)
                .to_vec();
    })
}

#[test]
fn a_request_counts_to_the_public_url_that_its_host_and_path_name() {
    for (host, target, expected) in [
        ("app.example.mn", "/a", "forward for user-1"),
        ("APP.example.mn:443", "/a/x", "forward for user-1"),
        ("app.example.mn", "/a/b/x", "forward at 1 for user-1"),
        ("app.example.mn", "/a/bx", "forward for user-1"),
        ("app.example.mn", "/ax", "not found (Page)"),
        ("app.example.mn", "/", "not found (Page)"),
        ("app.example.mn", "/A/x", "not found (Page)"),
        ("app.example.mn:8443", "/a/x", "misdirected (Page)"),
        ("app.example.mn:80", "/a/x", "misdirected (Page)"),
        ("shop.example.mn:8443", "/", "forward at 2 for user-1"),
        ("shop.example.mn", "/", "misdirected (Page)"),
        ("evil.mn", "/a/x", "misdirected (Page)"),
        ("app.example.mn.evil.mn", "/a/x", "misdirected (Page)"),
        ("127.0.0.1", "/a/x", "misdirected (Page)"),
    ] {
        assert_eq!(user(&three(), page(target).under(host)), expected, "{host} {target}");
    }
}

#[test]
fn signing_in_returns_to_the_public_url_that_was_asked() {
    let gate = three();
    assert_eq!(stranger(&gate, page("/a/b/x")), "sign in at 1, then /a/b/x");
    assert_eq!(stranger(&gate, page("/a/b/oauth2/callback")), "callback");
    assert_eq!(stranger(&gate, script("/x").under("shop.example.mn:8443")), "sign-in needed at 2, then /x (Data)");
    assert_eq!(gate.redirect_uri(2), "https://shop.example.mn:8443/oauth2/callback");
    assert_eq!(gate.address(1, None), "https://app.example.mn/a/b/");
}

#[test]
fn an_absolute_target_is_judged_by_its_path() {
    assert_eq!(stranger(&gate(), page("http://app.example.mn/internal/x")), "denied by Some(2) (Page)");
    assert_eq!(stranger(&gate(), page("https://app.example.mn/x?y")), "sign in, then /x?y");
    assert!(page("http://evil.mn/assets/x").at_the_door().is_err());
}

#[test]
fn the_port_may_be_left_out_by_a_trusted_proxy_alone() {
    let at_8443 = page("/x").under("shop.example.mn");
    assert_eq!(user(&three(), at_8443.clone().by_proxy()), "forward at 2 for user-1");
    assert_eq!(user(&three(), at_8443.with("x-forwarded-host: shop.example.mn")), "misdirected (Page)");
}

#[test]
fn machines_are_told_401_and_never_redirected() {
    let gate = gate_with(|settings| settings.extra_hosts = vec![host_of("inner"), host_of("inner2:8080")]);
    for host in ["inner", "inner:80", "inner:9999", "inner2:8080"] {
        let under = |asking: Asking| asking.under(host);
        assert_eq!(stranger(&gate, under(page("/x"))), "sign-in needed, then /x (Data)", "{host}");
        assert_eq!(stranger(&gate, under(ask("HEAD /x").with("accept: text/html"))), "sign-in needed, then /x (Data)");
        assert_eq!(signed_out(&gate, under(page("/x"))), "sign-in needed, then /x (Data)");
        assert_eq!(stranger(&gate, under(page("/oauth2/start"))), "no navigation (Page)");
        assert_eq!(stranger(&gate, under(page("/oauth2/callback?code=x"))), "not found (Page)");
        assert_eq!(user(&gate, under(page("/x"))), "forward for user-1");
        assert_eq!(stranger(&gate, under(page("/assets/x"))), "forward for nobody");
        assert_eq!(stranger(&gate, under(page("/internal"))), "denied by Some(2) (Page)");
        assert_eq!(told(&gate, under(page("/x")), &unsure()), "away for 7 (Page)");
    }
    assert_eq!(stranger(&gate, page("/x").under("inner2")), "misdirected (Page)");
    let below = gate_with(|settings| {
        settings.public_urls = vec![public_url("https://app.example.mn/app")];
        settings.extra_hosts = vec![host_of("inner")];
    });
    assert_eq!(user(&below, page("/x").under("inner")), "not found (Page)");
    assert_eq!(user(&below, page("/app").under("inner")), "forward for user-1");
}

#[test]
fn another_loopback_name_of_the_port_is_led_to_the_public_url() {
    let gate = gate_with(|settings| settings.public_urls = vec![public_url("http://localhost:4180")]);
    for (asking, expected) in [
        (page("/x").under("127.0.0.1:4180"), "to public_url"),
        (page("/x").under("[::1]:4180"), "to public_url"),
        (page("/oauth2/callback?code=x").under("127.0.0.1:4180"), "to public_url"),
        (script("/x").under("127.0.0.1:4180"), "misdirected (Data)"),
        (form("/x").under("127.0.0.1:4180"), "misdirected (Form)"),
        (socket("/x").under("127.0.0.1:4180"), "misdirected (Bare)"),
        (page("/x").under("127.0.0.1:4181"), "misdirected (Page)"),
        (page("/x").under("localhost"), "misdirected (Page)"),
        (page("/x").under("evil.mn:4180"), "misdirected (Page)"),
        (page("/x").under("localhost:4180"), "sign in, then /x"),
    ] {
        assert_eq!(stranger(&gate, asking), expected);
    }
}

#[test]
fn health_is_one_exact_path_under_any_host() {
    let gate = gate_with(|settings| settings.health_path = Some("/ping".to_owned()));
    for host in ["app.example.mn", "10.1.2.3:4180", "evil.mn"] {
        assert_eq!(stranger(&gate, ask("GET /ping").under(host)), "health");
        assert_eq!(stranger(&gate, ask("HEAD /ping?x").under(host)), "health");
    }
    for line in ["POST /ping", "GET /ping/", "GET /Ping", "GET /%70ing", "GET //ping", "GET /ping;x", "GET /x/../ping"]
    {
        assert!(stranger(&gate, ask(line)).starts_with("sign-in needed"), "{line}");
    }
    assert!(stranger(&gate, ask("GET /x").with("user-agent: GoogleHC/1.0")).starts_with("sign-in needed"));
}

#[test]
fn without_an_upstream_all_but_the_gates_own_is_not_found() {
    let gate = gate_with(|settings| {
        settings.forward_auth_only = true;
        settings.health_path = Some("/ping".to_owned());
    });
    for target in ["/", "/x", "/assets/x", "/internal", "/oauth2/../x", "/OAUTH2/start", "*"] {
        let method = if target == "*" { "OPTIONS" } else { "GET" };
        assert_eq!(user(&gate, ask(&format!("{method} {target}"))), "not found (Data)", "{target}");
    }
    assert_eq!(stranger(&gate, page("/oauth2/start")), "sign in, then /");
    assert_eq!(stranger(&gate, page("/oauth2/callback")), "callback");
    assert_eq!(stranger(&gate, page("/ping")), "health");
}

#[test]
fn the_star_of_options_is_no_path_but_belongs_to_everything() {
    assert_eq!(stranger(&gate(), ask("OPTIONS *")), "sign-in needed, then / (Data)");
    assert_eq!(user(&gate(), ask("OPTIONS *")), "forward for user-1");
    let closed = gate_with(|settings| settings.rules = vec![rule(&["/**"], Access::Deny)]);
    assert_eq!(user(&closed, ask("OPTIONS *")), "denied by Some(0) (Data)");
}
