//! HTTP/2 from clients, without the gate: streams are requests, and a connection ends for the reasons it should.

mod client;
mod crowd;
mod ends;
mod floods;
mod socket;

use std::time::Duration;

use bytes::Bytes;
use tokio::time::timeout;

use super::world::{PATIENCE, application, before};
use client::{body, connect, get};
use floods::{PREFACE, frame};

#[tokio::test]
async fn a_stream_is_a_request_that_the_application_gets_in_its_own_protocol() {
    let application = application(|mut wire, _| async move {
        let head = wire.head().await;
        assert!(head.starts_with("GET /a/../b?c=%2F HTTP/1.1\r\n"), "{head}");
        assert!(head.contains("\r\nhost: app.example.mn:8443\r\n"), "{head}");
        assert!(head.contains("\r\ncookie: a=b; c=d; e=f\r\n"), "{head}");
        assert!(head.contains("\r\nx-forwarded-user: alice\r\n"), "{head}");
        assert!(!head.contains("scheme") && !head.contains("authority"), "{head}");
        wire.send("HTTP/1.1 200 OK\r\nconnection: keep-alive, x-hop\r\nx-hop: 1\r\nkeep-alive: timeout=5\r\nx-app: 1\r\ncontent-length: 2\r\n\r\nhi").await;
    })
    .await;
    let world = before(application).start().await;
    let mut client = connect(&world).await;
    let mut request = get("https://app.example.mn:8443/a/../b?c=%2F");
    for crumb in ["a=b; c=d", "e=f"] {
        request.headers_mut().append("cookie", crumb.parse().unwrap());
    }
    let (answer, _) = client.send_request(request, true).unwrap();
    let answer = answer.await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["x-app"], "1");
    for name in ["connection", "x-hop", "keep-alive"] {
        assert!(!answer.headers().contains_key(name), "{name}");
    }
    assert_eq!(body(answer).await, "hi");
}

#[tokio::test]
async fn bodies_stream_both_ways_at_the_same_time_and_trailers_go_with_them() {
    let application = application(|mut wire, _| async move {
        let head = wire.head().await;
        assert!(head.contains("transfer-encoding: chunked"), "{head}");
        wire.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
        for piece in ["one", "two"] {
            wire.until(&format!("3\r\n{piece}\r\n")).await;
            wire.send(format!("3\r\n{piece}\r\n")).await;
        }
        wire.until("0\r\nx-sum: up\r\n\r\n").await;
        wire.send("0\r\nx-sum: down\r\nconnection: close\r\n\r\n").await;
    })
    .await;
    let world = before(application).start().await;
    let mut client = connect(&world).await;
    let mut request = get("http://app/");
    *request.method_mut() = http::Method::POST;
    // To an application that speaks HTTP/1.1 go only those that were announced.
    for (name, value) in [("te", "trailers"), ("trailer", "x-sum"), ("trailer", "x-forwarded-user")] {
        request.headers_mut().append(name, value.parse().unwrap());
    }
    let (answer, mut upload) = client.send_request(request, false).unwrap();
    let mut download = None;
    let mut answer = Some(answer);
    for piece in ["one", "two"] {
        upload.send_data(Bytes::from_static(piece.as_bytes()), false).unwrap();
        if let Some(answer) = answer.take() {
            download = Some(answer.await.unwrap().into_body());
        }
        let data = timeout(PATIENCE, download.as_mut().unwrap().data()).await.unwrap().unwrap().unwrap();
        assert_eq!(data, piece);
    }
    let mut trailers = http::HeaderMap::new();
    trailers.insert("x-sum", "up".parse().unwrap());
    trailers.insert("x-forwarded-user", "root".parse().unwrap());
    upload.send_trailers(trailers).unwrap();
    let mut download = download.unwrap();
    assert!(download.data().await.is_none());
    let trailers = download.trailers().await.unwrap().unwrap();
    assert_eq!((trailers["x-sum"].as_bytes(), trailers.len()), (&b"down"[..], 1));
}

#[tokio::test]
async fn a_head_has_no_body_and_says_how_long_it_would_be() {
    let world = before(application(|_, _| async {}).await).start().await;
    let mut client = connect(&world).await;
    let mut request = get("http://app/own");
    *request.method_mut() = http::Method::HEAD;
    let (answer, _) = client.send_request(request, true).unwrap();
    let answer = answer.await.unwrap();
    assert_eq!(answer.headers()["content-length"], "3");
    assert!(answer.body().is_end_stream());
}

