//! Connection: a client's that speaks HTTP/1.1, from its first request to its last.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONNECTION;
use http::{HeaderValue, Request, Version};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;

use super::arrival::Arrived;
use super::drain::Stage;
use super::entrance::Refused;
use super::peer::Peer;
use super::socket;
use super::vigil::{Answering, State, Vigil, Watched};
use super::watchman::{Order, Watchman};
use super::worker::{Floor, Handler};
use crate::config::server::Limits;
use crate::upstream::{Body, Stream};

/// Serves one connection to its end. `vigil`: as its arrival left it.
pub async fn serve<H: Handler>(arrived: Arrived, vigil: Rc<Vigil>, peer: Rc<Peer>, handler: Rc<H>, floor: Rc<Floor>) {
    let Some((stream, read)) = answer(arrived, &peer, handler, &floor, &vigil).await else { return };
    match peer.take_switch() {
        Some(switch) => socket::run(stream, read, switch, &floor).await,
        None => linger(stream).await,
    }
}

/// Answers requests until the connection ends or switches. What is left of it then; `None`: nothing, or nothing worth a farewell.
async fn answer<H: Handler>(
    arrived: Arrived,
    peer: &Rc<Peer>,
    handler: Rc<H>,
    floor: &Floor,
    vigil: &Rc<Vigil>,
) -> Option<(Stream, Bytes)> {
    let unframed = Cell::new(false);
    let service = service_fn(|request: Request<Incoming>| {
        vigil.busy();
        unframed.set(request.version() < Version::HTTP_11);
        let had_body = !request.body().is_end_stream();
        let answer = Rc::clone(&handler).handle(Rc::clone(peer), request);
        // On the heap only while a request runs: idle connections are many.
        Box::pin(async move {
            let mut response = answer.await;
            if had_body && !matches!(response.body(), Body::Upstream(_) | Body::Bound(_)) {
                // The library looks once more at a body that nobody wanted: what cannot be drained closes the connection, and the
                // response says so (RFC 9112 §9.6).
                tokio::task::yield_now().await;
            }
            if floor.stage.get() >= Stage::Leaving && !response.status().is_informational() {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(response.map(|body| Answering { body, vigil: Rc::clone(vigil) }))
        })
    });
    let io = TokioIo::new(Watched { arrived, vigil: Rc::clone(vigil) });
    let mut connection = protocol(&floor.limits).serve_connection(io, service);
    let mut watchman = Watchman::new(floor, &**vigil);
    let end = poll_fn(|cx| {
        loop {
            if let Poll::Ready(end) = Pin::new(&mut connection).poll(cx) {
                return Poll::Ready(Some(end));
            }
            match watchman.look(cx) {
                Some(Order::Close) => Pin::new(&mut connection).graceful_shutdown(),
                Some(Order::HangUp) => return Poll::Ready(None),
                None => return Poll::Pending,
            }
        }
    });
    let end = end.await;
    let parts = connection.into_parts();
    let Arrived { stream, read } = parts.io.into_inner().arrived;
    let read = if read.is_empty() { parts.read_buf } else { [parts.read_buf, read].concat().into() };
    match end {
        Some(Ok(())) => Some((stream, read)),
        // The library has said what is wrong with it.
        Some(Err(error)) if error.is_parse() => {
            let refused =
                if error.is_parse_too_large() { Refused::HeadTooLarge } else { Refused::HeadMalformed(error) };
            floor.refuse(&refused, peer.remote);
            Some((stream, Bytes::new()))
        }
        Some(Err(_)) => {
            if unframed.get() {
                reset(&stream);
            }
            None
        }
        None => {
            if let State::Busy | State::Answered = vigil.state() {
                reset(&stream);
            }
            None
        }
    }
}

/// To HTTP/1.0 a body's end is the connection's: what broke off must not end like what is complete (RFC 9112 §8).
fn reset(stream: &Stream) {
    let socket = match stream {
        Stream::Tcp(stream) => stream,
        // Without its own farewell, too (close_notify, RFC 8446 §6.1).
        Stream::Tls(stream) => stream.get_ref().0,
        Stream::Unix(_) | Stream::Http2(_) => return,
    };
    let _ = socket2::SockRef::from(socket).set_linger(Some(Duration::ZERO));
}

fn protocol(limits: &Limits) -> http1::Builder {
    let mut protocol = http1::Builder::new();
    protocol.half_close(false).header_read_timeout(None).max_header_size(limits.header_bytes);
    if limits.header_bytes > LIBRARY_BUFFER {
        protocol.max_buf_size(limits.header_bytes);
    }
    protocol
}

/// Lets the client read its last answer: a close with bytes unread would reset the connection and take the answer with it (RFC 9112 §9.6).
pub async fn linger(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let farewell = async {
        // Of TLS that waits for the socket to take it.
        if stream.shutdown().await.is_ok() {
            let mut scrap = [0; 1024];
            while matches!(stream.read(&mut scrap).await, Ok(read) if read > 0) {}
        }
    };
    let _ = timeout(LINGER, farewell).await;
}

/// Beyond this a head would not fit the library's buffer, whatever its limit says.
const LIBRARY_BUFFER: usize = 400 * 1024;
const LINGER: Duration = Duration::from_secs(5);
/// For a last word to be taken.
pub const LAST_WORD: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::io;
    use std::task::Context;

    use tokio::io::ReadBuf;

    use super::*;

    /// Its socket is full, and nobody empties it.
    struct Full;

    impl AsyncRead for Full {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    impl AsyncWrite for Full {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Pending
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    #[tokio::test]
    async fn nobody_is_bid_farewell_for_ever() {
        timeout(10 * LINGER, linger(Full)).await.expect("an end");
    }
}
