//! N-10, N-11, N-13: much from little, and much for a client that takes none of it.

use std::time::Duration;

use super::{MIB, costs, process, seen};
use crate::world::frames::{Event, PREFACE, code, flag, frame, kind, setting};
use crate::world::hpack::{integer, string};
use crate::world::{Client, eventually};

/// A request whose field `name` of the static table, with that value, is put into the dynamic table once, and named from there so many times.
fn bomb(client: &Client, name: usize, value: &[u8], times: usize) -> Vec<u8> {
    let request = client.request("GET", "/hang", &[]);
    let entry = [integer(0x40, 6, name), string(value)].concat();
    [request, entry, vec![0x80 | 62; times]].concat()
}

/// A block in as many frames as it takes.
fn in_frames(stream: u32, block: &[u8]) -> Vec<u8> {
    let mut pieces = block.chunks(16_000).peekable();
    let mut kind = kind::HEADERS;
    let mut frames = Vec::new();
    while let Some(piece) = pieces.next() {
        let ends = if pieces.peek().is_none() { flag::END_HEADERS } else { flag::NONE };
        let flags = if kind == kind::HEADERS { ends | flag::END_STREAM } else { ends };
        frames.extend(frame(kind, flags, stream, piece));
        kind = kind::CONTINUATION;
    }
    frames
}

/// A hundred such requests on a connection whose windows are closed: none reaches the application, and the process holds little more.
async fn goes_off(name: usize, value: &[u8], times: usize) {
    let (client, process) = process().await;
    let block = bomb(&client, name, value, times);
    let all: Vec<u8> = (0..100).flat_map(|number| in_frames(number * 2 + 1, &block)).collect();
    let Client { mut frames, world, .. } = client;
    let attack = async {
        frames.set(&[(setting::INITIAL_WINDOW_SIZE, 0)]).await;
        frames.pour(&all).await;
        frames.ping(b"still...").await;
        loop {
            match frames.next().await {
                Event::Frame(frame) if frame.kind == kind::HEADERS => {
                    assert_eq!(crate::world::hpack::status(&frame.payload), 431);
                }
                Event::Frame(frame) if frame.is_pong(b"still...") => break,
                Event::Frame(frame) if frame.kind == kind::GOAWAY => {
                    assert_eq!(frame.code(), code::ENHANCE_YOUR_CALM, "{:#?}", frames.seen());
                }
                Event::Frame(_) => {}
                Event::Closed(_) | Event::Reset => break,
            }
        }
    };
    let cost = costs(&process, &world, attack).await;
    assert!(cost < 4 * MIB, "{cost} bytes more");
    assert_eq!(seen(&world), 0);
}

/// Of the static table.
const COOKIE: usize = 32;
const HOST: usize = 38;

/// CVE-2026-49975.
#[tokio::test]
async fn crumbs_of_cookies_of_the_greatest_size() {
    goes_off(COOKIE, &[b'c'; 4000], 16_000).await;
}

#[tokio::test]
async fn crumbs_of_cookies_without_anything() {
    goes_off(COOKIE, b"", 16_000).await;
}

#[tokio::test]
async fn hosts_by_the_ten_thousand() {
    goes_off(HOST, b"localhost", 10_000).await;
}

/// Beneath the limit of octets, but not of fields.
#[tokio::test]
async fn more_fields_than_http_1_may_have_are_too_many_here() {
    let mut client = Client::new().await;
    let field = crate::world::hpack::literal(b"x", b"");
    let head = [client.get(), field.repeat(1000)].concat();
    client.headers(flag::WHOLE, 1, &head).await;
    assert_eq!(client.status(1).await, 431);
    assert_eq!(client.world.seen(), [""; 0]);
}

/// A hundred requests for sixteen MiB each, in frames.
fn for_much(client: &Client) -> Vec<u8> {
    let block = client.request("GET", &format!("/bytes/{}", 16 * MIB), &[]);
    (0..100).flat_map(|number| in_frames(number * 2 + 1, &block)).collect()
}

/// What is on its way from the application, for each of a hundred answers, and not what they are.
const ON_THEIR_WAY: u64 = 64 * MIB;

#[tokio::test]
async fn answers_whose_windows_are_closed_are_not_kept_here() {
    let (client, process) = process().await;
    let all = for_much(&client);
    let Client { mut frames, world, .. } = client;
    let attack = async {
        frames.set(&[(setting::INITIAL_WINDOW_SIZE, 1)]).await;
        frames.until_acknowledged().await;
        frames.pour(&all).await;
        // Each begins, with the octet that its window lets through.
        let mut begun = 0;
        while begun < 100 {
            let Event::Frame(frame) = frames.next().await else { panic!("{:#?}", frames.seen()) };
            if frame.kind == kind::DATA {
                assert_eq!(frame.payload.len(), 1);
                begun += 1;
            }
        }
        // And goes on where it stopped.
        frames.window(1, 10).await;
        frames.until("ten more", |frame| frame.stream == 1 && frame.payload.len() == 10).await;
    };
    let cost = costs(&process, &world, attack).await;
    assert!(cost < ON_THEIR_WAY, "{cost} bytes more");
}

/// The windows are as wide as they go, and the client reads nothing.
#[tokio::test]
async fn answers_that_nobody_reads_are_not_kept_here() {
    let (client, process) = process().await;
    let all = for_much(&client);
    let world = client.world;
    let mut silent = world.wire().await;
    let widest = 0x7fff_ffff_u32.to_be_bytes();
    let windows = frame(kind::SETTINGS, flag::NONE, 0, &[&[0, 4][..], &widest].concat());
    let more = (0x7fff_ffff_u32 - 65_535).to_be_bytes();
    let attack = async {
        silent.send([PREFACE, &windows, &frame(kind::WINDOW_UPDATE, flag::NONE, 0, &more), &all].concat()).await;
        let app = world.app.clone();
        eventually("the application has been asked for all", || app.requests().count() > 100).await;
        // Until nothing more comes in.
        let mut held = 0;
        while process.resident() > held {
            held = process.resident().max(held) + MIB;
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    };
    let cost = costs(&process, &world, attack).await;
    assert!(cost < ON_THEIR_WAY, "{cost} bytes more");
}
