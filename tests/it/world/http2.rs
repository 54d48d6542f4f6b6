//! Connections of HTTP/2 with many streams, and a stream as a pair of pipes.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::client::SendRequest;
use h2::{RecvStream, SendStream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::PATIENCE;

/// By prior knowledge; and how the connection ends.
pub async fn connect(address: SocketAddr) -> (SendRequest<Bytes>, JoinHandle<Result<(), h2::Error>>) {
    let stream = TcpStream::connect(address).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    let connection = tokio::spawn(connection);
    (client.ready().await.unwrap(), connection)
}

/// One that has been told that it may ask for tunnels.
pub async fn offered(address: SocketAddr) -> SendRequest<Bytes> {
    let (client, _) = connect(address).await;
    let offered = async {
        while !client.is_extended_connect_protocol_enabled() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, offered).await.expect("SETTINGS_ENABLE_CONNECT_PROTOCOL in time");
    client
}

/// What is waiting of a stream, to its end.
pub async fn whole(stream: &mut RecvStream) -> Result<Vec<u8>, h2::Error> {
    let mut all = Vec::new();
    while let Some(data) = timeout(PATIENCE, stream.data()).await.expect("a piece in time") {
        let data = data?;
        stream.flow_control().release_capacity(data.len())?;
        all.extend(data);
    }
    Ok(all)
}

/// Both directions of one stream.
pub struct Duplex {
    up: SendStream<Bytes>,
    down: RecvStream,
    read: Bytes,
}

impl Duplex {
    pub fn new(up: SendStream<Bytes>, down: RecvStream) -> Duplex {
        Duplex { up, down, read: Bytes::new() }
    }
}

impl AsyncRead for Duplex {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while this.read.is_empty() {
            match ready!(this.down.poll_data(cx)) {
                Some(data) => this.read = data.map_err(io::Error::other)?,
                None => return Poll::Ready(Ok(())),
            }
        }
        let taken = this.read.len().min(buf.remaining());
        buf.put_slice(&this.read.split_to(taken));
        this.down.flow_control().release_capacity(taken).map_err(io::Error::other)?;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Duplex {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.up.reserve_capacity(bytes.len());
        while this.up.capacity() == 0 {
            match ready!(this.up.poll_capacity(cx)) {
                Some(capacity) => drop(capacity.map_err(io::Error::other)?),
                None => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            }
        }
        let sent = bytes.len().min(this.up.capacity());
        this.up.send_data(Bytes::copy_from_slice(&bytes[..sent]), false).map_err(io::Error::other)?;
        Poll::Ready(Ok(sent))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.get_mut().up.send_data(Bytes::new(), true).map_err(io::Error::other))
    }
}
