//! `/sign_out`: at once from this site, after a question from another.

use super::*;

#[test]
fn from_this_site_it_is_done() {
    for asking in [
        page("/oauth2/sign_out?rd=/bye").with("sec-fetch-site: same-origin"),
        page("/oauth2/logout?rd=/bye").with("sec-fetch-site: none"),
        form("/oauth2/sign_out?rd=/bye").with("origin: https://app.example.mn"),
        ask("POST /oauth2/sign_out?rd=/bye").with("referer: https://app.example.mn/x"),
        ask("GET /oauth2/sign_out?rd=/bye"),
    ] {
        assert_eq!(user(&gate(), asking.clone()), "sign out, then /bye");
        assert_eq!(stranger(&gate(), asking.clone()), "sign out, then /bye");
        assert_eq!(told(&gate(), asking, &unsure()), "sign out, then /bye");
    }
}

#[test]
fn from_another_site_it_is_asked_first() {
    for line in [
        "sec-fetch-site: cross-site",
        "sec-fetch-site: same-site",
        "origin: https://evil.mn",
        "origin: null",
        "referer: https://evil.mn/x",
        "referer: https://app.example.mn.evil.mn/",
    ] {
        assert_eq!(user(&gate(), ask("GET /oauth2/sign_out?rd=/bye").with(line)), "ask, then /bye", "{line}");
        assert_eq!(user(&gate(), ask("POST /oauth2/sign_out").with(line)), "ask, then /", "{line}");
    }
    let contradicted =
        form("/oauth2/sign_out").with("sec-fetch-site: cross-site").with("origin: https://app.example.mn");
    assert_eq!(user(&gate(), contradicted), "ask, then /");
}

#[test]
fn nothing_ahead_of_time_ends_a_session() {
    assert_eq!(user(&gate(), page("/oauth2/sign_out").with("sec-purpose: prefetch")), "no navigation (Bare)");
}

#[test]
fn it_leads_nowhere_else() {
    for rd in ["//evil.mn", "https://evil.mn/", "/oauth2/start", "/\\evil.mn", "https://app.example.mn@evil.mn/"] {
        let asking = ask(&format!("GET /oauth2/sign_out?rd={rd}"));
        assert_eq!(user(&gate(), asking), "sign out, then /, rd refused", "{rd}");
    }
    let two = gate_with(|settings| {
        settings.public_urls = ["https://app.example.mn", "https://shop.example.mn"].map(public_url).to_vec();
    });
    let elsewhere = ask("GET /oauth2/sign_out?rd=https://shop.example.mn/x");
    assert_eq!(user(&two, elsewhere), "sign out, then /", "the page belongs to the host whose session ended");
}
