//! Pool: one worker's connections to the application; the one put back last is taken first.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

use http::uri::Scheme;
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, timeout_at};

use super::address::Plain;
use super::connect::{Dialer, Dialled};
use super::connection::{Connection, Failed, Upgraded};
use super::http2::{Exchanged, Failed as Exchange, Http2, Rhythm, Seat, Switched};
use super::patience::Wait;
use super::shared::Shared;
use super::upload::Upload;
use super::{Settings, Stream, Tls, UpstreamError};
use crate::telemetry::metrics::Metrics;
use crate::wire::h2::InStream;

/// Cheap to clone; stays on its worker's thread.
#[derive(Clone)]
pub struct Pool(Rc<Inner>);

struct Inner {
    settings: Settings,
    scheme: Scheme,
    dialer: Dialer,
    metrics: Arc<Metrics>,
    /// What the application speaks; `None`: ALPN has yet to say.
    speaks: Cell<Option<Plain>>,
    /// HTTP/1.1: those that nobody uses, in the order they were put back.
    idle: RefCell<Vec<Idle>>,
    /// HTTP/2.
    shared: Rc<Shared>,
    reaping: Cell<bool>,
}

struct Idle {
    connection: Connection,
    until: Instant,
}

/// An answer's head, and what its body comes over.
pub enum Sent {
    Own(Response<Incoming>, Connection),
    Shared(Exchanged),
}

/// On what a request goes.
enum Way {
    /// A connection that it has for itself: HTTP/1.1.
    Own,
    /// A stream among others: HTTP/2.
    Shared(Seat),
}

/// What was dialled.
enum Opened {
    Own(Connection),
    Shared(Rc<Http2>),
}

/// What came of a request on a connection of its own.
enum Outcome {
    Answered(Response<Incoming>, Connection),
    /// The application speaks HTTP/2 by now.
    Elsewhere(Request<Upload>),
}

impl Pool {
    /// `tls`: for an https:// address.
    pub fn new(settings: Settings, tls: Option<Arc<Tls>>, metrics: Arc<Metrics>) -> Pool {
        let dialer = Dialer::new(&settings, tls);
        let scheme = if settings.address.is_https() { Scheme::HTTPS } else { Scheme::HTTP };
        Pool(Rc::new(Inner {
            scheme,
            speaks: Cell::new(settings.address.speaks()),
            settings,
            dialer,
            metrics,
            idle: RefCell::default(),
            shared: Rc::default(),
            reaping: Cell::new(false),
        }))
    }

    /// Sends a request and waits for the head of its response.
    ///
    /// A connection may have been closed by the application in the same moment (RFC 9112 §9.3.1, RFC 9113 §6.8). What was never sent, or never processed
    /// as the application itself says, is sent again; any other is repeated, once, only where its method is idempotent (RFC 9110 §9.2.2) and no body
    /// went with it.
    pub async fn send(&self, mut request: Request<Upload>, wait: Wait) -> Result<Sent, UpstreamError> {
        let mut tries = TRIES;
        let mut repeated = false;
        loop {
            let seat = match self.way().await? {
                Way::Own => match self.send_alone(request, wait).await? {
                    Outcome::Answered(response, connection) => return Ok(Sent::Own(response, connection)),
                    Outcome::Elsewhere(unsent) => {
                        request = unsent;
                        continue;
                    }
                },
                Way::Shared(seat) => seat,
            };
            let proven = seat.proven;
            match seat.exchange(&self.0.scheme, request, wait).await {
                Ok(exchanged) => return Ok(Sent::Shared(exchanged)),
                Err(Exchange::Unprocessed(unsent, error)) => {
                    tries -= 1;
                    if tries == 0 {
                        return Err(error);
                    }
                    request = *unsent;
                }
                Err(Exchange::Dead(sent, error)) => {
                    if repeated || !proven || !is_repeatable(&sent) {
                        return Err(error);
                    }
                    repeated = true;
                    request = *sent;
                }
                Err(Exchange::Answered(error)) => return Err(error),
            }
        }
    }

