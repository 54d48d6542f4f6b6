//! WebSockets: the handshake, the tunnel, its end.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use super::world::{PATIENCE, Wire, World, application, before};
use crate::server::drain::Stage;
use crate::upstream::Address;

/// The example of RFC 6455 §1.3.
const HANDSHAKE: &str = "GET /ws HTTP/1.1\r\nhost: app\r\nupgrade: websocket\r\nconnection: keep-alive, Upgrade\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n";
const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
const OWN: &str = "GET /own HTTP/1.1\r\nhost: app\r\n\r\n";
/// Status 1001, masked or not, without its reason.
const AWAY: [u8; 2] = 1001u16.to_be_bytes();

/// Switches, says what it is told to, and hands over what it was sent.
async fn switching(say: &'static [&'static [u8]]) -> (Address, mpsc::UnboundedReceiver<Vec<u8>>) {
    let (heard, hear) = mpsc::unbounded_channel();
    let application = application(move |mut wire, _| {
        let heard = heard.clone();
        async move {
            wire.head().await;
            wire.send(SWITCH).await;
            for piece in say {
                wire.send(piece).await;
                sleep(Duration::from_millis(100)).await;
            }
            let _ = heard.send(wire.rest_of_bytes().await);
        }
    })
    .await;
    (application, hear)
}

async fn switched(world: &World) -> Wire<TcpStream> {
    let mut client = world.connect().await;
    client.send(HANDSHAKE).await;
    let head = client.head().await;
    assert!(
        head.starts_with("HTTP/1.1 101 ")
            && head.contains("\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"),
        "{head}"
    );
    assert!(head.contains("\r\nupgrade: websocket\r\n") && head.contains("\r\nconnection: upgrade\r\n"), "{head}");
    client
}

#[tokio::test]
async fn bytes_flow_both_ways_after_the_applications_own_101_and_not_before() {
    let application = application(|mut wire, _| async move {
        let head = wire.head().await;
        assert!(
            head.contains("\r\nupgrade: websocket\r\n") && head.contains("\r\nx-forwarded-user: alice\r\n"),
            "{head}"
        );
        assert!(wire.is_silent().await);
        wire.send(format!("{SWITCH}\u{1}\u{2}hi")).await;
        assert_eq!(wire.bytes(5).await, b"early");
        wire.send("echo").await;
        assert_eq!(wire.bytes(4).await, b"late");
    })
    .await;
    let world = before(application).start().await;
    let mut client = world.connect().await;
    client.send(format!("{HANDSHAKE}early")).await;
    assert!(client.head().await.starts_with("HTTP/1.1 101 "));
    assert_eq!(client.bytes(8).await, b"\x01\x02hiecho");
    client.send("late").await;
    assert_eq!(client.rest().await, "");
}

#[tokio::test]
async fn a_refused_handshake_is_an_answer_like_any_other() {
    let application = application(|mut wire, _| async move {
        wire.head().await;
        wire.send("HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno").await;
        assert_eq!(wire.rest().await, "", "nothing behind the handshake was for the application");
    })
    .await;
    let world = before(application).start().await;
    let mut client = world.connect().await;
    client.send(format!("{HANDSHAKE}{OWN}")).await;
    assert!(client.head().await.starts_with("HTTP/1.1 403 "));
    assert_eq!(client.bytes(2).await, b"no");
    assert!(client.head().await.starts_with("HTTP/1.1 200 "));
    assert_eq!(client.bytes(3).await, b"own");
}

#[tokio::test]
async fn a_101_that_does_not_accept_the_handshake_opens_nothing() {
    for answer in [
        SWITCH.replace("s3pPLMBi", "xxxxxxxx"),
        SWITCH.replace("upgrade: websocket", "upgrade: h2c"),
        SWITCH.replace("connection: Upgrade", "connection: close"),
    ] {
        let application = application(move |mut wire, _| {
            let answer = answer.clone();
            async move {
                wire.head().await;
                wire.send(answer).await;
                assert_eq!(wire.rest().await, "");
            }
        })
        .await;
        let world = before(application).start().await;
        let mut client = world.connect().await;
        client.send(format!("{HANDSHAKE}{OWN}")).await;
        assert!(client.head().await.starts_with("HTTP/1.1 502 "));
    }
}

