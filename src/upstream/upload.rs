//! Upload: a request's body on its way to the application.

use std::cell::Cell;
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Instant;

use super::UpstreamError;
use crate::wire::hop::Names;

/// Streams the client's body; counts it against its limit; lets nobody's identity through in its trailers.
pub struct Upload(Option<Streaming>);

struct Streaming {
    body: Incoming,
    /// Bytes that may still come.
    allowance: u64,
    names: Arc<Names>,
    ends: Ends,
    progress: Rc<Progress>,
    kept: Kept,
    /// Sent before, and to be sent again.
    again: VecDeque<Piece>,
}

/// How a body's end is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    /// By its length or last chunk: the library calls anything else an error.
    ByFraming,
    /// By END_STREAM. The library takes RST_STREAM with NO_ERROR, which is for answers (RFC 9113 §8.1), for an end too.
    ByStream,
}

/// What has been sent, for as long as it may have to be sent again.
enum Kept {
    Nothing,
    All(Vec<Piece>, usize),
    /// More than is kept.
    TooMuch,
}

#[derive(Clone)]
enum Piece {
    Data(Bytes),
    Trailers(HeaderMap),
}

/// How far an upload has come; shared with whoever waits for the answer.
pub struct Progress {
    ended: Cell<bool>,
    waiting: Cell<bool>,
    moved_at: Cell<Instant>,
    fault: Cell<Option<Fault>>,
}

/// Why an upload broke off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("the client's body ended early or is malformed")]
    Client,
    #[error("the client's body is too large")]
    TooLarge,
}

impl Upload {
    pub fn none() -> Upload {
        Upload(None)
    }

    /// `limit` in bytes, where there is one.
    pub fn new(body: Incoming, limit: Option<u64>, names: &Arc<Names>) -> Upload {
        if body.is_end_stream() {
            return Upload(None);
        }
        let progress = Progress {
            ended: Cell::new(false),
            waiting: Cell::new(false),
            moved_at: Cell::new(Instant::now()),
            fault: Cell::new(None),
        };
        let (names, progress) = (Arc::clone(names), Rc::new(progress));
        let (kept, again) = (Kept::Nothing, VecDeque::new());
        let (allowance, ends) = (limit.unwrap_or(u64::MAX), Ends::ByFraming);
        Upload(Some(Streaming { body, allowance, names, ends, progress, kept, again }))
    }

    /// The same, where the body comes in a stream of HTTP/2.
    pub fn in_stream(mut self) -> Upload {
        if let Some(streaming) = &mut self.0 {
            streaming.ends = Ends::ByStream;
        }
        self
    }

    /// From now on what is sent is kept, up to a bound.
    pub fn keep(&mut self) {
        if let Some(streaming) = &mut self.0 {
            streaming.kept = Kept::All(Vec::new(), 0);
        }
    }

    /// What was kept is not needed any more.
    pub fn forget(&mut self) {
        if let Some(streaming) = &mut self.0 {
            streaming.kept = Kept::Nothing;
        }
    }

    /// Begins anew with what was kept. Whether that is all that was sent.
    pub fn rewind(&mut self) -> bool {
        let Some(streaming) = &mut self.0 else { return true };
        match std::mem::replace(&mut streaming.kept, Kept::Nothing) {
            Kept::All(pieces, _) => {
                for piece in pieces.into_iter().rev() {
                    streaming.again.push_front(piece);
                }
                true
            }
            Kept::Nothing | Kept::TooMuch => false,
        }
    }

    /// `None`: there is no body.
    pub fn progress(&self) -> Option<Rc<Progress>> {
        self.0.as_ref().map(|streaming| Rc::clone(&streaming.progress))
    }
}

impl Progress {
    /// All of it is with the application's connection.
    pub fn ended(&self) -> bool {
        self.ended.get()
    }

    /// It is the client that everybody waits for.
    pub fn waits_for_client(&self) -> bool {
        !self.ended.get() && self.waiting.get()
    }

    /// When a piece went on last.
    pub fn moved_at(&self) -> Instant {
        self.moved_at.get()
    }

    pub fn error(&self) -> Option<UpstreamError> {
        self.fault.get().map(|fault| match fault {
            Fault::Client => UpstreamError::RequestBody(fault.to_string()),
            Fault::TooLarge => UpstreamError::BodyTooLarge,
        })
    }
}

impl Streaming {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        if let Some(piece) = self.again.pop_front() {
            self.kept.add(&piece);
            return Poll::Ready(Some(Ok(piece.into())));
        }
        let frame = ready!(self.poll_client(cx));
        if let Some(Ok(frame)) = &frame {
            self.kept.add_frame(frame);
        }
        Poll::Ready(frame)
    }

    fn poll_client(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        self.progress.waiting.set(true);
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        self.progress.waiting.set(false);
        self.progress.moved_at.set(Instant::now());
        let Some(frame) = frame else {
            if self.ends == Ends::ByStream && !self.body.is_end_stream() {
                self.progress.fault.set(Some(Fault::Client));
                return Poll::Ready(Some(Err(Fault::Client)));
            }
            self.progress.ended.set(true);
            return Poll::Ready(None);
        };
        let passed = frame.map_err(|_| Fault::Client).and_then(|frame| self.pass(frame));
        match &passed {
            Ok(frame) if frame.is_trailers() || self.body.is_end_stream() => self.progress.ended.set(true),
            Ok(_) => {}
            Err(fault) => self.progress.fault.set(Some(*fault)),
        }
        Poll::Ready(Some(passed))
    }

    fn pass(&mut self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, Fault> {
        match frame.into_data() {
            Ok(data) => {
                self.allowance = self.allowance.checked_sub(data.len() as u64).ok_or(Fault::TooLarge)?;
                Ok(Frame::data(data))
            }
            Err(frame) => {
                let mut trailers: HeaderMap = frame.into_trailers().unwrap_or_default();
                // Trailers are fields too: none may say who the user is (RFC 9110 §6.5.1).
                self.names.strip(&mut trailers, false);
                Ok(Frame::trailers(trailers))
            }
        }
    }
}

impl Kept {
    fn add_frame(&mut self, frame: &Frame<Bytes>) {
        if let Kept::Nothing | Kept::TooMuch = self {
            return;
        }
        if let Some(data) = frame.data_ref() {
            self.add(&Piece::Data(data.clone()));
        } else if let Some(trailers) = frame.trailers_ref() {
            self.add(&Piece::Trailers(trailers.clone()));
        }
    }

    fn add(&mut self, piece: &Piece) {
        let Kept::All(pieces, bytes) = self else { return };
        if let Piece::Data(data) = piece {
            *bytes += data.len();
        }
        if *bytes > MOST_KEPT || pieces.len() >= MOST_PIECES {
            *self = Kept::TooMuch;
        } else {
            pieces.push(piece.clone());
        }
    }
}

impl From<Piece> for Frame<Bytes> {
    fn from(piece: Piece) -> Frame<Bytes> {
        match piece {
            Piece::Data(data) => Frame::data(data),
            Piece::Trailers(trailers) => Frame::trailers(trailers),
        }
    }
}

/// Bytes; as much as fits what HTTP/2 gives a stream to begin with (RFC 9113 §6.9.2).
const MOST_KEPT: usize = 64 * 1024;
const MOST_PIECES: usize = 64;

impl Body for Upload {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        match &mut self.get_mut().0 {
            Some(streaming) => streaming.poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(|streaming| streaming.again.is_empty() && streaming.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map_or(SizeHint::with_exact(0), |streaming| streaming.body.size_hint())
    }
}
