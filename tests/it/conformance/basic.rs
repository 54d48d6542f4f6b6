//! The plan of basic relying parties (`oidcc-client-basic-certification-test-plan`): the authorization code flow.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokigate::demo::provider::{Client, Endpoint};

use super::jose::Keys;
use super::suite::{PAGE, Suite, another_client};
use crate::world::{BAT, CLIENT, SECRET};

/// Where the gate has the ID token, and what it calls to check it.
const ID_TOKEN: &[Endpoint] = &[Endpoint::Code, Endpoint::Jwks];
/// The same where another key may have signed it: the keys are fetched once more.
const SIGNATURE: &[Endpoint] = &[Endpoint::Code, Endpoint::Jwks, Endpoint::Jwks];

#[tokio::test]
async fn oidcc_client_test() {
    let suite = Suite::new().await;
    let (world, redirect_uri) = (&suite.world, suite.world.setup.redirect_uri());
    let start = suite.browser.load(PAGE).await;
    assert_eq!(start.status, 302, "never 307: {start}");
    let asked = |name: &str| start.location_param(name);
    assert!(start.location().starts_with(&format!("{}oauth2/authorize?", suite.issuer)), "{start}");
    assert_eq!(asked("response_type").as_deref(), Some("code"));
    assert_eq!((asked("client_id").as_deref(), asked("redirect_uri").as_deref()), (Some(CLIENT), Some(&*redirect_uri)));
    assert!(asked("scope").unwrap().split(' ').any(|scope| scope == "openid"));
    assert!(asked("state").unwrap().len() >= 22 && asked("nonce").unwrap().len() >= 22);
    assert_eq!(asked("code_challenge_method").as_deref(), Some("S256"));
    assert!(asked("response_mode").is_none() && asked("request").is_none(), "{start}");

    let back = suite.browser.at_provider(&start, BAT).await;
    let done = suite.browser.come_back(&back).await;
    assert_eq!(suite.browser.inside(&done.location()).as_deref(), Some(PAGE));
    assert_eq!(suite.browser.come_back(PAGE).await.status, 200);
    assert_eq!(world.told("x-forwarded-user"), Some(suite.sub()));
    assert_eq!(suite.calls()[2..], [Endpoint::Code, Endpoint::Jwks, Endpoint::UserInfo]);

    let code = suite.last(Endpoint::Code);
    assert_eq!(code.param("redirect_uri"), Some(&*redirect_uri));
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(code.param("code_verifier").unwrap()));
    assert_eq!(asked("code_challenge"), Some(challenge));
    assert!(code.header("authorization").unwrap().starts_with("Basic "));
    assert!(code.param("client_secret").is_none() && code.param("client_id").is_none(), "one way only: {code:?}");
}

#[tokio::test]
async fn oidcc_client_test_invalid_iss() {
    for another in ["1", "/", "X"] {
        let suite = Suite::new().await;
        let issuer = format!("{}{another}", suite.issuer);
        suite.id_token(Endpoint::Code, move |token| token.claims["iss"] = json!(issuer));
        suite.stops(502, ID_TOKEN).await;
    }
}

#[tokio::test]
async fn oidcc_client_test_missing_sub() {
    let suite = Suite::new().await;
    suite.id_token(Endpoint::Code, |token| token.remove("sub"));
    suite.stops(502, ID_TOKEN).await;
}

#[tokio::test]
async fn oidcc_client_test_invalid_aud() {
    for audience in [another_client(), json!([another_client()]), json!([]), json!(7), json!(format!("{CLIENT}1"))] {
        let suite = Suite::new().await;
        suite.id_token(Endpoint::Code, move |token| token.claims["aud"] = audience.clone());
        suite.stops(502, ID_TOKEN).await;
    }
}

#[tokio::test]
async fn oidcc_client_test_missing_iat() {
    let suite = Suite::new().await;
    suite.id_token(Endpoint::Code, |token| token.remove("iat"));
    suite.stops(502, ID_TOKEN).await;
}

#[tokio::test]
async fn oidcc_client_test_kid_absent_single_jwks() {
    let suite = Suite::new().await;
    let mut only = Keys::first().rsa();
    only.as_object_mut().unwrap().shift_remove("kid");
    suite.lists(vec![only]);
    suite.id_token(Endpoint::Code, |token| token.without_kid());
    suite.completes().await;
}

