//! What the provider is told when it says that sessions have ended.

use http::{HeaderValue, Response, StatusCode, header};
use serde_json::json;

use super::form::{Outcome, seconds};
use super::{Asked, Reason, body, mark};
use crate::provider::LogoutError;
use crate::server::pages::Notice;
use crate::upstream::Body;

/// Why a back-channel logout ends nothing. The text is for log and provider alike.
#[derive(Debug, thiserror::Error)]
pub enum LogoutProblem {
    #[error("the body must be a form (application/x-www-form-urlencoded)")]
    NoForm,
    #[error("the body is longer than 64 KiB")]
    TooLarge,
    #[error("the body did not arrive")]
    BrokenOff,
    #[error("logout_token is missing")]
    NoToken,
    #[error("logout_token is there more than once")]
    TwoTokens,
    #[error("logout_token: {0}")]
    Token(LogoutError),
    #[error("logout_token: it was taken before")]
    Replayed,
}

impl LogoutProblem {
    /// Whether the operator can mend it.
    pub fn is_about_settings(&self) -> bool {
        matches!(self, LogoutProblem::Token(LogoutError::NotSetUp))
    }
}

/// Back-Channel Logout §2.8: 200, or 400 with an OAuth error. Where the keys cannot be had it is neither: nothing is wrong with the request, and of all
/// failures a provider that tries again does so after a 503 (RFC 9110 §15.6.4); to one that does not, it is a failure like a 400.
pub fn backchannel_logout(problem: Option<&LogoutProblem>, asked: &Asked<'_>) -> Response<Body> {
    let Some(problem) = problem else { return empty(StatusCode::OK, asked) };
    let (status, reason) = match problem {
        LogoutProblem::NoForm => (StatusCode::BAD_REQUEST, "logout_no_form"),
        LogoutProblem::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"),
        LogoutProblem::BrokenOff => (StatusCode::BAD_REQUEST, "body_broken_off"),
        LogoutProblem::NoToken | LogoutProblem::TwoTokens => (StatusCode::BAD_REQUEST, "logout_no_token"),
        LogoutProblem::Token(LogoutError::NotSetUp) => (StatusCode::BAD_REQUEST, "logout_not_set_up"),
        LogoutProblem::Token(LogoutError::Refused(_)) => (StatusCode::BAD_REQUEST, "logout_token_invalid"),
        LogoutProblem::Token(LogoutError::NotNow { .. }) => (StatusCode::SERVICE_UNAVAILABLE, "provider_keys_away"),
        LogoutProblem::Replayed => (StatusCode::BAD_REQUEST, "logout_token_replayed"),
    };
    let (error, description) = match problem {
        // What else it says is about this process.
        LogoutProblem::Token(LogoutError::NotNow { .. }) => {
            ("temporarily_unavailable", "the keys of the issuer cannot be had now".to_owned())
        }
        LogoutProblem::NoForm
        | LogoutProblem::TooLarge
        | LogoutProblem::BrokenOff
        | LogoutProblem::NoToken
        | LogoutProblem::TwoTokens
        | LogoutProblem::Token(LogoutError::NotSetUp | LogoutError::Refused(_))
        | LogoutProblem::Replayed => ("invalid_request", problem.to_string()),
    };
    let mut response = Response::new(());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let LogoutProblem::Token(LogoutError::NotNow { retry_after, .. }) = problem {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds(*retry_after)));
    }
    if matches!(problem, LogoutProblem::NoForm | LogoutProblem::TooLarge | LogoutProblem::BrokenOff) {
        // The rest of the body is not waited for.
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    mark(headers, asked);
    let text = json!({ "error": error, "error_description": description }).to_string();
    let body = body(text, asked, headers);
    response.extensions_mut().insert(Reason(reason));
    response.map(|()| body)
}

/// An empty page that the provider's pages may show in a frame, whether there was a session to end or not. `origins`: theirs.
pub fn frontchannel_logout(origins: &[String], asked: &Asked<'_>) -> Response<Body> {
    let mut response = empty(StatusCode::OK, asked);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    let ancestors = if origins.is_empty() { "'none'".to_owned() } else { origins.join(" ") };
    let policy = format!("default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors {ancestors}");
    if let Ok(policy) = HeaderValue::try_from(policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// It names no session of this provider's. `is_others`: its `iss` is another, or there is none to compare it with.
pub fn frontchannel_logout_refused(is_others: bool, asked: &Asked<'_>) -> Response<Body> {
    let reason = if is_others { "logout_other_issuer" } else { "logout_names_nobody" };
    Outcome::refused(StatusCode::BAD_REQUEST, reason, Notice::BadRequest).answer(asked)
}

fn empty(status: StatusCode, asked: &Asked<'_>) -> Response<Body> {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(0));
    mark(response.headers_mut(), asked);
    response
}
