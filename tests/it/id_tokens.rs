//! ID tokens as nobody should make them, before the whole gate: security.md 2.5. What the conformance suite knows of them is in `conformance`.

use serde_json::{Value, json};
use tokigate::demo::provider::Endpoint;

use crate::conformance::jose::{Keys, Token, base64};
use crate::conformance::suite::{PAGE, Suite, another_client};
use crate::world::{BAT, SARAA};

/// Each of these alone: no session, its access token is used for nothing, the code was sent once, the keys were asked for twice at most.
async fn each_is_refused<C: Fn(&mut Token) + Copy + Send + Sync + 'static>(cases: &[(&str, C)]) {
    for &(what, change) in cases {
        let suite = Suite::new().await;
        suite.id_token(Endpoint::Code, change);
        is_refused(&suite, what).await;
    }
}

async fn is_refused(suite: &Suite, what: &str) {
    let reply = suite.callback().await;
    assert_eq!(reply.status, 502, "{what}: {reply}");
    assert!(reply.is_html() && !suite.browser.is_signed_in().await, "{what}: {reply}");
    assert_eq!((suite.count(Endpoint::Code), suite.count(Endpoint::UserInfo)), (1, 0), "{what}");
    assert!(suite.count(Endpoint::Jwks) <= 2, "{what}");
    assert_eq!(suite.world.seen(), Vec::<String>::new(), "{what}");
}

type Change = fn(&mut Token);

#[tokio::test]
async fn a_moment_that_is_none_or_not_now_refuses() {
    let cases: &[(&str, Change)] = &[
        ("exp as text", |token| token.claims["exp"] = json!(token.claims["exp"].to_string())),
        ("exp null", |token| token.claims["exp"] = Value::Null),
        ("exp true", |token| token.claims["exp"] = json!(true)),
        ("exp negative", |token| token.claims["exp"] = json!(-1)),
        ("exp a list", |token| token.claims["exp"] = json!([1_900_000_000])),
        ("exp just past", |token| token.claims["exp"] = json!(token.claims["iat"].as_u64().unwrap() - 61)),
        ("nbf ahead", |token| token.claims["nbf"] = json!(token.claims["iat"].as_u64().unwrap() + 120)),
        ("nbf as text", |token| token.claims["nbf"] = json!("1")),
        ("iat ahead", |token| token.claims["iat"] = json!(token.claims["iat"].as_u64().unwrap() + 120)),
        ("iat long ago", |token| token.claims["iat"] = json!(token.claims["iat"].as_u64().unwrap() - 7200)),
        ("iat as text", |token| token.claims["iat"] = json!(token.claims["iat"].to_string())),
    ];
    each_is_refused(cases).await;
}

#[tokio::test]
async fn a_moment_far_ahead_with_a_fraction_or_beyond_all_numbers_is_one() {
    for ends in [json!(1e300), json!(1_800_000_600.5), json!(u64::MAX)] {
        let suite = Suite::new().await;
        suite.id_token(Endpoint::Code, move |token| token.claims["exp"] = ends.clone());
        suite.completes().await;
    }
}

#[tokio::test]
async fn a_token_that_was_made_for_something_else_refuses() {
    let cases: &[(&str, Change)] = &[
        ("an access token", |token| token.header["typ"] = json!("at+jwt")),
        ("a logout token by its type", |token| token.header["typ"] = json!("logout+jwt")),
        ("a logout token by its event", |token| {
            token.claims["events"] = json!({ "http://schemas.openid.net/event/backchannel-logout": {} });
        }),
        ("issued to another client", |token| token.claims["azp"] = another_client()),
        ("a type that is no text", |token| token.header["typ"] = json!(["JWT"])),
        ("of another sign-in", |token| token.claims["nonce"] = json!("AAAAAAAAAAAAAAAAAAAAAA")),
        ("a piece of the nonce", |token| {
            token.claims["nonce"] = json!(token.claims["nonce"].as_str().unwrap().split_at(10).0);
        }),
        ("the nonce in a list", |token| token.claims["nonce"] = json!([token.claims["nonce"]])),
        ("a subject of nothing", |token| token.claims["sub"] = json!("")),
        ("a subject that is no text", |token| token.claims["sub"] = json!(["a"])),
        ("an issuer that is no text", |token| token.claims["iss"] = json!([token.claims["iss"]])),
    ];
    each_is_refused(cases).await;
}

