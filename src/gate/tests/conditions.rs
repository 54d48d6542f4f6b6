//! Rules with conditions: from where, who, how lately.

use ipnet::IpNet;

use super::*;
use crate::gate::rules::{Requirement, Wanted};
use crate::session::AtProvider;

const LATELY: Duration = Duration::from_secs(900);

fn networks(texts: &[&str]) -> Vec<IpNet> {
    texts.iter().map(|text| text.parse().expect("a network")).collect()
}

fn requires(claim: &str, value: &str) -> Vec<Requirement> {
    vec![Requirement { claim: claim.to_owned(), values: vec![Wanted::new(value)] }]
}

fn gate_of(rules: Vec<Rule>) -> Gate {
    gate_with(|settings| settings.rules = rules)
}

/// The sample user, who signed in so long ago, in this way.
fn signed_in(seconds: u64, acr: Option<&str>) -> Known {
    let at_provider = AtProvider::new(None, None, acr);
    Known::User(Session { auth_time: Some(NOW - Duration::from_secs(seconds)), at_provider, ..session() })
}

fn recent() -> Gate {
    let step_up = StepUp { max_age: Some(LATELY), ..StepUp::default() };
    gate_of(vec![Rule { step_up, ..rule(&["/admin/**"], Access::User) }])
}

fn strong() -> Gate {
    let step_up = StepUp { acr_values: vec!["phr".to_owned(), "phrh".to_owned()], ..StepUp::default() };
    gate_of(vec![Rule { step_up, ..rule(&["/admin/**"], Access::User) }])
}

#[test]
fn whoever_is_elsewhere_is_refused_before_being_asked_to_sign_in() {
    let closing = |from: &[&str]| gate_of(vec![Rule { from: networks(from), ..rule(&["/x"], Access::User) }]);
    assert_eq!(stranger(&closing(&["192.0.2.0/24"]), page("/x")), "sign in, then /x");
    assert_eq!(user(&closing(&["10.0.0.0/8", "192.0.2.1/32"]), page("/x")), "forward for user-1");
    for asking in [page("/x"), script("/x"), ask("HEAD /x")] {
        let told = stranger(&closing(&["10.0.0.0/8"]), asking.clone());
        assert!(told.starts_with("Network not met, by Some(0)"), "{told}");
        assert_eq!(user(&closing(&["10.0.0.0/8"]), asking), told);
    }
}

#[test]
fn for_whoever_is_elsewhere_an_opening_rule_is_not_there() {
    let gate = |access| {
        let inside = Rule { from: networks(&["10.0.0.0/8"]), ..rule(&["/metrics"], access) };
        gate_of(vec![inside, rule(&["/metrics"], Access::Deny)])
    };
    for access in [Access::Public, Access::Optional] {
        assert_eq!(stranger(&gate(access), page("/metrics")), "denied by Some(1) (Page)");
        let inside = page("/metrics").by_proxy().with("x-forwarded-for: 10.1.2.3");
        assert_eq!(stranger(&gate(access), inside), "forward for nobody");
    }
}

#[test]
fn who_asks_is_whom_trusted_proxies_name_and_nobody_else_is_believed() {
    let gate = gate_of(vec![Rule { from: networks(&["10.0.0.0/8"]), ..rule(&["/**"], Access::User) }]);
    let refused = "Network not met, by Some(0) (Page)";
    assert_eq!(user(&gate, page("/x").by_proxy().with("x-forwarded-for: 10.1.2.3")), "forward for user-1");
    assert_eq!(user(&gate, page("/x").by_proxy().with("x-forwarded-for: ::ffff:10.1.2.3")), "forward for user-1");
    for line in ["10.1.2.3, 203.0.113.9", "10.1.2.3, unknown", "unknown", ""] {
        assert_eq!(user(&gate, page("/x").by_proxy().with(&format!("x-forwarded-for: {line}"))), refused, "{line}");
    }
    assert_eq!(user(&gate, page("/x").with("x-forwarded-for: 10.1.2.3")), refused, "by nobody's proxy");
    let socket = Asking { peer: Remote::Unix, ..page("/x") };
    assert_eq!(user(&gate, socket), refused, "a unix socket is nowhere");
}

#[test]
fn every_key_must_hold_and_what_does_not_is_named_without_its_value() {
    let require = [requires("groups", "admin"), requires("vip", "true")].concat();
    let gate = gate_of(vec![Rule { require, ..rule(&["/admin/**"], Access::User) }]);
    assert_eq!(user(&gate, page("/admin/x")), "forward for user-1");
    let require = [requires("groups", "root"), requires("vip", "true"), requires("team", "*")].concat();
    let gate = gate_of(vec![Rule { require, ..rule(&["/admin/**"], Access::User) }]);
    let told = r#"Claims([("groups", Other), ("team", Missing)]) not met, by Some(0) (Page)"#;
    assert_eq!(user(&gate, page("/admin/x")), told);
    assert_eq!(stranger(&gate, page("/admin/x")), "sign in, then /admin/x");
}

