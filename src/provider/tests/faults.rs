//! What a provider can get wrong at a sign-in: each kind of fault has its answer, and no code is sent twice.

use super::super::*;
use super::world::*;
use crate::session::claims::Claim;

#[derive(Debug, PartialEq)]
enum Why {
    Unreachable,
    Broken,
    Code,
    Client,
    IdToken,
    Unnamed,
}

fn why(end: Result<SignedIn, SignInError>) -> Why {
    match end.map(|_| ()).expect_err("a fault") {
        SignInError::Unreachable(_) => Why::Unreachable,
        SignInError::Broken(_) => Why::Broken,
        SignInError::CodeRefused(_) => Why::Code,
        SignInError::ClientRefused(_) => Why::Client,
        SignInError::IdToken(_) => Why::IdToken,
        SignInError::Unnamed(_) => Why::Unnamed,
        other => panic!("{other:?}"),
    }
}

fn answer(status: u16, body: &str) -> Fault {
    Fault::status(status, body)
}

#[tokio::test]
async fn every_fault_of_the_token_endpoint_has_its_answer_and_the_code_was_sent_once() {
    let world = World::toki().await;
    let twice = r#"{"access_token":"a","access_token":"b","userId":"100001"}"#;
    for (fault, expected) in [
        (Fault::InvalidGrant, Why::Code),
        (answer(401, r#"{"error":"invalid_client"}"#), Why::Client),
        (answer(400, r#"{"error":"unauthorized_client"}"#), Why::Client),
        (answer(400, r#"{"error":"invalid_request"}"#), Why::Broken),
        (answer(403, "forbidden by the firewall"), Why::Broken),
        (answer(429, ""), Why::Broken),
        (answer(302, ""), Why::Broken),
        (answer(500, r#"{"error":"invalid_grant"}"#), Why::Broken),
        (answer(200, "{}"), Why::Broken),
        (answer(200, twice), Why::Broken),
        (answer(200, r#"{"access_token":"a","token_type":"mac","userId":"100001"}"#), Why::Broken),
        (Fault::html(502), Why::Broken),
        (Fault::html(200), Why::Broken),
        (Fault::Huge(10_000_000), Why::Broken),
        (Fault::Truncate, Why::Broken),
        (Fault::BreakOff, Why::Unreachable),
        (Fault::HangUp, Why::Unreachable),
        (Fault::LoseAnswer, Why::Unreachable),
    ] {
        world.op.calls().clear();
        let name = format!("{fault:?}");
        assert_eq!(why(world.sign_in_with(Op::Code, fault).await), expected, "{name}");
        assert_eq!((world.calls(Op::Token), world.calls(Op::UserInfo)), (1, 0), "{name}");
    }
    world.signed_in().await;
}

#[tokio::test]
async fn a_provider_that_hangs_is_not_waited_for_long() {
    let world = World::impatient().await;
    for endpoint in [Op::Code, Op::UserInfo] {
        assert_eq!(why(world.sign_in_with(endpoint, Fault::Hang).await), Why::Unreachable);
    }
    assert_eq!(world.calls(Op::Token), 2);
}

#[tokio::test]
async fn a_redirected_token_request_goes_nowhere() {
    let world = World::toki().await;
    let elsewhere = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    // The stand-in cannot add a header, so the redirect is made by a listener of the test's own.
    let away = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let head = format!(
        "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://{}/\r\ncontent-length: 0\r\n\r\n",
        elsewhere.local_addr().unwrap()
    );
    let at = Url::parse(&format!("http://{}/token", away.local_addr().unwrap())).unwrap();
    let redirected = World::with(Options::toki(), |settings| settings.addresses.token_endpoint = Some(at)).await;
    let back = Back { code: "any".to_owned(), iss: None, attempt: world.attempt() };
    let serve = async {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let (mut connection, _) = away.accept().await.unwrap();
        let _ = connection.read(&mut [0; 4096]).await.unwrap();
        connection.write_all(head.as_bytes()).await.unwrap();
    };
    let (end, ()) = tokio::join!(redirected.redeem(back), serve);
    assert_eq!(why(end), Why::Broken);
    let followed = tokio::time::timeout(Duration::from_millis(50), elsewhere.accept()).await;
    assert!(followed.is_err(), "nobody came");
}

#[tokio::test]
async fn a_false_id_token_signs_nobody_in_and_its_access_token_is_not_used() {
    let world = World::openid().await;
    for fault in [
        Fault::WrongNonce,
        Fault::WrongAudience,
        Fault::WrongIssuer,
        Fault::ExpiredIdToken,
        Fault::BadSignature,
        Fault::Unsigned,
    ] {
        let name = format!("{fault:?}");
        assert_eq!(why(world.sign_in_with(Op::Code, fault).await), Why::IdToken, "{name}");
    }
    world.op.reshape(|answers| answers.nonce = false);
    assert_eq!(why(world.sign_in().await), Why::IdToken);
    world.op.reshape(|answers| answers.id_token = false);
    assert_eq!(why(world.sign_in().await), Why::IdToken);
    assert_eq!(world.calls(Op::UserInfo), 0);
}

#[tokio::test]
async fn under_toki_what_can_be_checked_of_an_id_token_is() {
    let world = World::toki().await;
    for fault in [Fault::WrongNonce, Fault::WrongAudience, Fault::ExpiredIdToken, Fault::Unsigned] {
        let name = format!("{fault:?}");
        assert_eq!(why(world.sign_in_with(Op::Code, fault).await), Why::IdToken, "{name}");
    }
    // No keys and no issuer are known: it came over TLS.
    for fault in [Fault::BadSignature, Fault::WrongIssuer] {
        world.sign_in_with(Op::Code, fault).await.unwrap();
    }
    world.op.reshape(|answers| answers.nonce = false);
    world.signed_in().await;
}

#[tokio::test]
async fn keys_and_issuer_that_somebody_has_learned_are_used() {
    let issuer = "https://sso.example";
    let options = Options { oidc: true, issuer: Some(issuer.to_owned()), ..Options::toki() };
    let world = World::with(options, |settings| {
        settings.preset = Preset::Toki;
        settings.addresses = World::toki_addresses(&settings.addresses);
        settings.addresses.issuer = Some(issuer.to_owned());
        settings.addresses.jwks_uri = settings.addresses.token_endpoint.as_ref().map(|url| url.join("jwks").unwrap());
        settings.user_claim = "userId".to_owned();
    })
    .await;
    assert_eq!(world.calls(Op::Jwks), 0, "not before they are needed");
    world.signed_in().await;
    for fault in [Fault::BadSignature, Fault::WrongIssuer] {
        assert_eq!(why(world.sign_in_with(Op::Code, fault).await), Why::IdToken);
    }
}

#[tokio::test]
async fn user_info_that_is_required_is_required() {
    let world = World::toki().await;
    for (fault, expected) in [
        (Fault::HangUp, Why::Unreachable),
        (Fault::html(200), Why::Broken),
        (answer(200, "[]"), Why::Broken),
        (answer(200, r#"{"data":"eyJ"}"#), Why::Broken),
        (answer(401, r#"{"error":"invalid_token"}"#), Why::Broken),
        (answer(500, ""), Why::Broken),
        (Fault::Huge(10_000_000), Why::Broken),
        (Fault::AnotherUser, Why::Unnamed),
    ] {
        let name = format!("{fault:?}");
        assert_eq!(why(world.sign_in_with(Op::UserInfo, fault).await), expected, "{name}");
    }
}

#[tokio::test]
async fn sign_in_goes_on_without_user_info_that_is_optional_but_never_with_anothers() {
    let world = World::with(Options::toki(), |settings| settings.userinfo = UserinfoMode::Optional).await;
    for fault in [Fault::HangUp, Fault::html(502), answer(401, "{}")] {
        let SignedIn { session, .. } = world.sign_in_with(Op::UserInfo, fault).await.unwrap();
        assert_eq!((session.user.as_str(), session.claims.get("email")), (BAT, None));
        assert_eq!(session.claims.get("userId"), Some(Claim::Text(BAT)));
    }
    assert_eq!(why(world.sign_in_with(Op::UserInfo, Fault::AnotherUser).await), Why::Unnamed);

    let off = World::with(Options::toki(), |settings| settings.userinfo = UserinfoMode::Off).await;
    off.signed_in().await;
    assert_eq!(off.calls(Op::UserInfo), 0);
}

#[tokio::test]
async fn openid_user_info_says_whom_it_is_about() {
    let world = World::openid().await;
    assert_eq!(why(world.sign_in_with(Op::UserInfo, answer(200, r#"{"email":"a@b.c"}"#)).await), Why::Broken);
    assert_eq!(why(world.sign_in_with(Op::UserInfo, answer(200, r#"{"sub":"another"}"#)).await), Why::Unnamed);
}

#[tokio::test]
async fn a_user_who_cannot_be_named_is_not_signed_in() {
    let world = World::with(Options::toki(), |settings| settings.user_claim = "email".to_owned()).await;
    assert_eq!(
        why({
            let back = world.back("100002").await;
            world.redeem(back).await
        }),
        Why::Unnamed
    );
    let back = world.back(BAT).await;
    assert_eq!(world.redeem(back).await.unwrap().session.user.as_str(), "bat.dorj@example.mn");

    let nameless = World::toki().await;
    let template_needs_it = answer(200, r#"{"access_token":"a"}"#);
    assert_eq!(why(nameless.sign_in_with(Op::Code, template_needs_it).await), Why::Broken);
    let not_an_identifier = answer(200, r#"{"access_token":"a","userId":["100001"]}"#);
    assert_eq!(why(nameless.sign_in_with(Op::Code, not_an_identifier).await), Why::Broken);
}

#[tokio::test]
async fn no_error_text_holds_a_token_a_code_or_a_claim() {
    let world = World::toki().await;
    for (endpoint, fault) in [
        (Op::UserInfo, Fault::HangUp),
        (Op::UserInfo, Fault::AnotherUser),
        (Op::UserInfo, Fault::html(200)),
        (Op::Code, Fault::LoseAnswer),
        (Op::Code, answer(200, r#"{"access_token":"s3cret","token_type":"mac"}"#)),
    ] {
        let back = world.back(BAT).await;
        let code = back.code.clone();
        world.op.faults().next(endpoint, 1, fault);
        let text = world.redeem(back).await.map(|_| ()).unwrap_err().to_string();
        for secret in [code.as_str(), BAT, "100002", "s3cret", "Бат", "userId="] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}