#[tokio::test]
async fn an_id_token_of_an_earlier_sign_in_is_none_of_this_one() {
    let suite = Suite::with(|setup| setup.set("identity", "id_token", "\"x-forwarded-id-token\"")).await;
    suite.completes().await;
    let earlier = suite.world.told("x-forwarded-id-token").unwrap();
    suite.id_token_is(Endpoint::Code, move |_| earlier.clone());
    let other = suite.world.browser();
    let start = other.load(PAGE).await;
    let reply = other.come_back(&other.at_provider(&start, BAT).await).await;
    assert_eq!(reply.status, 502, "{reply}");
    assert!(!other.is_signed_in().await);
    assert_eq!(suite.count(Endpoint::UserInfo), 1, "that of the first");
}

#[tokio::test]
async fn a_header_that_wants_something_special_refuses_and_nothing_is_fetched_for_it() {
    let cases: &[(&str, Change)] = &[
        ("an extension nobody knows", |token| {
            token.header["crit"] = json!(["exp-2"]);
            token.header["exp-2"] = json!(1);
        }),
        ("a payload not encoded", |token| {
            token.header["crit"] = json!(["b64"]);
            token.header["b64"] = json!(false);
        }),
        ("nothing critical", |token| token.header["crit"] = json!([])),
        ("no algorithm", |token| drop(token.header.as_object_mut().unwrap().shift_remove("alg"))),
        ("an algorithm that is no text", |token| token.header["alg"] = json!(["RS256"])),
        ("lower case", |token| token.header["alg"] = json!("rs256")),
        ("a path for a key", |token| token.header["kid"] = json!("../../etc/passwd")),
        ("a query for a key", |token| token.header["kid"] = json!("' OR 1=1 --")),
        ("a key of 10 KB", |token| token.header["kid"] = json!("k".repeat(10_240))),
        ("a key with NUL", |token| token.header["kid"] = json!("rsa-1\0")),
        ("a key that is no text", |token| token.header["kid"] = json!(7)),
        ("a key of another kind", |token| token.header["kid"] = json!("ec-1")),
    ];
    each_is_refused(cases).await;
}

#[tokio::test]
async fn a_key_that_a_token_brings_along_is_nobodys() {
    // Signed by it, and by no key of the provider's.
    let suite = Suite::new().await;
    suite.signs("RS256", Keys::second());
    suite.id_token(Endpoint::Code, |token| {
        token.without_kid();
        token.header["jwk"] = Keys::second().rsa();
        token.header["jku"] = json!("http://127.0.0.1:9/jwks");
        token.header["x5u"] = json!("http://127.0.0.1:9/cert");
    });
    is_refused(&suite, "jwk").await;
}

#[tokio::test]
async fn a_signature_that_is_not_the_whole_signature_refuses() {
    for algorithm in ["RS256", "PS256", "ES256", "EdDSA"] {
        type Spoil = fn(Vec<u8>) -> Vec<u8>;
        let spoilt: [(&str, Spoil); 6] = [
            ("cut", |mut signature| {
                signature.pop();
                signature
            }),
            ("longer", |signature| [signature, vec![0]].concat()),
            ("zeros", |signature| vec![0; signature.len()]),
            ("empty", |_| Vec::new()),
            ("as DER", |signature| {
                [vec![0x30, 68, 2, 32], signature[..32].to_vec(), vec![2, 32], signature[32..].to_vec()].concat()
            }),
            ("turned", |mut signature| {
                signature.reverse();
                signature
            }),
        ];
        for (what, spoil) in spoilt {
            let suite = Suite::new().await;
            suite.signs(algorithm, Keys::first());
            suite.id_token_is(Endpoint::Code, move |token| token.with_signature(spoil));
            is_refused(&suite, &format!("{algorithm}, {what}")).await;
        }
    }
}

