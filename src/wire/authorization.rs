//! `Authorization`, as far as it brings a bearer token (RFC 6750 §2.1). Elsewhere than in this header a token is none: not in a query, not in a body.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};

/// The header as it came; read only where it is the gate's business.
#[derive(Clone, Default)]
pub struct Authorization {
    line: Option<HeaderValue>,
    is_alone: bool,
}

/// What it brings.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Brought<'a> {
    /// No header, or one of another scheme.
    NoToken,
    /// A `b64token` of sane length.
    Token(&'a str),
    /// `Bearer`, and what follows is no such token (RFC 6750 §3.1, "malformed"). It goes nowhere.
    NotAToken,
    /// More than one header, or `Bearer` alone: nobody knows what is meant (RFC 6750 §3.1, "invalid_request").
    Unclear,
}

impl Authorization {
    pub(in crate::wire) fn of(headers: &HeaderMap) -> Authorization {
        let mut lines = headers.get_all(AUTHORIZATION).iter();
        Authorization { line: lines.next().cloned(), is_alone: lines.next().is_none() }
    }

    /// Whether there is anything to read.
    pub fn is_absent(&self) -> bool {
        self.line.is_none()
    }

    pub fn read(&self) -> Brought<'_> {
        let Some(line) = &self.line else { return Brought::NoToken };
        if !self.is_alone {
            return Brought::Unclear;
        }
        let line = line.as_bytes();
        // RFC 9110 §11.4: the scheme in any case, then one space or more.
        let (scheme, rest) = line.split_at(line.iter().position(|byte| *byte == b' ').unwrap_or(line.len()));
        if !scheme.eq_ignore_ascii_case(b"bearer") {
            return Brought::NoToken;
        }
        match rest.trim_ascii() {
            b"" => Brought::Unclear,
            token if is_b64token(token) => std::str::from_utf8(token).map_or(Brought::NotAToken, Brought::Token),
            _ => Brought::NotAToken,
        }
    }
}

/// Whoever has it is who it says.
impl std::fmt::Debug for Authorization {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.is_absent() { "Authorization(none)" } else { "Authorization(…)" })
    }
}

impl std::fmt::Debug for Brought<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Brought::NoToken => "NoToken",
            Brought::Token(_) => "Token(…)",
            Brought::NotAToken => "NotAToken",
            Brought::Unclear => "Unclear",
        })
    }
}

/// RFC 6750 §2.1: `1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`.
fn is_b64token(token: &[u8]) -> bool {
    let padding = token.iter().rev().take_while(|byte| **byte == b'=').count();
    let text = &token[..token.len() - padding];
    token.len() <= LONGEST
        && !text.is_empty()
        && text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(byte))
}

/// Bytes. Real ones have one to four thousand at most; what is longer is not looked at.
const LONGEST: usize = 8 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn brought(lines: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(AUTHORIZATION, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        match Authorization::of(&headers).read() {
            Brought::Token(token) => token.to_owned(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn a_token_stands_behind_its_scheme() {
        for line in ["Bearer aZ09-._~+/==", "bearer aZ09-._~+/==", "BEARER   aZ09-._~+/=="] {
            assert_eq!(brought(&[line]), "aZ09-._~+/==", "{line}");
        }
    }

    #[test]
    fn another_scheme_brings_no_token() {
        for line in [
            "",
            "Basic dXNlcjpwYXNz",
            "DPoP eyJ",
            "Bearertoken",
            "Bearer\ttoken",
            "BearerX y",
            "Token Bearer",
            "Negotiate",
        ] {
            assert_eq!(brought(&[line]), "NoToken", "{line}");
        }
        assert_eq!(brought(&[]), "NoToken");
    }

    #[test]
    fn what_is_no_token_is_not_read_as_one() {
        let long = format!("Bearer {}", "x".repeat(LONGEST + 1));
        for line in [
            "Bearer =",
            "Bearer a=b",
            "Bearer a b",
            "Bearer a, Bearer b",
            "Bearer \"a\"",
            "Bearer a\tb",
            "Bearer Бат",
            "Bearer a;b",
            &long,
        ] {
            assert_eq!(brought(&[line]), "NotAToken", "{line}");
        }
        assert_eq!(brought(&[&long[..long.len() - 1]]).len(), LONGEST);
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_not_read() {
        for lines in [
            &["Bearer"] as &[&str],
            &["Bearer   "],
            &["Bearer a", "Bearer a"],
            &["Basic x", "Bearer a"],
            &["Bearer a", ""],
        ] {
            assert_eq!(brought(lines), "Unclear", "{lines:?}");
        }
    }

    #[test]
    fn no_token_is_shown() {
        let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static("Bearer geheim"))]);
        let authorization = Authorization::of(&headers);
        assert!(!format!("{authorization:?} {:?}", authorization.read()).contains("geheim"));
    }
}
