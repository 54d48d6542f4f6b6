//! The header of the PROXY protocol: who must send one, who must not, and how long it may take.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use super::world::{Setup, Wire, World, application, before, scratch_file};
use crate::config::server::Listen;
use crate::server::drain::Stage;
use crate::wire::Trust;

const GET: &str = "GET /x HTTP/1.1\r\nhost: app\r\nx-forwarded-for: 203.0.113.1\r\n\r\n";
const NAMED: &str = "PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n";

/// An application that says what it was told.
async fn telling(networks: &[&str]) -> Setup {
    let told = application(|mut wire, _| async move {
        loop {
            let head = wire.head().await;
            wire.send(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{head}", head.len())).await;
        }
    });
    let mut setup = before(told.await);
    let networks = networks.iter().map(|network| network.parse().unwrap()).collect();
    setup.proxies = Some(Trust { networks, loopback_originals: false });
    setup.limits.header_timeout = Duration::from_millis(300);
    setup
}

async fn trusting_loopback() -> World {
    telling(&["127.0.0.0/8"]).await.start().await
}

async fn trusting_others() -> World {
    telling(&["10.0.0.0/8"]).await.start().await
}

/// The head that the application got.
async fn told(client: &mut Wire<TcpStream>) -> String {
    let head = client.head().await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    client.head().await
}

fn for_whom(head: &str) -> Option<&str> {
    head.lines().find_map(|line| line.strip_prefix("x-forwarded-for: "))
}

fn second(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let length = u8::try_from(body.len()).unwrap();
    [b"\r\n\r\n\0\r\nQUIT\n", &[0x20 | command, family, 0, length][..], body].concat()
}

const INET: [u8; 12] = [192, 0, 2, 8, 198, 51, 100, 1, 0, 1, 0, 2];

#[tokio::test]
async fn whom_a_trusted_proxy_names_is_who_asks_for_the_whole_connection() {
    let world = trusting_loopback().await;
    for (header, named) in [(NAMED.as_bytes().to_vec(), "192.0.2.7"), (second(1, 0x11, &INET), "192.0.2.8")] {
        let mut client = world.connect().await;
        client.send([&header, GET.as_bytes()].concat()).await;
        assert_eq!(for_whom(&told(&mut client).await), Some(named));
        client.send(GET).await;
        assert_eq!(for_whom(&told(&mut client).await), Some(named));
    }
}

#[tokio::test]
async fn it_may_come_in_pieces_and_what_follows_may_come_with_it() {
    let world = trusting_loopback().await;
    for header in [NAMED.as_bytes().to_vec(), second(1, 0x11, &INET)] {
        let mut client = world.connect().await;
        let whole = [&header, GET.as_bytes()].concat();
        for piece in [&whole[..1], &whole[1..7], &whole[7..15], &whole[15..27], &whole[27..]] {
            client.send(piece).await;
            sleep(Duration::from_millis(15)).await;
        }
        assert!(for_whom(&told(&mut client).await).unwrap().starts_with("192.0.2."));
    }
}

#[tokio::test]
async fn a_health_check_of_the_proxys_own_is_the_proxys() {
    let world = trusting_loopback().await;
    let mut client = world.connect().await;
    client.send([&second(0, 0, &[]), GET.as_bytes()].concat()).await;
    assert_eq!(for_whom(&told(&mut client).await), Some("127.0.0.1"));
}

#[tokio::test]
async fn whom_the_proxy_cannot_name_is_nobody() {
    let world = trusting_loopback().await;
    for header in [b"PROXY UNKNOWN\r\n".to_vec(), second(1, 0, &[]), second(1, 0x31, &[0; 216])] {
        let mut client = world.connect().await;
        client.send([&header, GET.as_bytes()].concat()).await;
        assert_eq!(for_whom(&told(&mut client).await), None);
    }
}

#[tokio::test]
async fn a_trusted_proxy_that_sends_none_or_a_bad_one_is_not_served() {
    let world = trusting_loopback().await;
    let twisted = "PROXY TCP4 192.0.2.7 198.51.100.1 56324\r\n";
    for first in [GET, "\r\n\r\nGET / HTTP/1.1\r\n\r\n", twisted, "\u{16}\u{3}\u{1}"] {
        let mut client = world.connect().await;
        client.send(first).await;
        assert_eq!(client.rest().await, "", "{first:?}");
    }
    let mut half = world.connect().await;
    half.send(&NAMED[..20]).await;
    tokio::io::AsyncWriteExt::shutdown(&mut half.stream).await.unwrap();
    assert_eq!(half.rest().await, "");
}

/// One that ends in the middle is noticed at once, and not by the timer, nor by looking again and again.
#[tokio::test]
async fn a_header_that_ends_in_its_midst_is_over_at_once() {
    let mut setup = telling(&["127.0.0.0/8"]).await;
    setup.limits.header_timeout = Duration::from_secs(600);
    let world = setup.start().await;
    for half in [&NAMED.as_bytes()[..20], &second(1, 0x11, &INET)[..20]] {
        let mut client = world.connect().await;
        client.send(half).await;
        sleep(Duration::from_millis(20)).await;
        tokio::io::AsyncWriteExt::shutdown(&mut client.stream).await.unwrap();
        assert_eq!(client.rest().await, "");
    }
}

#[tokio::test]
async fn a_header_that_does_not_come_is_given_up_on() {
    let world = trusting_loopback().await;
    for begun in ["", "PROXY TCP4 192.0.2.7"] {
        let began = Instant::now();
        let mut client = world.connect().await;
        client.send(begun).await;
        assert_eq!(client.rest().await, "");
        assert!(began.elapsed() >= Duration::from_millis(290), "{begun:?} {:?}", began.elapsed());
    }
}

#[tokio::test]
async fn a_header_that_is_dripped_is_given_up_on() {
    let world = trusting_loopback().await;
    let mut client = world.connect().await;
    let began = Instant::now();
    for byte in NAMED.as_bytes().chunks(1) {
        sleep(Duration::from_millis(30)).await;
        if tokio::io::AsyncWriteExt::write_all(&mut client.stream, byte).await.is_err() {
            break;
        }
    }
    assert_eq!(client.rest().await, "");
    assert!(began.elapsed() >= Duration::from_millis(290));
}

#[tokio::test]
async fn nobody_waits_for_somebody_elses_header() {
    let world = trusting_loopback().await;
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(world.connect().await);
    }
    let mut client = world.connect().await;
    client.send(format!("{NAMED}{GET}")).await;
    timeout(Duration::from_millis(250), told(&mut client)).await.expect("at once");
}

