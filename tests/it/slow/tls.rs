//! Clients of TLS.

use super::{Served, asks, meets_beside};
use crate::world::frames::{Event, Frames, code, kind};
use crate::world::{Certified, Setup, Wire, World};

/// Where the gate speaks TLS, `peer` meets that limit and hears that.
async fn meets(limit: &str, heard: &str, peer: impl AsyncFn(&World, &Certified) -> String) {
    let certified = &Certified::new();
    let others = async |world: &World| match certified.try_to_shake_hands(world, &["http/1.1"]).await {
        Ok(stream) => asks(Wire::over(stream), world, "").await,
        Err(_) => Served::TooSlow,
    };
    let setup = |ours: &mut Setup| certified.set(ours);
    meets_beside(others, limit, heard, setup, async |world| peer(world, certified).await).await;
}

/// What is heard after this, in the clear.
async fn after(world: &World, said: &[u8]) -> String {
    let mut wire = world.wire().await;
    wire.send(said).await;
    let heard = wire.rest().await;
    // An alert may be said (RFC 8446 §6).
    if heard.is_empty() || heard[0] == 21 { String::new() } else { String::from_utf8_lossy(&heard).into_owned() }
}

/// The first record of a handshake, of which most is missing (RFC 8446 §5.1, §4).
const BEGUN: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";

#[tokio::test]
async fn before_its_handshake() {
    meets("header_timeout", "", async |world, _| after(world, b"").await).await;
}

#[tokio::test]
async fn inside_its_handshake() {
    meets("header_timeout", "", async |world, _| after(world, BEGUN).await).await;
}

#[tokio::test]
async fn behind_its_handshake() {
    meets("idle_timeout", "", async |world, certified| {
        let stream = certified.shake_hands(world, &["http/1.1"]).await;
        String::from_utf8(Wire::over(stream).rest().await).unwrap()
    })
    .await;
}

#[tokio::test]
async fn behind_its_handshake_for_http_2() {
    meets("idle_timeout", "", async |world, certified| {
        let stream = certified.shake_hands(world, &["h2"]).await;
        let mut frames = Frames::over(stream);
        loop {
            match frames.next().await {
                Event::Frame(frame) if frame.kind == kind::GOAWAY => assert_eq!(frame.code(), code::NO_ERROR),
                Event::Frame(_) => {}
                Event::Closed(_) | Event::Reset => return String::new(),
            }
        }
    })
    .await;
}

#[tokio::test]
async fn inside_a_head_in_tls() {
    meets("header_timeout", "", async |world, certified| {
        let stream = certified.shake_hands(world, &["http/1.1"]).await;
        let mut wire = Wire::over(stream);
        wire.send("GET / HTTP/1.1\r\nhost: ").await;
        String::from_utf8(wire.rest().await).unwrap()
    })
    .await;
}
