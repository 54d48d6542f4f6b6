//! What anybody can begin: so much of it a minute, and so much at once.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::pace::Bucket;
use super::{CALLS_AT_ONCE, WAIT_FOR_A_PLACE};
use crate::clock::Timestamp;

pub struct Door {
    bucket: Mutex<Bucket>,
    places: Semaphore,
}

impl Door {
    pub fn new(per_minute: u32, now: Timestamp) -> Door {
        Door { bucket: Mutex::new(Bucket::new(per_minute, now)), places: Semaphore::new(CALLS_AT_ONCE) }
    }

    /// A place, for as long as it is held; else how soon it is worth coming again.
    pub async fn enter(&self, now: Timestamp) -> Result<SemaphorePermit<'_>, Duration> {
        self.bucket.lock().unwrap_or_else(PoisonError::into_inner).take(now)?;
        let place = timeout(WAIT_FOR_A_PLACE, self.places.acquire()).await.map_err(|_| AFTER_A_JAM)?;
        Ok(place.expect("nobody closes it"))
    }
}

/// What a place takes to become free, at most.
const AFTER_A_JAM: Duration = Duration::from_secs(10);
