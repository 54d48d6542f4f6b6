//! Bodies: streamed, framed, broken off.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout};

use super::world::{PATIENCE, application, before};

const GET: &str = "GET / HTTP/1.1\r\nhost: app\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[tokio::test]
async fn an_event_arrives_when_it_is_sent_and_not_when_the_next_one_is() {
    let application = application(|mut wire, _| async move {
        wire.head().await;
        wire.send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n").await;
        for _ in 0..5 {
            sleep(Duration::from_millis(60)).await;
            let event = format!("data: {}\n\n", EPOCH.with(|epoch| epoch.elapsed().as_micros()));
            wire.send(format!("{:x}\r\n{event}\r\n", event.len())).await;
        }
        wire.rest().await;
    })
    .await;
    EPOCH.with(|_| {});
    let world = before(application).start().await;
    let mut client = world.connect().await;
    client.send(GET).await;
    client.head().await;
    for _ in 0..5 {
        client.until("data: ").await;
        let sent: u128 = client.until("\n\n").await.trim().parse().unwrap();
        let late = EPOCH.with(|epoch| epoch.elapsed().as_micros()) - sent;
        assert!(late < 50_000, "{late} µs");
    }
}

thread_local! {
    static EPOCH: Instant = Instant::now();
}

#[tokio::test]
async fn a_session_that_ends_ends_its_event_stream_properly() {
    let (gone, is_gone) = mpsc::channel(1);
    let application = application(move |mut wire, _| {
        let gone = gone.clone();
        async move {
            wire.head().await;
            wire.send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: 1\n\n").await;
            wire.rest().await;
            gone.send(()).await.unwrap();
        }
    })
    .await;
    let mut is_gone = is_gone;
    let world = before(application).start().await;
    let mut client = world.connect().await;
    client.send(GET).await;
    client.until("data: 1\n\n\r\n").await;
    world.session.send_replace(true);
    assert_eq!(client.until("0\r\n\r\n").await, "0\r\n\r\n");
    timeout(PATIENCE, is_gone.recv()).await.unwrap();
}

