//! What a trusted proxy says about the request: whose it is, for which host, and (forward-auth) which request it asks about. Never called
//! for anybody else's connection.

use std::net::{IpAddr, SocketAddr};

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method};

use super::preflight::asked_about;
use super::{Malformed, Original, Wants, door};
use crate::wire::{Host, Trust};

/// The client's address: from the right of `X-Forwarded-For` (else `Forwarded`) the first that is no trusted proxy. An entry that is no
/// address ends the walk: nobody vouches for what stands left of it, so the client is not known (security.md H-10, H-11).
pub(super) fn client(headers: &HeaderMap, peer: Option<IpAddr>, trust: &Trust) -> Option<IpAddr> {
    if headers.contains_key(FORWARDED_FOR) {
        let lines: Vec<&HeaderValue> = headers.get_all(FORWARDED_FOR).iter().collect();
        let hops = lines.into_iter().rev().flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
        return walk(hops.map(address), peer, trust);
    }
    if headers.contains_key(FORWARDED) {
        let mut hops = forwarded(headers, "for");
        hops.reverse();
        return walk(hops.iter().map(|hop| address(hop.as_deref().unwrap_or_default())), peer, trust);
    }
    peer
}

fn walk(hops: impl Iterator<Item = Option<IpAddr>>, peer: Option<IpAddr>, trust: &Trust) -> Option<IpAddr> {
    let mut client = peer;
    for hop in hops {
        client = hop;
        if hop.is_none_or(|hop| !trust.includes(hop)) {
            break;
        }
    }
    client
}

/// An address, in brackets or not, with a port or without; no zone.
fn address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?.trim();
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address.to_canonical());
    }
    if let Some(bare) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        return bare.parse::<std::net::Ipv6Addr>().ok().map(|address| IpAddr::V6(address).to_canonical());
    }
    let with_port = text.parse::<SocketAddr>().ok()?;
    let has_zone = matches!(with_port, SocketAddr::V6(address) if address.scope_id() != 0);
    (!has_zone).then(|| with_port.ip().to_canonical())
}

/// The host the client asked for. The last one named: the connection's own proxy wrote it.
pub(super) fn host(headers: &HeaderMap) -> Result<Option<Host>, Malformed> {
    let last = match headers.get_all(FORWARDED_HOST).iter().next_back() {
        Some(line) => line.as_bytes().rsplit(|byte| *byte == b',').next().map(|host| host.trim_ascii().to_vec()),
        None => forwarded(headers, "host").pop().flatten(),
    };
    match last {
        None => Ok(None),
        Some(host) => Host::parse(&host).map(Some).ok_or(Malformed::Host),
    }
}

/// The request a forward-auth proxy asks about, where anything was told of it.
pub(super) fn original(headers: &HeaderMap, trust: &Trust) -> Option<Original> {
    let told = |names: &[&str]| names.iter().flat_map(|name| headers.get_all(*name).iter()).collect::<Vec<_>>();
    let methods = told(&[FORWARDED_METHOD, "x-original-method"]);
    let hosts = told(&[FORWARDED_HOST]);
    let targets = told(&[FORWARDED_URI, "x-original-uri"]);
    let addresses = told(&["x-original-url"]);
    if methods.is_empty() && hosts.is_empty() && targets.is_empty() && addresses.is_empty() {
        return None;
    }
    let (url_hosts, url_targets): (Vec<_>, Vec<_>) = addresses.into_iter().map(|url| split(url.as_bytes())).unzip();
    let mut agreed = true;
    let method = agree(methods.iter().map(|method| method.as_bytes()), &mut agreed);
    let host = agree(hosts.iter().map(|host| host.as_bytes()).chain(url_hosts.into_iter().flatten()), &mut agreed);
    let target = agree(targets.iter().map(|target| target.as_bytes()).chain(url_targets), &mut agreed);
    let method =
        method.and_then(|method| Method::from_bytes(method).ok()).filter(|method| door::method(method).is_ok());
    let as_sent = method.as_ref().unwrap_or(&Method::GET);
    Some(Original {
        wants: Wants::of(as_sent, headers),
        // Whether it has a body is not told, and nothing of it is asked about.
        preflight: asked_about(as_sent, headers, door::Body::None),
        method,
        client: client(headers, None, trust),
        host: host.and_then(Host::parse),
        target: target.and_then(plain_target),
        contradictory: !agreed,
    })
}

/// The one thing that all of these say.
fn agree<'v>(mut values: impl Iterator<Item = &'v [u8]>, agreed: &mut bool) -> Option<&'v [u8]> {
    let first = values.next()?;
    *agreed &= values.all(|value| value == first);
    Some(first)
}

/// `https://host/path?query` in two; without a scheme all of it is the target.
fn split(url: &[u8]) -> (Option<&[u8]>, &[u8]) {
    let Some(rest) = url.strip_prefix(b"https://").or_else(|| url.strip_prefix(b"http://")) else { return (None, url) };
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    let (host, target) = rest.split_at(end);
    (Some(host), if target.is_empty() { b"/" } else { target })
}

/// As strict as the door; nothing is cut off.
fn plain_target(target: &[u8]) -> Option<PathAndQuery> {
    if !target.starts_with(b"/") || target.contains(&b'#') {
        return None;
    }
    PathAndQuery::try_from(target).ok().filter(door::is_plain_target)
}

/// The values of one parameter of `Forwarded` (RFC 7239 §4), an entry for each element; quotes taken off.
fn forwarded(headers: &HeaderMap, name: &str) -> Vec<Option<Vec<u8>>> {
    let mut values = Vec::new();
    for line in headers.get_all(FORWARDED) {
        for element in unquoted(line.as_bytes(), b',') {
            let pair = unquoted(element, b';').find_map(|pair| {
                let at = pair.iter().position(|byte| *byte == b'=')?;
                let (key, value) = (pair[..at].trim_ascii(), pair[at + 1..].trim_ascii());
                key.eq_ignore_ascii_case(name.as_bytes()).then(|| without_quotes(value))
            });
            values.push(pair);
        }
    }
    values
}

/// Splits at a byte, but not inside a quoted string.
fn unquoted(text: &[u8], at: u8) -> impl Iterator<Item = &[u8]> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |byte| {
        if escaped {
            escaped = false;
        } else if quoted && *byte == b'\\' {
            escaped = true;
        } else if *byte == b'"' {
            quoted = !quoted;
        } else {
            return !quoted && *byte == at;
        }
        false
    })
}

fn without_quotes(value: &[u8]) -> Vec<u8> {
    let Some(inner) = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")) else {
        return value.to_vec();
    };
    let mut escaped = false;
    inner
        .iter()
        .copied()
        .filter(|byte| {
            escaped = *byte == b'\\' && !escaped;
            !escaped
        })
        .collect()
}

const FORWARDED: &str = "forwarded";
const FORWARDED_FOR: &str = "x-forwarded-for";
const FORWARDED_HOST: &str = "x-forwarded-host";
const FORWARDED_METHOD: &str = "x-forwarded-method";
const FORWARDED_URI: &str = "x-forwarded-uri";
