//! API clients: `Authorization: Bearer` in place of a session, on rules that take it (RFC 6750, RFC 9068, RFC 7662, RFC 9470).

mod asked_about;

use serde_json::{Value, json};
use tokigate::demo::provider::{Client, Endpoint};

use crate::world::{Ask, BAT, CLIENT, Reply, SARAA, Setup, Socket, World, WsEnd, eventually};

const API: &str = "https://api.example.mn";
const ASKS: (&str, &str) = ("orders-api", "asks-secret");

/// Tokens of the stand-in, verified by its keys.
fn by_keys(setup: &mut Setup) {
    let issuer = format!("http://{}", setup.provider);
    setup.rest += &format!("[[bearer]]\nissuer = {issuer:?}\naudience = {API:?}\n");
    rules(setup);
}

/// Its tokens, asked about.
fn by_asking(setup: &mut Setup) {
    let issuer = format!("http://{}", setup.provider);
    let asks = Client { pkce: false, ..Client::confidential(ASKS.0, "http://localhost/", ASKS.1) };
    setup.options.clients = vec![Client::public(CLIENT, &setup.redirect_uri()), asks];
    setup.rest += &format!(
        "[[bearer]]\nissuer = {issuer:?}\naudience = {API:?}\nintrospection_endpoint = \"{issuer}/oauth2/introspect\"\n\
         client_id = {:?}\nclient_secret = {:?}\n",
        ASKS.0, ASKS.1
    );
    rules(setup);
}

fn rules(setup: &mut Setup) {
    setup.rest += "[[rules]]\npath = \"/deep/api/write/**\"\nbearer = true\nrequire = { scope = [\"orders:write\"] }\n";
    setup.rest += "[[rules]]\npath = \"/deep/api/pay/**\"\nbearer = true\nmax_age = \"15m\"\n";
    setup.rest += "[[rules]]\npath = [\"/deep/api/**\", \"/events\", \"/ws\"]\nbearer = true\n";
}

async fn world() -> World {
    World::oidc(by_keys).await
}

fn with(token: &str, target: &str) -> Ask {
    Ask::plain(target).with("authorization", &format!("Bearer {token}"))
}

impl World {
    fn api_token(&self) -> String {
        self.provider.access_token(BAT, API)
    }

    fn signed(&self, adjust: impl FnOnce(&mut Value)) -> String {
        let mut claims = self.provider.api_claims(BAT, API);
        adjust(&mut claims);
        self.provider.sign(Some("at+jwt"), &claims)
    }

    async fn call(&self, token: &str, target: &str) -> Reply {
        self.curl(with(token, target)).await
    }

    fn sub(&self, user: &str) -> String {
        self.provider.api_claims(user, API)["sub"].as_str().unwrap().to_owned()
    }
}

fn challenge(reply: &Reply) -> &str {
    reply.header("www-authenticate").unwrap_or_default()
}

/// Refused as RFC 6750 §3 has it, and nothing of why.
fn is_invalid(reply: &Reply) -> bool {
    reply.status == 401
        && challenge(reply)
            == "Bearer error=\"invalid_token\", error_description=\"The access token is expired, revoked, or not for this application\""
        && reply.set_cookies().is_empty()
        && reply.header("location").is_none()
}

#[tokio::test]
async fn an_api_client_gets_through_by_its_token_and_the_application_learns_who_it_is() {
    let world = world().await;
    let reply = world.call(&world.api_token(), "/deep/api/orders?x=1").await;
    assert_eq!(reply.status, 200, "{reply}");
    assert_eq!(world.told("x-forwarded-user"), Some(world.sub(BAT)));
    assert_eq!(world.told("x-forwarded-email").as_deref(), Some("bat.dorj@example.mn"));
    assert_eq!(world.told("x-forwarded-groups").as_deref(), Some("admin,staff"));
    assert!(reply.set_cookies().is_empty());
}

#[tokio::test]
async fn the_header_goes_on_as_it_came() {
    let world = world().await;
    let token = world.api_token();
    for scheme in ["Bearer", "bearer", "BEARER  "] {
        let line = format!("{scheme} {token}");
        assert_eq!(world.curl(Ask::plain("/deep/api/a").with("authorization", &line)).await.status, 200);
        assert_eq!(world.told("authorization"), Some(line));
    }
}

