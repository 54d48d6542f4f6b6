//! Sessions that the provider has ended, by what it calls them. Which cookies there are, nobody here knows: the names stay until no cookie that they
//! could mean is alive.

use std::hash::{BuildHasher, Hash, RandomState};
use std::net::IpAddr;
use std::time::Duration;

use super::front::Front;
use crate::clock::Timestamp;
use crate::oidc::logout::Whom;
use crate::session::attempt::ATTEMPT_TTL;
use crate::session::{Session, SessionId};
use crate::store::expiring::Expiring;

/// Who says that a session has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// The provider, by a token that holds.
    Back,
    /// Whoever asks (Front-Channel Logout §2), from this address. Names of this channel take no place from those of the other.
    Front(Option<IpAddr>),
}

/// A `sid`, a `sub` or both, as 128 bits that nobody outside this process can foresee: as small as that, and nobody's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(u64, u64);

impl Name {
    /// Before all others.
    pub(super) const FIRST: Name = Name(0, 0);
}

/// What names are made with: another in each process.
#[derive(Default)]
pub struct Naming(RandomState, RandomState);

/// What a session can be named by, and since when it is.
#[derive(Clone, Copy)]
pub struct Called {
    pub id: SessionId,
    created_at: Timestamp,
    names: [Option<Name>; 3],
}

impl Called {
    /// Whether this end of this name is its end.
    pub fn is_ended_by(&self, name: Name, moment: Timestamp) -> bool {
        self.created_at <= moment && self.names.contains(&Some(name))
    }
}

impl Naming {
    pub fn whom(&self, whom: &Whom) -> Name {
        match whom {
            Whom::Session(sid) => self.name((Some(sid), None)),
            Whom::User(sub) => self.name((None, Some(sub))),
            Whom::SessionOfUser { sid, sub } => self.name((Some(sid), Some(sub))),
        }
    }

    pub fn of(&self, session: &Session) -> Called {
        let (sid, sub) = (session.at_provider.sid(), session.sub());
        let names = [
            sid.map(|sid| self.name((Some(sid), None))),
            sub.map(|sub| self.name((None, Some(sub)))),
            sid.zip(sub).map(|(sid, sub)| self.name((Some(sid), Some(sub)))),
        ];
        Called { id: session.id, created_at: session.created_at, names }
    }

    /// What is no session's: a token's or an attempt's own identifier.
    pub fn identifier(&self, text: &str) -> Name {
        Name(self.0.hash_one(text), self.1.hash_one(text))
    }

    fn name(&self, said: (Option<&str>, Option<&str>)) -> Name {
        let hash = |state: &RandomState| state.hash_one(SidSub(said));
        Name(hash(&self.0), hash(&self.1))
    }
}

/// `str` hashes with an end mark and `Option` with its kind, so no two of these are the same bytes.
struct SidSub<'a>((Option<&'a str>, Option<&'a str>));

impl Hash for SidSub<'_> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

/// The list. A session that began at or before the moment its name was ended is over; one that begins later is not.
pub struct Named {
    /// What the provider said. Full, those go first whose sessions end soonest.
    back: Expiring<Name, Timestamp>,
    front: Front,
    /// The latest moment in the list.
    ended_last: Timestamp,
    /// The latest moment that was given to a beginning.
    begun_last: Timestamp,
    /// The latest that the clock has ever shown.
    now_last: Timestamp,
    /// Logout tokens that were taken, for as long as they hold.
    tokens: Expiring<Name, ()>,
}

impl Named {
    pub fn new(capacity: usize) -> Named {
        Named {
            back: Expiring::new(capacity),
            front: Front::new((capacity / 5).max(1)),
            ended_last: Timestamp::default(),
            begun_last: Timestamp::default(),
            now_last: Timestamp::default(),
            tokens: Expiring::new(capacity),
        }
    }

    /// A name was ended, at `at` by the provider's clock as far as that is known; for as long as a session can live from then on. Gives the moment.
    pub fn end(
        &mut self,
        name: Name,
        channel: Channel,
        at: Timestamp,
        lifetime: Duration,
        now: Timestamp,
    ) -> Timestamp {
        self.now_last = self.now_last.max(now);
        // After every beginning that was before it, however coarse or turned back the clock.
        let moment = if at < now { at } else { now.max(self.begun_last) };
        // An attempt that had begun may end in a session for a while, and its calls to the provider take their time.
        let until = moment + lifetime.max(ATTEMPT_TTL * 2);
        match channel {
            Channel::Back => {
                let before = self.back.get(name).copied().unwrap_or_default();
                self.back.prolong(name, moment.max(before), until);
            }
            Channel::Front(address) => self.front.insert(name, until, moment, address),
        }
        self.ended_last = self.ended_last.max(moment);
        moment
    }

    /// Whether this session has ended by one of its names.
    pub fn is_over(&self, called: &Called) -> bool {
        self.ended_at(called).is_some_and(|moment| called.created_at <= moment)
    }

    /// One that may be named in front has been seen: its name is no invention.
    pub fn seen(&mut self, called: &Called) {
        called.names.iter().flatten().for_each(|name| self.front.seen(*name));
    }

    /// A moment after all in the list: when an attempt begins now. Anybody can end and begin more often than the clock ticks, and would take this list's
    /// time far ahead of it: beyond a while the moment is not after all of them, and what comes of such an attempt is over rather than not.
    pub fn start(&mut self, now: Timestamp) -> Timestamp {
        if self.is_empty() {
            return now;
        }
        self.now_last = self.now_last.max(now);
        let started = now.max((self.ended_last + TICK).min(self.now_last + MOST_AHEAD));
        self.begun_last = self.begun_last.max(started);
        started
    }

    /// When a session counts as created whose attempt began at `started_at`: at the moment one of its names was ended, where that was since then; it is
    /// over before it is seen.
    pub fn begin(&mut self, called: &Called, started_at: Timestamp, now: Timestamp) -> Timestamp {
        let created = match self.ended_at(called) {
            Some(moment) if started_at <= moment => return moment,
            Some(moment) => now.max(moment + TICK),
            None => now,
        };
        self.begun_last = self.begun_last.max(created);
        created
    }

    /// Whether this logout token is shown for the first time.
    pub fn first_use(&mut self, jti: Name, until: Timestamp, now: Timestamp) -> bool {
        self.tokens.first_use(jti, until, now)
    }

    pub fn tidy(&mut self, now: Timestamp) {
        self.back.tidy(now);
        self.front.tidy(now);
        self.tokens.tidy(now);
    }

    /// Sessions created later are in no list; none are, where it is zero.
    pub fn latest(&self) -> Timestamp {
        if self.is_empty() { Timestamp::default() } else { self.ended_last }
    }

    /// Names that had to go before their time: those of the provider itself, and those that anybody may have said.
    pub fn evictions(&self) -> (u64, u64) {
        (self.back.evictions(), self.front.evictions())
    }

    fn is_empty(&self) -> bool {
        self.back.is_empty() && self.front.is_empty()
    }

    fn ended_at(&self, called: &Called) -> Option<Timestamp> {
        let names = called.names.iter().flatten().copied();
        names.filter_map(|name| self.back.get(name).copied().max(self.front.get(name))).max()
    }
}

/// The clock's own step.
const TICK: Duration = Duration::from_millis(1);
/// Less than what the age of a sign-in may be wrong by.
const MOST_AHEAD: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests;
