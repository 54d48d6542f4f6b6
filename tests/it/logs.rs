//! What the program writes, at every level: events that tell what happened, and nothing that anybody could use. Issue 2 §6, security.md 2.17.

use std::collections::HashMap;

use serde_json::{Value, json};
use tokigate::demo::provider::{Endpoint, Fault, Users};

use crate::world::{Ask, Browser, KEY, Process, SECRET, Setup, Socket, World, free_port};

const USER: &str = "canary-user-71";

/// One user whose every claim is a canary.
fn canary_people() -> Users {
    let path = std::env::temp_dir().join(format!("tokigate-canary-{}.json", free_port()));
    let people = json!([{
        "userId": USER, "firstName": "Канарейка", "lastName": "Птицын", "nationalId": "КК77665544", "dob": "1977-07-17",
        "phoneNo": "77665544", "email": "canary.bird@example.mn", "groups": ["canary-group"], "sub": "canary-sub-72",
    }]);
    std::fs::write(&path, people.to_string()).unwrap();
    let users = Users::from_file(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    users
}

const CLAIMS: [&str; 12] = [
    USER,
    "canary-sub",
    "Канарейка",
    "%D0%9A%D0%B0%D0%BD",
    "Птицын",
    "КК77665544",
    "77665544",
    "1977-07-17",
    "canary.bird",
    "canary-group",
    "canary-query",
    "canary-field",
];

async fn traced(change: impl FnOnce(&mut Setup)) -> (World, Process) {
    let around = World::around_a_process(|setup| {
        setup.confidential_with_pkce();
        setup.options.users = canary_people();
        setup.set("log", "level", "\"trace\"");
        setup.set("identity", "id_token", "\"x-forwarded-id-token\"");
        setup.set("identity", "access_token", "\"x-forwarded-access-token\"");
        setup.set("shutdown", "drain", "\"1s\"");
        change(setup);
    });
    around.await
}

/// Everything that happens to a session, and much that goes wrong; every secret there was.
async fn a_whole_life(world: &World) -> Vec<(String, String)> {
    let mut secrets = Secrets::default();
    secrets.add("client secret", SECRET);
    secrets.add("key", KEY);
    let browser = world.browser();
    let start = browser.load("/deep/a?canary-query=1").await;
    secrets.of(&browser);
    for name in ["state", "nonce", "code_challenge"] {
        secrets.add(name, &start.location_param(name).unwrap());
    }
    let back = browser.at_provider(&start, USER).await;
    browser.come_back(&back).await;
    secrets.of(&browser);
    browser.load("/deep/a?canary-query=1").await;
    for ask in
        [Ask::script("/oauth2/session"), Ask::script("/oauth2/userinfo"), Ask::script("/oauth2/refresh").method("POST")]
    {
        assert_eq!(browser.send(ask).await.status, 200);
        secrets.of(&browser);
    }
    browser
        .send(Ask::script("/echo").method("POST").body(b"canary-field=1").with("authorization", "Bearer canary-field"))
        .await;
    drop(Socket::open(world, Some(&browser), "/ws?canary-query=1", None).await);
    // Things that go wrong.
    browser.come_back(&back).await;
    let faults = world.provider.faults();
    for (endpoint, fault) in [
        (Endpoint::Refresh, Fault::status(500, "canary-field")),
        (Endpoint::UserInfo, Fault::status(200, "{\"data\": \"canary-field\"}")),
        (Endpoint::Refresh, Fault::status(400, r#"{"error":"invalid_request","error_description":"canary-field"}"#)),
        (Endpoint::Refresh, Fault::Truncate),
        (Endpoint::Refresh, Fault::AnotherUser),
    ] {
        faults.next(endpoint, 1, fault);
        browser.send(Ask::script("/oauth2/refresh").method("POST")).await;
        secrets.of(&browser);
    }
    for (endpoint, fault) in [
        (Endpoint::Code, Fault::WrongNonce),
        (Endpoint::Code, Fault::WrongAudience),
        (Endpoint::Code, Fault::Truncate),
        (Endpoint::Code, Fault::InvalidGrant),
        (Endpoint::UserInfo, Fault::AnotherUser),
        (Endpoint::UserInfo, Fault::Truncate),
    ] {
        let other = world.browser();
        let start = other.load("/deep/b?canary-query=1").await;
        secrets.of(&other);
        secrets.add("state", &start.location_param("state").unwrap());
        let back = other.at_provider(&start, USER).await;
        faults.next(endpoint, 1, fault);
        other.come_back(&back).await;
    }
    let other = world.browser();
    other.jar().put(&world.setup.cookie(), "canary-field");
    other.come_back("/oauth2/callback?code=canary-field&state=canary-field").await;
    other.come_back("/oauth2/callback?error=canary-field&error_description=canary-field&state=canary-field").await;
    other.load("/oauth2/start?rd=https://canary-query.example/canary-query").await;
    other.send(Ask::plain("/oauth2/auth?canary-query=1").with("x-original-uri", "/x?canary-query")).await;
    other.send(Ask::page("/deep/a").with("host", "other.example")).await;
    browser.load("/oauth2/sign_out").await;
    secrets.of_calls(world);
    secrets.list
}

#[derive(Default)]
struct Secrets {
    list: Vec<(String, String)>,
}

impl Secrets {
    fn add(&mut self, what: &str, value: &str) {
        // Any part of it would be too much: its middle stands for it.
        if value.len() >= 16 {
            let middle = (value.len() - 16) / 2;
            self.list.push((what.to_owned(), value[middle..middle + 16].to_owned()));
        }
    }

    fn of(&mut self, browser: &Browser) {
        for cookie in browser.cookies() {
            self.add(&format!("cookie {}", cookie.name), &cookie.value);
        }
    }

    fn of_calls(&mut self, world: &World) {
        for call in world.provider.calls().all() {
            for name in ["code", "code_verifier", "refresh_token"] {
                if let Some(value) = call.param(name) {
                    self.add(name, value);
                }
            }
            if let Some(value) = call.header("authorization") {
                self.add("access token", value);
            }
        }
        for head in world.app.requests().heads() {
            for name in ["x-forwarded-access-token", "x-forwarded-id-token"] {
                head.header(name).inspect(|value| self.add(name, value));
            }
        }
    }
}

#[tokio::test]
async fn no_secret_and_no_claim_is_written_at_any_level() {
    let (world, mut process) = traced(|_| {}).await;
    let secrets = a_whole_life(&world).await;
    assert!(secrets.len() > 40, "{}", secrets.len());
    let metrics = process.ask("/metrics").await.text();
    process.terminate();
    assert_eq!(process.exit().await, Some(0));
    let said = process.said();
    assert!(said.lines().count() > 30, "it does write: {said}");
    for (what, secret) in &secrets {
        assert!(!said.contains(secret.as_str()), "{what} in the log: {}", line_with(&said, secret));
        assert!(!metrics.contains(secret.as_str()), "{what} in the metrics");
    }
    for claim in CLAIMS {
        assert!(!said.contains(claim), "{claim} in the log: {}", line_with(&said, claim));
        assert!(!metrics.contains(claim), "{claim} in the metrics");
    }
}

fn line_with<'a>(text: &'a str, part: &str) -> &'a str {
    text.lines().find(|line| line.contains(part)).unwrap_or_default()
}

#[tokio::test]
async fn off_a_terminal_every_line_is_json_and_every_request_has_one() {
    let (world, process) = World::around_a_process(|_| {}).await;
    let browser = world.signed_in("100001").await;
    let asks = [
        (Ask::script("/status/418"), 418),
        (Ask::page("/deep/a?query=1"), 200),
        (Ask::script("/deep/a").method("DELETE"), 200),
        (Ask::script("/oauth2/session"), 200),
        (Ask::script("/oauth2/nothing"), 404),
        (Ask::script("/hangup"), 502),
        (Ask::page("/deep/a").with("host", "elsewhere.example"), 421),
    ];
    let mut ids = HashMap::new();
    for (number, (ask, status)) in asks.into_iter().enumerate() {
        let id = format!("request-{number}");
        ids.insert(id.clone(), (ask.method.clone(), ask.target.split('?').next().unwrap().to_owned(), status));
        assert_eq!(browser.send(ask.with("x-request-id", &id)).await.status, status);
    }
    let stranger = world.browser();
    ids.insert("stranger".to_owned(), ("GET".to_owned(), "/deep/a".to_owned(), 401));
    stranger.send(Ask::script("/deep/a").with("x-request-id", "stranger")).await;
    let log = settled(&process, ids.len()).await;
    for (id, (method, path, status)) in &ids {
        let lines: Vec<&Value> =
            log.iter().filter(|line| line["event"] == "request" && line["request_id"] == id.as_str()).collect();
        let [line] = lines[..] else { panic!("one line for {id}: {lines:?}") };
        assert_eq!((&line["method"], &line["path"], &line["status"]), (&json!(method), &json!(path), &json!(status)));
        assert!(line["duration_ms"].is_number() && line["decision"].is_string(), "{line}");
        assert!(line["query"].is_null(), "{line}");
    }
}

/// The log, once it holds this many requests that named themselves.
async fn settled(process: &Process, count: usize) -> Vec<Value> {
    for _ in 0..200 {
        let named =
            |line: &&Value| line["event"] == "request" && line["request_id"].as_str().is_some_and(|id| !id.is_empty());
        let log = process.log();
        if log.iter().filter(named).count() >= count {
            return log;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    process.log()
}

#[tokio::test]
async fn sign_in_refresh_sign_out_and_refusals_are_events_with_reason_and_request_id() {
    let (world, process) = World::around_a_process(|_| {}).await;
    let browser = world.browser();
    let start = browser.load("/deep/a").await;
    let back = browser.at_provider(&start, "100001").await;
    browser.send(Ask::page_from_elsewhere(&back).with("x-request-id", "the-sign-in")).await;
    browser.send(Ask::script("/oauth2/refresh").method("POST").with("x-request-id", "the-refresh")).await;
    browser.send(Ask::page("/oauth2/sign_out").with("x-request-id", "the-sign-out")).await;
    browser.send(Ask::script("/deep/a").with("x-request-id", "the-refusal")).await;
    browser.send(Ask::page("/oauth2/callback?code=a&state=b").with("x-request-id", "the-failure")).await;
    let log = settled(&process, 5).await;
    let event = |name: &str, id: &str| {
        let line = log.iter().find(|line| line["event"] == name && line["request_id"] == id);
        line.unwrap_or_else(|| panic!("{name} of {id} in {log:#?}")).clone()
    };
    let signed_in = event("signed_in", "the-sign-in");
    // Names, types and lengths: that is how one writes a mapping.
    let received = signed_in["received"].to_string();
    for claim in ["nationalId", "dob", "phoneNo", "firstName", "groups", "userId", "email"] {
        assert!(received.contains(claim), "{claim}: {received}");
    }
    for value in ["1990", "99112233", "admin", "Бат", "100001"] {
        assert!(!received.contains(value), "{value}: {received}");
    }
    assert!(received.contains("string") && received.contains(" 8"), "{received}");
    event("refreshed", "the-refresh");
    event("signed_out", "the-sign-out");
    assert!(event("refused", "the-refusal")["reason"].is_string());
    assert!(event("sign_in_failed", "the-failure")["reason"].is_string());
    // The user is one hash throughout.
    let hashes: std::collections::HashSet<String> =
        log.iter().filter_map(|line| line["user"].as_str().map(str::to_owned)).collect();
    assert_eq!(hashes.len(), 1, "{hashes:?}");
    assert!(!hashes.contains("100001"));
}

#[tokio::test]
async fn a_path_that_reads_in_two_ways_is_logged_with_the_rules_between_which_nobody_decides() {
    let (world, process) = World::around_a_process(|setup| setup.rule("/deep/closed/**", "deny")).await;
    let told = world.curl(Ask::script("/deep/x/..%2fclosed/a").with("x-request-id", "two-ways")).await;
    assert_eq!((told.status, told.json()["type"].is_string()), (400, true));
    assert!(!told.text().contains("rules["), "for the log alone: {told}");
    let log = settled(&process, 1).await;
    let refused = log.iter().find(|line| line["event"] == "refused" && line["request_id"] == "two-ways");
    let refused = refused.unwrap_or_else(|| panic!("{log:#?}"));
    assert_eq!((&refused["reason"], &refused["key"]), (&json!("ambiguous_path"), &json!("no rule, rules[0]")));
}

#[tokio::test]
async fn what_a_client_sends_breaks_no_line() {
    let (world, process) = World::around_a_process(|_| {}).await;
    let paths = ["/a%0d%0a{\"event\":\"forged\"}", "/%1b[31mred", "/\u{7f}", "/a\\\"},{\"event\":\"forged\""];
    for path in paths {
        let mut wire = world.wire().await;
        let host = format!("Host: {}", world.setup.host());
        wire.request(&[
            &format!("GET {path} HTTP/1.1"),
            &host,
            "User-Agent: x\"}{\"event\":\"forged\"}",
            "Connection: close",
        ])
        .await;
    }
    world.curl(Ask::plain("/").with("x-request-id", "last")).await;
    let log = settled(&process, paths.len() + 1).await;
    assert!(log.iter().all(|line| line["event"] != "forged"));
    assert!(!process.out().contains('\u{1b}'));
}

#[tokio::test]
async fn who_wants_identifiers_and_queries_in_the_log_gets_them_but_never_a_callbacks() {
    let (world, process) = World::around_a_process(|setup| {
        setup.set("log", "user", "\"id\"");
        setup.set("log", "query", "true");
        setup.set("", "extra_hosts", "[\"inner.example\"]");
    })
    .await;
    let browser = world.signed_in("100001").await;
    browser.send(Ask::script("/deep/a?shown=1").with("x-request-id", "with-query")).await;
    // However it comes: link scanners send HEAD, and a machine's host has no callback.
    let refused = [
        (Ask::plain("/oauth2/callback?code=hidden&state=x").method("HEAD"), 405),
        (Ask::plain("/oauth2/callback?code=hidden&state=x").form("a=b"), 405),
        (Ask::plain("/oauth2/callback?code=hidden&state=x").with("host", "inner.example"), 404),
        (Ask::plain("/oauth2/callback?code=hidden&state=x").with("host", "evil.example"), 421),
        (Ask::plain("/oauth2/frontchannel_logout?iss=x&sid=hidden").method("HEAD"), 405),
    ];
    let asked = refused.len();
    for (ask, status) in refused {
        assert_eq!(browser.send(ask.clone()).await.status, status, "{ask:?}");
    }
    let log = settled(&process, 4 + asked).await;
    let line = log.iter().find(|line| line["event"] == "request" && line["request_id"] == "with-query").unwrap();
    assert_eq!((&line["query"], &line["user"]), (&json!("shown=1"), &json!("100001")));
    let is_callback = |line: &&Value| line["event"] == "request" && line["path"] == "/oauth2/callback";
    assert_eq!(log.iter().filter(is_callback).count(), asked);
    assert!(log.iter().filter(is_callback).all(|line| line["query"].is_null()), "{log:?}");
    assert!(!process.out().contains("hidden"), "{}", process.out());
}