    async fn way(&self) -> Result<Way, UpstreamError> {
        if self.0.settings.address.speaks() == Some(Plain::Http1) {
            return Ok(Way::Own);
        }
        let shared = &self.0.shared;
        loop {
            if let Some(seat) = shared.seat() {
                return Ok(Way::Shared(seat));
            }
            if self.0.speaks.get() == Some(Plain::Http1) {
                return Ok(Way::Own);
            }
            let pool = self.clone();
            let opening = shared.opening(|| async move { pool.open().await });
            tokio::select! {
                opened = opening => if let Err(error) = opened {
                    // Others may have made room meanwhile.
                    return shared.seat().map(Way::Shared).ok_or(error);
                },
                () = shared.freed.notified() => {}
            }
        }
    }

    /// On a connection of its own.
    async fn send_alone(&self, mut request: Request<Upload>, wait: Wait) -> Result<Outcome, UpstreamError> {
        while let Some(mut connection) = self.take() {
            let spare = is_repeatable(&request).then(|| copy(&request));
            match connection.exchange(request, wait).await {
                Ok(response) => return Ok(Outcome::Answered(response, connection)),
                Err(Failed::Unsent(unsent)) => request = *unsent,
                Err(Failed::Dead(error)) => {
                    request = spare.ok_or(error)?;
                    break;
                }
                Err(Failed::Answered(error)) => return Err(error),
            }
        }
        let mut connection = match self.dial().await? {
            Opened::Own(connection) => connection,
            Opened::Shared(connection) => {
                self.share(connection);
                return Ok(Outcome::Elsewhere(request));
            }
        };
        match connection.exchange(request, wait).await {
            Ok(response) => Ok(Outcome::Answered(response, connection)),
            Err(Failed::Unsent(_)) => Err(UpstreamError::Closed("as soon as it was opened".to_owned())),
            Err(Failed::Dead(error) | Failed::Answered(error)) => Err(error),
        }
    }

    /// A connection for a handshake. `None`: the application speaks HTTP/2 alone, where a WebSocket is a stream among others.
    pub async fn dial_for_handshake(&self) -> Result<Option<Stream>, UpstreamError> {
        self.0.dialer.dial_http1().await
    }

    /// Sends a handshake on a connection of its own, whose bytes the caller gets if the application switches.
    pub async fn send_handshake(
        &self,
        stream: Stream,
        request: Request<Upload>,
    ) -> Result<(Response<Incoming>, Connection, Upgraded), UpstreamError> {
        let (sender, connection) = http1(stream).await?;
        let (mut connection, upgraded) = Connection::upgradable(sender, connection, self.counted());
        match connection.exchange(request, Wait::Quiet(self.0.settings.timeout)).await {
            Ok(response) => Ok((response, connection, upgraded)),
            Err(Failed::Unsent(_)) => Err(UpstreamError::Closed("as soon as it was opened".to_owned())),
            Err(Failed::Dead(error) | Failed::Answered(error)) => Err(error),
        }
    }

    /// Asks for a stream to be a WebSocket's (RFC 8441).
    pub async fn send_connect(&self, request: Request<Upload>) -> Result<Switched, UpstreamError> {
        match self.way().await? {
            Way::Shared(seat) if seat.takes_sockets() => {
                seat.switch(&self.0.scheme, request, Wait::Quiet(self.0.settings.timeout)).await
            }
            Way::Shared(_) | Way::Own => Err(UpstreamError::NoSockets),
        }
    }

    /// For the head of the answer to a request; `in_stream`: to one that came in a stream of HTTP/2.
    pub fn wait_for(&self, headers: &HeaderMap, in_stream: Option<InStream>) -> Wait {
        match in_stream {
            Some(InStream) => Wait::in_stream(headers, self.0.settings.timeout),
            None => Wait::Quiet(self.0.settings.timeout),
        }
    }

    /// Takes a connection back whose response has ended. `keeps`: how long the application says it keeps it.
    pub fn put(&self, connection: Connection, keeps: Option<Duration>) {
        let trusted = keeps.map_or(self.0.settings.idle_timeout, |keeps| keeps.saturating_sub(MARGIN));
        if trusted.is_zero() || connection.is_closed() {
            return;
        }
        self.keep(connection, trusted);
    }

