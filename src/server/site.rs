//! Site: everything of one configuration that a request needs, swapped whole; and the house it stands in.

use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

use super::answer;
use super::application::Application;
use super::pages::Voice;
use super::ready::Readiness;
use crate::clock::Clock;
use crate::config::keys;
use crate::gate::Gate;
use crate::provider::Provider;
use crate::session::KeyRing;
use crate::store::cookie::CookieStore;
use crate::store::memory::Memory;
use crate::telemetry::log;
use crate::telemetry::metrics::Metrics;
use crate::wire::{Rewrite, Trust};

/// One configuration and one key ring: a request sees the same ones from its first line to its last.
pub struct Site {
    pub settings: Arc<Settings>,
    pub keys: KeyRing,
}

/// What does not change while the process lives.
pub struct Settings {
    pub gate: Gate,
    pub store: CookieStore,
    pub rewrite: Rewrite,
    pub trust: Trust,
    pub places: Vec<answer::Place>,
    pub voice: Voice,
    pub log: log::Settings,
    /// `limits.body_bytes`.
    pub body_bytes: Option<u64>,
}

impl Site {
    pub fn with_keys(&self, keys: KeyRing) -> Site {
        Site { settings: Arc::clone(&self.settings), keys }
    }
}

impl Deref for Site {
    type Target = Settings;

    fn deref(&self) -> &Settings {
        &self.settings
    }
}

/// What all workers share. A request locks the memory where anything is remembered of sessions or it lasts, and what is known of access tokens where it brings one.
pub struct House {
    pub site: ArcSwap<Site>,
    pub provider: Provider,
    pub memory: Memory,
    pub clock: Clock,
    pub metrics: Arc<Metrics>,
    pub readiness: Readiness,
    /// As `Pass::upstream` counts them.
    pub applications: Vec<Application>,
}

impl House {
    /// Reads the file of the sessions' keys again.
    pub fn read_keys(&self, path: &Path, delay: Duration) -> Result<(), String> {
        let site = self.site.load_full();
        let ring = site.keys.reloaded(keys::read_file(path)?, delay, self.clock.now());
        self.site.store(Arc::new(site.with_keys(ring.map_err(|error| error.to_string())?)));
        Ok(())
    }
}
