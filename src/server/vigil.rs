//! Vigil: what a connection is waiting for, and since when. The library's one timer counts idle time and a head's time as one.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::arrival::Arrived;
use super::watchman::Watchable;
use crate::config::server::Limits;
use crate::upstream::Body;

/// Shared by a connection, its bytes and the answer on its way.
#[derive(Debug)]
pub struct Vigil {
    state: Cell<State>,
    /// Since when the client has taken nothing of what it is sent.
    stalled: Cell<Option<Instant>>,
}

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
        Rc::new(Vigil { state: Cell::new(State::Idle(Instant::now())), stalled: Cell::new(None) })
    }

    pub fn state(&self) -> State {
        self.state.get()
    }

    /// A head has come whole.
    pub fn busy(&self) {
        self.state.set(State::Busy);
    }

    pub fn bytes_came(&self) {
        if let State::Idle(_) = self.state() {
            self.state.set(State::Head(Instant::now()));
        }
    }

    fn answered(&self) {
        if let State::Busy = self.state() {
            self.state.set(State::Answered);
        }
    }

    fn flushed(&self) {
        if let State::Answered = self.state() {
            self.state.set(State::Idle(Instant::now()));
        }
    }

    fn written<W>(&self, write: Poll<W>) -> Poll<W> {
        match write {
            Poll::Ready(_) => self.stalled.set(None),
            Poll::Pending if self.stalled.get().is_none() => self.stalled.set(Some(Instant::now())),
            Poll::Pending => {}
        }
        write
    }
}

impl Watchable for Vigil {
    fn deadline(&self, limits: &Limits) -> Option<Instant> {
        match self.state() {
            State::Idle(since) => Some(since + limits.idle_timeout),
            State::Head(since) => Some(since + limits.header_timeout),
            State::Busy | State::Answered => Some(self.stalled.get()? + limits.stall_timeout),
        }
    }

    fn idle_since(&self) -> Option<Instant> {
        match self.state() {
            State::Idle(since) => Some(since),
            State::Head(_) | State::Busy | State::Answered => None,
        }
    }

    /// The library closes at once.
    const FAREWELL: Duration = Duration::ZERO;
}

/// A client's stream whose reading and writing are watched. The library cannot shut it down: what comes after it decides.
pub struct Watched {
    pub arrived: Arrived,
    pub vigil: Rc<Vigil>,
}

impl AsyncRead for Watched {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        ready!(this.arrived.poll_read(cx, buf))?;
        if buf.filled().len() > before {
            this.vigil.bytes_came();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Watched {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.vigil.written(Pin::new(&mut this.arrived.stream).poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.vigil.written(Pin::new(&mut this.arrived.stream).poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        self.arrived.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // TLS takes what is written to it, and then waits here.
        let flushed = Pin::new(&mut this.arrived.stream).poll_flush(cx);
        ready!(this.vigil.written(flushed))?;
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

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixStream;

    use super::*;
    use crate::upstream::Stream;

    /// Writes until nothing more goes.
    async fn fill(watched: &mut Watched) {
        poll_fn(|cx| {
            while Pin::new(&mut *watched).poll_write(cx, &[0; 4096]).is_ready() {}
            Poll::Ready(())
        })
        .await;
    }

    #[tokio::test]
    async fn a_client_that_reads_nothing_is_given_its_time_and_anew_with_all_that_it_takes() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let vigil = Vigil::new();
        let mut watched = Watched { arrived: Arrived::new(Stream::Unix(ours)), vigil: Rc::clone(&vigil) };
        vigil.busy();
        let limits = Limits::default();
        watched.write_all(b"some").await.unwrap();
        assert_eq!(vigil.deadline(&limits), None);
        let before = Instant::now();
        fill(&mut watched).await;
        let first = vigil.deadline(&limits).unwrap();
        assert!(first >= before + limits.stall_timeout && first <= Instant::now() + limits.stall_timeout);
        fill(&mut watched).await;
        assert_eq!(vigil.deadline(&limits), Some(first));
        let taken = theirs.read(&mut vec![0; 1 << 20]).await.unwrap();
        assert!(taken > 0);
        watched.write_all(b"more").await.unwrap();
        assert_eq!(vigil.deadline(&limits), None);
    }
}
