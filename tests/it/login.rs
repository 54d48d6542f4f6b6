//! Sign-in, from the address that was asked for back to it: issue 2 §2, security.md 2.1.

use std::collections::HashSet;

use tokigate::demo::provider::{Client, Endpoint, Users};

use crate::world::{Ask, BAT, CLIENT, SARAA, SECRET, Setup, World, free_port};

/// Targets as a browser sends them, each of which must come back as it is.
const TARGETS: [&str; 12] = [
    "/",
    "/deep/a/b?c=d&e=f",
    "/deep/%D0%91%D0%B0%D1%82?q=%D1%8F+b%20c",
    "/deep/a%2Fb%2f..%2Fc?x=%zz&&=&y",
    "/deep/a?next=/b?c=d&e=https://elsewhere.example/",
    "/deep/;v=1/(a)*'!,:@/~?[]{}|",
    "/deep/a+b&c=d",
    "/deep/?",
    "/deep/x?a='quoted'&b=~",
    "/deep//twice//slashed/",
    "/deep/a/../b/./c",
    "/?rd=/oauth2/sign_out",
];

#[tokio::test]
async fn a_person_lands_on_the_very_address_that_was_asked_for() {
    let world = World::new().await;
    for target in TARGETS {
        let page = world.browser().sign_in(BAT, target).await;
        assert!(page.header("x-sample-app").is_some(), "{target}: {page}");
        assert_eq!(world.seen().last().map(String::as_str), Some(target));
        assert_eq!(world.told("x-forwarded-user").as_deref(), Some(BAT), "{target}");
    }
}

#[tokio::test]
async fn the_application_sees_nothing_of_a_stranger() {
    let world = World::new().await;
    world.browser().load("/deep/a").await;
    world.browser().fetch("/deep/a").await;
    assert_eq!(world.seen(), Vec::<String>::new());
}

#[tokio::test]
async fn the_authorization_request_is_what_tokis_guide_says() {
    let world = World::new().await;
    let start = world.browser().load("/deep/a?b").await;
    assert_eq!(start.status, 302);
    assert_eq!(start.header("cache-control"), Some("no-store"));
    let url = url::Url::parse(&start.location()).unwrap();
    assert_eq!(url.as_str().split('?').next().unwrap(), format!("{}/oauth2/authorize", world.provider.url()));
    let mut names: Vec<String> = url.query_pairs().map(|(name, _)| name.into_owned()).collect();
    names.sort();
    let all = [
        "client_id",
        "code_challenge",
        "code_challenge_method",
        "nonce",
        "redirect_uri",
        "response_type",
        "scope",
        "state",
    ];
    assert_eq!(names, all);
    let param = |name| start.location_param(name).unwrap();
    assert_eq!(param("response_type"), "code");
    assert_eq!(param("client_id"), CLIENT);
    assert_eq!(param("redirect_uri"), world.setup.redirect_uri());
    assert_eq!(param("scope"), "openid offline_access");
    assert_eq!(param("code_challenge_method"), "S256");
    assert_eq!(param("code_challenge").len(), 43);
    // 128 bits of base64url are 22 characters.
    assert!(param("nonce").len() >= 22 && param("state").len() >= 22);
    assert!(param("state").bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.~".contains(&b)));
}

#[tokio::test]
async fn state_nonce_and_challenge_are_fresh_for_every_attempt() {
    let world = World::new().await;
    let mut seen = HashSet::new();
    for _ in 0..200 {
        let start = world.browser().load("/").await;
        for name in ["state", "nonce", "code_challenge"] {
            assert!(seen.insert(start.location_param(name).unwrap()), "{name} came twice");
        }
    }
}

#[tokio::test]
async fn the_code_is_spent_once_with_the_verifier_in_the_body_and_nothing_in_the_address() {
    let world = World::new().await;
    world.signed_in(BAT).await;
    let calls = world.provider.calls().of(Endpoint::Token);
    assert_eq!(calls.len(), 1);
    let call = &calls[0];
    assert_eq!((call.method.as_str(), call.target.as_str()), ("POST", "/oauth2/token"));
    let mut names: Vec<&str> = call.params.0.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["client_id", "code", "code_verifier", "grant_type", "redirect_uri"]);
    assert_eq!(call.param("redirect_uri"), Some(world.setup.redirect_uri().as_str()));
    // 256 bits of base64url are 43 characters; RFC 7636 §4.1 allows 128.
    assert!((43..=128).contains(&call.param("code_verifier").unwrap().len()));
    assert_eq!(call.header("authorization"), None);
}

