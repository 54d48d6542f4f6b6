//! `/auth` and `/auth/redirect`: the decision about another proxy's request.

use super::*;

/// What nginx asks about a request.
fn about(method: &str, target: &str) -> Asking {
    let asking = ask("GET /oauth2/auth").by_proxy().with(&format!("x-forwarded-method: {method}"));
    asking.with("x-forwarded-host: app.example.mn").with(&format!("x-forwarded-uri: {target}"))
}

fn redirecting(mut asking: Asking) -> Asking {
    *asking.request.uri_mut() = "/oauth2/auth/redirect".parse().expect("a target");
    asking
}

fn asking_for(query: &str) -> Asking {
    let mut asking = about("GET", "/x");
    *asking.request.uri_mut() = format!("/oauth2/auth?{query}").parse().expect("a target");
    asking
}

const HTML: &str = "accept: text/html";

#[test]
fn the_original_request_is_decided_on() {
    for (method, target, stranger_gets, user_gets) in [
        ("GET", "/x?y", "sign-in needed, then /x?y (ForwardAuth)", "allow for user-1"),
        ("GET", "/assets/x", "allow for nobody", "allow for nobody"),
        ("GET", "/blog/x", "allow for nobody", "allow for user-1"),
        ("GET", "/internal/x", "denied by Some(2) (ForwardAuth)", "denied by Some(2) (ForwardAuth)"),
        ("GET", "/%69nternal/x", "ambiguous (ForwardAuth)", "ambiguous (ForwardAuth)"),
        ("GET", "/assets/../x", "sign-in needed, then /assets/../x (ForwardAuth)", "allow for user-1"),
        ("GET", "/oauth2/start", "not found (ForwardAuth)", "not found (ForwardAuth)"),
    ] {
        assert_eq!(stranger(&gate(), about(method, target)), stranger_gets, "{target}");
        assert_eq!(user(&gate(), about(method, target)), user_gets, "{target}");
    }
}

#[test]
fn every_spelling_of_the_original_is_understood() {
    let base = || ask("GET /oauth2/auth").by_proxy();
    for asking in [
        base().with("x-original-url: https://app.example.mn/internal/x").with("x-original-method: GET"),
        base().with("x-original-uri: /internal/x"),
        base().with("x-forwarded-uri: /internal/x").with("x-original-uri: /internal/x"),
    ] {
        assert_eq!(user(&gate(), asking), "denied by Some(2) (ForwardAuth)");
    }
}

#[test]
fn a_redirect_is_the_gates_own_answer() {
    let page = |target| redirecting(about("GET", target)).with(HTML);
    assert_eq!(stranger(&gate(), page("/x?y")), "sign in, then /x?y");
    assert_eq!(stranger(&gate(), redirecting(about("HEAD", "/x")).with(HTML)), "to start, then /x");
    assert_eq!(stranger(&gate(), redirecting(about("GET", "/x"))), "sign-in needed, then /x (Data)");
    assert_eq!(stranger(&gate(), page("/internal")), "denied by Some(2) (Page)");
    // The signed-out page and gRPC's refusals are 200 elsewhere: to a proxy that asks, a yes.
    assert_eq!(signed_out(&gate(), page("/x")), "sign-in needed, then /x (Page)");
    let grpc = redirecting(about("POST", "/x")).with("content-type: application/grpc");
    assert_eq!(stranger(&gate(), grpc), "sign-in needed, then /x (Bare)");
    assert_eq!(user(&gate(), page("/x")), "allow for user-1");
    assert_eq!(signed_out(&gate(), about("GET", "/x").with(HTML)), "sign-in needed, then /x (ForwardAuth)");
    assert_eq!(stranger(&gate(), about("HEAD", "/x").with(HTML)), "sign-in needed, then /x (ForwardAuth)");
    assert_eq!(told(&gate(), about("GET", "/x"), &unsure()), "away for 7 (ForwardAuth)");
}

#[test]
fn a_form_that_the_proxy_got_is_answered_like_a_form() {
    let posted = redirecting(about("POST", "/x")).with(HTML).with("content-type: text/plain");
    assert_eq!(stranger(&gate(), posted), "sign-in needed, then /x (Form)");
}

