//! HTTP/2 to the application (RFC 9113): one connection that many requests share.
//!
//! Over the `h2` library itself: which streams were never processed, how many more the application takes, and whether it lives, is what a pool has to know,
//! and hyper's client does not say it.

mod pulse;
mod pump;
mod received;
mod request;
mod socket;

use std::cell::Cell;
use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::task::noop_waker_ref;
use h2::client::{Builder, ResponseFuture, SendRequest};
use h2::ext::Protocol;
use h2::{Reason, RecvStream};
use http::header::{SEC_WEBSOCKET_KEY, UPGRADE};
use http::uri::Scheme;
use http::{Method, Request, Response, StatusCode};
use http_body::Body as _;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep};

use super::patience::{Patience, Wait};
use super::upload::{Progress, Upload};
use super::{Stream, UpstreamError};
use crate::telemetry::metrics::Counted;
use pulse::{Heard, Pulse};
use pump::Pump;

pub use pulse::Rhythm;
pub use received::Received;
pub use socket::Socket;

/// A connection that stands; closed when its owner and all its exchanges have let go of it.
pub struct Http2 {
    sender: SendRequest<Bytes>,
    pulse: Rc<Pulse>,
    /// Exchanges under way.
    busy: Cell<usize>,
    idle_since: Cell<Instant>,
    /// The application has refused a stream: it is given a moment.
    refused_at: Cell<Option<Instant>>,
    freed: Rc<Notify>,
}

/// Room for one exchange; given back when it is dropped.
pub struct Seat {
    connection: Rc<Http2>,
    /// Something was answered on this connection before.
    pub proven: bool,
}

/// What came of a request: the answer's head, and what goes on beside its body.
pub struct Exchanged {
    pub response: Response<RecvStream>,
    pub hold: Hold,
}

/// What came of a handshake.
pub enum Switched {
    Socket(Response<()>, Socket),
    /// An answer like any other.
    Not(Exchanged),
}

/// An exchange whose answer is under way. Dropped, the application is told that nobody wants the rest (RST_STREAM).
pub struct Hold {
    _seat: Rc<Seat>,
    _pumping: Option<Pumping>,
    pub upload: Option<Rc<Progress>>,
}

/// An upload that outlives the wait for the answer's head.
struct Pumping(AbortHandle);

impl Drop for Pumping {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Why an exchange came to nothing.
pub enum Failed {
    /// The application has said that it never processed it (RFC 9113 §8.7), and all that was sent of it is still there.
    Unprocessed(Box<Request<Upload>>, UpstreamError),
    /// The connection ended before the answer; nobody knows how far the request had come.
    Dead(Box<Request<Upload>>, UpstreamError),
    /// Anything that trying again would not mend.
    Answered(UpstreamError),
}

impl Http2 {
    /// Begins, and waits until the application has said how it will have it (§3.4): whoever does not speak HTTP/2 gets no request.
    ///
    /// Errors: `Connect`, `Tls`.
    pub async fn open(
        stream: Stream,
        rhythm: Rhythm,
        freed: Rc<Notify>,
        counted: Counted,
    ) -> Result<Rc<Http2>, UpstreamError> {
        let pulse = Rc::new(Pulse::new(rhythm));
        let began = Builder::new()
            .enable_push(false)
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buffer_size(SEND_BUFFER)
            .max_header_list_size(HEADER_LIST)
            // Until it has said how many it takes: none.
            .initial_max_send_streams(0)
            .handshake(Heard::new(stream, Rc::clone(&pulse)))
            .await;
        let not_spoken = |why: String| match pulse.refusal() {
            Some(why) => UpstreamError::Tls(why),
            None => UpstreamError::Connect(format!("it does not speak HTTP/2: {why}")),
        };
        let (sender, mut connection) = began.map_err(|error| not_spoken(error.to_string()))?;
        poll_fn(|cx| match Pin::new(&mut connection).poll(cx) {
            Poll::Ready(Ok(())) => Poll::Ready(Err(not_spoken("it closed the connection".to_owned()))),
            Poll::Ready(Err(error)) => Poll::Ready(Err(not_spoken(error.to_string()))),
            Poll::Pending if connection.max_concurrent_send_streams() > 0 => Poll::Ready(Ok(())),
            Poll::Pending => Poll::Pending,
        })
        .await?;
        let driver = Rc::clone(&pulse);
        tokio::task::spawn_local(async move {
            let _counted = counted;
            driver.drive(connection).await;
        });
        let now = Instant::now();
        Ok(Rc::new(Http2 {
            sender,
            pulse,
            busy: Cell::new(0),
            idle_since: Cell::new(now),
            refused_at: Cell::new(None),
            freed,
        }))
    }