#[tokio::test]
async fn what_is_no_jwt_of_an_object_refuses() {
    type Instead = fn(Token) -> String;
    let instead: [(&str, Instead); 14] = [
        ("nothing", |_| ".".to_owned()),
        ("two parts", |token| token.compact().rsplit_once('.').unwrap().0.to_owned()),
        ("four parts", |token| format!("{}.AA", token.compact())),
        ("padded", |token| token.compact().replacen('.', "=.", 1)),
        ("a space", |token| token.compact().replacen('.', " .", 1)),
        ("encrypted", |token| format!("{}.AA.AA", token.compact())),
        ("sub twice", |token| {
            let payload = token.claims.to_string().replacen('{', r#"{"sub":"another","#, 1);
            token.around(token.header.to_string(), payload)
        }),
        ("alg twice", |token| {
            let header = token.header.to_string().replacen('{', r#"{"alg":"none","#, 1);
            token.around(header, token.claims.to_string())
        }),
        ("a list of claims", |token| token.around(token.header.to_string(), json!([token.claims]).to_string())),
        ("a text", |token| token.around(token.header.to_string(), "\"sub\"")),
        ("not UTF-8", |token| token.around(token.header.to_string(), b"{\"sub\":\"\xff\"}")),
        ("a byte order mark", |token| token.around(token.header.to_string(), format!("\u{feff}{}", token.claims))),
        ("20,000 deep", |token| {
            let payload = format!("{{\"a\":{}{}}}", "[".repeat(20_000), "]".repeat(20_000));
            token.around(token.header.to_string(), payload)
        }),
        ("a megabyte", |mut token| {
            token.claims["padding"] = json!("x".repeat(1 << 20));
            token.compact()
        }),
    ];
    for (what, instead) in instead {
        let suite = Suite::new().await;
        suite.id_token_is(Endpoint::Code, instead);
        is_refused(&suite, what).await;
    }
}

#[tokio::test]
async fn an_encrypted_token_costs_nothing_whatever_it_asks_for() {
    for header in [
        json!({ "alg": "PBES2-HS512+A256KW", "enc": "A256GCM", "p2c": 2_147_483_647, "p2s": "AAAA" }),
        json!({ "alg": "RSA1_5", "enc": "A128CBC-HS256" }),
        json!({ "alg": "RSA-OAEP", "enc": "A256GCM", "zip": "DEF" }),
        json!({ "alg": "dir", "enc": "A256GCM" }),
    ] {
        let suite = Suite::new().await;
        let token =
            [base64(header.to_string()), base64("k"), base64("iv"), base64("x".repeat(4096)), base64("tag")].join(".");
        let began = tokio::time::Instant::now();
        suite.id_token_is(Endpoint::Code, move |_| token.clone());
        is_refused(&suite, &header.to_string()).await;
        assert!(began.elapsed() < std::time::Duration::from_secs(5), "{header}");
    }
}

#[tokio::test]
async fn a_code_of_somebody_elses_sign_in_is_worth_nothing_in_ones_own() {
    // C-14: the victim's code, which the thief redeems with an attempt of their own. PKCE is off, as at a provider that does not mind it.
    let suite = Suite::with(|setup| {
        setup.set("provider", "pkce", "false");
        setup.options.clients[0].pkce = false;
    })
    .await;
    let (victim, thief) = (suite.world.browser(), &suite.browser);
    let theirs = victim.at_provider(&victim.load(PAGE).await, BAT).await;
    let own = thief.at_provider(&thief.load(PAGE).await, SARAA).await;
    let param = |target: &str, name: &str| {
        let url = url::Url::parse(&format!("http://localhost{target}")).unwrap();
        url.query_pairs().find(|(known, _)| known == name).unwrap().1.into_owned()
    };
    let forged = own.replace(&param(&own, "code"), &param(&theirs, "code"));
    let reply = thief.come_back(&forged).await;
    assert_eq!(reply.status, 502, "{reply}");
    assert!(!thief.is_signed_in().await, "the nonce is the victim's");
    assert_eq!(suite.count(Endpoint::UserInfo), 0, "the token is used for nothing");
}

#[tokio::test]
async fn who_a_user_is_says_the_subject_and_no_address() {
    // T-24: another subject with the same e-mail address is another user.
    let suite = Suite::new().await;
    suite.completes().await;
    let change = |value: &mut Value| value["sub"] = json!("a-namesake");
    suite.id_token(Endpoint::Code, move |token| change(&mut token.claims));
    suite.answers(Endpoint::UserInfo, change);
    let namesake = suite.world.browser();
    assert_eq!(namesake.sign_in(BAT, PAGE).await.status, 200);
    let told = ["x-forwarded-user", "x-forwarded-email"].map(|header| suite.world.told(header).unwrap());
    assert_eq!(told, ["a-namesake", "bat.dorj@example.mn"]);
    assert_ne!(told[0], suite.sub());
}
