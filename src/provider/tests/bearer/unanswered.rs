//! An issuer that does not answer about a token, or about any.

use super::*;

fn long_lived(world: &World) -> String {
    let exp = world.clock.now().unix_seconds() + 3600;
    world.opaque(|claims| claims["exp"] = exp.into())
}

#[tokio::test]
async fn an_issuer_that_does_not_answer_is_left_alone_and_an_active_token_is_not_guessed() {
    let world = world(asking).await;
    let known: Vec<String> = (0..20).map(|_| long_lived(&world)).collect();
    for token in &known {
        world.bearer(token).await.unwrap();
    }
    world.turn(31);
    for (fault, strangers) in [
        (Fault::html(500), false),
        (Fault::HangUp, false),
        (Fault::HangUp, true),
        (Fault::html(500), true),
        (Fault::status(429, "{}"), true),
    ] {
        world.op.faults().set(Op::Introspection, fault);
        let before = world.calls(Op::Introspection);
        for (number, token) in known.iter().enumerate() {
            let stranger = format!("token-{number}");
            assert!(is_away(&world.bearer(if strangers { &stranger } else { token }).await));
        }
        let asked = world.calls(Op::Introspection) - before;
        assert!((5..=6).contains(&asked), "{asked}");
        world.op.faults().clear();
        world.turn(20);
        world.bearer(&known[0]).await.unwrap();
        world.turn(31);
    }
    for odd in [r#"{}"#, r#"{"active":"true"}"#, "[]", "true", ""] {
        world.op.faults().next(Op::Introspection, 1, Fault::status(200, odd));
        assert!(is_away(&world.bearer(&world.opaque(|_| ())).await), "{odd}");
    }
}

/// `.` and `/` may stand in a token: whatever stands before the issuer refuses what looks like an attack, and nobody else.
#[tokio::test]
async fn what_strangers_send_to_be_refused_closes_the_issuer_to_nobody() {
    let world = world(asking).await;
    let known = long_lived(&world);
    world.bearer(&known).await.unwrap();
    for (fault, refuses) in [
        (Fault::status(403, "<html>blocked"), true),
        (Fault::status(401, "{}"), true),
        (Fault::html(500), false),
        (Fault::HangUp, false),
    ] {
        world.turn(31);
        world.op.faults().next(Op::Introspection, 10, fault);
        for number in 0..10 {
            let end = world.bearer(&format!("../../../../etc/passwd{number}")).await;
            assert!(is_away(&end), "{end:?}");
        }
        world.op.faults().clear();
        world.bearer(&known).await.expect("it was good lately");
        // Nobody heard of it before; where the strangers were only refused, the issuer is there for it as well.
        if refuses {
            world.bearer(&world.opaque(|_| ())).await.expect("another stranger's");
        }
    }
}

/// Where it is known not to answer, who was good lately finds out whether it does again: no stranger can spoil that.
#[tokio::test]
async fn no_stranger_finds_out_for_others_whether_the_issuer_is_back() {
    let world = world(asking).await;
    let known: Vec<String> = (0..6).map(|_| long_lived(&world)).collect();
    for token in &known {
        world.bearer(token).await.unwrap();
    }
    world.turn(31);
    world.op.faults().set(Op::Introspection, Fault::html(500));
    for token in &known {
        assert!(is_away(&world.bearer(token).await));
    }
    world.op.faults().clear();
    world.turn(3);
    world.op.faults().next(Op::Introspection, 1, Fault::status(403, "<html>blocked"));
    assert!(is_away(&world.bearer("../../../../etc/shadow").await));
    world.bearer(&known[0]).await.expect("it is the one that finds out");
}
