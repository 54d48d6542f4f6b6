//! Pushed authorization requests, from a page load to the application.

use tokigate::demo::provider::{Client, Endpoint, Pushing};

use crate::world::{Ask, BAT, CLIENT, Setup, World};

async fn world_with(adjust: impl FnOnce(&mut Setup)) -> World {
    World::oidc(|setup| {
        setup.options.pushing = Pushing::Required;
        adjust(setup);
    })
    .await
}

async fn world() -> World {
    world_with(|setup| setup.set("provider", "start_params", "[\"login_hint\"]")).await
}

#[tokio::test]
async fn the_browser_carries_the_name_of_the_request_and_nothing_of_it() {
    let world = world().await;
    let browser = world.browser();
    let start = browser.load("/oauth2/start?rd=/deep/a&login_hint=bat&request_uri=urn:evil&scope=admin").await;
    let location = url::Url::parse(&start.location()).unwrap();
    let names: Vec<String> = location.query_pairs().map(|(name, _)| name.into_owned()).collect();
    assert_eq!((start.status, names), (302, vec!["client_id".to_owned(), "request_uri".to_owned()]));
    let pushed = world.provider.calls().last(Endpoint::Par).unwrap();
    assert_eq!((pushed.param("login_hint"), pushed.param("request_uri")), (Some("bat"), None));
    let back = browser.at_provider(&start, BAT).await;
    let done = browser.come_back(&back).await;
    assert_eq!(browser.inside(&done.location()).as_deref(), Some("/deep/a"));
    assert!(browser.is_signed_in().await);
}

#[tokio::test]
async fn only_what_starts_a_sign_in_costs_a_call() {
    let world = world().await;
    let browser = world.browser();
    for ask in [
        Ask::script("/deep/a"),
        Ask::page("/deep/a").method("HEAD"),
        Ask::page("/deep/a").with("sec-purpose", "prefetch"),
        Ask::page("/deep/a").form("a=b"),
        Ask::plain("/oauth2/callback?state=x&code=y").with("accept", "text/html"),
    ] {
        browser.send(ask).await;
    }
    assert_eq!(world.provider.calls().count(Endpoint::Par), 0);
    browser.load("/deep/a").await;
    assert_eq!(world.provider.calls().count(Endpoint::Par), 1);
}

#[tokio::test]
async fn a_provider_that_is_away_is_a_page_and_no_attempt() {
    let world = world().await;
    let browser = world.browser();
    world.provider.faults().down(true);
    let page = browser.load("/deep/a").await;
    assert_eq!(page.status, 502, "{page}");
    assert!(page.is_html() && page.text().contains("/oauth2/start?rd=/deep/a"), "{page}");
    assert!(page.set_cookies().is_empty(), "no attempt was begun: {page}");
    world.provider.faults().down(false);
    browser.sign_in(BAT, "/deep/a").await;
}

#[tokio::test]
async fn strangers_cannot_make_the_gate_call_more_often_than_it_may() {
    let world = world_with(|setup| setup.set("limits", "logins_per_minute", "5")).await;
    let browser = world.browser();
    let start = browser.load("/deep/mine").await;
    let strangers = futures_util::future::join_all((0..30).map(|_| world.curl(Ask::page("/deep/a")))).await;
    assert_eq!(world.provider.calls().count(Endpoint::Par), 5);
    let refused: Vec<_> = strangers.iter().filter(|reply| reply.status == 429).collect();
    assert_eq!(refused.len(), 26);
    assert!(refused.iter().all(|reply| reply.header("retry-after").is_some()));
    // Who has begun can finish.
    let back = browser.at_provider(&start, BAT).await;
    assert_eq!(browser.come_back(&back).await.status, 302);
}

#[tokio::test]
async fn a_client_with_a_key_signs_what_it_pushes_and_what_it_spends() {
    let key = concat!(env!("CARGO_MANIFEST_DIR"), "/src/oidc/signing/keys/ed25519.pem");
    let world = world_with(|setup| {
        let jwks = serde_json::json!({ "keys": [{
            "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": "mine", "x": public_half(key),
        }] });
        setup.options.clients = vec![Client::signing(CLIENT, &setup.redirect_uri(), jwks)];
        setup.set("provider", "client_auth", "\"private_key_jwt\"");
        setup.set("provider", "signing_key_file", &format!("{key:?}"));
        setup.set("provider", "signing_key_id", "\"mine\"");
    })
    .await;
    world.signed_in(BAT).await;
    for endpoint in [Endpoint::Par, Endpoint::Code] {
        let call = world.provider.calls().last(endpoint).unwrap();
        assert!(call.param("client_assertion").is_some_and(|assertion| assertion.split('.').count() == 3));
    }
}

/// Of a key in PKCS#8: what RFC 8410 §7 puts last, 32 bytes, is its private half.
fn public_half(file: &str) -> String {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
    use base64::Engine as _;
    let pem = std::fs::read_to_string(file).unwrap();
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let der = base64::engine::general_purpose::STANDARD.decode(body).unwrap();
    let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).unwrap();
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(pair.public_key().as_ref())
}
