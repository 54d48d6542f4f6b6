//! What the file says, checked: `raw::File` (all optional, unknown keys refused) becomes `Config`, and every problem is reported at once.

pub mod problem;

use std::path::PathBuf;

pub use problem::{Place, Problem, Problems};

/// Where a configuration comes from. The variables win over the file.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// `None`: the environment alone.
    pub file: Option<PathBuf>,
    /// Every variable of the process; only those that begin with `TOKIGATE_` are looked at (and `HTTPS_PROXY`, `NO_PROXY`).
    pub env: Vec<(String, String)>,
}

/// A configuration that can be run, and what `check` says about it.
pub struct Loaded {
    pub config: Config,
    /// What is allowed and should be known: dangerous settings, rules that open everything, a key for this process only.
    pub warnings: Vec<Problem>,
    /// Every key with the value it has and where that came from, in the order of the example; secrets redacted.
    pub effective: Vec<Effective>,
}

/// One line of `check`: `session.lifetime = "12h"` and its origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    pub key: String,
    /// As TOML; a secret as `"<redacted>"`.
    pub value: String,
    pub origin: Origin,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    Default,
    /// `config.toml:12`
    File {
        line: usize,
    },
    Variable(String),
}

/// Reads and checks everything; every problem at once.
pub fn load(sources: &Sources) -> Result<Loaded, Problems> {
    let _ = sources;
    todo!()
}

/// The configuration's JSON Schema (draft 2020-12), for editors.
pub fn schema() -> serde_json::Value {
    todo!()
}

/// Everything checked; each room's settings in its own type.
pub struct Config {
    pub server: crate::config::server::Settings,
    pub gate: crate::gate::Settings,
    pub cookies: crate::store::cookie::Settings,
    pub keys: keys::Keys,
    pub provider: crate::provider::Settings,
    /// Absent: forward-auth only.
    pub upstream: Option<crate::upstream::Settings>,
    pub trust: crate::wire::Trust,
    pub log: crate::telemetry::log::Settings,
}

/// `[session] keys` and how they are seen to change.
pub mod keys {
    use std::time::Duration;

    use crate::oidc::Secret;

    #[derive(Clone, Debug)]
    pub enum Source {
        /// Given in the configuration.
        Given(Vec<Secret<[u8; 32]>>),
        /// Reloaded when it changes.
        File(std::path::PathBuf),
        /// Every `public_url` is plain http on loopback and no key was given: one for this process, with a warning.
        ForThisProcess,
    }

    #[derive(Clone, Debug)]
    pub struct Keys {
        pub source: Source,
        pub delay: Duration,
    }

    /// The keys of a file: one a line, blank and `#` lines allowed. The text says what is wrong, never what a line holds.
    pub fn read_file(path: &std::path::Path) -> Result<Vec<Secret<[u8; 32]>>, String> {
        let _ = path;
        todo!()
    }
}

/// Listeners, limits, shutdown, pages.
pub mod server {
    use std::net::SocketAddr;
    use std::path::PathBuf;
    use std::time::Duration;

    #[derive(Clone, Debug, PartialEq, Eq)]
    pub enum Listen {
        Tcp(SocketAddr),
        Unix(PathBuf),
    }

    #[derive(Clone, Debug)]
    pub struct Limits {
        pub header_bytes: usize,
        pub body_bytes: Option<u64>,
        pub connections: usize,
        /// First byte to end of head.
        pub header_timeout: Duration,
        /// Between requests.
        pub idle_timeout: Duration,
    }

    #[derive(Clone, Debug)]
    pub struct Shutdown {
        pub delay: Duration,
        pub drain: Duration,
    }

    #[derive(Clone, Debug, Default)]
    pub struct Pages {
        pub name: Option<String>,
        pub support: Option<String>,
        /// `auto`: by `Accept-Language`.
        pub language: Option<String>,
    }

    #[derive(Clone, Debug)]
    pub struct Settings {
        pub listen: Vec<Listen>,
        pub admin_listen: SocketAddr,
        pub workers: usize,
        pub limits: Limits,
        pub shutdown: Shutdown,
        pub pages: Pages,
    }
}
