//! interface.md "What a request without a session gets".

use proptest::prelude::*;

use super::*;

const HTML: &str = "accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8";
const NAVIGATE: &str = "sec-fetch-mode: navigate";
const DOCUMENT: &str = "sec-fetch-dest: document";
const FORM: &str = "content-type: application/x-www-form-urlencoded";

fn gets(line: &str, lines: &[&str]) -> String {
    let asking = lines.iter().fold(ask(line), |asking, line| asking.with(line));
    stranger(&gate(), asking).replace(", then /x", "")
}

/// Each row with what would bring it into the rows below.
#[test]
fn the_first_row_that_matches_says_what_is_answered() {
    let grpc = "content-type: application/grpc+proto";
    let preflight = "access-control-request-method: PUT";
    let prefetch = "sec-purpose: prefetch;prerender";
    let all_of_a_socket = socket("/x").with(grpc).with(preflight).with(prefetch).with(NAVIGATE).with(DOCUMENT);
    assert_eq!(stranger(&gate(), all_of_a_socket), "sign-in needed, then /x (Bare)");
    for (line, lines, expected) in [
        ("OPTIONS /x", &[grpc, preflight, prefetch, NAVIGATE][..], "sign-in needed (Grpc(Http2))"),
        ("OPTIONS /x", &[preflight, prefetch, NAVIGATE, HTML], "sign-in needed (Bare)"),
        ("GET /x", &[prefetch, NAVIGATE, DOCUMENT, HTML], "sign-in needed (Bare)"),
        ("GET /x", &["purpose: prefetch", NAVIGATE, DOCUMENT, HTML], "sign-in needed (Bare)"),
        ("GET /x", &[NAVIGATE, DOCUMENT, "accept: application/json", "x-requested-with: XMLHttpRequest"], "sign in"),
        ("HEAD /x", &[NAVIGATE, DOCUMENT], "to start"),
        ("POST /x", &[NAVIGATE, DOCUMENT, FORM], "sign-in needed (Form)"),
        ("POST /x", &[NAVIGATE, DOCUMENT, "content-type: multipart/form-data; boundary=-"], "sign-in needed (Form)"),
        ("GET /x", &[NAVIGATE, "sec-fetch-dest: iframe", HTML], "sign-in needed (Frame)"),
        ("GET /x", &["sec-fetch-mode: cors", HTML], "sign-in needed (Data)"),
        ("GET /x", &["sec-fetch-mode: no-cors", "sec-fetch-dest: image"], "sign-in needed (Data)"),
        ("POST /x", &["sec-fetch-mode: same-origin", FORM, HTML], "sign-in needed (Data)"),
        ("GET /x", &["x-requested-with: XMLHttpRequest", HTML], "sign-in needed (Data)"),
        ("GET /x", &["accept: application/json, text/html"], "sign-in needed (Data)"),
        ("GET /x", &["accept: application/vnd.api+json", HTML], "sign-in needed (Data)"),
        ("GET /x", &["accept: text/event-stream", HTML], "sign-in needed (Data)"),
        ("POST /x", &["content-type: application/json; charset=utf-8", HTML], "sign-in needed (Data)"),
        ("GET /x", &["x-requested-with: mn.toki.superapp", HTML], "sign in"),
        ("GET /x", &[HTML], "sign in"),
        ("HEAD /x", &[HTML], "to start"),
        ("POST /x", &[FORM, HTML], "sign-in needed (Form)"),
        ("POST /x", &[FORM], "sign-in needed (Data)"),
        ("PUT /x", &[HTML], "sign-in needed (Data)"),
        ("DELETE /x", &[], "sign-in needed (Data)"),
        ("GET /x", &["accept: */*"], "sign-in needed (Data)"),
        ("GET /x", &[], "sign-in needed (Data)"),
    ] {
        assert_eq!(gets(line, lines), expected, "{line} {lines:?}");
    }
}

#[test]
fn a_page_is_come_back_to_byte_for_byte() {
    for target in ["/", "/a/b%20c?x=1&y=%zz;", "/a%2Fb//c/../d;e?", "/?", "/search?q=%D0%B1+b&rd=//evil.mn"] {
        assert_eq!(stranger(&gate(), page(target)), format!("sign in, then {target}"));
    }
}

#[test]
fn what_would_lead_away_or_is_too_long_becomes_the_root() {
    for target in ["//evil.mn/x", "///evil.mn", "//", &format!("/{}", "a".repeat(9_000))] {
        assert_eq!(stranger(&gate(), page(target)), "sign in, then /", "{target}");
    }
}

#[test]
fn a_preflight_passes_where_a_rule_lets_it() {
    let preflight = |target| ask(&format!("OPTIONS {target}")).with("access-control-request-method: PUT");
    let gate = gate_with(|settings| {
        settings.rules = vec![Rule { methods: vec![Method::OPTIONS], ..rule(&["/api/**"], Access::Public) }];
    });
    assert_eq!(stranger(&gate, preflight("/api/x")), "forward for nobody");
    assert_eq!(stranger(&gate, preflight("/x")), "sign-in needed, then /x (Bare)");
    assert_eq!(stranger(&gate, script("/api/x")), "sign-in needed, then /api/x (Data)");
}

