//! The plans of sign-out: begun here (`oidcc-client-rp-initiated-logout-rp-basic`), told behind the browser's back
//! (`oidcc-client-back-channel-logout-rp-basic`), and through it (`oidcc-client-front-channel-logout-rp-basic`).

use serde_json::{Value, json};
use tokigate::demo::provider::Endpoint;

use super::jose::{Keys, Token};
use super::suite::{Suite, another_client};
use crate::world::{Ask, BAT, Browser, CLIENT, Reply, Setup};

/// The provider has a sign-out of its own, and knows where to send people afterwards.
fn signs_out(setup: &mut Setup) {
    setup.options.end_session = true;
    setup.options.clients[0].post_logout_redirect_uris = vec![setup.signed_out_uri()];
}

async fn suite() -> Suite {
    let suite = Suite::with(signs_out).await;
    suite.leaves_id_tokens_alone();
    suite
}

/// Signs out by the gate: what the browser is sent to the provider with. The session is over before anybody goes there.
async fn leaves(suite: &Suite, browser: &Browser) -> Reply {
    let leave = browser.load("/oauth2/sign_out?rd=/deep/after").await;
    assert_eq!(leave.status, 302, "{leave}");
    assert!(leave.location().starts_with(&format!("{}oauth2/logout?", suite.issuer)), "{leave}");
    let said = |name: &str| leave.location_param(name);
    assert_eq!(said("post_logout_redirect_uri"), Some(suite.world.setup.signed_out_uri()));
    assert!(said("id_token_hint").is_some_and(|hint| hint.split('.').count() == 3), "{leave}");
    assert!(said("state").is_some_and(|state| state.len() >= 22), "{leave}");
    assert_eq!(suite.count(Endpoint::EndSession), 0);
    assert!(!browser.is_signed_in().await, "here first");
    leave
}

/// The provider signs out as well, and sends the browser back.
async fn comes_back(suite: &Suite, browser: &Browser, leave: &Reply) -> Reply {
    let provider = &suite.world.provider;
    let target = leave.location().strip_prefix(&provider.url()).unwrap().to_owned();
    let done = Ask::plain(&target).send(provider.address(), &provider.address().to_string()).await;
    assert_eq!(done.status, 303, "{done}");
    let back = browser.inside(&done.location()).unwrap_or_else(|| panic!("back here: {done}"));
    browser.come_back(&back).await
}

/// The page that says so, and nothing that leads on by itself.
fn says_so(page: &Reply) {
    assert!(page.status == 200 && page.is_html() && page.header("location").is_none(), "{page}");
    assert!(page.text().contains("/oauth2/start?rd="), "the way back in: {page}");
}

async fn sign_out(change: impl Fn(&mut Vec<(String, String)>) + Send + Sync + 'static) -> (Suite, Reply) {
    let suite = suite().await;
    suite.sends_back(Endpoint::EndSession, change);
    suite.completes().await;
    let seen = suite.world.seen();
    let leave = leaves(&suite, &suite.browser).await;
    let page = comes_back(&suite, &suite.browser, &leave).await;
    says_so(&page);
    assert!(!suite.browser.is_signed_in().await);
    assert_eq!(suite.browser.fetch("/api/time").await.status, 401);
    assert_eq!(suite.world.seen(), seen, "the application has seen nothing more");
    (suite, page)
}

#[tokio::test]
async fn oidcc_client_test_rp_init_logout() {
    let (suite, page) = sign_out(|_| {}).await;
    assert!(page.text().contains("/oauth2/start?rd=/deep/after"), "{page}");
    suite.completes().await;
}

#[tokio::test]
async fn oidcc_client_test_rp_init_logout_no_state() {
    let (_, page) = sign_out(|params| params.retain(|(name, _)| name != "state")).await;
    assert!(!page.text().contains("/deep/after"), "whose way back it is, nobody knows: {page}");
}

#[tokio::test]
async fn oidcc_client_test_rp_init_logout_other_state() {
    let other = |params: &mut Vec<(String, String)>| {
        let state = params.iter_mut().find(|(name, _)| name == "state").unwrap();
        state.1 = format!("{}1", state.1);
    };
    let (_, page) = sign_out(other).await;
    assert!(!page.text().contains("/deep/after"), "{page}");
}

/// A logout token as the provider makes it, signed by the suite.
fn logout_token(suite: &Suite, sid: &str) -> Token {
    let claims = Value::Object(suite.world.provider.logout_token(CLIENT, Some(sid), None).claims);
    let mut token = Token { claims, ..Token::new(Keys::first()) };
    token.header["typ"] = json!("logout+jwt");
    token
}

async fn tells(suite: &Suite, token: &Token) -> Reply {
    let form = format!("logout_token={}", token.compact());
    let reply = suite.world.curl(Ask::plain("/oauth2/backchannel_logout").form(&form)).await;
    assert_eq!(reply.header("cache-control"), Some("no-store"), "{reply}");
    reply
}

/// Two browsers of one user, each with a session of its own at the provider: the one that leaves, and the one that stays.
async fn two_sessions() -> (Suite, Browser, [String; 2]) {
    // Whatever else the key could do, RS256 was agreed on.
    let suite = Suite::with(|setup| {
        signs_out(setup);
        setup.set("provider", "id_token_algs", "[\"RS256\"]");
    })
    .await;
    suite.leaves_id_tokens_alone();
    suite.completes().await;
    let staying = suite.world.browser();
    suite.completes_in(&staying).await;
    let sids = suite.world.provider.sids(BAT).try_into().expect("one for each");
    (suite, staying, sids)
}

