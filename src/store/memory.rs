//! What this process remembers about sessions: refreshed ones their browser has not been seen with, and ended ones. Small, bounded, shared by
//! all workers; one relaxed atomic load where it is empty.

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::session::{Session, SessionId, Tokens};

/// A session as a refresh left it.
#[derive(Debug, PartialEq)]
pub struct Renewed {
    pub session: Session,
    pub tokens: Arc<Tokens>,
}

/// This session was ended: nothing seals it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the session has ended")]
pub struct Ended;

#[derive(Clone)]
pub struct Memory {
    _shared: Arc<()>,
}

impl Memory {
    /// `capacity`: sessions remembered of each kind; beyond it the oldest go.
    pub fn new(capacity: usize) -> Memory {
        let _ = capacity;
        todo!()
    }

    /// Ends a session for this process until its absolute end; forgets what was kept for it; wakes its tunnels.
    pub fn end(&self, id: SessionId, until: Timestamp) {
        let _ = (id, until);
        todo!()
    }

    pub fn is_ended(&self, id: SessionId) -> bool {
        let _ = id;
        todo!()
    }

    /// Keeps a refresh's result until the browser has been seen with it (at least a minute; at most the session's life).
    pub fn keep(&self, renewed: Arc<Renewed>, now: Timestamp) -> Result<(), Ended> {
        let _ = (renewed, now);
        todo!()
    }

    /// The kept result, where it is newer than what came.
    pub fn newer(&self, id: SessionId, generation: u32) -> Option<Arc<Renewed>> {
        let _ = (id, generation);
        todo!()
    }

    /// A request came with this generation of both parts: the kept result may go once its minute is over.
    pub fn seen(&self, id: SessionId, generation: u32, now: Timestamp) {
        let _ = (id, generation, now);
        todo!()
    }

    /// Returns when the session is ended (sign-out, `invalid_grant`, change of user). For tunnels and event streams.
    pub async fn ended(&self, id: SessionId) {
        let _ = id;
        todo!()
    }
}
