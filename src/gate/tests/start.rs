//! `/start`: a sign-in, and where it leads.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::*;

fn start(rd: &str) -> Asking {
    page(&format!("/oauth2/start?rd={}", utf8_percent_encode(rd, NON_ALPHANUMERIC)))
}

fn two_hosts() -> Gate {
    gate_with(|settings| {
        settings.public_urls = ["https://app.example.mn", "https://shop.example.mn/mn", "https://app.example.mn/old"]
            .map(public_url)
            .to_vec();
    })
}

#[test]
fn it_leads_to_a_path_on_this_site() {
    for rd in ["/", "/x", "/a/b?c=d&e=%2F#f", "/a%2Fb", "/x?next=//evil.mn", "/oauth2x", "/?", "/a;x/y"] {
        assert_eq!(stranger(&gate(), start(rd)), format!("sign in, then {rd}"));
    }
    assert_eq!(stranger(&gate(), start("/хайх?а=б")), "sign in, then /%D1%85%D0%B0%D0%B9%D1%85?%D0%B0=%D0%B1");
    for name in ["start", "login", "sign_in"] {
        assert_eq!(stranger(&gate(), page(&format!("/oauth2/{name}?rd=/x"))), "sign in, then /x");
    }
    assert_eq!(stranger(&gate(), page("/oauth2/start?rd=/search?q=a+b")), "sign in, then /search?q=a+b");
}

#[test]
fn without_a_destination_it_leads_to_the_root() {
    assert_eq!(stranger(&gate(), page("/oauth2/start")), "sign in, then /");
    assert_eq!(stranger(&gate(), page("/oauth2/start?x=1")), "sign in, then /");
    let below = gate_with(|settings| settings.public_urls = vec![public_url("https://app.example.mn/app")]);
    assert_eq!(stranger(&below, page("/app/oauth2/start")), "sign in, then /app/");
}

#[test]
fn any_other_destination_is_refused_and_said() {
    for rd in [
        "",
        "x",
        "//evil.mn",
        "https://evil.mn/",
        "http://app.example.mn/",
        "javascript:alert(1)",
        "/oauth2/sign_out",
        "/a\\b",
        "/a b",
        "/a%zz",
        "/a%00b",
    ] {
        assert_eq!(stranger(&gate(), start(rd)), "sign in, then /, rd refused", "{rd}");
    }
    for query in ["rd=/x&rd=/x", "rd=/x&rd=//evil.mn", "rd=/%ff%fe", "rd", "rd=%2F%2Fevil.mn"] {
        let asking = page(&format!("/oauth2/start?{query}"));
        assert_eq!(stranger(&gate(), asking), "sign in, then /, rd refused", "{query}");
    }
}

#[test]
fn an_address_of_a_public_url_leads_to_that_one() {
    let gate = two_hosts();
    for (rd, told) in [
        ("https://app.example.mn/x?y", "sign in, then /x?y"),
        ("HTTPS://APP.example.mn", "sign in, then /"),
        ("https://app.example.mn/old/x", "sign in at 2, then /old/x"),
        ("/old/x", "sign in at 2, then /old/x"),
        ("https://shop.example.mn/mn/x", "to start at 1, then /mn/x"),
        ("https://shop.example.mn/en", "sign in, then /, rd refused"),
        ("https://shop.example.mn/mn/../en", "sign in, then /, rd refused"),
        ("https://shop.example.mn/mn/oauth2/start", "sign in, then /, rd refused"),
    ] {
        assert_eq!(stranger(&gate, start(rd)), told, "{rd}");
    }
    let at_the_shop = page("/mn/oauth2/start?rd=https://app.example.mn/x").under("shop.example.mn");
    assert_eq!(stranger(&gate, at_the_shop), "to start, then /x");
}