#[test]
fn public_and_optional_pages_need_nobody() {
    for target in ["/assets/a.css", "/favicon.ico", "/blog", "/blog/x"] {
        assert_eq!(stranger(&gate(), page(target)), "forward for nobody", "{target}");
        assert_eq!(stranger(&gate(), script(target)), "forward for nobody", "{target}");
    }
}

#[test]
fn what_is_denied_is_denied_to_everybody() {
    for asking in [page("/internal/x"), script("/internal"), form("/internal/x/y")] {
        for known in [Known::Nobody, known(), Known::Unreadable, unsure()] {
            let told = told(&gate(), asking.clone(), &known);
            assert!(told.starts_with("denied by Some(2)"), "{told}");
        }
    }
}

#[test]
fn a_cookie_that_is_no_session_is_answered_like_none() {
    let over = Known::User(Session { expires_at: NOW, ..session() });
    for asking in [page("/x"), script("/x"), form("/x"), socket("/x"), page("/oauth2/userinfo"), page("/blog")] {
        let without = stranger(&gate(), asking.clone());
        assert_eq!(told(&gate(), asking.clone(), &Known::Unreadable), without);
        assert_eq!(told(&gate(), asking, &over), without);
    }
}

#[test]
fn while_nobody_knows_every_form_waits_and_none_is_redirected() {
    for (asking, form) in [
        (page("/x"), "Page"),
        (form("/x"), "Form"),
        (script("/x"), "Data"),
        (socket("/x"), "Bare"),
        (ask("POST /x").with("content-type: application/grpc"), "Grpc(Http2)"),
        (ask("GET /x").with(NAVIGATE).with("sec-fetch-dest: iframe"), "Frame"),
        (page("/oauth2/userinfo"), "Data"),
        (ask("POST /oauth2/refresh"), "Data"),
    ] {
        assert_eq!(told(&gate(), asking, &unsure()), format!("away for 7 ({form})"));
    }
    assert_eq!(told(&gate(), page("/assets/a"), &unsure()), "forward for nobody");
    assert_eq!(told(&gate(), page("/blog/a"), &unsure()), "forward for nobody");
}

#[test]
fn who_signed_out_is_not_signed_in_silently() {
    assert_eq!(signed_out(&gate(), page("/x?y")), "signed out, then /x?y");
    assert_eq!(signed_out(&gate(), script("/x")), "sign-in needed, then /x (Data)");
    assert_eq!(signed_out(&gate(), form("/x")), "sign-in needed, then /x (Form)");
    assert_eq!(signed_out(&gate(), page("/assets/x")), "forward for nobody");
    let signed_in_again = Caller { known: &known(), bearer: None, signed_out: true, returned: 0 };
    assert_eq!(say(&gate().decide(&page("/x").read(), signed_in_again, NOW)), "forward for user-1");
}

/// Everything a request says about its own kind.
const SAID: [&str; 20] = [
    NAVIGATE,
    "sec-fetch-mode: cors",
    "sec-fetch-mode: websocket",
    DOCUMENT,
    "sec-fetch-dest: iframe",
    "sec-fetch-dest: empty",
    "sec-fetch-site: cross-site",
    "sec-purpose: prefetch",
    "purpose: prefetch",
    HTML,
    "accept: application/json",
    "accept: text/event-stream",
    FORM,
    "content-type: application/json",
    "content-type: application/grpc",
    "x-requested-with: XMLHttpRequest",
    "x-requested-with: mn.toki.superapp",
    "access-control-request-method: GET",
    "user-agent: kube-probe/1.33",
    "x-http-method-override: OPTIONS",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_a_request_says_of_itself_chooses_the_form_and_never_the_answer(
        method in prop::sample::select(vec!["GET", "HEAD", "POST", "PUT", "OPTIONS"]),
        said in prop::sample::subsequence(SAID.to_vec(), 0..6),
        is_socket: bool,
    ) {
        let bare = if is_socket { socket("/x") } else { ask(&format!("{method} /x")) };
        let asking = said.iter().fold(bare, |asking, line| asking.with(line));
        let (gate, ask) = (gate(), asking.read());
        match gate.decide(&ask, Caller { known: &Known::Nobody, bearer: None, signed_out: false, returned: 0 }, NOW) {
            Action::SignIn(_) => {
                prop_assert_eq!(&ask.method, Method::GET);
                prop_assert!(ask.wants == Wants::Page && ask.fetch != crate::wire::Fetch::Other);
            }
            Action::ToStart { .. } => prop_assert_eq!(&ask.method, Method::HEAD),
            Action::Refuse(Refusal::SignInNeeded { .. }, form) => prop_assert_ne!(form, Form::Page),
            other => prop_assert!(false, "{}", say(&other)),
        }
        prop_assert_eq!(user(&gate, asking.clone()), "forward for user-1");
        let denied = gate_with(|settings| settings.rules = vec![rule(&["/**"], Access::Deny)]);
        prop_assert!(user(&denied, asking).starts_with("denied by Some(0)"));
    }
}