#[tokio::test]
async fn oidcc_client_test_rp_backchannel_rpinitlogout() {
    let (suite, staying, [ours, theirs]) = two_sessions().await;
    let leave = leaves(&suite, &suite.browser).await;
    let reply = tells(&suite, &logout_token(&suite, &ours)).await;
    assert_eq!((reply.status, reply.body.len()), (200, 0), "{reply}");
    says_so(&comes_back(&suite, &suite.browser, &leave).await);
    assert!(!suite.browser.is_signed_in().await);
    assert!(staying.is_signed_in().await, "exactly the one that is named");
    assert_eq!(tells(&suite, &logout_token(&suite, &theirs)).await.status, 200);
    assert!(!staying.is_signed_in().await);
    assert_eq!(staying.fetch("/api/time").await.status, 401);
}

/// With this deviation it is refused, about whomever it is, and nobody's session ends by it.
async fn ends_nothing(deviate: impl Fn(&mut Token)) {
    let (suite, staying, sids) = two_sessions().await;
    let leave = leaves(&suite, &suite.browser).await;
    for sid in &sids {
        let mut token = logout_token(&suite, sid);
        deviate(&mut token);
        let reply = tells(&suite, &token).await;
        assert_eq!((reply.status, &reply.json()["error"]), (400, &json!("invalid_request")), "{reply}");
    }
    says_so(&comes_back(&suite, &suite.browser, &leave).await);
    let page = staying.load("/deep/still-here").await;
    assert_eq!(page.status, 200, "{page}");
    assert_eq!(suite.world.told("x-forwarded-user"), Some(suite.sub()));
    // It was that, and nothing else.
    assert_eq!(tells(&suite, &logout_token(&suite, &sids[1])).await.status, 200);
    assert!(!staying.is_signed_in().await);
}

#[tokio::test]
async fn oidcc_client_test_rp_backchannel_rpinitlogout_alg_none() {
    ends_nothing(|token| {
        token.header = json!({ "alg": "none", "typ": "logout+jwt" });
        token.signed = false;
    })
    .await;
}

#[tokio::test]
async fn oidcc_client_test_rp_backchannel_rpinitlogout_wrong_alg() {
    for algorithm in ["HS256", "PS256", "ES256", "RS512"] {
        ends_nothing(|token| {
            token.sign_with(algorithm);
            token.header["typ"] = json!("logout+jwt");
        })
        .await;
    }
}

#[tokio::test]
async fn oidcc_client_test_rp_backchannel_rpinitlogout_wrong_iss() {
    ends_nothing(|token| token.claims["iss"] = json!(format!("{}1", token.claims["iss"].as_str().unwrap()))).await;
}

#[tokio::test]
async fn oidcc_client_test_rp_backchannel_rpinitlogout_wrong_aud() {
    ends_nothing(|token| token.claims["aud"] = another_client()).await;
}

#[tokio::test]
async fn oidcc_client_test_rp_backchannel_rpinitlogout_no_event() {
    ends_nothing(|token| token.remove("events")).await;
}

#[tokio::test]
async fn oidcc_client_test_rp_backchannel_rpinitlogout_wrong_event() {
    let other = json!({ "http://schemas.openid.net/event/foobar": {} });
    ends_nothing(|token| token.claims["events"] = other.clone()).await;
}

#[tokio::test]
async fn oidcc_client_test_rp_backchannel_rpinitlogout_with_nonce() {
    ends_nothing(|token| token.claims["nonce"] = json!("a-nonce")).await;
}

/// What a frame of the provider's page loads; the gate's cookies stay behind (`SameSite`).
async fn frame(suite: &Suite, sid: &str) -> Reply {
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("iss", suite.issuer.as_str()), ("sid", sid)])
        .finish();
    let ask = Ask::page_from_elsewhere(&format!("/oauth2/frontchannel_logout?{query}"));
    suite.world.curl(ask.with("sec-fetch-dest", "iframe").without("sec-fetch-user")).await
}

#[tokio::test]
async fn oidcc_client_test_rp_frontchannel_rpinitlogout() {
    let (suite, staying, [ours, _]) = two_sessions().await;
    let leave = leaves(&suite, &suite.browser).await;
    let reply = frame(&suite, &ours).await;
    assert_eq!((reply.status, reply.header("cache-control")), (200, Some("no-store")), "{reply}");
    let origin = suite.world.provider.url();
    assert!(reply.header("content-security-policy").unwrap().contains(&format!("frame-ancestors {origin}")), "{reply}");
    says_so(&comes_back(&suite, &suite.browser, &leave).await);
    assert!(staying.is_signed_in().await);
}

#[tokio::test]
async fn oidcc_client_test_rp_frontchannel_opinitlogout() {
    let (suite, staying, [ours, theirs]) = two_sessions().await;
    assert_eq!(frame(&suite, "nobody").await.status, 200);
    assert!(suite.browser.is_signed_in().await && staying.is_signed_in().await);
    assert_eq!(frame(&suite, &theirs).await.status, 200);
    assert!(!staying.is_signed_in().await, "without its cookie");
    assert!(suite.browser.is_signed_in().await);
    assert_eq!(frame(&suite, &ours).await.status, 200);
    suite.nobody_is_signed_in().await;
}
