//! Entrance: what a connection goes through before its first request, each step with a time of its own: the header of the PROXY protocol.

mod first_bytes;
mod proxy;
mod refused;

use std::sync::Arc;

use self::refused::Refusals;
use super::peer::Peer;
use super::worker::Floor;
use crate::telemetry::metrics::Metrics;
use crate::upstream::Stream;
use crate::wire::{Remote, Trust};

/// One for all listeners and workers.
pub struct Entrance {
    /// From whom a header of the PROXY protocol is taken, and demanded; `None`: it is not spoken.
    proxies: Option<Trust>,
    refusals: Refusals,
}

impl Entrance {
    pub fn new(proxies: Option<Trust>, metrics: Arc<Metrics>) -> Entrance {
        Entrance { proxies, refusals: Refusals::new(metrics) }
    }

    /// The connection as its first request finds it. `None`: it has been refused, or it ended by itself.
    pub async fn enter(&self, mut stream: Stream, remote: Remote, floor: &Floor) -> Option<(Stream, Peer)> {
        let remote = match &self.proxies {
            None => remote,
            Some(trust) => match proxy::read(&mut stream, remote, trust, floor).await {
                Ok(named) => named,
                Err(proxy::End::Refused(why)) => {
                    self.refusals.say(&why, remote);
                    return None;
                }
                Err(proxy::End::Gone) => return None,
            },
        };
        Some((stream, Peer::new(remote)))
    }
}
