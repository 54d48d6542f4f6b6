//! Shared: one worker's connections of HTTP/2 to the application; as few as have room for all that is under way.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::UpstreamError;
use super::http2::{Http2, Seat};

#[derive(Default)]
pub struct Shared {
    /// The oldest first: what comes later is let go when there is less to do.
    connections: RefCell<Vec<Rc<Http2>>>,
    opening: RefCell<Option<Opening>>,
    /// An exchange is over.
    pub freed: Rc<Notify>,
}

/// A connection that is being opened; everybody who waits for one waits for this.
pub type Opening = futures_util::future::Shared<Pin<Box<dyn Future<Output = Result<(), UpstreamError>>>>>;

impl Shared {
    /// Room for a request on what stands.
    pub fn seat(&self) -> Option<Seat> {
        self.connections.borrow().iter().find_map(Http2::seat)
    }

    pub fn add(&self, connection: Rc<Http2>) {
        self.connections.borrow_mut().push(connection);
    }

    /// What is being opened, or `open` as a task of its own: nobody's leaving ends it.
    pub fn opening<F>(self: &Rc<Shared>, open: impl FnOnce() -> F) -> Opening
    where
        F: Future<Output = Result<(), UpstreamError>> + 'static,
    {
        if let Some(opening) = &*self.opening.borrow() {
            return opening.clone();
        }
        let (tell, told) = oneshot::channel();
        let (open, shared) = (open(), Rc::clone(self));
        tokio::task::spawn_local(async move {
            let opened = open.await;
            shared.opening.take();
            let _ = tell.send(opened);
        });
        let lost = || UpstreamError::Connect("it was given up".to_owned());
        let told = async move { told.await.unwrap_or_else(|_| Err(lost())) };
        let opening: Opening = (Box::pin(told) as Pin<Box<dyn Future<Output = _>>>).shared();
        self.opening.replace(Some(opening.clone()));
        opening
    }

    /// Lets go of what is over, and of what nobody has used for so long: a GOAWAY says so (RFC 9113 §6.8). Whether anything is left.
    pub fn reap(&self, idle: Duration, now: Instant) -> bool {
        let mut connections = self.connections.borrow_mut();
        connections.retain(|connection| {
            connection.is_open() && connection.idle_since().is_none_or(|since| since + idle > now)
        });
        !connections.is_empty()
    }
}
