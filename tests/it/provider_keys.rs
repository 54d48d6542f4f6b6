//! The provider's keys and metadata as the whole gate uses them: security.md 2.6. Rotation is in `conformance`, an outage of the keys in `outage`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokigate::demo::provider::{Endpoint, Fault};

use crate::conformance::jose::{Keys, base64};
use crate::conformance::suite::{PAGE, Suite};
use crate::world::{Ask, BAT, Browser, Reply, SECRET, eventually};

/// The callback of another browser, in which somebody was let in.
async fn callback(suite: &Suite) -> (Browser, Reply) {
    let browser = suite.world.browser();
    let back = browser.at_provider(&browser.load(PAGE).await, BAT).await;
    let reply = browser.come_back(&back).await;
    (browser, reply)
}

#[tokio::test]
async fn many_sign_ins_on_a_cold_start_cost_one_look_at_metadata_and_one_at_keys() {
    let suite = Suite::new().await;
    let browsers: Vec<Browser> = (0..40).map(|_| suite.world.browser()).collect();
    let mut callbacks = Vec::new();
    for browser in &browsers {
        callbacks.push(browser.at_provider(&browser.load(PAGE).await, BAT).await);
    }
    let hold = suite.world.provider.faults().hold(Endpoint::Jwks);
    let asks = browsers.iter().zip(&callbacks).map(|(browser, back)| browser.send(Ask::page_from_elsewhere(back)));
    let release = async {
        // No more than these are at work at once.
        eventually("the codes are spent", || suite.count(Endpoint::Code) >= 32).await;
        hold.release();
    };
    let (replies, ()) = tokio::join!(join_all(asks), release);
    assert!(replies.iter().all(|reply| reply.status == 302), "{}", replies[0]);
    assert_eq!((suite.count(Endpoint::Discovery), suite.count(Endpoint::Jwks)), (1, 1));
}

#[tokio::test]
async fn tokens_of_keys_that_nobody_knows_cost_one_look_in_half_a_minute() {
    let suite = Suite::new().await;
    suite.completes().await;
    suite.id_token(Endpoint::Code, |token| token.header["kid"] = json!(base64(token.claims["nonce"].to_string())));
    for _ in 0..2 {
        let looks = suite.count(Endpoint::Jwks);
        for (_, reply) in join_all((0..20).map(|_| callback(&suite))).await {
            assert_eq!(reply.status, 502, "fails closed: {reply}");
        }
        assert_eq!(suite.count(Endpoint::Jwks), looks + 1);
        suite.world.turn(31);
    }
}

