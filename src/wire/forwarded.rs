//! `X-Forwarded-*` and `Forwarded`: believed from trusted proxies, written for the application.

use std::net::{IpAddr, Ipv4Addr};

use http::header::HeaderName;
use http::{HeaderMap, HeaderValue};

/// `trusted_proxies`.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    pub networks: Vec<ipnet::IpNet>,
    /// Forward-auth headers are believed from loopback too: where `upstream` is absent.
    pub loopback_originals: bool,
}

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remote {
    Address(IpAddr),
    /// A process of this machine, by a unix socket: counts as loopback.
    Unix,
    /// Somebody whom the proxy in front could not name (PROXY protocol): in no network, and believed in nothing.
    Unnamed,
}

impl Remote {
    pub fn address(self) -> Option<IpAddr> {
        match self {
            Remote::Address(address) => Some(address),
            Remote::Unix | Remote::Unnamed => None,
        }
    }
}

pub const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

impl Trust {
    /// Whether the connection is a trusted proxy's.
    pub fn trusts(&self, remote: Remote) -> bool {
        counted(remote).is_some_and(|address| self.includes(address))
    }

    /// Whether the original request that a forward-auth proxy tells is believed.
    pub fn trusts_originals(&self, remote: Remote) -> bool {
        self.trusts(remote) || self.loopback_originals && counted(remote).is_some_and(|address| address.is_loopback())
    }

    /// Whether one of the networks has this address.
    pub fn includes(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.iter().any(|network| network.contains(&address))
    }
}

/// As which address a connection counts.
fn counted(remote: Remote) -> Option<IpAddr> {
    match remote {
        Remote::Address(address) => Some(address.to_canonical()),
        Remote::Unix => Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        Remote::Unnamed => None,
    }
}

/// The list that the application gets: the connection's address alone, or behind what a trusted proxy said.
pub fn continued(headers: &HeaderMap, trusted: bool, address: Option<&HeaderValue>) -> Option<HeaderValue> {
    if !trusted || !headers.contains_key(X_FORWARDED_FOR) {
        return address.cloned();
    }
    let lines = headers.get_all(X_FORWARDED_FOR);
    let mut list = Vec::with_capacity(64);
    for element in lines.iter().chain(address).map(|value| value.as_bytes().trim_ascii()).filter(|e| !e.is_empty()) {
        if !list.is_empty() {
            list.extend_from_slice(b", ");
        }
        list.extend_from_slice(element);
    }
    HeaderValue::from_maybe_shared(bytes::Bytes::from(list)).ok().or_else(|| address.cloned())
}

/// The element that this hop adds behind a trusted proxy's `Forwarded` (RFC 7239 §4, §6).
pub fn element(address: Option<IpAddr>) -> HeaderValue {
    let text = match address {
        Some(IpAddr::V4(v4)) => format!("for={v4}"),
        Some(IpAddr::V6(v6)) => format!("for=\"[{v6}]\""),
        None => "for=unknown".to_owned(),
    };
    HeaderValue::try_from(text).expect("an address is visible ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trust(networks: &[&str]) -> Trust {
        Trust { networks: networks.iter().map(|net| net.parse().unwrap()).collect(), loopback_originals: false }
    }

    fn ip(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    fn said(lines: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| (HeaderName::from_static(name), value.parse().unwrap());
        lines.iter().map(pair).collect()
    }

    #[test]
    fn a_unix_socket_counts_as_loopback() {
        assert!(trust(&["127.0.0.0/8"]).trusts(Remote::Unix));
        assert!(trust(&["127.0.0.0/8"]).trusts(Remote::Address("::ffff:127.0.0.1".parse().unwrap())));
        assert!(!trust(&["10.0.0.0/8"]).trusts(Remote::Unix));
    }

    #[test]
    fn whoever_is_not_named_is_trusted_by_nobody() {
        let everybody = Trust { loopback_originals: true, ..trust(&["127.0.0.0/8", "::/0", "0.0.0.0/0"]) };
        assert!(!everybody.trusts(Remote::Unnamed) && !everybody.trusts_originals(Remote::Unnamed));
    }

    #[test]
    fn only_a_trusted_list_is_continued() {
        let headers = said(&[("x-forwarded-for", "9.9.9.9"), ("x-forwarded-for", "8.8.8.8")]);
        let address = HeaderValue::from_static("10.0.0.5");
        assert_eq!(continued(&headers, true, Some(&address)).unwrap(), "9.9.9.9, 8.8.8.8, 10.0.0.5");
        assert_eq!(continued(&headers, false, Some(&address)).unwrap(), "10.0.0.5");
        assert_eq!(continued(&headers, false, None), None);
    }

    #[test]
    fn an_element_says_the_older_addresses_bare_and_the_newer_in_brackets() {
        for (address, written) in
            [(ip("192.0.2.1"), "for=192.0.2.1"), (ip("2001:db8::1"), "for=\"[2001:db8::1]\""), (None, "for=unknown")]
        {
            assert_eq!(element(address), written);
        }
    }
}
