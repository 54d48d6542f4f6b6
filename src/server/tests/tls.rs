//! TLS towards clients: handshakes, certificates by name, reloads, tickets, time-outs, farewells.

mod clients;
mod farewells;
mod outlived;
mod world;

use std::time::Duration;

use rustls::{HandshakeKind, NamedGroup, ProtocolVersion};
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, timeout};

use self::world::{Secure, alone, client, client_with, exchange, open};
use crate::config::server::Listen;
use crate::server::drain::Stage;
use crate::server::tests::world::Wire;
use crate::server::tests::world::scratch_file;
use crate::wire::Trust;

#[tokio::test]
async fn requests_are_answered_as_ever() {
    let secure = Secure::new(|_| ());
    let world = secure.before(alone().await).start().await;
    let mut client = open(&world, &client(&secure), "app.example.mn").await;
    for _ in 0..3 {
        assert!(exchange(&mut client).await.starts_with("HTTP/1.1 200 "));
    }
}

#[tokio::test]
async fn both_versions_are_spoken_and_the_key_exchange_is_post_quantum_wherever_the_client_can() {
    let secure = Secure::new(|_| ());
    let world = secure.before(alone().await).start().await;
    for (versions, expected, group) in [
        (&[&rustls::version::TLS13], ProtocolVersion::TLSv1_3, NamedGroup::X25519MLKEM768),
        (&[&rustls::version::TLS12], ProtocolVersion::TLSv1_2, NamedGroup::X25519),
    ] {
        let client = open(&world, &client_with(&secure, versions, |_| ()), "app.example.mn").await;
        let agreed = client.stream.get_ref().1;
        assert_eq!(agreed.protocol_version(), Some(expected));
        assert_eq!(agreed.negotiated_key_exchange_group().unwrap().name(), group);
    }
}

#[tokio::test]
async fn alpn_says_what_is_spoken() {
    let secure = Secure::new(|_| ());
    let world = secure.before(alone().await).start().await;
    for (offered, agreed) in [
        (&["http/1.1"][..], Some("http/1.1")),
        (&["http/1.0", "http/1.1"], Some("http/1.1")),
        (&["http/1.1", "unknown"], Some("http/1.1")),
        (&[], None),
    ] {
        let offers = client_with(&secure, rustls::ALL_VERSIONS, |config| {
            config.alpn_protocols = offered.iter().map(|name| name.as_bytes().to_vec()).collect();
        });
        let mut client = open(&world, &offers, "app.example.mn").await;
        assert_eq!(client.stream.get_ref().1.alpn_protocol(), agreed.map(str::as_bytes));
        assert!(exchange(&mut client).await.starts_with("HTTP/1.1 200 "));
    }
}

#[tokio::test]
async fn each_name_is_shown_its_own_certificate() {
    let secure = Secure::new(|setup| {
        setup.further("api", &["api.example.mn"]);
        setup.further("any", &["*.example.mn"]);
    });
    let world = secure.before(alone().await).start().await;
    for (name, shown) in [("app.example.mn", "app"), ("api.example.mn", "api"), ("other.example.mn", "any")] {
        let client = open(&world, &client(&secure), name).await;
        assert_eq!(client.stream.get_ref().1.peer_certificates().unwrap()[0].as_ref(), secure.der(shown), "{name}");
    }
}

/// By whatever worker the second connection is taken.
#[tokio::test]
async fn a_session_is_resumed_at_every_worker() {
    for versions in [&[&rustls::version::TLS13], &[&rustls::version::TLS12]] {
        let secure = Secure::new(|_| ());
        let mut setup = secure.before(alone().await);
        setup.workers = 3;
        let world = setup.start().await;
        let client = client_with(&secure, versions, |_| ());
        let mut kept = Vec::new();
        for number in 0..6 {
            let mut wire = open(&world, &client, "app.example.mn").await;
            let kind = wire.stream.get_ref().1.handshake_kind().unwrap();
            assert_eq!(kind == HandshakeKind::Resumed, number > 0, "{number}");
            exchange(&mut wire).await;
            kept.push(wire);
        }
    }
}

