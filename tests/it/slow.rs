//! A peer that is slow or silent, in every phase of a connection, meets a timer, and it is that phase's own: with that limit alone short it is
//! let go of while others are served by the same worker; with all the others short it is not.

mod application;
mod client;
mod proxy;
mod tls;

use std::cell::Cell;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use crate::world::{Setup, Wire, World};

/// Everything of `[limits]` that is a time.
const LIMITS: [&str; 4] = ["header_timeout", "idle_timeout", "upstream_connect_timeout", "upstream_timeout"];

/// `peer` goes as far as its phase, and tells what it hears until it is over.
async fn meets(limit: &str, heard: &str, setup: impl Fn(&mut Setup), peer: impl AsyncFn(&World) -> String) {
    let others = async |world: &World| asks(world.wire().await, world, "").await;
    meets_beside(others, limit, heard, setup, peer).await;
}

/// Somebody who says something first, and then asks for a page and gets it; or who was too slow for these limits, as on a busy machine.
async fn asks<I: AsyncRead + AsyncWrite + Unpin>(mut other: Wire<I>, world: &World, first: &str) -> Served {
    let host = world.setup.host();
    other.send(format!("{first}GET /public/others HTTP/1.1\r\nhost: {host}\r\n\r\n")).await;
    let Some(head) = other.head_if_any().await else { return Served::TooSlow };
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    Served::Well
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Served {
    Well,
    TooSlow,
}

/// Beside others that are not everybody.
async fn meets_beside(
    others: impl AsyncFn(&World) -> Served,
    limit: &str,
    heard: &str,
    setup: impl Fn(&mut Setup),
    peer: impl AsyncFn(&World) -> String,
) {
    assert!(LIMITS.contains(&limit));
    let world = async |short: &dyn Fn(&str) -> bool| {
        World::with(|ours| {
            ours.set("", "workers", "1");
            ours.rule("/public/**", "public");
            setup(ours);
            for key in LIMITS.into_iter().filter(|key| short(key)) {
                ours.set("limits", key, "\"400ms\"");
            }
        })
        .await
    };
    let (alone, otherwise) = (world(&|key| key == limit).await, world(&|key| key != limit).await);
    let over = Cell::new(false);
    let slow = async {
        let heard = peer(&alone).await;
        over.set(true);
        heard
    };
    let meanwhile = async {
        let mut served = 0;
        while !over.get() {
            served += u32::from(others(&alone).await == Served::Well);
        }
        served
    };
    let elsewhere = timeout(Duration::from_millis(1000), peer(&otherwise));
    let (all, served, too_early) = tokio::join!(slow, meanwhile, elsewhere);
    assert_eq!(all, heard, "{limit} alone is short");
    assert!(served > 0, "nobody else is served");
    assert!(too_early.is_err(), "all but {limit} are short: {too_early:?}");
}