    /// Whether it takes new requests at all.
    pub fn is_open(&self) -> bool {
        // It answers at once: ready, or an error where a GOAWAY has come or the connection is over.
        let mut cx = Context::from_waker(noop_waker_ref());
        !self.pulse.is_over() && !matches!(self.sender.clone().poll_ready(&mut cx), Poll::Ready(Err(_)))
    }

    /// Room for one more, if there is any now.
    pub fn seat(self: &Rc<Http2>) -> Option<Seat> {
        let most = self.sender.current_max_send_streams().min(MOST_STREAMS);
        let sulks = self.refused_at.get().is_some_and(|at| at.elapsed() < AFTER_A_REFUSAL);
        if self.busy.get() >= most || sulks || !self.is_open() {
            return None;
        }
        self.busy.set(self.busy.get() + 1);
        self.pulse.busy();
        Some(Seat { connection: Rc::clone(self), proven: self.pulse.has_answered() })
    }

    /// Since when nobody has used it.
    pub fn idle_since(&self) -> Option<Instant> {
        (self.busy.get() == 0).then(|| self.idle_since.get())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let connection = &self.connection;
        connection.busy.set(connection.busy.get() - 1);
        if connection.busy.get() == 0 {
            connection.idle_since.set(Instant::now());
            connection.pulse.idle();
        }
        connection.freed.notify_one();
    }
}

impl Seat {
    /// Sends a request and waits for the head of its answer; both bodies go on by themselves, neither waits for the other.
    pub async fn exchange(self, scheme: &Scheme, request: Request<Upload>, wait: Wait) -> Result<Exchanged, Failed> {
        let (parts, upload) = request.into_parts();
        let progress = upload.progress();
        let head = request::translated(&parts, scheme);
        let mut sender = self.connection.sender.clone();
        let sent = sender.send_request(head, upload.is_end_stream());
        drop(sender);
        let again = |upload| Box::new(Request::from_parts(parts, upload));
        let (mut answer, stream) = match sent {
            Ok(sent) => sent,
            // Nothing was sent.
            Err(error) => return Err(Failed::Unprocessed(again(upload), self.lost(&error))),
        };
        let mut pump = Pump::new(upload, stream);
        let patience = Patience { wait, since: Instant::now(), progress: progress.as_deref() };
        match head_of(&mut answer, &patience, |cx| pump.poll(cx)).await {
            Ok(response) => {
                self.connection.pulse.answered();
                let seat = Rc::new(self);
                let pumping = (!pump.is_over()).then(|| pump.go_on(Rc::clone(&seat)));
                Ok(Exchanged { response, hold: Hold { _seat: seat, _pumping: pumping, upload: progress } })
            }
            Err(Ended::Here(error)) => {
                if let UpstreamError::Timeout(_) = error {
                    self.connection.pulse.doubt();
                }
                Err(Failed::Answered(error))
            }
            Err(Ended::There(error)) => Err(self.failed(&error, pump, progress.as_deref(), again)),
        }
    }

    /// Asks for a stream to be a WebSocket's (RFC 8441 §4). `request`: the handshake that HTTP/1.1 would have.
    pub async fn switch(
        self,
        scheme: &Scheme,
        request: Request<Upload>,
        wait: Wait,
    ) -> Result<Switched, UpstreamError> {
        let (parts, _) = request.into_parts();
        let mut head = request::translated(&parts, scheme);
        *head.method_mut() = Method::CONNECT;
        head.extensions_mut().insert(Protocol::from_static("websocket"));
        for name in [UPGRADE, SEC_WEBSOCKET_KEY] {
            head.headers_mut().remove(name);
        }
        let sent = self.connection.sender.clone().send_request(head, false);
        let (mut answer, up) = sent.map_err(|error| self.lost(&error))?;
        let patience = Patience { wait, since: Instant::now(), progress: None };
        match head_of(&mut answer, &patience, |_| ()).await {
            Ok(response) if response.status().is_success() => {
                self.connection.pulse.answered();
                let (head, down) = response.into_parts();
                Ok(Switched::Socket(Response::from_parts(head, ()), Socket::new(up, down, self)))
            }
            Ok(response) => {
                let hold = Hold { _seat: Rc::new(self), _pumping: None, upload: None };
                Ok(Switched::Not(Exchanged { response, hold }))
            }
            Err(Ended::Here(error)) => Err(error),
            Err(Ended::There(error)) => Err(self.lost(&error)),
        }
    }

