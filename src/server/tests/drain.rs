//! Leaving: nothing that has begun is lost, and nothing is waited for in vain.

use std::future::pending;
use std::io::ErrorKind;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use super::world::{PATIENCE, application, before};
use crate::config::server::Shutdown;
use crate::server::drain::Stage;

const OWN: &str = "GET /own HTTP/1.1\r\nhost: app\r\n\r\n";
const GET: &str = "GET / HTTP/1.1\r\nhost: app\r\n\r\n";

#[tokio::test]
async fn while_it_leaves_every_answer_says_so() {
    let world = before(application(|_, _| async {}).await).start().await;
    let mut before_it = world.connect().await;
    before_it.send(OWN).await;
    assert!(!before_it.head().await.contains("connection: close"));
    before_it.bytes(3).await;
    world.drain.enter(Stage::Leaving);
    sleep(Duration::from_millis(20)).await;
    let mut after_it = world.connect().await;
    for client in [&mut before_it, &mut after_it] {
        client.send(OWN).await;
        assert!(client.rest().await.contains("connection: close"));
    }
}

#[tokio::test]
async fn what_runs_is_finished_and_then_it_is_over() {
    let application = application(|mut wire, _| async move {
        wire.head().await;
        wire.send("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsl").await;
        sleep(Duration::from_millis(400)).await;
        wire.send("owly").await;
    })
    .await;
    let world = before(application).start().await;
    let mut idle = world.connect().await;
    idle.send(OWN).await;
    idle.head().await;
    idle.bytes(3).await;
    let mut client = world.connect().await;
    client.send(GET).await;
    client.until("sl").await;
    let (drain, shutdown) =
        (world.drain.clone(), Shutdown { delay: Duration::from_millis(1), drain: Duration::from_secs(60) });
    let draining = tokio::spawn(async move { drain.run(&shutdown, pending()).await });
    assert_eq!(idle.rest().await, "");
    assert!(TcpStream::connect(world.address).await.is_err());
    assert_eq!(client.rest().await, "owly");
    drop((idle, client));
    timeout(PATIENCE, world.served).await.unwrap().unwrap().unwrap();
    timeout(PATIENCE, draining).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_request_on_its_way_when_the_end_begins_is_still_answered() {
    let world = before(application(|_, _| async {}).await).start().await;
    let mut client = world.connect().await;
    client.send("GET /own HTT").await;
    sleep(Duration::from_millis(20)).await;
    world.drain.enter(Stage::Finishing);
    sleep(Duration::from_millis(400)).await;
    client.send("P/1.1\r\nhost: app\r\n\r\n").await;
    let answer = client.rest().await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("connection: close"), "{answer}");
    drop(client);
    timeout(PATIENCE, world.served).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn what_does_not_finish_is_cut_off() {
    let application = application(|mut wire, _| async move {
        wire.head().await;
        pending::<()>().await;
    })
    .await;
    let world = before(application).start().await;
    let mut client = world.connect().await;
    client.send(GET).await;
    sleep(Duration::from_millis(50)).await;
    let began = Instant::now();
    let shutdown = Shutdown { delay: Duration::from_millis(1), drain: Duration::from_millis(300) };
    world.drain.run(&shutdown, pending()).await;
    timeout(PATIENCE, world.served).await.unwrap().unwrap().unwrap();
    assert_eq!(client.rest().await, "");
    assert!(began.elapsed() < Duration::from_secs(3));
}

/// HTTP/1.0 has no other end of a body than the connection's: what is cut off must not end like what is complete.
#[tokio::test]
async fn an_old_client_can_tell_that_it_was_cut_off() {
    let application = application(|mut wire, _| async move {
        wire.head().await;
        wire.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n").await;
        pending::<()>().await;
    })
    .await;
    let world = before(application).start().await;
    let mut client = world.connect().await;
    client.send("GET / HTTP/1.0\r\nhost: app\r\n\r\n").await;
    client.until("ok").await;
    let shutdown = Shutdown { delay: Duration::from_millis(1), drain: Duration::from_millis(50) };
    world.drain.run(&shutdown, pending()).await;
    let end = timeout(PATIENCE, client.stream.read(&mut [0; 16])).await.unwrap();
    assert_eq!(end.map_err(|error| error.kind()), Err(ErrorKind::ConnectionReset));
}

/// The nearest to a load: clients that never stop asking while the process goes. None of their requests may be lost.
#[tokio::test]
async fn under_load_no_request_is_lost() {
    let mut setup = before(application(|_, _| async {}).await);
    setup.workers = 2;
    let world = setup.start().await;
    let address = world.address;
    let clients: Vec<_> = (0..8)
        .map(|_| {
            tokio::spawn(async move {
                let mut answered = 0;
                while let Ok(stream) = TcpStream::connect(address).await {
                    let mut client = super::world::Wire::new(stream);
                    loop {
                        client.send(OWN).await;
                        let head = client.head().await;
                        client.bytes(3).await;
                        answered += 1;
                        if head.contains("connection: close") {
                            break;
                        }
                    }
                }
                answered
            })
        })
        .collect();
    sleep(Duration::from_millis(100)).await;
    let shutdown = Shutdown { delay: Duration::from_millis(200), drain: PATIENCE };
    world.drain.run(&shutdown, pending()).await;
    for client in clients {
        assert!(timeout(PATIENCE, client).await.unwrap().unwrap() > 0);
    }
    timeout(PATIENCE, world.served).await.unwrap().unwrap().unwrap();
}
