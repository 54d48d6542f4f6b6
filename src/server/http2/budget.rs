//! Budget: how much a client may say that costs an answer and brings nothing on (RFC 9113 §10.5; security cases N-07 to N-12).

use std::time::Duration;

use tokio::time::Instant;

/// A bucket of such frames: it fills with time, and with what the client is given, because those who take much say much (RFC 9113 §6.9: a
/// WINDOW_UPDATE or two for a DATA frame; gRPC libraries measure with a PING for what they receive).
#[derive(Debug)]
pub struct Budget {
    left: u32,
    filled_at: Instant,
}

impl Budget {
    pub fn new(now: Instant) -> Budget {
        Budget { left: BURST, filled_at: now }
    }

    /// `false`: it is used up.
    pub fn spend(&mut self, cost: u32, now: Instant) -> bool {
        self.fill(now);
        match self.left.checked_sub(cost) {
            Some(left) => {
                self.left = left;
                true
            }
            None => {
                self.left = 0;
                false
            }
        }
    }

    /// Something useful went on.
    pub fn earn(&mut self, amount: u32) {
        self.left = (self.left + amount).min(BURST);
    }

    fn fill(&mut self, now: Instant) {
        let whole = now.saturating_duration_since(self.filled_at).as_millis() / EVERY.as_millis();
        let grown = u32::try_from(whole).unwrap_or(u32::MAX).min(BURST);
        if grown > 0 {
            self.earn(grown);
            self.filled_at = if grown < BURST { self.filled_at + EVERY * grown } else { now };
        }
    }
}

/// A thousand at once and a hundred in a second for ever. Resets cost two: nghttp2 allows a thousand of them, and 33 in a second.
const BURST: u32 = 1000;
const EVERY: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_ends_and_who_keeps_to_its_rate_goes_on_for_ever() {
        let began = Instant::now();
        let mut budget = Budget::new(began);
        assert_eq!((0..200_000).take_while(|_| budget.spend(1, began)).count(), 1000);
        let mut now = began;
        for _ in 0..100_000 {
            now += EVERY;
            assert!(budget.spend(1, now));
        }
        assert!(!budget.spend(1, now));
    }

    #[test]
    fn waiting_long_saves_up_no_more_than_one_burst() {
        let began = Instant::now();
        let mut budget = Budget::new(began);
        let later = began + Duration::from_secs(3600);
        assert_eq!((0..200_000).take_while(|_| budget.spend(1, later)).count(), 1000);
    }

    #[test]
    fn who_takes_much_may_say_much() {
        let began = Instant::now();
        let mut budget = Budget::new(began);
        for _ in 0..100_000 {
            budget.earn(4);
            assert!(budget.spend(4, began));
        }
    }
}
