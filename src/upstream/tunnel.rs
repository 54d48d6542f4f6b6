//! Tunnel: a WebSocket's bytes between client and application, both ways, until either ends it or its session does.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, copy, sink};
use tokio::time::{Instant, sleep, timeout};

use super::Stream;
use super::frames;
use super::splice::Half;
use crate::telemetry::metrics::{Counted, Metrics};

/// The application's side of a connection that has switched protocols.
pub struct Tunnel {
    stream: Stream,
    /// What the application sent right behind its 101.
    read: Bytes,
    counted: Counted,
}

/// Why a tunnel is ended from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The session is over: signed out, or its lifetime.
    SessionOver,
    /// This process is.
    GoingAway,
}

impl Tunnel {
    pub fn new(stream: Stream, read: Bytes, metrics: &Metrics) -> Tunnel {
        Tunnel { stream, read, counted: metrics.tunnel() }
    }

    /// Copies until both sides have ended or closed, or `stop` returns: then both are told, between two frames, and get a moment to answer. `read`:
    /// what came from the client already.
    pub async fn run<C>(self, mut client: C, read: Bytes, stop: impl Future<Output = Cause>)
    where
        C: AsyncRead + AsyncWrite + Unpin,
    {
        let Tunnel { stream: mut application, read: sent_early, counted: _counted } = self;
        let (mut up, mut down) = (Half::new(read), Half::new(sent_early));
        let mut stop = pin!(stop);
        let mut stopping = false;
        let mut patience = pin!(sleep(Duration::MAX));
        let mut limited = false;
        let parted = poll_fn(|cx| {
            if !stopping && let Poll::Ready(cause) = stop.as_mut().poll(cx) {
                stopping = true;
                limited = true;
                patience.as_mut().reset(Instant::now() + FAREWELL);
                up.finish_with(frames::close(CLIENT_GONE.0, CLIENT_GONE.1, Some(masking_key())));
                let (code, reason) = cause.close();
                down.finish_with(frames::close(code, reason, None));
            }
            let (Ok(up_over), Ok(down_over)) =
                (over(up.poll(&mut client, &mut application, cx)), over(down.poll(&mut application, &mut client, cx)))
            else {
                return Poll::Ready(false);
            };
            if up.parted() && down.parted() {
                return Poll::Ready(true);
            }
            if up_over && down_over {
                return Poll::Ready(false);
            }
            if (up_over || down_over) && !limited {
                limited = true;
                patience.as_mut().reset(Instant::now() + HALF_OPEN);
            }
            if limited { patience.as_mut().poll(cx).map(|()| false) } else { Poll::Pending }
        })
        .await;
        // Both have said all there is to say, and neither need end by itself: servers do so first (RFC 6455 §7.1.1), which is the gate towards the
        // client and the application towards the gate.
        let leave_client = async {
            // A stream of HTTP/2 is at its end only when the client has taken all of it.
            let _ = client.shutdown().await;
            if parted {
                let _ = copy(&mut client, &mut sink()).await;
            }
        };
        let leave_application = async {
            if parted {
                let _ = timeout(APPLICATION_FIRST, copy(&mut application, &mut sink())).await;
                let _ = application.shutdown().await;
                let _ = copy(&mut application, &mut sink()).await;
            }
        };
        let _ = timeout(FAREWELL, async { tokio::join!(leave_client, leave_application) }).await;
    }
}

impl Cause {
    /// Status and reason for the client. 4401 is the gate's own (RFC 6455 §7.4.2): sign in again.
    fn close(self) -> (u16, &'static str) {
        match self {
            Cause::SessionOver => (4401, "session over"),
            Cause::GoingAway => (1001, "going away"),
        }
    }
}

fn over(half: Poll<io::Result<()>>) -> io::Result<bool> {
    match half {
        Poll::Ready(result) => result.map(|()| true),
        Poll::Pending => Ok(false),
    }
}

/// Unpredictable, so that no payload can be chosen for what lies between (RFC 6455 §10.3); ours is fixed anyway.
fn masking_key() -> [u8; 4] {
    let mut key = [0; 4];
    let _ = getrandom::fill(&mut key);
    key
}

/// To the application it is as if the browser had left the page.
const CLIENT_GONE: (u16, &str) = (1001, "going away");
/// For the application to end its side once both have closed.
const APPLICATION_FIRST: Duration = Duration::from_secs(1);
/// For both sides to answer a close.
const FAREWELL: Duration = Duration::from_secs(2);
/// For one side to end after the other has.
const HALF_OPEN: Duration = Duration::from_secs(30);