#[tokio::test]
async fn a_clients_reset_lets_go_of_the_application_within_a_second() {
    let (gone, mut is_gone) = tokio::sync::mpsc::unbounded_channel();
    let application = application(move |mut wire, number| {
        let gone = gone.clone();
        async move {
            wire.head().await;
            if number == 1 {
                wire.send("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nbegun").await;
            }
            gone.send(false).unwrap();
            wire.rest().await;
            gone.send(true).unwrap();
        }
    })
    .await;
    let world = before(application).start().await;
    let mut client = connect(&world).await;
    for has_answered in [false, true] {
        let (answer, mut stream) = client.send_request(get("http://app/"), true).unwrap();
        assert_eq!(is_gone.recv().await, Some(false));
        let answer = if has_answered { Ok(answer.await.unwrap()) } else { Err(answer) };
        stream.send_reset(h2::Reason::CANCEL);
        assert_eq!(timeout(Duration::from_secs(1), is_gone.recv()).await, Ok(Some(true)), "{has_answered}");
        drop(answer);
    }
    let (answer, _) = client.send_request(get("http://app/own"), true).unwrap();
    assert_eq!(answer.await.unwrap().status(), 200, "the connection goes on");
}

#[tokio::test]
async fn an_upload_that_breaks_off_is_never_complete_to_the_application() {
    let (got, mut has_got) = tokio::sync::mpsc::unbounded_channel();
    let application = application(move |mut wire, _| {
        let got = got.clone();
        async move {
            wire.until("5\r\nbegun\r\n").await;
            got.send("begun".to_owned()).unwrap();
            got.send(wire.rest().await).unwrap();
        }
    })
    .await;
    let world = before(application).start().await;
    let mut client = connect(&world).await;
    let mut request = get("http://app/");
    *request.method_mut() = http::Method::POST;
    let (_answer, mut upload) = client.send_request(request, false).unwrap();
    upload.send_data(Bytes::from_static(b"begun"), false).unwrap();
    assert_eq!(has_got.recv().await.unwrap(), "begun");
    upload.send_reset(h2::Reason::CANCEL);
    assert_eq!(timeout(PATIENCE, has_got.recv()).await.unwrap().unwrap(), "", "no last chunk");
}

/// NO_ERROR ends no upload either; and the data right before it has woken whoever sends it on.
#[tokio::test]
async fn an_upload_that_is_reset_right_behind_a_piece_of_it_is_not_complete() {
    let (got, mut has_got) = tokio::sync::mpsc::unbounded_channel();
    let application = application(move |mut wire, _| {
        let got = got.clone();
        async move {
            wire.until("3\r\none\r\n").await;
            got.send(String::new()).unwrap();
            got.send(wire.rest().await).unwrap();
        }
    })
    .await;
    let world = before(application).start().await;
    let begun = [PREFACE, &frame(1, 4, 1, b"\x83\x86\x84\x41\x03app"), &frame(0, 0, 1, b"one")].concat();
    for reason in [h2::Reason::NO_ERROR, h2::Reason::CANCEL] {
        let mut client = world.connect().await;
        client.send(&begun).await;
        assert_eq!(has_got.recv().await.unwrap(), "");
        let reset = frame(3, 0, 1, &u32::from(reason).to_be_bytes());
        client.send([frame(0, 0, 1, b"two"), reset].concat()).await;
        let rest = timeout(PATIENCE, has_got.recv()).await.unwrap().unwrap();
        assert!(rest.is_empty() || rest == "3\r\ntwo\r\n", "{reason:?}: {rest}");
    }
}

#[tokio::test]
async fn an_application_that_breaks_off_breaks_off_the_stream_and_not_the_connection() {
    let application = application(|mut wire, _| async move {
        wire.head().await;
        wire.send("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").await;
    })
    .await;
    let world = before(application).start().await;
    let mut client = connect(&world).await;
    let (answer, _) = client.send_request(get("http://app/"), true).unwrap();
    let mut download = answer.await.unwrap().into_body();
    let mut end = download.data().await;
    while let Some(Ok(_)) = end {
        end = download.data().await;
    }
    assert!(end.unwrap().unwrap_err().is_reset());
    let (answer, _) = client.send_request(get("http://app/own"), true).unwrap();
    assert_eq!(answer.await.unwrap().status(), 200);
}
