//! Watch: what an HTTP/2 connection is waiting for, seen from its frames, because the library does not say.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::budget::Budget;
use super::frames::{ENHANCE_YOUR_CALM, Frames, Head, Kind, goaway};
use crate::config::server::Limits;
use crate::server::arrival::Arrived;
use crate::server::watchman::Watchable;
use crate::server::worker::Place;

/// Shared by a connection, its bytes and its streams.
pub struct Watch(RefCell<State>);

struct State {
    /// The client's bytes, and ours.
    theirs: Frames,
    ours: Frames,
    budget: Budget,
    /// Of streams that the client resets: an answer it took pays for none of them.
    resets: Budget,
    calm_is_lost: bool,
    /// Streams that neither side has ended for good.
    open: Vec<u32>,
    highest: u32,
    idle_since: Instant,
    /// Since when the client owes the rest of a frame or header block.
    owing_since: Option<Instant>,
    /// Since when the kernel takes no more bytes.
    stalled_since: Option<Instant>,
    /// Answers that are being made or sent.
    serving: usize,
    /// Of the streams that are served, or open still, but one.
    places: Vec<Place>,
    /// Answers a piece of which waits for the client's window.
    waiting: usize,
    /// Since when none of what waits has gone on.
    held_up_since: Option<Instant>,
}

impl Watch {
    pub fn new() -> Rc<Watch> {
        let now = Instant::now();
        Rc::new(Watch(RefCell::new(State {
            theirs: Frames::of_client(),
            ours: Frames::of_server(),
            budget: Budget::new(now),
            resets: Budget::new(now),
            calm_is_lost: false,
            open: Vec::new(),
            highest: 0,
            idle_since: now,
            owing_since: None,
            stalled_since: None,
            serving: 0,
            places: Vec::new(),
            waiting: 0,
            held_up_since: None,
        })))
    }

    /// The client has said too much that brings nothing on.
    pub fn calm_is_lost(&self) -> bool {
        self.0.borrow().calm_is_lost
    }

    /// Whether a request has ever come.
    pub fn has_served(&self) -> bool {
        self.0.borrow().highest > 0
    }

    /// GOAWAY, where it can be said: not inside a frame that has begun.
    pub fn farewell(&self) -> Option<[u8; 17]> {
        let state = self.0.borrow();
        state.ours.at_boundary().then(|| goaway(state.highest, ENHANCE_YOUR_CALM))
    }

    /// An answer is on its way, until the value is dropped.
    pub fn serve(self: &Rc<Watch>) -> Serving {
        self.0.borrow_mut().serving += 1;
        Serving { watch: Rc::clone(self), waits: Waits::No }
    }

    /// Whether one more stream needs none: a connection that has been let in is one request at a time by itself, however many streams others have.
    pub fn has_place(&self) -> bool {
        let state = self.0.borrow();
        state.open.len().max(state.serving + 1) <= state.places.len() + 1
    }

    /// A stream keeps its place as long as anything of it is here: what is made for it, or what its client does not take.
    pub fn keep(&self, place: Option<Place>) {
        self.0.borrow_mut().places.extend(place);
    }
}

impl Watchable for Watch {
    fn deadline(&self, limits: &Limits) -> Option<Instant> {
        let state = &mut *self.0.borrow_mut();
        let now = Instant::now();
        // What the library has of an answer that is over here waits for the client's window too.
        if state.waiting > 0 || state.open.len() > state.serving {
            state.held_up_since.get_or_insert(now);
        } else {
            state.held_up_since = None;
        }
        let is_idle = state.open.is_empty() && state.owing_since.is_none();
        let otherwise =
            if is_idle { state.idle_since + limits.idle_timeout } else { now + LOOK_EVERY.min(limits.stall_timeout) };
        let owing = state.owing_since.map(|since| since + limits.header_timeout);
        let stalled =
            [state.stalled_since, state.held_up_since].into_iter().flatten().map(|since| since + limits.stall_timeout);
        stalled.chain(owing).chain([otherwise]).min()
    }

    fn idle_since(&self) -> Option<Instant> {
        let state = self.0.borrow();
        (state.open.is_empty() && state.owing_since.is_none()).then_some(state.idle_since)
    }

    /// For the PING between the two GOAWAYs to be answered.
    const FAREWELL: Duration = Duration::from_secs(2);
}

impl State {
    fn heard(&mut self, bytes: &[u8]) {
        let mut theirs = std::mem::replace(&mut self.theirs, Frames::of_server());
        theirs.feed(bytes, |head| self.heard_of(head));
        self.theirs = theirs;
        self.owing_since = match self.owing_since {
            _ if !self.theirs.owes_the_rest() => None,
            None => Some(Instant::now()),
            since => since,
        };
    }

    fn heard_of(&mut self, head: Head) {
        let cost = match head.kind {
            Kind::Headers if head.stream > self.highest && self.open.len() < MOST_OPEN => {
                self.highest = head.stream;
                self.open.push(head.stream);
                return;
            }
            Kind::Data if head.length > 0 => return self.budget.earn(1),
            // The end of an upload.
            Kind::Data if head.ends_stream() => return,
            Kind::RstStream => {
                self.ended(head.stream);
                self.calm_is_lost |= !self.resets.spend(2, Instant::now());
                return;
            }
            // Trailers; or streams that are refused, or that nobody looks at after GOAWAY (§6.8).
            Kind::Headers => 1,
            Kind::Data | Kind::Ping | Kind::WindowUpdate | Kind::Continuation | Kind::Other => 1,
            // One or two in the life of a connection.
            Kind::Settings => 10,
        };
        self.calm_is_lost |= !self.budget.spend(cost, Instant::now());
    }

