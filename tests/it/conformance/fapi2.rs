//! The plan of FAPI 2.0 Security Profile clients (`fapi2-security-profile-final-client-test-plan`), as far as a client without sender-constrained
//! tokens meets it.

use serde_json::json;
use tokigate::demo::provider::{Client, Endpoint, ExpiresIn, Pushing};

use super::discovery::stays_away;
use super::jose::{Keys, Token};
use super::suite::{PAGE, Suite, another_client};
use crate::world::{CLIENT, Setup};

const ID_TOKEN: &[Endpoint] = &[Endpoint::Code, Endpoint::Jwks];

/// FAPI 2.0 §5.3.3 and §5.4.1: a client that signs who it is and pushes its requests; PS256, ES256 or EdDSA.
fn profile(setup: &mut Setup) {
    let keys = Keys::of_the_client();
    setup.unset("provider", "client_secret");
    setup.set("provider", "client_auth", "\"private_key_jwt\"");
    setup.set("provider", "signing_key", &format!("{:?}", keys.elliptic_pem()));
    setup.set("provider", "signing_key_id", "\"ec-client\"");
    setup.set("provider", "id_token_algs", r#"["PS256", "ES256", "EdDSA"]"#);
    setup.options.clients = vec![Client::signing(CLIENT, &setup.redirect_uri(), json!({ "keys": [keys.elliptic()] }))];
    setup.options.pushing = Pushing::Required;
}

async fn suite() -> Suite {
    suite_with(|_| {}).await
}

async fn suite_with(change: impl FnOnce(&mut Setup)) -> Suite {
    let suite = Suite::with(|setup| {
        profile(setup);
        change(setup);
    })
    .await;
    suite.signs("PS256", Keys::first());
    suite
}

#[tokio::test]
async fn fapi2_sp_final_client_test_happy_path() {
    let suite = suite().await;
    let start = suite.world.browser().load(PAGE).await;
    let address = url::Url::parse(&start.location()).unwrap();
    let said: Vec<String> = address.query_pairs().map(|(name, _)| name.into_owned()).collect();
    assert_eq!(said, ["client_id", "request_uri"], "RFC 9126 §4: nothing of the request goes by the browser");
    suite.completes().await;
    for endpoint in [Endpoint::Par, Endpoint::Code] {
        let call = suite.last(endpoint);
        assert!(call.header("authorization").is_none() && call.param("client_secret").is_none(), "{call:?}");
        let assertion = call.param("client_assertion").unwrap();
        let claims = Token::of(assertion, "ES256", Keys::of_the_client()).claims;
        assert_eq!((&claims["iss"], &claims["sub"]), (&json!(CLIENT), &json!(CLIENT)));
        assert_eq!(claims["aud"], json!(suite.issuer), "§5.3.3.1: the issuer alone, as one text");
        assert!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap() <= 300, "{claims}");
    }
    let [pushed, spent] = [Endpoint::Par, Endpoint::Code].map(|endpoint| suite.last(endpoint));
    assert_ne!(pushed.param("client_assertion"), spent.param("client_assertion"), "each once");
    assert_eq!(pushed.param("code_challenge_method"), Some("S256"));
    assert!(spent.param("code_verifier").is_some());
}

#[tokio::test]
async fn fapi2_sp_final_client_test_invalid_iss() {
    let suite = suite().await;
    let other = format!("{}1", suite.issuer);
    suite.id_token(Endpoint::Code, move |token| token.claims["iss"] = json!(other));
    suite.stops(502, ID_TOKEN).await;
}

#[tokio::test]
async fn fapi2_sp_final_client_test_invalid_aud() {
    let suite = suite().await;
    suite.id_token(Endpoint::Code, |token| token.claims["aud"] = another_client());
    suite.stops(502, ID_TOKEN).await;
}

#[tokio::test]
async fn fapi2_sp_final_client_test_invalid_secondary_aud() {
    for audience in [json!([CLIENT, another_client()]), json!([another_client(), CLIENT])] {
        let suite = suite().await;
        suite.id_token(Endpoint::Code, move |token| token.claims["aud"] = audience.clone());
        suite.stops(502, ID_TOKEN).await;
    }
}

#[tokio::test]
async fn fapi2_sp_final_client_test_invalid_null_alg() {
    let suite = suite().await;
    suite.id_token(Endpoint::Code, |token| {
        token.header = json!({ "alg": "none" });
        token.signed = false;
    });
    suite.stops(502, ID_TOKEN).await;
}

#[tokio::test]
async fn fapi2_sp_final_client_test_invalid_alternate_alg() {
    // Signed as well as can be, by the same key, under an algorithm that was not agreed on.
    for algorithm in ["RS256", "RS512", "HS256"] {
        let suite = suite().await;
        suite.id_token(Endpoint::Code, move |token| token.sign_with(algorithm));
        suite.stops(502, ID_TOKEN).await;
    }
}

#[tokio::test]
async fn fapi2_sp_final_client_test_invalid_expired_exp() {
    let suite = suite().await;
    suite.id_token(Endpoint::Code, |token| {
        token.claims["exp"] = json!(token.claims["iat"].as_u64().unwrap() - 301);
    });
    suite.stops(502, ID_TOKEN).await;
}

#[tokio::test]
async fn fapi2_sp_final_client_test_invalid_missing_exp() {
    let suite = suite().await;
    suite.id_token(Endpoint::Code, |token| token.remove("exp"));
    suite.stops(502, ID_TOKEN).await;
}

