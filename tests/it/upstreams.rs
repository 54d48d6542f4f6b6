//! An application of its own for a rule: `[[rules]] upstream`. Everything else is as with the one at the top.

use std::time::Duration;

use tokigate::demo::app::App;
use tokio::net::TcpListener;

use crate::world::{Ask, BAT, Process, Socket, World, WsEnd, eventually};

const TWO: &str = r#"
[[rules]]
path = "/deep/public/**"
access = "public"
upstream = "OTHER"
[[rules]]
path = ["/deep/other/**", "/ws", "/events", "/headers"]
upstream = "OTHER"
"#;

async fn other() -> (App, String) {
    let app = App::start(TcpListener::bind("127.0.0.1:0").await.unwrap());
    let address = format!("http://{}", app.address().unwrap());
    (app, address)
}

async fn two() -> (World, App) {
    let (app, address) = other().await;
    (World::with(|setup| setup.rest += &TWO.replace("OTHER", &address)).await, app)
}

async fn two_around_a_process(drain: &str) -> (World, App, Process) {
    let (app, address) = other().await;
    let (world, process) = World::around_a_process(|setup| {
        setup.set("shutdown", "drain", drain);
        setup.rest += &TWO.replace("OTHER", &address);
    })
    .await;
    (world, app, process)
}

fn seen(app: &App) -> Vec<String> {
    app.requests().heads().into_iter().map(|head| head.target).collect()
}

#[tokio::test]
async fn what_a_rule_lets_through_reaches_its_own_application_and_all_else_the_other() {
    let (world, other) = two().await;
    let browser = world.signed_in(BAT).await;
    world.app.requests().clear();
    for target in ["/deep/other/a", "/deep/a", "/deep/other", "/deep/public/x?y=%2f"] {
        assert_eq!(browser.fetch(target).await.status, 200, "{target}");
    }
    assert_eq!(world.seen(), ["/deep/a"]);
    assert_eq!(seen(&other), ["/deep/other/a", "/deep/other", "/deep/public/x?y=%2f"]);
}

#[tokio::test]
async fn its_preflights_are_its_own_though_its_rule_is_for_other_methods() {
    let (other, address) = other().await;
    let world = World::with(|setup| {
        setup.set("cors", "origins", "[\"https://friend.example\"]");
        setup.rest +=
            &TWO.replace("[[rules]]\npath = [", "[[rules]]\nmethods = [\"PUT\"]\npath = [").replace("OTHER", &address);
    });
    let world = world.await;
    for (asked, target) in [("PUT", "/deep/other/a"), ("DELETE", "/deep/other/b"), ("GET", "/deep/public/c")] {
        let ask = Ask::script(target).method("OPTIONS").with("origin", "https://friend.example");
        assert_eq!(world.curl(ask.with("access-control-request-method", asked)).await.status, 200, "{target}");
    }
    assert_eq!(
        (seen(&other), world.seen()),
        (vec!["/deep/other/a".to_owned(), "/deep/public/c".to_owned()], vec!["/deep/other/b".to_owned()])
    );
}

#[tokio::test]
async fn it_is_told_who_it_is_and_where_like_the_other() {
    let (world, other) = two().await;
    let browser = world.signed_in(BAT).await;
    browser.fetch("/deep/a").await;
    let spoof = Ask::script("/headers").with("x-forwarded-user", "root").with("cookie", "theme=dark");
    assert_eq!(browser.send(spoof).await.status, 200);
    let there = other.requests().last().unwrap();
    assert_eq!(there.header("x-forwarded-user"), Some(BAT));
    for name in ["host", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-for", "x-forwarded-user"] {
        assert_eq!(there.header(name).map(str::to_owned), world.told(name), "{name}");
    }
    assert!(!there.header("cookie").unwrap_or_default().contains("tokigate"), "{:?}", there.header("cookie"));
}

#[tokio::test]
async fn a_stranger_gets_there_only_where_the_rule_is_public() {
    let (world, other) = two().await;
    assert_eq!(world.browser().fetch("/deep/other/a").await.status, 401);
    assert_eq!(world.browser().fetch("/deep/public/a").await.status, 200);
    assert_eq!(world.browser().fetch("/deep/public/..%2fother/a").await.status, 400);
    assert_eq!(seen(&other), ["/deep/public/a"]);
    assert_eq!(other.requests().last().unwrap().header("x-forwarded-user"), None);
}

