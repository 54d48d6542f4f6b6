//! The rest of the plan of everything that a relying party may meet (`oidcc-client-test-plan`), as far as it is about the code flow: more signatures,
//! user info, hashes, other ways to begin and to come back.

use std::net::TcpListener;

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use http::HeaderValue;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use tokigate::demo::provider::{Endpoint, Fault, Rewrite};

use super::front::{Front, file};
use super::jose::{Keys, Token, base64};
use super::suite::{PAGE, Suite, another_client};
use crate::world::{Ask, BAT, CLIENT, Setup};

const ID_TOKEN: &[Endpoint] = &[Endpoint::Code, Endpoint::Jwks];
const SIGNATURE: &[Endpoint] = &[Endpoint::Code, Endpoint::Jwks, Endpoint::Jwks];
const USER_INFO: &[Endpoint] = &[Endpoint::Code, Endpoint::Jwks, Endpoint::UserInfo];

#[tokio::test]
async fn oidcc_client_test_missing_aud() {
    let suite = Suite::new().await;
    suite.id_token(Endpoint::Code, |token| token.remove("aud"));
    suite.stops(502, ID_TOKEN).await;
}

#[tokio::test]
async fn oidcc_client_test_invalid_sig_es256() {
    let suite = Suite::new().await;
    suite.signs("ES256", Keys::first());
    suite.id_token(Endpoint::Code, |token| token.corrupt = true);
    suite.stops(502, SIGNATURE).await;
}

#[tokio::test]
async fn oidcc_client_test_invalid_sig_hs256() {
    // Nor one that is right: a MAC with the client's secret is nobody's signature here.
    for corrupt in [true, false] {
        let suite = Suite::new().await;
        suite.signs("HS256", Keys::first());
        suite.id_token(Endpoint::Code, move |token| token.corrupt = corrupt);
        suite.stops(502, ID_TOKEN).await;
    }
}

#[tokio::test]
async fn oidcc_client_test_nonce_unless_code_flow() {
    let suite = Suite::new().await;
    let mut nonces = Vec::new();
    for _ in 0..20 {
        nonces.extend(suite.world.browser().load(PAGE).await.location_param("nonce"));
    }
    nonces.sort();
    nonces.dedup();
    assert_eq!(nonces.len(), 20, "in the code flow too, and each time another one");
    // It is asked back for as well.
    suite.id_token(Endpoint::Code, |token| token.remove("nonce"));
    suite.stops(502, ID_TOKEN).await;
}

#[tokio::test]
async fn oidcc_client_test_userinfo_bearer_header() {
    let suite = Suite::with(|setup| setup.set("identity", "access_token", "\"x-forwarded-access-token\"")).await;
    suite.completes().await;
    let call = suite.last(Endpoint::UserInfo);
    let token = suite.world.told("x-forwarded-access-token").unwrap();
    assert_eq!(call.header("authorization"), Some(&*format!("Bearer {token}")));
    assert_eq!((call.method.as_str(), call.params.0.len()), ("GET", 0), "in the header, and nowhere else");
}

