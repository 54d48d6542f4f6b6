//! Arrival: what a connection speaks, told by its first bytes or agreed before them.

use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, ReadBuf};

use super::peer::Peer;
use super::vigil::Vigil;
use super::watchman::{Order, Watchman};
use super::worker::{Floor, Handler};
use super::{connection, http2};
use crate::upstream::Stream;

/// What client and server have agreed on before the first byte of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreed {
    /// Nothing: HTTP/1.1, or HTTP/2 by prior knowledge (RFC 9113 §3.3).
    Nothing,
    /// ALPN `http/1.1`, or TLS without ALPN.
    Http1,
    /// ALPN `h2`.
    Http2,
}

/// A client's stream, and what has been read of it already.
pub struct Arrived {
    pub stream: Stream,
    pub read: Bytes,
}

/// Serves one connection to its end.
pub async fn serve<H: Handler>(stream: Stream, agreed: Agreed, peer: Rc<Peer>, handler: Rc<H>, floor: Rc<Floor>) {
    let vigil = Vigil::new();
    let mut arrived = Arrived::new(stream);
    let speaks = match agreed {
        Agreed::Nothing => match listen(&mut arrived, &vigil, &floor).await {
            Ok(speaks) => speaks,
            Err(Order::Close) => return connection::linger(arrived.stream).await,
            Err(Order::HangUp) => return,
        },
        Agreed::Http1 => Speaks::Http1,
        Agreed::Http2 => Speaks::Http2,
    };
    match speaks {
        Speaks::Http1 => connection::serve(arrived, vigil, peer, handler, floor).await,
        Speaks::Http2 => http2::serve(arrived, peer, handler, floor).await,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speaks {
    Http1,
    Http2,
}

/// Reads until the first bytes tell. `Err`: they never did.
async fn listen(arrived: &mut Arrived, vigil: &Vigil, floor: &Floor) -> Result<Speaks, Order> {
    let mut watchman = Watchman::new(floor, vigil);
    let mut first = BytesMut::new();
    let speaks = poll_fn(|cx| {
        loop {
            let mut space = [MaybeUninit::uninit(); FIRST_READ];
            let mut read = ReadBuf::uninit(&mut space);
            match Pin::new(&mut arrived.stream).poll_read(cx, &mut read) {
                Poll::Ready(Ok(())) if !read.filled().is_empty() => {
                    vigil.bytes_came();
                    first.extend_from_slice(read.filled());
                    if let Some(speaks) = told_by(&first) {
                        return Poll::Ready(Ok(speaks));
                    }
                }
                Poll::Ready(Ok(()) | Err(_)) => return Poll::Ready(Err(Order::HangUp)),
                Poll::Pending => match watchman.look(cx) {
                    Some(order) => return Poll::Ready(Err(order)),
                    None => return Poll::Pending,
                },
            }
        }
    });
    let speaks = speaks.await?;
    arrived.read = first.freeze();
    Ok(speaks)
}

/// RFC 9113 §3.4. What begins like the preface and goes on otherwise is a request line that HTTP/1.1 refuses. `None`: more is needed.
fn told_by(first: &[u8]) -> Option<Speaks> {
    if first.starts_with(PREFACE) {
        return Some(Speaks::Http2);
    }
    if PREFACE.starts_with(first) { None } else { Some(Speaks::Http1) }
}

impl Arrived {
    pub fn new(stream: Stream) -> Arrived {
        Arrived { stream, read: Bytes::new() }
    }

    /// What has been read already comes first.
    pub fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.read.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let taken = self.read.len().min(buf.remaining());
        buf.put_slice(&self.read[..taken]);
        self.read.advance(taken);
        if self.read.is_empty() {
            self.read = Bytes::new();
        }
        Poll::Ready(Ok(()))
    }
}

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Most heads fit; it is on the stack for the moment of a read.
const FIRST_READ: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preface_tells_and_every_beginning_of_it_is_waited_for() {
        for end in 0..PREFACE.len() {
            assert_eq!(told_by(&PREFACE[..end]), None, "{end}");
        }
        assert_eq!(told_by(PREFACE), Some(Speaks::Http2));
        assert_eq!(told_by(&[PREFACE, b"\0\0\0\x04"].concat()), Some(Speaks::Http2));
    }

    #[test]
    fn whatever_deviates_from_the_preface_at_any_byte_is_no_http_2() {
        for at in 0..PREFACE.len() {
            let mut other = PREFACE[..=at].to_vec();
            other[at] ^= 0x20;
            assert_eq!(told_by(&other), Some(Speaks::Http1), "{at}");
        }
        assert_eq!(told_by(b"POST / HTTP/1.1\r\n"), Some(Speaks::Http1));
    }
}