#[test]
fn readings_that_meet_other_conditions_are_refused() {
    let gate = gate_of(vec![
        Rule { require: requires("groups", "admin"), ..rule(&["/admin/**"], Access::User) },
        Rule { require: requires("groups", "admin"), ..rule(&["/root/**"], Access::User) },
        Rule { require: requires("groups", "staff"), ..rule(&["/staff/**"], Access::User) },
    ]);
    assert_eq!(user(&gate, page("/x/../admin")), "ambiguous (Page)", "the default asks for less");
    assert_eq!(user(&gate, page("/root/../staff")), "ambiguous (Page)");
    assert_eq!(user(&gate, page("/root/../admin")), "forward for user-1", "both ask for the same");
    assert_eq!(user(&gate, page("/admin//x")), "forward for user-1");
}

#[test]
fn no_slash_at_the_end_leads_to_the_weaker_of_two_rules() {
    let gate = |first: &str, second: &str, value: &str| {
        let weak = Rule { require: requires("groups", "admin"), ..rule(&[first], Access::User) };
        gate_of(vec![weak, Rule { require: requires("groups", value), ..rule(&[second], Access::User) }])
    };
    for (first, second) in [("/a/*", "/a"), ("/a/", "/a"), ("/a/*", "/**")] {
        assert_eq!(user(&gate(first, second, "root"), page("/a")), "ambiguous (Page)", "{first} {second}");
        assert_eq!(user(&gate(first, second, "admin"), page("/a")), "forward for user-1", "both ask for the same");
        assert_eq!(user(&gate(first, second, "root"), page("/a/")), "forward for user-1", "the first is for this");
    }
    let only = gate_of(vec![Rule { require: requires("groups", "root"), ..rule(&["/a/*"], Access::User) }]);
    assert!(user(&only, page("/a")).ends_with("not met, by Some(0) (Page)"), "the default asks for less");
    let tokens = gate_of(vec![Rule { bearer: true, ..rule(&["/a/*"], Access::User) }, rule(&["/a"], Access::User)]);
    assert_eq!(user(&tokens, page("/a")), "ambiguous (Page)", "no tokens where they are not taken");
}

#[test]
fn who_signed_in_too_long_ago_signs_in_again() {
    let gate = recent();
    assert_eq!(told(&gate, page("/admin/x"), &signed_in(900, None)), "forward for user-1");
    let late = signed_in(901, None);
    for (asking, expected) in [
        (page("/admin/x"), "sign in within 900, then /admin/x, asking again"),
        (page("/x"), "forward for user-1"),
        (ask("HEAD /admin/x").with("accept: text/html"), "to start, then /admin/x"),
    ] {
        assert_eq!(told(&gate, asking, &late), expected);
    }
    for (asking, form) in [
        (script("/admin/x"), "Data"),
        (form("/admin/x"), "Form"),
        (socket("/admin/x"), "Bare"),
        (page("/admin/x").with("sec-purpose: prefetch"), "Bare"),
        (ask("POST /admin/x").with("content-type: application/grpc"), "Grpc(Http2)"),
    ] {
        let expected = format!("step-up needed for Age by Some(0) within 900, then /admin/x ({form})");
        assert_eq!(told(&gate, asking, &late), expected);
    }
}

/// A clock was wrong, then or now.
#[test]
fn a_sign_in_that_nobody_dated_or_that_is_yet_to_come_is_not_recent() {
    let gate = recent();
    let dated = |auth_time| Known::User(Session { auth_time, ..session() });
    let again = "sign in within 900, then /admin/x, asking again";
    assert_eq!(told(&gate, page("/admin/x"), &dated(None)), again);
    assert_eq!(told(&gate, page("/admin/x"), &dated(Some(NOW + Duration::from_secs(3600)))), again);
    assert_eq!(told(&gate, page("/admin/x"), &dated(Some(NOW + Duration::from_secs(10)))), "forward for user-1");
}

#[test]
fn who_signed_in_in_another_way_signs_in_again() {
    let gate = strong();
    assert_eq!(told(&gate, page("/admin/x"), &signed_in(0, Some("phrh"))), "forward for user-1");
    for acr in [None, Some("pwd"), Some("PHR")] {
        let other = signed_in(0, acr);
        assert_eq!(told(&gate, page("/admin/x"), &other), "sign in by phr phrh, then /admin/x");
        let data = "step-up needed for Acr by Some(0) by phr phrh, then /admin/x (Data)";
        assert_eq!(told(&gate, script("/admin/x"), &other), data);
    }
}

#[test]
fn a_stranger_signs_in_as_the_rule_wants_at_once() {
    assert_eq!(stranger(&recent(), page("/admin/x")), "sign in within 900, then /admin/x");
    assert_eq!(stranger(&strong(), script("/admin/x")), "sign-in needed by phr phrh, then /admin/x (Data)");
}

