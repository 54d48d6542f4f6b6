//! Clients that have to show a certificate: who is let in, and what the application is told of it.

use std::rc::Rc;
use std::time::Duration;

use base64::Engine as _;
use rustls::{HandshakeKind, SupportedProtocolVersion};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use super::world::{Client, Secure, client, telling};
use crate::clock::{Clock, Timestamp};
use crate::server::tests::authority::{Authority, Pair};
use crate::server::tests::world::{PATIENCE, Wire, World};

const GET: &str = "GET /x HTTP/1.1\r\nhost: app\r\nclient-cert: :Zm9yZ2Vk:\r\n\r\n";
pub const BOTH: [&[&SupportedProtocolVersion]; 2] = [&[&rustls::version::TLS13], &[&rustls::version::TLS12]];

pub fn showing(secure: &Secure, versions: &[&'static SupportedProtocolVersion], pair: &Pair) -> Client {
    Client::showing(secure, versions, Some(pair), |_| ())
}

/// In TLS 1.3 a client learns that it is not let in only when it reads.
pub async fn is_let_in(world: &World, client: &Client) -> Option<Wire<TlsStream<TcpStream>>> {
    let mut wire = client.over(world.connect().await.stream, "app.example.mn").await.ok()?;
    let sent = tokio::io::AsyncWriteExt::write_all(&mut wire.stream, GET.as_bytes()).await;
    sent.ok()?;
    let mut first = [0; 9];
    timeout(PATIENCE, wire.stream.read_exact(&mut first)).await.expect("an answer or an end").ok()?;
    assert_eq!(&first, b"HTTP/1.1 ");
    wire.head().await;
    Some(wire)
}

fn told(head: &str) -> Vec<&str> {
    head.lines().filter_map(|line| line.strip_prefix("client-cert: ")).collect()
}

#[tokio::test]
async fn only_whom_the_authority_vouches_for_is_let_in_and_the_application_sees_its_certificate() {
    let people = Authority::new();
    let secure = Secure::new(|setup| setup.demands(&people));
    let world = secure.before(telling().await).start().await;
    let (bat, stranger) = (people.issue(&["bat"]), Authority::new().issue(&["bat"]));
    for versions in BOTH {
        assert!(is_let_in(&world, &client(&secure)).await.is_none());
        assert!(is_let_in(&world, &showing(&secure, versions, &stranger)).await.is_none());
        let mut wire = is_let_in(&world, &showing(&secure, versions, &bat)).await.expect("let in");
        let expected = format!(":{}:", base64::engine::general_purpose::STANDARD.encode(&bat.certificate_der));
        assert_eq!(told(&wire.head().await), [expected]);
    }
}

#[tokio::test]
async fn the_certificate_is_the_same_after_a_resumption() {
    let people = Authority::new();
    let secure = Secure::new(|setup| setup.demands(&people));
    let world = secure.before(telling().await).start().await;
    for versions in BOTH {
        let (bat, saraa) = (people.issue(&["bat"]), people.issue(&["saraa"]));
        for pair in [bat, saraa] {
            let client = showing(&secure, versions, &pair);
            let expected = format!(":{}:", base64::engine::general_purpose::STANDARD.encode(&pair.certificate_der));
            for kind in [HandshakeKind::Full, HandshakeKind::Resumed, HandshakeKind::Resumed] {
                let mut wire = is_let_in(&world, &client).await.expect("let in");
                assert_eq!(wire.stream.get_ref().1.handshake_kind(), Some(kind));
                assert_eq!(told(&wire.head().await), [expected.as_str()]);
            }
        }
    }
}

#[tokio::test]
async fn a_certificate_that_has_run_out_is_not_resumed_either() {
    for versions in BOTH {
        let people = Authority::new();
        // Ten minutes before 2027-01-16.
        let clock = Clock::manual(Timestamp::from_unix_seconds(1_800_057_600 - 600));
        let secure = Secure::at(Rc::new(Authority::new()), clock, |setup| setup.demands(&people));
        let world = secure.before(telling().await).start().await;
        let short = people.issue_as(&["bat"], |params| params.not_after = rcgen::date_time_ymd(2027, 1, 16));
        let client = showing(&secure, versions, &short);
        assert!(is_let_in(&world, &client).await.is_some());
        let resumed = is_let_in(&world, &client).await.expect("let in");
        assert_eq!(resumed.stream.get_ref().1.handshake_kind(), Some(HandshakeKind::Resumed));
        secure.clock.turn(Duration::from_secs(601));
        assert!(is_let_in(&world, &client).await.is_none());
    }
}

#[tokio::test]
async fn whose_certificate_has_been_revoked_is_neither_let_in_nor_resumed() {
    for versions in BOTH {
        let people = Authority::new();
        let mut secure = Secure::new(|setup| {
            setup.demands(&people);
            setup.revokes(&people.revoking(&[], 2040));
        });
        let world = secure.before(telling().await).start().await;
        let (bat, saraa) = (people.issue(&["bat"]), people.issue(&["saraa"]));
        let (his, hers) = (showing(&secure, versions, &bat), showing(&secure, versions, &saraa));
        for client in [&his, &hers] {
            for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
                let wire = is_let_in(&world, client).await.expect("let in");
                assert_eq!(wire.stream.get_ref().1.handshake_kind(), Some(kind));
            }
        }
        secure.folder.write("revoked.pem", &people.revoking(&[bat.serial], 2040));
        secure.look();
        assert_eq!(secure.reloads(), (1, 0));
        assert!(is_let_in(&world, &his).await.is_none(), "his ticket");
        assert!(is_let_in(&world, &showing(&secure, versions, &bat)).await.is_none(), "his certificate");
        let wire = is_let_in(&world, &hers).await.expect("let in");
        assert_eq!(wire.stream.get_ref().1.handshake_kind(), Some(HandshakeKind::Resumed));
    }
}

