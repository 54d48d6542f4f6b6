//! Where the application listens, and what it speaks there.

use std::fmt;
use std::path::{Path, PathBuf};

use http::HeaderValue;
use rustls::pki_types::ServerName;

/// `http://127.0.0.1:3000`, `https://app:8443`, `h2c://app:3000`, `unix:/run/app.sock` or `h2c+unix:/run/app.sock`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// `host` is a name, an IPv4 address, or an IPv6 address without brackets.
    Tcp {
        scheme: Scheme,
        host: String,
        port: u16,
    },
    Unix {
        speaks: Plain,
        path: PathBuf,
    },
}

/// How a connection over TCP begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    Plain(Plain),
    /// TLS; HTTP/2 where ALPN says so, else HTTP/1.1.
    Https,
}

/// What is spoken from the first byte on, by prior knowledge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plain {
    Http1,
    /// RFC 9113 §3.3.
    Http2,
}

/// Why an address cannot be taken; the text is for `check`, and says how to mend it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAddress {
    #[error("it is no address; write http://host:port, https://host:port, h2c://host:port or unix:/path")]
    Scheme,
    #[error("the socket's path must be absolute: unix:/run/app.sock")]
    RelativePath,
    #[error("the host is missing or malformed; write http://host:port")]
    Host,
    #[error("a user name or password in it is not taken")]
    UserInfo,
    #[error("a path or query in it is not taken: requests go on with the path they came with")]
    Path,
}

impl Scheme {
    fn parse(text: &str) -> Option<Scheme> {
        match text {
            "http" => Some(Scheme::Plain(Plain::Http1)),
            "h2c" => Some(Scheme::Plain(Plain::Http2)),
            "https" => Some(Scheme::Https),
            _ => None,
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Scheme::Plain(_) => 80,
            Scheme::Https => 443,
        }
    }
}

