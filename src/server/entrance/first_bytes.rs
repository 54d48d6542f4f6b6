//! First bytes: a look at what a client has sent, without taking it.

use std::future::Future;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use rustix::net::{RecvFlags, recv};
use tokio::io::{Interest, Ready};
use tokio::time::timeout;

use crate::server::drain::Stage;
use crate::server::watchman::LAST_CALL;
use crate::server::worker::Floor;
use crate::upstream::Stream;

/// Waits until more than `known` bytes have come, and shows them from the first on. As many as `known`, or fewer: no more will come.
///
/// Taken out of the socket by whoever reads next: nothing has to be carried along and put back in front.
pub async fn look(stream: &Stream, known: usize, bytes: &mut [u8]) -> io::Result<usize> {
    loop {
        let ready = ready(stream).await?;
        match try_look(stream, known, bytes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                // Nothing resets this readiness: waiting again would not wait.
                if ready.is_read_closed() {
                    return Ok(known);
                }
            }
            looked => return looked,
        }
    }
}

/// What a client that has sent nothing yet is waited for: at most `patience`, and in a drain no longer than any idle one. `None`: in vain.
pub async fn patiently<T>(floor: &Floor, patience: Duration, first: impl Future<Output = T>) -> Option<T> {
    let leaving = async {
        floor.reached(Stage::Finishing).await;
        tokio::time::sleep(LAST_CALL).await;
    };
    tokio::select! {
        biased;
        came = timeout(patience, first) => came.ok(),
        () = leaving => None,
    }
}

async fn ready(stream: &Stream) -> io::Result<Ready> {
    match stream {
        Stream::Tcp(stream) => stream.ready(Interest::READABLE).await,
        Stream::Unix(stream) => stream.ready(Interest::READABLE).await,
        Stream::Tls(_) | Stream::Http2(_) => Err(io::ErrorKind::Unsupported.into()),
    }
}

fn try_look(stream: &Stream, known: usize, bytes: &mut [u8]) -> io::Result<usize> {
    match stream {
        Stream::Tcp(stream) => stream.try_io(Interest::READABLE, || peek(stream.as_fd(), known, bytes)),
        Stream::Unix(stream) => stream.try_io(Interest::READABLE, || peek(stream.as_fd(), known, bytes)),
        Stream::Tls(_) | Stream::Http2(_) => Err(io::ErrorKind::Unsupported.into()),
    }
}

fn peek(socket: BorrowedFd<'_>, known: usize, bytes: &mut [u8]) -> io::Result<usize> {
    let (_, len) = recv(socket, bytes, RecvFlags::PEEK)?;
    // No more than before is nothing new: the runtime is told to wait.
    if len > known || len == 0 { Ok(len) } else { Err(io::ErrorKind::WouldBlock.into()) }
}
