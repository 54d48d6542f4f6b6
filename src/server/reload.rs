//! Reload: keys that change while the process lives.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::site::House;
use crate::config::keys::read_file;
use crate::oidc::Secret;
use crate::telemetry::metrics::{Metrics, ReloadResult};
use crate::upstream::Tls;

/// Looks at the file until it is dropped. A file that cannot be read leaves the keys as they were, and says so once for each reason.
///
/// Looked at, not listened to: what a mounted secret does to its links is seen either way, and a look costs nothing.
pub async fn watch_keys(house: Arc<House>, path: &Path, delay: Duration) {
    let mut watch = Watch::default();
    loop {
        tokio::time::sleep(EVERY).await;
        watch.look(&house, path, delay);
    }
}

/// What the last look saw. The first is compared with the keys themselves: the file may have changed since they were read.
#[derive(Default)]
pub(in crate::server) struct Watch {
    known: Option<Result<Vec<Secret<[u8; 32]>>, String>>,
}

impl Watch {
    pub(in crate::server) fn look(&mut self, house: &House, path: &Path, delay: Duration) {
        let read = read_file(path);
        if self.known.as_ref() == Some(&read) {
            return;
        }
        match &read {
            Ok(keys) => {
                let site = house.site.load_full();
                match site.keys.reloaded(keys.clone(), delay, house.clock.now()) {
                    Ok(ring) if ring.has_the_keys_of(&site.keys) => {}
                    Ok(ring) => {
                        house.site.store(Arc::new(site.with_keys(ring)));
                        house.metrics.config_reload(ReloadResult::Success);
                        tracing::info!(event = "keys_reloaded", keys = keys.len());
                    }
                    Err(error) => failed(house, path, &error.to_string()),
                }
            }
            Err(error) => failed(house, path, error),
        }
        self.known = Some(read);
    }
}

fn failed(house: &House, path: &Path, why: &str) {
    house.metrics.config_reload(ReloadResult::Failure);
    tracing::error!(
        event = "keys_not_reloaded",
        key = "session.keys_file",
        file = %path.display(),
        "{why}; the keys stay as they were"
    );
}

/// Looks at the files of `[upstream_tls]` in the same way.
pub async fn watch_upstream_tls(tls: Arc<Tls>, metrics: Arc<Metrics>) {
    let mut said = None;
    loop {
        tokio::time::sleep(EVERY).await;
        match tls.reread().map_err(|error| error.to_string()) {
            Ok(changed) => {
                if changed {
                    metrics.config_reload(ReloadResult::Success);
                    tracing::info!(event = "upstream_tls_reloaded");
                }
                said = None;
            }
            Err(why) if said.as_ref() == Some(&why) => {}
            Err(why) => {
                metrics.config_reload(ReloadResult::Failure);
                tracing::error!(event = "upstream_tls_not_reloaded", "{why}; what was there stays");
                said = Some(why);
            }
        }
    }
}

const EVERY: Duration = Duration::from_secs(2);
