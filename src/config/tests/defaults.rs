//! Every default that interface.md names.

use std::time::Duration;

use super::*;
use crate::config::Origin;
use crate::config::keys::Source;
use crate::config::shape::KEYS;
use crate::gate::rules::Wanted;
use crate::oidc::StepUp;

/// What `check` says of a key.
fn effective(loaded: &Loaded, key: &str) -> Option<String> {
    loaded.effective.iter().find(|line| line.key == key).map(|line| line.value.clone())
}

#[test]
fn every_key_has_the_default_that_the_interface_names() {
    let loaded = loaded(&around("", ""));
    for (key, value) in [
        ("extra_hosts", "[]"),
        ("host_header", "\"keep\""),
        ("listen", "\"127.0.0.1:4180\""),
        ("admin_listen", "\"127.0.0.1:4181\""),
        ("prefix", "\"/oauth2\""),
        ("trusted_proxies", "[]"),
        ("proxy_protocol", "false"),
        ("allowed_origins", "[]"),
        ("provider.preset", "\"toki\""),
        ("provider.authorization_endpoint", "\"https://sso.toki.mn/oauth2/authorize\""),
        ("provider.token_endpoint", "\"https://sso.toki.mn/oauth2/token\""),
        ("provider.userinfo_endpoint", "\"https://sso.toki.mn/oauth2/userinfo?userId={userId}\""),
        ("provider.client_auth", "\"none\""),
        ("provider.par", "\"auto\""),
        ("provider.pkce", "true"),
        ("provider.scopes", "[\"openid\", \"offline_access\"]"),
        ("provider.authorize_params", "{}"),
        ("provider.start_params", "[]"),
        ("provider.userinfo", "\"required\""),
        ("provider.userinfo_path", "\"data\""),
        ("provider.user_claim", "\"userId\""),
        ("provider.require_id_token", "false"),
        ("provider.id_token_algs", "[\"RS256\", \"PS256\", \"ES256\", \"EdDSA\"]"),
        ("provider.insecure_http", "false"),
        ("session.key_delay", "\"5m\""),
        ("session.cookie_name", "\"__Host-tokigate\""),
        ("session.lifetime", "\"12h\""),
        ("session.idle_timeout", "\"off\""),
        ("session.end_with_token", "false"),
        ("session.refresh_before", "\"60s\""),
        ("session.outage_grace", "\"5m\""),
        ("session.same_site", "\"Lax\""),
        ("session.cookie_budget", "\"7KiB\""),
        ("session.drop_cookies", "[]"),
        (
            "identity.headers",
            "{ \"X-Forwarded-User\" = \"<user_claim>\", \"X-Forwarded-Email\" = \"email\", \
             \"X-Forwarded-Preferred-Username\" = \"{firstName} {lastName}\", \"X-Forwarded-Groups\" = \"groups\" }",
        ),
        ("identity.access_token", "\"off\""),
        ("identity.id_token", "\"off\""),
        ("rules", "[]"),
        ("bearer", "[]"),
        ("cors.origins", "[]"),
        ("limits.header_bytes", "\"64KiB\""),
        ("limits.body_bytes", "\"off\""),
        ("limits.connections", "10000"),
        ("limits.header_timeout", "\"10s\""),
        ("limits.idle_timeout", "\"620s\""),
        ("limits.upstream_connect_timeout", "\"5s\""),
        ("limits.upstream_timeout", "\"60s\""),
        ("limits.upstream_idle_timeout", "\"1500ms\""),
        ("limits.logins_per_minute", "600"),
        ("limits.introspections_per_minute", "6000"),
        ("shutdown.delay", "\"5s\""),
        ("shutdown.drain", "\"20s\""),
        ("log.format", "\"auto\""),
        ("log.level", "\"info\""),
        ("log.access", "true"),
        ("log.user", "\"hash\""),
        ("log.query", "false"),
        ("pages.language", "\"auto\""),
    ] {
        let line = loaded.effective.iter().find(|line| line.key == key);
        let line = line.unwrap_or_else(|| panic!("{key} is not told"));
        assert_eq!((line.value.as_str(), &line.origin), (value, &Origin::Default), "{key}");
    }
}

