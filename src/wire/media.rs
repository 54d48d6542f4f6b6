//! Media types: what a body is said to be, of requests and answers alike.

use http::HeaderMap;
use http::header::{CONTENT_TYPE, HeaderName};

/// Which gRPC: a client takes no answer of another content type than its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grpc {
    /// `application/grpc`, whatever the messages are.
    Http2,
    /// `application/grpc-web`, `…+proto` and others.
    Web,
    /// `application/grpc-web+json`
    WebJson,
    /// `application/grpc-web-text`: in base64.
    WebText,
}

impl Grpc {
    /// By the content type.
    pub fn of(headers: &HeaderMap) -> Option<Grpc> {
        types(headers, &CONTENT_TYPE).find_map(Grpc::named)
    }

    fn named(media: &str) -> Option<Grpc> {
        let (protocol, messages) = media.split_once('+').unwrap_or((media, ""));
        let web = if messages.eq_ignore_ascii_case("json") { Grpc::WebJson } else { Grpc::Web };
        [("application/grpc", Grpc::Http2), ("application/grpc-web", web), ("application/grpc-web-text", Grpc::WebText)]
            .into_iter()
            .find_map(|(name, grpc)| protocol.eq_ignore_ascii_case(name).then_some(grpc))
    }
}

/// Server-sent events.
pub fn is_event_stream(headers: &HeaderMap) -> bool {
    types(headers, &CONTENT_TYPE).any(|media| media.eq_ignore_ascii_case("text/event-stream"))
}

/// The media types of every line, without their parameters.
pub fn types<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h str> + use<'h> {
    let elements = headers.get_all(name).iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    elements.filter_map(|element| {
        let essence = element.split(|byte| *byte == b';').next()?;
        std::str::from_utf8(essence.trim_ascii()).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[&str]) -> HeaderMap {
        lines.iter().map(|line| (CONTENT_TYPE, http::HeaderValue::from_bytes(line.as_bytes()).unwrap())).collect()
    }

    #[test]
    fn a_call_of_grpc_is_one_for_everybody_who_asks_and_nothing_else_is() {
        for (line, grpc) in [
            ("application/grpc", Some(Grpc::Http2)),
            ("Application/gRPC+proto", Some(Grpc::Http2)),
            ("application/grpc ; charset=utf-8", Some(Grpc::Http2)),
            ("application/grpc+json;x=\u{e9}", Some(Grpc::Http2)),
            ("application/grpc-web", Some(Grpc::Web)),
            ("application/grpc-web+proto", Some(Grpc::Web)),
            ("application/grpc-WEB+Json", Some(Grpc::WebJson)),
            ("application/grpc-web-text+proto", Some(Grpc::WebText)),
            ("application/grpcx", None),
            ("application/grpc-webx", None),
            ("text/plain; of=application/grpc", None),
            ("", None),
        ] {
            assert_eq!(Grpc::of(&headers(&[line])), grpc, "{line}");
        }
        assert_eq!(Grpc::of(&headers(&["text/plain", "application/grpc"])), Some(Grpc::Http2));
    }

    #[test]
    fn a_stream_of_events_is_one_whatever_else_is_said_of_it() {
        let stream = ["text/event-stream", "Text/Event-Stream;charset=utf-8", "text/event-stream; x=\u{e9}"];
        assert!(stream.iter().all(|line| is_event_stream(&headers(&[line]))));
        assert!(is_event_stream(&headers(&["text/plain", "text/event-stream"])));
        assert!(!is_event_stream(&headers(&["text/event-stream-x"])) && !is_event_stream(&HeaderMap::new()));
    }
}
