use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation};
use url::Url;

use super::super::*;
use super::world::*;

#[tokio::test]
async fn a_person_signs_in_and_user_info_comes_in_an_envelope() {
    let world = World::toki().await;
    let page = world.browser.get(world.address(&world.request())).send().await.unwrap();
    assert!(page.text().await.unwrap().contains("Бат Дорж"));

    let tokens = world.signed_in().await;
    assert_eq!(text(&tokens, "userId"), BAT);
    assert_eq!(tokens["expires_in"], 60);
    let (status, info) = world.user_info(text(&tokens, "access_token"), BAT).await;
    assert_eq!((status.as_u16(), text(&info["data"], "firstName"), text(&info["data"], "userId")), (200, "Бат", BAT));
}

#[tokio::test]
async fn the_answer_brings_back_the_state_as_it_was() {
    let world = World::toki().await;
    let refused = world.decide(&world.request(), &vec![("decision", "refuse")]).await;
    assert_eq!(refused.status(), 303);
    assert_eq!(answer(&refused, "error").as_deref(), Some("access_denied"));
    assert_eq!(answer(&refused, "state").as_deref(), Some("st & ate"));
}

#[tokio::test]
async fn a_browser_that_was_here_goes_straight_on_unless_asked_to_sign_in_again() {
    let world = World::toki().await;
    world.code(&world.request()).await;
    let again = world.browser.get(world.address(&world.request())).send().await.unwrap();
    assert!(answer(&again, "code").is_some());

    let mut request = world.request();
    request.push(("prompt", "login"));
    assert_eq!(world.browser.get(world.address(&request)).send().await.unwrap().status(), 200);
    world.provider.forget_browsers();
    assert_eq!(world.browser.get(world.address(&world.request())).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_request_from_nobody_known_is_sent_nowhere() {
    let world = World::toki().await;
    let near_misses = [
        ("client_id", "9C6DBBD8-0000-4000-8000-000000000000"),
        ("redirect_uri", "http://127.0.0.1:4180/oauth2/callback/"),
        ("redirect_uri", "http://localhost:4180/oauth2/callback"),
        ("redirect_uri", ""),
    ];
    for (name, value) in near_misses {
        let mut request = world.request();
        request.iter_mut().filter(|(known, _)| *known == name).for_each(|pair| pair.1 = value);
        let response = world.decide(&request, &vec![("user", BAT), ("decision", "allow")]).await;
        assert_eq!((response.status().as_u16(), response.headers().get("location")), (400, None), "{name}={value}");
    }
}

#[tokio::test]
async fn a_flawed_request_goes_back_with_its_error() {
    let world = World::toki().await;
    let flaws = [
        ("response_type", "token", "unsupported_response_type"),
        ("response_type", "", "invalid_request"),
        ("code_challenge", "", "invalid_request"),
        ("code_challenge", "tooshort", "invalid_request"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("code_challenge_method", "", "invalid_request"),
        ("scope", "openid  twice-spaced", "invalid_scope"),
    ];
    for (name, value, error) in flaws {
        let mut request = world.request();
        request.iter_mut().filter(|(known, _)| *known == name).for_each(|pair| pair.1 = value);
        let response = world.decide(&request, &vec![("user", BAT), ("decision", "allow")]).await;
        assert_eq!(answer(&response, "error").as_deref(), Some(error), "{name}={value}");
    }
    let mut request = world.request();
    request.push(("nonce", "twice"));
    let response = world.decide(&request, &vec![("user", BAT), ("decision", "allow")]).await;
    assert_eq!(answer(&response, "error").as_deref(), Some("invalid_request"));
}

#[tokio::test]
async fn a_code_is_good_once_and_a_second_use_takes_back_what_the_first_gave() {
    let world = World::toki().await;
    let code = world.code(&world.request()).await;
    let (_, tokens) = world.token(&world.exchange(&code)).await;
    let (status, refused) = world.token(&world.exchange(&code)).await;
    assert_eq!((status.as_u16(), text(&refused, "error")), (400, "invalid_grant"));

    assert_eq!(world.user_info(text(&tokens, "access_token"), BAT).await.0, 401);
    assert_eq!(world.refresh(text(&tokens, "refresh_token")).await.0, 400);
    assert_eq!(world.provider.calls().facts().codes_reused, 1);
}

#[tokio::test]
async fn a_code_lives_sixty_seconds() {
    let world = World::toki().await;
    let (in_time, late) = (world.code(&world.request()).await, world.code(&world.request()).await);
    world.turn(59);
    assert_eq!(world.token(&world.exchange(&in_time)).await.0, 200);
    world.turn(1);
    assert_eq!(world.token(&world.exchange(&late)).await.0, 400);
}

#[tokio::test]
async fn everything_in_a_token_request_is_looked_at() {
    let world = World::toki().await;
    let long = "v".repeat(129);
    let flaws = [
        ("code_verifier", "another-verifier-of-43-unreserved-characters", "invalid_grant"),
        ("code_verifier", "", "invalid_grant"),
        ("code_verifier", "short", "invalid_request"),
        ("code_verifier", long.as_str(), "invalid_request"),
        ("code_verifier", "a verifier of 43 characters that has spaces", "invalid_request"),
        ("redirect_uri", "http://127.0.0.1:4180/oauth2/callback?", "invalid_grant"),
        ("redirect_uri", "", "invalid_request"),
        ("client_id", "9c6dbbd8-0000-4000-8000-000000000001", "invalid_client"),
        ("client_id", "", "invalid_request"),
        ("grant_type", "password", "unsupported_grant_type"),
        ("code", "guessed", "invalid_grant"),
    ];
    for (name, value, error) in flaws {
        let code = world.code(&world.request()).await;
        let mut form = world.exchange(&code);
        form.iter_mut().filter(|(known, _)| *known == name).for_each(|pair| pair.1 = value);
        assert_eq!(text(&world.token(&form).await.1, "error"), error, "{name}={value}");
    }
    let code = world.code(&world.request()).await;
    let mut twice = world.exchange(&code);
    twice.push(("client_id", CLIENT));
    assert_eq!(text(&world.token(&twice).await.1, "error"), "invalid_request");

    let address = format!("{}/oauth2/token", world.provider.url());
    let code = world.code(&world.request()).await;
    let form = world.exchange(&code);
    let mislabelled = world.browser.post(&address).form(&form).header("content-type", "text/plain");
    assert_eq!(mislabelled.send().await.unwrap().status(), 400);
    let in_the_address = world.browser.post(Url::parse_with_params(&address, &form).unwrap()).form(&form);
    assert_eq!(in_the_address.send().await.unwrap().status(), 400);
    let proper = world.browser.post(&address).form(&form);
    assert_eq!(proper.send().await.unwrap().status(), 200);
    assert_eq!(world.browser.get(&address).send().await.unwrap().status(), 405);
}

#[tokio::test]
async fn without_pkce_the_secret_in_the_body_is_demanded() {
    let client = Client::confidential(CLIENT, BACK, "a-secret");
    let world = World::with(Options { clients: vec![client], ..Options::toki() }).await;
    let mut request = world.request();
    request.retain(|(name, _)| !name.starts_with("code_challenge"));
    for (secret, status) in [("a-secret", 200), ("another", 401), ("", 401)] {
        let code = world.code(&request).await;
        let mut form = world.exchange(&code);
        form.last_mut().unwrap().clone_from(&("client_secret", secret));
        assert_eq!(world.token(&form).await.0, status, "{secret:?}");
    }
    let code = world.code(&request).await;
    let mut form = world.exchange(&code);
    form.pop();
    let address = format!("{}/oauth2/token", world.provider.url());
    let basic = world.browser.post(address).basic_auth(CLIENT, Some("a-secret")).form(&form).send().await.unwrap();
    assert_eq!(basic.status(), 401, "TOKI knows the secret in the body only");
}

#[tokio::test]
async fn an_openid_provider_takes_basic_instead_but_not_both() {
    let client = Client::confidential(CLIENT, BACK, "a:secret%");
    let world = World::with(Options { clients: vec![client], ..Options::openid() }).await;
    let mut request = world.request();
    request.retain(|(name, _)| !name.starts_with("code_challenge"));
    let address = format!("{}/oauth2/token", world.provider.url());
    for (basic, body, status) in [("a%3Asecret%25", "", 200), ("a%3Asecret%25", "a:secret%", 400), ("wrong", "", 401)] {
        let code = world.code(&request).await;
        let mut form = world.exchange(&code);
        form.last_mut().unwrap().clone_from(&("client_secret", body));
        let asked = world.browser.post(&address).basic_auth(CLIENT, Some(basic)).form(&form);
        assert_eq!(asked.send().await.unwrap().status(), status, "{basic} {body}");
    }
}

#[tokio::test]
async fn a_rotated_refresh_token_used_again_kills_the_family() {
    let world = World::toki().await;
    let first = world.signed_in().await;
    let (status, second) = world.refresh(text(&first, "refresh_token")).await;
    assert_eq!(status, 200);
    assert_eq!(world.user_info(text(&second, "access_token"), BAT).await.0, 200);

    let (status, refused) = world.refresh(text(&first, "refresh_token")).await;
    assert_eq!((status.as_u16(), text(&refused, "error")), (400, "invalid_grant"));
    assert_eq!(world.refresh(text(&second, "refresh_token")).await.0, 400);
    assert_eq!(world.user_info(text(&second, "access_token"), BAT).await.0, 401);
    let facts = world.provider.calls().facts();
    assert_eq!((facts.rotated_tokens_reused, facts.families_revoked), (1, 1));
}

#[tokio::test]
async fn an_access_token_ends_in_time_and_serves_its_own_user_only() {
    let world = World::toki().await;
    let tokens = world.signed_in().await;
    let access = text(&tokens, "access_token");
    assert_eq!(world.user_info(access, "100002").await.0, 403);
    assert_eq!(world.user_info("guessed", BAT).await.0, 401);
    let nameless = world.browser.get(format!("{}/oauth2/userinfo", world.provider.url())).bearer_auth(access);
    assert_eq!(nameless.send().await.unwrap().status(), 400);
    world.turn(60);
    assert_eq!(world.user_info(access, BAT).await.0, 401);
}

#[tokio::test]
async fn an_id_token_verifies_with_the_published_keys() {
    for algorithm in [Algorithm::Rs256, Algorithm::Es256] {
        let clients = vec![Client::public(CLIENT, BACK)];
        let world = World::with(Options { clients, algorithm, ..Options::openid() }).await;
        let metadata: Value = get_json(&world, "/.well-known/openid-configuration").await;
        assert_eq!(text(&metadata, "issuer"), world.provider.url());
        let keys: JwkSet = serde_json::from_value(get_json(&world, "/oauth2/jwks").await).unwrap();

        let verify = |tokens: &Value| {
            let token = text(tokens, "id_token");
            let header = jsonwebtoken::decode_header(token).unwrap();
            let key = DecodingKey::from_jwk(keys.find(&header.kid.unwrap()).unwrap()).unwrap();
            let mut validation = Validation::new(header.alg);
            validation.set_audience(&[CLIENT]);
            validation.set_issuer(&[world.provider.url()]);
            validation.validate_exp = false;
            jsonwebtoken::decode::<Value>(token, &key, &validation).map(|token| token.claims)
        };
        let claims = verify(&world.signed_in().await).unwrap();
        assert_eq!((text(&claims, "nonce"), claims["auth_time"].as_u64()), ("once", Some(1_800_000_000)));
        assert_eq!(claims["exp"], 1_800_003_600);

        world.provider.faults().next(Endpoint::Code, 1, Fault::BadSignature);
        assert!(verify(&world.signed_in().await).is_err());
        world.provider.faults().next(Endpoint::Code, 1, Fault::WrongAudience);
        assert!(verify(&world.signed_in().await).is_err());
        assert!(verify(&world.signed_in().await).is_ok());
    }
}

#[tokio::test]
async fn toki_publishes_no_discovery() {
    let world = World::toki().await;
    let address = format!("{}/.well-known/openid-configuration", world.provider.url());
    assert_eq!(world.browser.get(address).send().await.unwrap().status(), 404);
}
