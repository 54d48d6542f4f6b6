//! Ask: all of a request that a decision may depend on.

use std::net::IpAddr;

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method};

use super::{CookieNames, Cookies, Host, Trust};

/// Everything `gate.decide` may look at. Owned, and cheap: clones of shared bytes.
#[derive(Clone, Debug)]
pub struct Ask {
    pub method: Method,
    pub host: Host,
    /// Path and query, byte for byte as sent.
    pub target: PathAndQuery,
    pub wants: Wants,
    /// Who asks: the connection's address, or from a trusted proxy the one it names.
    pub client: Option<IpAddr>,
    /// The connection itself comes from a trusted proxy.
    pub trusted: bool,
    pub relation: Relation,
    /// `Origin`, as sent.
    pub origin: Option<HeaderValue>,
    pub cookies: Cookies,
    /// Forward-auth: the request that another proxy asks about; only ever from a trusted proxy.
    pub original: Option<Box<Original>>,
    pub request_id: HeaderValue,
}

/// The request that a forward-auth proxy asks about. What was not told is `None`.
#[derive(Clone, Debug, Default)]
pub struct Original {
    pub method: Option<Method>,
    pub host: Option<Host>,
    pub target: Option<PathAndQuery>,
}

/// What kind of answer can be used, in the order of interface.md "What a request without a session gets".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wants {
    Socket,
    Grpc,
    Preflight,
    Prefetch,
    Page,
    Form,
    /// A navigation into a frame: a page whose link opens at the top.
    Frame,
    Data,
}

/// Where the request comes from, for state-changing addresses of the gate (interface.md `/sign_out`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// `Sec-Fetch-Site: same-origin` or `none`; or without it an `Origin`/`Referer` of this host, or none of the two.
    Own,
    /// `cross-site` or `same-site`; or without it a foreign `Origin` or `Referer`.
    Foreign,
}

/// Why a request is refused at the door: always 400 (or what the variant says), and the application never sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("exactly one valid Host is needed (RFC 9112 §3.2)")]
    Host,
    #[error("the target is not one this server takes (RFC 9112 §3.2)")]
    Target,
    #[error("Content-Length and Transfer-Encoding disagree or are not plain (RFC 9112 §6)")]
    Framing,
    #[error("Transfer-Encoding other than chunked")]
    Coding,
    #[error("Expect other than 100-continue (RFC 9110 §10.1.1)")]
    Expectation,
    #[error("CONNECT and TRACE are not taken (RFC 9110 §9.3)")]
    Method,
    #[error("an Upgrade with a body, or to another protocol")]
    Upgrade,
    #[error("the head is larger than limits.header_bytes")]
    TooLarge,
    #[error("Content-Length is larger than limits.body_bytes")]
    BodyTooLarge,
}

impl Ask {
    /// Reads one request's head. `peer` is the connection's address (`None` on a unix socket, which counts as loopback).
    pub fn read(
        method: &Method,
        uri: &http::Uri,
        version: http::Version,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
        trust: &Trust,
        names: &CookieNames,
    ) -> Result<Ask, Malformed> {
        let _ = (method, uri, version, headers, peer, trust, names);
        todo!()
    }

    pub fn path(&self) -> &str {
        self.target.path()
    }

    pub fn query(&self) -> Option<&str> {
        self.target.query()
    }
}
