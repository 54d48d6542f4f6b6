use super::super::*;
use super::world::*;
use crate::demo::provider::{ExpiresIn, UserId};
use crate::session::claims::Claim;

#[tokio::test]
async fn somebody_signs_in_as_toki_publishes_it() {
    let world = World::toki().await;
    let SignedIn { session, tokens, received } = world.signed_in().await;

    assert_eq!(session.user.as_str(), BAT);
    assert_eq!(session.claims.get("firstName"), Some(Claim::Text("Бат")));
    assert_eq!(session.claims.get("nationalId"), None);
    let now = world.clock.now();
    assert_eq!((session.generation, session.created_at, session.refreshable), (0, now, true));
    assert_eq!(session.expires_at.since(now).as_secs(), 12 * 3600);
    assert_eq!(session.token_expires_at.since(now).as_secs(), 60);
    assert_eq!((tokens.session, tokens.generation), (session.id, 0));
    assert!(tokens.refresh_token.is_some() && tokens.id_token.is_some());
    assert!(received.iter().any(|r| (r.name.as_str(), r.kind, r.len) == ("userinfo:nationalId", "string", 12)));
}

#[tokio::test]
async fn the_provider_is_asked_once_and_as_the_guide_says() {
    let world = World::toki().await;
    world.signed_in().await;
    assert_eq!((world.calls(Op::Token), world.calls(Op::UserInfo)), (1, 1));
    let code = world.op.calls().last(Op::Code).unwrap();
    assert_eq!((code.param("client_id"), code.param("client_secret")), (Some(CLIENT), None));
    assert_eq!(code.header("user-agent"), Some(concat!("tokigate/", env!("CARGO_PKG_VERSION"))));
    for unwanted in ["cookie", "referer", "accept-encoding"] {
        assert_eq!(code.header(unwanted), None);
    }
    assert_eq!(world.op.calls().last(Op::UserInfo).unwrap().target, "/oauth2/userinfo?userId=100001");
    let text = world.metrics.render();
    assert!(text.contains("tokigate_provider_requests_total{endpoint=\"token\",result=\"ok\"} 1\n"));
    assert!(text.contains("tokigate_provider_requests_total{endpoint=\"userinfo\",result=\"ok\"} 1\n"));
}

#[tokio::test]
async fn somebody_signs_in_with_openid_connect() {
    let world = World::openid().await;
    let SignedIn { session, .. } = world.signed_in().await;
    assert_eq!(session.claims.get("name"), Some(Claim::Text("Бат Дорж")));
    assert_ne!(session.user.as_str(), BAT);
    assert_eq!(session.auth_time, Some(world.clock.now()));
    assert_eq!((world.calls(Op::Discovery), world.calls(Op::Jwks)), (1, 1));
    assert_eq!(world.provider.state(), State::Ready);
}

#[tokio::test]
async fn an_answer_may_be_as_odd_as_toki_allows() {
    let world = World::toki().await;
    world.op.reshape(|answers| {
        answers.expires_in = ExpiresIn::Text;
        answers.user_id = UserId::Number;
        answers.token_type = "bearer";
        answers.envelope = false;
        answers.email = false;
        answers.id_token = false;
        answers.access_token_bytes = 6000;
    });
    let SignedIn { session, tokens, .. } = world.signed_in().await;
    assert_eq!(session.user.as_str(), BAT);
    assert_eq!(session.token_expires_at.since(world.clock.now()).as_secs(), 60);
    assert_eq!((session.claims.get("lastName"), session.claims.get("email")), (Some(Claim::Text("Дорж")), None));
    assert_eq!((tokens.access_token.expose().len(), tokens.id_token.as_ref()), (6000, None));
}

#[tokio::test]
async fn a_token_that_does_not_say_how_long_it_lives_lives_an_hour_or_without_refresh_as_long_as_the_session() {
    let world = World::toki().await;
    world.op.reshape(|answers| answers.expires_in = ExpiresIn::Absent);
    let SignedIn { session, .. } = world.signed_in().await;
    assert_eq!(session.token_expires_at.since(world.clock.now()).as_secs(), 3600);

    world.op.reshape(|answers| answers.refresh_token = false);
    let SignedIn { session, .. } = world.signed_in().await;
    assert!(!session.refreshable);
    assert_eq!(session.token_expires_at, session.expires_at);
}

