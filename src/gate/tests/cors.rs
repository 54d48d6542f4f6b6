//! `[cors]`: what browsers ask before they send what scripts of other origins want to send.

use super::*;
use crate::gate::action::Errand;
use crate::gate::cors::Shared;

const FRIEND: &str = "origin: https://friend.example";

fn listed(change: impl FnOnce(&mut Settings)) -> Gate {
    gate_with(|settings| {
        settings.cors_origins = vec!["https://friend.example".to_owned(), "http://localhost:5173".to_owned()];
        change(settings);
    })
}

fn preflight(target: &str) -> Asking {
    ask(&format!("OPTIONS {target}")).with("access-control-request-method: PUT").with("sec-fetch-mode: cors")
}

#[test]
fn a_preflight_from_a_listed_origin_reaches_the_application_in_nobodys_name() {
    let gate = listed(|_| {});
    for origin in [FRIEND, "origin: http://localhost:5173"] {
        for target in ["/x", "/blog/a", "/assets/a", "/"] {
            let asking = preflight(target).with(origin);
            assert_eq!(stranger(&gate, asking.clone()), "forward for nobody", "{target}");
            assert_eq!(user(&gate, asking), "forward for nobody", "{target}");
        }
    }
}

#[test]
fn one_from_anywhere_else_gets_what_it_always_got() {
    for origin in [
        "origin: https://evil.example",
        "origin: null",
        "origin: https://friend.example/",
        "origin: https://FRIEND.example",
        "origin: https://friend.example:443",
        "origin: http://friend.example",
        "origin: https://friend.example.evil.example",
        "origin: https://evil.example https://friend.example",
        "origin: https://friend.example, https://evil.example",
        "origin: https://app.example.mn",
        "origin: *",
    ] {
        let asking = preflight("/x").with(origin);
        assert_eq!(stranger(&listed(|_| {}), asking), "sign-in needed, then /x (Bare)", "{origin}");
    }
    assert_eq!(stranger(&listed(|_| {}), preflight("/x")), "sign-in needed, then /x (Bare)");
    let twice = preflight("/x").with(FRIEND).with(FRIEND);
    assert_eq!(stranger(&listed(|_| {}), twice), "sign-in needed, then /x (Bare)");
    assert_eq!(stranger(&gate(), preflight("/x").with(FRIEND)), "sign-in needed, then /x (Bare)");
}

/// What it is let through as does nothing; whatever might do something is no preflight.
#[test]
fn nothing_else_is_let_through_as_one() {
    let asks = |line: &str| ask(line).with(FRIEND).with("access-control-request-method: PUT");
    let bare = |line: &str| ask(line).with(FRIEND);
    for (asking, expected) in [
        (asks("GET /x"), "(Data)"),
        (asks("POST /x"), "(Data)"),
        (asks("PROPFIND /x"), "(Data)"),
        (bare("OPTIONS /x"), "(Data)"),
        (bare("OPTIONS /x").with("access-control-request-headers: x-a"), "(Data)"),
        (bare("OPTIONS /x").with("access-control-request-method: "), "(Bare)"),
        (bare("OPTIONS /x").with("access-control-request-method: PUT, POST"), "(Bare)"),
        (asks("OPTIONS /x").with("access-control-request-method: GET"), "(Bare)"),
        (asks("OPTIONS /x").with("content-length: 3"), "(Bare)"),
        (asks("OPTIONS /x").with("transfer-encoding: chunked"), "(Bare)"),
        (asks("OPTIONS /x").with("content-type: application/grpc"), "(Grpc(Http2))"),
        (asks("OPTIONS /x").with("x-http-method-override: DELETE"), "(Bare)"),
        (asks("OPTIONS /x").with("X_HTTP_Method_Override: DELETE"), "(Bare)"),
        (asks("OPTIONS /x").with("x-http-method: DELETE"), "(Bare)"),
        (asks("OPTIONS /x").with("x-method-override: DELETE"), "(Bare)"),
        (asks("OPTIONS /x").with("x.method: DELETE"), "(Bare)"),
    ] {
        let said = stranger(&listed(|_| {}), asking.clone());
        assert_eq!(said, format!("sign-in needed, then /x {expected}"), "{:?}", asking.request);
    }
    assert_eq!(stranger(&listed(|_| {}), asks("OPTIONS /x").with("content-length: 0")), "forward for nobody");
}

