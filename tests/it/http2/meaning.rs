//! The same answers, the same refusals, the same identity as over HTTP/1.1.

use std::collections::BTreeMap;

use crate::world::{Ask, BAT, Reply, SARAA, Speaks, World};

/// Without what differs from answer to answer, and what only HTTP/1.1 says.
fn essence(reply: &Reply) -> (u16, BTreeMap<String, Vec<String>>) {
    let own = [
        "date",
        "x-request-id",
        "set-cookie",
        "location",
        "connection",
        "keep-alive",
        "content-length",
        "x-sample-app",
    ];
    let mut headers = BTreeMap::<_, Vec<_>>::new();
    for (name, value) in &reply.headers {
        if !own.contains(&name.as_str()) {
            headers.entry(name.to_string()).or_default().push(value.to_str().unwrap().to_owned());
        }
    }
    (reply.status, headers)
}

async fn both(world: &World, ask: impl Fn() -> Ask) -> [Reply; 2] {
    let (http1, http2) = (ask(), ask().speaking(Speaks::Http2));
    [world.curl(http1).await, world.curl(http2).await]
}

#[tokio::test]
async fn a_stranger_is_answered_alike() {
    let world = World::with(|setup| {
        setup.rule("/public/**", "public");
        setup.rule("/closed/**", "deny");
    })
    .await;
    let plain = [
        Ask::page("/deep/a"),
        Ask::script("/deep/a"),
        Ask::plain("/deep/a"),
        Ask::page("/deep/a").method("HEAD"),
        Ask::plain("/deep/a").method("OPTIONS").with("access-control-request-method", "PUT"),
        Ask::plain("/a.Service/Call").method("POST").with("content-type", "application/grpc"),
        Ask::page("/deep/a").with("sec-purpose", "prefetch"),
        Ask::page("/form").form("a=b"),
        Ask::page("/public/a"),
        Ask::page("/closed/a"),
        Ask::page("/public/../closed/a"),
        Ask::page("/public/%2e%2e/closed/a"),
        Ask::page("/public%2fa"),
        Ask::page("/public/a\\b"),
        Ask::page("/oauth2/nothing"),
        Ask::page("/oauth2/callback?code=x&state=y"),
        Ask::page("/deep/a").with("host", "evil.example"),
        Ask::plain("/deep/a").method("TRACE"),
        Ask::plain("/deep/a").method("get"),
        Ask::plain("*").method("GET"),
        Ask::plain("/deep/a").with("expect", "a miracle"),
    ];
    for ask in plain {
        let what = format!("{ask:?}");
        if ask.target.contains('\\') || ask.target == "*" {
            // No client of either library sends it; the raw one of the attacks does.
            continue;
        }
        let [http1, http2] = both(&world, || ask.clone()).await;
        assert_eq!(essence(&http2), essence(&http1), "{what}");
        assert_eq!(http2.location_free(), http1.location_free(), "{what}");
        assert_eq!(http2.body.is_empty(), http1.body.is_empty(), "{what}");
    }
    assert!(world.seen().iter().all(|target| target == "/public/a"), "{:?}", world.seen());
    assert_eq!(world.seen().len(), 2);
}

#[tokio::test]
async fn nobody_says_who_they_are_in_lower_case_either() {
    let world = World::with(|setup| setup.rule("/public/**", "public")).await;
    let browser = world.signed_in(BAT).await.speaking(Speaks::Http2);
    let names = [
        "x-forwarded-user",
        "x_forwarded_user",
        "x.forwarded.user",
        "x-forwarded-email",
        "x-forwarded-groups",
        "x-forwarded-access-token",
        "x-auth-request-user",
        "x-tokigate-assertion",
        "x-real-ip",
        "x-original-url",
    ];
    for target in ["/headers", "/public/a"] {
        let ask = names.iter().fold(Ask::script(target), |ask, name| ask.with(name, SARAA));
        assert_eq!(browser.send(ask).await.status, 200);
        let told = world.app.requests().last().unwrap();
        for name in names {
            assert!(told.header(name).is_none_or(|said| !said.contains(SARAA)), "{name} at {target}");
        }
        assert_eq!(told.header("x-forwarded-user"), (target == "/headers").then_some(BAT));
        assert_eq!(told.header("x-forwarded-host"), Some(world.setup.host().as_str()));
        assert_eq!(told.header("host"), Some(world.setup.host().as_str()));
    }
}

#[tokio::test]
async fn crumbs_arrive_on_one_line_without_ours() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await.speaking(Speaks::Http2);
    assert_eq!(browser.send(Ask::script("/headers").with("cookie", "a=b; c=d").and("cookie", "e=f")).await.status, 200);
    assert_eq!(world.told("cookie").as_deref(), Some("a=b; c=d; e=f"));
}

#[tokio::test]
async fn rules_count_alike() {
    let world = World::with(|setup| {
        setup.rule("/public/**", "public");
        setup.rule("/deep/closed/**", "deny");
    })
    .await;
    let (http1, http2) = (world.signed_in(BAT).await, world.signed_in(BAT).await.speaking(Speaks::Http2));
    for target in [
        "/deep/a",
        "/deep/closed/a",
        "/deep/%63losed/a",
        "/deep/x/../closed/a",
        "/deep//closed/a",
        "/deep/closed;v=1/a",
        "/DEEP/closed/a",
        "/public/../deep/closed/a",
        "/public/%zz",
    ] {
        assert_eq!(http2.fetch(target).await.status, http1.fetch(target).await.status, "{target}");
    }
}

#[tokio::test]
async fn too_many_fields_are_431_and_the_application_sees_none() {
    let world = World::with(|setup| setup.set("limits", "header_bytes", "\"16KiB\"")).await;
    let browser = world.signed_in(BAT).await.speaking(Speaks::Http2);
    let before = world.seen().len();
    let large = Ask::script("/headers").with("x-large", &"x".repeat(17 * 1024));
    assert_eq!(browser.send(large).await.status, 431);
    // Each field counts 32 bytes on top: 600 crumbs of five bytes are 16 KiB and more (RFC 9113 §6.5.2).
    let crumbs = (0..600).map(|number| format!("c{number}=x")).collect::<Vec<_>>().join("; ");
    assert_eq!(browser.send(Ask::script("/headers").with("cookie", &crumbs)).await.status, 431);
    assert_eq!(world.seen().len(), before);
    assert_eq!(browser.fetch("/headers").await.status, 200);
}

impl Reply {
    /// Where a redirect leads, without its query.
    fn location_free(&self) -> Option<String> {
        self.header("location").map(|location| location.split('?').next().unwrap().to_owned())
    }
}
