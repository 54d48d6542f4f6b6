//! Connections whose client's certificate lets nobody in any more.

use std::rc::Rc;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::clients::{BOTH, is_let_in, showing};
use super::farewells::{HANDSHAKE, SWITCH};
use super::world::{Client, Secure, alone, exchange};
use crate::clock::{Clock, Timestamp};
use crate::server::tests::authority::{Authority, Pair};
use crate::server::tests::world::{PATIENCE, Setup, Wire, World, application, before};

/// 2027-01-16.
const OVER: u64 = 1_800_057_600;
const GET: &str = "GET / HTTP/1.1\r\nhost: app\r\n\r\n";

/// Clients of these, ten minutes before that day.
fn demanding(people: &Authority) -> Secure {
    let clock = Clock::manual(Timestamp::from_unix_seconds(OVER - 600));
    Secure::at(Rc::new(Authority::new()), clock, |setup| setup.demands(people))
}

fn short(people: &Authority) -> Pair {
    people.issue_as(&["bat"], |params| params.not_after = rcgen::date_time_ymd(2027, 1, 16))
}

/// Before an application that says when it is asked, and answers when it may.
async fn held() -> (Setup, mpsc::UnboundedReceiver<()>, watch::Sender<bool>) {
    let (say, asked) = mpsc::unbounded_channel();
    let (let_go, may) = watch::channel(false);
    let application = application(move |mut wire, _| {
        let (say, mut may) = (say.clone(), may.clone());
        async move {
            let is_socket = wire.head().await.starts_with("GET /ws ");
            if is_socket {
                wire.send(SWITCH).await;
            }
            say.send(()).unwrap();
            may.wait_for(|may| *may).await.unwrap();
            if !is_socket {
                wire.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
            }
        }
    });
    (before(application.await), asked, let_go)
}

async fn over(world: &World, client: &Client) -> Wire<tokio_rustls::client::TlsStream<tokio::net::TcpStream>> {
    client.over(world.connect().await.stream, "app.example.mn").await.unwrap()
}

#[tokio::test]
async fn it_ends_with_its_time_and_what_runs_is_answered() {
    for versions in BOTH {
        let people = Authority::new();
        let secure = demanding(&people);
        let (setup, mut asked, let_go) = held().await;
        let world = secure.before(setup).start().await;
        let (brief, lasting) =
            (showing(&secure, versions, &short(&people)), showing(&secure, versions, &people.issue(&["saraa"])));
        let (mut idle, mut busy, mut stays) =
            (over(&world, &brief).await, over(&world, &brief).await, over(&world, &lasting).await);
        exchange(&mut idle).await;
        exchange(&mut stays).await;
        busy.send(GET).await;
        asked.recv().await.unwrap();
        // Its last second counts.
        secure.clock.turn(Duration::from_secs(600));
        assert!(exchange(&mut idle).await.starts_with("HTTP/1.1 200 "));
        secure.clock.turn(Duration::from_secs(1));
        // Properly, or it were an error.
        assert_eq!(timeout(PATIENCE, idle.stream.read(&mut [0; 16])).await.unwrap().unwrap(), 0);
        let_go.send_replace(true);
        let head = busy.head().await;
        assert!(head.starts_with("HTTP/1.1 200 ") && head.contains("\r\nconnection: close\r\n"), "{head}");
        assert_eq!(busy.rest().await, "ok");
        assert!(!exchange(&mut stays).await.contains("connection: close"));
    }
}

