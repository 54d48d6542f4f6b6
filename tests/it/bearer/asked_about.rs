//! Tokens that say nothing by themselves, and issuers that say nothing at all.

use tokigate::demo::provider::{Endpoint, Fault};

use super::{API, by_asking, by_keys, is_invalid};
use crate::world::{BAT, Setup, World};

#[tokio::test]
async fn an_opaque_token_is_asked_about_and_a_revoked_one_is_over_within_half_a_minute() {
    let world = World::oidc(by_asking).await;
    let token = world.provider.opaque_token(world.provider.api_claims(BAT, API));
    for _ in 0..10 {
        assert_eq!(world.call(&token, "/deep/api/a").await.status, 200);
    }
    assert_eq!(world.told("x-forwarded-user"), Some(world.sub(BAT)));
    assert_eq!(world.provider.calls().count(Endpoint::Introspection), 1);
    world.provider.revoke_opaque(&token);
    world.turn(30);
    assert!(is_invalid(&world.call(&token, "/deep/api/a").await));
    let asked = world.provider.calls().of(Endpoint::Introspection);
    assert_eq!(asked[0].params.get("token"), Some(token.as_str()));
    assert_eq!(asked[0].params.get("token_type_hint"), Some("access_token"));
    assert!(!asked[0].target.contains(&token));
}

#[tokio::test]
async fn what_could_be_no_token_goes_to_nobody() {
    let world = World::oidc(by_asking).await;
    for garbage in ["a b", "a;b", "\"a\"", "Бат", "=", "<script>", &"x".repeat(8193)] {
        assert!(is_invalid(&world.call(garbage, "/deep/api/a").await), "{garbage}");
    }
    assert_eq!(world.call("perhaps-a-token", "/deep/a").await.status, 401);
    assert_eq!(world.provider.calls().count(Endpoint::Introspection), 0);
}

#[tokio::test]
async fn a_flood_of_garbage_is_asked_about_so_often_and_sessions_and_known_tokens_go_on() {
    let world = World::oidc(|setup| {
        by_asking(setup);
        setup.set("limits", "introspections_per_minute", "10");
    })
    .await;
    let browser = world.signed_in(BAT).await;
    let token = world.provider.opaque_token(world.provider.api_claims(BAT, API));
    assert_eq!(world.call(&token, "/deep/api/a").await.status, 200);
    let mut limited = None;
    for number in 0..60 {
        let reply = world.call(&format!("garbage-{number}"), "/deep/api/a").await;
        assert!(matches!(reply.status, 401 | 429), "{reply}");
        limited = if reply.status == 429 { Some(reply) } else { limited };
    }
    let limited = limited.expect("not all of them were asked about");
    assert!(limited.header("retry-after").is_some(), "{limited}");
    assert_eq!(world.provider.calls().count(Endpoint::Introspection), 10);
    assert_eq!(world.call(&token, "/deep/api/a").await.status, 200);
    assert_eq!(browser.fetch("/deep/api/a").await.status, 200);
}

#[tokio::test]
async fn an_issuer_that_is_away_is_503_and_nobody_gets_in() {
    for (check, endpoint) in [(by_keys as fn(&mut Setup), Endpoint::Jwks), (by_asking, Endpoint::Introspection)] {
        let world = World::oidc(check).await;
        world.provider.faults().set(endpoint, Fault::html(500));
        let token = match endpoint {
            Endpoint::Jwks => world.api_token(),
            _ => world.provider.opaque_token(world.provider.api_claims(BAT, API)),
        };
        let reply = world.call(&token, "/deep/api/a").await;
        assert_eq!(reply.status, 503, "{reply}");
        assert!(reply.header("retry-after").is_some() && reply.set_cookies().is_empty());
        assert_eq!(world.seen(), Vec::<String>::new());
        world.provider.faults().clear();
        world.turn(30);
        assert_eq!(world.call(&token, "/deep/api/a").await.status, 200);
    }
}

#[tokio::test]
async fn no_token_is_written_at_any_level_and_why_it_is_not_taken_is() {
    let (world, process) = World::around_a_process(|setup| {
        setup.oidc();
        by_asking(setup);
        setup.set("log", "level", "\"trace\"");
    })
    .await;
    let good = world.provider.opaque_token(world.provider.api_claims(BAT, API));
    let other = world.provider.opaque_token(world.provider.api_claims(BAT, "https://other.example"));
    let signed = world.provider.sign(Some("at+jwt"), &world.provider.api_claims(BAT, API));
    let unknown = "canary-canary-canary-canary".to_owned();
    for (token, status) in [(&good, 200), (&other, 401), (&signed, 401), (&unknown, 401)] {
        assert_eq!(world.call(token, "/deep/api/a").await.status, status);
    }
    let log = process.log();
    let why: Vec<&str> = log
        .iter()
        .filter(|line| line["event"] == "token_not_taken")
        .filter_map(|line| line["reason"].as_str())
        .collect();
    assert_eq!(why, ["its audience is another, or others too", NOT_ACTIVE, NOT_ACTIVE]);
    let served = log.iter().find(|line| line["event"] == "request" && line["status"] == 200).unwrap();
    assert!(served["user"].is_string() && served["decision"] == "forwarded", "{served}");
    let metrics = process.ask("/metrics").await.text();
    let all = process.said() + &metrics;
    for secret in [&good, &other, &signed, &unknown, &super::ASKS.1.to_owned(), &world.sub(BAT)] {
        let middle = &secret[secret.len() / 4..secret.len() / 4 + secret.len() / 2];
        assert!(!all.contains(middle), "{secret}");
    }
    assert!(metrics.contains("endpoint=\"introspection\",result=\"ok\""), "{metrics}");
}

const NOT_ACTIVE: &str = "its issuer says that it is not active";
