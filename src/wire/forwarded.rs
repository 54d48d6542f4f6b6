//! `X-Forwarded-*` and `Forwarded`: believed from trusted proxies, written for the application.

use std::net::{IpAddr, Ipv4Addr};

use http::header::{FORWARDED, HeaderName};
use http::{HeaderMap, HeaderValue};

/// `trusted_proxies`.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    pub networks: Vec<ipnet::IpNet>,
    /// Forward-auth headers are believed from loopback too: where `upstream` is absent.
    pub loopback_originals: bool,
}

pub const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

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

    /// Who asks: the connection's address, or from a trusted proxy the nearest address in its list that is no trusted proxy's. What stands
    /// left of that address, or of one that is none, could have been written by anybody.
    pub fn client(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> Option<IpAddr> {
        if !self.trusts(peer) {
            return peer;
        }
        let mut client = peer;
        for hop in listed(headers).into_iter().rev() {
            let Some(hop) = hop else { break };
            client = Some(hop);
            if !self.trusts(client) {
                break;
            }
        }
        client
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

/// The hops as they were listed, the client first; `None` for one that is no address.
fn listed(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    if headers.contains_key(X_FORWARDED_FOR) {
        return elements(headers.get_all(X_FORWARDED_FOR).iter()).map(address).collect();
    }
    elements(headers.get_all(FORWARDED).iter()).map(|element| address(forwarded_for(element)?)).collect()
}

fn elements<'a>(lines: impl Iterator<Item = &'a HeaderValue>) -> impl Iterator<Item = &'a str> {
    lines.flat_map(|line| line.to_str().unwrap_or("?").split(','))
}

/// The `for` parameter of one `Forwarded` element.
fn forwarded_for(element: &str) -> Option<&str> {
    element.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then(|| value.trim().trim_matches('"'))
    })
}

/// `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:4711`; no zone identifiers, no names.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address.to_canonical());
    }
    if let Ok(socket) = text.parse::<std::net::SocketAddrV4>() {
        return Some(IpAddr::V4(*socket.ip()));
    }
    let (host, port) = text.strip_prefix('[')?.split_once(']')?;
    let port_fits = port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
    port_fits.then(|| host.parse::<std::net::Ipv6Addr>().ok().map(|v6| IpAddr::V6(v6).to_canonical()))?
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
    fn a_stranger_who_names_an_address_is_still_at_his_own() {
        let headers = said(&[("x-forwarded-for", "10.0.0.5")]);
        assert_eq!(trust(&["10.0.0.0/8"]).client(ip("6.6.6.6"), &headers), ip("6.6.6.6"));
    }

    #[test]
    fn behind_a_trusted_proxy_the_nearest_untrusted_address_asks() {
        let headers = said(&[("x-forwarded-for", "9.9.9.9, 6.6.6.6"), ("x-forwarded-for", "10.0.0.7")]);
        assert_eq!(trust(&["10.0.0.0/8"]).client(ip("10.0.0.5"), &headers), ip("6.6.6.6"));
    }

    #[test]
    fn what_is_no_address_ends_the_walk() {
        let trust = trust(&["10.0.0.0/8"]);
        for odd in ["nil", "10000.0.0.1", "fe80::1%eth0", "1.2.3.4:99999", "", "[::1", "unknown", "_hidden"] {
            let headers = said(&[("x-forwarded-for", &format!("9.9.9.9, {odd}, 10.0.0.7"))]);
            assert_eq!(trust.client(ip("10.0.0.5"), &headers), ip("10.0.0.7"), "{odd:?}");
        }
    }

    #[test]
    fn ports_and_brackets_and_forwarded_elements_are_understood() {
        let trust = trust(&["10.0.0.0/8"]);
        for (name, value, client) in [
            ("x-forwarded-for", "6.6.6.6:4711", "6.6.6.6"),
            ("x-forwarded-for", "[2001:db8::1]:4711", "2001:db8::1"),
            ("x-forwarded-for", "::ffff:6.6.6.6", "6.6.6.6"),
            ("forwarded", "for=9.9.9.9, For=\"[2001:db8::1]:80\";proto=http", "2001:db8::1"),
        ] {
            assert_eq!(trust.client(ip("10.0.0.5"), &said(&[(name, value)])), ip(client), "{value}");
        }
    }

    #[test]
    fn a_thousand_hops_are_only_a_list() {
        let hops = vec!["10.1.1.1"; 1000].join(",");
        assert_eq!(trust(&["10.0.0.0/8"]).client(ip("10.0.0.5"), &said(&[("x-forwarded-for", &hops)])), ip("10.1.1.1"));
    }

    #[test]
    fn a_unix_socket_counts_as_loopback() {
        assert!(trust(&["127.0.0.0/8"]).trusts(None));
        assert!(trust(&["127.0.0.0/8"]).trusts(ip("::ffff:127.0.0.1")));
        assert!(!trust(&["10.0.0.0/8"]).trusts(None));
    }

    #[test]
    fn only_a_trusted_list_is_continued() {
        let headers = said(&[("x-forwarded-for", "9.9.9.9"), ("x-forwarded-for", "8.8.8.8")]);
        let address = HeaderValue::from_static("10.0.0.5");
        assert_eq!(continued(&headers, true, Some(&address)).unwrap(), "9.9.9.9, 8.8.8.8, 10.0.0.5");
        assert_eq!(continued(&headers, false, Some(&address)).unwrap(), "10.0.0.5");
        assert_eq!(continued(&headers, false, None), None);
    }
}