#[tokio::test]
async fn user_info_is_asked_about_the_user_of_the_token_answer_with_the_token_in_the_head() {
    let world = World::new().await;
    world.signed_in(SARAA).await;
    let call = world.provider.calls().last(Endpoint::UserInfo).unwrap();
    assert_eq!((call.method.as_str(), call.target.as_str()), ("GET", "/oauth2/userinfo?userId=100002"));
    assert!(call.header("authorization").unwrap().starts_with("Bearer "));
    assert_eq!(call.status, Some(200));
}

#[tokio::test]
async fn the_user_info_address_is_filled_percent_encoded_whatever_the_identifier_holds() {
    let id = "Б 1/2&userId=100001?#%41";
    let people = std::env::temp_dir().join(format!("tokigate-people-{}.json", free_port()));
    std::fs::write(&people, serde_json::json!([{ "userId": id, "name": "Odd" }]).to_string()).unwrap();
    let users = Users::from_file(&people).unwrap();
    std::fs::remove_file(&people).unwrap();
    let world = World::with(|setup| setup.options.users = users).await;
    let encoded = percent_encoding::utf8_percent_encode(id, percent_encoding::NON_ALPHANUMERIC).to_string();
    world.signed_in(&encoded).await;
    let call = world.provider.calls().last(Endpoint::UserInfo).unwrap();
    assert_eq!((call.param("userId"), call.status), (Some(id), Some(200)), "{}", call.target);
    let told = world.told("x-forwarded-user").unwrap();
    assert_eq!(percent_encoding::percent_decode_str(&told).decode_utf8().unwrap(), id);
}

#[tokio::test]
async fn without_pkce_the_secret_goes_in_the_body_and_no_challenge_before() {
    let world = World::with(|setup| {
        setup.set("provider", "pkce", "false");
        setup.confidential();
    });
    let world = world.await;
    let start = world.browser().load("/").await;
    assert_eq!((start.location_param("code_challenge"), start.location_param("code_challenge_method")), (None, None));
    world.signed_in(BAT).await;
    let call = world.provider.calls().last(Endpoint::Code).unwrap();
    assert_eq!((call.param("client_secret"), call.param("code_verifier")), (Some(SECRET), None));
    assert_eq!(call.header("authorization"), None);
}

#[tokio::test]
async fn with_a_secret_and_pkce_both_are_sent() {
    let world = World::with(Setup::confidential_with_pkce).await;
    world.signed_in(BAT).await;
    let call = world.provider.calls().last(Endpoint::Code).unwrap();
    assert_eq!(call.param("client_secret"), Some(SECRET));
    assert!(call.param("code_verifier").is_some());
}

#[tokio::test]
async fn a_nonce_goes_only_where_openid_is_asked_for() {
    let world = World::with(|setup| setup.set("provider", "scopes", "[\"offline_access\"]")).await;
    let start = world.browser().load("/").await;
    assert_eq!(start.location_param("nonce"), None);
    assert_eq!(start.location_param("scope").as_deref(), Some("offline_access"));
    world.signed_in(BAT).await;
}

#[tokio::test]
async fn the_callback_may_be_anywhere_on_the_origin() {
    let world = World::with(|setup| {
        setup.set("provider", "callback_path", "\"/auth/toki/callback\"");
        let redirect = format!("{}/auth/toki/callback", setup.public_url);
        setup.options.clients = vec![Client::public(CLIENT, &redirect)];
    });
    let world = world.await;
    world.signed_in(BAT).await;
    assert_eq!(world.seen(), ["/deep/start"]);
    // And what would have been the callback is nothing.
    assert_eq!(world.browser().load("/oauth2/callback?code=a&state=b").await.status, 404);
}

