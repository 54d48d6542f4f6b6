//! Access tokens of API clients: keys and answers fetched when they are needed, once for all who wait, and no faster than the bounds allow.

mod unanswered;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::super::bearer::NotTaken;
use super::super::*;
use super::world::*;
use crate::oidc::access_token::Untaken;
use crate::oidc::jwt::Refused;
use crate::session::Claim;

const API: &str = "https://api.example.mn";
const ASKS: (&str, &str) = ("the-api", "its:secret %");

/// The stand-in's tokens, checked by its keys; or by asking it.
async fn world(check: fn(&str) -> BearerCheck) -> World {
    let asks = Client::confidential(ASKS.0, BACK, ASKS.1);
    let options = Options { clients: vec![Client::public(CLIENT, BACK), asks], ..Options::openid() };
    World::with(options, |settings| {
        let issuer = settings.addresses.issuer.clone().unwrap();
        let check = check(&issuer);
        settings.bearer = vec![Bearer {
            issuer,
            audiences: vec![API.to_owned()],
            algorithms: settings.id_token_algs.clone(),
            user_claim: "sub".to_owned(),
            check,
        }];
        settings.wanted_claims.push("scope".to_owned());
    })
    .await
}

fn keys(_: &str) -> BearerCheck {
    BearerCheck::Keys { jwks_uri: None }
}

fn introspection(issuer: &str) -> Introspection {
    Introspection {
        endpoint: Url::parse(&format!("{issuer}/oauth2/introspect")).unwrap(),
        client_id: ASKS.0.to_owned(),
        client_secret: Secret::new(ASKS.1.to_owned()),
    }
}

fn asking(issuer: &str) -> BearerCheck {
    BearerCheck::Introspection(introspection(issuer))
}

fn either(issuer: &str) -> BearerCheck {
    let jwks_uri = Url::parse(&format!("{issuer}/oauth2/jwks")).unwrap();
    BearerCheck::Either { jwks_uri, introspection: introspection(issuer) }
}

impl World {
    async fn bearer(&self, token: &str) -> Result<Session, NotTaken> {
        self.provider.bearer(token).await
    }

    fn signed(&self) -> String {
        self.op.access_token(BAT, API)
    }

    fn opaque(&self, adjust: impl FnOnce(&mut Value)) -> String {
        let mut claims = self.op.api_claims(BAT, API);
        adjust(&mut claims);
        self.op.opaque_token(claims)
    }
}

fn is_away(end: &Result<Session, NotTaken>) -> bool {
    matches!(end, Err(NotTaken::Away { .. }))
}

#[tokio::test]
async fn a_signed_token_says_who_comes_until_when_with_which_claims() {
    let world = world(keys).await;
    let mut claims = world.op.api_claims(BAT, API);
    claims["scope"] = "orders:read orders:write".into();
    claims["acr"] = "phr".into();
    claims["auth_time"] = (world.clock.now().unix_seconds() - 100).into();
    let session = world.bearer(&world.op.sign(Some("at+jwt"), &claims)).await.unwrap();
    assert_eq!(session.user.as_str(), claims["sub"]);
    assert_eq!(session.expires_at, world.clock.now() + Duration::from_secs(60));
    assert!(!session.refreshable);
    assert_eq!(session.auth_time, Some(world.clock.now() - Duration::from_secs(100)));
    let Some(Claim::List(scope)) = session.claims.get("scope") else { panic!("a list") };
    assert_eq!(scope.collect::<Vec<_>>(), ["orders:read", "orders:write"]);
    assert_eq!(session.claims.get("jti"), None, "only what is wanted");
    assert_eq!((world.calls(Op::Discovery), world.calls(Op::Jwks)), (2, 1), "the provider's own, and this issuer's");
}

#[tokio::test]
async fn who_comes_at_the_same_time_waits_for_the_same_keys() {
    let world = world(keys).await;
    let hold = world.op.faults().hold(Op::Jwks);
    let token = world.signed();
    let all = join_all((0..100).map(|_| world.bearer(&token)));
    let letting_go = async {
        world.until(|| world.calls(Op::Jwks) == 1).await;
        hold.release();
    };
    let (ends, ()) = tokio::join!(all, letting_go);
    assert!(ends.iter().all(Result::is_ok));
    assert_eq!((world.calls(Op::Discovery), world.calls(Op::Jwks)), (2, 1));
    world.bearer(&world.signed()).await.unwrap();
    assert_eq!(world.calls(Op::Jwks), 1);
}

#[tokio::test]
async fn a_new_key_costs_one_fetch_and_a_thousand_forged_ones_no_more() {
    let world = world(keys).await;
    world.bearer(&world.signed()).await.unwrap();
    world.op.rotate_keys();
    world.bearer(&world.signed()).await.unwrap();
    assert_eq!(world.calls(Op::Jwks), 2);
    let good = world.signed();
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (_, payload) = message.split_once('.').unwrap();
    for number in 0..1000 {
        use base64::Engine as _;
        let header = json!({"alg": "RS256", "typ": "at+jwt", "kid": format!("kid-{number}")}).to_string();
        let header = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(header);
        let end = world.bearer(&format!("{header}.{payload}.{signature}")).await;
        assert_eq!(end.unwrap_err(), NotTaken::Invalid(Untaken::Jwt(Refused::NoKey)));
    }
    assert_eq!(world.calls(Op::Jwks), 2, "within the cool-down none");
    world.bearer(&good).await.unwrap();
}