#[tokio::test]
async fn from_anybody_else_a_header_is_refused_and_everything_else_is_taken() {
    let world = trusting_others().await;
    for header in [NAMED.as_bytes().to_vec(), b"PROXY UNKNOWN\r\n".to_vec(), second(1, 0x11, &INET), second(0, 0, &[])]
    {
        let mut client = world.connect().await;
        client.send([&header, GET.as_bytes()].concat()).await;
        assert_eq!(client.rest().await, "", "{header:?}");
    }
    for request in [GET.to_owned(), GET.replace("GET", "PROXIED"), GET.replace("GET", "P"), format!("\r\n{GET}")] {
        let mut client = world.connect().await;
        for piece in [&request[..1], &request[1..2], &request[2..]] {
            client.send(piece).await;
            sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(for_whom(&told(&mut client).await), Some("127.0.0.1"), "{request}");
    }
}

#[tokio::test]
async fn somebody_else_may_be_silent_as_long_as_ever() {
    let mut setup = telling(&["10.0.0.0/8"]).await;
    setup.limits.idle_timeout = Duration::from_millis(700);
    let world = setup.start().await;
    let (began, mut client, mut silent) = (Instant::now(), world.connect().await, world.connect().await);
    sleep(Duration::from_millis(400)).await;
    client.send(GET).await;
    told(&mut client).await;
    assert_eq!(silent.rest().await, "");
    assert!(began.elapsed() >= Duration::from_millis(690));
}

#[tokio::test]
async fn a_silent_connection_does_not_hold_up_the_drain() {
    let world = trusting_others().await;
    let mut silent = world.connect().await;
    sleep(Duration::from_millis(50)).await;
    world.drain.enter(Stage::Finishing);
    assert_eq!(silent.rest().await, "");
    world.served.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_unix_socket_counts_as_loopback_here_too() {
    for (networks, named, plain) in [(&["127.0.0.0/8"], true, false), (&["10.0.0.0/8"], false, true)] {
        let path = scratch_file("proxied");
        let _world = telling(networks).await.listening(Listen::Unix(path.clone())).await;
        for (first, served) in [(format!("{NAMED}{GET}"), named), (GET.to_owned(), plain)] {
            let mut client = Wire::new(tokio::net::UnixStream::connect(&path).await.unwrap());
            client.send(first).await;
            if served {
                assert!(client.head().await.starts_with("HTTP/1.1 200 "));
                assert_eq!(for_whom(&client.head().await), named.then_some("192.0.2.7"));
            } else {
                assert_eq!(client.rest().await, "");
            }
        }
    }
}
