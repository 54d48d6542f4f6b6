//! Clients that take nothing of their answers: in HTTP/1.1, and in HTTP/2 by what they read and by their windows.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;

use super::world::{PATIENCE, Setup, application, before};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// GET, http, `/`, `app` (RFC 7541 §6.1, §6.2).
const GET: &[u8] = b"\0\0\x08\x01\x05\0\0\0\x01\x82\x86\x84\x41\x03app";
/// SETTINGS_INITIAL_WINDOW_SIZE (RFC 9113 §6.5.2).
const CLOSED: &[u8] = b"\0\0\x06\x04\0\0\0\0\0\0\x04\0\0\0\0";
const ONE: &[u8] = b"\0\0\x06\x04\0\0\0\0\0\0\x04\0\0\0\x01";
const WIDE: &[u8] = b"\0\0\x06\x04\0\0\0\0\0\0\x04\x7f\xff\xff\xff";
/// A WINDOW_UPDATE of the connection.
const ALL: &[u8] = b"\0\0\x04\x08\0\0\0\0\0\x7f\xff\0\0";

/// An application whose answer has so many bytes, and word of each answer that it got rid of, or did not.
async fn answers(size: usize) -> (Setup, UnboundedReceiver<bool>) {
    let (says, said) = unbounded_channel();
    let application = application(move |mut wire, _| {
        let says = says.clone();
        async move {
            wire.head().await;
            wire.send(format!("HTTP/1.1 200 OK\r\ncontent-length: {size}\r\n\r\n")).await;
            let sent = wire.stream.write_all(&vec![b'x'; size]).await.is_ok();
            // A connection that is let go of is closed.
            wire.rest_of_bytes().await;
            let _ = says.send(sent);
        }
    });
    (before(application.await), said)
}

/// With that limit alone short, the client is let go of and so is the application; with all the others short, neither is.
async fn is_let_go(size: usize, said: &[u8]) {
    let short = Duration::from_millis(300);
    let (mut setup, mut over) = answers(size).await;
    setup.limits.stall_timeout = short;
    let world = setup.start().await;
    let mut client = world.connect().await;
    client.send(said).await;
    timeout(PATIENCE, over.recv()).await.expect("the application is let go of").unwrap();
    let (all, _) = (client.rest_of_bytes().await, client);
    assert!(all.len() < 64 * 1024 * 1024, "{}", all.len());

    let (mut setup, mut over) = answers(size).await;
    (setup.limits.header_timeout, setup.limits.idle_timeout) = (short, short);
    (setup.upstream.connect_timeout, setup.upstream.timeout, setup.upstream.idle_timeout) = (short, short, PATIENCE);
    let world = setup.start().await;
    let mut client = world.connect().await;
    client.send(said).await;
    assert!(timeout(3 * short, over.recv()).await.is_err(), "too early");
}

const LARGE: usize = 64 * 1024 * 1024;

#[tokio::test]
async fn who_reads_nothing_of_an_answer_in_http_1_1() {
    is_let_go(LARGE, b"GET / HTTP/1.1\r\nhost: app\r\n\r\n").await;
}

#[tokio::test]
async fn who_reads_nothing_of_an_answer_in_http_2() {
    is_let_go(LARGE, &[PREFACE, WIDE, ALL, GET].concat()).await;
}

#[tokio::test]
async fn whose_window_is_closed_to_a_large_answer() {
    is_let_go(LARGE, &[PREFACE, CLOSED, GET].concat()).await;
}

/// Of a small answer the application knows nothing any more, and where its first octet has gone, nor does whoever passed it on.
async fn is_let_go_of_the_rest(windows: &[u8]) {
    let short = Duration::from_millis(300);
    let request = [PREFACE, windows, GET].concat();
    let (mut setup, _over) = answers(100).await;
    setup.limits.stall_timeout = short;
    let world = setup.start().await;
    let mut client = world.connect().await;
    client.send(&request).await;
    client.rest_of_bytes().await;

    let (mut setup, _over) = answers(100).await;
    (setup.limits.header_timeout, setup.limits.idle_timeout) = (short, short);
    let world = setup.start().await;
    let mut client = world.connect().await;
    client.send(&request).await;
    assert!(timeout(3 * short, client.rest_of_bytes()).await.is_err(), "too early");
}

#[tokio::test]
async fn whose_window_is_closed_to_a_small_answer() {
    is_let_go_of_the_rest(CLOSED).await;
}

#[tokio::test]
async fn whose_window_lets_one_octet_of_a_small_answer_through() {
    is_let_go_of_the_rest(ONE).await;
}
