//! The gate's own addresses, `/start`, `/sign_out` and `/auth` apart.

use super::*;

#[test]
fn each_takes_its_methods_and_says_which() {
    for (address, allowed) in [
        ("/start", "GET"),
        ("/login", "GET"),
        ("/sign_in", "GET"),
        ("/callback", "GET"),
        ("/sign_out", "GET, POST"),
        ("/logout", "GET, POST"),
        ("/auth", "GET, HEAD"),
        ("/auth/redirect", "GET, HEAD"),
        ("/userinfo", "GET, HEAD"),
        ("/session", "GET, HEAD"),
        ("/refresh", "POST"),
        ("/backchannel_logout", "POST"),
        ("/frontchannel_logout", "GET"),
    ] {
        for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"] {
            let told = user(&gate(), ask(&format!("{method} /oauth2{address}")));
            let is_allowed = allowed.split(", ").any(|name| name == method);
            assert_eq!(told == format!("only {allowed} (Data)"), !is_allowed, "{method} {address}: {told}");
        }
    }
}

#[test]
fn addresses_of_later_versions_and_unknown_ones_are_not_found() {
    for address in [
        "",
        "/",
        "/x",
        "/start/",
        "/start/x",
        "/callback/",
        "/jwks.json",
        "/client.js",
        "/backchannel_logout/",
        "/frontchannel_logout/x",
        "/auth/",
        "/auth/x",
        "/Start",
        "/%73tart",
        "//start",
        "/./start",
        "/;x/start",
        "/start;x",
    ] {
        for known in [Known::Nobody, known()] {
            assert_eq!(told(&gate(), page(&format!("/oauth2{address}")), &known), "not found (Page)", "{address}");
        }
    }
}

/// Applications may fold, decode and join what they get; no such reading of our addresses is open, and none of them does what ours do.
#[test]
fn no_second_reading_is_one_of_them_and_none_is_public() {
    let gate = gate_with(|settings| settings.rules = vec![rule(&["/**"], Access::Public)]);
    for (target, return_to) in [
        ("/OAuth2/start", "/OAuth2/start"),
        ("/%6fauth2/callback", "/%6fauth2/callback"),
        ("//oauth2/userinfo", "/"),
        ("/x/../oauth2/sign_out", "/x/../oauth2/sign_out"),
        ("/oauth2;x/auth", "/oauth2;x/auth"),
        ("/oauth2/../x", "/oauth2/../x"),
    ] {
        assert_eq!(stranger(&gate, script(target)), format!("sign-in needed, then {return_to} (Data)"));
        assert_eq!(user(&gate, script(target)), "forward for user-1", "{target}");
    }
    assert_eq!(stranger(&gate, script("/oauth2x")), "forward for nobody");
}

#[test]
fn the_callback_is_where_it_was_registered() {
    assert_eq!(stranger(&gate(), page("/oauth2/callback?code=x")), "callback");
    let elsewhere = gate_with(|settings| {
        settings.public_urls = vec![public_url("https://app.example.mn/app")];
        settings.callback_path = Some("/auth/toki/callback".to_owned());
    });
    assert_eq!(stranger(&elsewhere, page("/auth/toki/callback?code=x")), "callback");
    assert_eq!(stranger(&elsewhere, page("/auth/toki")), "not found (Page)");
    assert_eq!(stranger(&elsewhere, page("/app/oauth2/callback")), "not found (Page)");
    assert_eq!(elsewhere.redirect_uri(0), "https://app.example.mn/auth/toki/callback");
    assert_eq!(gate().redirect_uri(0), "https://app.example.mn/oauth2/callback");
}

#[test]
fn they_live_below_the_prefix_below_the_path() {
    let gate = gate_with(|settings| {
        settings.public_urls = vec![public_url("http://localhost:4180/app")];
        settings.prefix = "/-/gate".to_owned();
    });
    let at = |target| page(target).under("localhost:4180");
    assert_eq!(stranger(&gate, at("/app/-/gate/start")), "sign in, then /app/");
    assert_eq!(stranger(&gate, at("/-/gate/start")), "not found (Page)");
    assert_eq!(stranger(&gate, at("/app/oauth2/start")), "sign in, then /app/oauth2/start");
    assert_eq!(gate.redirect_uri(0), "http://localhost:4180/app/-/gate/callback");
    assert_eq!(gate.start_address(0), "http://localhost:4180/app/-/gate/start");
    assert_eq!(gate.address(0, None), "http://localhost:4180/app/");
}

#[test]
fn user_info_is_for_users() {
    assert_eq!(user(&gate(), page("/oauth2/userinfo")), "user info");
    assert_eq!(stranger(&gate(), page("/oauth2/userinfo")), "sign-in needed, then / (Data)");
}

#[test]
fn the_session_is_told_to_whoever_asks() {
    for known in [Known::Nobody, known(), Known::Unreadable, unsure()] {
        assert_eq!(told(&gate(), script("/oauth2/session"), &known), "status");
    }
    assert_eq!(user(&gate(), ask("POST /oauth2/refresh")), "status");
    assert_eq!(stranger(&gate(), ask("POST /oauth2/refresh")), "status");
}

#[test]
fn a_frame_names_a_session_by_both_parameters_each_once() {
    for (query, expected) in [
        ("?iss=https%3A%2F%2Fop.example&sid=s-1", "front-channel logout https://op.example s-1"),
        ("?sid=a%2Bb&iss=i&unknown=x", "front-channel logout i a+b"),
        ("", "front-channel logout of nobody"),
        ("?iss=i", "front-channel logout of nobody"),
        ("?sid=s", "front-channel logout of nobody"),
        ("?iss=i&sid=", "front-channel logout of nobody"),
        ("?iss=i&sid=s&sid=s", "front-channel logout of nobody"),
        ("?iss=i&iss=i&sid=s", "front-channel logout of nobody"),
        ("?iss=i&sid=%FF", "front-channel logout of nobody"),
    ] {
        assert_eq!(stranger(&gate(), ask(&format!("GET /oauth2/frontchannel_logout{query}"))), expected, "{query}");
    }
}
