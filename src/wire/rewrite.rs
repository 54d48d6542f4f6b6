//! Rewrite: a request's head as the application gets it, a response's head as the client gets it (interface.md "What the application gets").

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use smallvec::SmallVec;

use super::cookies::{self, CookieNames};
use super::forwarded::{self, X_FORWARDED_FOR};
use super::hop::{self, Names};
use super::host::Host;

/// How heads are rewritten; made once per configuration.
#[derive(Clone, Debug)]
pub struct Rewrite {
    names: Arc<Names>,
    public_urls: Vec<Public>,
    cookies: CookieNames,
}

/// One `public_url` as the application is told it.
#[derive(Clone, Debug)]
pub struct Public {
    proto: HeaderValue,
    host: HeaderValue,
    port: HeaderValue,
}

/// What this request's head is filled in with.
#[derive(Clone, Copy, Debug)]
pub struct Fill<'a> {
    /// Index of the `public_url` the request was matched to.
    pub public_url: usize,
    /// The headers that name the user, and those of tokens that are passed on; a client's own line of that name gives way.
    pub identity: &'a [(HeaderName, HeaderValue)],
    pub from: From<'a>,
    /// Keep what a WebSocket's handshake needs.
    pub upgrade: bool,
}

/// Where a request comes from.
#[derive(Clone, Copy, Debug)]
pub struct From<'a> {
    /// The connection's address; `None` on a unix socket.
    pub address: Option<IpAddr>,
    /// The same as a header's value, made once per connection.
    pub address_value: Option<&'a HeaderValue>,
    /// The connection is a trusted proxy's.
    pub trusted: bool,
    /// The certificate that the client showed to us, where we demand one (RFC 9440 §2.2).
    pub client_certificate: Option<&'a HeaderValue>,
    pub request_id: &'a HeaderValue,
}

impl Public {
    pub fn new(https: bool, host: &Host) -> Public {
        let port = host.port.unwrap_or(if https { 443 } else { 80 });
        let written = match host.port {
            Some(port) => format!("{}:{port}", host.name),
            None => host.name.clone(),
        };
        Public {
            proto: HeaderValue::from_static(if https { "https" } else { "http" }),
            host: HeaderValue::try_from(written).expect("a host is visible ASCII"),
            port: HeaderValue::from(port),
        }
    }
}

