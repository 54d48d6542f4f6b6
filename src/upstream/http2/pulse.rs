//! Pulse: what drives a connection, and notices when the other end is no longer there.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use h2::client::Connection;
use h2::{Ping, PingPong};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::upstream::{Stream, tls};

/// When an application is asked whether it is there (RFC 9113 §6.7).
#[derive(Clone, Copy, Debug)]
pub struct Rhythm {
    /// While somebody waits and nothing comes.
    pub silence: Duration,
    /// For the answer to a PING.
    pub patience: Duration,
    /// Between two PINGs without an answer to a request in between: servers of gRPC hang up on who asks more often (gRPC: keepalive, `too_many_pings`).
    pub gap: Duration,
}

impl Default for Rhythm {
    fn default() -> Rhythm {
        Rhythm { silence: Duration::from_secs(20), patience: Duration::from_secs(10), gap: Duration::from_secs(5 * 60) }
    }
}

/// What a connection's driver, its exchanges and its bytes tell each other.
pub struct Pulse {
    rhythm: Rhythm,
    heard_at: Cell<Instant>,
    busy_since: Cell<Option<Instant>>,
    pinged_at: Cell<Option<Instant>>,
    answered: Cell<bool>,
    answered_since_ping: Cell<bool>,
    doubted: Cell<bool>,
    changed: Notify,
    over: RefCell<Option<String>>,
    refusal: RefCell<Option<String>>,
}

impl Pulse {
    pub fn new(rhythm: Rhythm) -> Pulse {
        Pulse {
            rhythm,
            heard_at: Cell::new(Instant::now()),
            busy_since: Cell::new(None),
            pinged_at: Cell::new(None),
            answered: Cell::new(false),
            answered_since_ping: Cell::new(false),
            doubted: Cell::new(false),
            changed: Notify::new(),
            over: RefCell::default(),
            refusal: RefCell::default(),
        }
    }

    /// Somebody waits for something.
    pub fn busy(&self) {
        if self.busy_since.replace(Some(Instant::now())).is_none() {
            self.changed.notify_one();
        }
    }

    pub fn idle(&self) {
        self.busy_since.set(None);
    }

    /// A request has its answer.
    pub fn answered(&self) {
        self.answered.set(true);
        self.answered_since_ping.set(true);
    }

    pub fn has_answered(&self) -> bool {
        self.answered.get()
    }

    /// A request got none in its time.
    pub fn doubt(&self) {
        self.doubted.set(true);
        self.changed.notify_one();
    }

    pub fn is_over(&self) -> bool {
        self.over.borrow().is_some()
    }

    /// What ended the connection, where it was more than an end.
    pub fn why_over(&self) -> Option<String> {
        self.over.borrow().clone().filter(|why| !why.is_empty())
    }

    /// What the application's TLS said against us.
    pub fn refusal(&self) -> Option<String> {
        self.refusal.borrow().clone()
    }

    /// Until the connection is over.
    pub async fn drive(self: Rc<Self>, mut connection: Connection<Heard, Bytes>) {
        let mut pings = connection.ping_pong().expect("asked for once");
        let mut waiting = None;
        loop {
            let look = self.next_look(waiting).unwrap_or_else(|| Instant::now() + FAR);
            tokio::select! {
                biased;
                end = &mut connection => {
                    self.over.replace(Some(end.err().map(|error| error.to_string()).unwrap_or_default()));
                    return;
                }
                pong = poll_fn(|cx| pings.poll_pong(cx)), if waiting.is_some() => {
                    // An error is the connection's end, which is heard of above.
                    let _ = pong;
                    waiting = None;
                }
                () = self.changed.notified() => {}
                () = sleep_until(look) => {}
            }
            let now = Instant::now();
            if let Some(since) = waiting {
                if now >= self.heard_at.get().max(since) + self.rhythm.patience {
                    self.over.replace(Some(format!("nothing came within {:?} of a PING", self.rhythm.patience)));
                    return;
                }
            } else if self.is_due(now) {
                waiting = self.ping(&mut pings, now);
            }
        }
    }

    fn ping(&self, pings: &mut PingPong, now: Instant) -> Option<Instant> {
        self.doubted.set(false);
        self.answered_since_ping.set(false);
        self.pinged_at.set(Some(now));
        pings.send_ping(Ping::opaque()).ok().map(|()| now)
    }

    fn is_due(&self, now: Instant) -> bool {
        self.due().is_some_and(|due| due <= now)
    }

    /// When the next PING is due; `None`: nobody waits for anything.
    fn due(&self) -> Option<Instant> {
        let silent = self.heard_at.get().max(self.busy_since.get()?) + self.rhythm.silence;
        let due = if self.doubted.get() { self.heard_at.get() } else { silent };
        match self.pinged_at.get() {
            Some(pinged) if !self.answered_since_ping.get() => Some(due.max(pinged + self.rhythm.gap)),
            Some(_) | None => Some(due),
        }
    }

    fn next_look(&self, waiting: Option<Instant>) -> Option<Instant> {
        match waiting {
            Some(since) => Some(self.heard_at.get().max(since) + self.rhythm.patience),
            None => self.due(),
        }
    }
}

const FAR: Duration = Duration::from_secs(24 * 3600);

/// A connection's bytes, listened to.
pub struct Heard {
    stream: Stream,
    pulse: Rc<Pulse>,
}

impl Heard {
    pub fn new(stream: Stream, pulse: Rc<Pulse>) -> Heard {
        Heard { stream, pulse }
    }
}

impl AsyncRead for Heard {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(cx, buf);
        match &read {
            Poll::Ready(Ok(())) if buf.filled().len() > before => this.pulse.heard_at.set(Instant::now()),
            Poll::Ready(Err(error)) => {
                // The HTTP library keeps no more of it than its text.
                this.pulse.refusal.replace(tls::refusal(error));
            }
            Poll::Ready(Ok(())) | Poll::Pending => {}
        }
        read
    }
}

impl AsyncWrite for Heard {
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
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
