//! How an HTTP/2 connection ends: silence, the drain.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::super::world::{PATIENCE, Setup, application, before};
use super::client::{body, connect, get, with};
use crate::server::drain::Stage;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const NEVER: Duration = Duration::from_secs(3600);
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

async fn hurried() -> Setup {
    let mut setup = before(application(|_, _| async {}).await);
    setup.limits.header_timeout = Duration::from_millis(200);
    setup.limits.idle_timeout = Duration::from_millis(800);
    setup
}

#[tokio::test]
async fn each_way_of_saying_nothing_has_its_own_time() {
    // A HEADERS frame whose block goes on, and one whose payload does not come.
    let open_block = [PREFACE, SETTINGS, &[0, 0, 1, 1, 0x1, 0, 0, 0, 1, 0x82]].concat();
    let half_frame = [PREFACE, SETTINGS, &[0, 0, 9, 1, 0x5, 0, 0, 0, 1, 0x82]].concat();
    let half_settings = [PREFACE, &SETTINGS[..4]].concat();
    let mut begun = hurried().await;
    begun.limits.idle_timeout = NEVER;
    ends(begun, &[b"P", &PREFACE[..23], &half_settings, &open_block, &half_frame]).await;
    let mut silent = hurried().await;
    silent.limits.header_timeout = NEVER;
    ends(silent, &[b"", &[PREFACE, SETTINGS].concat()]).await;
}

/// By the one of the two times that is not `NEVER`.
async fn ends(setup: Setup, each: &[&[u8]]) {
    let least = setup.limits.header_timeout.min(setup.limits.idle_timeout);
    let world = setup.start().await;
    for said in each {
        let mut client = world.connect().await;
        let began = Instant::now();
        client.send(said).await;
        timeout(PATIENCE, client.rest_of_bytes()).await.unwrap_or_else(|_| panic!("{said:?}"));
        assert!(began.elapsed() >= least, "{said:?}: {:?}", began.elapsed());
    }
}

#[tokio::test]
async fn a_preface_that_is_none_is_refused_as_the_request_line_that_it_looks_like() {
    let world = hurried().await.start().await;
    for said in ["PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", "PRI * HTTP/2.1\r\n\r\n", "INVALID CONNECTION PREFACE\r\n\r\n"] {
        let mut client = world.connect().await;
        client.send(said).await;
        let answer = client.rest().await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{said}: {answer}");
    }
}

#[tokio::test]
async fn a_request_holds_off_the_end_of_an_idle_connection() {
    let application = application(|mut wire, _| async move {
        wire.head().await;
        tokio::time::sleep(Duration::from_millis(1500)).await;
        wire.send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nslow").await;
    })
    .await;
    let mut setup = before(application);
    setup.limits.idle_timeout = Duration::from_millis(300);
    setup.limits.header_timeout = Duration::from_millis(300);
    let world = setup.start().await;
    let (mut client, connection) = with(&world, &h2::client::Builder::new()).await;
    let (answer, _) = client.send_request(get("http://app/"), true).unwrap();
    assert_eq!(body(answer.await.unwrap()).await, "slow");
    let answered = Instant::now();
    timeout(PATIENCE, connection).await.unwrap().unwrap().unwrap();
    assert!(answered.elapsed() >= Duration::from_millis(250), "{:?}", answered.elapsed());
}

#[tokio::test]
async fn while_it_leaves_whoever_comes_is_answered_and_told_to_go() {
    let world = before(application(|_, _| async {}).await).start().await;
    let (mut before_it, connection) = with(&world, &h2::client::Builder::new()).await;
    let (answer, _) = before_it.send_request(get("http://app/own"), true).unwrap();
    assert_eq!(body(answer.await.unwrap()).await, "own");
    world.drain.enter(Stage::Leaving);
    timeout(PATIENCE, connection).await.expect("it is told").unwrap().unwrap();
    let mut after_it = connect(&world).await;
    let (answer, _) = after_it.send_request(get("http://app/own"), true).unwrap();
    assert_eq!(body(answer.await.unwrap()).await, "own");
}

#[tokio::test]
async fn streams_under_way_are_finished_before_a_connection_goes() {
    let application = application(|mut wire, _| async move {
        wire.head().await;
        wire.send("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsl").await;
        tokio::time::sleep(Duration::from_millis(600)).await;
        wire.send("owly").await;
    })
    .await;
    let world = before(application).start().await;
    let mut client = connect(&world).await;
    let (answer, _) = client.send_request(get("http://app/"), true).unwrap();
    let answer = answer.await.unwrap();
    world.drain.enter(Stage::Finishing);
    assert_eq!(body(answer).await, "slowly");
    timeout(PATIENCE, world.served).await.unwrap().unwrap().unwrap();
}
