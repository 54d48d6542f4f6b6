//! Connection: a client's, from its first byte to its last.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::CONNECTION;
use http::{HeaderValue, Request, Version};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, Sleep, sleep, timeout};

use super::drain::Stage;
use super::peer::Peer;
use super::socket;
use super::vigil::{Answering, State, Vigil, Watched};
use super::worker::{Floor, Handler};
use crate::config::server::Limits;
use crate::upstream::{Body, Stream};

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
    let unframed = Cell::new(false);
    let service = service_fn(|request: Request<Incoming>| {
        vigil.busy();
        unframed.set(request.version() < Version::HTTP_11);
        let had_body = !request.body().is_end_stream();
        let answer = Rc::clone(&handler).handle(Rc::clone(peer), request);
        // On the heap only while a request runs: idle connections are many.
        Box::pin(async move {
            let mut response = answer.await;
            if had_body && !matches!(response.body(), Body::Upstream(_)) {
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
    let io = TokioIo::new(Watched { stream, vigil: Rc::clone(vigil) });
    let mut connection = protocol(&floor.limits).serve_connection(io, service);
    let mut watchman = Watchman::new(floor, vigil);
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
    let stream = parts.io.into_inner().stream;
    match end {
        Some(Ok(())) => Some((stream, parts.read_buf)),
        // The library has said what is wrong with it.
        Some(Err(error)) if error.is_parse() => Some((stream, Bytes::new())),
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
    if let Stream::Tcp(stream) = stream {
        let _ = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO));
    }
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
    /// Close, properly: nothing is under way.
    Close,
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
    /// It has been told to close.
    dismissed: bool,
}

impl<'a> Watchman<'a> {
    fn new(floor: &'a Floor, vigil: &'a Vigil) -> Watchman<'a> {
        Watchman {
            floor,
            vigil,
            timer: Box::pin(sleep(Duration::MAX)),
            changed: Box::pin(floor.changed.notified()),
            listening: false,
            seen: Stage::Serving,
            finishing_since: None,
            dismissed: false,
        }
    }

    fn look(&mut self, cx: &mut Context<'_>) -> Option<Order> {
        self.hear(cx);
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
        if self.seen == Stage::Over {
            return Some(Order::HangUp);
        }
        let deadline = self.deadline()?;
        while self.timer.is_elapsed() || self.timer.deadline() > deadline {
            if Instant::now() >= deadline {
                let idle = matches!(self.vigil.state(), State::Idle(_));
                return Some(if idle && !std::mem::replace(&mut self.dismissed, true) {
                    Order::Close
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
