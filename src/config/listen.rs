//! Where the gate listens: addresses, files of sockets, and sockets that somebody else has bound.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use super::given::quoted;
use super::raw;
use super::report::Report;
use super::value::Key;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    Tcp(SocketAddr),
    Unix(PathBuf),
    /// `fd:`
    Passed(Passed),
}

/// Sockets that whoever starts this process has bound and passes on (systemd's socket activation, sd_listen_fds(3)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Passed {
    /// The descriptor; 3 is the first.
    Number(u32),
    /// Every socket of this name (`LISTEN_FDNAMES`): `FileDescriptorName=`, by default the socket unit's own.
    Name(String),
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Listen::Tcp(address) => address.fmt(f),
            Listen::Unix(path) => write!(f, "unix:{}", path.display()),
            Listen::Passed(Passed::Number(number)) => write!(f, "fd:{number}"),
            Listen::Passed(Passed::Name(name)) => write!(f, "fd:{name}"),
        }
    }
}

pub(super) fn listen(written: &raw::Configuration, report: &mut Report) -> Vec<Listen> {
    let Some(addresses) = written.listen.noted(report).cloned() else {
        report.value("listen", None, quoted(&LISTEN.to_string()));
        return vec![Listen::Tcp(LISTEN)];
    };
    let mut listen: Vec<Listen> = Vec::new();
    for at in &addresses.value.0 {
        match parse(&at.value) {
            Err(text) => report.wrong(at, format!("{} {text}", quoted(&at.value))),
            Ok(address) => {
                match listen.iter().find_map(|known| clash(known, &address)) {
                    Some(text) => report.wrong(at, text),
                    None => listen.push(address),
                };
            }
        }
    }
    listen
}

pub(super) fn admin_listen(key: &Key<String>, listen: &[Listen], report: &mut Report) -> SocketAddr {
    let written = key.noted(report).cloned();
    let address = match &written {
        None => {
            report.value(&key.key, None, quoted(&ADMIN_LISTEN.to_string()));
            ADMIN_LISTEN
        }
        Some(at) => match socket_address(&at.value) {
            Ok(address) => address,
            Err(text) => {
                report.wrong(at, format!("{} {text}", quoted(&at.value)));
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

fn parse(text: &str) -> Result<Listen, String> {
    if let Some(path) = text.strip_prefix("unix:") {
        let path = Path::new(path.strip_prefix("//").unwrap_or(path));
        return if path.is_absolute() {
            Ok(Listen::Unix(path.to_owned()))
        } else {
            Err("is no socket; its path must be absolute: unix:/run/tokigate.sock".to_owned())
        };
    }
    if let Some(passed) = text.strip_prefix("fd:") {
        return Passed::parse(passed.strip_prefix("//").unwrap_or(passed)).map(Listen::Passed);
    }
    socket_address(text).map(Listen::Tcp)
}

impl Passed {
    fn parse(text: &str) -> Result<Passed, String> {
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return match text.parse() {
                Ok(number) if number >= FIRST_PASSED => Ok(Passed::Number(number)),
                Ok(_) | Err(_) => Err("is none that is passed on; the first is fd:3".to_owned()),
            };
        }
        // systemd.socket(5), FileDescriptorName=: the variable has them with `:` between.
        let is_name = (1..=LONGEST_NAME).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':');
        if is_name {
            Ok(Passed::Name(text.to_owned()))
        } else {
            Err("is no socket that is passed on; write fd:3 for the first, or its name: fd:tokigate.socket".to_owned())
        }
    }
}

fn socket_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        let (host, port) = text.rsplit_once(':').unwrap_or(("127.0.0.1", text));
        let is_v6 = |ip: &str| ip.parse::<Ipv6Addr>().is_ok();
        let Ok(port) = port.parse::<u16>() else {
            let alone = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).filter(|ip| is_v6(ip));
            let mend = alone.map_or_else(|| LISTEN.to_string(), |ip| format!("[{ip}]:{}", LISTEN.port()));
            return format!("is no address with a port; write {mend}");
        };
        let named = host.strip_prefix('[').and_then(|host| host.split_once('%')).filter(|(ip, _)| is_v6(ip));
        if let Some((ip, _)) = named {
            return format!("names an interface; write its number, which `ip link` tells: [{ip}%2]:{port}");
        }
        let mend = match host {
            "" | "*" => format!("0.0.0.0:{port}"),
            bare if is_v6(bare) => format!("[{bare}]:{port}"),
            _ => format!("127.0.0.1:{port}"),
        };
        format!("is no address with a port; write {mend}")
    })
}

/// Why the second cannot be bound beside the first.
fn clash(first: &Listen, second: &Listen) -> Option<String> {
    match (first, second) {
        (Listen::Tcp(first), Listen::Tcp(second)) if first.port() == second.port() && first.port() != 0 => {
            if first.ip() == second.ip() {
                return Some("it is there twice".to_owned());
            }
            let covers = |all: &SocketAddr, one: &SocketAddr| match all.ip() {
                IpAddr::V4(ip) => ip.is_unspecified() && one.is_ipv4(),
                // Both kinds of addresses.
                IpAddr::V6(ip) => ip.is_unspecified(),
            };
            if covers(first, second) {
                Some(format!("{first} takes those connections too; leave it out"))
            } else if covers(second, first) {
                Some(format!("it takes the connections of {first} too; leave that out"))
            } else {
                None
            }
        }
        (Listen::Unix(first), Listen::Unix(second)) if first == second => Some("it is there twice".to_owned()),
        (Listen::Passed(first), Listen::Passed(second)) if first == second => Some("it is there twice".to_owned()),
        (Listen::Tcp(_) | Listen::Unix(_) | Listen::Passed(_), _) => None,
    }
}

/// Two listeners that cannot both be bound, or of which one answers for the other.
fn is_same(public: &Listen, admin: SocketAddr) -> bool {
    match public {
        // What is bound already is told by the bind that fails.
        Listen::Unix(_) | Listen::Passed(_) => false,
        Listen::Tcp(public) => {
            let covers = public.ip() == admin.ip() || public.ip().is_unspecified() || admin.ip().is_unspecified();
            public.port() != 0 && public.port() == admin.port() && covers
        }
    }
}

/// SD_LISTEN_FDS_START.
pub const FIRST_PASSED: u32 = 3;
/// systemd.socket(5), FileDescriptorName=.
const LONGEST_NAME: usize = 255;
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 4180);
const ADMIN_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 4181);
