//! Files that are looked at, not listened to: what a mounted Secret does to its links is seen either way, and a look costs little.

use std::fmt::Display;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// Several that belong together.
pub struct Files {
    paths: Vec<PathBuf>,
    /// What is in force.
    taken: Contents,
    /// What was bad, and has been said.
    bad: Option<Contents>,
    /// What was bad when it was seen for the first time. Two files are seldom written at once.
    doubtful: Option<Contents>,
}

/// A digest of all of them.
type Contents = [u8; 32];

/// What a look came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Look {
    Same,
    Taken,
    Bad(String),
}

impl Files {
    /// Made before they are read for the first time: what is written meanwhile is seen by the first look.
    pub fn new(paths: Vec<PathBuf>) -> Files {
        let taken = contents(&paths);
        Files { paths, taken, bad: None, doubtful: None }
    }

    /// Takes what has changed. Something bad is said once, at its second sight: by then whoever wrote it was through with it.
    pub fn look<E: Display>(&mut self, take: impl FnOnce() -> Result<(), E>) -> Look {
        let now = contents(&self.paths);
        if now == self.taken {
            (self.bad, self.doubtful) = (None, None);
            return Look::Same;
        }
        if self.bad == Some(now) {
            return Look::Same;
        }
        match take() {
            Ok(()) => {
                *self = Files { paths: std::mem::take(&mut self.paths), taken: now, bad: None, doubtful: None };
                Look::Taken
            }
            Err(error) if self.doubtful == Some(now) => {
                self.bad = Some(now);
                Look::Bad(error.to_string())
            }
            Err(_) => {
                self.doubtful = Some(now);
                Look::Same
            }
        }
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

/// Larger than any file of a configuration.
const MOST: u64 = 4 << 20;
