//! The plan of relying parties that configure themselves (`oidcc-client-config-certification-test-plan`, part of the dynamic plan): metadata and keys.

use serde_json::json;
use tokigate::demo::provider::Endpoint;

use super::jose::Keys;
use super::suite::{PAGE, Suite};
use crate::world::BAT;

/// Nobody can be sent anywhere before the metadata is known, and the page says so.
pub async fn stays_away(suite: &Suite) {
    let world = &suite.world;
    world.until_degraded(true).await;
    for _ in 0..3 {
        let reply = suite.browser.load(PAGE).await;
        assert_eq!(reply.status, 503, "{reply}");
        assert!(reply.is_html() && reply.header("location").is_none() && reply.header("retry-after").is_some());
    }
    assert_eq!(suite.browser.names(), Vec::<String>::new(), "no attempt has begun");
    // It goes on asking, and asks for nothing else.
    suite.discovery_fails().await;
    assert!(suite.calls().iter().all(|call| *call == Endpoint::Discovery), "{:?}", suite.calls());
    assert_eq!(world.seen(), Vec::<String>::new());
}

#[tokio::test]
async fn oidcc_client_test_discovery_openid_config() {
    // Where everything is, discovery alone says: two providers, no address in common.
    for _ in 0..2 {
        let suite = Suite::new().await;
        suite.completes().await;
        let below = suite.issuer.strip_prefix(&suite.world.provider.url()).unwrap().to_owned();
        let calls = suite.world.provider.calls().all();
        assert_eq!(calls[0].target, format!("{below}.well-known/openid-configuration"));
        assert!(calls.iter().all(|call| call.target.starts_with(&below)), "{calls:?}");
    }
}

#[tokio::test]
async fn oidcc_client_test_discovery_jwks_uri_keys() {
    let suite = Suite::new().await;
    assert_eq!(suite.count(Endpoint::Jwks), 0, "not before there is something to verify");
    suite.completes().await;
    let below = suite.issuer.strip_prefix(&suite.world.provider.url()).unwrap().to_owned();
    assert_eq!(suite.last(Endpoint::Jwks).target, format!("{below}oauth2/jwks"));
    // And kept: the next sign-in needs no other.
    suite.completes_in(&suite.world.browser()).await;
    assert_eq!(suite.count(Endpoint::Jwks), 1);
}

#[tokio::test]
async fn oidcc_client_test_discovery_issuer_mismatch() {
    for (what, change) in [("more", "1"), ("without the slash", ""), ("another case", "up")] {
        let suite = Suite::begun(
            |_| {},
            |suite| {
                let other = match change {
                    "up" => suite.issuer.replace("/test/", "/TEST/"),
                    "" => suite.issuer.trim_end_matches('/').to_owned(),
                    more => format!("{}{more}", suite.issuer),
                };
                suite.answers(Endpoint::Discovery, move |metadata| metadata["issuer"] = json!(other));
            },
        )
        .await;
        println!("{what}");
        stays_away(&suite).await;
    }
}

#[tokio::test]
async fn oidcc_client_test_signing_key_rotation() {
    let suite = Suite::new().await;
    suite.completes().await;
    suite.lists(Keys::second().public());
    suite.signs("RS256", Keys::second());
    suite.completes_in(&suite.world.browser()).await;
    assert_eq!(suite.count(Endpoint::Jwks), 2, "fetched anew, once");
    // What the old key signs counts no more.
    suite.world.turn(31);
    suite.signs("RS256", Keys::first());
    let stale = suite.world.browser();
    let start = stale.load(PAGE).await;
    let reply = stale.come_back(&stale.at_provider(&start, BAT).await).await;
    assert_eq!(reply.status, 502, "{reply}");
    assert!(!stale.is_signed_in().await);
}

#[tokio::test]
async fn oidcc_client_test_signing_key_rotation_just_before_signing() {
    let suite = Suite::new().await;
    // So that the gate holds keys already.
    suite.completes().await;
    let browser = suite.world.browser();
    let start = browser.load(PAGE).await;
    let back = browser.at_provider(&start, BAT).await;
    suite.lists([Keys::second().public(), Keys::first().public()].concat());
    suite.signs("ES256", Keys::second());
    let done = browser.come_back(&back).await;
    assert_eq!(browser.inside(&done.location()).as_deref(), Some(PAGE), "{done}");
    assert!(browser.is_signed_in().await);
    let since: Vec<Endpoint> = suite.calls().into_iter().skip(6).collect();
    assert_eq!(since, [Endpoint::Code, Endpoint::Jwks, Endpoint::UserInfo], "one more look at the keys, and one code");
}
