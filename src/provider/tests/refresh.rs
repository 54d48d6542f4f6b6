//! One refresh for one refresh token, whoever wants it, whoever leaves; and what its answer may change.

use futures_util::future::join_all;

use super::super::*;
use super::world::*;
use crate::demo::provider::{Answers, ExpiresIn, Facts};
use crate::oidc::Secret;
use crate::session::claims::Claim;
use crate::store::memory::Standing;

fn refresh_token(tokens: &Tokens) -> &str {
    tokens.refresh_token.as_ref().unwrap().expose()
}

fn groups(session: &Session) -> Vec<String> {
    match session.claims.get("groups") {
        Some(Claim::List(list)) => list.map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn a_refresh_brings_new_tokens_and_the_next_generation() {
    let world = World::toki().await;
    let SignedIn { session, tokens, .. } = world.signed_in().await;
    world.turn(60);
    let renewed = world.renewed(&session, &tokens).await;
    let (after, new) = (&renewed.session, &renewed.tokens);
    assert_eq!((after.id, after.generation, new.session, new.generation), (session.id, 1, session.id, 1));
    assert_eq!((after.created_at, after.expires_at), (session.created_at, session.expires_at));
    assert_eq!(after.token_issued_at, world.clock.now());
    assert_eq!(after.token_expires_at.since(world.clock.now()).as_secs(), 60);
    assert_eq!((&after.user, &after.claims), (&session.user, &session.claims));
    assert_ne!(new.access_token, tokens.access_token);
    assert_ne!(refresh_token(new), refresh_token(&tokens));
    assert_eq!(new.remembered, tokens.remembered);
    assert_eq!(world.memory.kept(session.id), Some(renewed.clone()));
    assert!(world.metrics.render().contains("tokigate_refreshes_total{result=\"renewed\"} 1\n"));
}

#[tokio::test]
async fn a_hundred_who_want_it_get_one_refresh_ten_times_over() {
    let world = World::toki().await;
    let SignedIn { mut session, mut tokens, .. } = world.signed_in().await;
    for round in 1..=10 {
        world.turn(60);
        let (before, old) = (session.clone(), tokens.clone());
        let all = join_all((0..100).map(|_| world.refresh(&before, &old))).await;
        for refreshed in all {
            let Refreshed::Renewed(renewed) = refreshed else { panic!("{refreshed:?}") };
            assert_eq!(renewed.session.generation, round);
            (session, tokens) = (renewed.session.clone(), renewed.tokens.clone());
        }
        // Minutes later, still with the old cookie.
        world.turn(120);
        assert_eq!(world.renewed(&before, &old).await.tokens, tokens);
        assert_eq!(world.calls(Op::Refresh), u64::from(round));
    }
    assert_eq!(world.op.calls().facts(), Facts::default());
    assert!(world.provider.shared.refreshes.is_idle());
}

#[tokio::test]
async fn who_leaves_cancels_nothing_and_the_result_waits_for_whoever_comes() {
    let world = World::toki().await;
    let SignedIn { session, tokens, .. } = world.signed_in().await;
    let hold = world.op.faults().hold(Op::Refresh);
    // Dropped before it is polled once, and in the middle.
    drop(world.provider.start_refresh(session.clone(), tokens.clone(), Asker::default()));
    tokio::select! {
        _ = world.refresh(&session, &tokens) => panic!("it is held"),
        () = hold.arrived(1) => {}
    }
    hold.release();
    world.until(|| world.memory.kept(session.id).is_some()).await;
    assert_eq!(world.renewed(&session, &tokens).await.session.generation, 1);
    assert_eq!(world.calls(Op::Refresh), 1);
}

#[tokio::test]
async fn a_refresh_token_whose_answer_has_arrived_is_never_sent_again() {
    let world = World::toki().await;
    let SignedIn { session, tokens, .. } = world.signed_in().await;
    let first = world.renewed(&session, &tokens).await;
    // A browser may have stored the new identity beside the old tokens: each cookie is stored by itself.
    let second = world.renewed(&first.session, &tokens).await;
    assert_eq!(second.session.generation, 2);
    assert_eq!(world.op.calls().last(Op::Refresh).unwrap().param("refresh_token"), Some(refresh_token(&first.tokens)));
    // Or the old identity beside the newest tokens, in a process that remembers nothing.
    world.memory.seen(session.id, 2, world.clock.now());
    world.turn(60);
    world.memory.tidy(world.clock.now());
    assert_eq!(world.renewed(&session, &second.tokens).await.session.generation, 3);
    assert_eq!(world.op.calls().facts(), Facts::default());
}

#[tokio::test]
async fn a_session_that_has_ended_stays_ended() {
    let world = World::toki().await;
    let SignedIn { session, tokens, .. } = world.signed_in().await;
    let hold = world.op.faults().hold(Op::Refresh);
    let under_way = world.provider.start_refresh(session.clone(), tokens.clone(), Asker::default());
    hold.arrived(1).await;
    world.memory.end_and_clear(session.id, session.expires_at);
    hold.release();
    assert!(matches!(under_way.await, Refreshed::Ended));
    assert_eq!(world.memory.kept(session.id), None);
    assert!(matches!(world.refresh(&session, &tokens).await, Refreshed::Ended));
    assert_eq!(world.calls(Op::Refresh), 1);
}

#[tokio::test]
async fn a_grant_that_is_not_accepted_ends_the_session() {
    let world = World::toki().await;
    let SignedIn { session, tokens, .. } = world.signed_in().await;
    world.op.revoke_user(BAT);
    assert!(matches!(world.refresh(&session, &tokens).await, Refreshed::Ended));
    assert!(matches!(world.memory.meet(&session), Standing::Over(over) if !over.is_cleared()));
    assert!(matches!(world.refresh(&session, &tokens).await, Refreshed::Ended));
    assert_eq!(world.calls(Op::Refresh), 1);
    assert!(world.metrics.render().contains("tokigate_refreshes_total{result=\"ended\"} 1\n"));
}

#[tokio::test]
async fn a_grant_that_is_not_accepted_ends_nothing_where_a_newer_one_is_known() {
    let world = World::toki().await;
    let SignedIn { session, tokens, .. } = world.signed_in().await;
    let hold = world.op.faults().hold(Op::Refresh);
    world.op.revoke_user(BAT);
    let under_way = world.provider.start_refresh(session.clone(), tokens.clone(), Asker::default());
    hold.arrived(1).await;
    let newer = Renewed { session: Session { generation: 1, ..session.clone() }, tokens: tokens.clone() };
    world.memory.keep(Arc::new(newer), world.clock.now()).unwrap();
    hold.release();
    assert!(matches!(under_way.await, Refreshed::Renewed(newer) if newer.session.generation == 1));
    assert!(!world.memory.is_ended(session.id));
}

#[tokio::test]
async fn an_answer_about_another_user_ends_the_session() {
    for (openid, endpoint) in [(false, Op::Refresh), (false, Op::UserInfo), (true, Op::Refresh), (true, Op::UserInfo)] {
        let world = if openid { World::openid().await } else { World::toki().await };
        let SignedIn { session, tokens, .. } = world.signed_in().await;
        world.op.calls().clear();
        world.op.faults().next(endpoint, 1, Fault::AnotherUser);
        assert!(matches!(world.refresh(&session, &tokens).await, Refreshed::Ended), "{endpoint:?}");
        let asked = u64::from(endpoint == Op::UserInfo);
        assert_eq!(world.calls(Op::UserInfo), asked, "another's access token is not used");
        assert!(world.memory.is_ended(session.id));
    }
}

#[tokio::test]
async fn another_user_is_noticed_by_whichever_identifier_there_is() {
    // TOKI's `userId` stays out of refreshes and user info, so only the ID token's `sub` tells.
    let world = World::with(Options::toki(), |settings| settings.userinfo = UserinfoMode::Off).await;
    world.op.reshape(|answers| answers.user_id_on_refresh = false);
    let SignedIn { session, tokens, .. } = world.signed_in().await;
    let first = world.renewed(&session, &tokens).await;
    world.op.faults().next(Op::Refresh, 1, Fault::AnotherUser);
    assert!(matches!(world.refresh(&first.session, &first.tokens).await, Refreshed::Ended));
}

#[tokio::test]
async fn a_refreshed_id_token_that_is_false_ends_the_session() {
    for fault in [Fault::WrongNonce, Fault::WrongAudience, Fault::WrongIssuer, Fault::BadSignature, Fault::Unsigned] {
        let world = World::openid().await;
        let SignedIn { session, tokens, .. } = world.signed_in().await;
        let name = format!("{fault:?}");
        world.op.faults().next(Op::Refresh, 1, fault);
        assert!(matches!(world.refresh(&session, &tokens).await, Refreshed::Ended), "{name}");
    }
}

#[tokio::test]
async fn a_refreshed_id_token_that_is_old_is_passed_over() {
    let world = World::openid().await;
    let SignedIn { session, tokens, .. } = world.signed_in().await;
    world.op.faults().next(Op::Refresh, 1, Fault::ExpiredIdToken);
    let renewed = world.renewed(&session, &tokens).await;
    assert_eq!(renewed.tokens.id_token, tokens.id_token);
    assert_ne!(renewed.tokens.access_token, tokens.access_token);
}

#[tokio::test]
async fn keys_that_cannot_be_had_at_a_refresh_lose_no_session() {
    let world = World::openid().await;
    let SignedIn { session, tokens, .. } = world.signed_in().await;
    world.op.rotate_keys();
    world.op.faults().set(Op::Jwks, Fault::HangUp);
    let renewed = world.renewed(&session, &tokens).await;
    assert_eq!(renewed.tokens.id_token, tokens.id_token, "the new one is not vouched for");

    // They can be had again, and the new one is not among them yet.
    world.op.faults().clear();
    let others =
        r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"x","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    world.op.faults().set(Op::Jwks, Fault::status(200, others));
    world.turn(60);
    let renewed = world.renewed(&renewed.session, &renewed.tokens).await;
    assert_eq!((renewed.session.generation, &renewed.tokens.id_token), (2, &tokens.id_token));

    world.op.faults().next(Op::Refresh, 1, Fault::AnotherUser);
    assert!(matches!(world.refresh(&renewed.session, &renewed.tokens).await, Refreshed::Ended));
}

#[tokio::test]
async fn what_an_answer_leaves_out_stays_as_it_was() {
    let world = World::with(Options { rotate: false, ..Options::toki() }, |_| ()).await;
    let SignedIn { session, tokens, .. } = world.signed_in().await;
    world.op.reshape(|answers| {
        *answers = Answers {
            expires_in: ExpiresIn::Absent,
            user_id_on_refresh: false,
            id_token_on_refresh: false,
            ..Answers::default()
        }
    });
    let renewed = world.renewed(&session, &tokens).await;
    assert_eq!(refresh_token(&renewed.tokens), refresh_token(&tokens));
    assert_eq!((&renewed.tokens.id_token, &renewed.tokens.remembered), (&tokens.id_token, &tokens.remembered));
    assert_eq!(renewed.session.token_expires_at.since(world.clock.now()).as_secs(), 3600);
    assert_eq!(renewed.session.claims, session.claims, "the token answer's userId among them");
    assert_eq!(world.op.calls().last(Op::UserInfo).unwrap().target, "/oauth2/userinfo?userId=100001");
    assert_eq!(world.renewed(&renewed.session, &renewed.tokens).await.session.claims, session.claims);
}

#[tokio::test]
async fn claims_follow_user_info_and_stay_where_it_fails() {
    let world = World::toki().await;
    let SignedIn { session, tokens, .. } = world.signed_in().await;
    assert_eq!(groups(&session), ["admin", "staff"]);
    world.op.change_user(BAT, |claims| drop(claims.insert("groups".into(), serde_json::json!(["staff"]))));
    let first = world.renewed(&session, &tokens).await;
    assert_eq!(groups(&first.session), ["staff"]);

    world.op.change_user(BAT, |claims| drop(claims.remove("groups")));
    for fault in [Fault::HangUp, Fault::html(200), Fault::status(401, "{}")] {
        world.op.faults().next(Op::UserInfo, 1, fault);
        world.turn(60);
        let kept = world.memory.kept(session.id).unwrap();
        assert_eq!(groups(&world.renewed(&kept.session, &kept.tokens).await.session), ["staff"]);
    }
    let kept = world.memory.kept(session.id).unwrap();
    assert!(groups(&world.renewed(&kept.session, &kept.tokens).await.session).is_empty());
}

#[tokio::test]
async fn tokens_of_another_session_or_none_are_not_spent() {
    let world = World::toki().await;
    let (mine, other) = (world.signed_in().await, world.signed_in().await);
    assert!(matches!(world.refresh(&mine.session, &other.tokens).await, Refreshed::Unreachable { .. }));
    let none = Arc::new(Tokens { refresh_token: None, ..(*mine.tokens).clone() });
    assert!(matches!(world.refresh(&mine.session, &none).await, Refreshed::Unreachable { .. }));
    assert_eq!(world.calls(Op::Refresh), 0);
}

#[tokio::test]
async fn a_client_with_a_secret_refreshes_with_it() {
    let options = Options { clients: vec![Client::confidential(CLIENT, BACK, "s3cret")], ..Options::toki() };
    let world = World::with(options, |settings| {
        settings.pkce = false;
        settings.client_auth = ClientAuth::SecretPost;
        settings.client_secret = Some(Secret::new("s3cret".to_owned()));
    })
    .await;
    let SignedIn { session, tokens, .. } = world.signed_in().await;
    world.renewed(&session, &tokens).await;
    assert_eq!(world.op.calls().last(Op::Refresh).unwrap().param("client_secret"), Some("s3cret"));
}