#[tokio::test]
async fn over_http_2_it_is_told_and_what_runs_is_answered() {
    let people = Authority::new();
    let secure = demanding(&people);
    let (setup, mut asked, let_go) = held().await;
    let world = secure.before(setup).start().await;
    let client = Client::showing(&secure, BOTH[0], Some(&short(&people)), |config| {
        config.alpn_protocols = vec![b"h2".to_vec()];
    });
    let (mut client, connection) = h2::client::handshake(over(&world, &client).await.stream).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = http::Request::get("https://app/x").body(()).unwrap();
    let (answer, _) = client.send_request(request, true).unwrap();
    asked.recv().await.unwrap();
    secure.clock.turn(Duration::from_secs(601));
    // No further stream is taken.
    let closed = async {
        while client.clone().ready().await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await
        }
    };
    timeout(PATIENCE, closed).await.expect("told by GOAWAY");
    let_go.send_replace(true);
    let answer = timeout(PATIENCE, answer).await.unwrap().unwrap();
    assert_eq!(answer.into_body().data().await.unwrap().unwrap(), "ok");
    timeout(PATIENCE, connection).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn what_has_no_end_is_cut_off() {
    let people = Authority::new();
    let secure = demanding(&people);
    let (mut setup, mut asked, _let_go) = held().await;
    setup.upstream.timeout = Duration::from_secs(3600);
    let world = secure.before(setup).start().await;
    let mut busy = over(&world, &showing(&secure, BOTH[0], &short(&people))).await;
    busy.send(GET).await;
    asked.recv().await.unwrap();
    secure.clock.turn(Duration::from_secs(601));
    let end = timeout(3 * PATIENCE, busy.stream.read(&mut [0; 16])).await.expect("it is cut off in time");
    assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
}

#[tokio::test]
async fn a_websocket_is_closed() {
    let people = Authority::new();
    let secure = demanding(&people);
    let (setup, mut asked, _let_go) = held().await;
    let world = secure.before(setup).start().await;
    let mut client = over(&world, &showing(&secure, BOTH[0], &short(&people))).await;
    client.send(HANDSHAKE).await;
    client.head().await;
    asked.recv().await.unwrap();
    secure.clock.turn(Duration::from_secs(601));
    let close = client.bytes(4).await;
    assert_eq!((close[0], &close[2..4]), (0x88, &1001u16.to_be_bytes()[..]));
}

/// By whomever it was vouched for: an authority in the middle, too.
#[tokio::test]
async fn it_ends_with_the_time_of_whoever_vouches() {
    let people = Authority::new();
    let middle = people.below_until(2027, 1, 16);
    let secure = demanding(&people);
    let world = secure.before(alone().await).start().await;
    let mut idle = over(&world, &showing(&secure, BOTH[0], &middle.issue(&["bat"]))).await;
    exchange(&mut idle).await;
    secure.clock.turn(Duration::from_secs(601));
    assert_eq!(timeout(PATIENCE, idle.stream.read(&mut [0; 16])).await.unwrap().unwrap(), 0);
}

#[tokio::test]
async fn whom_new_files_would_not_let_in_is_not_kept_and_whom_they_would_is() {
    let (people, others) = (Authority::new(), Authority::new());
    let mut secure = Secure::new(|setup| {
        setup.demands(&people);
        setup.revokes(&people.revoking(&[], 2040));
    });
    let world = secure.before(alone().await).start().await;
    let (bat, saraa) = (people.issue(&["bat"]), people.issue(&["saraa"]));
    let (his, hers) = (showing(&secure, BOTH[0], &bat), showing(&secure, BOTH[0], &saraa));
    let (mut his_wire, mut her_wire) = (over(&world, &his).await, over(&world, &hers).await);
    exchange(&mut his_wire).await;
    exchange(&mut her_wire).await;
    secure.folder.write("revoked.pem", &people.revoking(&[bat.serial], 2040));
    secure.look();
    assert_eq!(timeout(PATIENCE, his_wire.stream.read(&mut [0; 16])).await.unwrap().unwrap(), 0);
    exchange(&mut her_wire).await;
    secure.folder.write("clients.pem", &others.pem());
    secure.look();
    assert_eq!(secure.reloads(), (2, 0));
    assert_eq!(timeout(PATIENCE, her_wire.stream.read(&mut [0; 16])).await.unwrap().unwrap(), 0);
    assert!(is_let_in(&world, &hers).await.is_none());
}
