//! Timestamp, Clock: the only reader of the machine's time.

use std::ops::{Add, Sub};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

/// A moment, in whole milliseconds since the Unix epoch. Arithmetic saturates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// Later than anything that happens.
    pub const MAX: Timestamp = Timestamp(u64::MAX);

    /// Milliseconds since the epoch.
    pub const fn from_unix_millis(millis: u64) -> Self {
        Timestamp(millis)
    }

    /// Seconds since the epoch; what no timestamp holds is the latest there is.
    pub const fn from_unix_seconds(seconds: u64) -> Self {
        Timestamp(seconds.saturating_mul(1000))
    }

    /// Milliseconds since the epoch.
    pub const fn unix_millis(self) -> u64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn unix_seconds(self) -> u64 {
        self.0 / 1000
    }

    /// How long ago `earlier` was; zero where it is not earlier.
    pub const fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Timestamp;

    fn add(self, duration: Duration) -> Timestamp {
        Timestamp(self.0.saturating_add(millis(duration)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Timestamp;

    fn sub(self, duration: Duration) -> Timestamp {
        Timestamp(self.0.saturating_sub(millis(duration)))
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Where the time comes from: the machine, or (in tests) a hand that turns it.
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    System,
    Manual(Arc<watch::Sender<Timestamp>>),
}

impl Clock {
    pub fn system() -> Self {
        Clock(Source::System)
    }

    /// A clock that stands still until it is turned.
    pub fn manual(start: Timestamp) -> Self {
        Clock(Source::Manual(Arc::new(watch::Sender::new(start))))
    }

    #[expect(clippy::disallowed_methods, reason = "the one reader of the machine's time")]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => {
                let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Timestamp(millis(since_epoch))
            }
            Source::Manual(time) => *time.borrow(),
        }
    }

    /// Turns a manual clock forward; a system clock cannot be turned.
    pub fn turn(&self, by: Duration) {
        if let Source::Manual(time) = &self.0 {
            time.send_modify(|now| *now = *now + by);
        }
    }

    /// Returns once this clock shows `then` or later.
    pub async fn sleep_until(&self, then: Timestamp) {
        match &self.0 {
            Source::System => loop {
                let left = then.since(self.now());
                if left.is_zero() {
                    return;
                }
                // In steps, so that a machine that slept or whose clock was set is noticed.
                tokio::time::sleep(left.min(Duration::from_secs(60))).await;
            },
            Source::Manual(time) => {
                let _ = time.subscribe().wait_for(|now| *now >= then).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_sleeper_wakes_when_the_clock_is_turned_far_enough() {
        let clock = Clock::manual(Timestamp::from_unix_seconds(100));
        let sleeper = clock.clone();
        let woken = tokio::spawn(async move { sleeper.sleep_until(Timestamp::from_unix_seconds(160)).await });
        clock.turn(Duration::from_secs(59));
        tokio::task::yield_now().await;
        assert!(!woken.is_finished());
        clock.turn(Duration::from_secs(1));
        woken.await.expect("the sleeper does not panic");
    }

    #[test]
    fn time_before_an_earlier_moment_counts_as_none() {
        assert_eq!(Timestamp::from_unix_seconds(1).since(Timestamp::from_unix_seconds(2)), Duration::ZERO);
    }
}
