//! What is known of things for a while, bounded: beyond the capacity the one that would be forgotten first goes.

use std::collections::{BTreeSet, HashMap};

use crate::clock::Timestamp;

/// A keyed hash of a token: never the token itself.
pub type Mark = [u8; 32];

pub struct Ledger<T> {
    capacity: usize,
    entries: HashMap<Mark, (T, Timestamp)>,
    /// The same, by the moment they are forgotten.
    order: BTreeSet<(Timestamp, Mark)>,
}

impl<T> Ledger<T> {
    pub fn new(capacity: usize) -> Ledger<T> {
        Ledger { capacity: capacity.max(1), entries: HashMap::new(), order: BTreeSet::new() }
    }

    pub fn get(&self, mark: &Mark, now: Timestamp) -> Option<&T> {
        self.entries.get(mark).filter(|(_, forget_at)| now < *forget_at).map(|(known, _)| known)
    }

    pub fn put(&mut self, mark: Mark, known: T, forget_at: Timestamp, now: Timestamp) {
        self.remove(&mark);
        while let Some((first, oldest)) = self.order.first().copied()
            && (first <= now || self.entries.len() >= self.capacity)
        {
            self.remove(&oldest);
        }
        self.entries.insert(mark, (known, forget_at));
        self.order.insert((forget_at, mark));
    }

    pub fn remove(&mut self, mark: &Mark) {
        if let Some((_, forget_at)) = self.entries.remove(mark) {
            self.order.remove(&(forget_at, *mark));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);

    #[test]
    fn what_is_known_is_known_until_its_time() {
        let mut ledger = Ledger::new(10);
        let later = NOW + Duration::from_secs(30);
        ledger.put([1; 32], "a", later, NOW);
        ledger.put([1; 32], "b", later, NOW);
        assert_eq!((ledger.get(&[1; 32], NOW), ledger.get(&[1; 32], later)), (Some(&"b"), None));
        assert_eq!((ledger.get(&[2; 32], NOW), ledger.entries.len(), ledger.order.len()), (None, 1, 1));
    }

    #[test]
    fn it_is_bounded_and_what_is_over_goes_first() {
        let mut ledger = Ledger::new(3);
        for number in 0..100_u8 {
            ledger.put([number; 32], number, NOW + Duration::from_secs(number.into()), NOW);
        }
        assert_eq!((ledger.entries.len(), ledger.order.len()), (3, 3));
        assert_eq!(ledger.get(&[99; 32], NOW), Some(&99));
        let all_over = NOW + Duration::from_secs(1000);
        ledger.put([7; 32], 7, all_over + Duration::from_secs(1), all_over);
        assert_eq!((ledger.entries.len(), ledger.order.len()), (1, 1));
    }
}
