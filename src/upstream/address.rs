//! Where the application listens.

use std::fmt;
use std::path::{Path, PathBuf};

use http::HeaderValue;

/// `http://127.0.0.1:3000` or `unix:/run/app.sock`. Other schemes come with a later issue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// `host` is a name, an IPv4 address, or an IPv6 address without brackets.
    Tcp {
        host: String,
        port: u16,
    },
    Unix(PathBuf),
}

/// Why an address cannot be taken; the text is for `check`, and says how to mend it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAddress {
    #[error("{0} is not in this version; write http://host:port or unix:/path")]
    NotYet(&'static str),
    #[error("it is no address; write http://host:port or unix:/path")]
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

impl Address {
    pub fn parse(text: &str) -> Result<Address, BadAddress> {
        if let Some(path) = text.strip_prefix("unix:") {
            // `unix:///run/app.sock` is what some write.
            let path = path.strip_prefix("//").unwrap_or(path);
            return if Path::new(path).is_absolute() {
                Ok(Address::Unix(path.into()))
            } else {
                Err(BadAddress::RelativePath)
            };
        }
        let url = url::Url::parse(text).map_err(|error| match error {
            url::ParseError::RelativeUrlWithoutBase => BadAddress::Scheme,
            _ => BadAddress::Host,
        })?;
        match url.scheme() {
            "http" => {}
            "https" => return Err(BadAddress::NotYet("https://")),
            "h2c" => return Err(BadAddress::NotYet("h2c://")),
            _ => return Err(BadAddress::Scheme),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(BadAddress::UserInfo);
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(BadAddress::Path);
        }
        let host = url.host_str().ok_or(BadAddress::Host)?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Address::Tcp { host, port: url.port().unwrap_or(80) })
    }
}

impl Address {
    /// As a client of its own would name it in `Host` (RFC 9110 §7.2): without the scheme's own port. A socket's file has no name; `localhost` is what
    /// nginx and curl say then.
    pub fn authority(&self) -> HeaderValue {
        let text = match self {
            Address::Tcp { host, port } => {
                let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
                if *port == 80 { host } else { format!("{host}:{port}") }
            }
            Address::Unix(_) => "localhost".to_owned(),
        };
        HeaderValue::try_from(text).expect("a URL's host is visible ASCII")
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp { host, port } if host.contains(':') => write!(f, "http://[{host}]:{port}"),
            Address::Tcp { host, port } => write!(f, "http://{host}:{port}"),
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
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
            ("unix:/run/app.sock", "unix:/run/app.sock"),
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
            ("https://app:8443", BadAddress::NotYet("https://")),
            ("h2c://app:3000", BadAddress::NotYet("h2c://")),
            ("ftp://app", BadAddress::Scheme),
            ("127.0.0.1:3000", BadAddress::Scheme),
            ("app", BadAddress::Scheme),
            ("http://", BadAddress::Host),
            ("http://app:99999", BadAddress::Host),
            ("http://me:pw@app:80", BadAddress::UserInfo),
            ("http://app:80/base", BadAddress::Path),
            ("http://app:80?x", BadAddress::Path),
            ("unix:app.sock", BadAddress::RelativePath),
            ("unix:", BadAddress::RelativePath),
        ] {
            assert_eq!(Address::parse(text), Err(reason), "{text}");
        }
    }
}
