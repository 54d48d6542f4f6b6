//! Sessions that somebody said have ended, in the provider's frame (Front-Channel Logout §2): anybody can say it of any name.
//!
//! Nobody can guess a `sid`, but anybody can invent some. So they have a list of their own, in which one address may hold a part with names that no session
//! was seen with, and loses its own oldest beyond that. Full, inventions go first.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::IpAddr;

use super::named::Name;
use crate::clock::Timestamp;

pub(super) struct Front {
    capacity: usize,
    said: HashMap<Name, Said>,
    /// Names that no session was seen with, of each caller, oldest first.
    unseen: HashMap<Caller, VecDeque<Name>>,
    /// All: whether a session was seen with it, until when it counts, its name.
    order: BTreeSet<(bool, Timestamp, Name)>,
    evictions: u64,
}

#[derive(Clone, Copy)]
struct Said {
    moment: Timestamp,
    until: Timestamp,
    by: Caller,
    seen: bool,
}

/// One address; of IPv6 what one subscriber has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Caller {
    V4([u8; 4]),
    V6(u64),
    Unknown,
}

impl Caller {
    fn of(address: Option<IpAddr>) -> Caller {
        match address.map(|address| address.to_canonical()) {
            Some(IpAddr::V4(address)) => Caller::V4(address.octets()),
            Some(IpAddr::V6(address)) => Caller::V6((address.to_bits() >> 64) as u64),
            None => Caller::Unknown,
        }
    }
}

impl Front {
    pub fn new(capacity: usize) -> Front {
        let (said, unseen, order) = (HashMap::new(), HashMap::new(), BTreeSet::new());
        Front { capacity, said, unseen, order, evictions: 0 }
    }

    pub fn get(&self, name: Name) -> Option<Timestamp> {
        self.said.get(&name).map(|said| said.moment)
    }

    pub fn is_empty(&self) -> bool {
        self.said.is_empty()
    }

    pub fn evictions(&self) -> u64 {
        self.evictions
    }

    pub fn insert(&mut self, name: Name, until: Timestamp, moment: Timestamp, address: Option<IpAddr>) {
        if let Some(before) = self.said.get_mut(&name) {
            // Whoever says it again takes no second place.
            self.order.remove(&(before.seen, before.until, name));
            before.until = before.until.max(until);
            before.moment = before.moment.max(moment);
            self.order.insert((before.seen, before.until, name));
            return;
        }
        let by = Caller::of(address);
        let share = (self.capacity / SHARES).max(1);
        let theirs = self.unseen.get(&by).filter(|theirs| theirs.len() >= share);
        if let Some(oldest) = theirs.and_then(|theirs| theirs.front().copied()) {
            self.evict(oldest);
        } else if self.said.len() >= self.capacity
            && let Some((_, _, first)) = self.order.first().copied()
        {
            self.evict(first);
        }
        self.said.insert(name, Said { moment, until, by, seen: false });
        self.unseen.entry(by).or_default().push_back(name);
        self.order.insert((false, until, name));
    }

    /// A session was seen with this name: it is no invention.
    pub fn seen(&mut self, name: Name) {
        let Some(said) = self.said.get_mut(&name).filter(|said| !said.seen) else { return };
        said.seen = true;
        let Said { until, by, .. } = *said;
        self.order.remove(&(false, until, name));
        self.order.insert((true, until, name));
        self.forget_unseen(by, name);
    }

    pub fn tidy(&mut self, now: Timestamp) {
        for seen in [false, true] {
            let soonest = (seen, Timestamp::default(), Name::FIRST);
            let over = |(which, until, _): &(bool, Timestamp, Name)| *which == seen && *until <= now;
            while let Some((_, _, name)) = self.order.range(soonest..).next().copied().filter(over) {
                self.remove(name);
            }
        }
    }

    fn evict(&mut self, name: Name) {
        self.evictions += 1;
        self.remove(name);
    }

    fn remove(&mut self, name: Name) {
        let Some(Said { until, by, seen, .. }) = self.said.remove(&name) else { return };
        self.order.remove(&(seen, until, name));
        self.forget_unseen(by, name);
    }

    fn forget_unseen(&mut self, by: Caller, name: Name) {
        let Some(theirs) = self.unseen.get_mut(&by) else { return };
        theirs.retain(|known| *known != name);
        if theirs.is_empty() {
            self.unseen.remove(&by);
        }
    }
}

/// One address may hold one part in so many with names that no session was seen with.
const SHARES: usize = 16;
