//! Download: a response's body on its way to the client.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;

use super::body::Ending;
use super::connection::Connection;
use super::pool::Pool;
use super::upload::Progress;

/// Streams the application's body and gives its connection back at the end. An application that breaks off breaks this off too: what is
/// cut short never looks complete. Dropped early, it lets go of the application.
pub struct Download {
    body: Incoming,
    lease: Option<Lease>,
    end: Option<Ending>,
}

/// The connection that the body comes over.
pub struct Lease {
    pub connection: Connection,
    pub pool: Pool,
    /// How long the application says it keeps an idle connection.
    pub keeps: Option<Duration>,
    pub upload: Option<Rc<Progress>>,
}

impl Lease {
    /// A connection whose request is still being sent cannot carry another: it is dropped, and what the client still sends with it
    /// (RFC 9112 §9.3; security case S-21).
    pub fn give_back(self) {
        if self.upload.is_none_or(|upload| upload.ended()) {
            self.pool.put(self.connection, self.keeps);
        }
    }
}

impl Download {
    pub fn new(body: Incoming, lease: Lease) -> Download {
        Download { body, lease: Some(lease), end: None }
    }

    pub fn ending(self, end: Ending) -> Download {
        Download { end: Some(end), ..self }
    }

    pub fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if let Some(end) = &mut self.end
            && end.as_mut().poll(cx).is_ready()
        {
            self.lease = None;
            return Poll::Ready(None);
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        let over = match &frame {
            None => true,
            Some(Ok(frame)) => frame.is_trailers() || self.body.is_end_stream(),
            Some(Err(_)) => {
                self.lease = None;
                false
            }
        };
        if over && let Some(lease) = self.lease.take() {
            lease.give_back();
        }
        Poll::Ready(frame)
    }

    pub fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    pub fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
