//! Vigil: what a connection is waiting for, and since when. The library's one timer counts idle time and a head's time as one.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use crate::config::server::Limits;
use crate::upstream::{Body, Stream};

/// Shared by a connection, its bytes and the answer on its way.
#[derive(Debug)]
pub struct Vigil(Cell<State>);

#[derive(Clone, Copy, Debug)]
pub enum State {
    /// Between requests, or before the first.
    Idle(Instant),
    /// A head's first byte has come, its end has not.
    Head(Instant),
    /// From a head's end to its answer's.
    Busy,
    /// The answer is made, but not all of it has gone out.
    Answered,
}

impl Vigil {
    pub fn new() -> Rc<Vigil> {
        Rc::new(Vigil(Cell::new(State::Idle(Instant::now()))))
    }

    pub fn state(&self) -> State {
        self.0.get()
    }

    /// How long the client may go on like this.
    pub fn deadline(&self, limits: &Limits) -> Option<Instant> {
        match self.state() {
            State::Idle(since) => Some(since + limits.idle_timeout),
            State::Head(since) => Some(since + limits.header_timeout),
            State::Busy | State::Answered => None,
        }
    }

    /// A head has come whole.
    pub fn busy(&self) {
        self.0.set(State::Busy);
    }

    fn bytes_came(&self) {
        if let State::Idle(_) = self.state() {
            self.0.set(State::Head(Instant::now()));
        }
    }

    fn answered(&self) {
        if let State::Busy = self.state() {
            self.0.set(State::Answered);
        }
    }

    fn flushed(&self) {
        if let State::Answered = self.state() {
            self.0.set(State::Idle(Instant::now()));
        }
    }
}

/// A client's stream whose reading is watched. The library cannot shut it down: what comes after it decides.
pub struct Watched {
    pub stream: Stream,
    pub vigil: Rc<Vigil>,
}

impl AsyncRead for Watched {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
        if buf.filled().len() > before {
            this.vigil.bytes_came();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Watched {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(Pin::new(&mut this.stream).poll_flush(cx))?;
        // The library flushes the stream once its own buffer is empty.
        this.vigil.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// An answer's body; when it is dropped, the answer is over.
pub struct Answering {
    pub body: Body,
    pub vigil: Rc<Vigil>,
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.vigil.answered();
    }
}

impl http_body::Body for Answering {
    type Data = Bytes;
    type Error = <Body as http_body::Body>::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
