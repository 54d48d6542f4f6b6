//! How often the provider may be called: a bucket for sign-ins; a breaker and a spacing for refreshes. Time and chance come in as arguments.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::session::SessionId;
use crate::store::expiring::Expiring;

/// `[limits] logins_per_minute`: so many at once, and so many a minute.
pub struct Bucket {
    per_minute: f64,
    left: f64,
    at: Timestamp,
}

impl Bucket {
    pub fn new(per_minute: u32, now: Timestamp) -> Bucket {
        let per_minute = f64::from(per_minute);
        Bucket { per_minute, left: per_minute, at: now }
    }

    /// Takes one, or says when there will be one.
    pub fn take(&mut self, now: Timestamp) -> Result<(), Duration> {
        let gained = now.since(self.at).as_secs_f64() / 60.0 * self.per_minute;
        self.left = (self.left + gained).min(self.per_minute);
        self.at = now;
        if self.left >= 1.0 {
            self.left -= 1.0;
            return Ok(());
        }
        Err(Duration::try_from_secs_f64((1.0 - self.left) / self.per_minute * 60.0).unwrap_or(Duration::from_secs(60)))
    }
}

/// Waits that double, from `first` to `most`. `chance` (0 to 1) takes up to half off, so that nobody knocks in step.
#[derive(Clone, Copy)]
pub struct Backoff {
    pub first: Duration,
    pub most: Duration,
}

impl Backoff {
    /// The wait after so many failures in a row, one at least; whole milliseconds, as clocks here have them.
    pub fn after(self, failures: u32, chance: f64) -> Duration {
        let doubled = self.first.saturating_mul(1 << failures.saturating_sub(1).min(16));
        let shortened = doubled.min(self.most).mul_f64(1.0 - chance.clamp(0.0, 1.0) / 2.0);
        Duration::from_millis(u64::try_from(shortened.as_millis()).unwrap_or(u64::MAX))
    }
}

/// A thousand sessions must not knock on a provider that is down: after a few failures in a row nobody calls but one at a time, ever less often,
/// and the first call that works opens the way for all.
#[derive(Default)]
pub struct Breaker {
    failures: u32,
    open: Option<Open>,
}

struct Open {
    until: Timestamp,
    /// Somebody is trying.
    probing: bool,
    /// How often trying has failed.
    probes: u32,
}

/// How a call came to be allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    Usual,
    /// The breaker is open, and this call finds out whether it should be.
    Probe,
}

impl Breaker {
    /// Whether to call now; else how long to wait.
    pub fn may_call(&mut self, now: Timestamp) -> Result<Turn, Duration> {
        let Some(open) = &mut self.open else { return Ok(Turn::Usual) };
        if now < open.until {
            return Err(open.until.since(now));
        }
        // Should the probe never come back, the next one goes when this has passed.
        open.until = now + PROBE_TAKES;
        open.probing = true;
        Ok(Turn::Probe)
    }

    /// How long nobody calls; `None` where it is closed.
    pub fn left(&self, now: Timestamp) -> Option<Duration> {
        self.open.as_ref().map(|open| open.until.since(now))
    }

    pub fn worked(&mut self) {
        *self = Breaker::default();
    }

    pub fn failed(&mut self, now: Timestamp, chance: f64) {
        self.failures = self.failures.saturating_add(1);
        match &mut self.open {
            None if self.failures < FAILURES_TO_OPEN => {}
            None => {
                self.open = Some(Open { until: now + PROBING.after(1, chance), probing: false, probes: 0 });
            }
            // Calls that were under way when it opened tell nothing new.
            Some(open) if !open.probing => {}
            Some(open) => {
                open.probes = open.probes.saturating_add(1);
                open.probing = false;
                open.until = now + PROBING.after(open.probes + 1, chance);
            }
        }
    }
}

/// One session whose refresh fails, for whatever reason of its own, is not tried at every request. Bounded: beyond the capacity the one that would be
/// forgotten first goes.
pub struct Spacing(Expiring<SessionId, Wait>);

struct Wait {
    failures: u32,
    until: Timestamp,
}

impl Spacing {
    pub fn new(capacity: usize) -> Spacing {
        Spacing(Expiring::new(capacity))
    }

    /// How long this session still has to wait.
    pub fn left(&self, id: SessionId, now: Timestamp) -> Option<Duration> {
        let left = self.0.get(id)?.until.since(now);
        (!left.is_zero()).then_some(left)
    }

    /// Notes a failure, and says how long to wait.
    pub fn failed(&mut self, id: SessionId, now: Timestamp, chance: f64) -> Duration {
        self.0.tidy(now);
        let failures = self.0.get(id).map_or(0, |wait| wait.failures).saturating_add(1);
        let wait = RETRYING.after(failures, chance);
        let until = now + wait;
        self.0.put(id, Wait { failures, until }, until + RETRYING.most);
        wait
    }

