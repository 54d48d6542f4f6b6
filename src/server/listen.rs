//! Listeners: bound before anything is served; one acceptor each hands its connections to the workers.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, TcpKeepalive, Type};

use super::passed::{NotPassed, PassedOn};
use crate::config::listen::Listen;
use crate::upstream::Stream;
use crate::wire::Remote;

/// Bound, and taking connections into the kernel's queue, but not serving yet.
#[derive(Debug)]
pub struct Listener {
    socket: Bound,
    address: Listen,
    file: Option<File>,
}

#[derive(Debug)]
pub(super) enum Bound {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// The text names the key to change.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    #[error("{key}: cannot listen on {address}: {source}{}", mend(address, source))]
    Refused { key: &'static str, address: Listen, source: io::Error },
    #[error("{key}: {address} {source}")]
    NotPassed { key: &'static str, address: Listen, source: NotPassed },
}

fn mend(address: &Listen, error: &io::Error) -> &'static str {
    match (address, error.kind()) {
        (Listen::Tcp(address), io::ErrorKind::PermissionDenied) if address.port() < 1024 => {
            "; write a port from 1024 on, or fd: with a socket unit (deploy/systemd); or grant CAP_NET_BIND_SERVICE"
        }
        _ => "",
    }
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
    /// All of them, or none. `key`: the configuration's key that asked for them. Called once in a process: what was passed on can be taken once.
    pub fn bind_all(key: &'static str, listen: &[Listen]) -> Result<Vec<Listener>, BindError> {
        let mut passed = None;
        let mut listeners = Vec::with_capacity(listen.len());
        for address in listen {
            let refused = |source| BindError::Refused { key, address: address.clone(), source };
            let not_passed = |source| BindError::NotPassed { key, address: address.clone(), source };
            match address {
                Listen::Tcp(tcp_address) => listeners.push(tcp(*tcp_address).map_err(refused)?),
                Listen::Unix(path) => listeners.push(unix(path).map_err(refused)?),
                Listen::Passed(which) => {
                    let passed = passed.get_or_insert_with(PassedOn::to_this_process);
                    let taken = passed.take(which).map_err(not_passed)?;
                    listeners.extend(taken.into_iter().map(|socket| passed_on(socket, address)));
                }
            }
        }
        if let Some(left) = passed.map(|passed| passed.left()).filter(|left| *left > 0) {
            tracing::warn!(
                event = "configuration",
                key,
                left,
                "sockets were passed on that {key} does not name: whoever connects to them waits in vain"
            );
        }
        Ok(listeners)
    }

    /// Where it listens: the actual port where 0 was asked for, and what was passed on by its address.
    pub fn address(&self) -> &Listen {
        &self.address
    }

    /// Must be called on a runtime.
    pub fn acceptor(self) -> io::Result<Acceptor> {
        let socket = match self.socket {
            Bound::Tcp(listener) => Accepting::Tcp(tokio::net::TcpListener::from_std(listener)?),
            Bound::Unix(listener) => Accepting::Unix(tokio::net::UnixListener::from_std(listener)?),
        };
        Ok(Acceptor { socket, address: self.address, _file: self.file })
    }
}

/// A listener at work. Dropped, it takes no more connections, and the file of a unix socket that was made here is gone.
#[derive(Debug)]
pub struct Acceptor {
    socket: Accepting,
    address: Listen,
    _file: Option<File>,
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
                    tracing::warn!(event = "accept_failed", %error, listen = %self.address, "cannot accept a connection");
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

/// What stands on the disk for a socket of our own.
#[derive(Debug)]
struct File(PathBuf);

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
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

fn tcp(address: SocketAddr) -> io::Result<Listener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    set_for_connections(&socket)?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        // `[::]` is every address, of the older kind too.
        socket.set_only_v6(false)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    let listener = TcpListener::from(socket);
    let address = Listen::Tcp(listener.local_addr()?);
    Ok(Listener { socket: Bound::Tcp(listener), address, file: None })
}

/// What accepted sockets inherit is set here, once, instead of on each of them.
pub(super) fn set_for_connections(socket: &Socket) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE_INTERVAL))
}

/// Its file is whoever's that made it. One without an address of its own is called as it was asked for.
fn passed_on(socket: Bound, asked: &Listen) -> Listener {
    let address = match &socket {
        Bound::Tcp(listener) => listener.local_addr().ok().map(Listen::Tcp),
        Bound::Unix(listener) => {
            listener.local_addr().ok().and_then(|address| Some(Listen::Unix(address.as_pathname()?.to_owned())))
        }
    };
    Listener { socket, address: address.unwrap_or_else(|| asked.clone()), file: None }
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
    let (socket, file) = (Bound::Unix(UnixListener::from(socket)), Some(File(path.to_owned())));
    Ok(Listener { socket, address: Listen::Unix(path.to_owned()), file })
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

const BACKLOG: i32 = 1024;
const BACKOFF: Duration = Duration::from_millis(100);
/// Notices peers that vanished without a word; well below the idle timeouts of middle boxes.
const KEEPALIVE: Duration = Duration::from_secs(60);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
