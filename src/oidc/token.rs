//! The token endpoint: what is asked of it and what it answers (RFC 6749 §4.1.3, §5, §6; toki.md "Token request").

use std::time::Duration;

use serde_json::{Map, Value};

use super::Secret;
use super::json::{self, NotAnObject};

/// Spends a code (RFC 6749 §4.1.3, with RFC 7636 §4.5 where there is a verifier): what is asked for, without who asks.
pub fn code_grant<'a>(
    code: &'a Secret<String>,
    redirect_uri: &'a str,
    verifier: Option<&'a Secret<String>>,
) -> Vec<(&'static str, &'a str)> {
    let grant = [("grant_type", "authorization_code"), ("code", code.expose()), ("redirect_uri", redirect_uri)];
    let verifier = verifier.map(|verifier| ("code_verifier", verifier.expose().as_str()));
    grant.into_iter().chain(verifier).collect()
}

/// Spends a refresh token (RFC 6749 §6).
pub fn refresh_grant(refresh_token: &Secret<String>) -> [(&'static str, &str); 2] {
    [("grant_type", "refresh_token"), ("refresh_token", refresh_token.expose())]
}

/// A successful answer (RFC 6749 §5.1, OpenID Connect Core §3.1.3.3).
pub struct TokenAnswer {
    pub access_token: Secret<String>,
    /// `None` where the answer says nothing usable: absent, zero, negative, or no number. At most [`LONGEST`].
    pub expires_in: Option<Duration>,
    pub refresh_token: Option<Secret<String>>,
    pub id_token: Option<Secret<String>>,
    /// Every other member: `userId`, and whatever else the user-info template or a mapping may name.
    pub fields: Map<String, Value>,
}

/// Why an answer is none that a client can go on with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadAnswer {
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] NotAnObject),
    #[error("`{0}` is missing or no usable string")]
    Field(&'static str),
    #[error("its token_type is not Bearer")]
    TokenType,
}

impl TokenAnswer {
    /// As odd as toki.md allows, and no odder.
    pub fn read(body: &[u8]) -> Result<TokenAnswer, BadAnswer> {
        let mut fields = json::object(body, MAX_ANSWER)?;
        // RFC 6749 §7.1: a type that is not understood must not be used. "Typically" there (toki.md), and never anything else.
        match fields.shift_remove("token_type") {
            None | Some(Value::Null) => {}
            Some(Value::String(kind)) if kind.eq_ignore_ascii_case("bearer") => {}
            Some(_) => return Err(BadAnswer::TokenType),
        }
        Ok(TokenAnswer {
            access_token: token(&mut fields, "access_token")?.ok_or(BadAnswer::Field("access_token"))?,
            expires_in: fields.shift_remove("expires_in").as_ref().and_then(seconds),
            refresh_token: token(&mut fields, "refresh_token")?,
            id_token: token(&mut fields, "id_token")?,
            fields,
        })
    }
}

impl std::fmt::Debug for TokenAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenAnswer(…)")
    }
}

/// An error answer (RFC 6749 §5.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenError {
    pub kind: TokenErrorKind,
    /// The provider's words, printable and bounded: for the log.
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenErrorKind {
    /// The code or the refresh token is bad, used, expired, revoked, or another client's.
    InvalidGrant,
    /// `invalid_client`, `unauthorized_client`, `unsupported_grant_type`, `invalid_scope`: the operator's mistake.
    Client,
    /// `invalid_request`: something between the two did not fit.
    Request,
    /// A code that RFC 6749 does not know.
    Other,
}

impl TokenError {
    /// The error that an answer of status 4xx speaks of, where it speaks of one.
    pub fn read(body: &[u8]) -> Option<TokenError> {
        let document = json::object(body, MAX_ANSWER).ok()?;
        let code = document.get("error")?.as_str()?;
        let kind = match code {
            "invalid_grant" => TokenErrorKind::InvalidGrant,
            "invalid_client" | "unauthorized_client" | "unsupported_grant_type" | "invalid_scope" => {
                TokenErrorKind::Client
            }
            "invalid_request" => TokenErrorKind::Request,
            _ => TokenErrorKind::Other,
        };
        let description = document.get("error_description").and_then(Value::as_str).unwrap_or_default();
        let text = if description.is_empty() { code.to_owned() } else { format!("{code}: {description}") };
        Some(TokenError { kind, text: text.chars().filter(|c| !c.is_control()).take(MAX_ERROR_TEXT).collect() })
    }
}

/// RFC 6749 appendix A.12 and A.17: visible ASCII and space; so it fits a header. An empty one counts as absent.
fn token(fields: &mut Map<String, Value>, name: &'static str) -> Result<Option<Secret<String>>, BadAnswer> {
    match fields.shift_remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => {
            let token = Secret::new(text);
            if !token.expose().bytes().all(|b| matches!(b, 0x20..=0x7E)) {
                return Err(BadAnswer::Field(name));
            }
            Ok((!token.expose().trim().is_empty()).then_some(token))
        }
        Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => Err(BadAnswer::Field(name)),
    }
}

fn seconds(value: &Value) -> Option<Duration> {
    let seconds = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) if text.bytes().all(|b| b.is_ascii_digit()) => text.parse().ok()?,
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    if seconds < 1.0 {
        return None;
    }
    Some(Duration::try_from_secs_f64(seconds.floor()).map_or(LONGEST, |said| said.min(LONGEST)))
}