#[tokio::test]
async fn keys_that_cannot_be_had_anew_stay() {
    for fault in [
        Fault::status(500, ""),
        Fault::html(200),
        Fault::status(200, r#"{"keys":[]}"#),
        Fault::status(200, "null"),
        Fault::Truncate,
        Fault::HangUp,
        Fault::Huge(10 << 20),
    ] {
        let what = format!("{fault:?}");
        let suite = Suite::new().await;
        suite.completes().await;
        suite.world.provider.faults().set(Endpoint::Jwks, fault);
        // Older than they are taken without another look.
        suite.world.turn(16 * 60);
        let (browser, reply) = callback(&suite).await;
        assert!(reply.status == 302 && browser.is_signed_in().await, "{what}: {reply}");
        assert_eq!(suite.count(Endpoint::Jwks), 2, "{what}");
    }
}

#[tokio::test]
async fn a_key_that_was_dropped_counts_for_a_quarter_of_an_hour_at_most() {
    let suite = Suite::new().await;
    suite.completes().await;
    suite.lists(Keys::second().public());
    suite.world.turn(16 * 60);
    let (browser, reply) = callback(&suite).await;
    assert_eq!(reply.status, 502, "{reply}");
    assert!(!browser.is_signed_in().await);
    // The new ones do.
    suite.signs("RS256", Keys::second());
    let (browser, _) = callback(&suite).await;
    assert!(browser.is_signed_in().await);
}

#[tokio::test]
async fn a_set_of_keys_beyond_all_measure_signs_nobody_in_and_is_not_read_to_its_end() {
    let many = |count: usize| {
        let key = Keys::first().rsa();
        json!({ "keys": vec![key; count] }).to_string()
    };
    let sets = [Fault::Huge(64 << 20), Fault::status(200, &many(10_000)), Fault::status(200, &"[".repeat(500_000))];
    for fault in sets {
        let suite = Suite::new().await;
        suite.world.provider.faults().set(Endpoint::Jwks, fault);
        let (browser, reply) = callback(&suite).await;
        assert_eq!(reply.status, 502, "{reply}");
        assert!(!browser.is_signed_in().await);
        assert_eq!(suite.count(Endpoint::UserInfo), 0);
    }
}

#[tokio::test]
async fn keys_of_every_oddity_spoil_none_that_is_good_beside_them() {
    let rsa = Keys::first().rsa();
    let with = |changes: Value| {
        let mut key = rsa.clone();
        key.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        key
    };
    let odd = vec![
        json!(null),
        json!("rsa-1"),
        json!({}),
        json!({ "kty": "RSA" }),
        json!({ "kty": "oct", "kid": "rsa-1", "k": base64(SECRET) }),
        json!({ "kty": "EC", "crv": "secp256k1", "kid": "rsa-1", "x": "AA", "y": "AA" }),
        json!({ "kty": "OKP", "crv": "X25519", "kid": "rsa-1", "x": base64([9; 32]) }),
        json!({ "kty": "AKP", "alg": "ML-DSA-44", "kid": "rsa-1", "pub": "AA" }),
        with(json!({ "use": "enc" })),
        with(json!({ "key_ops": ["encrypt"] })),
        with(json!({ "n": "not base64!" })),
        with(json!({ "e": 65537 })),
        with(json!({ "kty": "EC" })),
    ];
    let suite = Suite::new().await;
    let broken_certificate = with(json!({ "x5c": ["not a certificate"], "x5t": 7 }));
    suite.lists([odd.clone(), vec![broken_certificate]].concat());
    suite.completes().await;
    // Without the good one there is none; and one that is secret is nobody's, nor a MAC's.
    for algorithm in ["RS256", "HS256"] {
        let suite = Suite::new().await;
        suite.lists([odd.clone(), vec![with(json!({ "d": "AA" }))]].concat());
        suite.signs(algorithm, Keys::first());
        suite.id_token(Endpoint::Code, |token| token.header["kid"] = json!("rsa-1"));
        let (browser, reply) = callback(&suite).await;
        assert_eq!(reply.status, 502, "{algorithm}: {reply}");
        assert!(!browser.is_signed_in().await);
    }
}

#[tokio::test]
async fn a_key_too_weak_to_prove_anything_proves_nothing() {
    let good = |kind: usize| Keys::first().public()[kind].clone();
    let part = |key: &Value, name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap();
    let set = |mut key: Value, name: &str, bytes: &[u8]| {
        key[name] = json!(base64(bytes));
        key
    };
    let (rsa, elliptic, edwards) = (good(0), good(1), good(2));
    let modulus = part(&rsa, "n");
    let y: Vec<u8> = part(&elliptic, "y").iter().map(|byte| byte ^ 1).collect();
    // Under the first of these, a signature is the message itself; under the last, any will do.
    let weak = [
        ("e = 1", "RS256", set(rsa.clone(), "e", &[1])),
        ("e even", "RS256", set(rsa.clone(), "e", &[2])),
        ("1024 bits", "RS256", set(rsa.clone(), "n", &modulus[..128])),
        ("no modulus", "RS256", set(rsa, "n", &[])),
        ("off the curve", "ES256", set(elliptic.clone(), "y", &y)),
        ("the origin", "ES256", set(set(elliptic, "x", &[0; 32]), "y", &[0; 32])),
        ("small order", "EdDSA", set(edwards, "x", &[&[1][..], &[0; 31]].concat())),
    ];
    for (what, algorithm, key) in weak {
        let suite = Suite::new().await;
        suite.lists(vec![key]);
        suite.signs(algorithm, Keys::first());
        // What holds under a key of small order: a point of small order, and nothing.
        suite.id_token_is(Endpoint::Code, move |token| {
            let forge = |signature: Vec<u8>| [&[1][..], &vec![0; signature.len() - 1]].concat();
            if what == "small order" { token.with_signature(forge) } else { token.compact() }
        });
        let (browser, reply) = callback(&suite).await;
        assert_eq!(reply.status, 502, "{what}: {reply}");
        assert!(!browser.is_signed_in().await, "{what}");
    }
}

#[tokio::test]
async fn metadata_that_leads_astray_leads_nobody_anywhere() {
    for name in ["authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"] {
        for bad in [
            "http://op.example/x",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "//evil.example/",
            "",
            "https://a:b@op.example/",
        ] {
            let astray =
                |suite: &Suite| suite.answers(Endpoint::Discovery, move |metadata| metadata[name] = json!(bad));
            let suite = Suite::begun(|_| {}, astray).await;
            suite.discovery_fails().await;
            assert_eq!(suite.browser.load(PAGE).await.status, 503, "{name}: {bad}");
        }
    }
}

#[tokio::test]
async fn metadata_that_changes_is_followed_and_checked_as_the_first_was() {
    let suite = Suite::new().await;
    suite.completes().await;
    let endpoint = async || {
        let start = suite.world.browser().load(PAGE).await;
        start.location().split_once('?').unwrap().0.to_owned()
    };
    let usual = endpoint().await;
    let look = async |change: &'static str| {
        let before = suite.count(Endpoint::Discovery);
        suite.answers(Endpoint::Discovery, move |metadata| metadata["authorization_endpoint"] = json!(change));
        suite.world.turn(3700);
        eventually("discovery is asked once more", || suite.count(Endpoint::Discovery) > before).await;
        tokio::time::sleep(std::time::Duration::from_millis(60)).await;
    };
    look("http://op.example/somewhere").await;
    assert_eq!(endpoint().await, usual, "what fails its checks changes nothing");
    look("http://127.0.0.1:9/elsewhere").await;
    assert_eq!(endpoint().await, "http://127.0.0.1:9/elsewhere");
}
