//! Applications.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::meets;
use crate::world::frames::{Frames, flag};
use crate::world::{Setup, World, hpack};

/// One that takes connections and says nothing.
struct Silent {
    address: SocketAddr,
    _taking: tokio::task::JoinHandle<()>,
}

impl Silent {
    async fn new() -> Silent {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let taking = tokio::spawn(async move {
            let mut taken = Vec::new();
            while let Ok((stream, _)) = listener.accept().await {
                taken.push(stream);
            }
        });
        Silent { address, _taking: taking }
    }
}

/// `/silent/**` is this application.
fn before(address: &str) -> impl Fn(&mut Setup) + use<> {
    let rule = format!("[[rules]]\npath = \"/silent/**\"\naccess = \"public\"\nupstream = \"{address}\"\n");
    move |ours| ours.rest += &rule
}

/// What a GET of it over HTTP/1.1 comes to.
async fn get(world: &World, more: &str) -> String {
    let mut wire = world.wire().await;
    let host = world.setup.host();
    wire.send(format!("GET /silent/a HTTP/1.1\r\nhost: {host}\r\n{more}\r\n")).await;
    wire.head().await.lines().next().unwrap().to_owned()
}

const TIMEOUT: &str = "HTTP/1.1 504 Gateway Timeout";

#[tokio::test]
async fn before_its_head() {
    let silent = Silent::new().await;
    let setup = before(&format!("http://{}", silent.address));
    meets("upstream_timeout", TIMEOUT, setup, async |world| get(world, "").await).await;
}

#[tokio::test]
async fn before_its_head_asked_over_http_2() {
    let silent = Silent::new().await;
    meets("upstream_timeout", "504", before(&format!("http://{}", silent.address)), async |world| {
        let mut client = Frames::open(world.address()).await;
        let host = world.setup.host();
        let head = [(":method", "GET"), (":scheme", "http"), (":path", "/silent/a"), (":authority", &host)];
        client.headers(flag::WHOLE, 1, &hpack::block(&head)).await;
        client.status(1).await.to_string()
    })
    .await;
}

#[tokio::test]
async fn inside_a_handshake_of_a_websocket() {
    let silent = Silent::new().await;
    let handshake = "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
        sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let setup = before(&format!("http://{}", silent.address));
    meets("upstream_timeout", TIMEOUT, setup, async |world| get(world, handshake).await).await;
}

#[tokio::test]
async fn inside_a_handshake_of_tls() {
    let silent = Silent::new().await;
    let setup = before(&format!("https://{}", silent.address));
    meets("upstream_connect_timeout", TIMEOUT, setup, async |world| get(world, "").await).await;
}

#[tokio::test]
async fn inside_the_preface_of_http_2() {
    let silent = Silent::new().await;
    let setup = before(&format!("h2c://{}", silent.address));
    meets("upstream_connect_timeout", TIMEOUT, setup, async |world| get(world, "").await).await;
}

/// Nobody takes the connection: the queue of those that wait is full, and what comes then is not answered.
#[tokio::test]
async fn before_it_takes_a_connection() {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let mut waiting = Vec::new();
    while let Ok(connected) = timeout(Duration::from_secs(1), TcpStream::connect(address)).await {
        waiting.push(connected.unwrap());
        assert!(waiting.len() < 10, "the queue is never full");
    }
    let setup = before(&format!("http://{address}"));
    meets("upstream_connect_timeout", TIMEOUT, setup, async |world| get(world, "").await).await;
}