    /// RFC 8441 §3.
    pub fn takes_sockets(&self) -> bool {
        self.connection.sender.is_extended_connect_protocol_enabled()
    }

    fn failed(
        &self,
        error: &h2::Error,
        pump: Pump,
        progress: Option<&Progress>,
        again: impl FnOnce(Upload) -> Box<Request<Upload>>,
    ) -> Failed {
        if let Some(error) = progress.and_then(Progress::error) {
            return Failed::Answered(error);
        }
        let refused = error.is_reset() && error.is_remote() && error.reason() == Some(Reason::REFUSED_STREAM);
        if refused {
            self.connection.refused_at.set(Some(Instant::now()));
        }
        // Of a GOAWAY only streams beyond its last hear (§6.8); those before it go on.
        let unprocessed = refused || error.is_go_away() && error.is_remote();
        let lost = self.lost(error);
        if error.is_reset() && !refused || error.is_library() {
            return Failed::Answered(lost);
        }
        match pump.rewind() {
            Some(upload) if unprocessed => Failed::Unprocessed(again(upload), lost),
            Some(upload) => Failed::Dead(again(upload), lost),
            None => Failed::Answered(lost),
        }
    }

    fn lost(&self, error: &h2::Error) -> UpstreamError {
        if let Some(why) = self.connection.pulse.refusal() {
            return UpstreamError::Tls(why);
        }
        if error.is_library() {
            return UpstreamError::Broken(format!("HTTP/2: {error}"));
        }
        UpstreamError::Closed(match self.connection.pulse.why_over() {
            Some(why) => why,
            None if error.is_go_away() => format!("it is going away: {error}"),
            None if error.is_reset() => format!("it reset the stream: {error}"),
            None => error.to_string(),
        })
    }
}

enum Ended {
    Here(UpstreamError),
    There(h2::Error),
}

/// The answer's head, waited for with `patience`, while what is `beside` it goes on.
async fn head_of(
    answer: &mut ResponseFuture,
    patience: &Patience<'_>,
    mut beside: impl FnMut(&mut Context<'_>),
) -> Result<Response<RecvStream>, Ended> {
    let mut timer = Box::pin(sleep(Duration::MAX));
    patience.arm(timer.as_mut());
    let mut interim = 0;
    poll_fn(|cx| {
        beside(cx);
        if let Poll::Ready(end) = poll_head(answer, &mut interim, cx) {
            return Poll::Ready(end);
        }
        patience.poll(timer.as_mut(), cx).map(|error| Err(Ended::Here(error)))
    })
    .await
}

/// 1xx answers are swallowed; a 101 has no place in HTTP/2 (§8.6).
fn poll_head(
    answer: &mut ResponseFuture,
    interim: &mut usize,
    cx: &mut Context<'_>,
) -> Poll<Result<Response<RecvStream>, Ended>> {
    let broken = |why: &str| Poll::Ready(Err(Ended::Here(UpstreamError::Broken(why.to_owned()))));
    while let Poll::Ready(Some(told)) = answer.poll_informational(cx) {
        match told {
            Err(error) => return Poll::Ready(Err(Ended::There(error))),
            Ok(told) if told.status() == StatusCode::SWITCHING_PROTOCOLS => {
                return broken("101 over HTTP/2 (RFC 9113 §8.6)");
            }
            Ok(_) if *interim >= MOST_INTERIM => return broken("it goes on with 1xx answers"),
            Ok(_) => *interim += 1,
        }
    }
    Pin::new(answer).poll(cx).map_err(Ended::There)
}

/// What the application may send of a body before its client has taken it. It is near by, where half and double cost the same (docs/performance.md).
const STREAM_WINDOW: u32 = 128 * 1024;
/// As much as all streams together, so that one that nobody reads takes nothing from the others (security case N-14).
const CONNECTION_WINDOW: u32 = STREAM_WINDOW * MOST_STREAMS as u32;
const SEND_BUFFER: usize = 128 * 1024;
/// Bytes of a response's head, as §6.5.2 counts them.
const HEADER_LIST: u32 = 256 * 1024;
/// Streams on one connection; the application may take fewer.
const MOST_STREAMS: usize = 100;
const MOST_INTERIM: usize = 16;
const AFTER_A_REFUSAL: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
