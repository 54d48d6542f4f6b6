//! The lists behind one lock: sessions ended here, results of refreshes, who waits, what the provider has ended, and attempts that are spent.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use tokio::sync::Notify;

use super::named::{Name, Named};
use super::{Ended, KEPT_AFTER_SEEN, Renewed, Watched};
use crate::clock::Timestamp;
use crate::session::SessionId;
use crate::store::expiring::Expiring;

/// What `Memory` holds.
pub struct Remembered {
    capacity: usize,
    /// What the provider has ended, by its own names.
    pub named: Named,
    /// Ended here, until they would have ended by themselves.
    pub ended: Expiring<SessionId, End>,
    /// The latest refresh of each session whose browser may not have its cookies yet.
    pub kept: HashMap<SessionId, Kept>,
    /// The same, by the moment they may be forgotten.
    pub kept_order: BTreeSet<(Timestamp, SessionId)>,
    /// The same, by age.
    pub kept_age: BTreeSet<(Timestamp, SessionId)>,
    /// Who is to be told when a session ends: tunnels, event streams.
    pub watched: HashMap<SessionId, Watched>,
    /// Attempts whose callback has come, for as long as their cookies live.
    pub spent: Expiring<Name, ()>,
    /// Of those that were kept.
    evictions: u64,
}

/// How a session ended, and whether its browser knows.
#[derive(Clone, Copy)]
pub struct End {
    pub how: How,
    /// An answer has deleted the cookies.
    pub told: bool,
}

/// What ended a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// `invalid_grant`, another user's answer.
    Refused,
    SignedOut,
    /// A sign-in over it.
    Replaced,
}

/// A refresh, kept until its cookies have been seen.
pub struct Kept {
    pub renewed: Arc<Renewed>,
    /// When it was kept: the oldest goes first where there is no room.
    pub since: Timestamp,
    /// The session's end; once a browser was seen with it, a minute after that.
    pub until: Timestamp,
    /// A browser has sent its cookies.
    pub seen: bool,
}

impl Remembered {
    pub fn new(capacity: usize) -> Remembered {
        Remembered {
            capacity,
            named: Named::new(capacity),
            ended: Expiring::new(capacity),
            kept: HashMap::new(),
            kept_order: BTreeSet::new(),
            kept_age: BTreeSet::new(),
            watched: HashMap::new(),
            spent: Expiring::new(capacity),
            evictions: 0,
        }
    }

    /// Gives who waits for it.
    pub fn end(&mut self, id: SessionId, until: Timestamp, how: How) -> Option<Arc<Notify>> {
        self.forget_kept(id);
        let mut end = End { how, told: false };
        if let Some(before) = self.ended.get(id) {
            end.told = before.told;
            // Who saw to the cookies did; of two who did, the later.
            if how == How::Refused {
                end.how = before.how;
            }
        }
        self.ended.prolong(id, end, until);
        self.watched.get(&id).map(|watched| watched.notify.clone())
    }

    /// Unless the session has ended. An older generation than the one that is kept changes nothing.
    pub fn keep(&mut self, renewed: Arc<Renewed>, now: Timestamp) -> Result<(), Ended> {
        let (id, generation, until) = (renewed.session.id, renewed.session.generation, renewed.session.expires_at);
        if self.ended.contains(id) {
            return Err(Ended);
        }
        if self.kept.get(&id).is_some_and(|kept| kept.renewed.session.generation >= generation) {
            return Ok(());
        }
        self.forget_kept(id);
        if self.kept.len() >= self.capacity
            && let Some((_, oldest)) = self.kept_age.first().copied()
        {
            self.forget_kept(oldest);
            self.evictions += 1;
        }
        self.kept_order.insert((until, id));
        self.kept_age.insert((now, id));
        self.kept.insert(id, Kept { renewed, since: now, until, seen: false });
        Ok(())
    }

    /// A browser has sent this generation: what is kept of it is needed for a minute more, by requests that were under way.
    pub fn seen(&mut self, id: SessionId, generation: u32, now: Timestamp) {
        let Some(kept) = self.kept.get_mut(&id) else { return };
        if generation < kept.renewed.session.generation {
            return;
        }
        if !kept.seen {
            self.kept_order.remove(&(kept.until, id));
            kept.seen = true;
            kept.until = kept.until.min(now + KEPT_AFTER_SEEN);
            self.kept_order.insert((kept.until, id));
        }
        self.tidy(now);
    }

    /// The refresh alone: whether the session has ended stays known.
    pub fn forget_kept(&mut self, id: SessionId) {
        let Some(kept) = self.kept.remove(&id) else { return };
        self.kept_order.remove(&(kept.until, id));
        self.kept_age.remove(&(kept.since, id));
    }

    /// Forgets whatever may be forgotten at `now`.
    pub fn tidy(&mut self, now: Timestamp) {
        self.named.tidy(now);
        self.ended.tidy(now);
        self.spent.tidy(now);
        while let Some((_, id)) = self.kept_order.first().copied().filter(|(until, _)| *until <= now) {
            self.forget_kept(id);
        }
    }

    /// Sessions that had to go before their time.
    pub fn evictions(&self) -> u64 {
        self.evictions + self.ended.evictions()
    }
}
