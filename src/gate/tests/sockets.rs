//! WebSockets: the decision before the handshake, and the `Origin` (RFC 6455 §10.2).

use super::*;

#[test]
fn a_stranger_is_told_before_any_upgrade() {
    assert_eq!(stranger(&gate(), socket("/live")), "sign-in needed, then /live (Bare)");
    let foreign = socket("/live").with("origin: https://evil.mn");
    assert_eq!(stranger(&gate(), foreign), "sign-in needed, then /live (Bare)");
}

#[test]
fn pages_of_this_site_may_open_one_and_foreign_pages_may_not() {
    for (origin, expected) in [
        ("https://app.example.mn", "forward for user-1"),
        ("https://APP.example.mn", "forward for user-1"),
        ("http://app.example.mn", "foreign origin (Bare)"),
        ("https://app.example.mn:8443", "foreign origin (Bare)"),
        ("https://app.example.mn.evil.mn", "foreign origin (Bare)"),
        ("https://evil.mn", "foreign origin (Bare)"),
        ("https://app.example.mn/", "foreign origin (Bare)"),
        ("null", "foreign origin (Bare)"),
        ("", "foreign origin (Bare)"),
    ] {
        assert_eq!(user(&gate(), socket("/live").with(&format!("origin: {origin}"))), expected, "{origin:?}");
    }
    assert_eq!(user(&gate(), socket("/live")), "forward for user-1", "no browser says none");
    let two = socket("/live").with("origin: https://app.example.mn").with("origin: https://app.example.mn");
    assert_eq!(user(&gate(), two), "foreign origin (Bare)");
}

#[test]
fn further_origins_are_those_that_are_listed() {
    let gate = gate_with(|settings| {
        settings.allowed_origins = vec!["https://desk.example.mn".to_owned(), "https://port.mn:8443/".to_owned()];
        settings.public_urls.push(public_url("https://shop.example.mn"));
    });
    for (host, origin, expected) in [
        ("app.example.mn", "https://desk.example.mn", "forward for user-1"),
        ("app.example.mn", "https://port.mn:8443", "forward for user-1"),
        ("app.example.mn", "https://port.mn", "foreign origin (Bare)"),
        ("app.example.mn", "https://shop.example.mn", "foreign origin (Bare)"),
        ("shop.example.mn", "https://shop.example.mn", "forward at 1 for user-1"),
    ] {
        assert_eq!(
            user(&gate, socket("/live").under(host).with(&format!("origin: {origin}"))),
            expected,
            "{host} {origin}"
        );
    }
}

#[test]
fn public_sockets_mind_the_origin_too() {
    assert_eq!(stranger(&gate(), socket("/assets/live")), "forward for nobody");
    let foreign = socket("/blog/live").with("origin: https://evil.mn");
    assert_eq!(user(&gate(), foreign.clone()), "foreign origin (Bare)");
    assert_eq!(stranger(&gate(), foreign), "foreign origin (Bare)");
}

#[test]
fn scripts_may_come_from_anywhere_the_browser_lets_them() {
    assert_eq!(user(&gate(), script("/x").with("origin: https://evil.mn")), "forward for user-1");
}
