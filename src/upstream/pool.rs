//! Pool: one worker's connections to the application; the one put back last is taken first.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Method, Request, Response};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::time::Instant;

use super::connect::Dialer;
use super::connection::{Connection, Failed, Upgraded};
use super::tls::Offer;
use super::upload::Upload;
use super::{Settings, Tls, UpstreamError};
use crate::telemetry::metrics::Metrics;

/// Cheap to clone; stays on its worker's thread.
#[derive(Clone)]
pub struct Pool(Rc<Inner>);

struct Inner {
    settings: Settings,
    dialer: Dialer,
    metrics: Arc<Metrics>,
    /// In the order they were put back.
    idle: RefCell<Vec<Idle>>,
    reaping: Cell<bool>,
}

struct Idle {
    connection: Connection,
    until: Instant,
}

impl Pool {
    /// `tls`: for an https:// address.
    pub fn new(settings: Settings, tls: Option<Arc<Tls>>, metrics: Arc<Metrics>) -> Pool {
        let dialer = Dialer::new(&settings, tls);
        let (idle, reaping) = (RefCell::new(Vec::new()), Cell::new(false));
        Pool(Rc::new(Inner { settings, dialer, metrics, idle, reaping }))
    }

    /// Sends a request and waits for the head of its response.
    ///
    /// A connection that was idle may have been closed by the application in the same moment (RFC 9112 §9.3.1). What was never sent is
    /// sent again; what was sent is repeated, once, only where its method is idempotent (RFC 9110 §9.2.2) and no body went with it.
    pub async fn send(&self, mut request: Request<Upload>) -> Result<(Response<Incoming>, Connection), UpstreamError> {
        let within = self.0.settings.timeout;
        while let Some(mut connection) = self.take() {
            let spare = is_repeatable(&request).then(|| copy(&request));
            match connection.exchange(request, within).await {
                Ok(response) => return Ok((response, connection)),
                Err(Failed::Unsent(unsent)) => request = *unsent,
                Err(Failed::Dead(error)) => {
                    request = spare.ok_or(error)?;
                    break;
                }
                Err(Failed::Answered(error)) => return Err(error),
            }
        }
        let mut connection = self.connect().await?;
        match connection.exchange(request, within).await {
            Ok(response) => Ok((response, connection)),
            Err(Failed::Unsent(_)) => Err(UpstreamError::Closed("as soon as it was opened".to_owned())),
            Err(Failed::Dead(error) | Failed::Answered(error)) => Err(error),
        }
    }

    /// Sends a handshake on a connection of its own, whose bytes the caller gets if the application switches.
    pub async fn send_handshake(
        &self,
        request: Request<Upload>,
    ) -> Result<(Response<Incoming>, Connection, Upgraded), UpstreamError> {
        let (sender, connection) = self.handshake().await?;
        let (mut connection, upgraded) = Connection::upgradable(sender, connection, self.counted());
        match connection.exchange(request, self.0.settings.timeout).await {
            Ok(response) => Ok((response, connection, upgraded)),
            Err(Failed::Unsent(_)) => Err(UpstreamError::Closed("as soon as it was opened".to_owned())),
            Err(Failed::Dead(error) | Failed::Answered(error)) => Err(error),
        }
    }

    /// Takes a connection back whose response has ended. `keeps`: how long the application says it keeps it.
    pub fn put(&self, connection: Connection, keeps: Option<Duration>) {
        let trusted = keeps.map_or(self.0.settings.idle_timeout, |keeps| keeps.saturating_sub(MARGIN));
        if trusted.is_zero() || connection.is_closed() {
            return;
        }
        self.0.idle.borrow_mut().push(Idle { connection, until: Instant::now() + trusted });
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

    async fn connect(&self) -> Result<Connection, UpstreamError> {
        let (sender, connection) = self.handshake().await?;
        Ok(Connection::new(sender, connection, self.counted()))
    }

    async fn handshake(
        &self,
    ) -> Result<(http1::SendRequest<Upload>, http1::Connection<TokioIo<super::Stream>, Upload>), UpstreamError> {
        let stream = self.0.dialer.dial(Offer::Http1).await?.stream;
        let opened = http1::handshake(TokioIo::new(stream)).await;
        opened.map_err(|error| UpstreamError::Connect(error.to_string()))
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
        if idle.is_empty() {
            idle.shrink_to(KEPT_CAPACITY);
            pool.reaping.set(false);
            return;
        }
    }
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::task::{LocalSet, spawn_local};

    use super::*;
    use crate::upstream::Address;

    /// Answers whatever comes, on any number of connections.
    async fn application() -> Address {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        spawn_local(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                spawn_local(async move {
                    while stream.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {
                        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
                    }
                });
            }
        });
        Address::parse(&format!("http://127.0.0.1:{port}")).unwrap()
    }

    async fn pool(idle_timeout: Duration) -> Pool {
        let second = Duration::from_secs(1);
        let address = application().await;
        let settings = Settings { address, host: None, connect_timeout: second, timeout: second, idle_timeout };
        Pool::new(settings, None, Metrics::new())
    }

    fn post() -> Request<Upload> {
        Request::post("/").header("host", "app").body(Upload::none()).unwrap()
    }

    #[tokio::test]
    async fn what_was_never_sent_is_sent_on_another_connection_whatever_it_is() {
        let test = async {
            let pool = pool(Duration::from_secs(1)).await;
            let (_, connection) = pool.send(post()).await.unwrap();
            pool.put(connection, None);
            pool.0.idle.borrow()[0].connection.kill();
            assert!(pool.send(post()).await.is_ok());
        };
        LocalSet::new().run_until(test).await;
    }

    #[tokio::test]
    async fn what_nobody_takes_in_time_is_closed() {
        let test = async {
            let pool = pool(Duration::from_millis(100)).await;
            let (_, connection) = pool.send(post()).await.unwrap();
            pool.put(connection, None);
            assert_eq!(pool.0.idle.borrow().len(), 1);
            tokio::time::sleep(REAP_EVERY * 2).await;
            assert_eq!(pool.0.idle.borrow().len(), 0);
            assert!(pool.send(post()).await.is_ok());
        };
        LocalSet::new().run_until(test).await;
    }
}
