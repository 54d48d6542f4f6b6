//! The applications: where they are, and how long they are waited for.

use std::net::IpAddr;
use std::time::Duration;

use http::HeaderValue;

use super::measure::Time;
use super::raw;
use super::report::Report;
use super::server::{Listen, positive};
use super::value::{At, One};
use crate::gate::rules::Access;
use crate::upstream::address::{Plain, Scheme};
use crate::upstream::{Address, Settings};

/// Each address once: first the application that gets what no rule sends elsewhere. None: forward-auth only.
pub struct Applications<'a> {
    pub settings: Vec<Settings>,
    host: HostHeader,
    listen: &'a [Listen],
}

/// `host_header`: whom the application is told that the request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostHeader {
    /// Whom the client asked for.
    Keep,
    /// The application itself.
    Upstream,
}

impl HostHeader {
    fn of(self, address: &Address) -> Option<HeaderValue> {
        match self {
            HostHeader::Keep => None,
            HostHeader::Upstream => Some(address.authority()),
        }
    }
}

pub fn applications<'a>(written: &raw::Configuration, listen: &'a [Listen], report: &mut Report) -> Applications<'a> {
    let limits = &written.limits;
    let connect_timeout = positive(&limits.upstream_connect_timeout, Duration::from_secs(5), report);
    let timeout = positive(&limits.upstream_timeout, Duration::from_secs(60), report);
    // Servers close idle connections after two seconds and more (Gunicorn): sooner than the shortest of them.
    let idle_timeout = limits.upstream_idle_timeout.or(Time(Duration::from_millis(1500)), report).0;
    let host = written.host_header.or(One(HostHeader::Keep), report).0;
    let at = written.upstream.noted(report).cloned();
    let settings = at.map(|at| {
        let address = address(&at, listen, report);
        Settings { host: host.of(&address), address, connect_timeout, timeout, idle_timeout }
    });
    Applications { settings: settings.into_iter().collect(), host, listen }
}

impl Applications<'_> {
    /// The number of the application that gets what a rule lets through.
    pub fn of_rule(&mut self, rule: &raw::Rule, access: Access, report: &mut Report) -> usize {
        let Some(at) = rule.upstream.written() else { return 0 };
        if access == Access::Deny {
            report.wrong(at, "access = \"deny\" lets nothing through; leave it out");
        }
        let address = address(at, self.listen, report);
        let Some(first) = self.settings.first() else {
            let text = "nothing says where all other requests go; write upstream = \"http://127.0.0.1:3000\" at the top, or leave it out where the gate \
                        only answers another proxy's questions";
            report.wrong(at, text);
            return 0;
        };
        if let Some(known) = self.settings.iter().position(|known| known.address == address) {
            return known;
        }
        self.settings.push(Settings { host: self.host.of(&address), address, ..first.clone() });
        self.settings.len() - 1
    }
}

fn address(at: &At<String>, listen: &[Listen], report: &mut Report) -> Address {
    let address = Address::parse(&at.value).unwrap_or_else(|bad| {
        report.wrong(at, bad.to_string());
        Address::Tcp { scheme: Scheme::Plain(Plain::Http1), host: "localhost".to_owned(), port: 80 }
    });
    if listen.iter().any(|listen| is_same(&address, listen)) {
        report.wrong(at, "it is the gate's own address; write the application's");
    }
    address
}

/// Names other than `localhost` are not looked up.
fn is_same(address: &Address, listen: &Listen) -> bool {
    match (address, listen) {
        (Address::Unix { path, .. }, Listen::Unix(own)) => path == own,
        (Address::Tcp { host, port, .. }, Listen::Tcp(own)) => {
            let host = if host.eq_ignore_ascii_case("localhost") { "127.0.0.1" } else { host };
            let reaches = |ip: IpAddr| ip == own.ip() || own.ip().is_unspecified() && ip.is_loopback();
            *port == own.port() && host.parse().is_ok_and(reaches)
        }
        // Where those listen is not known before the start.
        (_, Listen::Passed(_)) => false,
        (Address::Unix { .. }, Listen::Tcp(_)) | (Address::Tcp { .. }, Listen::Unix(_)) => false,
    }
}
