//! Refused: connections that never come to a request, heads that are none or too large, and streams beyond what is served. Counted each, and said seldom: anybody can make as many as they like.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::telemetry::metrics::{Metrics, RefusedConnection};
use crate::wire::Remote;
use crate::wire::proxy_header::BadHeader;

#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error(
        "trusted_proxies begin with a header of the PROXY protocol, and this one does not; switch it on there, or leave proxy_protocol out"
    )]
    ProxyHeaderMissing,
    #[error("a trusted proxy's header of the PROXY protocol cannot be read: {0}")]
    ProxyHeaderBad(BadHeader),
    #[error("a trusted proxy's header of the PROXY protocol did not come within {0:?}")]
    ProxyHeaderLate(Duration),
    #[error("a header of the PROXY protocol from somebody who is not in trusted_proxies; name the balancer there")]
    ProxyHeaderUntrusted,
    #[error("what came is no handshake of TLS")]
    NoHandshake,
    #[error("plain HTTP where TLS is spoken")]
    PlainHttp,
    #[error("the TLS handshake failed: {0}")]
    Handshake(String),
    #[error("the TLS handshake was not over within {0:?}")]
    HandshakeLate(Duration),
    #[error("the certificate of a session that was resumed lets nobody in any more: {0}")]
    ClientCertificate(rustls::Error),
    #[error("limits.connections is reached by requests over HTTP/2: a stream is refused, and can be tried again")]
    CrowdedStreams,
    #[error(
        "a request's head is larger than limits.header_bytes, or has more than a hundred fields: 431; cookies grow, or the limit is too small"
    )]
    HeadTooLarge,
    #[error("what came is no HTTP/1.1 request: 400 ({0})")]
    HeadMalformed(hyper::Error),
}

impl Refused {
    fn counted(&self) -> RefusedConnection {
        match self {
            Refused::ProxyHeaderMissing => RefusedConnection::ProxyHeaderMissing,
            Refused::ProxyHeaderBad(_) => RefusedConnection::ProxyHeaderBad,
            Refused::ProxyHeaderLate(_) => RefusedConnection::ProxyHeaderLate,
            Refused::ProxyHeaderUntrusted => RefusedConnection::ProxyHeaderUntrusted,
            Refused::NoHandshake | Refused::Handshake(_) => RefusedConnection::Handshake,
            Refused::PlainHttp => RefusedConnection::PlainHttp,
            Refused::HandshakeLate(_) => RefusedConnection::HandshakeLate,
            Refused::ClientCertificate(_) => RefusedConnection::ClientCertificate,
            Refused::CrowdedStreams => RefusedConnection::CrowdedStreams,
            Refused::HeadTooLarge => RefusedConnection::HeadTooLarge,
            Refused::HeadMalformed(_) => RefusedConnection::HeadMalformed,
        }
    }
}

/// How often each was, and when it was last said.
pub struct Refusals {
    metrics: Arc<Metrics>,
    kinds: [Kind; RefusedConnection::LABELS.len()],
}

#[derive(Default)]
struct Kind {
    since: AtomicU64,
    said: Mutex<Option<Instant>>,
}

impl Refusals {
    pub fn new(metrics: Arc<Metrics>) -> Refusals {
        Refusals { metrics, kinds: std::array::from_fn(|_| Kind::default()) }
    }

    /// Each at debug; the first of its kind in a while at info, with how many there were since the last that was said.
    pub fn say(&self, refused: &Refused, remote: Remote) {
        let counted = refused.counted();
        self.metrics.refused_connection(counted);
        let (reason, from) = (counted.label(), remote.address().map(tracing::field::display));
        match self.kinds[counted as usize].turn(Instant::now()) {
            Some(since) => tracing::info!(event = "connection_refused", reason, from, since, "{refused}"),
            None => tracing::debug!(event = "connection_refused", reason, from, "{refused}"),
        }
    }
}

impl Kind {
    /// How many there were since it was last said, this one included, if it may be said again.
    fn turn(&self, now: Instant) -> Option<u64> {
        self.since.fetch_add(1, Ordering::Relaxed);
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.is_some_and(|said| now.duration_since(said) < SELDOM) {
            return None;
        }
        *said = Some(now);
        Some(self.since.swap(0, Ordering::Relaxed))
    }
}

const SELDOM: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_said_now_and_then_with_its_size() {
        let (kind, now) = (Kind::default(), Instant::now());
        assert_eq!(kind.turn(now), Some(1));
        for millis in 0..1000 {
            assert_eq!(kind.turn(now + Duration::from_millis(millis)), None);
        }
        assert_eq!(kind.turn(now + SELDOM), Some(1001));
        assert_eq!(kind.turn(now + SELDOM), None);
    }
}
