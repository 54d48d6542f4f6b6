//! What can be wrong with the browser's way back from the provider (RFC 6749 §4.1.2). Each has a page, whoever asks.

use http::{Response, StatusCode};

use super::Asked;
use super::form::{Outcome, with_rd};
use crate::gate::ReturnTo;
use crate::oidc::callback::Malformed;
use crate::server::pages::Notice;
use crate::upstream::Body;

/// Why a callback leads nowhere, before any code is spent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallbackProblem {
    /// Missing or repeated parameters: no authorization response.
    #[error("the callback is malformed: {0}")]
    Malformed(Malformed),
    /// A `state` that this gate never made.
    #[error("state is not one of ours")]
    ForeignState,
    /// RFC 9207 §2.4: another provider's answer, or one that does not say whose it is.
    #[error("iss is not the provider's")]
    ForeignIssuer,
    /// Ours, but too old or used.
    #[error("state is stale, or was used")]
    Stale,
    /// No attempt of this browser belongs to it, and it brought other cookies of ours.
    #[error("the attempt belongs to another browser")]
    OtherBrowser,
    /// Started again once already, and no cookie came back.
    #[error("the attempt's cookie did not come back, twice")]
    NoCookies,
    /// RFC 6749 §4.1.2.1.
    #[error("the provider refused: {error:?}")]
    Refused { error: String, description: Option<String> },
}

/// A page that says what happened and offers to begin again: at `return_to` where it is known, else at the root.
pub fn callback_problem(problem: &CallbackProblem, return_to: Option<&ReturnTo>, asked: &Asked<'_>) -> Response<Body> {
    outcome(problem).go(begin_again(return_to, asked)).page(asked)
}

fn outcome(problem: &CallbackProblem) -> Outcome<'_> {
    let bad = |reason, notice| Outcome::refused(StatusCode::BAD_REQUEST, reason, notice);
    match problem {
        CallbackProblem::Malformed(_) => bad("callback_malformed", Notice::BadAnswer),
        CallbackProblem::ForeignState => bad("state_foreign", Notice::ForeignAnswer),
        CallbackProblem::ForeignIssuer => bad("issuer_foreign", Notice::ForeignAnswer),
        CallbackProblem::Stale => bad("state_stale", Notice::StaleAnswer),
        CallbackProblem::OtherBrowser => bad("other_browser", Notice::OtherBrowser),
        CallbackProblem::NoCookies => bad("no_cookies", Notice::NoCookies),
        CallbackProblem::Refused { error, description } => refused(error, description.as_deref()),
    }
}

/// RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2.6.
fn refused<'a>(error: &'a str, description: Option<&'a str>) -> Outcome<'a> {
    match error {
        "access_denied" => Outcome::refused(StatusCode::FORBIDDEN, "access_denied", Notice::ConsentRefused),
        "server_error" | "temporarily_unavailable" => {
            Outcome::refused(StatusCode::BAD_GATEWAY, "provider_error", Notice::ProviderBroken)
        }
        _ => {
            let said = Notice::ProviderRefused { error, description };
            Outcome::refused(StatusCode::FORBIDDEN, "provider_refused", said)
        }
    }
}

/// Where another attempt begins.
pub(super) fn begin_again(return_to: Option<&ReturnTo>, asked: &Asked<'_>) -> String {
    let start = format!("{}/start", asked.place().gate);
    match return_to {
        Some(return_to) => with_rd(&start, return_to.as_str()),
        None => start,
    }
}
