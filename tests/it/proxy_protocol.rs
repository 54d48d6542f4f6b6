//! The PROXY protocol before the whole program: whoever a trusted balancer names is who asks, in rules, headers and logs.

use crate::world::{World, eventually};

async fn behind_a_balancer(trusted: &str) -> World {
    World::with(|setup| {
        setup.set("", "proxy_protocol", "true");
        setup.set("", "trusted_proxies", trusted);
        setup.set("", "health_path", "\"/healthz\"");
        setup.rest += "[[rules]]\npath = \"/deep/api/**\"\nfrom = [\"10.0.0.0/8\"]\naccess = \"public\"\n";
    })
    .await
}

/// The status of one request behind these bytes; `None`: the connection was closed without an answer.
async fn status(world: &World, before: &str, lines: &[&str]) -> Option<u16> {
    let mut wire = world.wire().await;
    let host = format!("host: {}", world.setup.host());
    let lines = [&lines[..1], &[&host], &lines[1..]].concat().join("\r\n");
    wire.send(format!("{before}{lines}\r\nconnection: close\r\n\r\n")).await;
    let answer = String::from_utf8(wire.rest().await).unwrap();
    (!answer.is_empty()).then(|| answer["HTTP/1.1 ".len()..][..3].parse().unwrap())
}

fn named(address: &str) -> String {
    format!("PROXY TCP4 {address} 198.51.100.1 56324 443\r\n")
}

const API: &str = "GET /deep/api/x HTTP/1.1";

#[tokio::test]
async fn rules_see_the_client_that_the_balancer_names() {
    let world = behind_a_balancer("[\"loopback\"]").await;
    assert_eq!(status(&world, &named("10.1.2.3"), &[API]).await, Some(200));
    assert_eq!(world.told("x-forwarded-for").as_deref(), Some("10.1.2.3"));
    assert_eq!(status(&world, &named("192.0.2.7"), &[API]).await, Some(401));
}

/// The balancer vouches for the address of its connection, and not for what the client writes into its request.
#[tokio::test]
async fn whom_the_balancer_names_is_not_believed_in_what_it_says_of_others() {
    let world = behind_a_balancer("[\"loopback\"]").await;
    let claims = ["x-forwarded-for: 10.1.2.3", "forwarded: for=10.1.2.3", "x-real-ip: 10.1.2.3"];
    for claim in claims {
        assert_eq!(status(&world, &named("192.0.2.7"), &[API, claim]).await, Some(401), "{claim}");
        assert_eq!(status(&world, "PROXY UNKNOWN\r\n", &[API, claim]).await, Some(401), "{claim}");
        assert_eq!(status(&world, &named("10.1.2.3"), &[API, claim]).await, Some(200), "{claim}");
        let head = world.app.requests().last().unwrap();
        let (list, others) = (head.lines("x-forwarded-for").join("; "), head.lines("x-real-ip").len());
        assert_eq!((list.as_str(), others, head.lines("forwarded").len()), ("10.1.2.3", 0, 0), "{claim}");
    }
}

/// A proxy for HTTP between the balancer and the gate: both are trusted, and each is believed in its own way.
#[tokio::test]
async fn a_trusted_proxy_behind_the_balancer_is_believed_as_ever() {
    let world = behind_a_balancer("[\"loopback\", \"172.16.0.0/12\"]").await;
    let proxy = named("172.16.0.9");
    assert_eq!(status(&world, &proxy, &[API, "x-forwarded-for: 192.0.2.7, 10.1.2.3"]).await, Some(200));
    assert_eq!(world.told("x-forwarded-for").as_deref(), Some("192.0.2.7, 10.1.2.3, 172.16.0.9"));
    assert_eq!(status(&world, &proxy, &[API, "x-forwarded-for: 10.1.2.3, 192.0.2.7"]).await, Some(401));
}

#[tokio::test]
async fn a_balancer_that_asks_for_itself_is_answered() {
    let world = behind_a_balancer("[\"loopback\"]").await;
    let local = "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
    for header in [local, "PROXY UNKNOWN\r\n"] {
        assert_eq!(status(&world, header, &["GET /healthz HTTP/1.1"]).await, Some(200), "{header:?}");
    }
}

#[tokio::test]
async fn nobody_comes_past_the_balancer_and_nobody_plays_one() {
    let world = behind_a_balancer("[\"loopback\"]").await;
    assert_eq!(status(&world, "", &[API]).await, None);
    let elsewhere = behind_a_balancer("[\"172.16.0.0/12\"]").await;
    assert_eq!(status(&elsewhere, &named("10.1.2.3"), &[API]).await, None);
    assert_eq!(status(&elsewhere, "", &[API]).await, Some(401));
    assert_eq!(world.seen().len() + elsewhere.seen().len(), 0);
    for (world, reason) in [(&world, "proxy_header_missing"), (&elsewhere, "proxy_header_untrusted")] {
        let metrics = world.admin("/metrics").await.text();
        assert!(metrics.contains(&format!("tokigate_refused_connections_total{{reason=\"{reason}\"}} 1")), "{metrics}");
    }
}

#[tokio::test]
async fn logs_name_the_client_that_the_balancer_names() {
    let (world, process) = World::around_a_process(|setup| {
        setup.set("", "proxy_protocol", "true");
        setup.set("", "trusted_proxies", "[\"loopback\"]");
        setup.set("log", "format", "\"json\"");
    })
    .await;
    assert_eq!(status(&world, &named("192.0.2.7"), &[API]).await, Some(401));
    eventually("it is logged", || process.out().contains("\"192.0.2.7\"")).await;
    assert!(!process.out().contains("127.0.0.1\""), "{}", process.out());
    assert_eq!(status(&world, "", &[API]).await, None);
    eventually("the refusal is, too", || process.out().contains("proxy_header_missing")).await;
}
