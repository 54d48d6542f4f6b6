//! Token answers and user info as odd as toki.md allows, and those that no provider should give.

use tokigate::demo::provider::{Answers, Endpoint, ExpiresIn, Fault, UserId};

use crate::world::{BAT, Browser, Reply, World};

#[tokio::test]
async fn odd_answers_sign_in_all_the_same() {
    let world = World::new().await;
    type Change = fn(&mut Answers);
    let odd: [(&str, Change); 12] = [
        ("bearer", |answers| answers.token_type = "bearer"),
        ("BEARER", |answers| answers.token_type = "BEARER"),
        ("digits", |answers| answers.expires_in = ExpiresIn::Text),
        ("no expires_in", |answers| answers.expires_in = ExpiresIn::Absent),
        ("userId is a number", |answers| answers.user_id = UserId::Number),
        ("no refresh token", |answers| answers.refresh_token = false),
        ("no ID token", |answers| answers.id_token = false),
        ("no nonce", |answers| answers.nonce = false),
        ("no envelope", |answers| answers.envelope = false),
        ("no e-mail", |answers| answers.email = false),
        ("large", |answers| answers.access_token_bytes = 2000),
        ("all at once", |answers| {
            *answers = Answers {
                token_type: "bEARER",
                expires_in: ExpiresIn::Text,
                user_id: UserId::Number,
                id_token: false,
                envelope: false,
                email: false,
                ..Answers::default()
            };
        }),
    ];
    for (what, change) in odd {
        world.provider.reshape(|answers| {
            *answers = Answers::default();
            change(answers);
        });
        let page = world.browser().sign_in(BAT, "/deep/odd").await;
        assert_eq!((page.status, world.told("x-forwarded-user").as_deref()), (200, Some(BAT)), "{what}");
        assert_eq!(
            world.told("x-forwarded-preferred-username").as_deref(),
            Some("%D0%91%D0%B0%D1%82 %D0%94%D0%BE%D1%80%D0%B6"),
            "{what}"
        );
    }
}

/// The callback of a browser that was let in while this went wrong.
async fn callback(world: &World, endpoint: Endpoint, fault: Fault) -> (Browser, Reply) {
    let browser = world.browser();
    let start = browser.load("/deep/wanted").await;
    let back = world.allow(&start, BAT).await;
    world.provider.faults().set(endpoint, fault);
    let reply = browser.come_back(&back).await;
    world.provider.faults().clear();
    (browser, reply)
}

/// A page with a request id and without the detail; no session.
async fn is_a_page_without_detail(browser: &Browser, reply: &Reply, what: &str) {
    assert!(reply.is_html(), "{what}: {reply}");
    let id = reply.header("x-request-id").unwrap_or_else(|| panic!("{what}: {reply}"));
    assert!(!id.is_empty() && reply.text().contains(id), "{what}: {reply}");
    for detail in ["Maintenance", "SENTINEL", "expected value", "127.0.0.1", "code_verifier", "os error"] {
        assert!(!reply.text().contains(detail), "{what}: {detail} in {reply}");
    }
    assert!(!browser.is_signed_in().await, "{what}");
    assert_eq!(browser.names(), Vec::<String>::new(), "{what}: the attempt is over");
}

fn token(fields: &str) -> Fault {
    Fault::status(200, &format!("{{{fields}}}"))
}

