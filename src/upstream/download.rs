//! Download: a response's body on its way to the client.

use std::error::Error;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;

use super::connection::Connection;
use super::http2::{Hold, Received};
use super::pool::Pool;
use super::upload::Progress;

/// Why no more of it comes.
pub type Lost = Box<dyn Error + Send + Sync>;

/// Streams the application's body and gives its connection back at the end. An application that breaks off breaks this off too: what is
/// cut short never looks complete. Dropped early, it lets go of the application.
pub struct Download {
    source: Source,
    lease: Option<Lease>,
}

/// Where the body comes from.
pub enum Source {
    /// From a connection of its own.
    Own(Incoming),
    /// From a stream among others.
    Shared(Received),
    /// From nowhere any more, though that was not its end.
    Cut,
}

/// What the body comes over.
pub enum Lease {
    Own(Own),
    Shared(Hold),
}

/// A connection that nobody else uses.
pub struct Own {
    pub connection: Connection,
    pub pool: Pool,
    /// How long the application says it keeps an idle connection.
    pub keeps: Option<Duration>,
    /// What is still being sent of the request.
    pub upload: Option<Rc<Progress>>,
}

impl Lease {
    /// A connection whose request is still being sent cannot carry another: it is dropped, and what the client still sends with it
    /// (RFC 9112 §9.3; security case S-21). On a shared one only the stream is.
    pub fn give_back(self) {
        match self {
            Lease::Own(own) if own.upload.as_ref().is_none_or(|upload| upload.ended()) => {
                own.pool.put(own.connection, own.keeps);
            }
            Lease::Own(_) | Lease::Shared(_) => {}
        }
    }

    /// How long the application says that it keeps the connection, heard from its head. A shared one has its own rules.
    pub fn keeps(&mut self, keeps: Option<Duration>) {
        if let Lease::Own(own) = self {
            own.keeps = keeps;
        }
    }

    /// How far the request's body has come.
    pub fn upload(&self) -> Option<&Progress> {
        match self {
            Lease::Own(own) => own.upload.as_deref(),
            Lease::Shared(hold) => hold.upload.as_deref(),
        }
    }
}

impl Source {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Lost>>> {
        match self {
            Source::Own(body) => Pin::new(body).poll_frame(cx).map_err(Into::into),
            // Its reason goes on to a client of HTTP/2, too.
            Source::Shared(body) => body.poll_frame(cx).map_err(Into::into),
            Source::Cut => Poll::Ready(None),
        }
    }

    pub fn is_end_stream(&self) -> bool {
        match self {
            Source::Own(body) => body.is_end_stream(),
            Source::Shared(body) => body.is_end_stream(),
            Source::Cut => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Source::Own(body) => body.size_hint(),
            Source::Shared(body) => body.size_hint(),
            Source::Cut => SizeHint::default(),
        }
    }
}

impl Download {
    /// Gives `lease` back when `source` has ended well.
    pub fn new(source: Source, lease: Lease) -> Download {
        Download { source, lease: Some(lease) }
    }

    /// The client, or the way to the application, still has something of the request.
    pub fn is_sending(&self) -> bool {
        self.lease.as_ref().and_then(Lease::upload).is_some_and(|upload| !upload.ended())
    }

    /// Lets go of the application, unless the answer is spared and its request has all been sent. Whether it is cut.
    pub fn cut(&mut self, spares_answer: bool) -> bool {
        if let Source::Cut = self.source {
            return true;
        }
        if spares_answer && !self.is_sending() {
            return false;
        }
        self.lease = None;
        self.source = Source::Cut;
        true
    }

    pub fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Lost>>> {
        let frame = ready!(self.source.poll_frame(cx));
        let over = match &frame {
            None => true,
            Some(Ok(frame)) => frame.is_trailers() || self.source.is_end_stream(),
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
        self.source.is_end_stream()
    }

    /// As far as the application's head says it.
    pub fn size_hint(&self) -> SizeHint {
        self.source.size_hint()
    }
}