/// Which application is meant must be as clear as who may have it.
#[tokio::test]
async fn a_path_that_reads_as_both_reaches_neither() {
    let (world, other) = two().await;
    let browser = world.signed_in(BAT).await;
    world.app.requests().clear();
    for target in ["/deep/other/..%2fa", "/deep/x/../other/a", "//deep/other/a", "/deep/Other/a", "/deep/other%2fa"] {
        assert_eq!(browser.fetch(target).await.status, 400, "{target}");
    }
    assert_eq!((world.seen(), seen(&other)), (Vec::new(), Vec::new()));
}

#[tokio::test]
async fn a_unix_socket_does_as_well() {
    let path = std::env::temp_dir().join(format!("tokigate-other-{}.sock", crate::world::free_port()));
    let other = App::start_unix(tokio::net::UnixListener::bind(&path).unwrap());
    let address = format!("unix:{}", path.display());
    let world = World::with(|setup| setup.rest += &TWO.replace("OTHER", &address)).await;
    let browser = world.signed_in(BAT).await;
    assert_eq!(browser.fetch("/deep/other/a").await.status, 200);
    assert_eq!(seen(&other), ["/deep/other/a"]);
    std::fs::remove_file(&path).unwrap();
}

#[tokio::test]
async fn one_that_is_down_is_told_by_its_address_and_the_other_goes_on() {
    let (world, other) = two().await;
    let browser = world.signed_in(BAT).await;
    let address = other.address().unwrap().to_string();
    other.stop();
    assert_eq!(browser.fetch("/deep/other/a").await.status, 502);
    assert_eq!(browser.fetch("/deep/a").await.status, 200);
    let ready = world.admin("/readyz").await;
    let degraded = ready.json()["degraded"].clone();
    assert_eq!((ready.status, degraded.as_array().unwrap().len()), (200, 1), "{degraded}");
    assert!(degraded[0]["why"].as_str().unwrap().contains(&address), "{degraded}");
}

#[tokio::test]
async fn its_sockets_end_with_their_session() {
    let (world, other) = two().await;
    let browser = world.signed_in(BAT).await;
    let mut socket = Socket::open(&world, Some(&browser), "/ws", None).await.unwrap();
    socket.say("a").await;
    assert_eq!(socket.hear().await, "a");
    assert_eq!(other.requests().open_sockets(), 1);
    browser.load("/oauth2/sign_out").await;
    assert_eq!(socket.end().await, WsEnd::Closed(4401));
    let requests = other.requests().clone();
    eventually("the application notices", || requests.open_sockets() == 0).await;
}

#[tokio::test]
async fn a_drain_closes_its_sockets_and_ends_its_streams_too() {
    let (world, other, mut process) = two_around_a_process("\"500ms\"").await;
    let browser = world.signed_in(BAT).await;
    let mut socket = Socket::open(&world, Some(&browser), "/ws", None).await.unwrap();
    let streaming = tokio::spawn(async move { browser.open(Ask::script("/events?ms=50")).await.whole().await });
    let requests = other.requests().clone();
    eventually("it streams", || requests.open_streams() == 1).await;
    process.terminate();
    assert_eq!(socket.end().await, WsEnd::Closed(1001));
    assert_eq!(process.exit().await, Some(0));
    assert_eq!(streaming.await.unwrap().status, 200);
    assert!(world.seen().iter().all(|target| target.starts_with("/deep/start")), "{:?}", world.seen());
}

#[tokio::test]
async fn a_failure_is_logged_with_the_applications_address() {
    let (world, other, mut process) = two_around_a_process("\"1s\"").await;
    let browser = world.signed_in(BAT).await;
    let address = other.address().unwrap().to_string();
    other.stop();
    assert_eq!(browser.fetch("/deep/other/a").await.status, 502);
    process.terminate();
    tokio::time::timeout(Duration::from_secs(20), process.exit()).await.unwrap();
    let said = process.said();
    let line = said.lines().find(|line| line.contains("application_failed")).unwrap_or_else(|| panic!("{said}"));
    assert!(line.contains(&format!("http://{address}")), "{line}");
}
