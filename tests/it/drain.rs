//! SIGTERM: not ready at once, accept for `delay`, finish within `drain`; nothing lost under load. Issue 2 §6, security.md D-16, F-14.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokigate::demo::provider::Endpoint;
use tokio::time::Instant;

use crate::world::{Ask, BAT, Process, Setup, Socket, World, WsEnd};

fn timing(delay: &'static str, drain: &'static str) -> impl Fn(&mut Setup) {
    move |setup| {
        setup.set("shutdown", "delay", &format!("{delay:?}"));
        setup.set("shutdown", "drain", &format!("{drain:?}"));
    }
}

async fn until_not_ready(process: &Process) {
    for _ in 0..200 {
        if process.ask("/readyz").await.status == 503 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("not ready in time");
}

#[tokio::test]
async fn no_request_is_lost_under_load() {
    let (world, mut process) = World::around_a_process(timing("1s", "10s")).await;
    let browser = world.signed_in(BAT).await;
    let (stop, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let clients = (0..16).map(|number| {
        let (browser, stop, count) = (browser.clone(), Arc::clone(&stop), Arc::clone(&count));
        tokio::spawn(async move {
            while !stop.load(Ordering::SeqCst) {
                let target = if number % 4 == 0 { "/slow?ms=700" } else { "/bytes/20000" };
                let reply = browser.send_only(Ask::script(target)).await;
                assert_eq!(reply.status, 200, "{reply}");
                assert!(number % 4 == 0 || reply.body.len() == 20_000);
                count.fetch_add(1, Ordering::SeqCst);
            }
        })
    });
    let clients: Vec<_> = clients.collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    process.terminate();
    // What sends requests here is told by its probe, and takes a moment to act on it.
    until_not_ready(&process).await;
    let before = count.load(Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(count.load(Ordering::SeqCst) > before, "it still takes new ones meanwhile");
    stop.store(true, Ordering::SeqCst);
    for client in clients {
        client.await.unwrap();
    }
    assert_eq!(process.exit().await, Some(0));
    assert!(count.load(Ordering::SeqCst) > 100);
}

#[tokio::test]
async fn it_is_alive_but_not_ready_while_it_leaves_and_its_health_path_says_so() {
    let (world, mut process) = World::around_a_process(|setup| {
        timing("1s", "5s")(setup);
        setup.set("", "health_path", "\"/health\"");
    })
    .await;
    assert_eq!(world.curl(Ask::plain("/health")).await.status, 200);
    process.terminate();
    until_not_ready(&process).await;
    assert_eq!(process.ask("/healthz").await.status, 200);
    assert_eq!(world.curl(Ask::plain("/health")).await.status, 503);
    assert_eq!(process.exit().await, Some(0));
}

#[tokio::test]
async fn a_socket_is_closed_politely_and_does_not_hold_it_up() {
    let (world, mut process) = World::around_a_process(timing("0s", "10s")).await;
    let browser = world.signed_in(BAT).await;
    let mut socket = Socket::open(&world, Some(&browser), "/ws", None).await.unwrap();
    let began = Instant::now();
    process.terminate();
    assert_eq!(socket.end().await, WsEnd::Closed(1001));
    drop(socket);
    assert_eq!(process.exit().await, Some(0));
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[tokio::test]
async fn what_hangs_is_cut_off_when_the_drain_is_over() {
    let (world, mut process) = World::around_a_process(timing("0s", "500ms")).await;
    let browser = world.signed_in(BAT).await;
    let hanging = tokio::spawn(async move { browser.open(Ask::script("/events?ms=50")).await.whole().await });
    let requests = world.app.requests().clone();
    crate::world::eventually("it streams", || requests.open_streams() == 1).await;
    let began = Instant::now();
    process.terminate();
    assert_eq!(process.exit().await, Some(0));
    assert!(
        began.elapsed() >= Duration::from_millis(400) && began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(hanging.await.unwrap().status, 200);
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let (_world, mut process) = World::around_a_process(timing("10s", "10s")).await;
    let began = Instant::now();
    process.terminate();
    until_not_ready(&process).await;
    process.terminate();
    process.exit().await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_refresh_under_way_reaches_its_browser() {
    let (world, mut process) = World::around_a_process(|setup| {
        timing("0s", "10s")(setup);
        setup.options.access_lifetime = Duration::from_secs(1);
    })
    .await;
    let browser = world.signed_in(BAT).await;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let hold = world.provider.faults().hold(Endpoint::Refresh);
    let asking = {
        let browser = browser.clone();
        tokio::spawn(async move { browser.fetch("/deep/a").await })
    };
    hold.arrived(1).await;
    process.terminate();
    until_not_ready(&process).await;
    hold.release();
    let reply = asking.await.unwrap();
    assert_eq!(reply.status, 200, "{reply}");
    assert!(!reply.set_cookies().is_empty(), "a rotated token that never reached its browser is a lost session");
    assert_eq!(process.exit().await, Some(0));
}