    fn said(&mut self, bytes: &[u8]) {
        let mut ours = std::mem::replace(&mut self.ours, Frames::of_server());
        ours.feed(bytes, |head| self.said_of(head));
        self.ours = ours;
    }

    fn said_of(&mut self, head: Head) {
        match head.kind {
            Kind::Data | Kind::Headers => {
                if head.length > 0 {
                    self.budget.earn(4);
                    self.held_up_since = None;
                }
                if head.ends_stream() {
                    self.ended(head.stream);
                }
            }
            Kind::RstStream => self.ended(head.stream),
            Kind::Settings | Kind::Ping | Kind::WindowUpdate | Kind::Continuation | Kind::Other => {}
        }
    }

    fn ended(&mut self, stream: u32) {
        if let Some(at) = self.open.iter().position(|open| *open == stream) {
            self.open.swap_remove(at);
            self.give_places_back();
            if self.open.is_empty() {
                self.idle_since = Instant::now();
            }
        }
    }

    fn give_places_back(&mut self) {
        self.places.truncate(self.serving.max(self.open.len()).saturating_sub(1));
    }
}

/// One answer, from its request to the last piece that the library takes.
pub struct Serving {
    watch: Rc<Watch>,
    waits: Waits,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waits {
    No,
    ForClient,
}

impl Serving {
    /// A piece was handed to the library, which asks for the next as soon as the client has room for this one.
    pub fn handed_over(&mut self) {
        if self.waits == Waits::No {
            self.waits = Waits::ForClient;
            self.watch.0.borrow_mut().waiting += 1;
        }
    }

    pub fn asked_for_more(&mut self) {
        if self.waits == Waits::ForClient {
            self.waits = Waits::No;
            self.watch.0.borrow_mut().waiting -= 1;
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.asked_for_more();
        let state = &mut *self.watch.0.borrow_mut();
        state.serving -= 1;
        state.give_places_back();
    }
}

/// A client's stream whose frames are watched. The library cannot shut it down: what comes after it decides.
pub struct Watched {
    pub arrived: Rc<RefCell<Arrived>>,
    pub watch: Rc<Watch>,
}

impl Watched {
    fn written(&self, write: &Poll<io::Result<usize>>, slices: &[IoSlice<'_>]) {
        let state = &mut *self.watch.0.borrow_mut();
        match write {
            Poll::Ready(written) => {
                state.stalled_since = None;
                let mut left = *written.as_ref().unwrap_or(&0);
                for slice in slices {
                    let gone = left.min(slice.len());
                    state.said(&slice[..gone]);
                    left -= gone;
                }
            }
            Poll::Pending => {
                state.stalled_since.get_or_insert_with(Instant::now);
            }
        }
    }
}

impl AsyncRead for Watched {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(self.arrived.borrow_mut().poll_read(cx, buf))?;
        let state = &mut *self.watch.0.borrow_mut();
        state.heard(&buf.filled()[before..]);
        // The library would go on answering as long as there is something to read.
        Poll::Ready(if state.calm_is_lost { Err(io::Error::other("too much that brings nothing on")) } else { Ok(()) })
    }
}

impl AsyncWrite for Watched {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let write = Pin::new(&mut self.arrived.borrow_mut().stream).poll_write(cx, bytes);
        self.written(&write, &[IoSlice::new(bytes)]);
        write
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let write = Pin::new(&mut self.arrived.borrow_mut().stream).poll_write_vectored(cx, slices);
        self.written(&write, slices);
        write
    }

    fn is_write_vectored(&self) -> bool {
        self.arrived.borrow().stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flush = Pin::new(&mut self.arrived.borrow_mut().stream).poll_flush(cx);
        // TLS takes what is written to it, and then waits here.
        let stalled_since = &mut self.watch.0.borrow_mut().stalled_since;
        match flush {
            Poll::Ready(_) => *stalled_since = None,
            Poll::Pending => drop(stalled_since.get_or_insert_with(Instant::now)),
        }
        flush
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// More than are ever served at once, for those that a client opens before it knows how many it may.
const MOST_OPEN: usize = 2 * super::STREAMS as usize;
/// How often a connection with streams is looked at for one that is held up: a body that waits wakes nobody.
const LOOK_EVERY: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::arrival::PREFACE;

    fn frame(length: u8, kind: u8, stream: u32) -> Vec<u8> {
        let mut frame = vec![0, 0, length, kind, 0x4];
        frame.extend(stream.to_be_bytes());
        frame.resize(9 + usize::from(length), 0);
        frame
    }

    /// As many as N-07 has; each is paid for four times over by what the gate itself has answered.
    #[test]
    fn answers_pay_for_no_resets() {
        let watch = Watch::new();
        let state = &mut *watch.0.borrow_mut();
        state.heard(PREFACE);
        let resets = (0..40_000u32).map(|number| number * 2 + 1).take_while(|stream| {
            state.heard(&frame(1, 1, *stream));
            state.said(&frame(1, 1, 0));
            state.heard(&frame(4, 3, *stream));
            !state.calm_is_lost
        });
        let resets = resets.count();
        assert!((500..5_000).contains(&resets), "{resets}");
    }
}
