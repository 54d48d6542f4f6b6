//! Reload: the client's key and certificate, which change while the process lives.

use std::sync::Arc;
use std::time::Duration;

use super::StartError;
use super::client::Key;
use crate::telemetry::metrics::{Metrics, ReloadResult};
use crate::tls::Certificate;

/// Looks at the files of key and certificate until it is dropped, as `server/reload.rs` looks at those of sessions. What cannot be read leaves what
/// was there, and is said once for each reason.
pub async fn keep_up(key: Option<Arc<Key>>, certificate: Option<Arc<Certificate>>, metrics: Arc<Metrics>) {
    if key.is_none() && certificate.is_none() {
        return;
    }
    let mut said = None;
    loop {
        tokio::time::sleep(EVERY).await;
        let look = || {
            let new_key = key.as_ref().map_or(Ok(false), |key| key.reread())?;
            let new_certificate = certificate.as_ref().map_or(Ok(false), |certificate| {
                certificate.reread().map_err(|error| StartError::Certificate(error).to_string())
            })?;
            Ok::<bool, String>(new_key || new_certificate)
        };
        match look() {
            Ok(changed) => {
                if changed {
                    metrics.config_reload(ReloadResult::Success);
                    tracing::info!(event = "client_key_reloaded");
                }
                said = None;
            }
            Err(why) if said.as_ref() == Some(&why) => {}
            Err(why) => {
                metrics.config_reload(ReloadResult::Failure);
                tracing::error!(event = "client_key_not_reloaded", "{why}; what was there stays");
                said = Some(why);
            }
        }
    }
}

const EVERY: Duration = Duration::from_secs(2);
