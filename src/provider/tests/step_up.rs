//! Sign-ins of which more is asked than that they happen.

use super::super::*;
use super::world::*;
use crate::oidc::StepUp;

const MAX_AGE: Duration = Duration::from_secs(900);

fn recent() -> StepUp {
    StepUp { max_age: Some(MAX_AGE), ..StepUp::default() }
}

/// `age`: how long ago the user had signed in at the provider when the attempt began.
async fn sign_in(world: &World, step_up: StepUp, age: u64) -> Result<SignedIn, SignInError> {
    let mut back = world.back(BAT).await;
    world.turn(age);
    back.attempt.started_at = world.clock.now();
    back.attempt.step_up = step_up;
    world.turn(20);
    world.redeem(back).await
}

fn patient(options: Options) -> Options {
    Options { code_lifetime: Duration::from_secs(24 * 3600), ..options }
}

fn is_too_weak(result: Result<SignedIn, SignInError>, why: Unmet) -> bool {
    matches!(result, Err(SignInError::TooWeak(unmet)) if unmet == why)
}

#[tokio::test]
async fn the_provider_says_when_and_whoever_was_asked_lately_is_in() {
    let world = World::with(patient(Options::openid()), |_| ()).await;
    let signed_in = sign_in(&world, recent(), 800).await.unwrap();
    assert_eq!(world.clock.now().since(signed_in.session.auth_time.unwrap()).as_secs(), 820);
}

#[tokio::test]
async fn a_provider_that_did_not_ask_again_lets_nobody_in() {
    let world = World::with(patient(Options::openid()), |_| ()).await;
    assert!(is_too_weak(sign_in(&world, recent(), 900 + 61).await, Unmet::Age));
    assert!(sign_in(&world, StepUp::default(), 3500).await.is_ok(), "where it was not asked to, it need not");
}

#[tokio::test]
async fn clocks_that_differ_by_a_minute_start_no_circle() {
    let world = World::with(patient(Options::openid()), |_| ()).await;
    let signed_in = sign_in(&world, StepUp { max_age: Some(Duration::from_secs(30)), ..StepUp::default() }, 59).await;
    assert_eq!(world.clock.now().since(signed_in.unwrap().session.auth_time.unwrap()).as_secs(), 20);
}

/// A person who is long at the provider, and a clock that is behind: what was good enough is, for long enough to arrive with it.
#[tokio::test]
async fn what_was_good_enough_is_so_when_the_page_is_reached() {
    let world = World::with(patient(Options::openid()), |_| ()).await;
    let session = sign_in(&world, recent(), 900 + 59).await.unwrap().session;
    let arrived = world.clock.now() + Duration::from_secs(5);
    assert_eq!(recent().check(session.auth_time, None, arrived), Ok(()));
    assert_eq!(recent().check(session.auth_time, None, arrived + Duration::from_secs(10)), Err(Unmet::Age));
}

#[tokio::test]
async fn an_openid_provider_that_does_not_say_when_has_not_said_lately() {
    let world = World::with(patient(Options::openid()), |_| ()).await;
    world.op.reshape(|answers| answers.auth_time = false);
    assert!(is_too_weak(sign_in(&world, recent(), 0).await, Unmet::Age));
    assert_eq!(sign_in(&world, StepUp::default(), 0).await.unwrap().session.auth_time, None);
}

#[tokio::test]
async fn of_toki_which_says_nothing_the_sign_in_counts_that_was_asked_to_be_a_fresh_one() {
    let world = World::with(patient(Options::toki()), |_| ()).await;
    world.op.reshape(|answers| answers.id_token = false);
    let signed_in = sign_in(&world, recent(), 0).await.unwrap();
    assert_eq!(signed_in.session.auth_time, Some(world.clock.now()));
    let may_be_silent = sign_in(&world, StepUp::default(), 0).await.unwrap();
    assert_eq!(may_be_silent.session.auth_time, None);
    let by_other_means = StepUp { acr_values: vec!["phr".to_owned()], ..StepUp::default() };
    assert!(is_too_weak(sign_in(&world, by_other_means, 0).await, Unmet::Acr));
}

#[tokio::test]
async fn a_sign_in_by_other_means_than_those_asked_for_is_none() {
    let world = World::with(patient(Options::openid()), |_| ()).await;
    let phr = StepUp { acr_values: vec!["phrh".to_owned(), "phr".to_owned()], ..StepUp::default() };
    assert!(is_too_weak(sign_in(&world, phr.clone(), 0).await, Unmet::Acr));
    world.op.reshape(|answers| answers.acr = &["pwd", "phr"]);
    assert!(is_too_weak(sign_in(&world, phr.clone(), 0).await, Unmet::Acr), "it was not asked for this one");
    world.op.reshape(|answers| answers.acr = &["phr"]);
    let session = sign_in(&world, phr, 0).await.unwrap().session;
    assert!(session.encode().windows(3).any(|bytes| bytes == b"phr"));
}

#[tokio::test]
async fn the_provider_is_asked_for_what_the_attempt_needs() {
    let world = World::openid().await;
    world.op.reshape(|answers| answers.acr = &["pwd", "phr"]);
    let mut attempt = world.attempt();
    attempt.step_up = StepUp { acr_values: vec!["phr".to_owned()], ..recent() };
    let back = world.back_with(attempt, BAT).await;
    let session = world.redeem(back).await.unwrap().session;
    assert_eq!(session.auth_time, Some(world.clock.now()));
}
