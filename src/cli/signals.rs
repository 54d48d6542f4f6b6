//! Signals that end the process: SIGTERM and SIGINT, counted together.

use std::future::Future;
use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Listening from now on; the process no longer dies of them.
pub(super) struct Signals(watch::Receiver<u32>);

impl Signals {
    /// Must be called on a runtime.
    pub(super) fn listen() -> io::Result<Signals> {
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let (count, counted) = watch::channel(0);
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                count.send_modify(|count| *count += 1);
            }
        });
        Ok(Signals(counted))
    }

    /// Returns once so many have come.
    pub(super) fn arrived(&self, times: u32) -> impl Future<Output = ()> + Send + use<> {
        let mut counted = self.0.clone();
        async move {
            if counted.wait_for(|count| *count >= times).await.is_err() {
                // The runtime is going down, and this with it.
                std::future::pending().await
            }
        }
    }
}
