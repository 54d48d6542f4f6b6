//! Host: a valid authority, in lower case, its port apart (RFC 9110 §7.2, RFC 3986 §3.2).

use std::net::{Ipv4Addr, Ipv6Addr};

/// A host and the port that was written, if any. Lower case; no user information; IPv6 in brackets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Host {
    pub name: String,
    pub port: Option<u16>,
}

impl Host {
    /// `None` for anything that is not exactly `host` or `host:port`. Stricter than RFC 3986: no percent, no sub-delimiters, no dot at
    /// the end, no zone, no port without digits or of 0.
    pub fn parse(text: &[u8]) -> Option<Host> {
        if text.len() > LONGEST {
            return None;
        }
        let text = std::str::from_utf8(text).ok()?;
        let (name, rest) = match text.strip_prefix('[') {
            Some(bracketed) => {
                let (address, rest) = bracketed.split_once(']')?;
                let address: Ipv6Addr = address.parse().ok()?;
                (format!("[{address}]"), rest)
            }
            None => {
                let end = text.find(':').unwrap_or(text.len());
                let (name, rest) = text.split_at(end);
                (is_name(name).then(|| name.to_ascii_lowercase())?, rest)
            }
        };
        let port = match rest.strip_prefix(':') {
            Some(digits) => Some(port(digits)?),
            None if rest.is_empty() => None,
            None => return None,
        };
        Some(Host { name, port })
    }

    /// The port that was written, or this one.
    pub fn port_or(&self, default: u16) -> u16 {
        self.port.unwrap_or(default)
    }

    /// `localhost` and names below it, 127.0.0.0/8, `[::1]`.
    pub fn is_loopback(&self) -> bool {
        self.name == "localhost"
            || self.name.ends_with(".localhost")
            || self.name == "[::1]"
            || self.name.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
    }
}

impl std::fmt::Display for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// Labels of letters, digits, `-` and `_` (container networks use it); none empty.
fn is_name(name: &str) -> bool {
    name.split('.').all(|label| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    })
}

fn port(digits: &str) -> Option<u16> {
    if digits.is_empty() || digits.len() > 5 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok().filter(|port| *port != 0)
}

/// RFC 1035 §2.3.4 allows 253 characters; brackets and port besides.
const LONGEST: usize = 261;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<String> {
        Host::parse(text.as_bytes()).map(|host| host.to_string())
    }

    #[test]
    fn hosts_are_read_in_lower_case_with_their_port_apart() {
        assert_eq!(Host::parse(b"App.Example.MN:8443"), Some(Host { name: "app.example.mn".into(), port: Some(8443) }));
        for (sent, read_as) in [
            ("localhost", "localhost"),
            ("my_app:3000", "my_app:3000"),
            ("10.0.0.1", "10.0.0.1"),
            ("[::1]:4180", "[::1]:4180"),
            ("[0:0:0:0:0:0:0:1]", "[::1]"),
        ] {
            assert_eq!(read(sent).as_deref(), Some(read_as), "{sent}");
        }
    }

    #[test]
    fn what_is_no_plain_authority_is_no_host() {
        for text in [
            "",
            " ",
            "a b",
            "a/",
            "@",
            "x@app",
            "app:",
            "app:x",
            "app:0",
            "app:99999",
            "app:-1",
            "app:+80",
            "app.",
            ".app",
            "a..b",
            "www:x",
            "[::1",
            "::1",
            "[::1]x",
            "[fe80::1%eth0]",
            "app,app",
            "app%2e",
            "app#",
            "a\tb",
            "áb",
            "a:1:2",
            "[]",
            "app:000080",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
        assert_eq!(Host::parse(b"app\0"), None);
        assert_eq!(Host::parse(&[0xff, b'a']), None);
        assert_eq!(Host::parse("a".repeat(300).as_bytes()), None);
    }

    #[test]
    fn loopback_names_are_known() {
        for (name, loopback) in [
            ("localhost", true),
            ("x.localhost:1", true),
            ("127.0.0.9", true),
            ("[::1]:80", true),
            ("127.0.0.1.evil.mn", false),
            ("app", false),
        ] {
            assert_eq!(Host::parse(name.as_bytes()).expect("valid").is_loopback(), loopback, "{name}");
        }
    }
}