/// Whoever else may send a browser here to sign in (OpenID Connect Core §4).
#[test]
fn a_third_party_says_where_to_by_target_link_uri_and_gets_no_further_than_rd_does() {
    let third_party = |path: &str, target: &str| {
        let target = utf8_percent_encode(target, NON_ALPHANUMERIC);
        page(&format!("{path}?iss=https://op.example&login_hint=bat&target_link_uri={target}"))
            .with("sec-fetch-site: cross-site")
    };
    let gate = two_hosts();
    for (target, told) in [
        ("https://app.example.mn/x?y", "sign in, then /x?y"),
        ("/x", "sign in, then /x"),
        ("https://app.example.mn/old/x", "sign in at 2, then /old/x"),
        ("https://shop.example.mn/mn/x", "to start at 1, then /mn/x"),
        ("https://shop.example.mn/en", "sign in, then /, rd refused"),
        ("https://evil.mn/", "sign in, then /, rd refused"),
        ("//evil.mn", "sign in, then /, rd refused"),
        ("/oauth2/sign_out", "sign in, then /, rd refused"),
        ("javascript:alert(1)", "sign in, then /, rd refused"),
        ("", "sign in, then /, rd refused"),
    ] {
        for name in ["start", "login", "sign_in"] {
            assert_eq!(stranger(&gate, third_party(&format!("/oauth2/{name}"), target)), told, "{target}");
        }
        assert_eq!(stranger(&gate, start(target)), told, "{target}: as rd");
    }
    let at_the_shop = |target| third_party("/mn/oauth2/start", target).under("shop.example.mn");
    assert_eq!(stranger(&gate, at_the_shop("/mn/x")), "sign in at 1, then /mn/x");
    assert_eq!(stranger(&gate, at_the_shop("/x")), "sign in at 1, then /mn/, rd refused");
    for (query, told) in [
        ("rd=/a&target_link_uri=/b", "sign in, then /a"),
        ("target_link_uri=/b&rd=/a", "sign in, then /a"),
        ("rd=//evil.mn&target_link_uri=/b", "sign in, then /, rd refused"),
        ("rd=/a&target_link_uri=//evil.mn", "sign in, then /a"),
        ("target_link_uri=/b&target_link_uri=/b", "sign in, then /, rd refused"),
        ("target_link_uri=/b&%74arget_link_uri=//evil.mn", "sign in, then /, rd refused"),
        ("target_link_uri=/%ff", "sign in, then /, rd refused"),
        ("TARGET_LINK_URI=/b", "sign in, then /"),
    ] {
        assert_eq!(stranger(&gate, page(&format!("/oauth2/start?{query}"))), told, "{query}");
    }
    // A sign-out knows no such thing.
    let sign_out = |query: &str| stranger(&gate, page(&format!("/oauth2/sign_out?{query}")));
    assert_eq!(sign_out("target_link_uri=/b"), sign_out(""));
}

#[test]
fn an_attempt_is_for_people_whatever_they_accept() {
    let plain = || ask("GET /oauth2/start?rd=/x");
    for asking in [
        plain(),
        plain().with("accept: application/json"),
        plain().with("sec-fetch-mode: navigate"),
        plain().with("x-requested-with: mn.toki.superapp"),
    ] {
        assert_eq!(stranger(&gate(), asking), "sign in, then /x");
    }
    for asking in [
        script("/oauth2/start"),
        plain().with("sec-fetch-mode: no-cors"),
        plain().with("x-requested-with: XMLHttpRequest"),
        plain().with("x-requested-with: XMLHttpRequest").with("accept: text/html"),
        plain().with("sec-purpose: prefetch").with("sec-fetch-mode: navigate"),
        plain().with("purpose: prefetch"),
        plain().with("content-type: application/grpc"),
        socket("/oauth2/start"),
        page("/oauth2/start").under("inner:8080"),
    ] {
        let gate = gate_with(|settings| settings.extra_hosts = vec![host_of("inner:8080")]);
        let told = stranger(&gate, asking);
        assert!(told.starts_with("no navigation"), "{told}");
    }
}

#[test]
fn after_a_sign_out_the_person_is_asked_again() {
    assert_eq!(signed_out(&gate(), start("/x")), "sign in, then /x, asking again");
}

#[test]
fn its_query_is_kept_for_the_parameters_that_may_be_passed_on() {
    let action = gate().decide(
        &page("/oauth2/start?rd=/x&ui_locales=mn").read(),
        Caller { known: &Known::Nobody, bearer: None, signed_out: false, returned: 0 },
        NOW,
    );
    let Action::SignIn(sign_in) = action else { panic!("{}", say(&action)) };
    assert_eq!(sign_in.start_query.as_deref(), Some("rd=/x&ui_locales=mn"));
}
