//! How TLS connections end: what is complete says so, and what broke off does not.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{sleep, timeout};

use super::world::{Secure, alone, client, exchange, open};
use crate::config::server::Limits;
use crate::server::arrival::Arrived;
use crate::server::tests::world::{application, before};
use crate::server::vigil::{Vigil, Watched};
use crate::server::watchman::Watchable as _;
use crate::upstream::Stream;

const GET: &str = "GET / HTTP/1.1\r\nhost: app\r\n\r\n";
pub const HANDSHAKE: &str = "GET /ws HTTP/1.1\r\nhost: app\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n";
pub const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

#[tokio::test]
async fn an_end_is_said_before_the_connection_closes() {
    let secure = Secure::new(|_| ());
    let mut setup = secure.before(alone().await);
    setup.limits.idle_timeout = Duration::from_millis(100);
    let world = setup.start().await;
    let mut idle = open(&world, &client(&secure), "app.example.mn").await;
    exchange(&mut idle).await;
    let mut last = open(&world, &client(&secure), "app.example.mn").await;
    last.send("GET /own HTTP/1.1\r\nhost: app\r\nconnection: close\r\n\r\n").await;
    last.head().await;
    last.bytes(3).await;
    for wire in [&mut idle, &mut last] {
        // Without close_notify (RFC 8446 §6.1) this is an error.
        assert_eq!(wire.stream.read(&mut [0; 16]).await.unwrap(), 0);
    }
}

/// To HTTP/1.0 the end of the body is that of the connection: whoever takes close_notify for it must not get one.
#[tokio::test]
async fn a_body_that_broke_off_does_not_end_like_a_whole_one() {
    let broken = application(|mut wire, _| async move {
        wire.head().await;
        wire.send("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nhalf").await;
    })
    .await;
    let secure = Secure::new(|_| ());
    let world = secure.before(before(broken)).start().await;
    for version in ["1.0", "1.1"] {
        let mut client = open(&world, &client(&secure), "app.example.mn").await;
        client.send(GET.replace("1.1", version)).await;
        client.head().await;
        client.bytes(4).await;
        let end = client.stream.read(&mut [0; 16]).await;
        assert!(end.is_err(), "{version}: {end:?}");
    }
}

#[tokio::test]
async fn a_whole_body_of_http_1_0_ends_properly() {
    let whole = application(|mut wire, _| async move {
        wire.head().await;
        wire.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n").await;
    })
    .await;
    let secure = Secure::new(|_| ());
    let world = secure.before(before(whole)).start().await;
    let mut client = open(&world, &client(&secure), "app.example.mn").await;
    client.send(GET.replace("1.1", "1.0")).await;
    client.head().await;
    client.bytes(4).await;
    assert_eq!(client.stream.read(&mut [0; 16]).await.unwrap(), 0);
}

/// TLS holds back what the socket does not take: the last of it must go out, too.
#[tokio::test]
async fn all_of_a_large_answer_arrives_at_a_slow_client() {
    const SIZE: usize = 3 << 20;
    let large = application(|mut wire, _| async move {
        wire.head().await;
        wire.send(format!("HTTP/1.1 200 OK\r\ncontent-length: {SIZE}\r\n\r\n")).await;
        let body: Vec<u8> = (0..SIZE).map(|at| (at % 251) as u8).collect();
        wire.send(body).await;
        wire.rest().await;
    })
    .await;
    let secure = Secure::new(|_| ());
    let world = secure.before(before(large)).start().await;
    let mut client = open(&world, &client(&secure), "app.example.mn").await;
    client.send(GET).await;
    client.head().await;
    sleep(Duration::from_millis(200)).await;
    let body = client.bytes(SIZE).await;
    assert!(body.iter().enumerate().all(|(at, byte)| usize::from(*byte) == at % 251));
}

#[tokio::test]
async fn a_websocket_carries_everything_both_ways_and_ends_properly() {
    const SIZE: usize = 2 << 20;
    let echoing = application(|mut wire, _| async move {
        wire.head().await;
        wire.send(SWITCH).await;
        let heard = wire.bytes(SIZE).await;
        wire.send(heard).await;
        assert_eq!(wire.bytes(3).await, b"bye");
        wire.stream.shutdown().await.unwrap();
        wire.rest_of_bytes().await;
    })
    .await;
    let secure = Secure::new(|_| ());
    let world = secure.before(before(echoing)).start().await;
    let mut client = open(&world, &client(&secure), "app.example.mn").await;
    client.send(HANDSHAKE).await;
    assert!(client.head().await.starts_with("HTTP/1.1 101 "));
    let sent: Vec<u8> = (0..SIZE).map(|at| (at % 253) as u8).collect();
    client.send(&sent).await;
    client.stream.flush().await.unwrap();
    // Slow at first: what the gate has written stays in its hands for a while.
    sleep(Duration::from_millis(300)).await;
    let heard = timeout(Duration::from_secs(10), client.bytes(SIZE)).await.expect("all of it");
    assert!(heard == sent);
    client.send("bye").await;
    assert_eq!(client.stream.read(&mut [0; 16]).await.unwrap(), 0);
}

#[tokio::test]
async fn a_session_that_ends_closes_the_websocket_with_its_reason() {
    let silent = application(|mut wire, _| async move {
        wire.head().await;
        wire.send(SWITCH).await;
        wire.rest_of_bytes().await;
    })
    .await;
    let secure = Secure::new(|_| ());
    let world = secure.before(before(silent)).start().await;
    let mut client = open(&world, &client(&secure), "app.example.mn").await;
    client.send(HANDSHAKE).await;
    client.head().await;
    world.session.send_replace(true);
    let close = client.bytes(4).await;
    assert_eq!((close[0], &close[2..4]), (0x88, &4401u16.to_be_bytes()[..]));
}

/// What TLS has taken and the socket has not is on its way still: a client that takes nothing of it is given its time, and anew with all that it takes.
#[tokio::test]
async fn what_tls_holds_back_counts_as_not_taken() {
    let secure = Secure::new(|_| ());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stream = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    socket2::SockRef::from(&stream).set_recv_buffer_size(4096).unwrap();
    let (accepted, _) = listener.accept().await.unwrap();
    socket2::SockRef::from(&accepted).set_send_buffer_size(4096).unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::clone(&secure.tls.current().borrow().config));
    let client = client(&secure);
    let (ours, theirs) = tokio::join!(acceptor.accept(accepted), client.over(stream, "app.example.mn"));
    let (vigil, mut theirs) = (Vigil::new(), theirs.unwrap());
    let stream = Stream::Tls(Box::new(tokio_rustls::TlsStream::Server(ours.unwrap())));
    let mut watched = Watched { arrived: Arrived::new(stream), vigil: Rc::clone(&vigil) };
    vigil.busy();
    let limits = Limits::default();
    let mut sent = 0;
    while timeout(Duration::from_millis(50), watched.flush()).await.is_ok() {
        assert_eq!(vigil.deadline(&limits), None);
        // The library takes 64 KiB, however little the socket does.
        watched.write_all(&[7; 20_000]).await.unwrap();
        sent += 20_000;
    }
    assert!(vigil.deadline(&limits).is_some());
    let (flush, taken) = tokio::join!(watched.flush(), theirs.bytes(sent));
    assert!(taken.iter().all(|byte| *byte == 7));
    assert_eq!(vigil.deadline(&limits), None);
    flush.unwrap();
}