#[tokio::test]
async fn a_new_certificate_is_for_new_connections_and_nobodys_is_dropped() {
    let mut secure = Secure::new(|_| ());
    let world = secure.before(alone().await).start().await;
    let client = client(&secure);
    let mut old = open(&world, &client, "app.example.mn").await;
    exchange(&mut old).await;
    let before = secure.der("app");

    // The certificate comes before its key: nothing is said of what does not fit for a moment.
    let pair = secure.authority.issue(&["app.example.mn"]);
    secure.folder.write("app.pem", &pair.certificate);
    secure.look();
    assert_eq!(secure.reloads(), (0, 0));
    secure.folder.write("app.key", &pair.key);
    secure.look();
    assert_eq!(secure.reloads(), (1, 0));
    let mut new = open(&world, &self::world::client(&secure), "app.example.mn").await;
    assert_eq!(new.stream.get_ref().1.peer_certificates().unwrap()[0].as_ref(), pair.certificate_der);
    assert_ne!(before, pair.certificate_der);
    for wire in [&mut old, &mut new] {
        assert!(exchange(wire).await.starts_with("HTTP/1.1 200 "));
    }
}

#[tokio::test]
async fn a_broken_file_leaves_the_old_one_is_said_once_and_heals() {
    let mut secure = Secure::new(|_| ());
    let world = secure.before(alone().await).start().await;
    let whole = std::fs::read_to_string(secure.folder.at("app.pem")).unwrap();
    for broken in ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let (good, bad) = secure.reloads();
        secure.folder.write("app.pem", broken);
        for _ in 0..4 {
            secure.look();
        }
        assert_eq!(secure.reloads(), (good, bad + 1), "{broken:?}");
        exchange(&mut open(&world, &client(&secure), "app.example.mn").await).await;
        // The same as before: nothing to take.
        secure.folder.write("app.pem", &whole);
        secure.look();
        assert_eq!(secure.reloads(), (good, bad + 1));
    }
    std::fs::remove_file(secure.folder.at("app.key")).unwrap();
    secure.look();
    secure.look();
    assert_eq!(secure.reloads(), (0, 3));
    let pair = secure.authority.issue(&["app.example.mn"]);
    secure.folder.write_pair("app", &pair);
    secure.look();
    assert_eq!(secure.reloads(), (1, 3));
    let client = open(&world, &client(&secure), "app.example.mn").await;
    assert_eq!(client.stream.get_ref().1.peer_certificates().unwrap()[0].as_ref(), pair.certificate_der);
}

#[tokio::test]
async fn new_ticket_keys_are_taken_and_old_tickets_open_as_long_as_their_key_is_there() {
    const KEYS: [&str; 2] =
        ["9yfsSIKxAWexdjI0WaX1zfLnAO1Y0zEnJ_gM8AUt3YM", "v56rKa64hRWaj_Oc-V7JRLrZKxSk9uk-KwYa7y31yps"];
    let mut secure = Secure::new(|setup| setup.ticket_keys(KEYS[0]));
    let world = secure.before(alone().await).start().await;
    let client = client(&secure);
    exchange(&mut open(&world, &client, "app.example.mn").await).await;
    for (keys, resumed) in [(format!("{}\n{}\n", KEYS[1], KEYS[0]), true), (format!("{}\n", KEYS[0]), false)] {
        secure.folder.write("tickets", &keys);
        secure.look();
        let mut wire = open(&world, &client, "app.example.mn").await;
        let kind = wire.stream.get_ref().1.handshake_kind().unwrap();
        assert_eq!(kind == HandshakeKind::Resumed, resumed, "{keys}");
        exchange(&mut wire).await;
    }
    assert_eq!(secure.reloads(), (2, 0));
}

#[tokio::test]
async fn who_speaks_http_is_told_so_in_http() {
    let secure = Secure::new(|_| ());
    let world = secure.before(alone().await).start().await;
    for request in ["GET / HTTP/1.1\r\nhost: app\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
        let mut client = world.connect().await;
        client.send(request).await;
        let head = client.head().await;
        assert!(head.starts_with("HTTP/1.1 400 ") && head.contains("\r\nconnection: close\r\n"), "{head}");
        let length: usize = head.split("content-length: ").nth(1).unwrap().split('\r').next().unwrap().parse().unwrap();
        let text = client.rest().await;
        assert!(text.len() == length && text.contains("https://"), "{text}");
    }
}

#[tokio::test]
async fn what_is_no_tls_is_closed() {
    let secure = Secure::new(|_| ());
    let world = secure.before(alone().await).start().await;
    for bytes in [
        &b"\0\0\0\0"[..],
        b"SSH",
        b"ssh-2.0",
        b"\x80\x2e\x01\x03\x01",
        b"\x16\x03\x01\x00\x05hello",
        b"\x15\x03\x01\x00\x02\x02\x28",
    ] {
        let mut client = world.connect().await;
        client.send(bytes).await;
        let _ = timeout(Duration::from_secs(2), client.rest_of_bytes()).await.expect("soon");
    }
    exchange(&mut open(&world, &client(&secure), "app.example.mn").await).await;
}