#[test]
fn what_the_rules_need_to_know_must_be_told_by_somebody_trusted() {
    let unknown_path = "unknown original: X-Forwarded-Uri (ForwardAuth)";
    let untold = ask("GET /oauth2/auth");
    assert_eq!(user(&gate(), untold.clone()), unknown_path);
    assert_eq!(user(&gate(), untold.clone().with("x-forwarded-uri: /assets/x")), unknown_path, "a stranger told it");
    assert_eq!(user(&gate(), untold.clone().with("x-original-uri: /assets/x")), unknown_path);
    for target in ["x", "/a b", "/a\\b", "/a#b", "http:"] {
        let told = untold.clone().by_proxy().with(&format!("x-forwarded-uri: {target}"));
        assert_eq!(user(&gate(), told), unknown_path, "{target}");
    }
    let by_method = gate_with(|settings| {
        settings.rules = vec![Rule { methods: vec![Method::GET], ..rule(&["/assets/**"], Access::Public) }];
    });
    let unknown_method = "unknown original: X-Forwarded-Method (ForwardAuth)";
    assert_eq!(stranger(&by_method, untold.clone()), unknown_method);
    assert_eq!(stranger(&by_method, untold.clone().by_proxy().with("x-forwarded-uri: /assets/x")), unknown_method);
    assert_eq!(stranger(&by_method, about("GET", "/assets/x")), "allow for nobody");
    assert_eq!(stranger(&by_method, about("POST", "/assets/x")), "sign-in needed, then /assets/x (ForwardAuth)");
    assert_eq!(stranger(&by_method, about("get", "/assets/x")), unknown_method);
}

#[test]
fn where_rules_tell_nothing_apart_nothing_need_be_told() {
    let untold = || ask("GET /oauth2/auth");
    for rules in [vec![], vec![rule(&["/x"], Access::User)]] {
        let gate = gate_with(|settings| settings.rules = rules);
        assert_eq!(stranger(&gate, untold()), "sign-in needed, then / (ForwardAuth)");
        assert_eq!(user(&gate, untold()), "allow for user-1");
    }
    let denied = gate_with(|settings| settings.rules = vec![rule(&["/**"], Access::Deny)]);
    assert_eq!(user(&denied, untold()), "denied by Some(0) (ForwardAuth)");
}

#[test]
fn two_stories_are_none() {
    for line in ["x-forwarded-uri: /assets/x", "x-original-uri: /assets/x", "x-forwarded-method: POST"] {
        let told = user(&gate(), about("GET", "/x").with(line));
        assert!(told.starts_with("unknown original"), "{line}: {told}");
        let told = user(&gate(), redirecting(about("GET", "/x")).with(line));
        assert!(told.starts_with("unknown original"), "{line}: {told}");
    }
}

#[test]
fn loopback_counts_where_there_is_no_upstream() {
    let mut asking = about("GET", "/assets/x");
    asking.trust = Trust { networks: Vec::new(), loopback_originals: true };
    let gate = gate_with(|settings| settings.forward_auth_only = true);
    assert!(stranger(&gate, asking.clone()).starts_with("unknown original"));
    asking.peer = Remote::Address("127.0.0.1".parse().expect("an address"));
    assert_eq!(stranger(&gate, asking), "allow for nobody");
}

/// A page's script can ask as well as a proxy can, and write whatever the proxy in front of it lets through.
#[test]
fn tokens_are_told_to_a_proxy_that_names_its_request_and_never_where_pages_come() {
    let carries = |alone: bool, asking: Asking| {
        let gate = gate_with(|settings| {
            settings.rules.clear();
            settings.forward_auth_only = alone;
            (settings.identity.access_token, settings.identity.id_token) = (PassOn::Forwarded, PassOn::Authorization);
        });
        let caller = Caller { known: &known(), bearer: None, signed_out: false, returned: 0 };
        let Action::Allow(pass) = gate.decide(&asking.read(), caller, NOW) else { panic!("allowed") };
        assert!(!pass.identity().is_empty(), "who it is is told all the same");
        pass.wants_tokens()
    };
    let told = ["x-original-uri: /x", "x-forwarded-uri: /x", "x-original-url: https://app.example.mn/x"];
    for endpoint in ["GET /oauth2/auth", "GET /oauth2/auth/redirect"] {
        for line in told {
            assert!(carries(true, ask(endpoint).by_proxy().with(line)), "{endpoint}, {line}");
            assert!(!carries(false, ask(endpoint).by_proxy().with(line)), "{endpoint}, {line}: an application");
            assert!(!carries(true, ask(endpoint).with(line)), "{endpoint}, {line}: anybody");
        }
        assert!(!carries(true, ask(endpoint).by_proxy().with("x-forwarded-host: app.example.mn")), "{endpoint}");
        assert!(!carries(true, ask(endpoint).by_proxy()) && !carries(false, ask(endpoint)), "{endpoint}");
    }
}

