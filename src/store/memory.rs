//! What this process remembers about sessions: refreshed ones their browser has not been seen with, ended ones, and attempts that are spent. Small,
//! bounded, shared by all workers; a request whose body is not on its way asks nothing but three relaxed atomic loads where no session is
//! remembered.
//!
//! Other processes know nothing of it: a replica beside this one still takes an ended session's cookie until it expires.

mod front;
mod named;
mod remembered;

pub use named::{Called, Channel};

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use self::named::Naming;
use self::remembered::{How, Remembered};
use crate::clock::Timestamp;
use crate::oidc::logout::Whom;
use crate::session::attempt::ATTEMPT_TTL;
use crate::session::{Attempt, Session, SessionId, Tokens};

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
        let remembered = Remembered::new(capacity.max(1));
        Memory { shared: Arc::new(Shared::new(remembered)) }
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
        self.shared.end(self.shared.lock(), id, until, how);
    }

    /// The provider has ended sessions, and says which in its own words. They are over here too, kept results and all; `at`: when, by its clock. Gives how
    /// many of them had tunnels, which end at once.
    pub fn end_named(&self, whom: &Whom, channel: Channel, at: Timestamp, lifetime: Duration, now: Timestamp) -> usize {
        let mut remembered = self.shared.lock();
        remembered.named.tidy(now);
        let name = self.shared.naming.whom(whom);
        let moment = remembered.named.end(name, channel, at, lifetime, now);
        let over = |watched: &&Watched| watched.called.is_ended_by(name, moment);
        let tunnels: Vec<_> = remembered.watched.values().filter(over).map(|watched| watched.notify.clone()).collect();
        self.shared.publish(remembered);
        tunnels.iter().for_each(|tunnels| tunnels.notify_waiters());
        tunnels.len()
    }

    /// Whether this logout token is shown for the first time; `until`: how long it holds.
    pub fn is_first_use(&self, jti: &str, until: Timestamp, now: Timestamp) -> bool {
        self.shared.lock().named.first_use(self.shared.naming.identifier(jti), until, now)
    }

    /// Whether this attempt's callback comes for the first time. A code is good for one use, and using it twice may revoke what the first use brought
    /// (RFC 6749 §4.1.2): a callback that comes again, in the same moment or by a thief, spends nothing.
    pub fn is_first_callback(&self, attempt: &Attempt, now: Timestamp) -> bool {
        let (name, until) = (self.shared.naming.identifier(&attempt.state_id), attempt.started_at + ATTEMPT_TTL);
        self.shared.lock().spent.first_use(name, until, now)
    }

    /// Whether it was ended, here or at the provider.
    pub fn is_over(&self, session: &Session) -> bool {
        let is_over_at_provider = |called: Called| self.shared.lock().named.is_over(&called);
        self.is_ended(session.id) || self.shared.called_if_named(session).is_some_and(is_over_at_provider)
    }

    /// All that is known of a session whose cookies came, in one look. One that the provider has ended is from then on as if it had been ended here.
    pub fn meet(&self, session: &Session) -> Standing {
        let Shared { ended, kept, .. } = &*self.shared;
        let called = self.shared.called_if_named(session);
        if called.is_none() && ended.load(Ordering::Relaxed) == 0 && kept.load(Ordering::Relaxed) == 0 {
            return Standing::Lives(None);
        }
        let mut remembered = self.shared.lock();
        if let Some(end) = remembered.ended.get(session.id) {
            return Standing::Over(Over { how: end.how, is_news: false });
        }
        if let Some(called) = called.filter(|called| remembered.named.is_over(called)) {
            remembered.named.seen(&called);
            self.shared.end(remembered, session.id, session.expires_at, How::Refused);
            return Standing::Over(Over { how: How::Refused, is_news: true });
        }
        Standing::Lives(remembered.kept.get(&session.id).map(|kept| kept.renewed.clone()))
    }

    /// When an attempt begins that begins now: after every end that was.
    pub fn attempt_starts(&self, now: Timestamp) -> Timestamp {
        if self.shared.named.load(Ordering::Relaxed) == 0 {
            return now;
        }
        self.shared.lock().named.start(now)
    }

    /// When a session counts as created whose attempt began at `started_at`. Where the provider has ended it meanwhile, it is over.
    pub fn session_begins(&self, session: &Session, started_at: Timestamp, now: Timestamp) -> Timestamp {
        let called = self.shared.naming.of(session);
        self.shared.lock().named.begin(&called, started_at, now)
    }

    pub fn is_ended(&self, id: SessionId) -> bool {
        self.shared.ended.load(Ordering::Relaxed) > 0 && self.shared.lock().ended.contains(id)
    }

    /// Whether it was ended by a sign-out, and nobody has signed in over it since.
    pub fn is_signed_out(&self, id: SessionId) -> bool {
        self.shared.ended.load(Ordering::Relaxed) > 0
            && self.shared.lock().ended.get(id).is_some_and(|end| end.how == How::SignedOut)
    }

    /// Whether this answer is to delete the cookies of a session that ended while its request was under way: the first of them is. A later one may
    /// arrive after the next sign-in, and would take away its cookies.
    pub fn is_first_to_tell(&self, id: SessionId) -> bool {
        let mut remembered = self.shared.lock();
        let Some(ended) = remembered.ended.get_mut(id) else { return false };
        ended.how == How::Refused && !std::mem::replace(&mut ended.told, true)
    }

    /// Nothing is remembered of any session.
    #[cfg(test)]
    fn is_quiet(&self) -> bool {
        let Shared { ended, kept, named, .. } = &*self.shared;
        ended.load(Ordering::Relaxed) == 0 && kept.load(Ordering::Relaxed) == 0 && named.load(Ordering::Relaxed) == 0
    }

    /// Keeps a refresh's result until the browser has been seen with it (at least a minute; at most the session's life). An older generation than the
    /// one that is kept already changes nothing.
    pub fn keep(&self, renewed: Arc<Renewed>, now: Timestamp) -> Result<(), Ended> {
        let called = self.shared.naming.of(&renewed.session);
        let mut remembered = self.shared.lock();
        remembered.tidy(now);
        let kept = if remembered.named.is_over(&called) { Err(Ended) } else { remembered.keep(renewed, now) };
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

    /// What the session is known by, for [`Memory::ended`].
    pub fn called(&self, session: &Session) -> Called {
        self.shared.naming.of(session)
    }

    /// Returns when the session is ended (sign-out, `invalid_grant`, change of user, by the provider). For tunnels and event streams. Dropped, it leaves
    /// nothing behind.
    pub async fn ended(&self, called: Called) {
        let id = called.id;
        let (_watch, notified) = {
            let mut remembered = self.shared.lock();
            if remembered.ended.contains(id) || remembered.named.is_over(&called) {
                return;
            }
            let watched = remembered.watched.entry(id).or_insert_with(|| Watched::by(called));
            watched.count += 1;
            // Made under the lock that ending takes: every end from now on wakes it, polled yet or not.
            (Watch { shared: self.shared.clone(), id }, watched.notify.clone().notified_owned())
        };
        notified.await;
    }

    /// Entries that had to go before their time because the capacity was reached: ended sessions that this process would take again, and refreshed
    /// ones that are lost where their browser never got them; callbacks that would spend their code again. For metrics and a warning.
    pub fn evictions(&self) -> Evictions {
        let remembered = self.shared.lock();
        let (back_channel, front_channel) = remembered.named.evictions();
        let attempts = remembered.spent.evictions();
        Evictions { sessions: remembered.evictions(), back_channel, front_channel, attempts }
    }
}