#[tokio::test]
async fn a_token_endpoint_that_fails_ends_in_the_page_that_fits() {
    let world = World::new().await;
    let failures: Vec<(&str, Fault, &[u16])> = vec![
        ("invalid_grant", Fault::InvalidGrant, &[400]),
        (
            "invalid_grant, said at length",
            Fault::status(400, r#"{"error":"invalid_grant","error_description":"SENTINEL"}"#),
            &[400],
        ),
        (
            "invalid_client",
            Fault::status(401, r#"{"error":"invalid_client","error_description":"SENTINEL"}"#),
            &[500, 502],
        ),
        ("unauthorized_client", Fault::status(400, r#"{"error":"unauthorized_client"}"#), &[500, 502]),
        ("500", Fault::status(500, "SENTINEL"), &[502]),
        ("503", Fault::html(503), &[502, 503]),
        ("a page", Fault::html(200), &[502]),
        ("a closed connection", Fault::HangUp, &[502]),
        ("a lost answer", Fault::LoseAnswer, &[502]),
        ("half an answer", Fault::Truncate, &[502]),
        ("an answer that breaks off", Fault::BreakOff, &[502]),
        ("10 MB", Fault::Huge(10 << 20), &[502]),
        ("nothing", Fault::status(200, ""), &[502]),
        ("an array", Fault::status(200, "[]"), &[502]),
        ("null", Fault::status(200, "null"), &[502]),
        ("no access token", token(r#""token_type":"Bearer","userId":"1""#), &[502]),
        ("mac", token(r#""access_token":"a","token_type":"mac","userId":"1""#), &[502]),
        ("a twin", token(r#""access_token":"a","access_token":"b","token_type":"Bearer","userId":"1""#), &[502]),
        ("userId twice", token(r#""access_token":"a","token_type":"Bearer","userId":"1","userId":"2""#), &[502]),
        ("a redirect", Fault::Answer { status: 307, content_type: "text/plain", body: String::new() }, &[502]),
        ("very deep", token(&format!(r#""access_token":{}"#, "[".repeat(100_000))), &[502]),
    ];
    for (what, fault, statuses) in failures {
        let before = world.codes();
        let (browser, reply) = callback(&world, Endpoint::Code, fault).await;
        assert!(statuses.contains(&reply.status), "{what}: {reply}");
        is_a_page_without_detail(&browser, &reply, what).await;
        assert_eq!(world.codes(), before + 1, "{what}: never sent again");
    }
}

#[tokio::test]
async fn an_id_token_that_does_not_hold_refuses_the_sign_in() {
    let world = World::new().await;
    for (what, fault) in [
        ("another nonce", Fault::WrongNonce),
        ("another audience", Fault::WrongAudience),
        ("past", Fault::ExpiredIdToken),
    ] {
        let (browser, reply) = callback(&world, Endpoint::Code, fault).await;
        assert!((400..=502).contains(&reply.status), "{what}: {reply}");
        is_a_page_without_detail(&browser, &reply, what).await;
    }
    assert_eq!(world.provider.calls().count(Endpoint::UserInfo), 0, "no token was used before");
}

#[tokio::test]
async fn user_info_is_required_where_its_address_is_known() {
    let world = World::new().await;
    for (what, fault) in [
        ("500", Fault::status(500, "SENTINEL")),
        ("401", Fault::status(401, r#"{"error":"SENTINEL"}"#)),
        ("a page", Fault::html(200)),
        ("closed", Fault::HangUp),
        ("half", Fault::Truncate),
        ("an array", Fault::status(200, "[]")),
        ("data is no object", Fault::status(200, r#"{"data":[1]}"#)),
        ("huge", Fault::Huge(10 << 20)),
    ] {
        let (browser, reply) = callback(&world, Endpoint::UserInfo, fault).await;
        assert_eq!(reply.status, 502, "{what}: {reply}");
        is_a_page_without_detail(&browser, &reply, what).await;
    }
}

#[tokio::test]
async fn user_info_about_another_user_refuses_the_sign_in() {
    let world = World::new().await;
    let (browser, reply) = callback(&world, Endpoint::UserInfo, Fault::AnotherUser).await;
    assert!((400..=502).contains(&reply.status), "{reply}");
    is_a_page_without_detail(&browser, &reply, "another user").await;
}

#[tokio::test]
async fn the_id_tokens_subject_is_compared_with_that_of_user_info_and_with_nothing_else() {
    let world = World::new().await;
    // The stand-in's `sub` is not its `userId`, on purpose: that alone refuses nobody.
    world.signed_in(BAT).await;
    let sub = tokigate::demo::provider::Users::demo().get(BAT).unwrap().sub.clone();
    world.provider.change_user(BAT, |claims| drop(claims.insert("sub".into(), sub.into())));
    world.signed_in(BAT).await;
    world.provider.change_user(BAT, |claims| drop(claims.insert("sub".into(), "somebody else".into())));
    let (browser, reply) = callback(&world, Endpoint::Start, Fault::HangUp).await;
    assert!((400..=502).contains(&reply.status), "{reply}");
    is_a_page_without_detail(&browser, &reply, "another sub").await;
}

#[tokio::test]
async fn optional_user_info_that_fails_leaves_the_user_without_its_claims() {
    let world = World::with(|setup| setup.set("provider", "userinfo", "\"optional\"")).await;
    let (browser, reply) = callback(&world, Endpoint::UserInfo, Fault::status(500, "")).await;
    assert_eq!(reply.status, 302, "{reply}");
    browser.load("/deep/a").await;
    assert_eq!((world.told("x-forwarded-user").as_deref(), world.told("x-forwarded-email")), (Some(BAT), None));
}

#[tokio::test]
async fn user_info_that_is_off_is_never_asked() {
    let world = World::with(|setup| setup.set("provider", "userinfo", "\"off\"")).await;
    world.signed_in(BAT).await;
    assert_eq!(world.provider.calls().count(Endpoint::UserInfo), 0);
    assert_eq!(world.told("x-forwarded-user").as_deref(), Some(BAT));
}

#[tokio::test]
async fn a_user_who_cannot_be_named_is_refused() {
    let world = World::with(|setup| setup.set("provider", "user_claim", "\"employeeNumber\"")).await;
    let browser = world.browser();
    let start = browser.load("/deep/a").await;
    let back = world.allow(&start, BAT).await;
    let reply = browser.come_back(&back).await;
    assert!(reply.status >= 400 && reply.is_html(), "{reply}");
    assert!(!browser.is_signed_in().await);
    assert_eq!(world.seen(), Vec::<String>::new());
}

#[tokio::test]
async fn no_failure_leads_round_and_round() {
    let world = World::new().await;
    let (browser, reply) = callback(&world, Endpoint::Code, Fault::status(500, "")).await;
    assert!(reply.header("location").is_none() && reply.header("refresh").is_none(), "{reply}");
    // The next one works.
    assert_eq!(browser.sign_in(BAT, "/deep/next").await.status, 200);
}

#[tokio::test]
async fn the_oidc_preset_discovers_and_verifies() {
    let world = World::oidc(|_| {}).await;
    let page = world.browser().sign_in(BAT, "/deep/oidc").await;
    assert_eq!(page.status, 200);
    // `sub` names the user here, and is not the userId.
    assert!(world.told("x-forwarded-user").is_some_and(|user| user != BAT));
    assert!(world.provider.calls().count(Endpoint::Jwks) >= 1);
}

#[tokio::test]
async fn the_oidc_preset_refuses_what_does_not_verify() {
    for algorithm in [tokigate::demo::provider::Algorithm::Rs256, tokigate::demo::provider::Algorithm::Es256] {
        let world = World::oidc(|setup| setup.options.algorithm = algorithm).await;
        world.signed_in(BAT).await;
        for (what, fault) in [
            ("signature", Fault::BadSignature),
            ("unsigned", Fault::Unsigned),
            ("issuer", Fault::WrongIssuer),
            ("audience", Fault::WrongAudience),
            ("nonce", Fault::WrongNonce),
            ("exp", Fault::ExpiredIdToken),
        ] {
            let (browser, reply) = callback(&world, Endpoint::Code, fault).await;
            assert!((400..=502).contains(&reply.status), "{what}: {reply}");
            is_a_page_without_detail(&browser, &reply, what).await;
        }
        world.provider.reshape(|answers| answers.nonce = false);
        let (browser, reply) = callback(&world, Endpoint::Start, Fault::HangUp).await;
        assert!(reply.status != 302, "a nonce must be there: {reply}");
        is_a_page_without_detail(&browser, &reply, "no nonce").await;
        world.provider.reshape(|answers| *answers = Answers { id_token: false, nonce: true, ..answers.clone() });
        let (browser, _) = callback(&world, Endpoint::Start, Fault::HangUp).await;
        assert!(!browser.is_signed_in().await, "an ID token must be there");
    }
}

#[tokio::test]
async fn keys_that_changed_just_before_are_fetched_anew() {
    let world = World::oidc(|_| {}).await;
    world.signed_in(BAT).await;
    world.provider.rotate_keys();
    // Whatever spaces the fetches has passed.
    world.turn(3600);
    assert_eq!(world.browser().sign_in(BAT, "/deep/rotated").await.status, 200);
}

#[tokio::test]
async fn an_answer_of_another_issuer_is_refused_before_the_code_is_spent() {
    let world = World::oidc(|_| {}).await;
    world.signed_in(BAT).await;
    let codes = world.codes();
    let browser = world.browser();
    let wrong: [fn(&str) -> String; 3] = [
        str::to_owned,
        |bare| format!("{bare}&iss=https://evil.example"),
        |bare| format!("{bare}&iss=https://evil.example&iss=https://evil.example"),
    ];
    for wrong in wrong {
        let back = world.allow(&browser.load("/deep/a").await, BAT).await;
        let (bare, _) = back.split_once("&iss=").expect("the stand-in says who it is");
        let reply = browser.come_back(&wrong(bare)).await;
        assert_eq!(reply.status, 400, "{reply}");
    }
    assert_eq!(world.codes(), codes);
    let start = browser.load("/deep/a").await;
    let state = start.location_param("state").unwrap();
    let refused = format!("/oauth2/callback?error=access_denied&state={state}&iss=https://evil.example");
    assert_eq!(browser.come_back(&refused).await.status, 400, "error answers too");
}
