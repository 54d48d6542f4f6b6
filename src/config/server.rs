//! Listeners, limits, shutdown, pages.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::measure::{OrNone, Size, Time};
use super::report::Report;
use super::value::{Key, One};
use super::{raw, workers};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

#[derive(Clone, Debug)]
pub struct Limits {
    pub header_bytes: usize,
    pub body_bytes: Option<u64>,
    pub connections: usize,
    /// First byte to end of head.
    pub header_timeout: Duration,
    /// Between requests.
    pub idle_timeout: Duration,
}

#[derive(Clone, Debug)]
pub struct Shutdown {
    pub delay: Duration,
    pub drain: Duration,
}

#[derive(Clone, Debug, Default)]
pub struct Pages {
    pub name: Option<String>,
    pub support: Option<String>,
    /// `auto`: by `Accept-Language`.
    pub language: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Settings {
    pub listen: Vec<Listen>,
    pub admin_listen: SocketAddr,
    pub workers: usize,
    pub limits: Limits,
    pub shutdown: Shutdown,
    pub pages: Pages,
}

/// `[pages] language`, as it can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
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

fn listen(written: &raw::Configuration, report: &mut Report) -> Vec<Listen> {
    let Some(addresses) = written.listen.noted(report).cloned() else {
        report.value("listen", None, super::given::quoted(&LISTEN.to_string()));
        return vec![Listen::Tcp(LISTEN)];
    };
    let mut listen: Vec<Listen> = Vec::new();
    for at in &addresses.value.0 {
        match parse(&at.value) {
            Err(text) => report.wrong(at, format!("{:?} {text}", at.value)),
            Ok(address) if listen.contains(&address) && !any_port(&address) => report.wrong(at, "it is there twice"),
            Ok(address) => listen.push(address),
        }
    }
    listen
}

fn parse(text: &str) -> Result<Listen, String> {
    if let Some(path) = text.strip_prefix("unix:") {
        let path = Path::new(path.strip_prefix("//").unwrap_or(path));
        return if path.is_absolute() {
            Ok(Listen::Unix(path.to_owned()))
        } else {
            Err("is no socket; its path must be absolute: unix:/run/tokigate.sock".to_owned())
        };
    }
    if text.starts_with("fd:") {
        return Err("is not in this version; write an address and port, or unix:/path".to_owned());
    }
    socket_address(text).map(Listen::Tcp)
}

fn socket_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        let port = text.rsplit(':').next().filter(|port| port.parse::<u16>().is_ok());
        let mend = match (text.rsplit_once(':'), port) {
            (Some(("" | "*", _)), Some(port)) => format!("0.0.0.0:{port}"),
            (_, Some(port)) => format!("127.0.0.1:{port}"),
            (_, None) => "127.0.0.1:4180".to_owned(),
        };
        format!("is no address with a port; write {mend}")
    })
}

fn admin_listen(key: &Key<String>, listen: &[Listen], report: &mut Report) -> SocketAddr {
    let written = key.noted(report).cloned();
    let address = match &written {
        None => {
            report.value(&key.key, None, super::given::quoted(&ADMIN_LISTEN.to_string()));
            ADMIN_LISTEN
        }
        Some(at) => match socket_address(&at.value) {
            Ok(address) => address,
            Err(text) => {
                report.wrong(at, format!("{:?} {text}", at.value));
                return ADMIN_LISTEN;
            }
        },
    };
    if listen.iter().any(|public| is_same(public, address)) {
        report.wrong_key(
            key,
            format!("{address} is the public listener's own address; give health and metrics another port"),
        );
    }
    address
}

/// Two listeners that cannot both be bound, or of which one answers for the other.
fn is_same(public: &Listen, admin: SocketAddr) -> bool {
    match public {
        Listen::Unix(_) => false,
        Listen::Tcp(public) => {
            let covers = public.ip() == admin.ip() || public.ip().is_unspecified() || admin.ip().is_unspecified();
            public.port() != 0 && public.port() == admin.port() && covers
        }
    }
}

fn any_port(address: &Listen) -> bool {
    matches!(address, Listen::Tcp(address) if address.port() == 0)
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
        language: match written.language.or(One(Language::Auto), report).0 {
            Language::Auto => None,
            Language::English => Some("en".to_owned()),
            Language::Mongolian => Some("mn".to_owned()),
        },
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

const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 4180);
const ADMIN_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 4181);
const MOST_WORKERS: usize = 1024;
const MOST_CONNECTIONS: usize = 10_000_000;
/// Browsers send a kilobyte or two before any cookie.
const HEADER_BYTES_LEAST: u64 = 4 * 1024;
const HEADER_BYTES_MOST: u64 = 1024 * 1024;
