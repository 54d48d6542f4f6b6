//! Entrance: what a connection goes through before its first request, each step with a time of its own: the header of the PROXY protocol, and TLS.

mod first_bytes;
mod handshake;
mod proxy;
mod refused;

use std::sync::Arc;

use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use self::refused::Refusals;
pub use self::refused::Refused;
use super::arrival::Agreed;
use super::connection::{LAST_WORD, linger};
use super::peer::Peer;
use super::tls::Tls;
use super::worker::Floor;
use crate::telemetry::metrics::Metrics;
use crate::upstream::Stream;
use crate::wire::{Remote, Trust};

/// One for all listeners and workers.
pub struct Entrance {
    /// From whom a header of the PROXY protocol is taken, and demanded; `None`: it is not spoken.
    proxies: Option<Trust>,
    /// For what comes by TCP; `None`: everything is plain.
    tls: Option<Arc<Tls>>,
    refusals: Refusals,
}

/// Why there is nobody to serve.
enum End {
    Refused(Refused),
    /// Refused, with a last word that is to arrive.
    Told(Refused, Stream, &'static [u8]),
    /// It closed before it said anything, or was silent for too long.
    Gone,
}

impl Entrance {
    pub fn new(proxies: Option<Trust>, tls: Option<Arc<Tls>>, metrics: Arc<Metrics>) -> Entrance {
        Entrance { proxies, tls, refusals: Refusals::new(metrics) }
    }

    /// The connection as its first request finds it. `None`: it has been refused, or it ended by itself.
    pub async fn enter(&self, stream: Stream, remote: Remote, floor: &Floor) -> Option<(Stream, Agreed, Peer)> {
        match self.go_through(stream, remote, floor).await {
            Ok(entered) => Some(entered),
            Err(End::Gone) => None,
            Err(End::Refused(why)) => {
                self.refusals.say(&why, remote);
                None
            }
            Err(End::Told(why, mut stream, last_word)) => {
                self.refusals.say(&why, remote);
                // Whoever takes nothing is not waited for.
                if matches!(timeout(LAST_WORD, stream.write_all(last_word)).await, Ok(Ok(()))) {
                    linger(stream).await;
                }
                None
            }
        }
    }

    /// Tells of what is refused behind the entrance, before anybody else has heard of it.
    pub fn tell(&self, refused: &Refused, remote: Remote) {
        self.refusals.say(refused, remote);
    }

    /// Whether what comes by this way is TLS, so that nothing can be said to it in the clear.
    pub fn is_tls(&self, remote: Remote) -> bool {
        self.tls.is_some() && remote != Remote::Unix
    }

    async fn go_through(
        &self,
        mut stream: Stream,
        remote: Remote,
        floor: &Floor,
    ) -> Result<(Stream, Agreed, Peer), End> {
        let remote = match &self.proxies {
            None => remote,
            Some(trust) => proxy::read(&mut stream, remote, trust, floor).await?,
        };
        match (&self.tls, stream) {
            (Some(tls), Stream::Tcp(stream)) => {
                let (stream, agreed, secured) = handshake::shake_hands(stream, tls, floor).await?;
                Ok((stream, agreed, Peer::new(remote, Some(secured))))
            }
            (Some(_) | None, stream) => Ok((stream, Agreed::Nothing, Peer::new(remote, None))),
        }
    }
}
