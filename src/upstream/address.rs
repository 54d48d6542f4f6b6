//! Where the application listens.

/// `http://127.0.0.1:3000` or `unix:/run/app.sock`. Other schemes come with a later issue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    Tcp { host: String, port: u16 },
    Unix(std::path::PathBuf),
}
