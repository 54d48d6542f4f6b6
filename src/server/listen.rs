//! Listeners: bound before anything is served; one acceptor each hands its connections to the workers.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, TcpKeepalive, Type};

use crate::config::server::Listen;
use crate::upstream::Stream;
use crate::wire::Remote;

/// Bound, and taking connections into the kernel's queue, but not serving yet.
#[derive(Debug)]
pub struct Listener {
    socket: Bound,
    address: Listen,
}

#[derive(Debug)]
enum Bound {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// The text names the key to change.
#[derive(Debug, thiserror::Error)]
#[error("{key}: cannot listen on {address}: {source}")]
pub struct BindError {
    key: &'static str,
    address: String,
    source: io::Error,
}

/// An accepted connection on its way to a worker: no runtime knows it yet.
#[derive(Debug)]
pub struct Accepted {
    socket: Raw,
    pub remote: Remote,
}

#[derive(Debug)]
enum Raw {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Listener {
    /// `key`: the configuration's key that asked for it.
    pub fn bind(key: &'static str, listen: &Listen) -> Result<Listener, BindError> {
        let bound = match listen {
            Listen::Tcp(address) => tcp(*address),
            Listen::Unix(path) => unix(path),
        };
        bound.map_err(|source| BindError { key, address: written(listen), source })
    }

    /// Where it listens: the actual port where 0 was asked for.
    pub fn address(&self) -> &Listen {
        &self.address
    }

    /// Must be called on a runtime.
    pub fn acceptor(self) -> io::Result<Acceptor> {
        let socket = match self.socket {
            Bound::Tcp(listener) => Accepting::Tcp(tokio::net::TcpListener::from_std(listener)?),
            Bound::Unix(listener) => Accepting::Unix(tokio::net::UnixListener::from_std(listener)?),
        };
        Ok(Acceptor { socket, file: File(self.address) })
    }
}

/// A listener at work. Dropped, it takes no more connections, and a unix socket's file is gone.
#[derive(Debug)]
pub struct Acceptor {
    socket: Accepting,
    file: File,
}

#[derive(Debug)]
enum Accepting {
    Tcp(tokio::net::TcpListener),
    Unix(tokio::net::UnixListener),
}

impl Acceptor {
    /// Waits for the next connection. Where the process has run out of descriptors it tries again a little later.
    pub async fn accept(&self) -> Accepted {
        loop {
            match self.try_accept().await {
                Ok(accepted) => return accepted,
                Err(error) if is_the_peers(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, listen = written(&self.file.0), "cannot accept a connection");
                    tokio::time::sleep(BACKOFF).await;
                }
            }
        }
    }

    async fn try_accept(&self) -> io::Result<Accepted> {
        match &self.socket {
            Accepting::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                // Known to no runtime, so that it can go to any worker's.
                Ok(Accepted::tcp(stream.into_std()?, peer))
            }
            Accepting::Unix(listener) => Ok(Accepted::unix(listener.accept().await?.0.into_std()?)),
        }
    }

    /// Stops, and returns the connections that the kernel has taken already: nobody waits in vain for them.
    pub fn close(self) -> Vec<Accepted> {
        let rest = match self.socket {
            Accepting::Tcp(listener) => listener.into_std().map(|listener| {
                let accept = || {
                    listener
                        .accept()
                        .and_then(|(stream, peer)| stream.set_nonblocking(true).map(|()| Accepted::tcp(stream, peer)))
                };
                std::iter::from_fn(|| accept().ok()).collect()
            }),
            Accepting::Unix(listener) => listener.into_std().map(|listener| {
                let accept = || {
                    listener
                        .accept()
                        .and_then(|(stream, _)| stream.set_nonblocking(true).map(|()| Accepted::unix(stream)))
                };
                std::iter::from_fn(|| accept().ok()).collect()
            }),
        };
        rest.unwrap_or_default()
    }
}

/// The address, and on the disk what stands for it.
#[derive(Debug)]
struct File(Listen);

impl Drop for File {
    fn drop(&mut self) {
        if let Listen::Unix(path) = &self.0 {
            let _ = std::fs::remove_file(path);
        }
    }
}

impl Accepted {
    fn tcp(stream: TcpStream, peer: SocketAddr) -> Accepted {
        Accepted { socket: Raw::Tcp(stream), remote: Remote::Address(peer.ip().to_canonical()) }
    }

    fn unix(stream: UnixStream) -> Accepted {
        Accepted { socket: Raw::Unix(stream), remote: Remote::Unix }
    }

    /// Must be called on the worker's runtime.
    pub fn into_stream(self) -> io::Result<Stream> {
        match self.socket {
            Raw::Tcp(stream) => Ok(Stream::Tcp(tokio::net::TcpStream::from_std(stream)?)),
            Raw::Unix(stream) => Ok(Stream::Unix(tokio::net::UnixStream::from_std(stream)?)),
        }
    }

    /// Tells the client that there is no room, as far as that goes without waiting.
    pub fn turn_away(self, answer: &[u8]) {
        let _ = match self.socket {
            Raw::Tcp(mut stream) => io::Write::write(&mut stream, answer),
            Raw::Unix(mut stream) => io::Write::write(&mut stream, answer),
        };
    }
}

/// What accepted sockets inherit is set here, once, instead of on each of them.
fn tcp(address: SocketAddr) -> io::Result<Listener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE_INTERVAL))?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        // `[::]` is every address, of the older kind too.
        socket.set_only_v6(false)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    let listener = TcpListener::from(socket);
    let address = Listen::Tcp(listener.local_addr()?);
    Ok(Listener { socket: Bound::Tcp(listener), address })
}

fn unix(path: &Path) -> io::Result<Listener> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    let address = SockAddr::unix(path)?;
    if let Err(error) = socket.bind(&address) {
        if error.kind() != io::ErrorKind::AddrInUse || !is_left_behind(path) {
            return Err(error);
        }
        std::fs::remove_file(path)?;
        socket.bind(&address)?;
    }
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(Listener { socket: Bound::Unix(UnixListener::from(socket)), address: Listen::Unix(path.to_owned()) })
}

/// A socket that nobody listens on any more: what a process that was killed leaves.
fn is_left_behind(path: &Path) -> bool {
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
    is_socket && UnixStream::connect(path).is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

/// Errors of the one connection (accept(2)), not of the listener: the next may be fine.
fn is_the_peers(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}

fn written(listen: &Listen) -> String {
    match listen {
        Listen::Tcp(address) => address.to_string(),
        Listen::Unix(path) => format!("unix:{}", path.display()),
    }
}

const BACKLOG: i32 = 1024;
const BACKOFF: Duration = Duration::from_millis(100);
/// Notices peers that vanished without a word; well below the idle timeouts of middle boxes.
const KEEPALIVE: Duration = Duration::from_secs(60);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
