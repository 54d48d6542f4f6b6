//! Which `public_url`, and which of the gate's own endpoints.

use crate::wire::Host;

/// One `public_url`: what browsers see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    pub https: bool,
    pub host: Host,
    /// The path the application lives under: empty, or `/app` without a slash at its end.
    pub path: String,
}

impl PublicUrl {
    /// `https://app.example.mn` or `http://localhost:4180`: no path, the default port left out.
    pub fn origin(&self) -> String {
        let _ = self;
        todo!()
    }

    /// The port as the application is told it.
    pub fn port(&self) -> u16 {
        self.host.port.unwrap_or(if self.https { 443 } else { 80 })
    }
}
