//! Connection: one to the application. A task of its own drives it; this is the handle.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tokio::time::{Instant, Sleep, sleep};

use super::patience::{Patience, Wait};
use super::upload::{Progress, Upload};
use super::{Stream, UpstreamError, tls};
use crate::telemetry::metrics::Counted;

/// Dropped, it lets go of the application at once, whatever is under way.
pub struct Connection {
    sender: SendRequest<Upload>,
    task: AbortHandle,
    /// One for all requests of the connection: it is moved only when it fires too early.
    timer: Pin<Box<Sleep>>,
}

/// The connection's bytes, once it has switched protocols: its stream, and what was read of it already.
pub type Upgraded = oneshot::Receiver<(Stream, Bytes)>;

type Driver = http1::Connection<TokioIo<Stream>, Upload>;

/// Why an exchange came to nothing.
pub enum Failed {
    /// Nothing was sent; the request is unharmed.
    Unsent(Box<Request<Upload>>),
    /// The connection ended after the request was sent, at least in part, and before its answer.
    Dead(UpstreamError),
    /// Anything that trying again would not mend.
    Answered(UpstreamError),
}

impl Connection {
    pub fn new(sender: SendRequest<Upload>, driver: Driver, counted: Counted) -> Connection {
        let task = tokio::task::spawn_local(async move {
            let _counted = counted;
            // Its failures reach whoever waits for an answer; an idle one may end as it likes.
            let _ = driver.await;
        });
        Connection { sender, task: task.abort_handle(), timer: Box::pin(sleep(Duration::MAX)) }
    }

    pub fn upgradable(sender: SendRequest<Upload>, driver: Driver, counted: Counted) -> (Connection, Upgraded) {
        let (hand_over, upgraded) = oneshot::channel();
        let task = tokio::task::spawn_local(async move {
            let _counted = counted;
            if let Ok(parts) = driver.without_shutdown().await {
                let _ = hand_over.send((parts.io.into_inner(), parts.read_buf));
            }
        });
        (Connection { sender, task: task.abort_handle(), timer: Box::pin(sleep(Duration::MAX)) }, upgraded)
    }

    pub fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Whether it can take a request now.
    pub fn is_ready(&self) -> bool {
        self.sender.is_ready()
    }

    /// `wait`: for the response's head.
    pub async fn exchange(&mut self, request: Request<Upload>, wait: Wait) -> Result<Response<Incoming>, Failed> {
        let progress = request.body().progress();
        let patience = Patience { wait, since: Instant::now(), progress: progress.as_deref() };
        patience.arm(self.timer.as_mut());
        let mut answer = pin!(self.sender.try_send_request(request));
        let timer = &mut self.timer;
        poll_fn(|cx| {
            if let Poll::Ready(answer) = answer.as_mut().poll(cx) {
                return Poll::Ready(answer.map_err(|mut failed| match failed.take_message() {
                    Some(unsent) => Failed::Unsent(Box::new(unsent)),
                    None => classify(&failed.into_error(), progress.as_deref()),
                }));
            }
            patience.poll(timer.as_mut(), cx).map(|error| Err(Failed::Answered(error)))
        })
        .await
    }
}

#[cfg(test)]
impl Connection {
    /// Its end is on its way, and nobody has noticed yet.
    pub fn kill(&self) {
        self.task.abort();
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn classify(error: &hyper::Error, progress: Option<&Progress>) -> Failed {
    if let Some(error) = progress.and_then(Progress::error) {
        return Failed::Answered(error);
    }
    if error.is_parse() {
        return Failed::Answered(UpstreamError::Broken(error.to_string()));
    }
    Failed::Dead(match tls::refusal(error) {
        Some(why) => UpstreamError::Tls(why),
        None => UpstreamError::Closed(error.to_string()),
    })
}
