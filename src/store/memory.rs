//! What this process remembers about sessions: refreshed ones their browser has not been seen with, and ended ones. Small, bounded, shared by
//! all workers; one relaxed atomic load where it is empty.
//!
//! Other processes know nothing of it: a replica beside this one still takes an ended session's cookie until it expires.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

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
    shared: Arc<Shared>,
}

impl Memory {
    /// `capacity`: sessions remembered of each kind; beyond it the oldest go (of the ended ones those that would expire first).
    pub fn new(capacity: usize) -> Memory {
        let remembered = Remembered { capacity: capacity.max(1), ..Remembered::default() };
        Memory { shared: Arc::new(Shared { remembered: Mutex::new(remembered), ..Shared::default() }) }
    }

    /// Ends a session for this process until its absolute end; forgets what was kept for it; wakes its tunnels. Its browser is yet to be told: every
    /// answer to it may delete the cookies.
    pub fn end(&self, id: SessionId, until: Timestamp) {
        self.end_as(id, until, How::Refused);
    }

    /// The same by a sign-in over it, whose answer replaces the cookies itself. Every other answer leaves them alone, since it may arrive after that one.
    pub fn end_and_clear(&self, id: SessionId, until: Timestamp) {
        self.end_as(id, until, How::Replaced);
    }

    /// The same by a sign-out, whose answer deletes the cookies itself and leaves the marker. Both may be lost or come late: this is remembered for
    /// the page loads that still carry the cookies.
    pub fn sign_out(&self, id: SessionId, until: Timestamp) {
        self.end_as(id, until, How::SignedOut);
    }

    fn end_as(&self, id: SessionId, until: Timestamp, how: How) {
        let mut remembered = self.shared.lock();
        remembered.forget_kept(id);
        remembered.end(id, End { until, how, told: false });
        let tunnels = remembered.watched.get(&id).map(|watched| watched.notify.clone());
        self.shared.publish(remembered);
        if let Some(tunnels) = tunnels {
            tunnels.notify_waiters();
        }
    }

    pub fn is_ended(&self, id: SessionId) -> bool {
        self.shared.ended.load(Ordering::Relaxed) > 0 && self.shared.lock().ended.contains_key(&id)
    }

    /// Whether it was ended by an answer that saw to the cookies itself.
    pub fn is_cleared(&self, id: SessionId) -> bool {
        self.how(id).is_some_and(|how| how != How::Refused)
    }

    /// Whether it was ended by a sign-out, and nobody has signed in over it since.
    pub fn is_signed_out(&self, id: SessionId) -> bool {
        self.how(id) == Some(How::SignedOut)
    }

    fn how(&self, id: SessionId) -> Option<How> {
        if self.shared.ended.load(Ordering::Relaxed) == 0 {
            return None;
        }
        self.shared.lock().ended.get(&id).map(|ended| ended.how)
    }

    /// Whether this answer is to delete the cookies of a session that ended while its request was under way: the first of them is. A later one may
    /// arrive after the next sign-in, and would take away its cookies.
    pub fn is_first_to_tell(&self, id: SessionId) -> bool {
        let mut remembered = self.shared.lock();
        let Some(ended) = remembered.ended.get_mut(&id) else { return false };
        ended.how == How::Refused && !std::mem::replace(&mut ended.told, true)
    }

    /// Nothing is remembered of any session: two relaxed loads.
    pub fn is_quiet(&self) -> bool {
        self.shared.ended.load(Ordering::Relaxed) == 0 && self.shared.kept.load(Ordering::Relaxed) == 0
    }

    /// Keeps a refresh's result until the browser has been seen with it (at least a minute; at most the session's life). An older generation than the
    /// one that is kept already changes nothing.
    pub fn keep(&self, renewed: Arc<Renewed>, now: Timestamp) -> Result<(), Ended> {
        let mut remembered = self.shared.lock();
        remembered.tidy(now);
        let kept = remembered.keep(renewed, now);
        self.shared.publish(remembered);
        kept
    }

    /// The kept result, where it is newer than what came.
    pub fn newer(&self, id: SessionId, generation: u32) -> Option<Arc<Renewed>> {
        self.kept(id).filter(|kept| kept.session.generation > generation)
    }

    /// The kept result, newer or not.
    pub fn kept(&self, id: SessionId) -> Option<Arc<Renewed>> {
        if self.shared.kept.load(Ordering::Relaxed) == 0 {
            return None;
        }
        self.shared.lock().kept.get(&id).map(|kept| kept.renewed.clone())
    }

    /// A request came with this generation of both parts: the kept result may go, a minute from now. Not at once, since requests that were sent before
    /// it with the older cookie may still be on their way, and must not spend its refresh token again.
    pub fn seen(&self, id: SessionId, generation: u32, now: Timestamp) {
        if self.shared.kept.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut remembered = self.shared.lock();
        remembered.seen(id, generation, now);
        self.shared.publish(remembered);
    }

