//! `X-Forwarded-*` and `Forwarded`: believed from trusted proxies, written for the application.

use std::net::{IpAddr, Ipv4Addr};

/// `trusted_proxies`.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    pub networks: Vec<ipnet::IpNet>,
    /// Forward-auth headers are believed from loopback too: where `upstream` is absent.
    pub loopback_originals: bool,
}

impl Trust {
    /// Whether the connection is a trusted proxy's. `None`: a unix socket, which counts as loopback.
    pub fn trusts(&self, peer: Option<IpAddr>) -> bool {
        let peer = peer.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |peer| peer.to_canonical());
        self.networks.iter().any(|network| network.contains(&peer))
    }

    /// Whether the original request that a forward-auth proxy tells is believed.
    pub fn trusts_originals(&self, peer: Option<IpAddr>) -> bool {
        self.trusts(peer) || self.loopback_originals && peer.is_none_or(|peer| peer.to_canonical().is_loopback())
    }
}