#[test]
fn the_original_counts_to_the_public_url_it_names() {
    let two = gate_with(|settings| {
        settings.public_urls = ["https://app.example.mn", "https://shop.example.mn/mn"].map(public_url).to_vec();
        settings.extra_hosts = vec![host_of("inner")];
    });
    let at = |host: &str, own: &str, target: &str| {
        let asking = ask(&format!("GET {own}")).by_proxy().with(HTML).with("x-forwarded-method: GET");
        asking.under("gate:4180").with(&format!("x-forwarded-host: {host}")).with(&format!("x-forwarded-uri: {target}"))
    };
    for (host, own, target, expected) in [
        ("app.example.mn", "/oauth2/auth", "/x", "sign-in needed, then /x (ForwardAuth)"),
        ("shop.example.mn", "/mn/oauth2/auth", "/mn/x", "sign-in needed at 1, then /mn/x (ForwardAuth)"),
        ("shop.example.mn", "/mn/oauth2/auth", "/en", "not found (ForwardAuth)"),
        ("evil.mn", "/oauth2/auth", "/x", "misdirected (Page)"),
        ("inner", "/oauth2/auth/redirect", "/x", "sign-in needed, then /x (Data)"),
    ] {
        assert_eq!(stranger(&two, at(host, own, target)), expected, "{host} {target}");
    }
    let url = ask("GET /oauth2/auth").under("gate:4180").by_proxy().with("x-original-url: https://app.example.mn/x");
    assert_eq!(stranger(&two, url), "sign-in needed, then /x (ForwardAuth)");
    let alone = ask("GET /oauth2/auth").under("gate:4180").by_proxy().with("x-original-uri: /x");
    assert_eq!(stranger(&gate(), alone), "sign-in needed, then /x (ForwardAuth)", "there is only one to mean");
}

#[test]
fn what_the_query_asks_of_the_user_must_all_hold() {
    let with = |claims: serde_json::Value| {
        let object = claims.as_object().expect("an object");
        let claims = crate::session::Claims::select(object, object.keys().map(String::as_str));
        Known::User(Session { claims, ..session() })
    };
    let bat =
        with(serde_json::json!({ "groups": ["admin", "a b"], "email": "Bat@Example.mn", "email_verified": true }));
    for (query, allowed) in [
        ("allowed_groups=admin", true),
        ("allowed_groups=x,admin", true),
        ("allowed_groups=x&allowed_groups=admin", true),
        ("allowed_groups=x,%20a%20b", true),
        ("allowed_groups=Admin", false),
        ("allowed_groups=adm", false),
        ("allowed_groups=", false),
        ("allowed_groups", false),
        ("allowed_groups=,", false),
        ("allowed_emails=bat@example.mn", true),
        ("allowed_emails=bat", false),
        ("allowed_email_domains=EXAMPLE.mn", true),
        ("allowed_email_domains=mn", false),
        ("allowed_email_domains=notexample.mn", false),
        ("allowed_groups=admin&allowed_emails=x@example.mn", false),
        ("allowed_groups=admin&allowed_email_domains=example.mn", true),
    ] {
        let expected = if allowed { "allow for user-1" } else { "not allowed (ForwardAuth)" };
        assert_eq!(told(&gate(), asking_for(query), &bat), expected, "{query}");
        assert_eq!(stranger(&gate(), asking_for(query)), "sign-in needed, then /x (ForwardAuth)", "{query}");
    }
    for (claims, allowed) in [
        (serde_json::json!({ "email": "bat@example.mn" }), true),
        (serde_json::json!({ "email": "bat@example.mn", "email_verified": false }), false),
        (serde_json::json!({ "email": "bat@example.mn", "email_verified": "false" }), false),
        (serde_json::json!({ "email": "bat@evil.mn@example.mn" }), false),
        (serde_json::json!({ "email": "@example.mn" }), false),
        (serde_json::json!({ "email": ["bat@example.mn"] }), false),
        (serde_json::json!({}), false),
    ] {
        let told = told(&gate(), asking_for("allowed_email_domains=example.mn"), &with(claims.clone()));
        assert_eq!(told == "allow for user-1", allowed, "{claims}");
    }
}

#[test]
fn who_must_be_allowed_must_be_somebody() {
    let mut public = asking_for("allowed_groups=admin");
    public.request.headers_mut().insert("x-forwarded-uri", HeaderValue::from_static("/assets/x"));
    assert_eq!(stranger(&gate(), public.clone()), "sign-in needed, then /assets/x (ForwardAuth)");
    assert_eq!(user(&gate(), public.clone()), "allow for user-1");
    assert_eq!(told(&gate(), public, &unsure()), "away for 7 (ForwardAuth)");
}

#[test]
fn any_other_parameter_is_refused() {
    for query in ["allowed_group=admin", "rd=/x", "allowed_groups=admin&x", "ALLOWED_GROUPS=admin", "%ff=x"] {
        let told = user(&gate(), asking_for(query));
        assert!(told.starts_with("unknown parameter "), "{query}: {told}");
    }
    assert_eq!(user(&gate(), asking_for("allowed_groups=%ff")), "unknown parameter allowed_groups (ForwardAuth)");
}