#[tokio::test]
async fn a_secret_goes_into_the_body_with_and_without_pkce() {
    for pkce in [false, true] {
        let client = Client { pkce, ..Client::confidential(CLIENT, BACK, "s3cret") };
        let options = Options { clients: vec![client], ..Options::toki() };
        let world = World::with(options, |settings| {
            settings.pkce = pkce;
            settings.client_auth = ClientAuth::SecretPost;
            settings.client_secret = Some(Secret::new("s3cret".to_owned()));
        })
        .await;
        world.signed_in().await;
        let call = world.op.calls().last(Op::Code).unwrap();
        assert_eq!(call.param("client_secret"), Some("s3cret"));
        assert_eq!(call.param("code_verifier").is_some(), pkce);
        assert_eq!(call.header("authorization"), None);
    }
}

#[tokio::test]
async fn a_secret_may_go_into_the_head() {
    let options = Options { clients: vec![Client::confidential(CLIENT, BACK, "s:3 cret")], ..Options::openid() };
    let world = World::with(options, |settings| {
        settings.pkce = false;
        settings.client_auth = ClientAuth::SecretBasic;
        settings.client_secret = Some(Secret::new("s:3 cret".to_owned()));
    })
    .await;
    world.signed_in().await;
    assert_eq!(world.op.calls().last(Op::Code).unwrap().param("client_secret"), None);
}

#[tokio::test]
async fn an_answer_of_another_issuer_or_of_none_spends_no_code() {
    let world = World::openid().await;
    for iss in [Some("https://evil.example".to_owned()), None] {
        let back = world.back(BAT).await;
        let refused = world.redeem(Back { iss, ..back }).await;
        assert!(matches!(refused, Err(SignInError::Foreign(_))));
    }
    assert_eq!(world.calls(Op::Token), 0);
    assert!(world.provider.check_issuer(Some(&world.op.url())).is_ok());
}

#[tokio::test]
async fn a_code_is_good_once_and_for_its_own_attempt() {
    let world = World::toki().await;
    let back = world.back(BAT).await;
    let (code, attempt) = (back.code.clone(), back.attempt.clone());
    world.redeem(back).await.unwrap();
    let again = world.redeem(Back { code, iss: None, attempt }).await;
    assert!(matches!(again, Err(SignInError::CodeRefused(_))));

    let (hers, mine) = (world.back("100002").await, world.back(BAT).await);
    let injected = world.redeem(Back { code: hers.code, ..mine }).await;
    assert!(matches!(injected, Err(SignInError::CodeRefused(_))));
}

#[tokio::test]
async fn a_browser_that_leaves_does_not_cancel_its_sign_in() {
    let world = World::toki().await;
    let hold = world.op.faults().hold(Op::Code);
    let back = world.back(BAT).await;
    tokio::select! {
        _ = world.redeem(back) => panic!("it is held"),
        () = hold.arrived(1) => {}
    }
    hold.release();
    world.until(|| world.calls(Op::UserInfo) == 1).await;
}

#[tokio::test]
async fn sign_ins_are_limited_before_a_code_is_spent() {
    let world = World::with(Options::toki(), |settings| settings.logins_per_minute = 2).await;
    world.signed_in().await;
    world.signed_in().await;
    let Err(SignInError::TooMany { retry_after }) = world.sign_in().await else { panic!("one too many") };
    assert_eq!(retry_after, Duration::from_secs(30));
    assert_eq!(world.calls(Op::Token), 2);
    world.turn(30);
    world.signed_in().await;
}

#[tokio::test]
async fn a_provider_that_hangs_holds_a_bounded_number_of_calls() {
    let world = World::toki().await;
    let hold = world.op.faults().hold(Op::Token);
    let knocks = (0..CALLS_AT_ONCE + 8).map(|_| {
        let back = Back { code: "any".to_owned(), iss: None, attempt: world.attempt() };
        world.redeem(back)
    });
    let watch = async {
        hold.arrived(CALLS_AT_ONCE).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(world.calls(Op::Token), CALLS_AT_ONCE as u64);
        hold.release();
    };
    let (ends, ()) = tokio::join!(futures_util::future::join_all(knocks), watch);
    assert!(ends.iter().all(|end| matches!(end, Err(SignInError::CodeRefused(_)))));
}

#[tokio::test]
async fn what_makes_attempts_and_sessions_unguessable_is_never_the_same() {
    let world = World::toki().await;
    let (one, other) = (world.attempt(), world.attempt());
    assert_ne!((one.state_id, one.nonce), (other.state_id, other.nonce));
    assert_ne!(one.verifier, other.verifier);
    assert_ne!(world.signed_in().await.session.id, world.signed_in().await.session.id);
}