#[test]
fn rules_say_no_to_it_as_they_would_to_the_request_that_it_asks_about() {
    let gate = listed(|settings| {
        settings
            .rules
            .push(Rule { from: vec!["10.0.0.0/8".parse().expect("a network")], ..rule(&["/vpn/**"], Access::User) });
        settings.rules.push(Rule { methods: vec![Method::OPTIONS], ..rule(&["/never/**"], Access::Deny) });
        settings.rules.push(Rule { methods: vec![Method::DELETE], ..rule(&["/keep/**"], Access::Deny) });
    });
    let gets = |target: &str| stranger(&gate, preflight(target).with(FRIEND));
    assert_eq!(gets("/internal/x"), "denied by Some(2) (Bare)");
    assert_eq!(gets("/vpn/x"), "Network not met, by Some(3) (Bare)");
    assert_eq!(gets("/never/x"), "denied by Some(4) (Bare)");
    // Its own method is OPTIONS: the request to come is refused when it comes.
    assert_eq!(gets("/keep/x"), "forward for nobody");
    assert_eq!(gets("/blog/..%2finternal/x"), "ambiguous (Bare)");
    assert_eq!(gets("/internal/..%2fvpn/x"), "ambiguous (Bare)");
}

/// Which application, and for what: `itself` where anybody gets there.
fn reaches(gate: &Gate, asking: Asking) -> (usize, Errand) {
    let caller = Caller { known: &Known::Nobody, bearer: None, signed_out: false, returned: 0 };
    match gate.decide(&asking.read(), caller, NOW) {
        Action::Forward(pass) => (pass.upstream(), pass.errand()),
        other => panic!("{}", say(&other)),
    }
}

#[test]
fn it_reaches_the_application_of_the_request_that_it_asks_about() {
    let at = |path: &str, methods: &[Method], access, upstream| Rule {
        methods: methods.to_vec(),
        upstream,
        ..rule(&[path], access)
    };
    let inside = |rule| Rule { from: vec!["10.0.0.0/8".parse().expect("a network")], ..rule };
    let gate = listed(|settings| {
        settings.rules = vec![
            at("/put/**", &[Method::PUT], Access::User, 1),
            at("/put/open/**", &[], Access::Public, 0),
            at("/open/**", &[Method::PUT], Access::Public, 2),
            at("/all/**", &[], Access::User, 1),
            at("/asked/**", &[Method::OPTIONS], Access::User, 3),
            at("/asked/**", &[Method::PUT], Access::User, 1),
            inside(at("/vpn/**", &[Method::PUT], Access::User, 1)),
            inside(at("/lan/**", &[Method::PUT], Access::Public, 1)),
            at("/both/a/**", &[Method::PUT], Access::User, 1),
            at("/both/b/**", &[Method::PUT], Access::User, 2),
        ];
    });
    let asks = |method: &str, target: &str| {
        let asking = ask(&format!("OPTIONS {target}")).with(FRIEND).with("sec-fetch-mode: cors");
        reaches(&gate, asking.with(&format!("access-control-request-method: {method}")))
    };
    for (method, target, expected) in [
        ("PUT", "/put/x", (1, Errand::Preflight)),
        ("DELETE", "/put/x", (0, Errand::Preflight)),
        // Where anybody gets with OPTIONS, nobody does at the other application.
        ("PUT", "/put/open/x", (1, Errand::Preflight)),
        ("DELETE", "/put/open/x", (0, Errand::Itself)),
        ("PUT", "/open/x", (2, Errand::Preflight)),
        ("DELETE", "/all/x", (1, Errand::Preflight)),
        // A rule that names OPTIONS says itself where it goes.
        ("PUT", "/asked/x", (3, Errand::Preflight)),
        // Those refuse the request from here: its application is not for whoever asks.
        ("PUT", "/vpn/x", (0, Errand::Preflight)),
        ("PUT", "/lan/x", (0, Errand::Preflight)),
        // Nobody knows which of the two it is for.
        ("PUT", "/both/a/..%2f..%2fboth/b/x", (0, Errand::Preflight)),
    ] {
        assert_eq!(asks(method, target), expected, "{method} {target}");
    }
    // It lets nothing through that its own rule refuses.
    let evil = ask("OPTIONS /put/x").with("origin: https://evil.example").with("access-control-request-method: PUT");
    assert_eq!(stranger(&gate, evil), "sign-in needed, then /put/x (Bare)");
}

#[test]
fn of_the_gates_own_addresses_those_for_scripts_say_themselves_what_may_be_sent() {
    let gate = listed(|_| {});
    for (target, expected) in [
        ("/oauth2/session", "preflight: GET, HEAD"),
        ("/oauth2/userinfo", "preflight: GET, HEAD"),
        ("/oauth2/refresh", "preflight: POST"),
        ("/oauth2/sign_out", "only GET, POST (Bare)"),
        ("/oauth2/start", "only GET (Bare)"),
        ("/oauth2/callback", "only GET (Bare)"),
        ("/oauth2/auth", "only GET, HEAD (Bare)"),
        ("/oauth2/nothing", "not found (Bare)"),
    ] {
        assert_eq!(stranger(&gate, preflight(target).with(FRIEND)), expected, "{target}");
    }
    assert_eq!(stranger(&gate, preflight("/oauth2/session")), "only GET, HEAD (Bare)");
}