/// A token that claims to live longer is as good as eternal: a century.
pub const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
const MAX_ANSWER: usize = 1024 * 1024;
/// Characters.
const MAX_ERROR_TEXT: usize = 300;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::client::{Authentication, Form};
    use super::*;

    fn secret(text: &str) -> Secret<String> {
        Secret::new(text.to_owned())
    }

    #[test]
    fn a_code_is_spent_as_toki_publishes() {
        let (code, proof, hidden) = (secret("c/+ 1"), secret("v-1"), secret("s&3"));
        for (verifier, authentication, rest) in [
            (Some(&proof), Authentication::Named, "&code_verifier=v-1&client_id=id"),
            (None, Authentication::Post(&hidden), "&client_id=id&client_secret=s%263"),
            (Some(&proof), Authentication::Post(&hidden), "&code_verifier=v-1&client_id=id&client_secret=s%263"),
        ] {
            let form = Form::new(&code_grant(&code, "https://a.mn/cb", verifier), "id", authentication);
            let common = "grant_type=authorization_code&code=c%2F%2B+1&redirect_uri=https%3A%2F%2Fa.mn%2Fcb";
            assert_eq!(form.body.expose(), &format!("{common}{rest}"));
            assert_eq!(form.authorization, None);
        }
    }

    fn read(answer: &Value) -> Result<TokenAnswer, BadAnswer> {
        TokenAnswer::read(answer.to_string().as_bytes())
    }

    #[test]
    fn an_answer_may_be_as_odd_as_toki_allows() {
        for kind in [json!("Bearer"), json!("bearer"), json!("BEARER"), Value::Null] {
            let answer =
                read(&json!({"access_token": "a", "token_type": kind, "userId": 7, "refresh_token": ""})).unwrap();
            assert_eq!(answer.access_token.expose(), "a");
            assert_eq!(answer.refresh_token, None);
            assert_eq!(Value::Object(answer.fields), json!({"userId": 7}));
        }
    }

    #[test]
    fn how_long_a_token_lives_is_read_kindly_and_saturates() {
        for (said, meant) in [
            (json!(3600), Some(3600)),
            (json!("3600"), Some(3600)),
            (json!(3599.9), Some(3599)),
            (json!(1e300), Some(LONGEST.as_secs())),
            (json!("99999999999999999999999999"), Some(LONGEST.as_secs())),
            (json!(0), None),
            (json!(-1), None),
            (json!("-1"), None),
            (json!(""), None),
            (json!("1h"), None),
            (json!("1e3"), None),
            (json!(true), None),
            (json!([60]), None),
            (Value::Null, None),
        ] {
            let answer = read(&json!({"access_token": "a", "expires_in": said})).unwrap();
            assert_eq!(answer.expires_in.map(|d| d.as_secs()), meant, "{said}");
        }
    }

    #[test]
    fn an_answer_that_is_none_is_refused() {
        for (answer, why) in [
            (json!({}), BadAnswer::Field("access_token")),
            (json!({"access_token": ""}), BadAnswer::Field("access_token")),
            (json!({"access_token": 5}), BadAnswer::Field("access_token")),
            (json!({"access_token": "a\r\nX: y"}), BadAnswer::Field("access_token")),
            (json!({"access_token": "a", "refresh_token": ["r"]}), BadAnswer::Field("refresh_token")),
            (json!({"access_token": "a", "id_token": {"sub": "x"}}), BadAnswer::Field("id_token")),
            (json!({"access_token": "a", "token_type": "mac"}), BadAnswer::TokenType),
            (json!({"access_token": "a", "token_type": 1}), BadAnswer::TokenType),
            (json!(["a"]), BadAnswer::Unreadable(NotAnObject::OtherType)),
        ] {
            assert_eq!(read(&answer).map(|_| ()), Err(why), "{answer}");
        }
        let large = format!("{{\"access_token\":\"{}\"}}", "x".repeat(MAX_ANSWER));
        for body in ["<html>", r#"{"access_token":"a","access_token":"b"}"#, r#"{"access_token":"a""#, &large] {
            assert!(matches!(TokenAnswer::read(body.as_bytes()), Err(BadAnswer::Unreadable(_))));
        }
    }

    #[test]
    fn errors_are_told_apart_by_their_code() {
        for (code, kind) in [
            ("invalid_grant", TokenErrorKind::InvalidGrant),
            ("invalid_client", TokenErrorKind::Client),
            ("unauthorized_client", TokenErrorKind::Client),
            ("unsupported_grant_type", TokenErrorKind::Client),
            ("invalid_scope", TokenErrorKind::Client),
            ("invalid_request", TokenErrorKind::Request),
            ("INVALID_GRANT", TokenErrorKind::Other),
        ] {
            let body = json!({"error": code, "error_description": "why\nnot"}).to_string();
            let error = TokenError::read(body.as_bytes()).unwrap();
            assert_eq!((error.kind, error.text), (kind, format!("{code}: whynot")));
        }
        for none in ["", "<html>", "{}", r#"{"error":1}"#, r#"["invalid_grant"]"#] {
            assert_eq!(TokenError::read(none.as_bytes()), None);
        }
    }
}
