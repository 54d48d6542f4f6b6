//! A connection spoken byte by byte: what no client would send.

use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::PATIENCE;

pub struct Wire<I = TcpStream> {
    stream: I,
    read: Vec<u8>,
}

impl Wire {
    pub async fn connect(address: SocketAddr) -> Wire {
        Wire::over(TcpStream::connect(address).await.unwrap())
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> Wire<I> {
    pub fn over(stream: I) -> Wire<I> {
        Wire { stream, read: Vec::new() }
    }

    /// Where nothing has come that was not asked for.
    pub fn into_inner(self) -> I {
        assert_eq!(self.read, b"");
        self.stream
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// A request of these lines; the empty one at the end is added.
    pub async fn request(&mut self, lines: &[&str]) -> String {
        self.send(format!("{}\r\n\r\n", lines.join("\r\n"))).await;
        self.head().await
    }

    /// Up to the end of a head.
    pub async fn head(&mut self) -> String {
        let head = self.head_if_any().await;
        head.unwrap_or_else(|| panic!("closed after {:?}", String::from_utf8_lossy(&self.read)))
    }

    /// `None`: the connection ended before.
    pub async fn head_if_any(&mut self) -> Option<String> {
        loop {
            if let Some(at) = self.read.windows(4).position(|window| window == b"\r\n\r\n") {
                let rest = self.read.split_off(at + 4);
                return Some(String::from_utf8(std::mem::replace(&mut self.read, rest)).unwrap());
            }
            if !self.more().await {
                return None;
            }
        }
    }

    /// The body that this head announces, by its length.
    pub async fn body(&mut self, head: &str) -> Vec<u8> {
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
        while self.read.len() < length {
            assert!(self.more().await, "closed inside a body");
        }
        let rest = self.read.split_off(length);
        std::mem::replace(&mut self.read, rest)
    }

    /// All that comes until the other side closes.
    pub async fn rest(&mut self) -> Vec<u8> {
        while self.more().await {}
        std::mem::take(&mut self.read)
    }

    /// Whether so many bytes come.
    pub async fn rest_is_at_least(&mut self, bytes: usize) -> bool {
        let mut came = std::mem::take(&mut self.read).len();
        while came < bytes && self.more().await {
            came += std::mem::take(&mut self.read).len();
        }
        came >= bytes
    }

    async fn more(&mut self) -> bool {
        let read = timeout(PATIENCE, self.stream.read_buf(&mut self.read)).await.expect("something comes in time");
        read.unwrap_or(0) > 0
    }
}