#[test]
fn under_a_machines_host_it_passes_and_under_a_foreign_one_it_does_not() {
    let gate = listed(|settings| settings.extra_hosts = vec![host_of("app.internal")]);
    assert_eq!(stranger(&gate, preflight("/x").with(FRIEND).under("app.internal")), "forward for nobody");
    assert_eq!(stranger(&gate, preflight("/x").with(FRIEND).under("evil.mn")), "misdirected (Bare)");
}

#[test]
fn no_refresh_and_no_look_at_a_token_waits_before_it() {
    let gate = listed(|settings| {
        settings.rules.insert(0, Rule { bearer: true, ..rule(&["/api/**"], Access::User) });
    });
    let mut expired = session();
    (expired.refreshable, expired.token_expires_at) = (true, NOW);
    for (asking, waits) in [(preflight("/api/x"), true), (preflight("/api/x").with(FRIEND), false)] {
        let asking = asking.with("authorization: Bearer abc").read();
        assert_eq!(gate.renewal(&asking, &expired, NOW) != Renewal::No, waits);
        let known = Known::Nobody;
        let caller = Caller { known: &known, bearer: None, signed_out: false, returned: 0 };
        assert_eq!(gate.wants_token(&asking, caller, NOW), waits);
    }
}

/// Another proxy would carry its body and its cookies, and bring back whatever is answered. One that does not tell the method passes on what the client
/// says of it.
#[test]
fn forward_auth_lets_one_ahead_on_open_paths_alone_by_the_method_that_the_proxy_tells() {
    let gate = listed(|_| {});
    let asked_about = |method: &str, target: &str| {
        let asking = ask("GET /oauth2/auth").with(FRIEND).with("access-control-request-method: PUT").by_proxy();
        let asking = asking.with(&format!("x-original-uri: {target}")).with("x-forwarded-host: app.example.mn");
        if method.is_empty() { asking } else { asking.with(&format!("x-original-method: {method}")) }
    };
    let needed = "sign-in needed, then /x (ForwardAuth)";
    assert_eq!(stranger(&gate, asked_about("OPTIONS", "/x")), needed);
    assert_eq!(user(&gate, asked_about("OPTIONS", "/x")), "allow for user-1", "a request like any other");
    for open in ["/assets/x", "/blog/x"] {
        assert_eq!(stranger(&gate, asked_about("OPTIONS", open)), "allow for nobody", "{open}");
        assert_eq!(user(&gate, asked_about("OPTIONS", open)), "allow for nobody", "{open}");
    }
    let climbing = stranger(&gate, asked_about("OPTIONS", "/blog/..%2fx"));
    assert_eq!(climbing, "sign-in needed, then /blog/..%2fx (ForwardAuth)");
    assert_eq!(stranger(&gate, asked_about("PUT", "/x")), needed);
    assert_eq!(stranger(&gate, asked_about("", "/x")), "unknown original: X-Forwarded-Method (ForwardAuth)");
    let spoofed = asked_about("PUT", "/x").with("x-forwarded-method: OPTIONS");
    let contradiction = "unknown original: X-Forwarded-* and X-Original-* tell different things (ForwardAuth)";
    assert_eq!(stranger(&gate, spoofed), contradiction);
    // Without [cors] nobody needs to tell it, unless rules do.
    assert_eq!(stranger(&gate_with(|settings| settings.rules.clear()), asked_about("", "/x")), needed);
}

/// Its session may be over at the provider, like that of any other request.
#[test]
fn in_forward_auth_one_on_a_closed_path_waits_for_a_refresh() {
    let gate = listed(|_| {});
    let mut expired = session();
    (expired.refreshable, expired.token_expires_at) = (true, NOW);
    for (target, waits) in [("/x", true), ("/blog/x", false)] {
        let asking = ask("GET /oauth2/auth").with(FRIEND).with("access-control-request-method: PUT").by_proxy();
        let asking = asking.with("x-original-method: OPTIONS").with(&format!("x-original-uri: {target}"));
        assert_eq!(gate.renewal(&asking.read(), &expired, NOW) != Renewal::No, waits, "{target}");
    }
}

#[test]
fn only_a_listed_origin_may_read_and_without_a_list_nobody_is_asked() {
    let gate = listed(|_| {});
    let value = HeaderValue::from_static;
    let (friend, other) = (value("https://friend.example"), value("https://friend.example."));
    assert_eq!(gate.shared_with(Some(&friend)), Shared::With(&friend));
    assert_eq!(gate.shared_with(Some(&other)), Shared::No);
    assert_eq!(gate.shared_with(Some(&value("null"))), Shared::No);
    assert_eq!(gate.shared_with(None), Shared::No);
    assert_eq!(super::gate().shared_with(Some(&friend)), Shared::Never);
}