/// The same in what the rooms get: that `check` says so is not enough.
#[test]
fn the_rooms_get_those_defaults() {
    let config = loaded(&around("", "")).config;
    let limits = &config.server.limits;
    assert_eq!((limits.header_bytes, limits.body_bytes, limits.connections), (65_536, None, 10_000));
    assert_eq!((limits.header_timeout.as_secs(), limits.idle_timeout.as_secs()), (10, 620));
    let shutdown = &config.server.shutdown;
    assert_eq!((shutdown.delay.as_secs(), shutdown.drain.as_secs()), (5, 20));
    assert!((1..=4).contains(&config.server.workers));
    let upstream = &config.upstreams[0];
    assert_eq!(
        [upstream.connect_timeout, upstream.timeout, upstream.idle_timeout].map(|time| time.as_millis()),
        [5000, 60_000, 1500]
    );
    let lifetimes = &config.gate.lifetimes;
    assert_eq!((lifetimes.lifetime.as_secs(), lifetimes.outage_grace.as_secs()), (43_200, 300));
    assert_eq!((lifetimes.idle_timeout, lifetimes.refresh_before, lifetimes.end_with_token), (None, None, false));
    assert_eq!((config.cookies.budget, config.cookies.names.secure), (7168, true));
    assert_eq!(config.keys.delay, Duration::from_secs(300));
    assert!(matches!(&config.keys.source, Source::Given(keys) if keys.len() == 1));
    let provider = &config.provider;
    assert_eq!((provider.logins_per_minute, provider.introspections_per_minute), (600, 6000));
    assert_eq!(provider.wanted_claims, ["email", "firstName", "lastName", "groups", "email_verified", "userId"]);
    assert!(config.trust.networks.is_empty() && !config.trust.loopback_originals);
    assert!(config.log.access && !config.log.query);
}

#[test]
fn what_rules_ask_of_users_is_read_and_the_claims_are_kept() {
    let rules = r#"[[rules]]
        path = "/admin/**"
        from = ["10.0.0.0/8", "loopback"]
        require = { groups = ["admin", "ops-*"], level = 3, vip = true, realm_access.roles = "a", "x.y" = "b" }
        max_age = "15m"
        acr_values = ["phr"]
        [[rules]]
        path = "/b"
        require.email = "*@example.mn"
    "#;
    let config = loaded(&format!("{}{rules}", around("", ""))).config;
    let rule = &config.gate.rules[0];
    let from: Vec<String> = rule.from.iter().map(ToString::to_string).collect();
    assert_eq!(from, ["10.0.0.0/8", "127.0.0.0/8", "::1/128"]);
    let exactly = |text: &str| Wanted::Exactly(text.to_owned());
    let required: Vec<(&str, &[Wanted])> =
        rule.require.iter().map(|required| (required.claim.as_str(), &required.values[..])).collect();
    let groups = [exactly("admin"), Wanted::Like(vec![b"ops-".to_vec(), Vec::new()])];
    assert_eq!(
        required,
        [
            ("groups", &groups[..]),
            ("level", &[exactly("3")]),
            ("vip", &[exactly("true")]),
            ("realm_access.roles", &[exactly("a")]),
            ("x.y", &[exactly("b")]),
        ]
    );
    assert_eq!(rule.step_up, StepUp { max_age: Some(Duration::from_secs(900)), acr_values: vec!["phr".to_owned()] });
    let wanted = &config.provider.wanted_claims;
    for claim in ["groups", "level", "vip", "realm_access.roles", "x.y", "email", "email_verified"] {
        assert!(wanted.iter().any(|wanted| wanted == claim), "{claim} in {wanted:?}");
    }
}

#[test]
fn other_presets_have_other_defaults() {
    let oidc = "preset = \"oidc\"\nissuer = \"https://op.example\"";
    let oauth2 = "preset = \"oauth2\"\nauthorization_endpoint = \"https://op.example/a\"\ntoken_endpoint = \"https://op.example/t\"";
    let with_userinfo = format!("{oauth2}\nuserinfo_endpoint = \"https://op.example/u\"");
    let with_secret = "client_secret = \"s\"";
    for (lines, key, value) in [
        (oidc, "provider.user_claim", Some("\"sub\"")),
        (oidc, "provider.require_id_token", Some("true")),
        (oidc, "provider.userinfo", Some("\"required\"")),
        (oidc, "provider.userinfo_path", None),
        (oidc, "provider.token_endpoint", None),
        (oauth2, "provider.user_claim", Some("\"sub\"")),
        (oauth2, "provider.require_id_token", Some("false")),
        (oauth2, "provider.userinfo", Some("\"off\"")),
        (&with_userinfo, "provider.userinfo", Some("\"required\"")),
        (with_secret, "provider.client_auth", Some("\"client_secret_post\"")),
    ] {
        assert_eq!(effective(&loaded(&around("provider", lines)), key).as_deref(), value, "{lines} {key}");
    }
    let headers = effective(&loaded(&around("provider", oidc)), "identity.headers").unwrap();
    assert!(headers.contains("\"X-Forwarded-Preferred-Username\" = \"preferred_username\""), "{headers}");
}