#[tokio::test]
async fn whoever_is_silent_before_or_inside_the_handshake_is_given_up_on_and_holds_up_nobody() {
    let secure = Secure::new(|_| ());
    let mut setup = secure.before(alone().await);
    setup.limits.header_timeout = Duration::from_secs(3);
    let world = setup.start().await;
    let began = Instant::now();
    let mut silent = Vec::new();
    // A record that says that it is 512 bytes long.
    for begun in [&b""[..], b"\x16", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc"] {
        for _ in 0..10 {
            let mut client = world.connect().await;
            client.send(begun).await;
            silent.push(client);
        }
    }
    exchange(&mut open(&world, &client(&secure), "app.example.mn").await).await;
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    for client in &mut silent {
        // Nothing but an alert, if anything.
        assert!(client.rest_of_bytes().await.len() < 10);
    }
    assert!(began.elapsed() >= Duration::from_millis(390), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_handshake_that_drips_is_given_up_on() {
    let secure = Secure::new(|_| ());
    let mut setup = secure.before(alone().await);
    setup.limits.header_timeout = Duration::from_millis(300);
    let world = setup.start().await;
    let mut dripping = world.connect().await;
    let began = Instant::now();
    dripping.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc").await;
    let drips = async {
        while dripping.stream.write_all(b"\x03").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(8), drips).await.expect("it is closed");
    assert!(began.elapsed() >= Duration::from_millis(290));
}

#[tokio::test]
async fn beyond_the_limit_of_connections_one_is_closed_without_a_word() {
    let secure = Secure::new(|_| ());
    let mut setup = secure.before(alone().await);
    setup.limits.connections = 1;
    let world = setup.start().await;
    let mut first = open(&world, &client(&secure), "app.example.mn").await;
    exchange(&mut first).await;
    assert_eq!(world.connect().await.rest_of_bytes().await, b"");
}

#[tokio::test]
async fn a_balancer_names_the_client_before_its_handshake() {
    let secure = Secure::new(|_| ());
    let mut setup = secure.before(self::world::telling().await);
    setup.proxies = Some(Trust { networks: vec!["127.0.0.0/8".parse().unwrap()], loopback_originals: false });
    let world = setup.start().await;
    let mut plain = world.connect().await;
    plain.send("PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n").await;
    let mut wire = client(&secure).over(plain.stream, "app.example.mn").await.unwrap();
    wire.send("GET /x HTTP/1.1\r\nhost: app\r\n\r\n").await;
    wire.head().await;
    assert!(wire.head().await.contains("\r\nx-forwarded-for: 192.0.2.7\r\n"));
    // Without it the handshake is nothing that is listened to.
    let plain = world.connect().await;
    assert!(client(&secure).over(plain.stream, "app.example.mn").await.is_err());
}

#[tokio::test]
async fn a_unix_socket_stays_plain() {
    let secure = Secure::new(|_| ());
    let path = scratch_file("plain");
    let _world = secure.before(alone().await).listening(Listen::Unix(path.clone())).await;
    let mut client = Wire::new(tokio::net::UnixStream::connect(&path).await.unwrap());
    client.send(self::world::OWN).await;
    assert!(client.head().await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn a_drain_waits_neither_for_silence_nor_for_idle_connections() {
    let secure = Secure::new(|_| ());
    let world = secure.before(alone().await).start().await;
    let (mut silent, mut idle) = (world.connect().await, open(&world, &client(&secure), "app.example.mn").await);
    exchange(&mut idle).await;
    world.drain.enter(Stage::Finishing);
    assert_eq!(silent.rest_of_bytes().await, b"");
    assert_eq!(idle.rest().await, "");
    drop(idle);
    timeout(Duration::from_secs(5), world.served).await.expect("soon").unwrap().unwrap();
}

#[tokio::test]
async fn somebody_who_does_not_know_the_authority_ends_it_and_that_is_all() {
    let secure = Secure::new(|_| ());
    let world = secure.before(alone().await).start().await;
    let strange = Secure::new(|_| ());
    let plain = world.connect().await;
    assert!(client(&strange).over(plain.stream, "app.example.mn").await.is_err());
    exchange(&mut open(&world, &client(&secure), "app.example.mn").await).await;
}
