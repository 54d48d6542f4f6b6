//! The plan of relying parties that refresh (`oidcc-client-refreshtoken-test-plan`).

use serde_json::json;
use tokigate::demo::provider::Endpoint;

use super::suite::Suite;
use crate::world::Setup;

fn passes_tokens_on(setup: &mut Setup) {
    setup.set("identity", "access_token", "\"x-forwarded-access-token\"");
    setup.set("identity", "id_token", "\"x-forwarded-id-token\"");
}

#[tokio::test]
async fn oidcc_client_test_refresh_token() {
    let suite = Suite::with(passes_tokens_on).await;
    let world = &suite.world;
    suite.completes().await;
    let told = || ["x-forwarded-access-token", "x-forwarded-id-token"].map(|header| world.told(header).unwrap());
    let before = told();
    world.turn(61);
    assert_eq!(suite.browser.load("/deep/refreshed").await.status, 200);
    let after = told();
    assert!(before[0] != after[0] && before[1] != after[1], "the new tokens count");
    assert_eq!(world.told("x-forwarded-user"), Some(suite.sub()));
    let refresh = suite.last(Endpoint::Refresh);
    assert_eq!(refresh.param("grant_type"), Some("refresh_token"));
    assert!(refresh.header("authorization").unwrap().starts_with("Basic "), "as at the code: {refresh:?}");
    // Each refresh token once.
    world.turn(61);
    assert_eq!(suite.browser.load("/deep/again").await.status, 200);
    assert_ne!(suite.last(Endpoint::Refresh).param("refresh_token"), refresh.param("refresh_token"));
    assert_eq!((suite.count(Endpoint::Refresh), world.provider.calls().facts().rotated_tokens_reused), (2, 0));
}

/// What is refreshed with this is not believed: the session is over, and nothing is called with what came.
async fn ends_the_session(suite: &Suite) {
    suite.completes().await;
    let (seen, called) = (suite.world.seen(), suite.calls());
    suite.world.turn(61);
    let reply = suite.browser.load("/deep/refreshed").await;
    assert_eq!(reply.status, 302, "{reply}");
    assert!(reply.location().starts_with(&suite.issuer), "to the provider: {reply}");
    suite.calls_stay(&[called, vec![Endpoint::Refresh]].concat()).await;
    suite.nobody_is_signed_in().await;
    assert_eq!(suite.world.seen(), seen, "the application has seen nothing more");
}

#[tokio::test]
async fn oidcc_client_test_refresh_token_invalid_issuer() {
    let suite = Suite::with(passes_tokens_on).await;
    let other = format!("{}1", suite.issuer);
    suite.id_token(Endpoint::Refresh, move |token| token.claims["iss"] = json!(other));
    ends_the_session(&suite).await;
}

#[tokio::test]
async fn oidcc_client_test_refresh_token_invalid_sub() {
    let suite = Suite::with(passes_tokens_on).await;
    suite.id_token(Endpoint::Refresh, |token| token.claims["sub"] = json!("another-subject"));
    ends_the_session(&suite).await;
}
