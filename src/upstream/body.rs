//! Body: what a response carries; an enum, so that no response is boxed.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::bound::{Bound, Ending, Farewell};
use super::download::Download;

/// The body of a response to the client.
pub enum Body {
    Empty,
    Full(Option<Bytes>),
    /// The application's, as it comes.
    Upstream(Download),
    /// The same, until a session is over.
    Bound(Bound),
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
            Body::Upstream(_) | Body::Bound(_) => None,
        }
    }

    /// Whether the request that it answers is still being sent.
    pub fn is_sending(&self) -> bool {
        matches!(self, Body::Upstream(download) if download.is_sending())
    }

    /// A stream that stops, with this farewell, when `end` returns.
    pub fn ending(self, end: Ending, farewell: Farewell) -> Body {
        match self {
            Body::Upstream(download) => Body::Bound(Bound::new(download, end, farewell)),
            Body::Empty | Body::Full(_) | Body::Bound(_) => self,
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
            Body::Bound(bound) => bound.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Body::Empty => true,
            Body::Full(bytes) => bytes.is_none(),
            Body::Upstream(download) => download.is_end_stream(),
            Body::Bound(bound) => bound.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Body::Empty => SizeHint::with_exact(0),
            Body::Full(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Body::Upstream(download) => download.size_hint(),
            Body::Bound(bound) => bound.size_hint(),
        }
    }
}
