//! The application: where it is, and how long it is waited for.

use std::net::IpAddr;
use std::time::Duration;

use super::measure::Time;
use super::raw;
use super::report::Report;
use super::server::{Listen, positive};
use crate::upstream::{Address, Settings};

/// `None`: forward-auth only.
pub fn settings(written: &raw::Configuration, listen: &[Listen], report: &mut Report) -> Option<Settings> {
    let limits = &written.limits;
    let connect_timeout = positive(&limits.upstream_connect_timeout, Duration::from_secs(5), report);
    let timeout = positive(&limits.upstream_timeout, Duration::from_secs(60), report);
    // Servers close idle connections after two seconds and more (Gunicorn): sooner than the shortest of them.
    let idle_timeout = limits.upstream_idle_timeout.or(Time(Duration::from_millis(1500)), report).0;
    let at = written.upstream.noted(report)?.clone();
    let stand_in = Address::Tcp { host: "localhost".to_owned(), port: 80 };
    let address = Address::parse(&at.value).unwrap_or_else(|bad| {
        report.wrong(&at, bad.to_string());
        stand_in
    });
    if listen.iter().any(|listen| is_same(&address, listen)) {
        report.wrong(&at, "it is the gate's own address; write the application's");
    }
    Some(Settings { address, connect_timeout, timeout, idle_timeout })
}

/// Names other than `localhost` are not looked up.
fn is_same(address: &Address, listen: &Listen) -> bool {
    match (address, listen) {
        (Address::Unix(path), Listen::Unix(own)) => path == own,
        (Address::Tcp { host, port }, Listen::Tcp(own)) => {
            let host = if host.eq_ignore_ascii_case("localhost") { "127.0.0.1" } else { host };
            let reaches = |ip: IpAddr| ip == own.ip() || own.ip().is_unspecified() && ip.is_loopback();
            *port == own.port() && host.parse().is_ok_and(reaches)
        }
        (Address::Unix(_), Listen::Tcp(_)) | (Address::Tcp { .. }, Listen::Unix(_)) => false,
    }
}
