//! Discovery: waited for, checked, refreshed, and overruled by what is written by hand.

use super::super::*;
use super::world::*;
use crate::session::Lifetimes;

async fn not_ready(world: &World) -> bool {
    let attempt = world.attempt();
    let request =
        AuthorizeRequest { redirect_uri: BACK, state: "s", attempt: &attempt, prompt_login: false, start_query: None };
    matches!(world.provider.authorize(request).await, Err(SignInError::NotReady(_)))
}

#[tokio::test]
async fn a_provider_that_is_down_is_waited_for_and_its_coming_noticed() {
    let world = World::begun(Options::openid(), |_| (), |op| op.faults().down(true)).await;
    world.until(|| world.provider.state() != State::Degraded("discovery has begun".to_owned())).await;
    assert!(not_ready(&world).await);
    let State::Degraded(why) = world.provider.state() else { panic!("it is down") };
    assert!(why.starts_with("discovery: the connection broke"), "{why}");
    assert!(matches!(world.provider.check_issuer(None), Err(SignInError::NotReady(_))));

    world.op.faults().down(false);
    world.until_ready().await;
    world.signed_in().await;
}

#[tokio::test]
async fn whoever_comes_before_its_first_answer_waits_for_it_but_not_for_long() {
    let mut held = None;
    let world = World::begun(Options::openid(), |_| (), |op| held = Some(op.faults().hold(Op::Discovery))).await;
    assert!(not_ready(&world).await, "it does not answer");
    let (away, ()) = tokio::join!(not_ready(&world), async { held.expect("it was begun").release() });
    assert!(!away, "it does");
}

#[tokio::test]
async fn a_document_that_fails_its_checks_is_not_taken() {
    let other = r#"{"issuer":"https://evil.example"}"#;
    for fault in [Fault::status(200, other), Fault::html(200), Fault::status(404, ""), Fault::Huge(5_000_000)] {
        let name = format!("{fault:?}");
        let world = World::begun(Options::openid(), |_| (), |op| op.faults().set(Op::Discovery, fault)).await;
        world.until(|| world.provider.state() != State::Degraded("discovery has begun".to_owned())).await;
        assert!(not_ready(&world).await, "{name}");
    }
}

#[tokio::test]
async fn the_document_is_asked_for_again_and_a_bad_one_changes_nothing() {
    let world = World::openid().await;
    world.op.faults().set(Op::Discovery, Fault::status(200, r#"{"issuer":"https://evil.example"}"#));
    world.turn(3600);
    world.until(|| world.provider.state() != State::Ready).await;
    assert!(!not_ready(&world).await);
    world.signed_in().await;

    world.op.faults().clear();
    world.until_ready().await;
}

#[tokio::test]
async fn what_is_written_by_hand_wins_over_what_is_discovered() {
    let world = World::with(Options::openid(), |settings| {
        let at = |path: &str| Url::parse(&format!("{}{path}", settings.addresses.issuer.as_deref().unwrap())).unwrap();
        settings.addresses.authorization_endpoint = Some(at("/oauth2/authorize?tenant=1"));
        settings.addresses.userinfo_endpoint = Some(at("/oauth2/userinfo?by=hand").into());
    })
    .await;
    assert_eq!(world.address(&world.attempt()).await.query_pairs().next().unwrap(), ("tenant".into(), "1".into()));
    world.signed_in().await;
    assert_eq!(world.op.calls().last(Op::UserInfo).unwrap().target, "/oauth2/userinfo?by=hand");
}

#[tokio::test]
async fn without_discovery_the_addresses_must_be_there() {
    let missing = |adjust: fn(&mut Settings)| {
        let mut settings = Settings { lifetimes: Lifetimes::default(), ..World::settings("http://127.0.0.1:1") };
        adjust(&mut settings);
        let clock = Clock::manual(crate::clock::Timestamp::from_unix_seconds(1));
        Provider::start(settings, clock, Memory::new(1), Metrics::new()).err().map(|error| error.to_string())
    };
    let token = missing(|settings| settings.addresses.token_endpoint = None).unwrap();
    assert_eq!(token, "provider.token_endpoint is missing: this preset does not know it");
    assert!(missing(|settings| settings.preset = Preset::Oidc).unwrap().starts_with("provider.issuer"));
    assert_eq!(missing(|_| ()), None);
}

#[tokio::test]
async fn a_request_for_authorization_says_what_the_settings_say() {
    let world = World::with(Options::toki(), |settings| {
        settings.authorize_params = vec![("ui_locales".to_owned(), "mn".to_owned())];
        settings.start_params = vec!["login_hint".to_owned()];
    })
    .await;
    let attempt = world.attempt();
    let request = AuthorizeRequest {
        redirect_uri: BACK,
        state: "sealed",
        attempt: &attempt,
        prompt_login: true,
        start_query: Some("login_hint=99112233&scope=admin"),
    };
    let url = world.provider.authorize(request).await.unwrap();
    let pairs: Vec<String> = url.query_pairs().map(|(name, value)| format!("{name}={value}")).collect();
    for said in ["scope=openid offline_access", "state=sealed", "prompt=login", "login_hint=99112233", "ui_locales=mn"]
    {
        assert!(pairs.iter().any(|pair| pair == said), "{said} in {url}");
    }
    assert!(pairs.contains(&format!("nonce={}", attempt.nonce)));
    assert!(!url.as_str().contains(attempt.verifier.expose().as_str()));
}