/// What is known here of a session.
#[derive(Debug, Clone, PartialEq)]
pub enum Standing {
    /// Nobody has ended it. What is kept of its last refresh, newer than what came or not.
    Lives(Option<Arc<Renewed>>),
    Over(Over),
}

/// A session that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Over {
    how: How,
    /// The provider has ended it; it is seen for the first time since.
    pub is_news: bool,
}

impl Over {
    /// By an answer that saw to the cookies itself.
    pub fn is_cleared(self) -> bool {
        self.how != How::Refused
    }

    /// By a sign-out, and nobody has signed in over it since.
    pub fn is_signed_out(self) -> bool {
        self.how == How::SignedOut
    }
}

/// What had to be forgotten before its time, in numbers since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Evictions {
    pub sessions: u64,
    /// Names of sessions that the provider has ended.
    pub back_channel: u64,
    /// The same of those that somebody said it has.
    pub front_channel: u64,
    /// Attempts whose callback had come: anybody can begin some, and come back from them.
    pub attempts: u64,
}

struct Shared {
    /// How many of each there are: written under the lock, read without it.
    ended: AtomicUsize,
    kept: AtomicUsize,
    /// When the provider ended one last, in Unix milliseconds; zero: none.
    named: AtomicU64,
    naming: Naming,
    remembered: Mutex<Remembered>,
}

impl Shared {
    fn new(remembered: Remembered) -> Shared {
        Shared {
            ended: AtomicUsize::new(0),
            kept: AtomicUsize::new(0),
            named: AtomicU64::new(0),
            naming: Naming::default(),
            remembered: Mutex::new(remembered),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Remembered> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the session is known by, where the provider may have ended it. One that began after whatever was ended last, or where nothing was, is in no
    /// list.
    fn called_if_named(&self, session: &Session) -> Option<Called> {
        let ended_last = self.named.load(Ordering::Relaxed);
        (session.created_at.unix_millis() <= ended_last).then(|| self.naming.of(session))
    }

    fn end(&self, mut remembered: MutexGuard<'_, Remembered>, id: SessionId, until: Timestamp, how: How) {
        let tunnels = remembered.end(id, until, how);
        self.publish(remembered);
        if let Some(tunnels) = tunnels {
            tunnels.notify_waiters();
        }
    }

    fn publish(&self, remembered: MutexGuard<'_, Remembered>) {
        self.ended.store(remembered.ended.len(), Ordering::Relaxed);
        self.kept.store(remembered.kept.len(), Ordering::Relaxed);
        self.named.store(remembered.named.latest().unix_millis(), Ordering::Relaxed);
    }
}

/// Who waits for a session's end.
struct Watched {
    called: Called,
    count: usize,
    notify: Arc<Notify>,
}

impl Watched {
    fn by(called: Called) -> Watched {
        Watched { called, count: 0, notify: Arc::default() }
    }
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
