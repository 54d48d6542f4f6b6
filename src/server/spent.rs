//! Spent: attempts whose callback has come. A code is good for one use, and using it twice may revoke what the first use brought
//! (RFC 6749 §4.1.2), so a callback that comes again, in the same moment or by a thief, spends nothing.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use crate::clock::Timestamp;
use crate::session::attempt::ATTEMPT_TTL;

/// Bounded: beyond [`CAPACITY`] the oldest are forgotten first; their cookies are deleted by their callbacks anyway.
#[derive(Debug, Default)]
pub struct Spent(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    ids: HashSet<String>,
    order: VecDeque<(Timestamp, String)>,
}

impl Spent {
    /// Whether this attempt is used now for the first time.
    pub fn first_use(&self, state_id: &str, now: Timestamp) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((at, _)) = known.order.front()
            && (now.since(*at) > ATTEMPT_TTL || known.order.len() >= CAPACITY)
            && let Some((_, id)) = known.order.pop_front()
        {
            known.ids.remove(&id);
        }
        if !known.ids.insert(state_id.to_owned()) {
            return false;
        }
        known.order.push_back((now, state_id.to_owned()));
        true
    }
}

/// About 1 MiB; ten minutes at more than `logins_per_minute`'s default.
const CAPACITY: usize = 8192;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64) -> Timestamp {
        Timestamp::from_unix_seconds(second)
    }

    #[test]
    fn an_attempt_is_used_once() {
        let spent = Spent::default();
        assert!(spent.first_use("a", at(1)));
        assert!(!spent.first_use("a", at(1)));
        assert!(!spent.first_use("a", at(600)));
        assert!(spent.first_use("b", at(1)));
    }

    #[test]
    fn what_is_older_than_an_attempt_can_be_is_forgotten_and_the_number_is_bounded() {
        let spent = Spent::default();
        for number in 0..3 * CAPACITY {
            assert!(spent.first_use(&number.to_string(), at(1)));
        }
        assert!(spent.0.lock().unwrap().ids.len() <= CAPACITY);
        assert!(spent.first_use("new", at(700)));
        assert_eq!(spent.0.lock().unwrap().order.len(), 1);
    }
}
