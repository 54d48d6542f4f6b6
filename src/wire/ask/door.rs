//! The door: what is refused before anybody decides anything (security.md 2.8 H-16, 2.10, Appendix A).

use base64::Engine as _;
use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderName, TRANSFER_ENCODING, UPGRADE};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Uri, Version};

use super::{Head, Malformed};
use crate::wire::Host;
use crate::wire::hop::lists;

/// Whether a body follows the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    None,
    Some,
}

/// Capitals, digits, `-` and `_` only: an application that folds case must not see a method that no rule knew.
pub(super) fn method(method: &Method) -> Result<(), Malformed> {
    if *method == Method::CONNECT || *method == Method::TRACE {
        return Err(Malformed::Method);
    }
    let name = method.as_str();
    let plain =
        name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_');
    if plain && name.len() <= LONGEST_METHOD { Ok(()) } else { Err(Malformed::Method) }
}

/// RFC 9112 §3.2: exactly one valid `Host`; of an absolute-form target the authority must be the same (§3.2.2 would let it win; two that
/// disagree are refused instead). HTTP/1.0 needs one too: without it nobody knows which `public_url` is meant.
pub(super) fn host(uri: &Uri, headers: &HeaderMap) -> Result<Host, Malformed> {
    let host = single(headers, &HOST)
        .ok_or(Malformed::Host)?
        .and_then(|host| Host::parse(host.as_bytes()))
        .ok_or(Malformed::Host)?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return Ok(host) };
    let default = if scheme.eq_ignore_ascii_case("https") { 443 } else { 80 };
    let named = Host::parse(authority.as_str().as_bytes()).ok_or(Malformed::Target)?;
    if named.name == host.name && named.port_or(default) == host.port_or(default) {
        Ok(host)
    } else {
        Err(Malformed::Host)
    }
}

/// Origin-form, absolute-form of http and https, and `*` for OPTIONS (RFC 9112 §3.2). Visible ASCII only; a `\` in the path is none of a
/// URI's characters (RFC 3986 §2), and half the world reads it as `/`.
pub(super) fn target(method: &Method, uri: &Uri) -> Result<PathAndQuery, Malformed> {
    let absolute = match (uri.scheme_str(), uri.authority()) {
        (None, None) => false,
        (Some(scheme), Some(_)) if scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https") => true,
        (None | Some(_), None | Some(_)) => return Err(Malformed::Target),
    };
    let target = uri.path_and_query().ok_or(Malformed::Target)?;
    let text = target.as_str();
    if text == "*" {
        return if *method == Method::OPTIONS && !absolute { Ok(target.clone()) } else { Err(Malformed::Target) };
    }
    if !is_plain_target(target) {
        return Err(Malformed::Target);
    }
    if text.starts_with('/') {
        return Ok(target.clone());
    }
    // RFC 3986 §6.2.3: `http://host?x` means `http://host/?x`.
    if absolute && (text.is_empty() || text.starts_with('?')) {
        return PathAndQuery::try_from(format!("/{text}")).map_err(|_| Malformed::Target);
    }
    Err(Malformed::Target)
}

pub(super) fn is_plain_target(target: &PathAndQuery) -> bool {
    target.as_str().bytes().all(|byte| byte.is_ascii_graphic()) && !target.path().contains('\\')
}

/// RFC 9112 §6: one `Content-Length` of digits, or exactly `chunked` in HTTP/1.1, or neither.
pub(super) fn body(version: Version, headers: &HeaderMap) -> Result<Body, Malformed> {
    let length = single(headers, &CONTENT_LENGTH).ok_or(Malformed::Framing)?;
    let coding = single(headers, &TRANSFER_ENCODING).ok_or(Malformed::Coding)?;
    match (length, coding) {
        (None, None) => Ok(Body::None),
        (Some(_), Some(_)) => Err(Malformed::Framing),
        (Some(length), None) => match digits(length).ok_or(Malformed::Framing)? {
            0 => Ok(Body::None),
            1.. => Ok(Body::Some),
        },
        (None, Some(_)) if version < Version::HTTP_11 => Err(Malformed::Framing),
        (None, Some(coding)) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(Body::Some),
        (None, Some(_)) => Err(Malformed::Coding),
    }
}

pub(super) fn expectation(headers: &HeaderMap) -> Result<(), Malformed> {
    match single(headers, &EXPECT) {
        Some(None) => Ok(()),
        Some(Some(value)) if value.as_bytes().eq_ignore_ascii_case(b"100-continue") => Ok(()),
        Some(Some(_)) | None => Err(Malformed::Expectation),
    }
}

/// RFC 6455 §4.2.1, items 1 to 6, and no body: what follows the head must be frames or the next request, never both (security.md S-16).
pub(super) fn handshake(head: Head<'_>, body: Body) -> Result<(), Malformed> {
    let headers = head.headers;
    let one = |name: &HeaderName| single(headers, name).flatten().map(HeaderValue::as_bytes);
    let valid = body == Body::None
        && *head.method == Method::GET
        && head.version == Version::HTTP_11
        && one(&UPGRADE).is_some_and(|protocol| protocol.eq_ignore_ascii_case(b"websocket"))
        && lists(headers, CONNECTION, "upgrade")
        && one(&http::header::SEC_WEBSOCKET_VERSION) == Some(b"13")
        && one(&http::header::SEC_WEBSOCKET_KEY).is_some_and(is_nonce);
    if valid { Ok(()) } else { Err(Malformed::Upgrade) }
}

/// RFC 6455 §4.1 item 7: 16 bytes in base64.
fn is_nonce(key: &[u8]) -> bool {
    let mut bytes = [0; 18];
    key.len() == 24 && base64::engine::general_purpose::STANDARD.decode_slice(key, &mut bytes) == Ok(16)
}

/// At most 19 digits: no number of bytes is longer, and none overflows.
fn digits(value: &HeaderValue) -> Option<u64> {
    let text = value.to_str().ok()?;
    let plain = (1..=19).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// The one line of this name, if there is one; `None` where there are several.
pub(super) fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<Option<&'h HeaderValue>> {
    let mut lines = headers.get_all(name).iter();
    let first = lines.next();
    lines.next().is_none().then_some(first)
}

const LONGEST_METHOD: usize = 32;
