//! Bound: an answer's body that does not outlive a session, whether or not its client takes anything of it.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::{FutureExt as _, Shared};
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use tokio::task::AbortHandle;

use super::download::{Download, Lost};

/// Returns when something is over: a session. All clones of it do.
pub type Ending = Shared<Pin<Box<dyn Future<Output = ()>>>>;

/// A future as what may be waited for in many places.
pub fn ending(end: impl Future<Output = ()> + 'static) -> Ending {
    let end: Pin<Box<dyn Future<Output = ()>>> = Box::pin(end);
    end.shared()
}

/// How a stream stops whose session is over.
pub enum Farewell {
    /// As if that were all of it: events have no end of their own.
    Silence,
    Trailers(HeaderMap),
    /// Broken off, where a proper end would pass for a whole answer.
    Abort,
    /// The same, if its request is still being sent; else it goes on.
    AbortSending,
}

/// The application's side of it is let go of at the end by a task of its own: a client that takes nothing is not asked.
pub struct Bound {
    download: Rc<RefCell<Download>>,
    end: Option<(Ending, Farewell)>,
    guard: AbortHandle,
}

impl Bound {
    /// Says `farewell` once `end` has returned.
    pub fn new(download: Download, end: Ending, farewell: Farewell) -> Bound {
        let download = Rc::new(RefCell::new(download));
        let (guarded, over, spares) = (Rc::downgrade(&download), end.clone(), farewell.spares_answers());
        let guard = tokio::task::spawn_local(async move {
            over.await;
            if let Some(download) = guarded.upgrade() {
                download.borrow_mut().cut(spares);
            }
        });
        Bound { download, end: Some((end, farewell)), guard: guard.abort_handle() }
    }

    pub fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Lost>>> {
        let mut download = self.download.borrow_mut();
        if let Some((_, farewell)) = self.end.take_if(|(end, _)| end.poll_unpin(cx).is_ready())
            && download.cut(farewell.spares_answers())
        {
            return Poll::Ready(match farewell {
                Farewell::Silence => None,
                Farewell::Trailers(trailers) => Some(Ok(Frame::trailers(trailers))),
                Farewell::Abort | Farewell::AbortSending => Some(Err("the session is over".into())),
            });
        }
        download.poll_frame(cx)
    }

    pub fn is_end_stream(&self) -> bool {
        self.download.borrow().is_end_stream()
    }

    pub fn size_hint(&self) -> SizeHint {
        self.download.borrow().size_hint()
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        self.guard.abort();
    }
}

impl Farewell {
    fn spares_answers(&self) -> bool {
        matches!(self, Farewell::AbortSending)
    }
}