#[tokio::test]
async fn elsewhere_it_is_none_of_the_gates_business() {
    let world = world().await;
    let token = world.api_token();
    for target in [
        "/deep/a",
        "/oauth2/userinfo",
        "/deep/apis",
        "/deep/API/a",
        "/deep/api/../b",
        "/deep/api/%2e%2e/b",
        "/deep/api;/a",
    ] {
        let reply = world.call(&token, target).await;
        assert!(matches!(reply.status, 400 | 401), "{target}: {reply}");
        assert!(!challenge(&reply).contains("error"), "{target}");
    }
    let session = world.call(&token, "/oauth2/session").await.json();
    assert_eq!(session["active"], false);
    assert_eq!(world.call(&token, "/oauth2/refresh").await.status, 405);
    let page = world.curl(Ask::page("/deep/a").with("authorization", &format!("Bearer {token}"))).await;
    assert_eq!(page.status, 302, "a person signs in");
    assert_eq!(world.seen(), Vec::<String>::new());
    assert_eq!(world.provider.calls().count(Endpoint::Jwks), 0, "nobody looked");
    let browser = world.signed_in(SARAA).await;
    browser.send(with(&token, "/deep/b")).await;
    assert_eq!(world.told("authorization"), Some(format!("Bearer {token}")));
}

#[tokio::test]
async fn a_session_wins() {
    let world = world().await;
    let browser = world.signed_in(SARAA).await;
    for line in [format!("Bearer {}", world.api_token()), "Bearer garbage".to_owned(), "Basic eDp5".to_owned()] {
        let reply = browser.send(Ask::script("/deep/api/a").with("authorization", &line)).await;
        assert_eq!(reply.status, 200, "{reply}");
        assert_eq!((world.told("x-forwarded-user"), world.told("authorization")), (Some(world.sub(SARAA)), Some(line)));
    }
}

#[tokio::test]
async fn without_a_token_everything_is_as_it_was() {
    let world = world().await;
    let reply = world.curl(Ask::plain("/deep/api/a")).await;
    assert_eq!((reply.status, challenge(&reply)), (401, "Bearer"));
    assert_eq!(world.curl(Ask::page("/deep/api/a")).await.status, 302);
    let basic = world.curl(Ask::plain("/deep/api/a").with("authorization", "Basic eDp5")).await;
    assert_eq!((basic.status, challenge(&basic)), (401, "Bearer"), "no token came");
    for elsewhere in ["/deep/api/a?access_token=", "/deep/api/a?token="] {
        let reply = world.curl(Ask::plain(&format!("{elsewhere}{}", world.api_token()))).await;
        assert_eq!((reply.status, challenge(&reply)), (401, "Bearer"));
    }
    let form = Ask::plain("/deep/api/a").form(&format!("access_token={}", world.api_token()));
    assert_eq!(world.curl(form).await.status, 401);
    assert_eq!(world.seen(), Vec::<String>::new());
}

#[tokio::test]
async fn whatever_is_wrong_with_a_token_the_answer_is_the_same() {
    let world = world().await;
    let good = world.api_token();
    let (message, signature) = good.rsplit_once('.').unwrap();
    let claims = world.provider.api_claims(BAT, API);
    let now = claims["iat"].as_u64().unwrap();
    let mut bad = vec![
        ("garbage".to_owned(), "opaque"),
        (format!("{message}."), "no signature"),
        (format!("{message}.{}", &signature[..signature.len() - 4]), "half a signature"),
        (world.provider.sign(Some("JWT"), &claims), "of the type of an ID token"),
        (world.provider.sign(Some("logout+jwt"), &claims), "of the type of a logout token"),
        (world.provider.sign(None, &claims), "of no type"),
        ("a b".to_owned(), "two words"),
        ("x".repeat(9000), "too long"),
        ("Бат".to_owned(), "no ASCII"),
    ];
    for (name, value) in [
        ("aud", json!("https://other.example")),
        ("aud", json!([])),
        ("aud", json!(null)),
        ("iss", json!("https://other.example")),
        ("exp", json!(now)),
        ("exp", json!("9999999999")),
        ("exp", json!(null)),
        ("nbf", json!(now + 3600)),
        ("iat", json!(now + 3600)),
        ("sub", json!(null)),
        ("client_id", json!("")),
        ("jti", json!(7)),
        ("cnf", json!({"jkt": "x"})),
    ] {
        bad.push((world.signed(|claims| claims[name] = value), name));
    }
    for (token, why) in bad {
        let reply = world.call(&token, "/deep/api/a").await;
        assert!(is_invalid(&reply), "{why}: {reply}");
        let page = world.curl(Ask::page("/deep/api/a").with("authorization", &format!("Bearer {token}"))).await;
        assert!(is_invalid(&page) && !page.is_html(), "{why}: nobody who came with a token is sent to sign in: {page}");
    }
    assert_eq!(world.seen(), Vec::<String>::new());
}

