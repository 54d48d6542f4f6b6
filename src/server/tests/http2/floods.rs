//! What brings nothing on is said for a while and then no more (security cases N-07 to N-12).

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::super::world::{PATIENCE, application, before};
use super::client::{body, connect, get};
use crate::server::drain::Stage;

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

#[tokio::test]
async fn a_flood_ends_the_connection_with_enhance_your_calm_and_nobody_elses() {
    let world = before(application(|_, _| async {}).await).start().await;
    let mut other = connect(&world).await;
    for (name, flood) in [
        ("PING", frame(6, 0, 0, &[0; 8])),
        ("PING ACK", frame(6, 1, 0, &[0; 8])),
        ("SETTINGS", frame(4, 0, 0, &[])),
        ("PRIORITY", frame(2, 0, 1, &[0, 0, 0, 3, 0])),
        ("WINDOW_UPDATE", frame(8, 0, 0, &[0, 0, 0, 1])),
        ("an extension", frame(0x77, 0, 0, &[])),
    ] {
        let mut client = world.connect().await;
        client.send(PREFACE).await;
        let (mut reading, mut writing) = client.stream.into_split();
        let sending = tokio::spawn(async move {
            for _ in 0..2000 {
                if writing.write_all(&flood.repeat(100)).await.is_err() {
                    return;
                }
            }
        });
        let mut said = Vec::new();
        let _ = timeout(PATIENCE, reading.read_to_end(&mut said)).await.expect("it is closed");
        assert!(said.ends_with(&[0, 0, 0, 0xb]), "{name}: {:?}", &said[said.len().saturating_sub(20)..]);
        assert!(said.len() < 20_000, "{name}: {} bytes were said to it", said.len());
        drop(reading);
        sending.await.unwrap();
        let (answer, _) = other.send_request(get("http://app/own"), true).unwrap();
        assert_eq!(body(answer.await.unwrap()).await, "own", "{name}");
    }
}

/// What the library asks between its two GOAWAYs.
const LAST_PING: &[u8] = &[0x0b, 0x7b, 0xa2, 0xf0, 0x8b, 0x9b, 0xfe, 0x54];

#[tokio::test]
async fn streams_that_nobody_looks_at_after_a_goaway_are_a_flood_like_any_other() {
    let (came, mut has_come) = tokio::sync::mpsc::unbounded_channel();
    let application = application(move |mut wire, _| {
        let came = came.clone();
        async move {
            wire.head().await;
            came.send(()).unwrap();
            wire.rest_of_bytes().await;
        }
    })
    .await;
    let world = before(application).start().await;
    let mut client = world.connect().await;
    let hanging = frame(1, 5, 1, b"\x82\x86\x84\x41\x03app");
    client.send([PREFACE, &hanging].concat()).await;
    has_come.recv().await.unwrap();
    world.drain.enter(Stage::Leaving);
    let (mut reading, mut writing) = client.stream.into_split();
    let mut said = Vec::new();
    while !said.windows(8).any(|bytes| bytes == LAST_PING) {
        assert!(timeout(PATIENCE, reading.read_buf(&mut said)).await.unwrap().unwrap() > 0);
    }
    let sending = tokio::spawn(async move {
        writing.write_all(&frame(6, 1, 0, LAST_PING)).await.unwrap();
        for stream in 0..200_000u32 {
            if writing.write_all(&frame(1, 5, 3 + 2 * stream, b"")).await.is_err() {
                return;
            }
        }
    });
    let _ = timeout(PATIENCE, reading.read_to_end(&mut said)).await.expect("it is closed");
    assert!(said.ends_with(&[0, 0, 0, 0xb]), "{:?}", &said[said.len().saturating_sub(40)..]);
    drop(reading);
    sending.await.unwrap();
}