    fn keep(&self, connection: Connection, trusted: Duration) {
        self.0.idle.borrow_mut().push(Idle { connection, until: Instant::now() + trusted });
        self.begin_reaping();
    }

    fn begin_reaping(&self) {
        if !self.0.reaping.replace(true) {
            tokio::task::spawn_local(reap(Rc::downgrade(&self.0)));
        }
    }

    /// `Settings::host`.
    pub fn host(&self) -> Option<&HeaderValue> {
        self.0.settings.host.as_ref()
    }

    fn take(&self) -> Option<Connection> {
        let now = Instant::now();
        let mut idle = self.0.idle.borrow_mut();
        while let Some(Idle { connection, until }) = idle.pop() {
            if until > now && connection.is_ready() {
                return Some(connection);
            }
        }
        None
    }

    /// One more connection, for whoever comes first.
    async fn open(&self) -> Result<(), UpstreamError> {
        match self.dial().await? {
            Opened::Own(connection) => self.keep(connection, FRESH),
            Opened::Shared(connection) => self.share(connection),
        }
        Ok(())
    }

    async fn dial(&self) -> Result<Opened, UpstreamError> {
        let settings = &self.0.settings;
        let until = Instant::now() + settings.connect_timeout;
        let Dialled { stream, speaks } = self.0.dialer.dial().await?;
        self.0.speaks.set(Some(speaks));
        match speaks {
            Plain::Http1 => {
                let (sender, connection) = http1(stream).await?;
                Ok(Opened::Own(Connection::new(sender, connection, self.counted())))
            }
            Plain::Http2 => {
                let freed = Rc::clone(&self.0.shared.freed);
                let opening = Http2::open(stream, Rhythm::default(), freed, self.counted());
                let late = |_| UpstreamError::ConnectTimeout(settings.address.to_string(), settings.connect_timeout);
                let opened = timeout_at(until, opening).await.map_err(late)?;
                opened.map(Opened::Shared).map_err(|error| error.at(&settings.address))
            }
        }
    }

    fn share(&self, connection: Rc<Http2>) {
        self.0.shared.add(connection);
        self.begin_reaping();
    }

    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    fn counted(&self) -> crate::telemetry::metrics::Counted {
        self.0.metrics.upstream_connection()
    }
}

/// Closes what nobody took in its time; ends when nothing is left.
async fn reap(pool: Weak<Inner>) {
    loop {
        tokio::time::sleep(REAP_EVERY).await;
        let Some(pool) = pool.upgrade() else { return };
        let now = Instant::now();
        let mut idle = pool.idle.borrow_mut();
        idle.retain(|idle| idle.until > now && !idle.connection.is_closed());
        let shared = pool.shared.reap(pool.settings.idle_timeout.max(SHARED_IDLE), now);
        if idle.is_empty() && !shared {
            idle.shrink_to(KEPT_CAPACITY);
            pool.reaping.set(false);
            return;
        }
    }
}

async fn http1(
    stream: Stream,
) -> Result<(http1::SendRequest<Upload>, http1::Connection<TokioIo<Stream>, Upload>), UpstreamError> {
    let opened = http1::handshake(TokioIo::new(stream)).await;
    opened.map_err(|error| UpstreamError::Connect(error.to_string()))
}

fn is_repeatable(request: &Request<Upload>) -> bool {
    let idempotent = [Method::GET, Method::HEAD, Method::OPTIONS, Method::PUT, Method::DELETE];
    request.body().is_end_stream() && idempotent.contains(request.method())
}

fn copy(request: &Request<Upload>) -> Request<Upload> {
    let mut copy = Request::new(Upload::none());
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    copy
}

/// So that the application is never about to close what is taken.
const MARGIN: Duration = Duration::from_secs(1);
const REAP_EVERY: Duration = Duration::from_millis(500);
const KEPT_CAPACITY: usize = 16;
/// One that was dialled for nobody in particular is taken by somebody before that.
const FRESH: Duration = Duration::from_secs(1);
/// Longer than HTTP/1.1's: whoever closes an HTTP/2 connection says which requests it has not processed.
const SHARED_IDLE: Duration = Duration::from_secs(60);
/// How often a request is sent that the application says it never processed.
const TRIES: usize = 4;

#[cfg(test)]
mod tests;
