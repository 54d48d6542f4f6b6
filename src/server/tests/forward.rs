//! Heads, connections to the application, and what happens when those die.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::UnixListener;

use super::world::{Wire, application, before, scratch_file};
use crate::config::server::Listen;
use crate::upstream::Address;

const GET: &str = "GET /a?b=%2F;c HTTP/1.1\r\nhost: app\r\n\r\n";
const POST: &str = "POST /a HTTP/1.1\r\nhost: app\r\ncontent-length: 2\r\n\r\nhi";
const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[tokio::test]
async fn the_application_gets_the_request_as_it_was_sent_and_who_it_is() {
    let application = application(|mut wire, _| async move {
        let head = wire.head().await;
        wire.send(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{head}", head.len())).await;
    })
    .await;
    let world = before(application).start().await;
    let mut client = world.connect().await;
    client.send("GET http://app/%61/..;x//b?q=%zz&{ HTTP/1.1\r\nhost: app\r\nX_Forwarded_User: admin\r\nproxy-connection: x\r\ncookie: a=1; __Host-tokigate=x; b=2\r\n\r\n").await;
    client.head().await;
    let seen = client.until("\r\n\r\n").await;
    assert!(seen.starts_with("GET /%61/..;x//b?q=%zz&{ HTTP/1.1\r\n"), "{seen}");
    for line in [
        "host: app",
        "cookie: a=1; b=2",
        "x-forwarded-user: alice",
        "x-forwarded-for: 127.0.0.1",
        "x-forwarded-proto: https",
        "x-forwarded-host: app.example.mn",
        "x-forwarded-port: 443",
        "x-request-id: r1",
    ] {
        assert!(seen.contains(&format!("\r\n{line}\r\n")), "{line} is not in {seen}");
    }
    assert_eq!(seen.lines().count(), 10, "{seen}");
}

#[tokio::test]
async fn connections_are_kept_alive_on_both_sides() {
    let application = application(|mut wire, number| async move {
        loop {
            wire.head().await;
            wire.send(format!("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n{number}")).await;
        }
    })
    .await;
    let world = before(application).start().await;
    let mut client = world.connect().await;
    for _ in 0..3 {
        client.send(GET).await;
        client.head().await;
        assert_eq!(client.bytes(1).await, b"0");
    }
}

/// Answers the first request of its first connection, takes a second one there, and hangs up on it.
async fn hangs_up_on_the_second(seen: Arc<AtomicUsize>) -> Address {
    application(move |mut wire, number| {
        let seen = Arc::clone(&seen);
        async move {
            wire.until("\r\n\r\n").await;
            seen.fetch_add(1, Ordering::Relaxed);
            wire.send(OK).await;
            wire.until("\r\n\r\n").await;
            if number > 0 {
                wire.send(OK).await;
            }
            seen.fetch_add(1, Ordering::Relaxed);
        }
    })
    .await
}

#[tokio::test]
async fn what_may_be_repeated_is_when_a_kept_connection_dies() {
    let seen = Arc::new(AtomicUsize::new(0));
    let world = before(hangs_up_on_the_second(Arc::clone(&seen)).await).start().await;
    let mut client = world.connect().await;
    for _ in 0..2 {
        client.send(GET).await;
        assert!(client.head().await.starts_with("HTTP/1.1 200 "));
        client.bytes(2).await;
    }
    assert_eq!(seen.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn what_may_have_been_done_is_never_done_again() {
    let seen = Arc::new(AtomicUsize::new(0));
    let world = before(hangs_up_on_the_second(Arc::clone(&seen)).await).start().await;
    let mut client = world.connect().await;
    client.send(GET).await;
    client.head().await;
    client.bytes(2).await;
    client.send(POST).await;
    assert!(client.head().await.starts_with("HTTP/1.1 502 "));
    assert_eq!(seen.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_connection_that_died_while_idle_costs_nobody_a_request() {
    let application = application(|mut wire, _| async move {
        wire.head().await;
        wire.send(OK).await;
    })
    .await;
    let world = before(application).start().await;
    let mut client = world.connect().await;
    for _ in 0..3 {
        client.send(POST).await;
        assert!(client.head().await.starts_with("HTTP/1.1 200 "));
        client.bytes(2).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The application's close and the next request pass each other on the way.
#[tokio::test]
async fn a_connection_that_dies_as_it_is_taken_costs_nobody_a_request() {
    let application = application(|mut wire, _| async move {
        wire.head().await;
        wire.send(OK).await;
    })
    .await;
    let world = before(application).start().await;
    let mut client = world.connect().await;
    for _ in 0..300 {
        client.send(GET).await;
        assert!(client.head().await.starts_with("HTTP/1.1 200 "));
        client.bytes(2).await;
    }
}

#[tokio::test]
async fn a_connection_is_not_trusted_for_longer_than_the_application_keeps_it() {
    for (keeps, connections) in [("keep-alive: timeout=1\r\n", ["0", "1"]), ("", ["0", "0"])] {
        let application = application(move |mut wire, number| async move {
            loop {
                wire.head().await;
                wire.send(format!("HTTP/1.1 200 OK\r\n{keeps}content-length: 1\r\n\r\n{number}")).await;
            }
        })
        .await;
        let world = before(application).start().await;
        let mut client = world.connect().await;
        for connection in connections {
            client.send(GET).await;
            assert!(!client.head().await.contains("timeout="));
            assert_eq!(client.bytes(1).await, connection.as_bytes());
        }
    }
}

#[tokio::test]
async fn what_follows_an_answer_unasked_is_nobodys() {
    let application = application(|mut wire, number| async move {
        wire.head().await;
        wire.send(format!(
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n{number}HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil"
        ))
        .await;
        wire.rest().await;
    })
    .await;
    let world = before(application).start().await;
    for number in ["0", "1", "2"] {
        let mut client = world.connect().await;
        client.send(GET).await;
        client.head().await;
        assert_eq!(client.bytes(1).await, number.as_bytes());
        assert!(client.is_silent().await);
    }
}

#[tokio::test]
async fn an_application_that_is_down_slow_or_broken_is_told_apart() {
    let slow = application(|mut wire, _| async move {
        wire.head().await;
        std::future::pending::<()>().await;
    });
    let broken = application(|mut wire, _| async move {
        wire.head().await;
        wire.send("SSH-2.0-OpenSSH_9.2\r\n\r\n").await;
        wire.rest().await;
    });
    let gone = application(|mut wire, _| async move {
        wire.head().await;
    });
    let down = Address::parse("http://127.0.0.1:1").unwrap();
    let unasked = application(|mut wire, _| async move {
        wire.head().await;
        wire.send("HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n").await;
        wire.rest().await;
    });
    for (application, status) in
        [(slow.await, "504"), (broken.await, "502"), (gone.await, "502"), (down, "502"), (unasked.await, "502")]
    {
        let mut setup = before(application);
        setup.upstream.timeout = Duration::from_millis(200);
        let world = setup.start().await;
        let mut client = world.connect().await;
        client.send(GET).await;
        let head = client.head().await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
    }
}

#[tokio::test]
async fn an_answer_that_leaves_early_hints_is_still_one_answer() {
    let application = application(|mut wire, _| async move {
        wire.head().await;
        wire.send("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n").await;
        wire.send(OK).await;
    })
    .await;
    let world = before(application).start().await;
    let mut client = world.connect().await;
    client.send(GET).await;
    assert!(client.head().await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn hop_by_hop_fields_and_cookies_of_ours_stay_behind_on_the_way_back() {
    let application = application(|mut wire, _| async move {
        wire.head().await;
        wire.send("HTTP/1.1 200 OK\r\nconnection: keep-alive, x-secret\r\nx-secret: 1\r\nupgrade: h2c\r\nset-cookie: a=1; Path=/\r\nset-cookie: __Host-tokigate=x; Path=/\r\nset-cookie: b=2, c\r\ncontent-length: 0\r\n\r\n").await;
        wire.rest().await;
    })
    .await;
    let world = before(application).start().await;
    let mut client = world.connect().await;
    client.send(GET).await;
    let head = client.head().await;
    let mut lines: Vec<&str> = head.lines().filter(|line| !line.starts_with("date")).collect();
    lines.sort_unstable();
    assert_eq!(lines, ["", "HTTP/1.1 200 OK", "content-length: 0", "set-cookie: a=1; Path=/", "set-cookie: b=2, c"]);
}

#[tokio::test]
async fn unix_sockets_serve_on_both_sides() {
    let (ours, theirs) = (scratch_file("gate"), scratch_file("app"));
    let listener = UnixListener::bind(&theirs).unwrap();
    tokio::spawn(async move {
        let mut wire = Wire::new(listener.accept().await.unwrap().0);
        let head = wire.head().await;
        assert!(!head.contains("x-forwarded-for"), "{head}");
        wire.send(OK).await;
        wire.rest().await;
    });
    let world = before(unix(&theirs)).listening(Listen::Unix(ours.clone())).await;
    let mut client = Wire::new(tokio::net::UnixStream::connect(&ours).await.unwrap());
    client.send(GET).await;
    assert!(client.head().await.starts_with("HTTP/1.1 200 "));
    drop(client);
    world.drain.enter(crate::server::drain::Stage::Finishing);
    world.served.await.unwrap().unwrap();
    assert!(!ours.exists());
    std::fs::remove_file(theirs).unwrap();
}

#[tokio::test]
async fn a_unix_socket_whose_queue_is_full_is_waited_for() {
    let path = scratch_file("full");
    let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
    socket.bind(&socket2::SockAddr::unix(&path).unwrap()).unwrap();
    socket.listen(0).unwrap();
    socket.set_nonblocking(true).unwrap();
    let listener = UnixListener::from_std(socket.into()).unwrap();
    let world = before(unix(&path)).start().await;
    let mut clients = Vec::new();
    for _ in 0..4 {
        let mut client = world.connect().await;
        client.send(GET).await;
        clients.push(client);
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut wire = Wire::new(stream);
            wire.head().await;
            wire.send(OK).await;
        }
    });
    for client in &mut clients {
        assert!(client.head().await.starts_with("HTTP/1.1 200 "));
    }
    std::fs::remove_file(path).unwrap();
}

fn unix(path: &std::path::Path) -> Address {
    Address::parse(&format!("unix:{}", path.display())).unwrap()
}
