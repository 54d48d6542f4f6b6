//! Host: a valid authority, in lower case, its port apart (RFC 9110 §7.2, RFC 3986 §3.2).

/// A host and the port that was written, if any. Lower case; no user information; IPv6 in brackets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Host {
    pub name: String,
    pub port: Option<u16>,
}

impl Host {
    /// `None` for anything that is not exactly `host` or `host:port`.
    pub fn parse(text: &[u8]) -> Option<Host> {
        let _ = text;
        todo!()
    }
}