#[tokio::test]
async fn a_public_url_with_a_path_keeps_everything_below_it() {
    let world = World::with(|setup| setup.public_url += "/app1").await;
    let page = world.browser().sign_in(BAT, "/app1/deep?x").await;
    assert_eq!((page.status, world.seen()), (404, vec!["/app1/deep?x".to_owned()]));
    assert_eq!(page.header("x-sample-app"), Some("1"));
    let call = world.provider.calls().last(Endpoint::Code).unwrap();
    assert_eq!(call.param("redirect_uri"), Some(format!("{}/oauth2/callback", world.setup.public_url).as_str()));
    for outside in ["/", "/app10/deep", "/app", "/oauth2/start"] {
        assert_eq!(world.browser().load(outside).await.status, 404, "{outside}");
    }
}

#[tokio::test]
async fn the_callback_goes_on_by_redirect_and_the_code_stays_behind() {
    let world = World::new().await;
    let browser = world.browser();
    let back = world.allow(&browser.load("/deep/x").await, BAT).await;
    let done = browser.come_back(&back).await;
    assert_eq!(done.status, 302);
    assert!(!done.location().contains("code="));
    assert_eq!(done.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn with_same_site_strict_the_callback_goes_on_by_a_page() {
    let world = World::with(|setup| setup.session("same_site", "\"Strict\"")).await;
    let browser = world.browser();
    let back = world.allow(&browser.load("/deep/x?y").await, BAT).await;
    let done = browser.come_back(&back).await;
    assert_eq!((done.status, done.is_html()), (200, true), "{done}");
    assert!(done.text().contains("/deep/x?y"), "{done}");
    assert_eq!(browser.load("/deep/x?y").await.status, 200);
    // A link from elsewhere brings no cookie, so it signs in anew.
    assert_eq!(browser.come_back("/deep/x").await.status, 302);
}

#[tokio::test]
async fn a_token_in_the_address_or_in_the_head_signs_nobody_in() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    let token = world.provider.calls().last(Endpoint::UserInfo).unwrap().header("authorization").unwrap().to_owned();
    assert!(browser.is_signed_in().await);
    world.app.requests().clear();
    let bare = token.trim_start_matches("Bearer ").to_owned();
    for ask in [
        Ask::script("/deep/a").with("authorization", &token),
        Ask::script(&format!("/deep/a?access_token={bare}")),
        Ask::script(&format!("/deep/a?token={bare}")),
        Ask::script("/deep/a").with("x-forwarded-user", BAT),
    ] {
        assert_eq!(world.browser().send(ask).await.status, 401);
    }
    assert_eq!(world.seen(), Vec::<String>::new());
}

#[tokio::test]
async fn signing_in_again_gives_a_session_of_its_own_and_ends_the_one_before() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    let before = browser.copy();
    let again = browser.load("/oauth2/start?rd=/deep/again").await;
    let back = browser.at_provider(&again, SARAA).await;
    assert_eq!(browser.come_back(&back).await.status, 302);
    browser.load("/deep/again").await;
    assert_eq!(world.told("x-forwarded-user").as_deref(), Some(SARAA));
    assert_eq!(world.told("x-forwarded-email"), None, "nothing of the one before");
    assert!(!before.is_signed_in().await, "the old cookies are worth nothing");
}

#[tokio::test]
async fn a_planted_host_changes_neither_redirect_uri_nor_destination() {
    let world = World::new().await;
    for (name, value) in [
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "javascript"),
        ("forwarded", "host=evil.example;proto=https"),
        ("x-original-url", "http://evil.example/"),
        ("x-forwarded-uri", "//evil.example/"),
    ] {
        let start = world.browser().send(Ask::page("/deep/a").with(name, value)).await;
        assert_eq!(start.location_param("redirect_uri"), Some(world.setup.redirect_uri()), "{name}");
    }
    for host in ["evil.example", "localhost", "localhost:1", "localhost.evil.example"] {
        let reply = world.curl(Ask::page("/deep/a").with("host", host)).await;
        let kept =
            reply.status == 421 || reply.header("location").is_some_and(|to| to.starts_with(&world.setup.origin()));
        assert!(kept, "{host}: {reply}");
        assert!(reply.set_cookies().is_empty(), "{host}");
    }
}
