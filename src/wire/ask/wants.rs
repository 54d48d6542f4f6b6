//! What kind of answer can be used, and where a request comes from: read from what browsers say about themselves. Such headers choose the
//! form of a refusal, never whether there is one.

use http::header::{ACCEPT, ACCESS_CONTROL_REQUEST_METHOD, CONTENT_TYPE, ORIGIN, REFERER, UPGRADE};
use http::{HeaderMap, HeaderValue, Method};

use super::{Fetch, Relation, Wants};
use crate::wire::Host;
use crate::wire::hop::lists;
use crate::wire::media::{self, Grpc};

impl Wants {
    /// The table in interface.md "What a request without a session gets", row by row.
    pub(super) fn of(method: &Method, headers: &HeaderMap) -> Wants {
        // As what forwards reads it: two readers of one field would let a handshake past the question of its origin.
        if lists(headers, UPGRADE, "websocket") {
            return Wants::Socket;
        }
        if let Some(grpc) = Grpc::of(headers) {
            return Wants::Grpc(grpc);
        }
        if *method == Method::OPTIONS && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
            return Wants::Preflight;
        }
        if is_ahead_of_time(headers) {
            return Wants::Prefetch;
        }
        match Fetch::of(headers) {
            Fetch::Navigate => Wants::of_navigation(method, headers),
            Fetch::Other => Wants::Data,
            Fetch::Unsaid => Wants::of_old_client(method, headers),
        }
    }

    fn of_navigation(method: &Method, headers: &HeaderMap) -> Wants {
        match headers.get("sec-fetch-dest").map(HeaderValue::as_bytes) {
            None | Some(b"document") if is_reading(method) => Wants::Page,
            // A form without fields has no content type.
            None | Some(b"document")
                if *method == Method::POST && (is_form(headers) || !headers.contains_key(CONTENT_TYPE)) =>
            {
                Wants::Form
            }
            Some(b"iframe" | b"frame" | b"fencedframe" | b"embed" | b"object") => Wants::Frame,
            None | Some(_) => Wants::Data,
        }
    }

    fn of_old_client(method: &Method, headers: &HeaderMap) -> Wants {
        if [ACCEPT, CONTENT_TYPE].iter().any(|name| media::types(headers, name).any(is_data)) {
            return Wants::Data;
        }
        if !media::types(headers, &ACCEPT).any(|media| media.eq_ignore_ascii_case("text/html")) {
            return Wants::Data;
        }
        if is_reading(method) {
            Wants::Page
        } else if *method == Method::POST && is_form(headers) {
            Wants::Form
        } else {
            Wants::Data
        }
    }
}

impl Fetch {
    pub(super) fn of(headers: &HeaderMap) -> Fetch {
        match headers.get("sec-fetch-mode").map(HeaderValue::as_bytes) {
            // That value only: in-app web views send the name of their app.
            None if headers.get("x-requested-with").is_some_and(|value| value == "XMLHttpRequest") => Fetch::Other,
            None => Fetch::Unsaid,
            Some(b"navigate") => Fetch::Navigate,
            Some(_) => Fetch::Other,
        }
    }
}

impl Relation {
    pub(super) fn of(headers: &HeaderMap, host: &Host) -> Relation {
        if let Some(site) = headers.get("sec-fetch-site") {
            return match site.as_bytes() {
                b"same-origin" | b"none" => Relation::Own,
                _ => Relation::Foreign,
            };
        }
        let own = [ORIGIN, REFERER].iter().all(|name| headers.get_all(name).iter().all(|value| is_of(value, host)));
        if own { Relation::Own } else { Relation::Foreign }
    }
}

/// Whether an `Origin` or `Referer` names this host; the scheme is not compared: TLS may end before this server.
fn is_of(value: &HeaderValue, host: &Host) -> bool {
    let Ok(address) = value.to_str() else { return false };
    let Some((scheme, rest)) = address.split_once("://") else { return false };
    let default = match scheme {
        "https" => 443,
        "http" => 80,
        _ => return false,
    };
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    Host::parse(authority.as_bytes())
        .is_some_and(|named| named.name == host.name && named.port_or(default) == host.port_or(default))
}

/// `Sec-Purpose: prefetch;prerender`, the older `Purpose: prefetch`.
fn is_ahead_of_time(headers: &HeaderMap) -> bool {
    ["sec-purpose", "purpose"].iter().any(|name| {
        headers.get_all(*name).iter().filter_map(|value| value.to_str().ok()).any(|value| {
            value.split([',', ';']).any(|word| {
                let word = word.trim();
                word.eq_ignore_ascii_case("prefetch") || word.eq_ignore_ascii_case("prerender")
            })
        })
    })
}

fn is_reading(method: &Method) -> bool {
    *method == Method::GET || *method == Method::HEAD
}

/// The three types an HTML form can send.
fn is_form(headers: &HeaderMap) -> bool {
    media::types(headers, &CONTENT_TYPE).any(|media| {
        ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"]
            .iter()
            .any(|form| media.eq_ignore_ascii_case(form))
    })
}

fn is_data(media: &str) -> bool {
    let ends_with = |end: &str| {
        media.len() >= end.len() && media.as_bytes()[media.len() - end.len()..].eq_ignore_ascii_case(end.as_bytes())
    };
    ends_with("/json") || ends_with("+json") || media.eq_ignore_ascii_case("text/event-stream")
}
