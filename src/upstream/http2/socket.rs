//! Socket: a stream of HTTP/2 that carries a WebSocket's bytes (RFC 8441).

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use h2::{Reason, RecvStream, SendStream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Seat;

pub struct Socket {
    up: SendStream<Bytes>,
    down: RecvStream,
    read: Bytes,
    shut: bool,
    _seat: Seat,
}

impl Socket {
    pub fn new(up: SendStream<Bytes>, down: RecvStream, seat: Seat) -> Socket {
        Socket { up, down, read: Bytes::new(), shut: false, _seat: seat }
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").field("stream", &self.down.stream_id()).finish_non_exhaustive()
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while this.read.is_empty() {
            match ready!(this.down.poll_data(cx)) {
                Some(Ok(data)) => {
                    let _ = this.down.flow_control().release_capacity(data.len());
                    this.read = data;
                }
                // As a connection's end is: complete or not, the frames inside say (RFC 8441 §5).
                Some(Err(error)) if error.is_remote() && error.reason() == Some(Reason::NO_ERROR) => {
                    return Poll::Ready(Ok(()));
                }
                Some(Err(error)) => return Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionReset, error))),
                None => return Poll::Ready(Ok(())),
            }
        }
        let piece = this.read.len().min(buf.remaining());
        buf.put_slice(&this.read[..piece]);
        this.read.advance(piece);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        this.up.reserve_capacity(bytes.len());
        let mut room = this.up.capacity();
        while room == 0 {
            match ready!(this.up.poll_capacity(cx)) {
                Some(Ok(more)) => room = more,
                Some(Err(error)) => return Poll::Ready(Err(io::Error::new(io::ErrorKind::BrokenPipe, error))),
                None => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            }
        }
        let piece = room.min(bytes.len());
        let sent = this.up.send_data(Bytes::copy_from_slice(&bytes[..piece]), false);
        Poll::Ready(sent.map(|()| piece).map_err(|error| io::Error::new(io::ErrorKind::BrokenPipe, error)))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !std::mem::replace(&mut this.shut, true) {
            // END_STREAM is what a FIN is (RFC 8441 §5).
            let _ = this.up.send_data(Bytes::new(), true);
        }
        Poll::Ready(Ok(()))
    }
}