impl Rewrite {
    /// `identity`: the names of `[identity] headers`. `public_urls`: in the order that a `Pass` counts them.
    pub fn new<'a>(
        identity: impl IntoIterator<Item = &'a HeaderName>,
        public_urls: Vec<Public>,
        cookies: CookieNames,
    ) -> Rewrite {
        Rewrite { names: Arc::new(Names::new(identity)), public_urls, cookies }
    }

    /// Where clients show their certificates to us, nobody else is believed about them.
    pub fn certificates(self, certificates: hop::Certificates) -> Rewrite {
        let names = Arc::unwrap_or_clone(self.names).certificates(certificates);
        Rewrite { names: Arc::new(names), ..self }
    }

    /// What arrived becomes what the application gets. Ours is set last: nothing that was sent can remove it.
    pub fn request(&self, headers: &mut HeaderMap, fill: &Fill<'_>) {
        let list = forwarded::continued(headers, fill.from.trusted, fill.from.address_value);
        let trailers = hop::lists(headers, header::TE, "trailers");
        self.names.strip(headers, fill.from.trusted);
        self.names.strip_trailer_names(headers);
        self.strip_cookies(headers);

        if fill.upgrade {
            headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
            headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        } else if trailers {
            // Trailers are relayed (RFC 9110 §10.1.4: TE is to be named in Connection).
            headers.insert(header::CONNECTION, HeaderValue::from_static("te"));
            headers.insert(header::TE, HeaderValue::from_static("trailers"));
        }
        for (name, value) in fill.identity {
            headers.insert(name, value.clone());
        }
        if let Some(list) = list {
            headers.insert(X_FORWARDED_FOR, list);
        }
        if headers.contains_key(header::FORWARDED) {
            headers.append(header::FORWARDED, forwarded::element(fill.from.address));
        }
        if let Some(public) = self.public_urls.get(fill.public_url) {
            headers.insert(X_FORWARDED_PROTO, public.proto.clone());
            headers.insert(X_FORWARDED_HOST, public.host.clone());
            headers.insert(X_FORWARDED_PORT, public.port.clone());
        }
        if let Some(certificate) = fill.from.client_certificate {
            headers.insert(CLIENT_CERT, certificate.clone());
        }
        headers.insert(X_REQUEST_ID, fill.from.request_id.clone());
    }

    /// For what goes on after the head: trailers.
    pub fn names(&self) -> &Arc<Names> {
        &self.names
    }

    /// What the application answered becomes what the client gets. Returns how long the application keeps the connection
    /// (`Keep-Alive: timeout=`).
    pub fn response(&self, headers: &mut HeaderMap) -> Option<Duration> {
        let keep_alive = headers.get(KEEP_ALIVE).and_then(timeout);
        if headers.contains_key(header::TRANSFER_ENCODING) || !has_plain_length(headers) {
            // What was read was not framed by it (RFC 9112 §6.3); the body's own length is written instead, where it has one.
            headers.remove(header::CONTENT_LENGTH);
        }
        hop::strip_response(headers);
        self.strip_set_cookies(headers);
        keep_alive
    }

    /// Every line of cookies without ours; a line of which nothing is left goes.
    fn strip_cookies(&self, headers: &mut HeaderMap) {
        let mut changed = false;
        let mut left: SmallVec<[Option<HeaderValue>; 2]> = SmallVec::new();
        for line in headers.get_all(header::COOKIE) {
            left.push(match cookies::without_ours(line, &self.cookies) {
                None => Some(line.clone()),
                Some(rest) => {
                    changed = true;
                    rest
                }
            });
        }
        if changed {
            put_back(headers, header::COOKIE, left.into_iter().flatten());
        }
    }

    /// An application cannot set a cookie of ours (K-21); its other lines stay as they are, apart and in order.
    fn strip_set_cookies(&self, headers: &mut HeaderMap) {
        let lines = headers.get_all(header::SET_COOKIE);
        if !lines.iter().any(|line| self.sets_ours(line)) {
            return;
        }
        let kept: Vec<HeaderValue> = lines.iter().filter(|line| !self.sets_ours(line)).cloned().collect();
        put_back(headers, header::SET_COOKIE, kept);
    }

    fn sets_ours(&self, line: &HeaderValue) -> bool {
        let pair = line.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        // One without a name comes back as its value alone, and that may read like one of ours (RFC 6265bis §5.8.3).
        let pair = pair.strip_prefix(b"=").unwrap_or(pair);
        let name = pair.split(|byte| *byte == b'=').next().unwrap_or_default();
        self.cookies.is_ours(name.trim_ascii())
    }
}

fn put_back(headers: &mut HeaderMap, name: HeaderName, lines: impl IntoIterator<Item = HeaderValue>) {
    headers.remove(&name);
    for line in lines {
        headers.append(name.clone(), line);
    }
}

/// None, or one line of digits: a list of equal lengths is one to the reader, and must not go on as a list (RFC 9110 §8.6).
fn has_plain_length(headers: &HeaderMap) -> bool {
    let mut lines = headers.get_all(header::CONTENT_LENGTH).iter();
    let is_plain = |line: &HeaderValue| line.as_bytes().iter().all(u8::is_ascii_digit);
    lines.next().is_none_or(is_plain) && lines.next().is_none()
}

/// `timeout=5` among the parameters of `Keep-Alive` (RFC 2068 §19.7.1.1).
fn timeout(value: &HeaderValue) -> Option<Duration> {
    value.to_str().ok()?.split(',').find_map(|parameter| {
        let (name, seconds) = parameter.split_once('=')?;
        let seconds = name.trim().eq_ignore_ascii_case("timeout").then(|| seconds.trim().parse::<u32>().ok())??;
        Some(Duration::from_secs(seconds.into()))
    })
}

/// RFC 9440 §2.2.
const CLIENT_CERT: HeaderName = HeaderName::from_static("client-cert");
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

#[cfg(test)]
mod tests;