impl Address {
    pub fn parse(text: &str) -> Result<Address, BadAddress> {
        for (prefix, speaks) in [("unix:", Plain::Http1), ("h2c+unix:", Plain::Http2)] {
            if let Some(path) = text.strip_prefix(prefix) {
                return Address::unix(path, speaks);
            }
        }
        // `host:3000` reads as a scheme, too.
        let (written, rest) = text.split_once("://").ok_or(BadAddress::Scheme)?;
        let scheme = Scheme::parse(&written.to_ascii_lowercase()).ok_or(BadAddress::Scheme)?;
        // As a scheme that URLs know: hosts of others are not normalised.
        let known = match scheme {
            Scheme::Plain(_) => "http",
            Scheme::Https => "https",
        };
        let url = url::Url::parse(&format!("{known}://{rest}")).map_err(|_| BadAddress::Host)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(BadAddress::UserInfo);
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(BadAddress::Path);
        }
        let host = url.host_str().ok_or(BadAddress::Host)?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        if scheme == Scheme::Https && ServerName::try_from(host.as_str()).is_err() {
            return Err(BadAddress::Host);
        }
        let port = url.port().unwrap_or_else(|| scheme.default_port());
        Ok(Address::Tcp { scheme, host, port })
    }

    fn unix(path: &str, speaks: Plain) -> Result<Address, BadAddress> {
        // `unix:///run/app.sock` is what some write.
        let path = path.strip_prefix("//").unwrap_or(path);
        if !Path::new(path).is_absolute() {
            return Err(BadAddress::RelativePath);
        }
        Ok(Address::Unix { speaks, path: path.into() })
    }

    /// What is spoken there; `None`: ALPN says.
    pub fn speaks(&self) -> Option<Plain> {
        match self {
            Address::Tcp { scheme: Scheme::Plain(speaks), .. } | Address::Unix { speaks, .. } => Some(*speaks),
            Address::Tcp { scheme: Scheme::Https, .. } => None,
        }
    }

    pub fn is_https(&self) -> bool {
        match self {
            Address::Tcp { scheme, .. } => *scheme == Scheme::Https,
            Address::Unix { .. } => false,
        }
    }

    /// As a client of its own would name it in `Host` (RFC 9110 §7.2): without the scheme's own port. A socket's file has no name; `localhost` is what
    /// nginx and curl say then.
    pub fn authority(&self) -> HeaderValue {
        let text = match self {
            Address::Tcp { scheme, host, port } => {
                let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
                if *port == scheme.default_port() { host } else { format!("{host}:{port}") }
            }
            Address::Unix { .. } => "localhost".to_owned(),
        };
        HeaderValue::try_from(text).expect("a URL's host is visible ASCII")
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp { scheme, host, port } => {
                let scheme = match scheme {
                    Scheme::Plain(Plain::Http1) => "http",
                    Scheme::Plain(Plain::Http2) => "h2c",
                    Scheme::Https => "https",
                };
                if host.contains(':') {
                    write!(f, "{scheme}://[{host}]:{port}")
                } else {
                    write!(f, "{scheme}://{host}:{port}")
                }
            }
            Address::Unix { speaks: Plain::Http1, path } => write!(f, "unix:{}", path.display()),
            Address::Unix { speaks: Plain::Http2, path } => write!(f, "h2c+unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_read_as_they_are_written() {
        for (text, written) in [
            ("http://127.0.0.1:3000", "http://127.0.0.1:3000"),
            ("http://localhost", "http://localhost:80"),
            ("http://[::1]:3000/", "http://[::1]:3000"),
            ("https://App.Internal", "https://app.internal:443"),
            ("https://app:80", "https://app:80"),
            ("https://[::1]:8443", "https://[::1]:8443"),
            ("HTTPS://app:8443/", "https://app:8443"),
            ("h2c://127.0.0.1:3000", "h2c://127.0.0.1:3000"),
            ("h2c://App", "h2c://app:80"),
            ("unix:/run/app.sock", "unix:/run/app.sock"),
            ("h2c+unix:/run/app.sock", "h2c+unix:/run/app.sock"),
            ("unix:///run/app.sock", "unix:/run/app.sock"),
        ] {
            assert_eq!(Address::parse(text).unwrap().to_string(), written);
        }
    }

    #[test]
    fn it_is_named_as_a_client_of_its_own_would_name_it() {
        for (text, authority) in [
            ("http://127.0.0.1:3000", "127.0.0.1:3000"),
            ("http://app.internal", "app.internal"),
            ("http://App.Internal:80/", "app.internal"),
            ("http://app:443", "app:443"),
            ("https://app:443", "app"),
            ("https://app:80", "app:80"),
            ("h2c://app", "app"),
            ("http://[::1]:3000", "[::1]:3000"),
            ("http://[::1]", "[::1]"),
            ("http://épicerie.example", "xn--picerie-9xa.example"),
            ("unix:/run/app.sock", "localhost"),
        ] {
            assert_eq!(Address::parse(text).unwrap().authority(), authority, "{text}");
        }
    }

    #[test]
    fn what_is_no_address_here_is_refused_with_its_reason() {
        for (text, reason) in [
            ("ftp://app", BadAddress::Scheme),
            ("127.0.0.1:3000", BadAddress::Scheme),
            ("https:app", BadAddress::Scheme),
            ("app", BadAddress::Scheme),
            ("http://", BadAddress::Host),
            ("https://", BadAddress::Host),
            ("https://a..b", BadAddress::Host),
            ("http://app:99999", BadAddress::Host),
            ("http://me:pw@app:80", BadAddress::UserInfo),
            ("http://app:80/base", BadAddress::Path),
            ("https://app:80?x", BadAddress::Path),
            ("h2c://a b", BadAddress::Host),
            ("h2c+unix:app.sock", BadAddress::RelativePath),
            ("unix:app.sock", BadAddress::RelativePath),
            ("unix:", BadAddress::RelativePath),
        ] {
            assert_eq!(Address::parse(text), Err(reason), "{text}");
        }
    }
}
