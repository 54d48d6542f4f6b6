use super::super::*;
use super::world::*;
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

    assert_eq!((world.calls(Op::Token), world.calls(Op::UserInfo)), (1, 1));
    let call = world.op.calls().last(Op::Code).unwrap();
    assert_eq!(call.param("client_secret"), None);
    assert_eq!(call.header("user-agent"), Some(concat!("tokigate/", env!("CARGO_PKG_VERSION"))));
    assert_eq!(world.op.calls().last(Op::UserInfo).unwrap().target, "/oauth2/userinfo?userId=100001");
}

#[tokio::test]
async fn somebody_signs_in_with_openid_connect() {
    let world = World::openid().await;
    let SignedIn { session, .. } = world.signed_in().await;
    assert_eq!(session.claims.get("name"), Some(Claim::Text("Бат Дорж")));
    assert_ne!(session.user.as_str(), BAT);
    assert_eq!(session.auth_time, world.clock.now());
    assert_eq!((world.calls(Op::Discovery), world.calls(Op::Jwks)), (1, 1));
    assert_eq!(world.provider.state(), State::Ready);
}
