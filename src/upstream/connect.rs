//! Connect: a fresh connection to the application.

use std::cell::RefCell;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Instant, sleep, timeout};

use super::{Address, Settings, Stream, UpstreamError};

/// Finds and dials one application; remembers for a short while what its name resolved to.
pub struct Dialer {
    address: Address,
    within: Duration,
    resolved: RefCell<Option<(Instant, Vec<SocketAddr>)>>,
}

impl Dialer {
    pub fn new(settings: &Settings) -> Dialer {
        let (address, within) = (settings.address.clone(), settings.connect_timeout);
        Dialer { address, within, resolved: RefCell::new(None) }
    }

    /// Errors: `Connect`, `ConnectTimeout`.
    pub async fn dial(&self) -> Result<Stream, UpstreamError> {
        let failed = |error: io::Error| UpstreamError::Connect(format!("{}: {error}", self.address));
        match timeout(self.within, self.attempt()).await {
            Ok(stream) => stream.map_err(failed),
            Err(_) => Err(UpstreamError::ConnectTimeout(self.address.to_string(), self.within)),
        }
    }

    async fn attempt(&self) -> io::Result<Stream> {
        match &self.address {
            Address::Unix(path) => Ok(Stream::Unix(unix(path).await?)),
            Address::Tcp { host, port } => {
                let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
                for address in self.resolve(host, *port).await? {
                    match TcpStream::connect(address).await {
                        Ok(stream) => {
                            prepare(&stream)?;
                            return Ok(Stream::Tcp(stream));
                        }
                        Err(error) => last = error,
                    }
                }
                // The name may have moved on: ask again next time.
                self.resolved.replace(None);
                Err(last)
            }
        }
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
