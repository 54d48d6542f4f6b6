//! Connect: a fresh connection to the application.

use std::cell::RefCell;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Instant, sleep, timeout};

use super::address::{Plain, Scheme};
use super::tls::{self, Offer, Tls};
use super::{Address, Settings, Stream, UpstreamError};

/// Finds and dials one application; remembers for a short while what its name resolved to.
pub struct Dialer {
    address: Address,
    tls: Option<Arc<Tls>>,
    within: Duration,
    resolved: RefCell<Option<(Instant, Vec<SocketAddr>)>>,
}

/// A connection that stands, and what is to be spoken on it.
pub struct Dialled {
    pub stream: Stream,
    pub speaks: Plain,
}

impl Dialer {
    pub fn new(settings: &Settings, tls: Option<Arc<Tls>>) -> Dialer {
        let (address, within) = (settings.address.clone(), settings.connect_timeout);
        Dialer { address, tls, within, resolved: RefCell::new(None) }
    }

    /// The handshake of TLS included; an https:// application chooses what is spoken.
    ///
    /// Errors: `Connect`, `ConnectTimeout`, `Tls`.
    pub async fn dial(&self) -> Result<Dialled, UpstreamError> {
        let neither = || UpstreamError::Tls("it speaks neither HTTP/2 nor HTTP/1.1 (ALPN)".to_owned());
        self.within(Offer::Either).await?.ok_or_else(|| neither().at(&self.address))
    }

    /// For an upgrade. `None`: the application speaks HTTP/2 alone.
    ///
    /// Errors: `Connect`, `ConnectTimeout`, `Tls`.
    pub async fn dial_http1(&self) -> Result<Option<Stream>, UpstreamError> {
        if self.address.speaks() == Some(Plain::Http2) {
            return Ok(None);
        }
        Ok(self.within(Offer::Http1).await?.map(|dialled| dialled.stream))
    }

    async fn within(&self, offer: Offer) -> Result<Option<Dialled>, UpstreamError> {
        match timeout(self.within, self.attempt(offer)).await {
            Ok(attempt) => attempt.map_err(|error| error.at(&self.address)),
            Err(_) => Err(UpstreamError::ConnectTimeout(self.address.to_string(), self.within)),
        }
    }

    /// `None`: nothing of what was offered is spoken there.
    async fn attempt(&self, offer: Offer) -> Result<Option<Dialled>, UpstreamError> {
        let refused = |error: io::Error| UpstreamError::Connect(error.to_string());
        Ok(Some(match &self.address {
            Address::Unix { speaks, path } => {
                Dialled { stream: Stream::Unix(unix(path).await.map_err(refused)?), speaks: *speaks }
            }
            Address::Tcp { scheme: Scheme::Plain(speaks), host, port } => {
                let stream = self.connect(host, *port).await.map_err(refused)?;
                Dialled { stream: Stream::Tcp(stream), speaks: *speaks }
            }
            Address::Tcp { scheme: Scheme::Https, host, port } => {
                let (Some(tls), Ok(name)) = (&self.tls, ServerName::try_from(host.clone())) else {
                    return Err(UpstreamError::Tls("there is nothing to know it by".to_owned()));
                };
                let stream = self.connect(host, *port).await.map_err(refused)?;
                let Some(stream) = tls.connect(name, stream, offer).await.map_err(UpstreamError::Tls)? else {
                    return Ok(None);
                };
                let speaks = if tls::speaks_http2(&stream) { Plain::Http2 } else { Plain::Http1 };
                Dialled { stream: Stream::Tls(Box::new(stream)), speaks }
            }
        }))
    }

    async fn connect(&self, host: &str, port: u16) -> io::Result<TcpStream> {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in self.resolve(host, port).await? {
            match TcpStream::connect(address).await {
                Ok(stream) => {
                    prepare(&stream)?;
                    return Ok(stream);
                }
                Err(error) => last = error,
            }
        }
        // The name may have moved on: ask again next time.
        self.resolved.replace(None);
        Err(last)
    }

    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let now = Instant::now();
        if let Some((at, addresses)) = &*self.resolved.borrow()
            && now.duration_since(*at) < REMEMBERED
        {
            return Ok(addresses.clone());
        }
        let addresses: Vec<SocketAddr> = tokio::net::lookup_host((host, port)).await?.collect();
        self.resolved.replace(Some((now, addresses.clone())));
        Ok(addresses)
    }
}

/// TCP waits for room in the application's queue of connections; a unix socket says at once that there is none (connect(2), EAGAIN).
async fn unix(path: &Path) -> io::Result<UnixStream> {
    loop {
        match UnixStream::connect(path).await {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => sleep(QUEUE_IS_FULL).await,
            connected => return connected,
        }
    }
}

/// A peer that vanished without a word is noticed; tunnels may be silent for long.
fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    SockRef::from(stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 4))
}

const KEEPALIVE: Duration = Duration::from_secs(60);
/// Short, because a cluster's names move without telling how long they hold.
const REMEMBERED: Duration = Duration::from_secs(5);
const QUEUE_IS_FULL: Duration = Duration::from_millis(5);
