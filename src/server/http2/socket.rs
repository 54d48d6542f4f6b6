//! A WebSocket in a stream (RFC 8441): the client's side of it, and the handshake that it leaves out.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::HeaderValue;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::watch::Serving;
use crate::server::peer::Switch;
use crate::server::worker::Floor;

/// Once the answer to the CONNECT is sent. `_serving`: as long as the tunnel lasts, so does an answer.
pub async fn run(connect: OnUpgrade, switch: Switch, floor: Rc<Floor>, _serving: Serving) {
    let Ok(stream) = connect.await else { return };
    let client = Client { stream: TokioIo::new(stream), end: End::NotYet };
    crate::server::socket::run(client, Bytes::new(), switch, &floor).await;
}

/// A nonce for the application (RFC 6455 §4.1 item 7), whose answer to it is checked as any other.
pub fn key() -> HeaderValue {
    let mut nonce = [0; 16];
    let _ = getrandom::fill(&mut nonce);
    HeaderValue::try_from(STANDARD.encode(nonce)).expect("base64 is visible ASCII")
}

/// The stream's bytes. The library reads a reset like an end: only its sending side knows better, a moment later.
struct Client {
    stream: TokioIo<Upgraded>,
    end: End,
}

enum End {
    NotYet,
    /// No more comes; the sending side is asked once this fires.
    Unclear(Pin<Box<Sleep>>),
    Clear,
}

impl AsyncRead for Client {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            match &mut this.end {
                End::NotYet => {
                    let before = buf.filled().len();
                    ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
                    if buf.filled().len() > before || buf.remaining() == 0 {
                        return Poll::Ready(Ok(()));
                    }
                    this.end = End::Unclear(Box::pin(sleep(A_MOMENT)));
                }
                End::Unclear(moment) => {
                    ready!(moment.as_mut().poll(cx));
                    this.end = End::Clear;
                    // Where it is busy it has not ended.
                    if let Poll::Ready(reset) = Pin::new(&mut this.stream).poll_flush(cx) {
                        return Poll::Ready(reset);
                    }
                }
                End::Clear => return Poll::Ready(Ok(())),
            }
        }
    }
}

impl AsyncWrite for Client {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

const A_MOMENT: Duration = Duration::from_millis(10);