/// No sign-in gives what the provider does not say.
#[test]
fn whose_claims_are_not_enough_is_told_so_and_not_sent_to_sign_in() {
    let step_up = StepUp { max_age: Some(LATELY), ..StepUp::default() };
    let gate = gate_of(vec![Rule { step_up, require: requires("groups", "root"), ..rule(&["/x"], Access::User) }]);
    let told = told(&gate, page("/x"), &signed_in(9000, None));
    assert_eq!(told, r#"Claims([("groups", Other)]) not met, by Some(0) (Page)"#);
}

#[test]
fn a_browser_that_signs_in_again_and_again_is_told() {
    let late = signed_in(901, None);
    let decide = |target, returned| {
        say(&recent().decide(
            &page(target).read(),
            Caller { known: &late, bearer: None, signed_out: false, returned },
            NOW,
        ))
    };
    assert_eq!(decide("/admin/x", 2), "sign in within 900, then /admin/x, asking again");
    assert_eq!(decide("/admin/x", 3), "step-up needed for Age by Some(0) within 900, then /admin/x (Page)");
    assert_eq!(decide("/oauth2/start?rd=/admin/x", 3), "session lost, then /admin/x (Page)");
    assert_eq!(decide("/oauth2/start?rd=/admin/x&again=1", 3), "sign in within 900, then /admin/x, asking again");
}

#[test]
fn start_asks_for_what_the_page_needs_and_for_what_its_address_adds() {
    let gate = recent();
    for (query, expected) in [
        ("rd=/admin/x?y", "sign in within 900, then /admin/x?y"),
        ("rd=/x", "sign in, then /x"),
        ("rd=/admin/x&max_age=60", "sign in within 60, then /admin/x"),
        ("rd=/admin/x&max_age=3600", "sign in within 900, then /admin/x"),
        ("max_age=60&acr_values=phr%20phrh", "sign in within 60 by phr phrh, then /"),
        ("max_age=60&max_age=90", "sign in within 60, then /"),
        ("max_age=-1", "sign in, then /"),
        ("max_age=1e3&acr_values=", "sign in, then /"),
        ("max_age=99999999999999999999", "sign in, then /"),
        ("acr_values=a%22b", "sign in, then /"),
        ("acr_values=%D0%B0", "sign in, then /"),
    ] {
        assert_eq!(stranger(&gate, page(&format!("/oauth2/start?{query}"))), expected, "{query}");
    }
    let too_many = "a%20".repeat(9);
    assert_eq!(stranger(&gate, page(&format!("/oauth2/start?acr_values={too_many}"))), "sign in, then /");
    let gate = strong();
    for (query, expected) in [
        ("rd=/admin&acr_values=phrh%20x", "sign in by phrh, then /admin"),
        ("rd=/admin&acr_values=x", "sign in by phr phrh, then /admin"),
    ] {
        assert_eq!(stranger(&gate, page(&format!("/oauth2/start?{query}"))), expected, "{query}");
    }
}

#[test]
fn start_asks_again_whom_signing_in_once_was_too_long_ago() {
    let start = page("/oauth2/start?rd=/admin/x");
    assert_eq!(
        told(&recent(), start.clone(), &signed_in(901, None)),
        "sign in within 900, then /admin/x, asking again"
    );
    assert_eq!(told(&recent(), start, &signed_in(10, None)), "sign in within 900, then /admin/x");
}

#[test]
fn another_proxy_is_told_of_conditions_too() {
    let auth = |uri: &str| page("/oauth2/auth").by_proxy().with(&format!("x-forwarded-uri: {uri}"));
    let told_of = |gate: &Gate, asking: Asking, known: &Known| told(gate, asking, known);
    let late = signed_in(901, None);
    assert_eq!(told_of(&recent(), auth("/admin/x"), &late), "sign-in needed within 900, then /admin/x (ForwardAuth)");
    assert_eq!(told_of(&recent(), auth("/admin/x"), &signed_in(0, None)), "allow for user-1");
    let gate = gate_of(vec![Rule { from: networks(&["10.0.0.0/8", "192.0.2.0/24"]), ..rule(&["/x"], Access::User) }]);
    let refused = "Network not met, by Some(0) (ForwardAuth)";
    assert_eq!(told_of(&gate, auth("/x").with("x-forwarded-for: 10.1.2.3"), &late), "allow for user-1");
    assert_eq!(told_of(&gate, auth("/x").with("x-forwarded-for: 203.0.113.1"), &late), refused);
    assert_eq!(told_of(&gate, auth("/x"), &late), refused, "the proxy's own address is not the client's");
    assert_eq!(
        told_of(&gate, page("/oauth2/auth").by_proxy(), &late),
        "unknown original: X-Forwarded-Uri (ForwardAuth)"
    );
}

#[test]
fn a_rule_that_takes_tokens_says_so() {
    let gate = gate_of(vec![Rule { bearer: true, ..rule(&["/api/**"], Access::User) }]);
    assert!(gate.takes_bearer(&script("/api/x").read()));
    assert!(!gate.takes_bearer(&script("/x").read()));
    assert!(!gate.takes_bearer(&script("/x/../api/x").read()), "whatever is ambiguous takes none");
    assert!(!gate.takes_bearer(&script("/oauth2/userinfo").read()));
    let auth = page("/oauth2/auth").by_proxy();
    assert!(gate.takes_bearer(&auth.clone().with("x-forwarded-uri: /api/x").read()));
    assert!(!gate.takes_bearer(&auth.read()));
}