#[test]
fn the_cookies_name_follows_the_addresses_and_the_prefix() {
    for (top, name) in [
        ("public_url = \"https://app.example.mn\"", "__Host-tokigate"),
        ("public_url = \"https://app.example.mn/app1\"", "__Host-tokigate-app1"),
        ("public_url = \"https://app.example.mn/a/b/\"", "__Host-tokigate-a-b"),
        ("public_url = \"https://app.example.mn\"\nprefix = \"/gate\"", "__Host-tokigate-gate"),
        ("public_url = \"https://app.example.mn/app1\"\nprefix = \"/gate\"", "__Host-tokigate-app1-gate"),
        ("public_url = [\"https://a.example.mn\", \"https://b.example.mn/x\"]", "__Host-tokigate-x"),
        ("public_url = \"http://localhost:4180\"", "tokigate-4180"),
        ("public_url = \"http://127.0.0.1\"", "tokigate-80"),
        ("public_url = \"https://localhost:4180\"", "__Host-tokigate"),
    ] {
        assert_eq!(loaded(&around("", top)).config.cookies.names.base, name, "{top}");
    }
}

#[test]
fn without_an_upstream_the_gate_answers_nginx_on_loopback() {
    let text = around("", "").replace("upstream = \"http://127.0.0.1:3000\"\n", "");
    let config = loaded(&text).config;
    assert!(config.upstreams.is_empty() && config.gate.forward_auth_only && config.trust.loopback_originals);
}

#[test]
fn rules_name_further_applications_each_address_once() {
    let rule = |(path, upstream)| format!("[[rules]]\npath = \"{path}\"\nupstream = \"{upstream}\"\n");
    let written = [
        ("/a", "http://127.0.0.1:4000"),
        ("/b", "unix:/run/b.sock"),
        ("/c", "http://127.0.0.1:4000/"),
        ("/d", "http://127.0.0.1:3000"),
    ];
    let config = loaded(&format!("{}{}", around("", ""), written.map(rule).concat())).config;
    let numbers: Vec<usize> = config.gate.rules.iter().map(|rule| rule.upstream).collect();
    let addresses: Vec<String> = config.upstreams.iter().map(|upstream| upstream.address.to_string()).collect();
    assert_eq!(numbers, [1, 2, 1, 0]);
    assert_eq!(addresses, ["http://127.0.0.1:3000", "http://127.0.0.1:4000", "unix:/run/b.sock"]);
    assert_eq!(config.upstreams[2].timeout, config.upstreams[0].timeout);
}

#[test]
fn each_application_may_be_asked_by_its_own_name() {
    let rules = "[[rules]]\npath = \"/a\"\nupstream = \"http://other\"\n[[rules]]\npath = \"/b\"\nupstream = \"unix:/run/b.sock\"\n";
    for (line, hosts) in [
        ("", [None; 3]),
        ("host_header = \"keep\"", [None; 3]),
        ("host_header = \"upstream\"", [Some("127.0.0.1:3000"), Some("other"), Some("localhost")]),
    ] {
        let config = loaded(&format!("{}{rules}", around("", line))).config;
        let named = |upstream: &crate::upstream::Settings| upstream.host.as_ref()?.to_str().ok().map(str::to_owned);
        let named: Vec<Option<String>> = config.upstreams.iter().map(named).collect();
        assert_eq!(named.iter().map(Option::as_deref).collect::<Vec<_>>(), hosts, "{line}");
    }
}

#[test]
fn listeners_of_all_kinds_stand_beside_each_other() {
    let written = [
        "127.0.0.1:4180",
        "[::1]:4180",
        "0.0.0.0:80",
        "[2001:db8::1]:80",
        "[fe80::1%2]:80",
        "unix:/run/gate.sock",
        "fd:3",
        "fd:tokigate.socket",
    ];
    let config = loaded(&around("", &format!("listen = {written:?}"))).config;
    assert_eq!(config.server.listen.iter().map(ToString::to_string).collect::<Vec<_>>(), written);
}

#[test]
fn origins_are_taken_as_browsers_write_them() {
    let written = "cors.origins = [\"https://App.Example.mn/\", \"https://b.mn:443\", \"https://c.mn:8443\", \"http://localhost:5173\", \"http://[::1]:80\", \"capacitor://localhost\"]";
    assert_eq!(
        loaded(&around("", written)).config.gate.cors_origins,
        [
            "https://app.example.mn",
            "https://b.mn",
            "https://c.mn:8443",
            "http://localhost:5173",
            "http://[::1]",
            "capacitor://localhost"
        ]
    );
}

#[test]
fn a_rules_own_application_needs_one_for_all_else() {
    let rules = "[[rules]]\npath = \"/a\"\nupstream = \"http://127.0.0.1:4000\"\n";
    let text = around("", "").replace("upstream = \"http://127.0.0.1:3000\"\n", "") + rules;
    let problems = super::problems(&text, &[]);
    let told = problems[0].to_string();
    assert!(told.contains("rules[0].upstream: nothing says where all other requests go; write upstream = "), "{told}");
}

#[test]
fn what_is_told_stands_in_the_order_of_the_example() {
    let loaded = loaded(&around("", ""));
    let order: Vec<usize> =
        loaded.effective.iter().map(|line| KEYS.iter().position(|key| *key == line.key).unwrap()).collect();
    assert!(order.windows(2).all(|pair| pair[0] < pair[1]), "{order:?}");
}
