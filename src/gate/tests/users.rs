//! What a signed-in user's request carries on.

use super::*;

fn pass(gate: &Gate, asking: Asking, session: Session, now: Timestamp) -> Pass {
    let known = Known::User(session);
    match gate.decide(&asking.read(), Caller { known: &known, bearer: None, signed_out: false, returned: 0 }, now) {
        Action::Forward(pass) => pass,
        other => panic!("{}", say(&other)),
    }
}

fn after(seconds: u64) -> Timestamp {
    NOW + Duration::from_secs(seconds)
}

fn identity_of(pass: &Pass) -> Vec<(&str, &str)> {
    pass.identity().iter().map(|(name, value)| (name.as_str(), value.to_str().expect("visible ASCII"))).collect()
}

#[test]
fn a_user_is_named_by_the_claims_there_are() {
    assert_eq!(
        identity_of(&pass(&gate(), page("/x"), session(), NOW)),
        [
            ("x-forwarded-user", "user-1"),
            ("x-forwarded-preferred-username", "%D0%91%D0%B0%D1%82 %D0%94%D0%BE%D1%80%D0%B6"),
            ("x-forwarded-groups", "admin,a%2Cb"),
        ]
    );
}

#[test]
fn on_public_paths_nobody_is_named_and_on_optional_ones_whoever_is_there() {
    assert_eq!(user(&gate(), page("/assets/a")), "forward for nobody");
    assert_eq!(user(&gate(), page("/blog/a")), "forward for user-1");
    let public = pass(&gate(), page("/assets/a"), session(), NOW);
    assert!(public.identity().is_empty() && public.session().is_none() && public.until().is_none());
    let with_token = gate_with(|settings| settings.identity.access_token = PassOn::Authorization);
    assert!(tokens(pass(&with_token, page("/assets/a"), session(), NOW)).is_empty());
}

/// Nothing that is forwarded outlives the session, as it ends for everybody else.
#[test]
fn a_pass_ends_with_its_session() {
    assert_eq!(pass(&gate(), page("/x"), session(), after(60)).until(), Some(session().expires_at));
    assert_eq!(pass(&gate(), page("/x"), session(), NOW).session(), Some(session().id));
    let alone = Session { refreshable: false, ..session() };
    assert_eq!(pass(&gate(), page("/x"), alone.clone(), NOW).until(), Some(session().expires_at));
    let ending = gate_with(|settings| settings.lifetimes.end_with_token = true);
    assert_eq!(pass(&ending, page("/x"), alone, NOW).until(), Some(session().token_expires_at));
    assert_eq!(pass(&ending, page("/x"), session(), NOW).until(), Some(session().expires_at));
    let shortened = gate_with(|settings| settings.lifetimes.lifetime = Duration::from_secs(600));
    assert_eq!(pass(&shortened, page("/x"), session(), after(60)).until(), Some(after(600)));
}

#[test]
fn tokens_go_along_as_they_are_wanted_until_they_have_run_out() {
    let gate = gate_with(|settings| {
        settings.identity.access_token = PassOn::Forwarded;
        settings.identity.id_token = PassOn::Authorization;
    });
    let both = ["x-forwarded-access-token: access", "authorization: Bearer identity"];
    let alone = Session { refreshable: false, ..session() };
    for session in [session(), alone] {
        assert_eq!(tokens(pass(&gate, page("/x"), session.clone(), after(3599))), both);
        assert_eq!(tokens(pass(&gate, page("/x"), session, after(3600))), both[1..]);
    }
    assert!(tokens(pass(&super::gate(), page("/x"), session(), NOW)).is_empty());
}

/// What of two tokens goes along.
fn tokens(mut pass: Pass) -> Vec<String> {
    let wanted = pass.wants_tokens();
    let before = pass.identity().len();
    pass.carry("access", Some("identity"));
    let added = &identity_of(&pass)[before..];
    assert_eq!(wanted, !added.is_empty());
    added.iter().map(|(name, value)| format!("{name}: {value}")).collect()
}

#[test]
fn a_session_that_is_over_names_nobody() {
    for (asking, expected) in [
        (script("/x"), "sign-in needed, then /x (Data)"),
        (page("/blog"), "forward for nobody"),
        (page("/oauth2/userinfo"), "sign-in needed, then / (Data)"),
    ] {
        let known = known();
        let action = gate().decide(
            &asking.read(),
            Caller { known: &known, bearer: None, signed_out: false, returned: 0 },
            after(12 * 3600),
        );
        assert_eq!(say(&action), expected);
    }
}

#[test]
fn odd_targets_reach_the_application_where_no_rule_is_near() {
    for target in ["/a%2Fb", "//a//b", "/a/../b", "/a;b/c", "/a%00", "/%zz", "/%ff", "/a%252e%252e/b", "/X"] {
        assert_eq!(user(&gate(), page(target)), "forward for user-1", "{target}");
    }
}

#[test]
fn odd_targets_near_a_closing_rule_are_refused() {
    for target in [
        "/x/../internal",
        "/%69nternal/x",
        "/internal%2fx",
        "/INTERNAL",
        "/x/..%2finternal",
        "/internal/%zz",
        "/assets/%zz",
    ] {
        assert_eq!(user(&gate(), page(target)), "ambiguous (Page)", "{target}");
    }
    for target in ["/internal/..", "/internal//x", "/internal/x;y"] {
        let told = user(&gate(), page(target));
        assert!(told == "ambiguous (Page)" || told == "denied by Some(2) (Page)", "{target}: {told}");
    }
}
