//! Splice: one direction of a tunnel. It holds bytes only while the other side does not take them, so an idle tunnel has no buffers.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::frames::Frames;

/// From one stream to another.
#[derive(Debug)]
pub struct Half {
    /// Read and not yet written. More is read only when it is empty: that is the back-pressure.
    pending: Bytes,
    /// Something has been written since the last flush.
    held: bool,
    frames: Frames,
    ended: Ended,
    farewell: Farewell,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    No,
    /// Nothing more will be read.
    Read,
    /// And the other side has been told.
    Shut,
}

#[derive(Debug)]
enum Farewell {
    None,
    /// To be said at the next boundary; nothing follows it.
    Due(Vec<u8>),
    Said,
}

impl Half {
    /// `read`: bytes that have come already.
    pub fn new(read: Bytes) -> Half {
        let mut frames = Frames::default();
        frames.feed(&read);
        Half { pending: read, held: false, frames, ended: Ended::No, farewell: Farewell::None }
    }

    /// Lets the frame under way pass, says this, and drops whatever else comes.
    pub fn finish_with(&mut self, close: Vec<u8>) {
        if let Farewell::None = self.farewell {
            self.farewell = Farewell::Due(close);
        }
    }

    /// A close has gone through, this side's own or one in its place; of the latter, this side knows.
    pub fn parted(&self) -> bool {
        let gone = self.pending.is_empty() && !self.held;
        let said = matches!(self.farewell, Farewell::Said);
        gone && (self.frames.closed() || said && self.ended != Ended::No)
    }

    /// Ready when `from` has ended and `to` has been told.
    pub fn poll<F, T>(&mut self, from: &mut F, to: &mut T, cx: &mut Context<'_>) -> Poll<io::Result<()>>
    where
        F: AsyncRead + Unpin,
        T: AsyncWrite + Unpin,
    {
        loop {
            self.bid_farewell();
            while self.pending.has_remaining() {
                self.held = true;
                let written = ready!(Pin::new(&mut *to).poll_write(cx, &self.pending))?;
                self.pending.advance(written);
            }
            self.pending = Bytes::new();
            if self.held {
                // TLS takes what is written to it, and may still hold some of that.
                ready!(Pin::new(&mut *to).poll_flush(cx))?;
                self.held = false;
            }
            match self.ended {
                Ended::No => ready!(self.read(from, to, cx))?,
                Ended::Read => {
                    ready!(Pin::new(&mut *to).poll_shutdown(cx))?;
                    self.ended = Ended::Shut;
                }
                Ended::Shut => return Poll::Ready(Ok(())),
            }
        }
    }

    fn bid_farewell(&mut self) {
        if !self.frames.at_boundary() {
            return;
        }
        if let Farewell::Due(close) = &mut self.farewell {
            // A side that has closed by itself has said all there is to say.
            if !self.frames.closed() && self.ended == Ended::No {
                self.pending = [&self.pending, close.as_slice()].concat().into();
            }
            self.farewell = Farewell::Said;
        }
    }

    fn read<F, T>(&mut self, from: &mut F, to: &mut T, cx: &mut Context<'_>) -> Poll<io::Result<()>>
    where
        F: AsyncRead + Unpin,
        T: AsyncWrite + Unpin,
    {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            ready!(Pin::new(from).poll_read(cx, &mut buffer))?;
            let read = buffer.filled();
            if read.is_empty() {
                self.ended = Ended::Read;
                return Poll::Ready(Ok(()));
            }
            let passed = self.passes(read);
            if passed.is_empty() {
                return Poll::Ready(Ok(()));
            }
            self.held = true;
            let written = match Pin::new(to).poll_write(cx, passed) {
                Poll::Ready(written) => written?,
                Poll::Pending => 0,
            };
            self.pending = Bytes::copy_from_slice(&passed[written..]);
            Poll::Ready(Ok(()))
        })
    }

    /// What of these bytes still goes on.
    fn passes<'a>(&mut self, read: &'a [u8]) -> &'a [u8] {
        let passed = match &self.farewell {
            Farewell::None => read.len(),
            Farewell::Due(_) => self.frames.next_boundary(read),
            Farewell::Said => 0,
        };
        let followed = if let Farewell::Due(_) = &self.farewell { passed } else { 0 };
        self.frames.feed(&read[followed..]);
        &read[..passed]
    }
}

const SCRATCH_BYTES: usize = 64 * 1024;

thread_local! {
    /// Of the worker; used only within one poll.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH_BYTES].into());
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, BufWriter, duplex};

    use super::*;

    /// As TLS does while its socket takes nothing: nobody else would ever send it on.
    #[tokio::test]
    async fn what_a_side_holds_back_goes_on_though_nothing_follows_it() {
        let ((mut near, mut from), (to, mut far)) = (duplex(64), duplex(64));
        let (mut to, mut half) = (BufWriter::new(to), Half::new(Bytes::from_static(b"early ")));
        let mut heard = [0; 10];
        for (said, end) in [("", 6), ("late", 10)] {
            near.write_all(said.as_bytes()).await.unwrap();
            assert!(poll_fn(|cx| Poll::Ready(half.poll(&mut from, &mut to, cx).is_pending())).await);
            let start = if end == 6 { 0 } else { 6 };
            let read = far.read_exact(&mut heard[start..end]);
            tokio::time::timeout(std::time::Duration::from_secs(5), read).await.expect("it comes").unwrap();
        }
        assert_eq!(&heard, b"early late");
    }
}
