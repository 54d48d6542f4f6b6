//! WebSockets in streams (RFC 8441): the handshake both ways, the tunnel, its ends.

use std::time::Duration;

use aws_lc_rs::digest;
use base64::Engine as _;
use bytes::Bytes;
use h2::client::SendRequest;
use h2::ext::Protocol;
use h2::{Reason, RecvStream, SendStream};
use http::{Request, Response};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use super::super::world::{PATIENCE, Wire, World, application, before};
use super::client::{body, connect, get, with};
use crate::server::drain::Stage;

/// What an application answers to a handshake, whose head this is.
fn switch(head: &str, more: &str) -> String {
    let key = head.split("sec-websocket-key: ").nth(1).unwrap().split("\r\n").next().unwrap();
    let hash = digest::digest(
        &digest::SHA1_FOR_LEGACY_USE_ONLY,
        format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11").as_bytes(),
    );
    let accept = base64::engine::general_purpose::STANDARD.encode(hash);
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: {accept}\r\n{more}\r\n"
    )
}

pub async fn switched(wire: &mut Wire<TcpStream>) {
    let head = wire.head().await;
    wire.send(switch(&head, "")).await;
}

fn handshake(protocol: &'static str) -> Request<()> {
    let mut request = Request::connect("https://app/ws?a=b").header("sec-websocket-version", "13").body(()).unwrap();
    request.extensions_mut().insert(Protocol::from_static(protocol));
    request
}

/// A client that has been told that it may.
pub async fn client(world: &World) -> SendRequest<Bytes> {
    let client = connect(world).await;
    let offered = timeout(PATIENCE, async {
        while !client.is_extended_connect_protocol_enabled() {
            sleep(Duration::from_millis(5)).await;
        }
    });
    offered.await.expect("SETTINGS_ENABLE_CONNECT_PROTOCOL");
    client
}

pub async fn open(client: &mut SendRequest<Bytes>) -> (Response<RecvStream>, SendStream<Bytes>) {
    let (answer, up) = client.send_request(handshake("websocket"), false).unwrap();
    (timeout(PATIENCE, answer).await.unwrap().unwrap(), up)
}

async fn bytes(down: &mut RecvStream, count: usize) -> Vec<u8> {
    let mut all = Vec::new();
    while all.len() < count {
        let data = timeout(PATIENCE, down.data()).await.unwrap().expect("more").unwrap();
        down.flow_control().release_capacity(data.len()).unwrap();
        all.extend(data);
    }
    assert_eq!(all.len(), count);
    all
}

/// END_STREAM, and nothing before it.
async fn ends(down: &mut RecvStream) {
    while let Some(data) = timeout(PATIENCE, down.data()).await.unwrap() {
        assert_eq!(data.unwrap(), "");
    }
}

#[tokio::test]
async fn the_application_gets_a_handshake_of_its_own_protocol_and_the_client_a_success() {
    let application = application(|mut wire, _| async move {
        let head = wire.head().await;
        assert!(head.starts_with("GET /ws?a=b HTTP/1.1\r\n"), "{head}");
        for line in [
            "host: app",
            "connection: upgrade",
            "upgrade: websocket",
            "sec-websocket-version: 13",
            "sec-websocket-protocol: chat",
            "x-forwarded-user: alice",
        ] {
            assert!(head.contains(&format!("\r\n{line}\r\n")), "{line}: {head}");
        }
        assert!(wire.is_silent().await);
        wire.send(switch(&head, "sec-websocket-protocol: chat\r\nsec-websocket-extensions: x\r\nset-cookie: a=b\r\n"))
            .await;
        wire.send("hi").await;
        assert_eq!(wire.bytes(5).await, b"early");
        wire.send("echo").await;
        assert_eq!(wire.rest().await, "late");
        wire.send("last").await;
    })
    .await;
    let world = before(application).start().await;
    let mut client = client(&world).await;
    let mut request = handshake("websocket");
    request.headers_mut().insert("sec-websocket-protocol", "chat".parse().unwrap());
    let (answer, mut up) = client.send_request(request, false).unwrap();
    up.send_data(Bytes::from_static(b"early"), false).unwrap();
    let answer = answer.await.unwrap();
    assert_eq!(answer.status(), 200);
    for (name, value) in [("sec-websocket-protocol", "chat"), ("sec-websocket-extensions", "x"), ("set-cookie", "a=b")]
    {
        assert_eq!(answer.headers()[name], value);
    }
    for name in ["sec-websocket-accept", "connection", "upgrade", "content-length"] {
        assert!(!answer.headers().contains_key(name), "{name}");
    }
    let mut down = answer.into_body();
    assert_eq!(bytes(&mut down, 6).await, b"hiecho");
    // Each side may end for itself.
    up.send_data(Bytes::from_static(b"late"), true).unwrap();
    assert_eq!(bytes(&mut down, 4).await, b"last");
    ends(&mut down).await;
}

#[tokio::test]
async fn two_handshakes_have_two_keys() {
    let (keys, mut key) = mpsc::unbounded_channel();
    let application = application(move |mut wire, _| {
        let keys = keys.clone();
        async move {
            let head = wire.head().await;
            keys.send(head.split("sec-websocket-key: ").nth(1).unwrap().to_owned()).unwrap();
        }
    })
    .await;
    let world = before(application).start().await;
    let mut client = client(&world).await;
    for _ in 0..2 {
        let (answer, _) = open(&mut client).await;
        assert_eq!(answer.status(), 502);
    }
    assert_ne!(key.recv().await, key.recv().await);
}

