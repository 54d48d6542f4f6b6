//! Proxy: reads the header of the PROXY protocol off a connection that has just been accepted.
//!
//! Who is in `trusted_proxies` must send one, and nobody else may: a balancer that forgot it would make all its clients one, and a client that
//! could send one would be whom it likes.

use tokio::io::AsyncReadExt;
use tokio::time::timeout;

use super::End;
use super::first_bytes::{look, patiently};
use super::refused::Refused;
use crate::server::worker::Floor;
use crate::upstream::Stream;
use crate::wire::proxy_header::{self, LONGEST, Opening, Source};
use crate::wire::{Remote, Trust};

/// Whose connection it is. Of it, the header has been taken, and nothing else.
///
/// `limits.header_timeout` is for a proxy's whole header; for anybody else's first bytes, from the first on, as long as they could become one.
pub async fn read(stream: &mut Stream, remote: Remote, trust: &Trust, floor: &Floor) -> Result<Remote, End> {
    if !trust.trusts(remote) {
        return match patiently(floor, floor.limits.idle_timeout, look(stream, 0, &mut [0])).await {
            Some(Ok(1..)) => must_send_none(stream, remote, floor).await,
            Some(Ok(0) | Err(_)) | None => Err(End::Gone),
        };
    }
    let within = floor.limits.header_timeout;
    match timeout(within, whole(stream)).await {
        Err(_) => Err(End::Refused(Refused::ProxyHeaderLate(within))),
        Ok(None) => Err(End::Gone),
        Ok(Some(Err(bad))) => Err(End::Refused(Refused::ProxyHeaderBad(bad))),
        Ok(Some(Ok(Opening::Begun | Opening::Other))) => Err(End::Refused(Refused::ProxyHeaderMissing)),
        Ok(Some(Ok(Opening::Header { length, says }))) => {
            stream.read_exact(&mut vec![0; length]).await.map_err(|_| End::Gone)?;
            Ok(match says {
                Source::Client(address) => Remote::Address(address),
                Source::Proxy => remote,
                Source::Unnamed => Remote::Unnamed,
            })
        }
    }
}

async fn must_send_none(stream: &Stream, remote: Remote, floor: &Floor) -> Result<Remote, End> {
    let within = floor.limits.header_timeout;
    match timeout(within, whole(stream)).await {
        // Its first request's head is not here either.
        Err(_) | Ok(None) => Err(End::Gone),
        Ok(Some(Ok(Opening::Begun | Opening::Other))) => Ok(remote),
        Ok(Some(Ok(Opening::Header { .. }) | Err(_))) => Err(End::Refused(Refused::ProxyHeaderUntrusted)),
    }
}

/// What the connection begins with, as soon as that is clear. `None`: it ended before it began. One that ends in its midst has begun.
async fn whole(stream: &Stream) -> Option<Result<Opening, proxy_header::BadHeader>> {
    let mut bytes = vec![0; LONGEST];
    let mut known = 0;
    loop {
        let len = look(stream, known, &mut bytes).await.ok()?;
        if len == 0 {
            return None;
        }
        let opening = proxy_header::opening(&bytes[..len]);
        if opening != Ok(Opening::Begun) || len == known {
            return Some(opening);
        }
        known = len;
    }
}