#[tokio::test]
async fn whom_no_good_list_is_about_is_not_let_in() {
    let people = Authority::new();
    let middle = people.below();
    let bat = middle.issue(&["bat"]);
    let (above, below) = (people.revoking(&[], 2040), middle.revoking(&[], 2040));
    for (what, lists, let_in) in [
        ("one of each issuer", [above.clone(), below.clone()], true),
        ("none of his own issuer", [above.clone(), String::new()], false),
        ("none of his issuer's issuer", [String::new(), below.clone()], false),
        ("one that is over", [above, middle.revoking(&[], 2027)], false),
        ("one in which his issuer stands", [people.revoking(&[middle.serial()], 2040), below.clone()], false),
        ("one of somebody else by that name", [Authority::new().revoking(&[], 2040), below], false),
    ] {
        let secure = Secure::new(|setup| {
            setup.demands(&people);
            setup.revokes(&lists.concat());
        });
        let world = secure.before(telling().await).start().await;
        let wire = is_let_in(&world, &showing(&secure, BOTH[0], &bat)).await;
        assert_eq!(wire.is_some(), let_in, "{what}");
    }
}

/// All with the same ticket keys: what one of them sealed, the others could open.
#[tokio::test]
async fn a_ticket_from_where_no_certificate_was_demanded_or_another_lets_nobody_in() {
    const KEY: &str = "9yfsSIKxAWexdjI0WaX1zfLnAO1Y0zEnJ_gM8AUt3YM";
    let clock = Clock::manual(Timestamp::from_unix_seconds(1_800_000_000));
    let (people, others) = (Authority::new(), Authority::new());
    let authority = Rc::new(Authority::new());
    let open = Secure::at(Rc::clone(&authority), clock.clone(), |setup| setup.ticket_keys(KEY));
    let elsewhere = Secure::at(Rc::clone(&authority), clock.clone(), |setup| {
        setup.ticket_keys(KEY);
        setup.demands(&others);
    });
    let stern = Secure::at(authority, clock, |setup| {
        setup.ticket_keys(KEY);
        setup.demands(&people);
    });
    let stern_world = stern.before(telling().await).start().await;
    for secure in [&open, &elsewhere] {
        let world = secure.before(telling().await).start().await;
        let client = showing(secure, BOTH[0], &others.issue(&["bat"]));
        let mut wire = is_let_in(&world, &client).await.expect("let in");
        wire.head().await;
        let mut again = is_let_in(&world, &client).await.expect("let in");
        assert_eq!(again.stream.get_ref().1.handshake_kind(), Some(HandshakeKind::Resumed));
        again.head().await;
        assert!(is_let_in(&stern_world, &client).await.is_none());
    }
    // Who has a certificate that is taken shows it again.
    let world = open.before(telling().await).start().await;
    let client = showing(&open, BOTH[0], &people.issue(&["bat"]));
    is_let_in(&world, &client).await.expect("let in").head().await;
    let wire = is_let_in(&stern_world, &client).await.expect("let in");
    assert_eq!(wire.stream.get_ref().1.handshake_kind(), Some(HandshakeKind::Full));
}

#[tokio::test]
async fn where_nobody_has_to_show_one_nobody_is_asked() {
    let secure = Secure::new(|_| ());
    let world = secure.before(telling().await).start().await;
    let bat = Authority::new().issue(&["bat"]);
    let mut wire = is_let_in(&world, &showing(&secure, BOTH[0], &bat)).await.expect("let in");
    assert_eq!(told(&wire.head().await), [""; 0]);
}