#[tokio::test]
async fn oidcc_client_test_userinfo_bearer_body() {
    // A provider that takes the token in a form's body alone does not get it there: RFC 6750 §2.1 makes the header the way that works everywhere.
    let suite = Suite::new().await;
    let refused = Fault::status(400, r#"{"error":"invalid_request"}"#);
    suite.world.provider.faults().set(Endpoint::UserInfo, refused);
    suite.stops(502, USER_INFO).await;
    let call = suite.last(Endpoint::UserInfo);
    assert!(call.params.get("access_token").is_none() && call.method == "GET", "{call:?}");
}

/// User info comes as a JWT (OpenID Connect Core §5.3.2), and `change` is what is wrong with it.
async fn signed_user_info(mode: &str, change: impl Fn(&mut Token) + Send + Sync + 'static) -> Suite {
    let suite = Suite::with(|setup| setup.set("provider", "userinfo", &format!("{mode:?}"))).await;
    let issuer = suite.issuer.clone();
    let signed = Rewrite::new(move |answer| {
        let mut token = Token { claims: serde_json::from_slice(answer.body()).unwrap(), ..Token::new(Keys::first()) };
        token.claims["iss"] = json!(issuer);
        token.claims["aud"] = json!(CLIENT);
        change(&mut token);
        let mut answer = answer.map(|_| Bytes::from(token.compact()));
        answer.headers_mut().insert("content-type", HeaderValue::from_static("application/jwt"));
        answer
    });
    suite.world.provider.faults().set(Endpoint::UserInfo, Fault::Rewrite(signed));
    suite
}

#[tokio::test]
async fn oidcc_client_test_userinfo_signed() {
    signed_user_info("required", |_| {}).await.completes().await;
    type Change = fn(&mut Token);
    let wrong: [(Change, &[Endpoint]); 7] = [
        (|token| token.claims["iss"] = json!("https://evil.example/"), &[]),
        (|token| token.claims["aud"] = another_client(), &[]),
        (|token| token.remove("aud"), &[]),
        (|token| token.header = json!({ "alg": "none" }), &[]),
        (|token| token.sign_with("HS256"), &[]),
        (|token| token.header["typ"] = json!("at+jwt"), &[]),
        (|token| token.corrupt = true, &[Endpoint::Jwks]),
    ];
    for (change, more) in wrong {
        signed_user_info("required", change).await.stops(502, &[USER_INFO, more].concat()).await;
    }
    let of_another = |token: &mut Token| token.claims["sub"] = json!("another-subject");
    signed_user_info("required", of_another).await.stops(403, USER_INFO).await;
    // Where it may fail, nothing of it counts.
    let suite = signed_user_info("optional", |token| token.corrupt = true).await;
    assert_eq!(suite.browser.sign_in(BAT, PAGE).await.status, 200);
    assert_eq!(suite.world.told("x-forwarded-user"), Some(suite.sub()), "who it is, the ID token says");
    assert_eq!(suite.world.told("x-forwarded-email"), None);
}

#[tokio::test]
async fn oidcc_client_test_invalid_athash() {
    let suite = Suite::new().await;
    let hash_of = |text: &str| base64(&digest(&SHA256, text.as_bytes()).as_ref()[..16]);
    let other = hash_of("another access token");
    suite.id_token(Endpoint::Code, move |token| token.claims["at_hash"] = json!(other));
    suite.stops(502, ID_TOKEN).await;

    let suite = Suite::new().await;
    suite.answers(Endpoint::Code, move |answer| {
        let mut token = Token::of(answer["id_token"].as_str().unwrap(), "RS256", Keys::first());
        token.claims["at_hash"] = json!(hash_of(answer["access_token"].as_str().unwrap()));
        answer["id_token"] = token.compact().into();
    });
    suite.completes().await;
}

#[tokio::test]
async fn oidcc_client_test_missing_athash() {
    // The code flow may leave it out (OpenID Connect Core §3.1.3.6); the module is about flows in which the token comes by the browser.
    let suite = Suite::new().await;
    suite.id_token(Endpoint::Code, |token| assert_eq!(token.claims["at_hash"], json!(null)));
    suite.completes().await;
}

/// Claims that are somewhere else (OpenID Connect Core §5.6.2) are left there.
async fn claims_from_elsewhere(sources: impl Fn(&str) -> Value) {
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let address = format!("http://{}/claims", elsewhere.local_addr().unwrap());
    let suite = Suite::with(|setup| {
        let headers = r#"{ "X-Forwarded-User" = "sub", "X-Forwarded-Email" = "email", "X-Score" = "credit_score" }"#;
        setup.set("identity", "headers", headers);
    })
    .await;
    let sources = sources(&address);
    let said = json!({ "_claim_names": { "credit_score": "src1" }, "_claim_sources": { "src1": sources } });
    let (in_token, in_info) = (said.clone(), said);
    suite.id_token(Endpoint::Code, move |token| extend(&mut token.claims, &in_token));
    suite.answers(Endpoint::UserInfo, move |claims| extend(claims, &in_info));
    suite.completes().await;
    assert_eq!(suite.world.told("x-score"), None);
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert!(elsewhere.accept().is_err(), "nobody went there");
}

fn extend(claims: &mut Value, more: &Value) {
    let more = more.as_object().unwrap().clone();
    claims.as_object_mut().unwrap().extend(more);
}

#[tokio::test]
async fn oidcc_client_test_aggregated_claims() {
    claims_from_elsewhere(|_| {
        let claims = json!({ "credit_score": 650, "sub": "another-subject" });
        json!({ "JWT": Token { claims, ..Token::new(Keys::first()) }.compact() })
    })
    .await;
}

#[tokio::test]
async fn oidcc_client_test_distributed_claims() {
    claims_from_elsewhere(|address| json!({ "endpoint": address, "access_token": "ksj3n283dke" })).await;
}

#[tokio::test]
async fn oidcc_client_test_form_post_error() {
    let suite = Suite::new().await;
    let start = suite.browser.load(PAGE).await;
    let (state, back) = (start.location_param("state").unwrap(), suite.browser.at_provider(&start, BAT).await);
    // A form of another site: none of the gate's cookies come along.
    let posted = Ask::page_from_elsewhere("/oauth2/callback").form(&format!("error=access_denied&state={state}"));
    let reply = suite.browser.send(posted).await;
    assert_eq!(reply.status, 405, "{reply}");
    assert_eq!((reply.header("allow"), reply.set_cookies().len()), (Some("GET"), 0), "{reply}");
    assert_eq!(suite.calls(), [Endpoint::Discovery, Endpoint::Authorize]);
    // And the sign-in that is under way is as it was.
    let done = suite.browser.come_back(&back).await;
    assert_eq!(suite.browser.inside(&done.location()).as_deref(), Some(PAGE), "{done}");
}

/// A provider whose token endpoint is for clients with certificates, and said to be elsewhere for all others.
async fn behind_certificates(change: impl FnOnce(&mut Setup)) -> (Suite, Front) {
    let mut front = None;
    let suite = Suite::begun(
        |setup| {
            setup.unset("provider", "client_secret");
            setup.set("provider", "ca_file", &format!("{:?}", file("ca.pem")));
            setup.options.clients.clear();
            change(setup);
        },
        |suite| {
            let Front { port, .. } = *front.insert(Front::before(suite.world.provider.address()));
            suite.answers(Endpoint::Discovery, move |metadata| {
                let token = metadata["token_endpoint"].as_str().unwrap();
                let alias = format!("https://localhost:{port}{}", url::Url::parse(token).unwrap().path());
                metadata["token_endpoint"] = json!("http://127.0.0.1:9/token");
                metadata["mtls_endpoint_aliases"] = json!({ "token_endpoint": alias });
            });
        },
    )
    .await;
    suite.world.until_degraded(false).await;
    (suite, front.expect("made before the gate"))
}

#[tokio::test]
async fn oidcc_client_test_mtls_endpoint_aliases() {
    let (suite, front) = behind_certificates(|setup| {
        setup.set("provider", "client_auth", "\"tls_client_auth\"");
        setup.set("provider", "tls_cert_file", &format!("{:?}", file("client.pem")));
        setup.set("provider", "tls_key_file", &format!("{:?}", file("client.key")));
    })
    .await;
    suite.completes().await;
    suite.world.turn(61);
    assert_eq!(suite.browser.load("/deep/refreshed").await.status, 200);
    assert_eq!((suite.count(Endpoint::Code), suite.count(Endpoint::Refresh)), (1, 1));
    assert_eq!(front.shown.lock().unwrap().len(), 2, "the certificate, for the code and for the refresh");
    assert_eq!(suite.last(Endpoint::Code).param("client_id"), Some(CLIENT), "RFC 8705 §2");
    // Who has none to show is not led there.
    let (suite, front) = behind_certificates(|setup| setup.set("provider", "client_auth", "\"none\"")).await;
    suite.stops(502, &[]).await;
    assert!(front.shown.lock().unwrap().is_empty());
}

#[tokio::test]
async fn oidcc_client_test_3rd_party_init_login() {
    let suite = Suite::with(|setup| setup.set("provider", "start_params", "[\"login_hint\"]")).await;
    let origin = suite.world.setup.public_url.clone();
    let query = |iss: &str, target: &str| {
        let target = utf8_percent_encode(target, NON_ALPHANUMERIC);
        format!("/oauth2/start?iss={iss}&login_hint=bat&target_link_uri={target}")
    };
    let ours = suite.issuer.clone();
    for (iss, target, lands_at) in [
        (&*ours, &*format!("{origin}{PAGE}"), PAGE),
        (&ours, PAGE, PAGE),
        (&ours, "https://evil.example/", "/"),
        (&ours, "", "/"),
        ("https%3A%2F%2Fevil.example", PAGE, PAGE),
        ("https%3A%2F%2Fevil.example", "//evil.example", "/"),
    ] {
        let browser = suite.world.browser();
        let to_provider = browser.send(Ask::page_from_elsewhere(&query(iss, target))).await;
        assert!(to_provider.location().starts_with(&suite.issuer), "no other provider but ours: {to_provider}");
        assert!(!to_provider.location().contains("evil"), "{to_provider}");
        assert_eq!(to_provider.location_param("login_hint").as_deref(), Some("bat"), "where `start_params` has it");
        let back = browser.at_provider(&to_provider, BAT).await;
        let landed = browser.come_back(&back).await.location();
        assert_eq!(browser.inside(&landed).as_deref(), Some(lands_at), "{target}: on this site");
        assert!(browser.is_signed_in().await);
    }
    // `initiate_login_uri` alone is enough to sign in.
    assert_eq!(suite.world.browser().sign_in_by("/oauth2/start", BAT).await, "/");
    // What begins ahead of time, or by a script, begins nothing.
    let stealthy = Ask::script(&query(&ours, PAGE)).with("sec-fetch-site", "cross-site");
    assert_eq!(suite.world.curl(stealthy).await.status, 401);
}