    /// It worked, or is over.
    pub fn forget(&mut self, id: SessionId) {
        self.0.remove(id);
    }
}

/// Somewhere between 0 and 1.
pub fn chance() -> f64 {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes).expect("the operating system has random bytes");
    f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX)
}

const FAILURES_TO_OPEN: u32 = 5;
/// Longer than any call lasts.
const PROBE_TAKES: Duration = Duration::from_secs(20);
const PROBING: Backoff = Backoff { first: Duration::from_secs(2), most: Duration::from_secs(20) };
const RETRYING: Backoff = Backoff { first: Duration::from_secs(4), most: Duration::from_secs(40) };

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);

    fn id(number: u8) -> SessionId {
        SessionId::from_bytes([number; 16])
    }

    #[test]
    fn a_bucket_holds_a_minutes_worth_and_fills_steadily() {
        let mut bucket = Bucket::new(60, NOW);
        assert_eq!((0..100).filter(|_| bucket.take(NOW).is_ok()).count(), 60);
        assert_eq!(bucket.take(NOW), Err(Duration::from_secs(1)));
        assert_eq!(bucket.take(NOW + Duration::from_secs(1)), Ok(()));
        assert!(bucket.take(NOW + Duration::from_secs(1)).is_err());
        let later = NOW + Duration::from_secs(24 * 3600);
        assert_eq!((0..100).filter(|_| bucket.take(later).is_ok()).count(), 60);
    }

    #[test]
    fn a_bucket_of_none_gives_none_and_a_clock_set_back_breaks_nothing() {
        assert_eq!(Bucket::new(0, NOW).take(NOW), Err(Duration::from_secs(60)));
        let mut bucket = Bucket::new(60, NOW);
        while bucket.take(NOW).is_ok() {}
        let earlier = NOW - Duration::from_secs(3600);
        assert!(bucket.take(earlier).is_err());
        assert_eq!(bucket.take(earlier + Duration::from_secs(1)), Ok(()));
    }

    #[test]
    fn waits_double_up_to_the_longest_and_chance_shortens_them() {
        let backoff = Backoff { first: Duration::from_secs(2), most: Duration::from_secs(20) };
        let waits = [1, 2, 3, 4, 5, 1000].map(|failures| backoff.after(failures, 0.0).as_secs());
        assert_eq!(waits, [2, 4, 8, 16, 20, 20]);
        assert_eq!(backoff.after(1, 1.0), Duration::from_secs(1));
    }

    #[test]
    fn a_breaker_opens_lets_one_through_at_a_time_and_closes_at_the_first_success() {
        let mut breaker = Breaker::default();
        for _ in 0..FAILURES_TO_OPEN {
            assert_eq!(breaker.may_call(NOW), Ok(Turn::Usual));
            breaker.failed(NOW, 0.0);
        }
        for _ in 0..30 {
            breaker.failed(NOW, 0.0);
        }
        assert_eq!(breaker.may_call(NOW), Err(Duration::from_secs(2)), "calls under way do not make it worse");
        let soon = NOW + Duration::from_secs(2);
        assert_eq!(breaker.may_call(soon), Ok(Turn::Probe));
        assert!(breaker.may_call(soon).is_err());
        breaker.failed(soon, 0.0);
        assert_eq!(breaker.may_call(soon), Err(Duration::from_secs(4)));
        let later = soon + Duration::from_secs(4);
        assert_eq!(breaker.may_call(later), Ok(Turn::Probe));
        assert_eq!(breaker.may_call(later + PROBE_TAKES), Ok(Turn::Probe), "a probe that never came back");
        breaker.worked();
        assert_eq!(breaker.may_call(later), Ok(Turn::Usual));
    }

    #[test]
    fn a_session_that_fails_waits_longer_each_time_and_no_other_waits() {
        let mut spacing = Spacing::new(10);
        assert_eq!(spacing.failed(id(1), NOW, 0.0), Duration::from_secs(4));
        assert_eq!(spacing.left(id(1), NOW + Duration::from_secs(1)), Some(Duration::from_secs(3)));
        assert_eq!(spacing.left(id(2), NOW), None);
        let then = NOW + Duration::from_secs(4);
        assert_eq!(spacing.left(id(1), then), None);
        assert_eq!(spacing.failed(id(1), then, 0.0), Duration::from_secs(8));
        spacing.forget(id(1));
        assert_eq!(spacing.failed(id(1), then, 0.0), Duration::from_secs(4));
    }

    #[test]
    fn what_is_remembered_of_failures_is_bounded_and_passes() {
        let mut spacing = Spacing::new(3);
        for number in 0..200 {
            spacing.failed(id(number), NOW + Duration::from_millis(number.into()), 0.0);
        }
        assert_eq!(spacing.0.len(), 3);
        assert!(spacing.left(id(199), NOW).is_some());
        spacing.failed(id(1), NOW + Duration::from_secs(3600), 0.0);
        assert_eq!(spacing.0.len(), 1);
    }
}