#[tokio::test]
async fn nothing_but_the_applications_own_switch_is_a_success() {
    for (answer, status) in [
        ("HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno", 403),
        ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", 502),
        ("HTTP/1.1 204 No Content\r\n\r\n", 502),
        (
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
            502,
        ),
    ] {
        let application = application(move |mut wire, _| async move {
            wire.head().await;
            wire.send(answer).await;
            assert_eq!(wire.rest().await, "", "nothing of the client's comes");
        })
        .await;
        let world = before(application).start().await;
        let mut client = client(&world).await;
        let (answer, mut up) = client.send_request(handshake("websocket"), false).unwrap();
        up.send_data(Bytes::from_static(b"early"), false).unwrap();
        let answer = timeout(PATIENCE, answer).await.unwrap().unwrap();
        assert_eq!(answer.status(), status);
        let told = body(answer).await;
        assert!(if status == 403 { told == "no" } else { told.is_empty() || told.contains("handshake") }, "{told}");
        let (answer, _) = client.send_request(get("https://app/own"), true).unwrap();
        assert_eq!(body(answer.await.unwrap()).await, "own");
    }
}

#[tokio::test]
async fn connect_for_anything_else_reaches_nobody() {
    let application = application(|_, _| async { panic!("it is reached") }).await;
    let world = before(application).start().await;
    let mut client = client(&world).await;
    for protocol in ["connect-udp", "websocket2"] {
        let (answer, _) = client.send_request(handshake(protocol), true).unwrap();
        assert_eq!(answer.await.unwrap().status(), 400, "{protocol}");
    }
}

/// An end alone would leave the other direction open, and an application that has nothing to say would never learn of it.
#[tokio::test]
async fn a_clients_reset_ends_the_tunnel_at_once_however_silent_the_application_is() {
    let (ended, mut has_ended) = mpsc::unbounded_channel();
    let application = application(move |mut wire, _| {
        let ended = ended.clone();
        async move {
            switched(&mut wire).await;
            wire.rest_of_bytes().await;
            ended.send(wire).unwrap();
        }
    })
    .await;
    let world = before(application).start().await;
    let mut client = client(&world).await;
    for reason in [Reason::CANCEL, Reason::INTERNAL_ERROR] {
        let (answer, mut up) = open(&mut client).await;
        assert_eq!(answer.status(), 200);
        assert!(world.metrics.render().contains("tokigate_tunnels 1"));
        up.send_reset(reason);
        let _silent = timeout(Duration::from_secs(1), has_ended.recv()).await.expect("the application notices");
        let over = timeout(Duration::from_secs(1), async {
            while !world.metrics.render().contains("tokigate_tunnels 0") {
                sleep(Duration::from_millis(5)).await;
            }
        });
        over.await.unwrap_or_else(|_| panic!("{reason:?} ends it"));
    }
}

#[tokio::test]
async fn a_client_that_takes_nothing_holds_the_application_back() {
    let (sent, has_sent) = tokio::sync::watch::channel(0);
    let application = application(move |mut wire, _| {
        let sent = sent.clone();
        async move {
            switched(&mut wire).await;
            while tokio::io::AsyncWriteExt::write_all(&mut wire.stream, &[0x82; 4096]).await.is_ok() {
                sent.send_modify(|sent| *sent += 4096);
            }
        }
    })
    .await;
    let world = before(application).start().await;
    let (client, _connection) = with(&world, h2::client::Builder::new().initial_window_size(0)).await;
    sleep(Duration::from_millis(100)).await;
    let (answer, _up) = open(&mut client.clone()).await;
    assert_eq!(answer.status(), 200);
    let mut before = 0;
    let began = Instant::now();
    loop {
        sleep(Duration::from_millis(300)).await;
        let now = *has_sent.borrow();
        if now == before && now > 0 {
            break;
        }
        before = now;
        assert!(began.elapsed() < PATIENCE);
    }
    // The kernel's buffers are in this, ours are three pieces.
    assert!(before < 16 << 20, "{before}");
    drop(answer);
}

#[tokio::test]
async fn the_ends_that_come_from_here_are_said_to_both_sides() {
    for (stage, code) in [(None, 4401u16), (Some(Stage::Finishing), 1001)] {
        let (heard, mut hears) = mpsc::unbounded_channel();
        let application = application(move |mut wire, _| {
            let heard = heard.clone();
            async move {
                switched(&mut wire).await;
                let close = wire.bytes(6 + 2 + 10).await;
                heard.send(close[0]).unwrap();
                wire.send([0x88, 0]).await;
                assert_eq!(wire.rest().await, "");
            }
        })
        .await;
        let world = before(application).start().await;
        let mut client = client(&world).await;
        let (answer, mut up) = open(&mut client).await;
        let mut down = answer.into_body();
        match stage {
            None => world.session.send_replace(true),
            Some(stage) => {
                world.drain.enter(stage);
                false
            }
        };
        let head = bytes(&mut down, if code == 4401 { 16 } else { 14 }).await;
        assert_eq!((head[0], &head[2..4]), (0x88, &code.to_be_bytes()[..]), "{head:?}");
        assert_eq!(timeout(PATIENCE, hears.recv()).await, Ok(Some(0x88)));
        up.send_data(Bytes::from_static(&[0x88, 0x80, 0, 0, 0, 0]), true).unwrap();
        ends(&mut down).await;
        if stage.is_some() {
            timeout(PATIENCE, world.served).await.unwrap().unwrap().unwrap();
        }
    }
}
