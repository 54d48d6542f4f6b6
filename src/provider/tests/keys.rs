//! Keys: fetched when needed, once for all, again when they should be, kept while they must be.

use futures_util::future::join_all;

use super::super::*;
use super::world::*;

#[tokio::test]
async fn keys_changed_just_before_signing_cost_one_fetch_and_no_sign_in() {
    let world = World::openid().await;
    world.signed_in().await;
    world.op.rotate_keys();
    world.signed_in().await;
    assert_eq!(world.calls(Op::Jwks), 2);
}

#[tokio::test]
async fn signatures_that_no_key_made_cost_one_fetch_in_half_a_minute() {
    let world = World::openid().await;
    world.signed_in().await;
    for _ in 0..5 {
        let forged = world.sign_in_with(Op::Code, Fault::BadSignature).await;
        assert!(matches!(forged, Err(SignInError::IdToken(_))));
    }
    assert_eq!(world.calls(Op::Jwks), 2);
    world.turn(30);
    let forged = world.sign_in_with(Op::Code, Fault::BadSignature).await;
    assert!(matches!(forged, Err(SignInError::IdToken(_))));
    assert_eq!(world.calls(Op::Jwks), 3);
}

/// Anybody may send one.
#[tokio::test]
async fn forged_logout_tokens_cost_one_fetch_in_half_a_minute_and_keep_no_sign_in_from_a_new_key() {
    let world = World::openid().await;
    world.signed_in().await;
    for _ in 0..5 {
        let forged = Secret::new("eyJhbGciOiJSUzI1NiIsImtpZCI6IngifQ.e30.AA".to_owned());
        assert!(matches!(world.provider.verify_logout_token(forged).await, Err(LogoutError::Refused(_))));
    }
    assert_eq!(world.calls(Op::Jwks), 3);
    world.op.rotate_keys();
    world.signed_in().await;
    assert_eq!(world.calls(Op::Jwks), 4);
}

#[tokio::test]
async fn who_needs_keys_at_the_same_time_waits_for_the_same_ones() {
    let world = World::openid().await;
    let hold = world.op.faults().hold(Op::Jwks);
    let sign_ins = join_all((0..10).map(|_| world.sign_in()));
    let letting_go = async {
        world.until(|| world.op.calls().of(Op::Code).iter().filter(|call| call.status.is_some()).count() == 10).await;
        hold.release();
    };
    let (ends, ()) = tokio::join!(sign_ins, letting_go);
    assert!(ends.iter().all(Result::is_ok));
    assert_eq!((world.calls(Op::Jwks), world.calls(Op::Discovery)), (1, 1));
}

#[tokio::test]
async fn keys_that_are_old_are_fetched_anew_and_stay_where_they_cannot_be() {
    let world = World::openid().await;
    world.signed_in().await;
    world.turn(15 * 60);
    world.op.faults().set(Op::Jwks, Fault::html(500));
    world.signed_in().await;
    assert_eq!(world.calls(Op::Jwks), 2);
    assert_eq!(world.provider.state(), State::Degraded("jwks: it answered 500".to_owned()));
    world.signed_in().await;
    assert_eq!(world.calls(Op::Jwks), 2, "not at every sign-in");

    world.op.faults().clear();
    world.turn(5);
    world.signed_in().await;
    assert_eq!(world.calls(Op::Jwks), 3);
    assert_eq!(world.provider.state(), State::Ready);
}

#[tokio::test]
async fn a_key_that_the_provider_drops_is_dropped() {
    let world = World::openid().await;
    world.signed_in().await;
    // The stand-in goes on signing with its key; its set says otherwise.
    let other =
        r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"new","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    world.op.faults().set(Op::Jwks, Fault::status(200, other));
    world.signed_in().await;
    world.turn(15 * 60);
    assert!(matches!(world.sign_in().await, Err(SignInError::IdToken(_))));
}

#[tokio::test]
async fn without_keys_nobody_signs_in_and_as_soon_as_there_are_some_people_do() {
    let world = World::openid().await;
    for fault in [Fault::HangUp, Fault::html(200), Fault::Huge(5_000_000), Fault::status(404, "")] {
        let name = format!("{fault:?}");
        let end = world.sign_in_with(Op::Jwks, fault).await;
        assert!(matches!(end, Err(SignInError::Unreachable(_))), "{name}");
        world.turn(5);
    }
    world.signed_in().await;
}
