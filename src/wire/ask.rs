//! Ask: all of a request that a decision may depend on.

mod door;
pub mod preflight;
mod proxied;
#[cfg(test)]
mod tests;
mod wants;

use std::net::IpAddr;

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Uri, Version, header};

use super::{Authorization, CookieNames, Cookies, Grpc, Host, Remote, Trust};

/// Everything `gate.decide` may look at. Owned, and cheap: clones of shared bytes.
#[derive(Clone, Debug)]
pub struct Ask {
    pub method: Method,
    /// `Host`, or what a trusted proxy says it was (`X-Forwarded-Host`, `Forwarded`).
    pub host: Host,
    /// Path and query, byte for byte as sent; `*` of OPTIONS. Always what is forwarded: of an absolute-form target only this much is left.
    pub target: PathAndQuery,
    pub wants: Wants,
    pub fetch: Fetch,
    /// Who asks: the connection's address, or from a trusted proxy the one it names. `None`: not known.
    pub client: Option<IpAddr>,
    /// The connection itself comes from a trusted proxy.
    pub trusted: bool,
    pub relation: Relation,
    /// `Origin`, as sent; `null` where several came.
    pub origin: Option<HeaderValue>,
    /// A browser asks whether it may send what a script of another origin wants to send, by this method. Whoever has the body says whether one came without
    /// being announced.
    pub preflight: Option<Method>,
    pub cookies: Cookies,
    pub authorization: Authorization,
    /// Forward-auth: the request that another proxy asks about; only ever from a trusted proxy.
    pub original: Option<Box<Original>>,
    pub request_id: HeaderValue,
}

/// The request that a forward-auth proxy asks about. What was not told is `None`.
#[derive(Clone, Debug)]
pub struct Original {
    pub method: Option<Method>,
    pub host: Option<Host>,
    pub target: Option<PathAndQuery>,
    /// Who asks, where the proxy says so.
    pub client: Option<IpAddr>,
    /// `Ask::wants`, had the original request come here.
    pub wants: Wants,
    /// `Ask::preflight`, had it come here.
    pub preflight: Option<Method>,
    /// Two headers (or two lines of one) told different things: one of them may be the client's own, so neither is believed.
    pub contradictory: bool,
}

/// What kind of answer can be used, in the order of interface.md "What a request without a session gets".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wants {
    Socket,
    Grpc(Grpc),
    Preflight,
    Prefetch,
    Page,
    Form,
    /// A navigation into a frame: a page whose link opens at the top.
    Frame,
    Data,
}

/// `Sec-Fetch-Mode`, as far as `/start` asks; of an older browser's script what it says itself (`X-Requested-With`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fetch {
    /// No browser that says so.
    Unsaid,
    Navigate,
    /// A script, an image, a socket …
    Other,
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
    #[error("Transfer-Encoding other than chunked (RFC 9112 §6.1)")]
    Coding,
    #[error("Expect other than 100-continue (RFC 9110 §10.1.1)")]
    Expectation,
    /// 405.
    #[error("CONNECT, TRACE and methods that are no plain capitals are not taken (RFC 9110 §9.3)")]
    Method,
    #[error("a field that HTTP/2 has no place for, or a value with space around it (RFC 9113 §8.2)")]
    Field,
    /// 501.
    #[error("an extended CONNECT for another protocol than websocket (RFC 8441 §4)")]
    Protocol,
    /// 421.
    #[error("a connection with a certificate, made for another host (RFC 9110 §7.4)")]
    Misdirected,
    #[error("a WebSocket handshake that is none, or that has a body (RFC 6455 §4.2.1)")]
    Upgrade,
    #[error("Content-Length is larger than limits.body_bytes")]
    BodyTooLarge,
}

/// The head of one request, as the HTTP library hands it over.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    pub method: &'a Method,
    pub uri: &'a Uri,
    pub version: Version,
    pub headers: &'a HeaderMap,
}

impl<'a> Head<'a> {
    pub fn of<B>(request: &'a http::Request<B>) -> Head<'a> {
        Head { method: request.method(), uri: request.uri(), version: request.version(), headers: request.headers() }
    }
}

impl Ask {
    /// Reads one request's head. `peer` is who is at the other end of its connection; `fresh_id` makes a request id where none came, or none
    /// that is sane.
    ///
    /// What the HTTP library hides cannot be refused here: hyper drops a `Content-Length` beside `Transfer-Encoding` (and closes after the
    /// answer), ends lines at a bare LF, and cuts a raw `#…` off the target before anybody matches or forwards it.
    pub fn read(
        head: Head<'_>,
        peer: Remote,
        trust: &Trust,
        names: &CookieNames,
        fresh_id: impl FnOnce() -> HeaderValue,
    ) -> Result<Ask, Malformed> {
        let Head { method, uri, version, headers } = head;
        door::method(method)?;
        let sent_host = door::host(uri, headers)?;
        let target = door::target(method, uri)?;
        let body = door::body(version, headers)?;
        door::expectation(headers)?;
        let wants = Wants::of(method, headers);
        if wants == Wants::Socket {
            door::handshake(head, body)?;
        }
        let trusted = trust.trusts(peer);
        let original = trust.trusts_originals(peer).then(|| proxied::original(headers, trust)).flatten();
        let host = match trusted.then(|| proxied::host(headers)).transpose()?.flatten() {
            Some(forwarded) => forwarded,
            None => sent_host,
        };
        Ok(Ask {
            method: method.clone(),
            wants,
            fetch: Fetch::of(headers),
            client: if trusted { proxied::client(headers, peer.address(), trust) } else { peer.address() },
            trusted,
            relation: Relation::of(headers, &host),
            host,
            target,
            origin: origin(headers),
            preflight: preflight::asked_about(method, headers, body),
            cookies: Cookies::read(headers, names),
            authorization: Authorization::of(headers),
            original: original.map(Box::new),
            request_id: headers.get("x-request-id").filter(|id| is_sane_id(id)).cloned().unwrap_or_else(fresh_id),
        })
    }

    pub fn path(&self) -> &str {
        self.target.path()
    }

    pub fn query(&self) -> Option<&str> {
        self.target.query()
    }
}

/// `Ask::origin`
pub fn origin(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut lines = headers.get_all(header::ORIGIN).iter();
    let first = lines.next()?;
    Some(if lines.next().is_none() { first.clone() } else { HeaderValue::from_static("null") })
}

/// What can stand in a log line and a header without a second thought (security.md Z-03, Z-08).
fn is_sane_id(id: &HeaderValue) -> bool {
    let id = id.as_bytes();
    (1..=LONGEST_ID).contains(&id.len())
        && id.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:+/=@~".contains(byte))
}

const LONGEST_ID: usize = 128;