#[tokio::test]
async fn two_headers_are_one_too_many() {
    let world = world().await;
    let token = world.api_token();
    for second in [format!("Bearer {token}"), "Basic eDp5".to_owned(), String::new()] {
        let reply = world.curl(with(&token, "/deep/api/a").and("authorization", &second)).await;
        assert_eq!(reply.status, 400, "{reply}");
        assert!(challenge(&reply).starts_with("Bearer error=\"invalid_request\""), "{reply}");
    }
    let bare = world.curl(Ask::plain("/deep/api/a").with("authorization", "Bearer")).await;
    assert_eq!(bare.status, 400);
    let list =
        world.curl(Ask::plain("/deep/api/a").with("authorization", &format!("Bearer {token}, Bearer {token}"))).await;
    assert!(is_invalid(&list));
    assert_eq!(world.seen(), Vec::<String>::new());
}

#[tokio::test]
async fn tokens_of_the_gates_own_sign_ins_open_nothing() {
    for check in [by_keys, by_asking] {
        let world = World::oidc(|setup| {
            check(setup);
            setup.set("identity", "access_token", "\"x-forwarded-access-token\"");
            setup.set("identity", "id_token", "\"x-forwarded-id-token\"");
        })
        .await;
        let browser = world.signed_in(BAT).await;
        browser.fetch("/deep/a").await;
        for header in ["x-forwarded-access-token", "x-forwarded-id-token"] {
            let token = world.told(header).unwrap();
            assert!(is_invalid(&world.call(&token, "/deep/api/a").await), "{header}");
        }
        // Nor do the sealed ones.
        let cookies = browser.cookie_line();
        for (_, value) in cookies.split("; ").filter_map(|pair| pair.split_once('=')) {
            let reply = world.call(value, "/deep/api/a").await;
            assert!(is_invalid(&reply), "{reply}");
        }
    }
}

#[tokio::test]
async fn whoever_says_who_it_is_beside_its_token_is_not_believed() {
    let world = world().await;
    let ask = with(&world.api_token(), "/deep/api/a").and("x-forwarded-user", "admin").and("x_forwarded_user", "admin");
    assert_eq!(world.curl(ask.and("x-forwarded-access-token", "mine")).await.status, 200);
    assert_eq!(world.told("x-forwarded-user"), Some(world.sub(BAT)));
    assert_eq!((world.told("x_forwarded_user"), world.told("x-forwarded-access-token")), (None, None));
}

#[tokio::test]
async fn it_is_passed_on_where_access_tokens_are() {
    for (how, header, value) in
        [("x-forwarded-access-token", "x-forwarded-access-token", ""), ("authorization", "authorization", "Bearer ")]
    {
        let world = World::oidc(|setup| {
            by_keys(setup);
            setup.set("identity", "access_token", &format!("{how:?}"));
        })
        .await;
        let token = world.api_token();
        world.call(&token, "/deep/api/a").await;
        assert_eq!(world.told(header), Some(format!("{value}{token}")), "{how}");
        assert_eq!(world.told("authorization"), Some(format!("Bearer {token}")), "{how}");
    }
    let world = World::oidc(|setup| {
        by_keys(setup);
        setup.set("identity", "id_token", "\"authorization\"");
    })
    .await;
    assert_eq!(world.call(&world.api_token(), "/deep/api/a").await.status, 200);
    assert_eq!(world.told("authorization"), None, "what stands there is an ID token or nothing");
}