#[tokio::test]
async fn what_the_application_breaks_off_never_looks_complete() {
    for framing in ["content-length: 10", "transfer-encoding: chunked"] {
        let application = application(move |mut wire, _| async move {
            wire.head().await;
            wire.send(format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n5\r\nab")).await;
            sleep(Duration::from_millis(20)).await;
        })
        .await;
        let world = before(application).start().await;
        let mut client = world.connect().await;
        client.send(GET).await;
        client.head().await;
        let body = client.rest().await;
        assert!(!body.ends_with("0\r\n\r\n") && body.len() < 10, "{body}");
    }
}

#[tokio::test]
async fn what_the_client_breaks_off_never_looks_complete() {
    for framing in ["content-length: 10", "transfer-encoding: chunked"] {
        let (seen, rest) = oneshot::channel();
        let seen = std::sync::Mutex::new(Some(seen));
        let application = application(move |mut wire, _| {
            let seen = seen.lock().unwrap().take();
            async move {
                wire.head().await;
                seen.unwrap().send(wire.rest().await).unwrap();
            }
        })
        .await;
        let world = before(application).start().await;
        let mut client = world.connect().await;
        client.send(format!("POST / HTTP/1.1\r\nhost: app\r\n{framing}\r\n\r\n2\r\nab\r\n")).await;
        sleep(Duration::from_millis(20)).await;
        drop(client);
        let rest = timeout(PATIENCE, rest).await.unwrap().unwrap();
        assert!(rest.contains("ab") && !rest.ends_with("0\r\n\r\n"), "{rest}");
    }
}

#[tokio::test]
async fn a_client_that_leaves_takes_its_request_with_it() {
    let (gone, mut is_gone) = mpsc::channel(1);
    let application = application(move |mut wire, _| {
        let gone = gone.clone();
        async move {
            wire.head().await;
            wire.rest().await;
            gone.send(()).await.unwrap();
        }
    })
    .await;
    let world = before(application).start().await;
    let mut client = world.connect().await;
    client.send(GET).await;
    sleep(Duration::from_millis(50)).await;
    drop(client);
    timeout(PATIENCE, is_gone.recv()).await.unwrap();
}

#[tokio::test]
async fn trailers_pass_and_name_nobody() {
    let application = application(|mut wire, _| async move {
        let head = wire.head().await;
        assert!(head.contains("\r\nte: trailers\r\n") && head.contains("\r\ntrailer: x-checksum\r\n"), "{head}");
        let body = wire.until("\r\n\r\n").await;
        assert_eq!(body, "2\r\nhi\r\n0\r\nx-checksum: 1\r\n\r\n");
        wire.send(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n2\r\nok\r\n0\r\nx-sum: 7\r\n\r\n",
        )
        .await;
        wire.rest().await;
    })
    .await;
    let world = before(application).start().await;
    let mut client = world.connect().await;
    client.send("POST / HTTP/1.1\r\nhost: app\r\nte: trailers\r\nconnection: te\r\ntrailer: x-checksum, X_Forwarded_User\r\ntransfer-encoding: chunked\r\n\r\n").await;
    client.send("2\r\nhi\r\n0\r\nx-checksum: 1\r\nX_Forwarded_User: admin\r\n\r\n").await;
    client.head().await;
    assert_eq!(client.until("\r\n\r\n").await, "2\r\nok\r\n0\r\nx-sum: 7\r\n\r\n");
}

#[tokio::test]
async fn answers_without_a_body_leave_the_connections_in_step() {
    for (method, answer) in [
        ("HEAD", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"),
        ("HEAD", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"),
        ("GET", "HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", "HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\netag: \"1\"\r\n\r\n"),
        ("GET", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
    ] {
        let application = application(move |mut wire, number| async move {
            assert_eq!(number, 0, "the connection is kept");
            wire.head().await;
            wire.send(answer).await;
            wire.head().await;
            wire.send(OK).await;
        })
        .await;
        let world = before(application).start().await;
        let mut client = world.connect().await;
        client.send(format!("{method} / HTTP/1.1\r\nhost: app\r\n\r\n")).await;
        let head = client.head().await;
        assert_eq!(head.contains("content-length: 5"), answer.contains("200 OK\r\ncontent-length: 5"), "{head}");
        client.send(GET).await;
        assert!(client.head().await.starts_with("HTTP/1.1 200 OK"), "{method}: {answer}");
        assert_eq!(client.bytes(2).await, b"ok");
    }
}

#[tokio::test]
async fn a_client_that_asks_first_is_told_to_go_on() {
    let application = application(|mut wire, _| async move {
        let head = wire.head().await;
        assert!(!head.contains("expect"), "{head}");
        assert_eq!(wire.bytes(2).await, b"hi");
        wire.send(OK).await;
    })
    .await;
    let world = before(application).start().await;
    let mut client = world.connect().await;
    client.send("POST / HTTP/1.1\r\nhost: app\r\ncontent-length: 2\r\nexpect: 100-continue\r\n\r\n").await;
    assert_eq!(client.head().await, "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("hi").await;
    assert!(client.head().await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn a_client_that_asks_first_and_is_refused_sends_nothing() {
    let world = before(application(|_, _| async {}).await).start().await;
    let mut client = world.connect().await;
    client.send("POST /own HTTP/1.1\r\nhost: app\r\ncontent-length: 2000000\r\nexpect: 100-continue\r\n\r\n").await;
    let head = client.head().await;
    assert!(head.starts_with("HTTP/1.1 200 ") && head.contains("connection: close"), "{head}");
}

#[tokio::test]
async fn a_body_goes_with_every_method_and_framed_as_it_came() {
    for (method, framing, body) in [
        ("GET", "content-length: 2", "hi"),
        ("GET", "transfer-encoding: chunked", "2\r\nhi\r\n0\r\n\r\n"),
        ("DELETE", "transfer-encoding: chunked", "2\r\nhi\r\n0\r\n\r\n"),
        ("POST", "content-length: 0", ""),
    ] {
        let application = application(move |mut wire, _| async move {
            let head = wire.head().await;
            assert!(head.contains(&format!("\r\n{framing}\r\n")), "{head}");
            assert_eq!(wire.bytes(body.len()).await, body.as_bytes());
            wire.send(OK).await;
        })
        .await;
        let world = before(application).start().await;
        let mut client = world.connect().await;
        client.send(format!("{method} / HTTP/1.1\r\nhost: app\r\n{framing}\r\n\r\n{body}")).await;
        assert!(client.head().await.starts_with("HTTP/1.1 200 "));
    }
}

#[tokio::test]
async fn a_body_without_a_length_is_counted_too() {
    let application = application(|mut wire, _| async move {
        wire.rest().await;
    })
    .await;
    let mut setup = before(application);
    setup.limits.body_bytes = Some(10);
    let world = setup.start().await;
    let mut client = world.connect().await;
    client
        .send("POST / HTTP/1.1\r\nhost: app\r\ntransfer-encoding: chunked\r\n\r\n8\r\n12345678\r\n8\r\n12345678\r\n")
        .await;
    assert!(client.head().await.starts_with("HTTP/1.1 413 "));
}

#[tokio::test]
async fn an_early_answer_reaches_a_client_that_is_still_sending() {
    let application = application(|mut wire, _| async move {
        wire.head().await;
        wire.send("HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno").await;
        wire.rest().await;
    })
    .await;
    let world = before(application).start().await;
    let client = world.connect().await;
    let (mut reader, mut writer) = client.stream.into_split();
    let sending = tokio::spawn(async move {
        writer.write_all(b"POST / HTTP/1.1\r\nhost: app\r\ncontent-length: 1000000000\r\n\r\n").await.unwrap();
        let began = Instant::now();
        while writer.write_all(&[b'x'; 1024]).await.is_ok() {
            sleep(Duration::from_millis(1)).await;
        }
        began.elapsed()
    });
    let mut answer = Vec::new();
    let read = tokio::io::AsyncReadExt::read_to_end(&mut reader, &mut answer);
    timeout(PATIENCE, read).await.unwrap().unwrap();
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 403 ") && answer.ends_with("\r\n\r\nno"), "{answer}");
    // Not cut off at once: a reset could overtake the answer.
    assert!(timeout(PATIENCE, sending).await.unwrap().unwrap() > Duration::from_secs(1));
}

#[tokio::test]
async fn an_answer_that_does_not_wait_for_the_body_says_that_no_request_may_follow_it() {
    let application = application(|mut wire, _| async move {
        for early in [false, true] {
            wire.head().await;
            if !early {
                wire.bytes(5).await;
            }
            wire.send(OK).await;
        }
        wire.rest().await;
    })
    .await;
    let world = before(application).start().await;
    let mut client = world.connect().await;
    client.send("POST / HTTP/1.1\r\nhost: app\r\ncontent-length: 5\r\n\r\nhello").await;
    assert!(!client.head().await.contains("connection: close"));
    client.bytes(2).await;
    client.send("POST / HTTP/1.1\r\nhost: app\r\ncontent-length: 5\r\n\r\nhe").await;
    assert!(client.head().await.contains("connection: close"));
    assert_eq!(client.rest().await, "ok");
}

#[tokio::test]
async fn what_is_coded_in_a_way_that_is_not_taken_off_is_not_passed_on_as_plain() {
    for (coding, status) in [("gzip, chunked", "502"), ("gzip", "502"), ("Chunked", "200")] {
        let application = application(move |mut wire, _| async move {
            wire.head().await;
            wire.send(format!("HTTP/1.1 200 OK\r\ntransfer-encoding: {coding}\r\n\r\n2\r\nok\r\n0\r\n\r\n")).await;
        })
        .await;
        let world = before(application).start().await;
        let mut client = world.connect().await;
        client.send(GET).await;
        let head = client.head().await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{coding}: {head}");
    }
}

#[tokio::test]
async fn a_long_upload_is_given_its_time_but_a_stalled_one_is_not() {
    let application = application(|mut wire, _| async move {
        wire.head().await;
        wire.bytes(8).await;
        wire.send(OK).await;
    })
    .await;
    let mut setup = before(application);
    setup.upstream.timeout = Duration::from_millis(300);
    let world = setup.start().await;
    for (pieces, status) in [(8, "200"), (2, "408")] {
        let mut client = world.connect().await;
        client.send("POST / HTTP/1.1\r\nhost: app\r\ncontent-length: 8\r\n\r\n").await;
        for _ in 0..pieces {
            client.send("x").await;
            sleep(Duration::from_millis(60)).await;
        }
        let head = client.head().await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
    }
}

#[tokio::test]
async fn large_bodies_go_both_ways_whole() {
    const SIZE: usize = 20_000_000;
    let application = application(|mut wire, _| async move {
        wire.head().await;
        let body = wire.bytes(SIZE).await;
        wire.send(format!("HTTP/1.1 200 OK\r\ncontent-length: {SIZE}\r\n\r\n")).await;
        wire.send(body).await;
        wire.rest().await;
    })
    .await;
    let world = before(application).start().await;
    let mut client = world.connect().await;
    let body: Vec<u8> = (0..SIZE).map(|at| u8::try_from(at % 251).unwrap()).collect();
    client.send(format!("PUT / HTTP/1.1\r\nhost: app\r\ncontent-length: {SIZE}\r\n\r\n")).await;
    client.send(&body).await;
    client.head().await;
    assert!(client.bytes(SIZE).await == body);
}

#[tokio::test]
async fn lengths_that_disagree_with_the_body_are_not_passed_on() {
    for (fields, body) in [
        ("content-length: 9\r\ntransfer-encoding: chunked", "2\r\nok\r\n0\r\n\r\n"),
        ("content-length: 2, 2", "ok"),
        ("content-length: 2\r\ncontent-length: 2", "ok"),
    ] {
        let application = application(move |mut wire, _| async move {
            wire.head().await;
            wire.send(format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n{body}")).await;
            wire.rest().await;
        })
        .await;
        let world = before(application).start().await;
        let mut client = world.connect().await;
        client.send("GET / HTTP/1.1\r\nhost: app\r\nconnection: close\r\n\r\n").await;
        let head = client.head().await;
        let framing: Vec<&str> =
            head.lines().filter(|line| line.starts_with("content-l") || line.starts_with("transfer")).collect();
        let expected = if body == "ok" { "content-length: 2" } else { "transfer-encoding: chunked" };
        assert_eq!(framing, [expected]);
        assert_eq!(client.rest().await, body);
    }
}

#[tokio::test]
async fn an_old_client_gets_a_body_without_chunks_and_can_tell_when_it_broke_off() {
    for (end, whole) in [("0\r\n\r\n", true), ("", false)] {
        let application = application(move |mut wire, _| async move {
            assert!(wire.head().await.starts_with("GET / HTTP/1.1\r\n"));
            wire.send(format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n{end}")).await;
            sleep(Duration::from_millis(50)).await;
        })
        .await;
        let world = before(application).start().await;
        let mut client = world.connect().await;
        client.send("GET / HTTP/1.0\r\nhost: app\r\n\r\n").await;
        let mut answer = Vec::new();
        let read = tokio::io::AsyncReadExt::read_to_end(&mut client.stream, &mut answer);
        assert_eq!(timeout(PATIENCE, read).await.unwrap().is_ok(), whole);
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with("HTTP/1.0 200 ") && answer.ends_with("\r\n\r\nok"), "{answer}");
    }
}
