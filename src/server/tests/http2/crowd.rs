//! No more streams at once, in the whole process, than `limits.connections`; the first of each connection does not count.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use h2::client::{Builder, ResponseFuture, SendRequest};
use h2::{Reason, RecvStream, SendStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::super::world::{PATIENCE, World, application, before};
use super::client::{body, connect, get, with};
use super::socket::{client as with_sockets, open, switched};

/// On two workers. The application counts its requests, and goes on with one where it is told to.
async fn crowded() -> (World, Arc<AtomicUsize>, Arc<Semaphore>) {
    let (count, go) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
    let (counted, on) = (Arc::clone(&count), Arc::clone(&go));
    let application = application(move |mut wire, _| {
        let (counted, on) = (Arc::clone(&counted), Arc::clone(&on));
        async move {
            let head = wire.until(" HTTP/1.1\r\n").await;
            counted.fetch_add(1, Ordering::SeqCst);
            match head.as_str() {
                "GET /answer HTTP/1.1\r\n" => {
                    on.acquire().await.unwrap().forget();
                    wire.send("HTTP/1.1 204 No Content\r\n\r\n").await;
                }
                begins @ ("GET /begin HTTP/1.1\r\n" | "GET /begin/and/end HTTP/1.1\r\n") => {
                    wire.send("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").await;
                    if begins.contains("end") {
                        on.acquire().await.unwrap().forget();
                    } else {
                        std::future::pending().await
                    }
                }
                "GET /ws?a=b HTTP/1.1\r\n" => {
                    switched(&mut wire).await;
                    on.acquire().await.unwrap().forget();
                }
                _ => std::future::pending().await,
            }
        }
    })
    .await;
    let mut setup = before(application);
    setup.limits.connections = MOST;
    setup.workers = 2;
    setup.upstream.timeout = Duration::from_secs(3600);
    (setup.start().await, count, go)
}

async fn asked(client: &mut SendRequest<Bytes>) -> Result<u16, Option<Reason>> {
    let (answer, _) = client.send_request(get("http://app/own"), true).unwrap();
    match timeout(PATIENCE, answer).await.expect("an answer in time") {
        Ok(answer) => {
            let status = answer.status().as_u16();
            assert_eq!(body(answer).await, "own");
            Ok(status)
        }
        Err(error) => Err(error.reason()),
    }
}

type Held = (ResponseFuture, SendStream<Bytes>);
/// More than the connections of any test, which the same limit counts.
const MOST: usize = 20;
const REFUSED: Result<u16, Option<Reason>> = Err(Some(Reason::REFUSED_STREAM));

async fn has_room(client: &mut SendRequest<Bytes>, why: &str) {
    let room = async {
        while asked(client).await == REFUSED {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, room).await.unwrap_or_else(|_| panic!("{why}"));
    assert_eq!(asked(client).await, Ok(200), "{why}");
}

async fn until(count: &AtomicUsize, requests: usize) {
    let come = async {
        while count.load(Ordering::SeqCst) < requests {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, come).await.expect("they come in time");
}

/// So many streams that go on; one of them needs no place.
async fn hold(client: &mut SendRequest<Bytes>, streams: usize, count: &AtomicUsize, come: &mut usize) -> Vec<Held> {
    let held = (0..streams).map(|_| client.send_request(get("http://app/hold"), true).unwrap()).collect();
    *come += streams;
    until(count, *come).await;
    held
}

#[tokio::test]
async fn one_more_is_refused_before_anybody_hears_of_it_and_may_come_again() {
    let (world, count, go) = crowded().await;
    let (mut first, mut second) = (connect(&world).await, connect(&world).await);
    let begin = |client: &mut SendRequest<Bytes>| client.send_request(get("http://app/answer"), true).unwrap().0;
    let answers: Vec<_> =
        (0..MOST + 2).map(|number| begin(if number % 2 == 0 { &mut first } else { &mut second })).collect();
    until(&count, MOST + 2).await;
    for client in [&mut first, &mut second] {
        for upload in [false, true] {
            let (answer, mut up) = client.send_request(get("http://app/answer"), !upload).unwrap();
            if upload {
                let _ = up.send_data(Bytes::from_static(b"and a body"), true);
            }
            let refused = timeout(PATIENCE, answer).await.expect("refused in time").unwrap_err();
            assert!(refused.is_remote() && refused.reason() == Some(Reason::REFUSED_STREAM), "{refused}");
        }
    }
    assert_eq!(count.load(Ordering::SeqCst), MOST + 2);
    let told = "tokigate_refused_connections_total{reason=\"crowded_streams\"} 4";
    assert!(world.metrics.render().contains(told), "{}", world.metrics.render());
    let mut other = world.connect().await;
    other.send("GET /own HTTP/1.1\r\nhost: app\r\n\r\n").await;
    assert!(other.head().await.starts_with("HTTP/1.1 200 "), "one at a time by itself");
    let mut other = connect(&world).await;
    for _ in 0..3 {
        assert_eq!(asked(&mut other).await, Ok(200), "one at a time of each connection");
    }
    go.add_permits(MOST + 2);
    for answer in answers {
        assert_eq!(timeout(PATIENCE, answer).await.unwrap().unwrap().status(), 204);
    }
    has_room(&mut first, "all are answered").await;
    has_room(&mut second, "all are answered").await;
}

#[tokio::test]
async fn however_a_stream_ends_there_is_room_for_another() {
    let (world, count, go) = crowded().await;
    let (mut others, mut asks) = (connect(&world).await, connect(&world).await);
    let mut come = 0;
    let _held = hold(&mut others, MOST, &count, &mut come).await;
    let _first = hold(&mut asks, 1, &count, &mut come).await;
    for (target, end) in [
        ("answer", "an answer"),
        ("hold", "a reset before the answer"),
        ("begin", "a reset within the answer"),
        ("begin/and/end", "the application's end"),
        ("hold", "its connection's end"),
        ("begin", "its connection's end"),
    ] {
        let (mut client, connection) = with(&world, &Builder::new()).await;
        let _first = hold(&mut client, 1, &count, &mut come).await;
        let (answer, mut up) = client.send_request(get(&format!("http://app/{target}")), true).unwrap();
        come += 1;
        until(&count, come).await;
        let answer = if target.starts_with("begin") {
            Ok(timeout(PATIENCE, answer).await.unwrap().unwrap())
        } else {
            Err(answer)
        };
        assert_eq!(asked(&mut asks).await, REFUSED, "before {end} ({target})");
        match end {
            "an answer" | "the application's end" => go.add_permits(1),
            "its connection's end" => connection.abort(),
            _ => up.send_reset(Reason::CANCEL),
        }
        has_room(&mut asks, &format!("after {end} ({target})")).await;
        drop(answer);
    }
    for end in ["the application's end", "a reset"] {
        let mut client = with_sockets(&world).await;
        let _first = hold(&mut client, 1, &count, &mut come).await;
        let (answer, mut up) = open(&mut client).await;
        come += 1;
        assert_eq!(answer.status(), 200);
        assert_eq!(asked(&mut asks).await, REFUSED, "before a tunnel's end by {end}");
        if end == "a reset" {
            up.send_reset(Reason::CANCEL);
        } else {
            go.add_permits(1);
            up.send_data(Bytes::new(), true).unwrap();
        }
        has_room(&mut asks, &format!("after a tunnel's end by {end}")).await;
    }
}

/// What the library has taken of it is still there.
#[tokio::test]
async fn an_answer_that_its_client_does_not_take_has_its_place() {
    let (world, count, _) = crowded().await;
    let (mut others, mut asks) = (connect(&world).await, connect(&world).await);
    let mut come = 0;
    let _held = hold(&mut others, MOST, &count, &mut come).await;
    let _first = hold(&mut asks, 1, &count, &mut come).await;
    let (mut client, _connection) = with(&world, Builder::new().initial_window_size(1)).await;
    let _first = hold(&mut client, 1, &count, &mut come).await;
    let (answer, _) = client.clone().send_request(get("http://app/own"), true).unwrap();
    let mut slow: RecvStream = timeout(PATIENCE, answer).await.unwrap().unwrap().into_body();
    assert_eq!(timeout(PATIENCE, slow.data()).await.unwrap().unwrap().unwrap(), "o");
    assert_eq!(asked(&mut asks).await, REFUSED);
    for piece in ["w", "n"] {
        slow.flow_control().release_capacity(1).unwrap();
        assert_eq!(timeout(PATIENCE, slow.data()).await.unwrap().unwrap().unwrap(), piece);
    }
    has_room(&mut asks, "all of it is taken").await;
}
