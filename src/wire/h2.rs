//! HTTP/2: a request's head as HTTP/1.1 would have brought it (RFC 9113 §8), so that everything behind reads one kind of head.

use http::header::{CONNECTION, COOKIE, HOST, SEC_WEBSOCKET_KEY, TE, UPGRADE};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Uri, Version};

use super::{Host, Malformed};

#[cfg(test)]
mod tests;

/// In a head's extensions: its body comes in a stream of HTTP/2.
#[derive(Clone, Copy, Debug)]
pub struct InStream;

/// Whatever is not refused is in origin form afterwards, with one `Host` that is the authority, and cookies on one line. `protocol`: of an
/// extended CONNECT (RFC 8441 §4); `key` makes the nonce that a handshake of HTTP/1.1 needs and this one has not.
///
/// What the HTTP library hides cannot be refused here: it cuts a raw `#…` off `:path` before anybody matches or forwards it.
pub fn translate(head: &mut Parts, protocol: Option<&str>, key: impl FnOnce() -> HeaderValue) -> Result<(), Malformed> {
    fields(&head.headers)?;
    match protocol {
        // A tunnel to anywhere, which the door refuses.
        None if head.method == Method::CONNECT => return Ok(()),
        None => {}
        Some(protocol) if protocol.eq_ignore_ascii_case("websocket") => handshake(head, key()),
        Some(_) => return Err(Malformed::Protocol),
    }
    authority(&head.uri, &mut head.headers)?;
    join_cookies(&mut head.headers);
    let path = std::mem::take(&mut head.uri).into_parts().path_and_query;
    head.uri = Uri::from(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
    head.version = Version::HTTP_11;
    head.extensions.insert(InStream);
    Ok(())
}

/// §8.2.1 and §8.2.2. The library refuses most of it too; what it lets through would mean something in HTTP/1.1.
fn fields(headers: &HeaderMap) -> Result<(), Malformed> {
    let is_padded = |value: &HeaderValue| {
        let bytes = value.as_bytes();
        [bytes.first(), bytes.last()].into_iter().flatten().any(|byte| matches!(byte, b' ' | b'\t'))
    };
    if headers.values().any(is_padded) || CONNECTION_SPECIFIC.iter().any(|name| headers.contains_key(*name)) {
        return Err(Malformed::Field);
    }
    if headers.get_all(TE).iter().any(|coding| coding != "trailers") {
        return Err(Malformed::Field);
    }
    Ok(())
}

/// §8.3.1: `:authority` and `Host` name one host, without user information; what has no `:authority` comes from HTTP/1.1 and has a `Host`.
fn authority(uri: &Uri, headers: &mut HeaderMap) -> Result<(), Malformed> {
    let Some(authority) = uri.authority() else { return Ok(()) };
    let named = Host::parse(authority.as_str().as_bytes()).ok_or(Malformed::Host)?;
    let default = match uri.scheme_str() {
        Some(scheme) if scheme.eq_ignore_ascii_case("https") => 443,
        Some(scheme) if scheme.eq_ignore_ascii_case("http") => 80,
        Some(_) | None => return Err(Malformed::Target),
    };
    for host in headers.get_all(HOST) {
        let host = Host::parse(host.as_bytes()).ok_or(Malformed::Host)?;
        if host.name != named.name || host.port_or(default) != named.port_or(default) {
            return Err(Malformed::Host);
        }
    }
    if headers.get_all(HOST).iter().nth(1).is_some() {
        return Err(Malformed::Host);
    }
    let host = HeaderValue::from_str(authority.as_str()).map_err(|_| Malformed::Host)?;
    headers.insert(HOST, host);
    Ok(())
}

/// RFC 8441 §5: the handshake of RFC 6455 §4.1 without what says in HTTP/1.1 that it is one.
fn handshake(head: &mut Parts, key: HeaderValue) {
    head.method = Method::GET;
    head.headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    head.headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    head.headers.insert(SEC_WEBSOCKET_KEY, key);
}

/// §8.2.3: a cookie's crumbs become one line, with `; ` between them.
fn join_cookies(headers: &mut HeaderMap) {
    let mut crumbs = headers.get_all(COOKIE).iter();
    if crumbs.next().is_none() || crumbs.next().is_none() {
        return;
    }
    let crumbs: Vec<&[u8]> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    let line = HeaderValue::from_bytes(&crumbs.join(&b"; "[..])).expect("values joined by a semicolon and a space");
    headers.insert(COOKIE, line);
}

const CONNECTION_SPECIFIC: &[&str] = &["connection", "transfer-encoding", "upgrade", "keep-alive", "proxy-connection"];