#[tokio::test]
async fn an_upgrade_to_anything_else_is_not_passed_on() {
    let application = application(|mut wire, _| async move {
        let head = wire.head().await;
        assert!(!head.contains("upgrade") && !head.contains("http2-settings"), "{head}");
        wire.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    })
    .await;
    let world = before(application).start().await;
    let mut client = world.connect().await;
    client.send("GET / HTTP/1.1\r\nhost: app\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\nconnection: upgrade, http2-settings\r\n\r\n").await;
    assert!(client.head().await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn a_session_that_ends_closes_its_tunnel_with_4401_and_leaves_the_application() {
    let (application, mut heard) = switching(&[]).await;
    let world = before(application).start().await;
    let mut client = switched(&world).await;
    world.session.send_replace(true);
    let close = client.bytes(16).await;
    assert_eq!(close, [&[0x88, 14], &4401u16.to_be_bytes()[..], b"session over"].concat());
    // The client answers, as it should.
    client.send([0x88, 0x82, 0, 0, 0, 0, close[2], close[3]]).await;
    assert_eq!(client.rest().await, "");
    let masked = timeout(PATIENCE, heard.recv()).await.unwrap().unwrap();
    assert_eq!(masked[..2], [0x88, 0x80 | 12]);
    assert_eq!([masked[6] ^ masked[2], masked[7] ^ masked[3]], AWAY);
}

#[tokio::test]
async fn a_shutdown_closes_tunnels_with_1001() {
    let (application, _heard) = switching(&[]).await;
    let world = before(application).start().await;
    let mut client = switched(&world).await;
    world.drain.enter(Stage::Finishing);
    assert_eq!(client.bytes(14).await, [&[0x88, 12], &AWAY[..], b"going away"].concat());
    client.send([0x88, 0x82, 0, 0, 0, 0, AWAY[0], AWAY[1]]).await;
    drop(client);
    timeout(PATIENCE, world.served).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_close_waits_for_the_frame_under_way() {
    let (application, _heard) = switching(&[b"\x82\x06abc", b"def\x82\x01x"]).await;
    let world = before(application).start().await;
    let mut client = switched(&world).await;
    assert_eq!(client.bytes(5).await, b"\x82\x06abc");
    world.session.send_replace(true);
    assert_eq!(client.bytes(7).await, b"def\x88\x0e\x11\x31");
}

#[tokio::test]
async fn a_side_that_does_not_answer_a_close_is_not_waited_for_long() {
    let (application, _heard) = switching(&[b"\x82\x06abc"]).await;
    let world = before(application).start().await;
    let mut client = switched(&world).await;
    client.bytes(5).await;
    let began = Instant::now();
    world.session.send_replace(true);
    assert_eq!(client.rest().await, "");
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_closing_of_their_own_passes_as_it_is() {
    let (application, mut heard) = switching(&[b"\x88\x02\x03\xe8"]).await;
    let world = before(application).start().await;
    let mut client = switched(&world).await;
    assert_eq!(client.bytes(4).await, b"\x88\x02\x03\xe8");
    client.send(b"\x88\x80\0\0\0\0").await;
    drop(client);
    assert_eq!(timeout(PATIENCE, heard.recv()).await.unwrap().unwrap(), b"\x88\x80\0\0\0\0");
}

#[tokio::test]
async fn a_side_that_stalls_holds_the_other_back() {
    let application = application(|mut wire, _| async move {
        wire.head().await;
        wire.send(SWITCH).await;
        sleep(Duration::from_millis(300)).await;
        assert_eq!(wire.bytes(20_000_000).await.len(), 20_000_000);
        wire.send("got it").await;
    })
    .await;
    let world = before(application).start().await;
    let mut client = switched(&world).await;
    let began = Instant::now();
    client.send(vec![0x00; 20_000_000]).await;
    assert!(began.elapsed() >= Duration::from_millis(200), "nobody took that much so soon: {:?}", began.elapsed());
    assert_eq!(client.bytes(6).await, b"got it");
}
