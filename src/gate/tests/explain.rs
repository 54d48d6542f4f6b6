//! `check --explain`.

use super::*;
use crate::gate::rules::{Requirement, Wanted};

fn explained(gate: &Gate, line: &str) -> (Because, String, String) {
    let (method, target) = line.split_once(' ').expect("method and target");
    let (method, target) = (method.parse().expect("a method"), target.parse().expect("a target"));
    let explanation = gate.explain(&method, &target, None, Some(&session()), NOW);
    (explanation.because, say(&explanation.stranger), say(&explanation.user.expect("claims were given")))
}

#[test]
fn it_says_what_would_happen_and_what_says_so() {
    let gate = gate_with(|settings| settings.health_path = Some("/ping".to_owned()));
    for (line, because, stranger, user) in [
        ("GET /assets/x", Because::Rule(0), "forward for nobody", "forward for nobody"),
        ("GET /blog", Because::Rule(1), "forward for nobody", "forward for user-1"),
        ("POST /internal", Because::Rule(2), "denied by Some(2) (Data)", "denied by Some(2) (Data)"),
        ("GET /x?y", Because::Default, "sign in, then /x?y", "forward for user-1"),
        ("DELETE /x", Because::Default, "sign-in needed, then /x (Data)", "forward for user-1"),
        ("GET /assets/../internal/x", Because::Ambiguous, "ambiguous (Page)", "ambiguous (Page)"),
        ("GET /oauth2/start", Because::Own, "sign in, then /", "sign in, then /"),
        ("GET /oauth2/x", Because::Own, "not found (Page)", "not found (Page)"),
        ("DELETE /oauth2/callback", Because::Own, "only GET (Data)", "only GET (Data)"),
        ("GET /ping", Because::Health, "health", "health"),
    ] {
        assert_eq!(explained(&gate, line), (because, stranger.to_owned(), user.to_owned()), "{line}");
    }
    let below = gate_with(|settings| settings.public_urls = vec![public_url("https://app.example.mn/app")]);
    assert_eq!(explained(&below, "GET /x").0, Because::NotServed);
    let alone = gate_with(|settings| settings.forward_auth_only = true);
    assert_eq!(explained(&alone, "GET /x").0, Because::NotServed);
}

#[test]
fn of_an_ambiguous_path_it_says_which_readings_meet_which_rules() {
    let met = |target: &str| {
        let target = target.parse().expect("a target");
        let met = gate().explain(&Method::GET, &target, None, None, NOW).readings;
        met.into_iter().map(|met| (met.reading, met.rule)).collect::<Vec<_>>()
    };
    let expected = |pairs: &[(&str, Option<usize>)]| {
        pairs.iter().map(|(reading, rule)| ((*reading).to_owned(), *rule)).collect::<Vec<_>>()
    };
    let target = "/assets/../internal/x";
    assert_eq!(met(target), expected(&[(target, None), ("/internal/x", Some(2))]));
    assert_eq!(met("/assets/%zz"), expected(&[("/assets/%zz", Some(0)), ("/assets/%zz", None)]));
    assert_eq!(met("/assets/x"), []);
    let many = format!("/{}internal", "%2e%2e/;a//\\".repeat(2_000));
    assert_eq!((explained(&gate(), &format!("GET {many}")).0, met(&many)), (Because::Ambiguous, vec![]));
}

#[test]
fn without_claims_only_strangers_are_explained() {
    let target = "/x".parse().expect("a target");
    assert!(gate().explain(&Method::GET, &target, None, None, NOW).user.is_none());
}

#[test]
fn each_condition_tells_what_it_saw() {
    let required = |claim: &str, value: &str| Requirement { claim: claim.to_owned(), values: vec![Wanted::new(value)] };
    let admin = Rule {
        from: vec!["10.0.0.0/8".parse().expect("a network")],
        require: vec![required("groups", "admin"), required("age", "35"), required("team", "*")],
        step_up: StepUp { max_age: Some(Duration::from_secs(60)), acr_values: vec!["phr".to_owned()] },
        ..rule(&["/admin/**"], Access::User)
    };
    let gate = gate_with(|settings| settings.rules = vec![admin]);
    let seen = |client: Option<&str>| {
        let target = "/admin/x".parse().expect("a target");
        let client = client.map(|client| client.parse().expect("an address"));
        let explanation = gate.explain(&Method::GET, &target, client, Some(&session()), NOW);
        let seen = explanation.conditions.into_iter().map(|seen| (seen.condition, seen.outcome));
        seen.collect::<Vec<_>>()
    };
    let expected = |from| {
        [
            ("from", from),
            ("require.age", Outcome::NotHeld),
            ("require.groups", Outcome::Held),
            ("require.team", Outcome::Missing),
            ("max_age", Outcome::Held),
            ("acr_values", Outcome::Missing),
        ]
        .map(|(condition, outcome)| (condition.to_owned(), outcome))
    };
    assert_eq!(seen(Some("10.1.2.3")), expected(Outcome::Held));
    assert_eq!(seen(Some("192.0.2.1")), expected(Outcome::NotHeld));
    assert_eq!(seen(None), expected(Outcome::Missing));
}
