//! Body: what a response carries; an enum, so that no response is boxed.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};

use super::download::Download;

/// The body of a response to the client.
pub enum Body {
    Empty,
    Full(Option<Bytes>),
    /// The application's, as it comes.
    Upstream(Download),
}

/// Returns when something is over: a session.
pub type Ending = Pin<Box<dyn Future<Output = ()>>>;

/// How a stream stops whose session is over.
pub enum Farewell {
    /// As if that were all of it: events have no end of their own.
    Silence,
    Trailers(HeaderMap),
    /// Broken off, where a proper end would pass for a whole answer.
    Abort,
}

impl Body {
    pub fn full(bytes: impl Into<Bytes>) -> Body {
        Body::Full(Some(bytes.into()))
    }

    /// All of it, where it is the gate's own; `None`: it is still to come.
    pub fn whole(self) -> Option<Bytes> {
        match self {
            Body::Empty => Some(Bytes::new()),
            Body::Full(bytes) => Some(bytes.unwrap_or_default()),
            Body::Upstream(_) => None,
        }
    }

    /// A stream that stops, with this farewell, when `end` returns.
    pub fn ending(self, end: Ending, farewell: Farewell) -> Body {
        match self {
            Body::Upstream(download) => Body::Upstream(download.ending(end, farewell)),
            Body::Empty | Body::Full(_) => self,
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.get_mut() {
            Body::Empty => Poll::Ready(None),
            Body::Full(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Body::Upstream(download) => download.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Body::Empty => true,
            Body::Full(bytes) => bytes.is_none(),
            Body::Upstream(download) => download.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Body::Empty => SizeHint::with_exact(0),
            Body::Full(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Body::Upstream(download) => download.size_hint(),
        }
    }
}
