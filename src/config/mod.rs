//! What the file says, checked: `raw::File` (all optional, unknown keys refused) becomes `Config`, and every problem is reported at once.

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
