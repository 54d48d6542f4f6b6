//! Drain: how a process takes its leave. SIGTERM: not ready, accept for `delay`, then finish what runs for at most `drain`; the signal
//! again: now.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::timeout;

use super::ready::{Phase, Readiness};
use crate::config::server::Shutdown;

/// Shared by acceptors and workers; cheap to clone.
#[derive(Clone, Debug)]
pub struct Drain {
    stage: Arc<watch::Sender<Stage>>,
    readiness: Readiness,
}

/// Gone through in order, never back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    Serving,
    /// Not ready: connections are still accepted, and each is told to close with its next answer.
    Leaving,
    /// Nothing new is accepted; what runs is finished, tunnels are closed.
    Finishing,
    /// Whatever still runs is cut off.
    Over,
}

impl Drain {
    pub fn new(readiness: Readiness) -> Drain {
        Drain { stage: Arc::new(watch::Sender::new(Stage::Serving)), readiness }
    }

    /// Goes through all stages. `again`: a second signal, which ends it at once.
    pub async fn run(&self, shutdown: &Shutdown, again: impl Future<Output = ()>) {
        let stages = async {
            self.enter(Stage::Leaving);
            tokio::time::sleep(shutdown.delay).await;
            self.enter(Stage::Finishing);
            // Returns early when every worker is done and nobody holds a watch any more.
            let _ = timeout(shutdown.drain, self.stage.closed()).await;
        };
        tokio::select! {
            () = stages => {}
            () = again => {}
        }
        self.enter(Stage::Over);
    }

    /// Moves on; a step back changes nothing.
    pub fn enter(&self, stage: Stage) {
        if stage > Stage::Serving {
            self.readiness.enter(Phase::Draining);
        }
        self.stage.send_if_modified(|current| {
            let moves = stage > *current;
            *current = stage.max(*current);
            moves
        });
    }

    #[cfg(test)]
    pub fn stage(&self) -> Stage {
        *self.stage.borrow()
    }

    /// Returns once this stage has been reached.
    pub async fn reached(&self, stage: Stage) {
        let _ = self.stage.subscribe().wait_for(|current| *current >= stage).await;
    }

    pub fn watch(&self) -> watch::Receiver<Stage> {
        self.stage.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::time::Duration;

    use tokio::time::Instant;

    use super::*;

    fn shutdown(delay: u64, drain: u64) -> Shutdown {
        Shutdown { delay: Duration::from_millis(delay), drain: Duration::from_millis(drain) }
    }

    #[tokio::test]
    async fn it_leaves_then_finishes_then_is_over() {
        let readiness = Readiness::starting();
        readiness.enter(Phase::Ready);
        let drain = Drain::new(readiness.clone());
        let _worker = drain.watch();
        let began = Instant::now();
        let (running, settings) = (drain.clone(), shutdown(50, 100));
        let all = tokio::spawn(async move { running.run(&settings, pending()).await });
        drain.reached(Stage::Leaving).await;
        assert!(!readiness.is_ready());
        drain.reached(Stage::Finishing).await;
        assert!(began.elapsed() >= Duration::from_millis(50));
        all.await.unwrap();
        assert_eq!(drain.stage(), Stage::Over);
        assert!(began.elapsed() >= Duration::from_millis(150));
    }

    #[tokio::test]
    async fn it_does_not_wait_when_nothing_runs() {
        let drain = Drain::new(Readiness::starting());
        let began = Instant::now();
        drain.run(&shutdown(10, 60_000), pending()).await;
        assert!(began.elapsed() < Duration::from_secs(30));
    }

    #[tokio::test]
    async fn a_second_signal_ends_it_at_once() {
        let drain = Drain::new(Readiness::starting());
        let _worker = drain.watch();
        let began = Instant::now();
        drain.run(&shutdown(60_000, 60_000), tokio::time::sleep(Duration::from_millis(10))).await;
        assert_eq!(drain.stage(), Stage::Over);
        assert!(began.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn there_is_no_way_back() {
        let drain = Drain::new(Readiness::starting());
        drain.enter(Stage::Finishing);
        drain.enter(Stage::Leaving);
        assert_eq!(drain.stage(), Stage::Finishing);
    }
}
