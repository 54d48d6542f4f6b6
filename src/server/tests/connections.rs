//! Connections: how long they may take, how much they may send, how many there may be.

use std::iter::repeat_n;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::world::{Setup, application, before, bind};
use crate::config::server::Listen;
use crate::server::listen::BindError;
use crate::wire::Remote;

const OWN: &str = "GET /own HTTP/1.1\r\nhost: app\r\n\r\n";

async fn alone() -> Setup {
    before(application(|_, _| async {}).await)
}

async fn hurried() -> Setup {
    let mut setup = alone().await;
    setup.limits.header_timeout = Duration::from_millis(200);
    setup.limits.idle_timeout = Duration::from_millis(600);
    setup
}

#[tokio::test]
async fn a_head_that_drips_in_is_given_up_on() {
    let world = hurried().await.start().await;
    let mut client = world.connect().await;
    client.send(OWN).await;
    client.head().await;
    client.bytes(3).await;
    sleep(Duration::from_millis(300)).await;
    // Bytes for much longer than its time, each well within it.
    let mut sent = 0;
    for byte in "GET /own?".bytes().chain(repeat_n(b'x', 500)) {
        if tokio::io::AsyncWriteExt::write_all(&mut client.stream, &[byte]).await.is_err() {
            break;
        }
        sent += 1;
        sleep(Duration::from_millis(20)).await;
    }
    assert!(sent < 500, "{sent}");
    assert_eq!(client.rest().await, "");
}

#[tokio::test]
async fn idle_connections_have_a_longer_time_of_their_own() {
    let world = hurried().await.start().await;
    let mut silent = world.connect().await;
    let mut client = world.connect().await;
    let began = Instant::now();
    for _ in 0..2 {
        client.send(OWN).await;
        client.head().await;
        client.bytes(3).await;
        sleep(Duration::from_millis(400)).await;
    }
    assert_eq!(client.rest().await, "");
    assert!(began.elapsed() >= Duration::from_millis(1000), "{:?}", began.elapsed());
    assert_eq!(silent.rest().await, "");
}

#[tokio::test]
async fn a_slow_answer_is_no_idle_connection() {
    let application = application(|mut wire, _| async move {
        wire.head().await;
        sleep(Duration::from_millis(900)).await;
        wire.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    })
    .await;
    let mut setup = hurried().await;
    setup.upstream.address = application;
    let world = setup.start().await;
    let mut client = world.connect().await;
    client.send("GET / HTTP/1.1\r\nhost: app\r\n\r\n").await;
    assert!(client.head().await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn heads_have_a_size_and_a_number_of_fields() {
    let mut setup = alone().await;
    setup.limits.header_bytes = 4096;
    let world = setup.start().await;
    let long = format!("x-long: {}\r\n", "x".repeat(5000));
    let many: String = (0..101).map(|number| format!("x-{number}: 1\r\n")).collect();
    let enough: String = (0..98).map(|number| format!("x-{number}: 1\r\n")).collect();
    for (fields, status) in [(long, "431"), (many, "431"), (enough, "200")] {
        let mut client = world.connect().await;
        client.send(format!("GET /own HTTP/1.1\r\nhost: app\r\n{fields}\r\n")).await;
        let head = client.head().await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
    }
    let mut client = world.connect().await;
    client.send("GET /own\r\n\r\n").await;
    client.rest().await;
    for (reason, times) in [("head_too_large", 2), ("head_malformed", 1)] {
        let told = format!("tokigate_refused_connections_total{{reason=\"{reason}\"}} {times}");
        assert!(world.metrics.render().contains(&told), "{told}: {}", world.metrics.render());
    }
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order_and_nothing_after_a_broken_one() {
    let world = alone().await.start().await;
    let mut client = world.connect().await;
    client.send(format!("{OWN}{OWN}GET\u{1}/ HTTP/1.1\r\n\r\n{OWN}")).await;
    let all = client.rest().await;
    let answers: Vec<&str> = all.lines().filter(|line| line.contains("HTTP/1.1 ")).collect();
    assert_eq!(answers, ["HTTP/1.1 200 OK", "ownHTTP/1.1 200 OK", "ownHTTP/1.1 400 Bad Request"]);
}

#[tokio::test]
async fn there_is_room_for_so_many_and_no_more() {
    let mut setup = alone().await;
    setup.limits.connections = 2;
    setup.workers = 2;
    let world = setup.start().await;
    let mut first = world.connect().await;
    let mut second = world.connect().await;
    for client in [&mut first, &mut second] {
        client.send(OWN).await;
        client.head().await;
    }
    let mut third = world.connect().await;
    assert!(third.rest().await.starts_with("HTTP/1.1 503 "));
    drop(first);
    sleep(Duration::from_millis(50)).await;
    let mut fourth = world.connect().await;
    fourth.send(OWN).await;
    assert!(fourth.head().await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn what_is_set_on_the_listener_holds_for_its_connections() {
    let any = Listen::Tcp("127.0.0.1:0".parse().unwrap());
    let listener = bind("listen", &any).unwrap();
    let Listen::Tcp(address) = listener.address().clone() else { unreachable!() };
    let acceptor = listener.acceptor().unwrap();
    let client = tokio::net::TcpStream::connect(address).await.unwrap();
    let accepted = acceptor.accept().await;
    assert_eq!(accepted.remote, Remote::Address(client.local_addr().unwrap().ip()));
    let crate::upstream::Stream::Tcp(stream) = accepted.into_stream().unwrap() else { unreachable!() };
    let socket = socket2::SockRef::from(&stream);
    assert!(socket.tcp_nodelay().unwrap() && socket.keepalive().unwrap());
}

#[test]
fn an_address_in_use_is_said_with_its_key() {
    let any = Listen::Tcp("127.0.0.1:0".parse().unwrap());
    let first = bind("listen", &any).unwrap();
    let error = bind("admin_listen", first.address()).unwrap_err().to_string();
    assert!(error.starts_with("admin_listen: cannot listen on 127.0.0.1:") && error.contains("in use"), "{error}");
}

#[test]
fn a_port_below_1024_says_what_it_takes() {
    use std::io::ErrorKind::{AddrInUse, PermissionDenied};
    let said = |address: Listen, kind: std::io::ErrorKind| {
        BindError::Refused { key: "listen", address, source: kind.into() }.to_string()
    };
    let at = |port: u16| Listen::Tcp(([0, 0, 0, 0], port).into());
    assert!(said(at(443), PermissionDenied).ends_with("or grant CAP_NET_BIND_SERVICE"));
    for (address, kind) in
        [(at(443), AddrInUse), (at(4180), PermissionDenied), (Listen::Unix("/a".into()), PermissionDenied)]
    {
        assert!(!said(address, kind).contains("CAP_NET_BIND_SERVICE"));
    }
}

#[test]
fn a_socket_that_was_left_behind_is_taken_over_and_one_in_use_is_not() {
    let path = super::world::scratch_file("left");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let taken = bind("listen", &Listen::Unix(path.clone())).unwrap();
    assert!(bind("listen", &Listen::Unix(path.clone())).is_err());
    drop(taken);
    std::fs::write(&path, "a file").unwrap_or_default();
    let _ = std::fs::remove_file(path);
}
