//! Sockets that somebody else has bound and passes on to this process: sd_listen_fds(3). They outlive it, and so no connection is lost at a restart.

use std::io;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;

use listenfd::ListenFd;
use socket2::Socket;

use super::listen::{Bound, set_for_connections};
use crate::config::listen::{FIRST_PASSED, Passed};

/// What was passed on and is not taken yet.
pub(super) struct PassedOn {
    sockets: ListenFd,
    /// `LISTEN_FDNAMES`, in the sockets' order.
    names: Vec<String>,
    taken: usize,
}

/// Why there is no such socket; the text ends with the mend.
#[derive(Debug, thiserror::Error)]
pub enum NotPassed {
    #[error(
        "was not passed on: LISTEN_FDS is not set, or LISTEN_PID is another process; start it by its socket unit (deploy/systemd), or write an address and port"
    )]
    Nothing,
    #[error("was not passed on; there are {0}")]
    NoSuch(String),
    #[error("is taken by an entry before it; leave one of them out")]
    Taken,
    #[error("is no stream socket that listens ({0}); write ListenStream= and Accept=no in the socket unit")]
    NoListener(String),
}

impl PassedOn {
    /// Reads the variables, and takes them away.
    pub fn to_this_process() -> PassedOn {
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let names = names.split(':').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        PassedOn { sockets: ListenFd::from_env(), names, taken: 0 }
    }

    /// At least one.
    pub fn take(&mut self, which: &Passed) -> Result<Vec<Bound>, NotPassed> {
        if self.sockets.len() == 0 {
            return Err(NotPassed::Nothing);
        }
        let numbers: Vec<usize> = match which {
            Passed::Number(number) => usize::try_from(number - FIRST_PASSED).into_iter().collect(),
            Passed::Name(name) => (0..self.names.len()).filter(|index| self.names[*index] == *name).collect(),
        };
        if numbers.is_empty() || numbers.iter().any(|index| *index >= self.sockets.len()) {
            return Err(NotPassed::NoSuch(self.there_are()));
        }
        numbers.into_iter().map(|index| self.take_one(index)).collect()
    }

    /// How many nobody has taken.
    pub fn left(&self) -> usize {
        self.sockets.len() - self.taken
    }

    fn take_one(&mut self, index: usize) -> Result<Bound, NotPassed> {
        let wrong = |error: io::Error| NotPassed::NoListener(error.to_string());
        // What is none of the one kind stays where it is, and may be of the other.
        let bound = match self.sockets.take_tcp_listener(index) {
            Ok(listener) => tcp(listener.ok_or(NotPassed::Taken)?).map_err(wrong)?,
            Err(_) => match self.sockets.take_unix_listener(index).map_err(wrong)? {
                Some(listener) => unix(listener).map_err(wrong)?,
                None => return Err(NotPassed::Taken),
            },
        };
        self.taken += 1;
        Ok(bound)
    }

    /// `fd:3, fd:4 (tokigate.socket)`
    fn there_are(&self) -> String {
        let told = |index: usize| match self.names.get(index) {
            Some(name) => format!("fd:{} ({name})", index + FIRST_PASSED as usize),
            None => format!("fd:{}", index + FIRST_PASSED as usize),
        };
        (0..self.sockets.len()).map(told).collect::<Vec<_>>().join(", ")
    }
}

/// As one that was bound here.
fn tcp(listener: TcpListener) -> io::Result<Bound> {
    let socket = listening(Socket::from(listener))?;
    set_for_connections(&socket)?;
    Ok(Bound::Tcp(socket.into()))
}

fn unix(listener: UnixListener) -> io::Result<Bound> {
    Ok(Bound::Unix(listening(Socket::from(listener))?.into()))
}

fn listening(socket: Socket) -> io::Result<Socket> {
    if !rustix::net::sockopt::socket_acceptconn(&socket)? {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is connected, or bound alone"));
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}
