//! Pushed authorization requests: the answer (RFC 9126 §2.2).

use std::time::Duration;

use serde_json::Value;
use url::Url;

use super::json::{self, NotAnObject};

/// What stands for a request that was pushed.
#[derive(Debug, PartialEq, Eq)]
pub struct Pushed {
    pub request_uri: String,
    pub expires_in: Duration,
}

/// Why an answer is none that a browser can be sent on with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPushed {
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] NotAnObject),
    #[error("its request_uri is missing or no URI")]
    RequestUri,
    #[error("its expires_in is missing or no positive number")]
    ExpiresIn,
}

impl Pushed {
    pub fn read(body: &[u8]) -> Result<Pushed, BadPushed> {
        let answer = json::object(body, MAX_ANSWER)?;
        // A URI (RFC 9101 §4), whatever its scheme: this one is only handed on, percent-encoded.
        let is_uri = |text: &&str| {
            text.len() <= MAX_URI && text.bytes().all(|byte| byte.is_ascii_graphic()) && Url::parse(text).is_ok()
        };
        let request_uri = answer.get("request_uri").and_then(Value::as_str).filter(is_uri);
        let seconds = answer.get("expires_in").and_then(Value::as_f64).filter(|seconds| *seconds >= 1.0);
        Ok(Pushed {
            request_uri: request_uri.ok_or(BadPushed::RequestUri)?.to_owned(),
            expires_in: seconds
                .map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
                .ok_or(BadPushed::ExpiresIn)?,
        })
    }
}

/// Real answers have a hundred bytes.
const MAX_ANSWER: usize = 16 * 1024;
/// It goes into an address that servers must take.
const MAX_URI: usize = 2 * 1024;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(answer: &Value) -> Result<Pushed, BadPushed> {
        Pushed::read(answer.to_string().as_bytes())
    }

    #[test]
    fn what_the_standard_shows_is_taken() {
        for uri in ["urn:ietf:params:oauth:request_uri:6esc_11ACC5bwc014ltc14eY22c", "https://op.example/par/1", "x:1"]
        {
            let pushed = read(&json!({"request_uri": uri, "expires_in": 60, "else": []})).unwrap();
            assert_eq!((pushed.request_uri.as_str(), pushed.expires_in.as_secs()), (uri, 60));
        }
        assert_eq!(read(&json!({"request_uri": "urn:x", "expires_in": 1e300})).unwrap().expires_in, Duration::MAX);
    }

    #[test]
    fn what_no_browser_should_be_sent_on_with_is_not_taken() {
        let long = format!("urn:{}", "x".repeat(MAX_URI));
        for uri in
            [json!(null), json!(""), json!(7), json!("no uri"), json!("urn:a b"), json!("urn:\u{e9}"), json!(long)]
        {
            assert_eq!(read(&json!({"request_uri": uri, "expires_in": 60})), Err(BadPushed::RequestUri), "{uri}");
        }
        for life in [json!(null), json!(0), json!(-1), json!(0.5), json!("60"), json!(true), json!([60])] {
            assert_eq!(read(&json!({"request_uri": "urn:x", "expires_in": life})), Err(BadPushed::ExpiresIn), "{life}");
        }
        for body in ["", "<html>", "[]", r#"{"request_uri":"urn:a","request_uri":"urn:b","expires_in":60}"#] {
            assert!(matches!(Pushed::read(body.as_bytes()), Err(BadPushed::Unreadable(_))), "{body}");
        }
    }
}
