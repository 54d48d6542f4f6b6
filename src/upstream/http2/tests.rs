use std::future::Future;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{LocalSet, spawn_local};

use super::*;
use crate::telemetry::metrics::Metrics;
use crate::upstream::shared::Shared;

const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const RHYTHM: Rhythm =
    Rhythm { silence: Duration::from_millis(100), patience: Duration::from_millis(100), gap: Duration::from_secs(60) };

/// A connection to an application that answers no request; `hears` is told each frame, and says what is sent back.
async fn before(hears: impl FnMut(u8, &[u8]) -> Vec<u8> + 'static) -> Rc<Http2> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    spawn_local(async move {
        let (stream, _) = listener.accept().await.unwrap();
        serve(stream, hears).await;
    });
    let stream = Stream::Tcp(TcpStream::connect(address).await.unwrap());
    let counted = Metrics::new().upstream_connection();
    Http2::open(stream, RHYTHM, Rc::default(), counted).await.unwrap()
}

async fn serve(mut stream: TcpStream, mut hears: impl FnMut(u8, &[u8]) -> Vec<u8>) {
    stream.read_exact(&mut [0; 24]).await.unwrap();
    stream.write_all(SETTINGS).await.unwrap();
    let mut head = [0; 9];
    while stream.read_exact(&mut head).await.is_ok() {
        let mut payload = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
        stream.read_exact(&mut payload).await.unwrap();
        stream.write_all(&hears(head[3], &payload)).await.unwrap();
    }
}

async fn ask(connection: &Rc<Http2>, wait: Wait) -> Result<Exchanged, Failed> {
    let request = Request::get("/").header("host", "app").body(Upload::none()).unwrap();
    connection.seat().unwrap().exchange(&Scheme::HTTP, request, wait).await
}

async fn locally(test: impl Future<Output = ()>) {
    let local = LocalSet::new();
    let late = tokio::time::timeout(Duration::from_secs(10), local.run_until(test));
    late.await.expect("in time");
}

#[tokio::test]
async fn an_application_that_is_no_longer_there_is_noticed() {
    locally(async {
        let connection = before(|_, _| Vec::new()).await;
        let Err(Failed::Dead(_, error)) = ask(&connection, Wait::Forever).await else { panic!("it is dead") };
        assert!(error.to_string().contains("PING"), "{error}");
        assert!(!connection.is_open());
    })
    .await;
}

/// Servers of gRPC hang up on clients that ask too often.
#[tokio::test]
async fn one_that_is_there_is_asked_once_in_a_while_and_not_cut() {
    locally(async {
        let pings = Rc::new(Cell::new(0));
        let counted = Rc::clone(&pings);
        let connection = before(move |kind, payload| {
            if kind != PING {
                return Vec::new();
            }
            counted.set(counted.get() + 1);
            [&[0, 0, 8, PING, 1, 0, 0, 0, 0], payload].concat()
        })
        .await;
        let Err(Failed::Answered(error)) = ask(&connection, Wait::Deadline(Duration::from_secs(1))).await else {
            panic!("it is only slow")
        };
        assert!(matches!(error, UpstreamError::Timeout(_)), "{error}");
        assert!(connection.is_open());
        assert_eq!(pings.get(), 1);
    })
    .await;
}

#[tokio::test]
async fn one_that_nobody_uses_is_let_go_with_a_word() {
    locally(async {
        let parted = Rc::new(Notify::new());
        let told = Rc::clone(&parted);
        let connection = before(move |kind, _| {
            if kind == GOAWAY {
                told.notify_one();
            }
            Vec::new()
        })
        .await;
        let (shared, minute) = (Shared::default(), Duration::from_secs(60));
        shared.add(connection);
        let seat = shared.seat().unwrap();
        let later = Instant::now() + 2 * minute;
        assert!(shared.reap(minute, later), "it is in use");
        drop(seat);
        assert!(shared.reap(minute, Instant::now()), "it may be used again");
        assert!(!shared.reap(minute, later));
        parted.notified().await;
    })
    .await;
}