#[tokio::test]
async fn old_keys_are_good_while_newer_ones_cannot_be_had_and_nobody_waits_long_for_them() {
    let world = world(keys).await;
    world.bearer(&world.signed()).await.unwrap();
    world.turn(15 * 60);
    world.op.faults().set(Op::Jwks, Fault::html(500));
    world.bearer(&world.signed()).await.unwrap();
    world.op.faults().clear();
    world.turn(10);
    let hold = world.op.faults().hold(Op::Jwks);
    let began = tokio::time::Instant::now();
    world.bearer(&world.signed()).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    hold.release();
}

/// Whoever brings garbage does not wait for the answer.
#[tokio::test]
async fn an_issuer_that_hangs_holds_a_bounded_number_of_tokens() {
    let world = world(keys).await;
    world.bearer(&world.signed()).await.unwrap();
    world.op.rotate_keys();
    let unknown = world.signed();
    let hold = world.op.faults().hold(Op::Jwks);
    let waiting = Arc::clone(&world.provider.shared.bearers.waiting);
    for _ in 0..1100 {
        let gone = tokio::time::timeout(Duration::ZERO, world.bearer(&unknown)).await;
        assert!(gone.is_err() || gone == Ok(Err(NotTaken::Invalid(Untaken::Jwt(Refused::NoKey)))));
    }
    assert_eq!(waiting.available_permits(), 0, "one for each of the first thousand");
    hold.release();
    world.until(|| waiting.available_permits() == 1000).await;
    world.bearer(&unknown).await.unwrap();
}

#[tokio::test]
async fn a_key_that_the_issuer_drops_is_dropped() {
    let world = world(keys).await;
    let token = |world: &World| {
        let mut claims = world.op.api_claims(BAT, API);
        claims["exp"] = (world.clock.now().unix_seconds() + 7200).into();
        world.op.sign(Some("at+jwt"), &claims)
    };
    let old = token(&world);
    world.bearer(&old).await.unwrap();
    world.op.rotate_keys();
    world.turn(15 * 60);
    assert_eq!(world.bearer(&old).await.unwrap_err(), NotTaken::Invalid(Untaken::Jwt(Refused::NoKey)));
    world.bearer(&token(&world)).await.unwrap();
}

#[tokio::test]
async fn without_keys_nobody_knows_and_a_provider_that_is_down_is_not_trampled() {
    let world = world(either).await;
    world.op.faults().set(Op::Jwks, Fault::html(500));
    for _ in 0..20 {
        assert!(is_away(&world.bearer(&world.signed()).await));
    }
    assert_eq!(world.calls(Op::Jwks), 1);
    world.op.faults().clear();
    world.turn(5);
    world.bearer(&world.signed()).await.unwrap();
}

#[tokio::test]
async fn somebody_elses_metadata_leads_to_no_keys() {
    let world = world(keys).await;
    let foreign = r#"{"issuer":"https://evil.example","jwks_uri":"https://evil.example/jwks"}"#;
    world.op.faults().set(Op::Discovery, Fault::status(200, foreign));
    assert!(is_away(&world.bearer(&world.signed()).await));
    assert_eq!(world.calls(Op::Jwks), 0);
}

#[tokio::test]
async fn an_opaque_token_is_asked_about_once_and_what_was_said_is_kept_for_half_a_minute() {
    let world = world(asking).await;
    let token = world.opaque(|_| ());
    let sub = world.op.api_claims(BAT, API)["sub"].clone();
    let ends = join_all((0..50).map(|_| world.bearer(&token))).await;
    assert!(ends.into_iter().all(|end| end.unwrap().user.as_str() == sub));
    assert_eq!(world.calls(Op::Introspection), 1);
    world.op.revoke_opaque(&token);
    world.turn(29);
    world.bearer(&token).await.unwrap();
    world.turn(1);
    assert_eq!(world.bearer(&token).await.unwrap_err(), NotTaken::Invalid(Untaken::Inactive));
    assert_eq!(world.calls(Op::Introspection), 2);
}

#[tokio::test]
async fn a_kept_answer_does_not_outlive_its_token() {
    let world = world(asking).await;
    let now = world.clock.now().unix_seconds();
    let token = world.opaque(|claims| claims["exp"] = (now + 10).into());
    world.bearer(&token).await.unwrap();
    world.turn(10);
    assert_eq!(world.bearer(&token).await.unwrap_err(), NotTaken::Invalid(Untaken::Inactive));
}