#[tokio::test]
async fn fapi2_sp_final_client_test_invalid_missing_aud() {
    let suite = suite().await;
    suite.id_token(Endpoint::Code, |token| token.remove("aud"));
    suite.stops(502, ID_TOKEN).await;
}

#[tokio::test]
async fn fapi2_sp_final_client_test_invalid_missing_iss() {
    let suite = suite().await;
    suite.id_token(Endpoint::Code, |token| token.remove("iss"));
    suite.stops(502, ID_TOKEN).await;
}

#[tokio::test]
async fn fapi2_sp_final_client_test_invalid_nonce() {
    let suite = suite().await;
    suite.id_token(Endpoint::Code, |token| token.claims["nonce"] = json!("1"));
    suite.stops(502, ID_TOKEN).await;
}

#[tokio::test]
async fn fapi2_sp_final_client_test_invalid_missing_nonce() {
    let suite = suite().await;
    suite.id_token(Endpoint::Code, |token| token.remove("nonce"));
    suite.stops(502, ID_TOKEN).await;
}

#[tokio::test]
async fn fapi2_sp_final_client_test_valid_aud_as_array() {
    let suite = suite().await;
    suite.id_token(Endpoint::Code, |token| token.claims["aud"] = json!([CLIENT]));
    suite.completes().await;
}

/// Whose answer it is has to be sure before the code in it is worth anything.
async fn stops_before_the_token_call(change: impl Fn(&mut Vec<(String, String)>) + Send + Sync + 'static) {
    let suite = suite().await;
    suite.sends_back(Endpoint::Authorize, change);
    suite.stops(400, &[]).await;
}

fn set(params: &mut [(String, String)], name: &str, value: impl Fn(&str) -> String) {
    let param = params.iter_mut().find(|(known, _)| known == name).unwrap_or_else(|| panic!("no {name}"));
    param.1 = value(&param.1);
}

fn remove(params: &mut Vec<(String, String)>, name: &str) {
    let before = params.len();
    params.retain(|(known, _)| known != name);
    assert_eq!(params.len() + 1, before, "no {name}");
}

#[tokio::test]
async fn fapi2_sp_final_client_test_invalid_authorization_response_iss() {
    stops_before_the_token_call(|params| set(params, "iss", |iss| format!("{iss}1"))).await;
    stops_before_the_token_call(|params| set(params, "iss", |iss| iss.trim_end_matches('/').to_owned())).await;
    stops_before_the_token_call(|params| set(params, "iss", |_| "https://evil.example/".to_owned())).await;
}

#[tokio::test]
async fn fapi2_sp_final_client_test_remove_authorization_response_iss() {
    stops_before_the_token_call(|params| remove(params, "iss")).await;
}

#[tokio::test]
async fn fapi2_sp_final_client_test_ensure_authorization_response_with_invalid_state_fails() {
    stops_before_the_token_call(|params| set(params, "state", |state| format!("{state}1"))).await;
    stops_before_the_token_call(|params| set(params, "state", |state| state[1..].to_owned())).await;
}

#[tokio::test]
async fn fapi2_sp_final_client_test_ensure_authorization_response_with_invalid_missing_state_fails() {
    stops_before_the_token_call(|params| remove(params, "state")).await;
}

#[tokio::test]
async fn fapi2_sp_final_client_test_token_endpoint_response_without_expires_in() {
    let suite = suite().await;
    suite.world.provider.reshape(|answers| answers.expires_in = ExpiresIn::Absent);
    suite.completes().await;
    let left = suite.browser.session().await["token_expires_in_seconds"].as_u64();
    assert!(left.is_some_and(|seconds| seconds <= 3600), "an hour at most: {left:?}");
}

#[tokio::test]
async fn fapi2_sp_final_client_test_token_type_case_insenstivity() {
    for kind in ["bearer", "BEARER", "bEaReR"] {
        let suite = suite().await;
        suite.world.provider.reshape(|answers| answers.token_type = kind);
        suite.completes().await;
    }
    let suite = suite().await;
    suite.world.provider.reshape(|answers| answers.token_type = "mac");
    suite.stops(502, &[Endpoint::Code]).await;
}

#[tokio::test]
async fn fapi2_sp_final_client_test_discovery_issuer_mismatch() {
    let mismatch = |suite: &Suite| {
        let other = format!("{}1", suite.issuer);
        suite.answers(Endpoint::Discovery, move |metadata| metadata["issuer"] = json!(other));
    };
    stays_away(&Suite::begun(profile, mismatch).await).await;
}

#[tokio::test]
async fn fapi2_sp_final_client_refresh_token_test() {
    // Rotating or not (FAPI 2.0 §5.3.2.1 forbids rotation but for emergencies), the new access token counts.
    for rotate in [false, true] {
        let suite = suite_with(|setup| {
            setup.set("identity", "access_token", "\"x-forwarded-access-token\"");
            setup.options.rotate = rotate;
        })
        .await;
        suite.completes().await;
        let first = suite.world.told("x-forwarded-access-token");
        for _ in 0..2 {
            suite.world.turn(61);
            assert_eq!(suite.browser.load("/deep/refreshed").await.status, 200);
        }
        assert_ne!(suite.world.told("x-forwarded-access-token"), first);
        assert_eq!(suite.count(Endpoint::Refresh), 2);
        assert!(suite.last(Endpoint::Refresh).param("client_assertion").is_some());
        assert!(suite.browser.is_signed_in().await);
    }
}
