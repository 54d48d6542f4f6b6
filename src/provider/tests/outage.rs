//! A provider that is down, slow or broken: nobody loses a session over it, and nobody hammers it.

use futures_util::future::join_all;

use super::super::*;
use super::world::*;
use crate::session::SessionId;

/// Many sessions that began together, as one sign-in would leave them; their refresh tokens are never accepted.
fn many(like: &SignedIn, number: u16) -> Vec<(Session, Arc<Tokens>)> {
    let of = |at: u16| {
        let mut id = [9; 16];
        id[..2].copy_from_slice(&at.to_le_bytes());
        let id = SessionId::from_bytes(id);
        (Session { id, ..like.session.clone() }, Arc::new(Tokens { session: id, ..(*like.tokens).clone() }))
    };
    (0..number).map(of).collect()
}

fn retry_after(refreshed: Refreshed) -> Duration {
    match refreshed {
        Refreshed::Unreachable { retry_after } => retry_after,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn no_fault_but_a_refused_grant_ends_a_session() {
    for fault in [
        Fault::status(401, r#"{"error":"invalid_client"}"#),
        Fault::status(400, r#"{"error":"unauthorized_client"}"#),
        Fault::status(400, r#"{"error":"invalid_request"}"#),
        Fault::status(429, ""),
        Fault::status(403, "forbidden by the firewall"),
        Fault::status(500, r#"{"error":"invalid_grant"}"#),
        Fault::html(200),
        Fault::html(503),
        Fault::Huge(5_000_000),
        Fault::Hang,
        Fault::HangUp,
    ] {
        let world = if matches!(fault, Fault::Hang) { World::impatient().await } else { World::toki().await };
        let SignedIn { session, tokens, .. } = world.signed_in().await;
        let name = format!("{fault:?}");
        world.op.faults().set(Op::Refresh, fault);
        let wait = retry_after(world.refresh(&session, &tokens).await);
        assert!(!wait.is_zero() && wait <= Duration::from_secs(4), "{name}: {wait:?}");
        assert!(!world.memory.is_ended(session.id), "{name}");

        world.op.faults().clear();
        world.turn(4);
        assert_eq!(world.renewed(&session, &tokens).await.session.generation, 1, "{name}");
        assert!(world.metrics.render().contains("tokigate_refreshes_total{result=\"failed\"} 1\n"));
    }
}

#[tokio::test]
async fn within_the_spacing_nobody_calls_and_everybody_is_told_at_once() {
    let world = World::toki().await;
    let SignedIn { session, tokens, .. } = world.signed_in().await;
    world.op.faults().set(Op::Refresh, Fault::html(502));
    let first = retry_after(world.refresh(&session, &tokens).await);
    for told in join_all((0..100).map(|_| world.refresh(&session, &tokens))).await {
        assert_eq!(retry_after(told), first);
    }
    assert_eq!(world.calls(Op::Refresh), 1);
    world.clock.turn(first);
    assert!(retry_after(world.refresh(&session, &tokens).await) > first, "longer each time");
    assert_eq!(world.calls(Op::Refresh), 2);
}

#[tokio::test]
async fn one_whose_answer_was_lost_is_tried_again_and_ends_where_the_token_had_rotated() {
    let world = World::toki().await;
    let SignedIn { session, tokens, .. } = world.signed_in().await;
    world.op.faults().next(Op::Refresh, 1, Fault::LoseAnswer);
    let wait = retry_after(world.refresh(&session, &tokens).await);
    world.clock.turn(wait);
    assert!(matches!(world.refresh(&session, &tokens).await, Refreshed::Ended));
    assert!(matches!(world.refresh(&session, &tokens).await, Refreshed::Ended));
    assert_eq!(world.calls(Op::Refresh), 2, "no loop");
}

#[tokio::test]
async fn a_thousand_sessions_do_not_hammer_a_provider_that_is_down_and_its_return_is_noticed() {
    let world = World::toki().await;
    let like = world.signed_in().await;
    world.op.faults().set(Op::Refresh, Fault::html(503));
    let sessions = many(&like, 1000);
    let mut longest = Duration::ZERO;
    for _ in 0..120 {
        let all = sessions
            .iter()
            .map(|(session, tokens)| world.provider.start_refresh(session.clone(), tokens.clone(), Asker::default()));
        for told in join_all(all).await {
            longest = longest.max(retry_after(told));
        }
        world.turn(5);
    }
    let calls = world.calls(Op::Refresh);
    assert!(calls <= CALLS_AT_ONCE as u64 + 100, "{calls} calls in ten minutes");
    assert!(longest <= Duration::from_secs(20), "{longest:?}");
    assert!(world.provider.shared.refreshes.is_idle());

    world.op.faults().clear();
    world.turn(20);
    assert_eq!(world.renewed(&like.session, &like.tokens).await.session.generation, 1);
    let told = world.refresh(&sessions[0].0, &sessions[0].1).await;
    assert!(matches!(told, Refreshed::Ended), "it is asked again: {told:?}");
}

#[tokio::test]
async fn a_sign_in_that_works_opens_the_way_for_refreshes() {
    let world = World::toki().await;
    let like = world.signed_in().await;
    world.op.faults().down(true);
    for (session, tokens) in many(&like, 10) {
        world.refresh(&session, &tokens).await;
    }
    assert!(matches!(world.provider.state(), State::Degraded(why) if why.starts_with("token: ")));
    let closed = retry_after(world.refresh(&like.session, &like.tokens).await);
    assert!(!closed.is_zero());
    world.op.faults().down(false);
    world.signed_in().await;
    assert_eq!(world.provider.state(), State::Ready);
    world.renewed(&like.session, &like.tokens).await;
}

#[tokio::test]
async fn one_sessions_own_trouble_keeps_nobody_else_from_refreshing() {
    let world = World::toki().await;
    let (one, other) = (world.signed_in().await, world.signed_in().await);
    for _ in 0..20 {
        world.op.faults().next(Op::Refresh, 1, Fault::status(400, r#"{"error":"temporarily_odd"}"#));
        retry_after(world.refresh(&one.session, &one.tokens).await);
        world.turn(40);
    }
    assert_eq!(world.provider.state(), State::Ready);
    world.renewed(&other.session, &other.tokens).await;
}

#[tokio::test]
async fn refreshes_that_hang_hold_a_bounded_number_of_calls() {
    let world = World::toki().await;
    let like = world.signed_in().await;
    let hold = world.op.faults().hold(Op::Refresh);
    let all: Vec<_> = many(&like, 200)
        .into_iter()
        .map(|(session, tokens)| world.provider.start_refresh(session, tokens, Asker::default()))
        .collect();
    hold.arrived(CALLS_AT_ONCE).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(world.calls(Op::Refresh), CALLS_AT_ONCE as u64);
    hold.release();
    join_all(all).await;
    assert!(world.provider.shared.refreshes.is_idle());
}

#[tokio::test]
async fn while_nothing_is_known_of_the_provider_a_session_waits() {
    let signed_in = World::toki().await.signed_in().await;
    let down = World::begun(Options::openid(), |_| (), |op| op.faults().down(true)).await;
    retry_after(down.refresh(&signed_in.session, &signed_in.tokens).await);
    assert_eq!(down.calls(Op::Refresh), 0);
}
