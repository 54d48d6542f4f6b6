//! Limits, shutdown, pages; with what listens (`listen.rs`) all that the server itself is told.

use std::net::SocketAddr;
use std::time::Duration;

use super::listen::{admin_listen, listen};
use super::measure::{OrNone, Size, Time};
use super::report::Report;
use super::value::{Key, One};
use super::{raw, workers};

pub use super::listen::Listen;

/// `[limits]`, as far as the server itself holds them.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Of a request's head: 431 beyond.
    pub header_bytes: usize,
    /// Of a request's body: 413 beyond. `None`: as much as comes.
    pub body_bytes: Option<u64>,
    /// Of clients, at the same time, over all listeners and workers.
    pub connections: usize,
    /// First byte to end of head.
    pub header_timeout: Duration,
    /// Between requests.
    pub idle_timeout: Duration,
    /// How long a client may take nothing of its answer while the application is held up. No key, because there is nothing to choose: the kernel
    /// says that there is room again only when a third of what it holds (megabytes) has been taken, so that a client that reads 10 KB a second
    /// is silent for minutes.
    pub stall_timeout: Duration,
}

/// `[shutdown]`.
#[derive(Clone, Debug)]
pub struct Shutdown {
    /// From the signal on: not ready, but accepting.
    pub delay: Duration,
    /// From the end of `delay` on, at most: nothing new is accepted, what runs is finished.
    pub drain: Duration,
}

/// `[pages]`: how the gate's own pages speak.
#[derive(Clone, Debug, Default)]
pub struct Pages {
    /// What the application is called; without it, the host.
    pub name: Option<String>,
    /// Where a person turns to: an address, a telephone number.
    pub support: Option<String>,
    pub language: Language,
}

/// What the server is made of.
#[derive(Clone, Debug)]
pub struct Settings {
    pub listen: Vec<Listen>,
    pub admin_listen: SocketAddr,
    pub workers: usize,
    pub limits: Limits,
    pub shutdown: Shutdown,
    pub pages: Pages,
}

/// `[pages] language`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Language {
    /// By `Accept-Language`.
    #[default]
    Auto,
    English,
    Mongolian,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            header_bytes: 64 * 1024,
            body_bytes: None,
            connections: 10_000,
            header_timeout: Duration::from_secs(10),
            // Longer than load balancers keep their connections (Google's 610 s is the longest known), so that none sends into a closed one.
            idle_timeout: Duration::from_secs(620),
            stall_timeout: Duration::from_secs(600),
        }
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Shutdown { delay: Duration::from_secs(5), drain: Duration::from_secs(20) }
    }
}

pub(super) fn settings(written: &raw::Configuration, report: &mut Report) -> Settings {
    let listen = listen(written, report);
    Settings {
        admin_listen: admin_listen(&written.admin_listen, &listen, report),
        listen,
        workers: number(&written.workers, workers::default(), MOST_WORKERS, report),
        limits: limits(&written.limits, report),
        shutdown: shutdown(&written.shutdown, report),
        pages: pages(&written.pages, report),
    }
}

fn limits(written: &raw::Limits, report: &mut Report) -> Limits {
    let default = Limits::default();
    let header_bytes =
        size(&written.header_bytes, default.header_bytes, (HEADER_BYTES_LEAST, HEADER_BYTES_MOST), report);
    let body_bytes = written.body_bytes.or(default.body_bytes.map(Size).into(), report);
    if body_bytes == OrNone::Some(Size(0)) {
        report.wrong_key(&written.body_bytes, "no request with a body would be taken; write off, or a size");
    }
    Limits {
        header_bytes,
        body_bytes: body_bytes.into_option().map(|size| size.0),
        connections: number(&written.connections, default.connections, MOST_CONNECTIONS, report),
        header_timeout: positive(&written.header_timeout, default.header_timeout, report),
        idle_timeout: positive(&written.idle_timeout, default.idle_timeout, report),
        stall_timeout: default.stall_timeout,
    }
}

fn shutdown(written: &raw::Shutdown, report: &mut Report) -> Shutdown {
    let default = Shutdown::default();
    Shutdown {
        delay: written.delay.or(Time(default.delay), report).0,
        drain: written.drain.or(Time(default.drain), report).0,
    }
}

fn pages(written: &raw::Pages, report: &mut Report) -> Pages {
    let line = |key: &Key<String>, report: &mut Report| {
        let at = key.noted(report)?.clone();
        if at.value.trim().is_empty() || at.value.chars().any(char::is_control) {
            report.wrong(&at, "it is empty, or more than one line");
        }
        Some(at.value)
    };
    Pages {
        name: line(&written.name, report),
        support: line(&written.support, report),
        language: written.language.or(One(Language::default()), report).0,
    }
}

/// A duration that must not be zero.
pub(super) fn positive(key: &Key<Time>, default: Duration, report: &mut Report) -> Duration {
    let time = key.or(Time(default), report).0;
    if time.is_zero() {
        report.wrong_key(key, format!("zero makes no sense here; leave it out for {}", Time(default)));
    }
    time
}

/// A number from 1 to `most`.
pub(super) fn number(key: &Key<u64>, default: usize, most: usize, report: &mut Report) -> usize {
    let number = key.or(default as u64, report);
    match usize::try_from(number) {
        Ok(number) if (1..=most).contains(&number) => number,
        Ok(_) | Err(_) => {
            report.wrong_key(key, format!("{number} is not between 1 and {most}"));
            default
        }
    }
}

/// A size within bounds.
pub(super) fn size(key: &Key<Size>, default: usize, (least, most): (u64, u64), report: &mut Report) -> usize {
    let size = key.or(Size(default as u64), report);
    if !(least..=most).contains(&size.0) {
        report.wrong_key(key, format!("{size} is not between {} and {}", Size(least), Size(most)));
    }
    usize::try_from(size.0).unwrap_or(default)
}

const MOST_WORKERS: usize = 1024;
const MOST_CONNECTIONS: usize = 10_000_000;
/// Browsers send a kilobyte or two before any cookie.
const HEADER_BYTES_LEAST: u64 = 4 * 1024;
const HEADER_BYTES_MOST: u64 = 1024 * 1024;
