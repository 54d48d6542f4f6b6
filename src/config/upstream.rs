//! The application: where it is, and how long it is waited for.

use std::time::Duration;

use super::measure::Time;
use super::raw;
use super::report::Report;
use super::server::positive;
use crate::upstream::{Address, Settings};

/// `None`: forward-auth only.
pub fn settings(written: &raw::Configuration, report: &mut Report) -> Option<Settings> {
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
    Some(Settings { address, connect_timeout, timeout, idle_timeout })
}
