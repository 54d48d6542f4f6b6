//! WebSockets that both sides have closed: over, though neither ends what carries it (RFC 6455 §7.1.1).

use http::Response;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::world::http2::Duplex;
use crate::world::{Call, Http2App, PATIENCE, Socket, Wire, World};

/// Empty, and masked as a client's.
const CLIENTS: [u8; 6] = [0x88, 0x80, 0, 0, 0, 0];
const APPLICATIONS: [u8; 2] = [0x88, 0];

/// So that nothing comes before the client's handshake is over.
const PING: [u8; 6] = [0x89, 0x80, 0, 0, 0, 0];

/// Both close, `first` or second; then nothing more is said, and nothing ended, by this side. What came until the other's end.
async fn close(mut side: impl AsyncRead + AsyncWrite + Unpin, ours: &[u8], theirs: usize, first: bool) -> Vec<u8> {
    let mut heard = vec![0; theirs];
    let closing = async {
        if !first {
            side.read_exact(&mut heard).await.unwrap();
        }
        side.write_all(ours).await.unwrap();
        if first {
            side.read_exact(&mut heard).await.unwrap();
        }
        side.read_to_end(&mut heard).await.expect("no reset");
    };
    timeout(PATIENCE, closing).await.expect("an end in time");
    heard
}

async fn application(mut side: impl AsyncRead + AsyncWrite + Unpin, first: bool) -> Vec<u8> {
    side.read_exact(&mut [0; PING.len()]).await.unwrap();
    close(side, &APPLICATIONS, CLIENTS.len(), first).await
}

async fn client(mut side: impl AsyncRead + AsyncWrite + Unpin, first: bool) -> Vec<u8> {
    side.write_all(&PING).await.unwrap();
    close(side, &CLIENTS, APPLICATIONS.len(), first).await
}

#[tokio::test]
async fn it_ends_once_both_have_closed_though_neither_ends_its_side() {
    for application_is_first in [false, true] {
        let (told, mut hear) = mpsc::unbounded_channel();
        let http1 = {
            let told = told.clone();
            Http2App::raw(move |stream, _| {
                let told = told.clone();
                async move {
                    let mut wire = Wire::over(stream);
                    let head = wire.head().await;
                    let key = head.lines().find_map(|line| line.strip_prefix("sec-websocket-key: ")).unwrap();
                    let accept = derive_accept_key(key.as_bytes());
                    wire.send(format!(
                        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: {accept}\r\n\r\n"
                    ))
                    .await;
                    let _ = told.send(application(wire.into_inner(), application_is_first).await);
                }
            })
            .await
        };
        let mut builder = h2::server::Builder::new();
        builder.enable_connect_protocol();
        let http2 = Http2App::with(&builder, move |mut call: Call| {
            let told = told.clone();
            async move {
                let down = call.respond.send_response(Response::new(()), false).unwrap();
                let stream = Duplex::new(down, call.request.into_body());
                let _ = told.send(application(stream, application_is_first).await);
            }
        })
        .await;
        for upstream in [format!("\"http://{}\"", http1.address()), http2.upstream()] {
            let world = World::with(|setup| {
                setup.set("", "upstream", &upstream);
                setup.rule("/**", "public");
            })
            .await;
            for in_stream in [false, true] {
                let socket = if in_stream {
                    Socket::open_in_stream(&world, None, "/ws", None).await
                } else {
                    Socket::open(&world, None, "/ws", None).await
                };
                let case = format!("{upstream}, {in_stream}, {application_is_first}");
                let heard = client(socket.unwrap().into_bytes(), !application_is_first).await;
                assert_eq!(heard, APPLICATIONS, "{case}");
                let heard = timeout(PATIENCE, hear.recv()).await.expect("an end in time");
                assert_eq!(heard.as_deref(), Some(&CLIENTS[..]), "{case}");
            }
        }
    }
}