    /// Forgets what has run out. Keeping does it too; a process that never refreshes does it by the clock, once a minute or so.
    pub fn tidy(&self, now: Timestamp) {
        let mut remembered = self.shared.lock();
        remembered.tidy(now);
        self.shared.publish(remembered);
    }

    /// Returns when the session is ended (sign-out, `invalid_grant`, change of user). For tunnels and event streams. Dropped, it leaves nothing behind.
    pub async fn ended(&self, id: SessionId) {
        let (_watch, notified) = {
            let mut remembered = self.shared.lock();
            if remembered.ended.contains_key(&id) {
                return;
            }
            let watched = remembered.watched.entry(id).or_default();
            watched.count += 1;
            // Made under the lock that ending takes: every end from now on wakes it, polled yet or not.
            (Watch { shared: self.shared.clone(), id }, watched.notify.clone().notified_owned())
        };
        notified.await;
    }

    /// Entries that had to go before their time because the capacity was reached: ended sessions that this process would take again, and refreshed
    /// ones that are lost where their browser never got them. For metrics and a warning.
    pub fn evictions(&self) -> u64 {
        self.shared.evictions.load(Ordering::Relaxed)
    }
}

#[derive(Default)]
struct Shared {
    /// How many of each there are: written under the lock, read without it.
    ended: AtomicUsize,
    kept: AtomicUsize,
    evictions: AtomicU64,
    remembered: Mutex<Remembered>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Remembered> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish(&self, remembered: MutexGuard<'_, Remembered>) {
        self.ended.store(remembered.ended.len(), Ordering::Relaxed);
        self.kept.store(remembered.kept.len(), Ordering::Relaxed);
        self.evictions.store(remembered.evictions, Ordering::Relaxed);
    }
}

#[derive(Default)]
struct Remembered {
    capacity: usize,
    ended: HashMap<SessionId, End>,
    /// The same, by the moment they may be forgotten.
    ended_order: BTreeSet<(Timestamp, SessionId)>,
    kept: HashMap<SessionId, Kept>,
    /// The same, by the moment they may be forgotten.
    kept_order: BTreeSet<(Timestamp, SessionId)>,
    /// The same, by age.
    kept_age: BTreeSet<(Timestamp, SessionId)>,
    watched: HashMap<SessionId, Watched>,
    evictions: u64,
}

#[derive(Clone, Copy)]
struct End {
    until: Timestamp,
    how: How,
    /// An answer has deleted the cookies.
    told: bool,
}

/// What ended a session.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    /// `invalid_grant`, another user's answer.
    Refused,
    SignedOut,
    /// A sign-in over it.
    Replaced,
}

struct Kept {
    renewed: Arc<Renewed>,
    since: Timestamp,
    /// The session's end; once a browser was seen with it, a minute after that.
    until: Timestamp,
    seen: bool,
}

impl Remembered {
    fn end(&mut self, id: SessionId, mut end: End) {
        if let Some(before) = self.ended.get(&id) {
            end.told |= before.told;
            // Who saw to the cookies did; of two who did, the later.
            if end.how == How::Refused {
                end.how = before.how;
            }
            end.until = end.until.max(before.until);
            self.ended_order.remove(&(before.until, id));
        } else if self.ended.len() >= self.capacity
            && let Some((_, soonest)) = self.ended_order.pop_first()
        {
            self.ended.remove(&soonest);
            self.evictions += 1;
        }
        self.ended.insert(id, end);
        self.ended_order.insert((end.until, id));
    }

    fn keep(&mut self, renewed: Arc<Renewed>, now: Timestamp) -> Result<(), Ended> {
        let (id, generation, until) = (renewed.session.id, renewed.session.generation, renewed.session.expires_at);
        if self.ended.contains_key(&id) {
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

    fn seen(&mut self, id: SessionId, generation: u32, now: Timestamp) {
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

    fn forget_kept(&mut self, id: SessionId) {
        let Some(kept) = self.kept.remove(&id) else { return };
        self.kept_order.remove(&(kept.until, id));
        self.kept_age.remove(&(kept.since, id));
    }

    fn tidy(&mut self, now: Timestamp) {
        while let Some((_, id)) = self.kept_order.first().copied().filter(|(until, _)| *until <= now) {
            self.forget_kept(id);
        }
        while let Some((until, id)) = self.ended_order.first().copied().filter(|(until, _)| *until <= now) {
            self.ended_order.remove(&(until, id));
            self.ended.remove(&id);
        }
    }
}

/// Who waits for a session's end.
#[derive(Default)]
struct Watched {
    count: usize,
    notify: Arc<Notify>,
}

/// One waiting tunnel; dropped, it is forgotten.
struct Watch {
    shared: Arc<Shared>,
    id: SessionId,
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut remembered = self.shared.lock();
        let Some(watched) = remembered.watched.get_mut(&self.id) else { return };
        watched.count -= 1;
        if watched.count == 0 {
            remembered.watched.remove(&self.id);
        }
    }
}

/// How long a result is kept after its browser was seen with it: for requests that were sent before.
pub const KEPT_AFTER_SEEN: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests;
