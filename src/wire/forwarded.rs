//! `X-Forwarded-*` and `Forwarded`: believed from trusted proxies, written for the application.

use std::net::IpAddr;

/// `trusted_proxies`.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    pub networks: Vec<ipnet::IpNet>,
    /// Forward-auth headers are believed from loopback too: where `upstream` is absent.
    pub loopback_originals: bool,
}

impl Trust {
    pub fn trusts(&self, peer: Option<IpAddr>) -> bool {
        let _ = peer;
        todo!()
    }
}