#[tokio::test]
async fn oidcc_client_test_kid_absent_multiple_jwks() {
    let suite = Suite::new().await;
    // The one that signed comes last.
    suite.lists([Keys::second().public(), Keys::first().public()].concat());
    suite.id_token(Endpoint::Code, |token| token.without_kid());
    suite.completes().await;
    // None of several: every one is tried, and then it is over.
    let suite = Suite::new().await;
    suite.lists(Keys::second().public());
    suite.id_token(Endpoint::Code, |token| token.without_kid());
    suite.stops(502, SIGNATURE).await;
}

#[tokio::test]
async fn oidcc_client_test_idtoken_sig_rs256() {
    let suite = Suite::with(|setup| setup.set("provider", "id_token_algs", "[\"RS256\"]")).await;
    suite.signs("RS256", Keys::first());
    suite.completes().await;
}

#[tokio::test]
async fn oidcc_client_test_idtoken_sig_none() {
    for name in ["none", "None", "NONE", "nOnE", ""] {
        let suite = Suite::new().await;
        suite.id_token(Endpoint::Code, move |token| {
            token.sign_with("none");
            token.header["alg"] = json!(name);
            token.signed = false;
        });
        suite.stops(502, ID_TOKEN).await;
    }
}

#[tokio::test]
async fn oidcc_client_test_invalid_sig_rs256() {
    let suite = Suite::new().await;
    suite.id_token(Endpoint::Code, |token| token.corrupt = true);
    suite.stops(502, SIGNATURE).await;
}

#[tokio::test]
async fn oidcc_client_test_userinfo_invalid_sub() {
    // Of another user, and of none.
    for sub in [json!("another-subject"), json!(null), json!(7), json!("")] {
        let unsaid = !sub.is_string();
        let suite = Suite::new().await;
        suite.answers(Endpoint::UserInfo, move |claims| claims["sub"] = sub.clone());
        let status = if unsaid { 502 } else { 403 };
        suite.stops(status, &[Endpoint::Code, Endpoint::Jwks, Endpoint::UserInfo]).await;
    }
}

#[tokio::test]
async fn oidcc_client_test_nonce_invalid() {
    let suite = Suite::new().await;
    suite.id_token(Endpoint::Code, |token| {
        let sent = token.claims["nonce"].as_str().unwrap();
        token.claims["nonce"] = json!(format!("{sent}1"));
    });
    suite.stops(502, ID_TOKEN).await;
}

#[tokio::test]
async fn oidcc_client_test_scope_userinfo_claims() {
    let suite = Suite::with(|setup| {
        setup.set("provider", "scopes", r#"["openid", "profile", "email", "phone"]"#);
        let headers = r#"{ "X-Forwarded-User" = "sub", "X-Forwarded-Email" = "email", "X-Phone" = "phone_number", "X-Given" = "given_name" }"#;
        setup.set("identity", "headers", headers);
    })
    .await;
    suite.completes().await;
    let asked = suite.world.browser().load(PAGE).await.location_param("scope");
    assert_eq!(asked.as_deref(), Some("openid profile email phone"));
    // Said by user info alone.
    assert_eq!(suite.world.told("x-phone").as_deref(), Some("99112233"));
    assert_eq!(suite.world.told("x-given").as_deref(), Some("%D0%91%D0%B0%D1%82"));
}

#[tokio::test]
async fn oidcc_client_test_client_secret_basic() {
    // Reserved in forms, in Basic, or in both.
    let (id, secret) = ("client:one/a b", "s3cret+%/:&=?ABCDEFGHIJKLMNOPQRSTUVWXYZ \"é\"");
    let suite = Suite::with(|setup| {
        setup.set("provider", "client_id", &format!("{id:?}"));
        setup.set("provider", "client_secret", &format!("{secret:?}"));
        let client = Client::confidential(id, &setup.redirect_uri(), secret);
        setup.options.clients = vec![Client { pkce: true, ..client }];
    })
    .await;
    suite.completes().await;
    let code = suite.last(Endpoint::Code);
    assert!(code.param("client_id").is_none() && code.param("client_secret").is_none(), "Basic alone: {code:?}");
    let basic = code.header("authorization").unwrap().strip_prefix("Basic ").unwrap().to_owned();
    let basic = String::from_utf8(STANDARD.decode(basic).unwrap()).unwrap();
    assert!(basic.starts_with("client%3Aone%2Fa+b:s3cret%2B%25%2F%3A%26"), "both halves form-encoded: {basic}");

    // The wrong secret is the operator's mistake, and nothing is tried a second time.
    let suite = Suite::with(|setup| setup.set("provider", "client_secret", &format!("\"{SECRET}x\""))).await;
    suite.stops(502, &[Endpoint::Code]).await;
}