#[tokio::test]
async fn what_is_not_active_is_kept_for_a_shorter_while() {
    let world = world(asking).await;
    for _ in 0..20 {
        assert_eq!(world.bearer("unknown").await.unwrap_err(), NotTaken::Invalid(Untaken::Inactive));
    }
    assert_eq!(world.calls(Op::Introspection), 1);
    world.turn(10);
    assert!(world.bearer("unknown").await.is_err());
    assert_eq!(world.calls(Op::Introspection), 2);
}

#[tokio::test]
async fn tokens_of_the_gates_own_sign_ins_are_nobodys_here() {
    let world = world(asking).await;
    let tokens = world.signed_in().await.tokens;
    let access = world.bearer(tokens.access_token.expose()).await;
    assert_eq!(access.unwrap_err(), NotTaken::Invalid(Untaken::Jwt(Refused::Claim("aud"))));
    let refresh = world.bearer(tokens.refresh_token.as_ref().unwrap().expose()).await;
    assert_eq!(refresh.unwrap_err(), NotTaken::Invalid(Untaken::Jwt(Refused::Claim("aud"))));
    let verified = self::world(keys).await;
    let tokens = verified.signed_in().await.tokens;
    let id_token = verified.bearer(tokens.id_token.as_ref().unwrap().expose()).await;
    assert_eq!(id_token.unwrap_err(), NotTaken::Invalid(Untaken::Jwt(Refused::Type)));
}

#[tokio::test]
async fn an_opaque_token_that_nobody_could_be_asked_about_is_told_from_another_issuers() {
    let world = world(keys).await;
    assert_eq!(world.bearer("opaque").await.unwrap_err(), NotTaken::Invalid(Untaken::Opaque));
    assert_eq!((world.calls(Op::Introspection), world.calls(Op::Jwks)), (0, 0));
}

#[tokio::test]
async fn a_token_is_shown_to_nobody_but_the_issuer_that_it_names() {
    let world = world(either).await;
    let mut claims = world.op.api_claims(BAT, API);
    claims["iss"] = "https://other.example".into();
    for typ in [Some("at+jwt"), Some("JWT"), None] {
        let end = world.bearer(&world.op.sign(typ, &claims)).await;
        assert_eq!(end.unwrap_err(), NotTaken::Invalid(Untaken::Jwt(Refused::Issuer)));
    }
    assert_eq!((world.calls(Op::Introspection), world.calls(Op::Jwks)), (0, 0));
    let by_its_key = world.bearer(&world.signed()).await;
    assert!(by_its_key.is_ok());
    assert_eq!(world.calls(Op::Introspection), 0, "a signed one needs no question");
    let of_another_type = world.bearer(&world.op.sign(Some("JWT"), &world.op.api_claims(BAT, API))).await;
    assert_eq!(of_another_type.unwrap_err(), NotTaken::Invalid(Untaken::Inactive), "its issuer was asked");
    assert_eq!(world.calls(Op::Introspection), 1);
}

#[tokio::test]
async fn tokens_that_nobody_knows_are_asked_about_so_often_a_minute_and_known_ones_go_on() {
    let mut world = world(asking).await;
    let known = world.opaque(|_| ());
    let long = world.clock.now().unix_seconds() + 3600;
    let known_for_long = world.opaque(|claims| claims["exp"] = long.into());
    // A process with a smaller bound.
    let mut settings = world.provider.shared.settings.clone();
    settings.introspections_per_minute = 5;
    world.provider =
        Provider::start(settings, world.clock.clone(), world.memory.clone(), world.metrics.clone()).unwrap();
    world.bearer(&known).await.unwrap();
    world.bearer(&known_for_long).await.unwrap();
    let ends = join_all((0..50).map(|number| {
        let world = &world;
        async move { world.bearer(&format!("garbage-{number}")).await }
    }))
    .await;
    let refused = ends.iter().filter(|end| matches!(end, Err(NotTaken::TooMany { .. }))).count();
    assert_eq!((refused, world.calls(Op::Introspection)), (47, 5));
    world.bearer(&known).await.unwrap();
    world.turn(30);
    world.op.faults().clear();
    for number in 0..50 {
        let _ = world.bearer(&format!("more-garbage-{number}")).await;
    }
    world.bearer(&known_for_long).await.expect("it was good lately, and waits for no stranger");
}

#[tokio::test]
async fn a_gate_that_may_not_ask_says_so_and_lets_nobody_in() {
    let world = world(|issuer| {
        let wrong = Introspection { client_secret: Secret::new("wrong".to_owned()), ..introspection(issuer) };
        BearerCheck::Introspection(wrong)
    })
    .await;
    assert!(is_away(&world.bearer(&world.opaque(|_| ())).await));
    assert_eq!(world.provider.state(), State::Degraded("introspection: it answered 401: invalid_client".to_owned()));
}

#[tokio::test]
async fn a_user_who_is_not_named_is_nobody() {
    let world = world(asking).await;
    for nameless in [Value::Null, json!(""), json!(["a"]), json!("a\nb")] {
        let token = world.opaque(|claims| claims["sub"] = nameless);
        assert!(matches!(world.bearer(&token).await, Err(NotTaken::Unnamed(_))));
    }
}
