//! Whoever has begun an attempt has a state, and can send others to the callback with it, and with whatever words.

use super::{SARAA, World, is_refused};

const WORDS: &str = "error_description=Call+99112233+to+unlock";

#[tokio::test]
async fn what_somebody_else_writes_is_not_said_in_the_providers_name() {
    let world = World::new().await;
    let state = world.browser().load("/oauth2/start").await.location_param("state").unwrap();
    for error in ["x", "access_denied", "server_error", "Call+99112233"] {
        let back = format!("/oauth2/callback?state={state}&error={error}&{WORDS}");
        for browser in [world.browser(), world.signed_in(SARAA).await] {
            let reply = browser.come_back(&back).await;
            is_refused(&world, &reply, 400);
            assert!(!reply.text().contains("99112233"), "{reply}");
        }
    }
}

/// RFC 9207 §2.4.
#[tokio::test]
async fn whose_answer_it_is_is_asked_there_too() {
    let world = World::with(crate::world::Setup::oidc).await;
    let state = world.browser().load("/oauth2/start").await.location_param("state").unwrap();
    let back = |iss: &str| format!("/oauth2/callback?state={state}&error=x&iss={iss}");
    let foreign = world.browser().come_back(&back("https://evil.example")).await;
    is_refused(&world, &foreign, 400);
    let own = world.browser().come_back(&back(&world.provider.url())).await;
    is_refused(&world, &own, 400);
    assert!(foreign.text().contains("do not use it again"), "{foreign}");
    assert!(own.text().contains("This sign-in is over"), "{own}");
}
