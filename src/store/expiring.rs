//! What is known of things for a while, bounded: beyond the capacity the one that would be forgotten first goes.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

use crate::clock::Timestamp;

/// A bounded map whose entries have a moment from which on they may be forgotten. They are forgotten by [`Expiring::tidy`], or when room is needed.
pub struct Expiring<K, V> {
    capacity: usize,
    held: HashMap<K, (Timestamp, V)>,
    /// The same, by the moment they may be forgotten.
    order: BTreeSet<(Timestamp, K)>,
    evictions: u64,
}

impl<K: Copy + Ord + Hash, V> Expiring<K, V> {
    /// `capacity`: at least one.
    pub fn new(capacity: usize) -> Expiring<K, V> {
        Expiring { capacity: capacity.max(1), held: HashMap::new(), order: BTreeSet::new(), evictions: 0 }
    }

    /// Also what may be forgotten already, until it is ([`Expiring::tidy`]).
    pub fn get(&self, key: K) -> Option<&V> {
        self.held.get(&key).map(|(_, value)| value)
    }

    /// The same, to be changed in place: its moment stays.
    pub fn get_mut(&mut self, key: K) -> Option<&mut V> {
        self.held.get_mut(&key).map(|(_, value)| value)
    }

    /// Also what may be forgotten already.
    pub fn contains(&self, key: K) -> bool {
        self.held.contains_key(&key)
    }

    /// How many are held, those that may be forgotten included.
    pub fn len(&self) -> usize {
        self.held.len()
    }

    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// How many had to go before their time.
    pub fn evictions(&self) -> u64 {
        self.evictions
    }

    /// In place of what was known of it.
    pub fn put(&mut self, key: K, value: V, until: Timestamp) {
        self.remove(key);
        if self.held.len() >= self.capacity
            && let Some((_, soonest)) = self.order.first().copied()
        {
            self.remove(soonest);
            self.evictions += 1;
        }
        self.held.insert(key, (until, value));
        self.order.insert((until, key));
    }

    /// The same, but never for less long than what was known of it.
    pub fn prolong(&mut self, key: K, value: V, until: Timestamp) {
        let before = self.held.get(&key).map_or(until, |(before, _)| *before);
        self.put(key, value, until.max(before));
    }

    /// Before its moment; this counts as no eviction.
    pub fn remove(&mut self, key: K) -> Option<V> {
        let (until, value) = self.held.remove(&key)?;
        self.order.remove(&(until, key));
        Some(value)
    }

    /// Forgets whatever may be forgotten at `now`. Costs as much as there is to forget.
    pub fn tidy(&mut self, now: Timestamp) {
        while let Some((_, key)) = self.order.first().copied().filter(|(until, _)| *until <= now) {
            self.remove(key);
        }
    }
}

impl<K: Copy + Ord + Hash> Expiring<K, ()> {
    /// Whether this comes for the first time; it is known from now on.
    pub fn first_use(&mut self, key: K, until: Timestamp, now: Timestamp) -> bool {
        self.tidy(now);
        let first = !self.contains(key);
        if first {
            self.put(key, (), until);
        }
        first
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);

    fn at(seconds: u64) -> Timestamp {
        NOW + Duration::from_secs(seconds)
    }

    #[test]
    fn what_is_known_is_known_until_its_time() {
        let mut known = Expiring::new(10);
        known.put(1, "a", at(30));
        known.put(1, "b", at(20));
        known.tidy(at(19));
        assert_eq!((known.get(1), known.get(2), known.len(), known.order.len()), (Some(&"b"), None, 1, 1));
        known.prolong(1, "c", at(10));
        known.tidy(at(19));
        assert_eq!(known.get(1), Some(&"c"));
        known.tidy(at(20));
        assert_eq!((known.get(1), known.order.len(), known.evictions()), (None, 0, 0));
    }

    #[test]
    fn it_is_bounded_and_what_is_over_soonest_goes_first() {
        let mut known = Expiring::new(3);
        known.put(1000, 0, at(1));
        for number in (0..100).chain([99]) {
            known.put(number, number, at(10 + number));
        }
        assert_eq!((known.len(), known.order.len(), known.evictions()), (3, 3, 98));
        assert!([97, 98, 99].into_iter().all(|number| known.get(number) == Some(&number)));
    }
}
