//! Logs: JSON lines off a terminal, readable on one.

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Format {
    /// Text on a terminal, JSON elsewhere.
    #[default]
    Auto,
    Text,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum User {
    /// A stable keyed hash.
    #[default]
    Hash,
    Id,
    Off,
}

#[derive(Clone, Debug)]
pub struct Settings {
    pub format: Format,
    pub level: tracing::Level,
    pub access: bool,
    pub user: User,
    /// Whether query strings are logged.
    pub query: bool,
}

/// Installs the process's one subscriber. Standard output; a second call changes nothing.
pub fn start(settings: &Settings) {
    let _ = settings;
    todo!()
}
