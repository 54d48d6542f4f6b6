//! What failed while working: at the door, at the provider, at the application.

use std::time::Duration;

use http::{HeaderValue, Response, StatusCode, header};

use super::Asked;
use super::callback::begin_again;
use super::form::Outcome;
use crate::gate::ReturnTo;
use crate::gate::action::Form;
use crate::provider::SignInError;
use crate::server::pages::{Notice, Target};
use crate::store::cookie::OverBudget;
use crate::upstream::{Body, UpstreamError};
use crate::wire::Malformed;

/// A request that goes no further than the door. The connection is given up: what follows on it may be anything (RFC 9112 §9.6).
pub fn malformed(malformed: Malformed, asked: &Asked<'_>) -> Response<Body> {
    let bad = |reason| Outcome::refused(StatusCode::BAD_REQUEST, reason, Notice::BadRequest);
    let outcome = match malformed {
        Malformed::Host => bad("bad_host"),
        Malformed::Target => bad("bad_target"),
        Malformed::Framing => bad("bad_framing"),
        Malformed::Field => bad("bad_field"),
        Malformed::Protocol => Outcome::refused(StatusCode::NOT_IMPLEMENTED, "unknown_protocol", Notice::NotSupported),
        Malformed::Upgrade => bad("bad_upgrade"),
        Malformed::Coding => {
            Outcome::refused(StatusCode::NOT_IMPLEMENTED, "unknown_transfer_coding", Notice::NotSupported)
        }
        Malformed::Expectation => {
            Outcome::refused(StatusCode::EXPECTATION_FAILED, "unknown_expectation", Notice::NotSupported)
        }
        Malformed::Method => Outcome::refused(StatusCode::METHOD_NOT_ALLOWED, "method_not_taken", Notice::NotSupported)
            .with(header::ALLOW, HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")),
        // The client may come again on another connection (RFC 9110 §15.5.20).
        Malformed::Misdirected => {
            Outcome::refused(StatusCode::MISDIRECTED_REQUEST, "connection_of_another_host", Notice::BadRequest)
        }
        Malformed::BodyTooLarge => {
            Outcome::refused(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", Notice::BodyTooLarge)
        }
    };
    outcome.with(header::CONNECTION, HeaderValue::from_static("close")).answer(asked)
}

/// A sign-in that did not come about, at its start or at its callback. `return_to`: where another try should lead.
pub fn sign_in_failed(error: &SignInError, return_to: Option<&ReturnTo>, asked: &Asked<'_>) -> Response<Body> {
    let gateway = |reason, notice| Outcome::refused(StatusCode::BAD_GATEWAY, reason, notice);
    let again = begin_again(return_to, asked);
    let outcome = match error {
        SignInError::NotReady(_) => {
            Outcome::refused(StatusCode::SERVICE_UNAVAILABLE, "provider_unknown", Notice::ProviderUnreachable)
                .retry_after(DISCOVERY_TAKES)
                .go(again)
        }
        SignInError::Unreachable(_) => gateway("provider_unreachable", Notice::ProviderUnreachable).go(again),
        SignInError::Broken(_) => gateway("provider_broken", Notice::ProviderBroken).go(again),
        SignInError::IdToken(_) => gateway("id_token_invalid", Notice::ProviderBroken).go(again),
        SignInError::ClientRefused(_) => gateway("client_refused", Notice::ClientRefused),
        SignInError::Foreign(_) => {
            Outcome::refused(StatusCode::BAD_REQUEST, "foreign_issuer", Notice::ForeignAnswer).go(again)
        }
        SignInError::CodeRefused(_) => {
            Outcome::refused(StatusCode::BAD_REQUEST, "code_refused", Notice::CodeRefused).go(again)
        }
        SignInError::Unnamed(_) => Outcome::refused(StatusCode::FORBIDDEN, "user_unnamed", Notice::Unnamed),
        SignInError::TooWeak(_) => {
            Outcome::refused(StatusCode::FORBIDDEN, "sign_in_too_weak", Notice::SignInTooWeak).go(again)
        }
        SignInError::TooMany { retry_after } => {
            Outcome::refused(StatusCode::TOO_MANY_REQUESTS, "too_many_sign_ins", Notice::TooManySignIns)
                .retry_after(*retry_after)
                .go(again)
        }
    };
    outcome.page(asked)
}

/// How soon it is worth asking again while discovery has not succeeded.
const DISCOVERY_TAKES: Duration = Duration::from_secs(5);

/// Nothing that the person or the provider did: what this gate was given to keep sessions in is too small.
pub fn over_budget(_: &OverBudget, asked: &Asked<'_>) -> Response<Body> {
    Outcome::refused(StatusCode::INTERNAL_SERVER_ERROR, "session_too_large", Notice::SessionTooLarge).page(asked)
}

/// The application gave no answer, or the client's own body was at fault.
pub fn upstream_failed(error: &UpstreamError, asked: &Asked<'_>) -> Response<Body> {
    let gateway = |reason, notice| Outcome::refused(StatusCode::BAD_GATEWAY, reason, notice).again(asked);
    let outcome = match error {
        UpstreamError::Connect(_) => gateway("application_unreachable", Notice::ApplicationDown),
        UpstreamError::ConnectTimeout(_, _) => slow("application_connect_timeout", Notice::ApplicationDown, asked),
        UpstreamError::NoSockets => gateway("application_takes_no_sockets", Notice::ApplicationBroken),
        UpstreamError::Tls(_) => gateway("application_tls", Notice::ApplicationDown),
        UpstreamError::Timeout(_) => slow("application_timeout", Notice::ApplicationSlow, asked),
        UpstreamError::Closed(_) => gateway("application_closed", Notice::ApplicationBroken),
        UpstreamError::Broken(_) => gateway("application_broken", Notice::ApplicationBroken),
        UpstreamError::RequestBody(_) => {
            Outcome::refused(StatusCode::BAD_REQUEST, "body_malformed", Notice::BadRequest)
                .with(header::CONNECTION, HeaderValue::from_static("close"))
        }
        UpstreamError::RequestBodyTimeout(_) => {
            Outcome::refused(StatusCode::REQUEST_TIMEOUT, "body_timeout", Notice::BodySlow)
                .with(header::CONNECTION, HeaderValue::from_static("close"))
        }
        UpstreamError::BodyTooLarge => {
            Outcome::refused(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", Notice::BodyTooLarge)
                .with(header::CONNECTION, HeaderValue::from_static("close"))
        }
        UpstreamError::SessionOver => session_over(asked),
    };
    outcome.answer(asked)
}

/// As one that comes without a session. What is still on its way of it is of no use to anybody.
fn session_over<'a>(asked: &Asked<'a>) -> Outcome<'a> {
    let start = format!("{}/start", asked.place().gate);
    let over = |notice| {
        Outcome::refused(StatusCode::UNAUTHORIZED, "session_over", notice)
            .with(header::CONNECTION, HeaderValue::from_static("close"))
    };
    match asked.form {
        Form::Form => over(Notice::FormNotKept).opening(start, Target::NewTab),
        Form::Frame => over(Notice::Frame).opening(start, Target::Top),
        Form::Page => over(Notice::SignIn).go(start),
        Form::Data => over(Notice::SignIn).login_url(start),
        Form::Grpc(_) | Form::Bare | Form::ForwardAuth => over(Notice::SignIn),
    }
}

fn slow(reason: &'static str, notice: Notice<'static>, asked: &Asked<'_>) -> Outcome<'static> {
    Outcome::refused(StatusCode::GATEWAY_TIMEOUT, reason, notice).again(asked)
}

/// Our own fault: what should not happen did.
pub fn broken(asked: &Asked<'_>) -> Response<Body> {
    Outcome::refused(StatusCode::INTERNAL_SERVER_ERROR, "internal", Notice::Broken).answer(asked)
}