#[tokio::test]
async fn scope_is_what_a_token_reaches() {
    let world = world().await;
    for (scope, status) in [
        (json!("orders:write"), 200),
        (json!("orders:read orders:write"), 200),
        (json!(["orders:write"]), 200),
        (json!("orders:read"), 403),
        (json!("orders:write2 xorders:write"), 403),
        (json!(null), 403),
    ] {
        let token = world.signed(|claims| claims["scope"] = scope.clone());
        let reply = world.call(&token, "/deep/api/write/a").await;
        assert_eq!(reply.status, status, "{scope}: {reply}");
        if status == 403 {
            assert!(challenge(&reply).starts_with("Bearer error=\"insufficient_scope\""), "{reply}");
            assert!(!reply.to_string().contains("orders:write"), "no rule's text: {reply}");
        }
    }
}

#[tokio::test]
async fn a_fresh_sign_in_is_asked_for_in_the_words_of_rfc_9470() {
    let world = world().await;
    let now = world.clock.now().unix_seconds();
    for (auth_time, status) in [(json!(now - 60), 200), (json!(now - 901), 401), (json!(null), 401)] {
        let token = world.signed(|claims| match auth_time.is_null() {
            true => drop(claims.as_object_mut().unwrap().remove("auth_time")),
            false => claims["auth_time"] = auth_time.clone(),
        });
        let reply = world.call(&token, "/deep/api/pay/a").await;
        assert_eq!(reply.status, status, "{auth_time}: {reply}");
        if status == 401 {
            assert!(challenge(&reply).contains("error=\"insufficient_user_authentication\""), "{reply}");
            assert!(challenge(&reply).contains("max_age=\"900\""), "{reply}");
        }
    }
}

#[tokio::test]
async fn a_socket_and_a_stream_end_with_their_token() {
    let world = world().await;
    let token = world.api_token();
    let mut socket = Socket::open_with_token(&world, &token, "/ws?hello=hi").await.unwrap();
    assert_eq!(socket.hear().await, "hi");
    let mut stream = with(&token, "/events?ms=20").open(world.address(), &world.setup.host()).await;
    assert!(stream.next().await.is_some());
    world.turn(59);
    assert!(stream.next().await.is_some());
    world.turn(1);
    stream.end().await;
    assert_eq!(socket.end().await, WsEnd::Closed(4401));
    let requests = world.app.requests().clone();
    eventually("the application notices", || requests.open_sockets() == 0).await;
    assert_eq!(Socket::open_with_token(&world, &token, "/ws").await.err(), Some(401));
}

#[tokio::test]
async fn another_proxy_that_asks_gets_the_same_decision_for_the_original_request() {
    let world = World::oidc(|setup| {
        by_keys(setup);
        setup.set("", "trusted_proxies", "[\"loopback\"]");
    })
    .await;
    let token = world.api_token();
    let auth =
        |target: &str| Ask::plain("/oauth2/auth").with("x-original-uri", target).with("x-original-method", "GET");
    let authorized = |target: &str, token: &str| auth(target).with("authorization", &format!("Bearer {token}"));
    let yes = world.curl(authorized("/deep/api/a", &token)).await;
    assert_eq!(yes.status, 202, "{yes}");
    assert_eq!(yes.header("x-auth-request-user"), Some(world.sub(BAT).as_str()));
    assert!(yes.set_cookies().is_empty());
    let no = world.curl(authorized("/deep/api/a", "garbage")).await;
    assert!(no.status == 401 && no.header("location").is_none() && challenge(&no).contains("invalid_token"), "{no}");
    for elsewhere in ["/deep/a", "/deep/api/../b"] {
        let reply = world.curl(authorized(elsewhere, &token)).await;
        assert!(matches!(reply.status, 400 | 401), "{elsewhere}: {reply}");
    }
    let group = world.curl(authorized("/deep/api/a", &token).with("x-original-method", "GET")).await;
    assert_eq!(group.status, 202);
}

#[tokio::test]
async fn a_user_whom_the_token_does_not_name_is_refused() {
    let world = World::oidc(|setup| {
        by_keys(setup);
        setup.set("provider", "user_claim", "\"employee\"");
    })
    .await;
    let reply = world.call(&world.api_token(), "/deep/api/a").await;
    assert_eq!(reply.status, 403, "{reply}");
    let named = world.signed(|claims| claims["employee"] = "E-7".into());
    assert_eq!(world.call(&named, "/deep/api/a").await.status, 200);
    assert_eq!(world.told("x-forwarded-user").as_deref(), Some("E-7"));
}
