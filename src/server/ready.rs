//! Readiness: where the process stands between its first breath and its last. Never depends on the provider, the application or the store.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// Shared by listeners, workers, the shutdown and the admin listener; cheap to clone.
#[derive(Clone, Debug)]
pub struct Readiness(Arc<AtomicU8>);

/// A process goes through these in order and never back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Phase {
    /// The listeners do not accept yet.
    Starting = 0,
    /// Configuration loaded, listeners accepting, no shutdown begun.
    Ready = 1,
    /// A shutdown has begun: new connections are still taken, but none should be sent here.
    Draining = 2,
}

impl Readiness {
    pub fn starting() -> Self {
        Readiness(Arc::new(AtomicU8::new(Phase::Starting as u8)))
    }

    /// Moves on; a step back (a listener that comes up after the shutdown began) changes nothing.
    pub fn enter(&self, phase: Phase) {
        self.0.fetch_max(phase as u8, Ordering::Release);
    }

    pub fn phase(&self) -> Phase {
        match self.0.load(Ordering::Acquire) {
            0 => Phase::Starting,
            1 => Phase::Ready,
            _ => Phase::Draining,
        }
    }

    pub fn is_ready(&self) -> bool {
        self.phase() == Phase::Ready
    }
}

impl Phase {
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Starting => "starting",
            Phase::Ready => "ready",
            Phase::Draining => "draining",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_begun_to_shut_down_never_becomes_ready_again() {
        let readiness = Readiness::starting();
        assert!(!readiness.is_ready());
        readiness.enter(Phase::Ready);
        assert!(readiness.is_ready());
        readiness.enter(Phase::Draining);
        readiness.enter(Phase::Ready);
        assert_eq!(readiness.phase(), Phase::Draining);
    }
}
