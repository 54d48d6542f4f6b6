//! Attacks over HTTP/2: what the client sees of it, what the application does (nothing), and that others go on being served.

mod bombs;
mod fields;
mod floods;
mod streams;

use std::cell::Cell;
use std::future::Future;

use crate::world::frames::{Frames, flag};
use crate::world::{Client, Process, World, hpack};

/// The gate as a process of its own, whose memory is its own too. The whole site is public.
async fn process() -> (Client, Process) {
    let (world, process) = World::around_a_process(|setup| setup.rule("/**", "public")).await;
    let mut client = Client::of(world).await;
    // What the first request costs is no attack's.
    client.headers(flag::WHOLE, 1, &client.get()).await;
    client.answers(1).await;
    client.come_again().await;
    (client, process)
}

/// How many bytes at most the process has had in memory above what it has now, once this is over. Meanwhile, others are served.
async fn costs(process: &Process, world: &World, attack: impl Future<Output = ()>) -> u64 {
    let before = process.resident();
    let over = Cell::new(false);
    let get = hpack::block(&[
        (":method", "GET"),
        (":scheme", "http"),
        (":path", "/public/others"),
        (":authority", &world.setup.host()),
    ]);
    let mut other = Frames::open(world.address()).await;
    let others = async {
        let mut stream = 1;
        // Once more when it is over.
        for last in [false, true] {
            while last || !over.get() {
                other.headers(flag::WHOLE, stream, &get).await;
                let (status, _) = other.answer(stream).await;
                assert_eq!(status, 200);
                stream += 2;
                if last {
                    break;
                }
            }
        }
    };
    let attack = async {
        attack.await;
        over.set(true);
    };
    tokio::join!(attack, others);
    process.peak().saturating_sub(before)
}

/// What the application has seen of requests that are not others'.
fn seen(world: &World) -> usize {
    world.seen().iter().filter(|target| !target.starts_with("/public/")).count()
}

const MIB: u64 = 1024 * 1024;
