//! Pushed authorization requests: what the provider gets, and what the browser carries.

use super::super::*;
use super::world::*;
use crate::demo::provider::Pushing;

fn demands() -> Options {
    Options { pushing: Pushing::Required, ..Options::openid() }
}

fn names(url: &Url) -> Vec<String> {
    url.query_pairs().map(|(name, _)| name.into_owned()).collect()
}

async fn start(world: &World) -> Result<Url, SignInError> {
    let attempt = world.attempt();
    let request = AuthorizeRequest {
        redirect_uri: BACK,
        state: "s-t.a_te",
        attempt: &attempt,
        prompt_login: false,
        start_query: Some("login_hint=99112233&scope=admin"),
    };
    world.provider.authorize(request).await
}

#[tokio::test]
async fn a_provider_that_demands_it_gets_the_request_and_the_browser_only_its_name() {
    let world = World::with(demands(), |settings| settings.start_params = vec!["login_hint".to_owned()]).await;
    let url = start(&world).await.unwrap();
    assert_eq!(names(&url), ["client_id", "request_uri"]);
    let pushed = world.op.calls().last(Op::Par).unwrap();
    for (name, value) in [("state", "s-t.a_te"), ("login_hint", "99112233"), ("scope", "openid offline_access")] {
        assert_eq!(pushed.param(name), Some(value));
    }
    for name in ["nonce", "code_challenge", "redirect_uri", "response_type", "client_id"] {
        assert!(pushed.param(name).is_some(), "{name}");
        assert_eq!(pushed.params.0.iter().filter(|(known, _)| known == name).count(), 1, "{name}");
    }
    world.signed_in().await;
}

#[tokio::test]
async fn it_is_pushed_where_somebody_wants_it_and_only_there() {
    for (options, par, pushes) in [
        (Options::openid(), Par::Auto, false),
        (Options::openid(), Par::Required, true),
        (demands(), Par::Auto, true),
        (demands(), Par::Off, false),
    ] {
        let world = World::with(options, |settings| settings.par = par).await;
        let url = start(&world).await.unwrap();
        assert_eq!(names(&url).contains(&"request_uri".to_owned()), pushes, "{par:?}");
        assert_eq!(world.calls(Op::Par), u64::from(pushes));
    }
    let offers = Options { pushing: Pushing::Offered, ..Options::toki() };
    let world = World::begun(
        offers,
        |settings| {
            let token = settings.addresses.token_endpoint.clone().unwrap();
            settings.addresses.pushed_authorization_request_endpoint = token.join("par").ok();
        },
        |_| (),
    )
    .await;
    world.signed_in().await;
    assert_eq!(world.calls(Op::Par), 1, "an address that is written is wanted");
}

#[tokio::test]
async fn a_provider_without_the_address_cannot_be_asked_to() {
    let options = Options { pushing: Pushing::Off, ..Options::openid() };
    let world = World::with(options, |settings| settings.par = Par::Required).await;
    assert!(matches!(start(&world).await, Err(SignInError::Broken(_))));
}

#[tokio::test]
async fn every_way_to_say_who_calls_is_said_here_too() {
    let secret = Client { pkce: true, ..Client::confidential(CLIENT, BACK, "s:3 cret") };
    for auth in [ClientAuth::SecretPost, ClientAuth::SecretBasic] {
        let options = Options { clients: vec![secret.clone()], ..demands() };
        let world = World::with(options, |settings| {
            settings.client_auth = auth;
            settings.client_secret = Some(Secret::new("s:3 cret".to_owned()));
        })
        .await;
        world.signed_in().await;
    }
    let options = Options { pushing: Pushing::Required, ..super::client::knows("p256") };
    let world = World::with(options, |settings| super::client::signs_with(settings, "p256")).await;
    world.signed_in().await;
}

#[tokio::test]
async fn an_answer_that_is_none_sends_nobody_on() {
    let world = World::with(demands(), |_| ()).await;
    for fault in [
        Fault::status(200, "{}"),
        Fault::status(201, r#"{"request_uri":"","expires_in":60}"#),
        Fault::status(201, r#"{"request_uri":"urn:x","expires_in":0}"#),
        Fault::status(500, ""),
        Fault::status(404, "<html>"),
        Fault::html(200),
        Fault::Huge(5_000_000),
    ] {
        let name = format!("{fault:?}");
        world.op.faults().next(Op::Par, 1, fault);
        assert!(matches!(start(&world).await, Err(SignInError::Broken(_))), "{name}");
    }
    world.op.faults().next(Op::Par, 1, Fault::status(400, r#"{"error":"invalid_request"}"#));
    assert!(matches!(start(&world).await, Err(SignInError::ClientRefused(_))));
    world.op.faults().down(true);
    assert!(matches!(start(&world).await, Err(SignInError::Unreachable(_))));
}

#[tokio::test]
async fn strangers_who_begin_cost_the_provider_no_more_calls_than_are_allowed_and_keep_nobody_from_finishing() {
    let world = World::with(demands(), |settings| settings.logins_per_minute = 3).await;
    let back = world.back(BAT).await;
    for _ in 0..2 {
        start(&world).await.unwrap();
    }
    let Err(SignInError::TooMany { retry_after }) = start(&world).await else { panic!("one too many") };
    assert_eq!(retry_after, Duration::from_secs(20));
    assert_eq!(world.calls(Op::Par), 3);
    world.redeem(back).await.unwrap();
    world.turn(20);
    start(&world).await.unwrap();
}
