//! `trusted_proxies`: whose word is taken for who asks, and for what.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::raw;
use super::report::Report;
use super::server::Listen;
use crate::wire::{Remote, Trust};

pub fn trust(written: &raw::Configuration, has_upstream: bool, report: &mut Report) -> Trust {
    let mut networks = Vec::new();
    for at in written.trusted_proxies.or(Vec::new(), report) {
        match named(&at.value) {
            Ok(several) => networks.extend(several),
            Err(text) => report.wrong(&at, format!("{:?} {text}", at.value)),
        }
    }
    // Halves that are harmless each for themselves.
    if let Some(wide) = IpNet::aggregate(&networks).into_iter().find(is_nearly_everybody) {
        report.wrong_key(&written.trusted_proxies, format!("together they are {wide}, which {EVERYBODY}"));
    }
    Trust { networks, loopback_originals: !has_upstream }
}

/// Who writes a header of the PROXY protocol in front of each connection, where anybody does.
pub fn proxy_protocol(
    written: &raw::Configuration,
    trust: &Trust,
    listen: &[Listen],
    report: &mut Report,
) -> Option<Trust> {
    let key = &written.proxy_protocol;
    if !key.or(false, report) {
        return None;
    }
    let unix = listen.iter().find(|listen| matches!(listen, Listen::Unix(_)));
    if written.trusted_proxies.written().is_none_or(|at| at.value.is_empty()) {
        report
            .wrong_key(key, "it is taken from trusted_proxies alone; write the networks of the balancers that send it");
    } else if let Some(unix) = unix.filter(|_| !trust.trusts(Remote::Unix)) {
        let text = format!(
            "on {unix} nobody may send it: a unix socket counts as \"loopback\", which is not in trusted_proxies"
        );
        report.warnings.push(key.problem(text));
    }
    Some(trust.clone())
}

/// A network, an address, or a name for several.
pub fn networks(text: &str) -> Result<Vec<IpNet>, String> {
    let list = |texts: &[&str]| Ok(texts.iter().filter_map(|text| text.parse().ok()).collect());
    match text {
        "loopback" => return list(&["127.0.0.0/8", "::1/128"]),
        // RFC 1918, RFC 6598 (which clusters use for pods), RFC 4193.
        "private" => return list(&["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"]),
        _ => {}
    }
    let address = text.parse::<IpAddr>().map(IpNet::from);
    let network = address
        .or_else(|_| text.parse::<IpNet>())
        .map_err(|_| "is no network; write 10.0.0.0/8, an address, \"loopback\" or \"private\"".to_owned())?;
    if network != network.trunc() {
        return Err(format!("has bits beyond its mask; write {}", network.trunc()));
    }
    Ok(vec![canonical(network)?])
}

fn named(text: &str) -> Result<Vec<IpNet>, String> {
    let networks = networks(text)?;
    if networks.iter().any(is_nearly_everybody) { Err(EVERYBODY.to_owned()) } else { Ok(networks) }
}

/// Peers are compared in their older form where they have one (`::ffff:10.0.0.1` is 10.0.0.1).
fn canonical(network: IpNet) -> Result<IpNet, String> {
    let IpNet::V6(v6) = network else { return Ok(network) };
    match v6.addr().to_ipv4_mapped() {
        Some(v4) if v6.prefix_len() >= 96 => {
            Ipv4Net::new(v4, v6.prefix_len() - 96).map(IpNet::V4).map_err(|_| "is no network".to_owned())
        }
        Some(_) | None => Ok(network),
    }
}

/// No proxy's network is that wide; `fc00::/7` is all private addresses there are.
fn is_nearly_everybody(network: &IpNet) -> bool {
    match network {
        IpNet::V4(v4) => v4.prefix_len() < 8,
        IpNet::V6(v6) => v6.prefix_len() < 16 && !is_private(v6),
    }
}

fn is_private(network: &Ipv6Net) -> bool {
    network.prefix_len() >= 7 && network.addr().octets()[0] & 0xfe == 0xfc
        || network.prefix_len() >= 10 && network.addr().segments()[0] & 0xffc0 == 0xfe80
}

const EVERYBODY: &str = "would believe nearly everybody; write the networks of your proxies";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_and_their_names_are_read() {
        for (text, expected) in [
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("10.1.2.3", "10.1.2.3/32"),
            ("::1", "::1/128"),
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
            ("fc00::/7", "fc00::/7"),
            ("fe80::/10", "fe80::/10"),
            ("2001:db8::/32", "2001:db8::/32"),
        ] {
            assert_eq!(named(text).unwrap()[0].to_string(), expected, "{text}");
        }
        assert_eq!((named("loopback").unwrap().len(), named("private").unwrap().len()), (2, 5));
    }

    #[test]
    fn networks_of_nearly_everybody_and_what_is_no_network_are_refused() {
        for text in [
            "0.0.0.0/0",
            "::/0",
            "0.0.0.0/1",
            "128.0.0.0/1",
            "2000::/3",
            "::ffff:0.0.0.0/96",
            "10.0.0.1/8",
            "10.0.0.0/33",
            "all",
            "",
            "*",
        ] {
            assert!(named(text).is_err(), "{text}");
        }
    }
}
