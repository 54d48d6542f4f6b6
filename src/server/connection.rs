//! Connection: a client's, from its first byte to its last.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, Sleep, sleep_until, timeout};

use super::drain::Stage;
use super::peer::Peer;
use super::socket;
use super::vigil::{Answering, State, Vigil, Watched};
use super::worker::{Floor, Handler};
use crate::config::server::Limits;
use crate::upstream::Stream;

/// Serves one connection to its end.
pub async fn serve<H: Handler>(stream: Stream, peer: Rc<Peer>, handler: Rc<H>, floor: Rc<Floor>) {
    let vigil = Vigil::new();
    let Some((stream, read)) = answer(stream, &peer, handler, &floor, &vigil).await else { return };
    match peer.take_switch() {
        Some(switch) => socket::run(stream, read, switch, &floor).await,
        None => linger(stream).await,
    }
}

/// Answers requests until the connection ends or switches. What is left of it then; `None`: nothing, or nothing worth a farewell.
async fn answer<H: Handler>(
    stream: Stream,
    peer: &Rc<Peer>,
    handler: Rc<H>,
    floor: &Floor,
    vigil: &Rc<Vigil>,
) -> Option<(Stream, Bytes)> {
    let service = service_fn(|request: Request<Incoming>| {
        vigil.busy();
        let (answer, vigil) = (Rc::clone(&handler).handle(Rc::clone(peer), request), Rc::clone(vigil));
        // On the heap only while a request runs: idle connections are many.
        Box::pin(async move { Ok::<_, Infallible>(answer.await.map(|body| Answering { body, vigil })) })
    });
    let io = TokioIo::new(Watched { stream, vigil: Rc::clone(vigil) });
    let mut connection = protocol(&floor.limits).serve_connection(io, service);
    let mut watchman = Watchman::new(floor, vigil);
    let finished = poll_fn(|cx| {
        loop {
            if let Poll::Ready(end) = Pin::new(&mut connection).poll(cx) {
                return Poll::Ready(end.is_ok());
            }
            match watchman.look(cx) {
                Some(Order::LastAnswer) => Pin::new(&mut connection).graceful_shutdown(),
                Some(Order::HangUp) => return Poll::Ready(false),
                None => return Poll::Pending,
            }
        }
    });
    if !finished.await {
        return None;
    }
    let parts = connection.into_parts();
    Some((parts.io.into_inner().stream, parts.read_buf))
}

fn protocol(limits: &Limits) -> http1::Builder {
    let mut protocol = http1::Builder::new();
    protocol.half_close(false).header_read_timeout(None).max_header_size(limits.header_bytes);
    if limits.header_bytes > LIBRARY_BUFFER {
        protocol.max_buf_size(limits.header_bytes);
    }
    protocol
}

/// What a connection is told from outside its requests.
enum Order {
    /// Say with the next answer that it was the last, or go at once where none is under way.
    LastAnswer,
    HangUp,
}

/// Watches the clock and the drain for one connection; costs nothing while neither has anything to say.
struct Watchman<'a> {
    floor: &'a Floor,
    vigil: &'a Vigil,
    timer: Pin<Box<Sleep>>,
    changed: Pin<Box<tokio::sync::futures::Notified<'a>>>,
    listening: bool,
    seen: Stage,
    finishing_since: Option<Instant>,
    /// Its next answer is the last.
    told: bool,
    /// It was idle too long and should have gone.
    dismissed: bool,
}

impl<'a> Watchman<'a> {
    fn new(floor: &'a Floor, vigil: &'a Vigil) -> Watchman<'a> {
        let deadline = vigil.deadline(&floor.limits).unwrap_or_else(Instant::now);
        Watchman {
            floor,
            vigil,
            timer: Box::pin(sleep_until(deadline)),
            changed: Box::pin(floor.changed.notified()),
            listening: false,
            seen: Stage::Serving,
            finishing_since: None,
            told: false,
            dismissed: false,
        }
    }

    fn look(&mut self, cx: &mut Context<'_>) -> Option<Order> {
        self.hear(cx);
        if self.seen >= Stage::Leaving && matches!(self.vigil.state(), State::Busy) && !self.told {
            self.told = true;
            return Some(Order::LastAnswer);
        }
        self.watch(cx)
    }

    /// Keeps an ear on the drain.
    fn hear(&mut self, cx: &mut Context<'_>) {
        let stage = self.floor.stage.get();
        if stage != self.seen {
            self.seen = stage;
            self.listening = false;
            self.changed.set(self.floor.changed.notified());
            if stage >= Stage::Finishing {
                self.finishing_since.get_or_insert_with(Instant::now);
            }
        }
        if !self.listening {
            self.listening = self.changed.as_mut().poll(cx).is_pending();
        }
    }

    /// A timer that fires too early is only looked at again; one that would fire too late is set anew.
    fn watch(&mut self, cx: &mut Context<'_>) -> Option<Order> {
        let deadline = self.deadline()?;
        while self.timer.is_elapsed() || self.timer.deadline() > deadline {
            if Instant::now() >= deadline {
                let idle = matches!(self.vigil.state(), State::Idle(_));
                return Some(if idle && !std::mem::replace(&mut self.dismissed, true) {
                    Order::LastAnswer
                } else {
                    Order::HangUp
                });
            }
            self.timer.as_mut().reset(deadline);
            let _ = self.timer.as_mut().poll(cx);
        }
        None
    }

    fn deadline(&self) -> Option<Instant> {
        let deadline = self.vigil.deadline(&self.floor.limits)?;
        match (self.vigil.state(), self.finishing_since) {
            // A request may be on its way in this very moment.
            (State::Idle(since), Some(finishing)) => Some(deadline.min(since.max(finishing) + LAST_CALL)),
            (State::Idle(_) | State::Head(_) | State::Busy | State::Answered, _) => Some(deadline),
        }
    }
}

/// Lets the client read its last answer: a close with bytes unread would reset the connection and take the answer with it (RFC 9112 §9.6).
async fn linger(mut stream: Stream) {
    if stream.shutdown().await.is_err() {
        return;
    }
    let mut scrap = [0; 1024];
    let _ = timeout(LINGER, async { while matches!(stream.read(&mut scrap).await, Ok(read) if read > 0) {} }).await;
}

/// Beyond this a head would not fit the library's buffer, whatever its limit says.
const LIBRARY_BUFFER: usize = 400 * 1024;
const LAST_CALL: Duration = Duration::from_millis(250);
const LINGER: Duration = Duration::from_secs(5);
