//! The proxy on the way to the provider.

use std::net::IpAddr;

use ipnet::IpNet;
use url::{Host, Url};

/// `[provider] proxy`, or what the usual variables say in its place.
#[derive(Clone, Debug)]
pub struct Proxy {
    pub address: Url,
    pub not_for: NoProxy,
}

/// What `NO_PROXY` lists: names, each with those below it, `*`, addresses and networks.
#[derive(Clone, Debug, Default)]
pub struct NoProxy(pub String);

impl Proxy {
    /// For `reqwest`. Asked for each address: discovery may lead to other hosts than the one that `config` looked at.
    pub fn client(&self) -> reqwest::Proxy {
        let Proxy { address, not_for } = self.clone();
        reqwest::Proxy::custom(move |url| (!not_for.lists(url)).then(|| address.clone()))
    }
}

impl NoProxy {
    /// Whether there is no proxy on the way there. To this machine there never is.
    pub fn lists(&self, url: &Url) -> bool {
        let written = self.0.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        THIS_MACHINE.into_iter().chain(written).any(|entry| match url.host() {
            Some(Host::Domain(host)) => {
                let name = entry.trim_start_matches("*.").trim_start_matches('.').to_ascii_lowercase();
                entry == "*"
                    || host == name
                    || host.strip_suffix(&name).is_some_and(|below| below.ends_with('.') && !name.is_empty())
            }
            Some(Host::Ipv4(address)) => entry == "*" || holds(entry, address.into()),
            Some(Host::Ipv6(address)) => entry == "*" || holds(entry, address.into()),
            None => false,
        })
    }
}

fn holds(entry: &str, address: IpAddr) -> bool {
    let address = address.to_canonical();
    entry.parse().is_ok_and(|listed: IpAddr| listed == address)
        || entry.parse().is_ok_and(|network: IpNet| network.contains(&address))
}

const THIS_MACHINE: [&str; 3] = ["localhost", "127.0.0.0/8", "::1"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_listed_is_reached_without_it() {
        let lists = |list: &str, url: &str| NoProxy(list.to_owned()).lists(&Url::parse(url).unwrap());
        for (list, url) in [
            ("op.example", "https://op.example/token"),
            ("op.example", "https://login.OP.example/"),
            (" a.mn , .op.example", "https://op.example:8443/"),
            ("*.Op.Example", "https://login.op.example/"),
            ("*", "https://anything.example/"),
            ("10.0.0.0/8,192.0.2.1", "https://10.1.2.3/"),
            ("10.0.0.0/8,192.0.2.1", "https://192.0.2.1/"),
            ("2001:db8::/32", "https://[2001:db8::1]/"),
            ("", "https://localhost/"),
            ("", "https://op.localhost/"),
            ("", "https://127.0.0.2/"),
            ("", "https://[::1]/"),
            ("", "https://[::ffff:127.0.0.1]/"),
        ] {
            assert!(lists(list, url), "{list}: {url}");
        }
        for (list, url) in [
            ("p.example", "https://op.example/"),
            ("login.op.example", "https://op.example/"),
            (",, .", "https://op.example/"),
            ("10.0.0.0/8", "https://11.0.0.1/"),
            ("", "https://op.example/"),
        ] {
            assert!(!lists(list, url), "{list}: {url}");
        }
    }
}
