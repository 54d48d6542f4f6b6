//! Files that change while the process lives. They are looked at, not listened to: what a mounted Secret does to its links is seen either way, and a look
//! costs little.

use std::fmt::Display;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::telemetry::metrics::{Metrics, ReloadResult};

/// Several that belong together.
pub struct Files {
    /// The log has it as `EVENT_reloaded` and `EVENT_not_reloaded`.
    event: &'static str,
    what: &'static str,
    paths: Vec<PathBuf>,
    /// What is in force.
    taken: Contents,
    /// What is not taken, and how often it has been seen.
    bad: Option<(Contents, u8)>,
}

/// A digest of all of them.
type Contents = [u8; 32];

impl Files {
    /// Made before they are read for the first time: what is written meanwhile is seen by the first look.
    pub fn new(event: &'static str, what: &'static str, paths: Vec<PathBuf>) -> Files {
        let taken = contents(&paths);
        Files { event, what, paths, taken, bad: None }
    }

    /// Takes what has changed. What cannot be taken leaves what was there, and is said once, at its second sight: two files are seldom written at once, and
    /// by then whoever wrote them was through with it.
    pub fn look<E: Display>(&mut self, metrics: &Metrics, take: impl FnOnce() -> Result<(), E>) {
        let (now, event, what) = (contents(&self.paths), self.event, self.what);
        if now == self.taken {
            self.bad = None;
            return;
        }
        let seen = self.bad.filter(|(bad, _)| *bad == now).map_or(0, |(_, seen)| seen);
        if seen == ENOUGH {
            return;
        }
        match take() {
            Ok(()) => {
                (self.taken, self.bad) = (now, None);
                metrics.config_reload(ReloadResult::Success);
                tracing::info!(event = format!("{event}_reloaded"), what);
            }
            Err(why) => {
                self.bad = Some((now, seen + 1));
                if seen + 1 == ENOUGH {
                    metrics.config_reload(ReloadResult::Failure);
                    tracing::error!(event = format!("{event}_not_reloaded"), what, "{why}; what was there stays");
                }
            }
        }
    }
}

/// Looks until it is dropped.
pub async fn keep_up(mut look: impl FnMut()) {
    loop {
        tokio::time::sleep(EVERY).await;
        look();
    }
}

fn contents(paths: &[PathBuf]) -> Contents {
    let mut all = Sha256::new();
    for path in paths {
        // A file that cannot be read is one that has changed.
        let one: [u8; 32] = read(path).map(|bytes| Sha256::digest(&*bytes).into()).unwrap_or_default();
        all.update(one);
    }
    all.finalize().into()
}

fn read(path: &Path) -> std::io::Result<zeroize::Zeroizing<Vec<u8>>> {
    let mut bytes = zeroize::Zeroizing::new(Vec::new());
    std::fs::File::open(path)?.take(MOST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Sights of something bad.
const ENOUGH: u8 = 2;
const EVERY: Duration = Duration::from_secs(2);
/// Bytes; larger than any file of a configuration. Lists of revoked certificates are the longest.
const MOST: u64 = 64 << 20;
