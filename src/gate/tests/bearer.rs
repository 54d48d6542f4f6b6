//! API clients: what an access token opens, and what it does not.

use super::*;
use crate::gate::rules::{Requirement, Wanted};
use crate::session::{AtProvider, Claims};

fn rules() -> Vec<Rule> {
    let rule = |path: &str| Rule { paths: vec![path.to_owned()], bearer: true, ..Rule::default() };
    let require = |claim: &str, value: &str| Requirement { claim: claim.to_owned(), values: vec![Wanted::new(value)] };
    vec![
        Rule { require: vec![require("scope", "orders:write")], ..rule("/api/orders/**") },
        Rule { require: vec![require("scope", "x"), require("groups", "ops")], ..rule("/api/ops/**") },
        Rule {
            step_up: StepUp { max_age: Some(Duration::from_secs(900)), acr_values: vec!["phr".to_owned()] },
            ..rule("/api/pay/**")
        },
        Rule { from: vec!["10.0.0.0/8".parse().unwrap()], ..rule("/api/inside/**") },
        rule("/api/**"),
    ]
}

/// What a token says that lives for five minutes.
fn token() -> Session {
    let claims = serde_json::json!({ "scope": ["orders:read", "orders:write"] });
    let claims = claims.as_object().unwrap();
    Session {
        user: crate::oidc::Subject::parse("cron").unwrap(),
        // Older than any session may be, and good all the same.
        created_at: NOW - Duration::from_secs(7 * 24 * 3600),
        expires_at: NOW + Duration::from_secs(300),
        token_expires_at: NOW + Duration::from_secs(300),
        refreshable: false,
        auth_time: None,
        claims: Claims::select(claims, ["scope"].into_iter()),
        at_provider: AtProvider::default(),
        ..session()
    }
}

fn decide(asking: &Asking, known: &Known, bearer: &Bearer) -> String {
    let gate = gate_of(rules());
    let caller = Caller { known, bearer: Some(bearer), signed_out: false, returned: 0 };
    say(&gate.decide(&asking.clone().with("authorization: Bearer t").read(), caller, NOW))
}

fn by_token(asking: &Asking) -> String {
    decide(asking, &Known::Nobody, &Bearer::Holds(token()))
}

fn gate_of(rules: Vec<Rule>) -> Gate {
    Gate::new(Settings { rules, ..settings() })
}

#[test]
fn a_token_is_as_good_as_a_session_where_a_rule_takes_one() {
    assert_eq!(by_token(&script("/api/a")), "forward for cron");
    assert_eq!(by_token(&page("/api/orders/1")), "forward for cron");
    assert_eq!(by_token(&socket("/api/ws")), "forward for cron");
}

#[test]
fn elsewhere_it_is_nobodys_business() {
    assert_eq!(by_token(&script("/a")), "sign-in needed, then /a (Data)");
    assert_eq!(by_token(&page("/a")), "sign in, then /a");
    assert_eq!(by_token(&script("/oauth2/userinfo")), "sign-in needed, then / (Data)");
}

#[test]
fn a_session_wins_whatever_the_token_is() {
    for bearer in [Bearer::Holds(token()), Bearer::Refused(Refusal::TokenNotTaken)] {
        assert_eq!(decide(&script("/api/a"), &Known::User(session()), &bearer), "forward for user-1");
    }
    let away = Known::Unsure { retry_after: Duration::from_secs(7) };
    assert_eq!(decide(&script("/api/a"), &away, &Bearer::Holds(token())), "forward for cron");
    assert_eq!(decide(&script("/api/a"), &Known::Unreadable, &Bearer::Holds(token())), "forward for cron");
}

#[test]
fn whoever_brings_a_token_is_answered_as_a_program() {
    let refused = Bearer::Refused(Refusal::TokenNotTaken);
    for asking in [page("/api/a"), form("/api/a"), script("/api/a")] {
        assert_eq!(decide(&asking, &Known::Nobody, &refused), "token not taken (Data)");
    }
    assert_eq!(decide(&socket("/api/a"), &Known::Nobody, &refused), "token not taken (Bare)");
    let unclear = Bearer::Refused(Refusal::TokenUnclear);
    assert_eq!(decide(&page("/api/a"), &Known::Nobody, &unclear), "token unclear (Data)");
}

#[test]
fn its_conditions_are_everybodys() {
    let lesser = |scope: &[&str]| {
        let claims = serde_json::json!({ "scope": scope });
        Bearer::Holds(Session { claims: Claims::select(claims.as_object().unwrap(), ["scope"].into_iter()), ..token() })
    };
    let decide = |target: &str, bearer: &Bearer| decide(&page(target), &Known::Nobody, bearer);
    for scope in [&["orders:read"] as &[&str], &["orders:write2"], &["orders:writ", "e"], &[]] {
        assert_eq!(decide("/api/orders/1", &lesser(scope)), "scope needed by Some(0) (Data)", "{scope:?}");
    }
    let both = decide("/api/ops/1", &lesser(&[]));
    assert!(
        both.starts_with("Claims(") && both.ends_with("not met, by Some(1) (Data)"),
        "more scope would not help: {both}"
    );
    let sign_in = decide("/api/pay/1", &Bearer::Holds(token()));
    assert!(sign_in.starts_with("step-up needed for Age by Some(2)") && sign_in.ends_with("(Data)"), "{sign_in}");
    let strong = Session {
        auth_time: Some(NOW - Duration::from_secs(800)),
        at_provider: AtProvider::new(None, None, Some("phr")),
        ..token()
    };
    assert_eq!(decide("/api/pay/1", &Bearer::Holds(strong)), "forward for cron");
}

#[test]
fn a_token_that_ends_on_the_way_is_over() {
    let over = Bearer::Holds(Session { token_expires_at: NOW, ..token() });
    assert_eq!(decide(&script("/api/a"), &Known::Nobody, &over), "token not taken (Data)");
}

#[test]
fn a_token_is_looked_at_only_where_it_decides() {
    let gate = gate_of(rules());
    let wants = |asking: Asking, known: &Known| {
        let caller = Caller { known, bearer: None, signed_out: false, returned: 0 };
        gate.wants_token(&asking.read(), caller, NOW)
    };
    let brings = |asking: Asking| asking.with("authorization: Bearer t");
    assert!(wants(brings(script("/api/a")), &Known::Nobody));
    assert!(!wants(script("/api/a"), &Known::Nobody), "none came");
    assert!(!wants(brings(script("/api/a")), &Known::User(session())), "a session counts");
    for elsewhere in
        ["/a", "/oauth2/userinfo", "/oauth2/session", "/api/../a", "/api/%2e%2e/a", "/API/a", "/api/inside/a"]
    {
        assert!(!wants(brings(script(elsewhere)), &Known::Nobody), "{elsewhere}");
    }
}
