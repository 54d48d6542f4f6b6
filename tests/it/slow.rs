//! A peer that is slow or silent, in every phase of a connection, meets a timer, and it is that phase's own: with that limit alone short it is
//! let go of while others are served by the same worker; with all the others short it is not.

mod application;
mod client;
mod proxy;

use std::cell::Cell;
use std::time::Duration;

use tokio::time::timeout;

use crate::world::{Setup, World};

/// Everything of `[limits]` that is a time.
const LIMITS: [&str; 4] = ["header_timeout", "idle_timeout", "upstream_connect_timeout", "upstream_timeout"];

/// `peer` goes as far as its phase, and tells what it hears until it is over.
async fn meets(limit: &str, heard: &str, setup: impl Fn(&mut Setup), peer: impl AsyncFn(&World) -> String) {
    meets_where_all_begin_with("", limit, heard, setup, peer).await;
}

/// Where others have something to say before their requests.
async fn meets_where_all_begin_with(
    first: &str,
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
                ours.set("limits", key, "\"200ms\"");
            }
        })
        .await
    };
    let alone = world(&|key| key == limit).await;
    let over = Cell::new(false);
    let slow = async {
        let heard = peer(&alone).await;
        over.set(true);
        heard
    };
    let others = async {
        while !over.get() {
            let mut other = alone.wire().await;
            let host = alone.setup.host();
            other.send(format!("{first}GET /public/others HTTP/1.1\r\nhost: {host}\r\n\r\n")).await;
            let head = other.head().await;
            assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        }
    };
    assert_eq!(tokio::join!(slow, others).0, heard, "{limit} alone is short");

    let otherwise = world(&|key| key != limit).await;
    let all = timeout(Duration::from_millis(600), peer(&otherwise)).await;
    assert!(all.is_err(), "all but {limit} are short: {all:?}");
}
