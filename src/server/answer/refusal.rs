//! What the gate refuses (interface.md "What a request without a session gets").

use http::{HeaderValue, Response, StatusCode, header};

use super::Asked;
use super::callback::begin_again;
use super::form::{Outcome, seconds, with_rd, with_step_up};
use crate::gate::action::Form;
use crate::gate::rules::Unmet;
use crate::gate::{Lacks, Refusal, ReturnTo};
use crate::oidc::StepUp;
use crate::oidc::step_up::Unmet as TooWeak;
use crate::server::pages::{Notice, Target};
use crate::upstream::Body;

/// A refusal, in the form of `asked`.
pub fn refusal(refusal: &Refusal, asked: &Asked<'_>) -> Response<Body> {
    outcome(refusal, asked).answer(asked)
}

fn outcome<'a>(refusal: &Refusal, asked: &Asked<'a>) -> Outcome<'a> {
    let home = &*asked.place().home;
    match refusal {
        Refusal::SignInNeeded { public_url, return_to, step_up } => {
            sign_in_needed(*public_url, return_to, step_up, asked)
        }
        Refusal::StepUpNeeded { unmet, public_url, return_to, step_up, .. } => {
            step_up_needed(*unmet, *public_url, return_to, step_up, asked)
        }
        Refusal::NotMet { lacks, return_to, .. } => not_met(lacks, return_to, asked),
        Refusal::SessionLost { public_url, return_to } => {
            let start = format!("{}/start", asked.place_of(*public_url).gate);
            Outcome::refused(StatusCode::UNAUTHORIZED, "session_lost", Notice::SessionLost)
                .go(with_rd(&start, return_to.as_str()) + "&again=1")
        }
        Refusal::NoNavigation => Outcome::refused(StatusCode::UNAUTHORIZED, "no_navigation", Notice::NoNavigation)
            .login_url(format!("{}/start", asked.place().gate)),
        Refusal::Denied { .. } => Outcome::refused(StatusCode::FORBIDDEN, "denied", Notice::Denied).other(home),
        Refusal::NotAllowed => Outcome::refused(StatusCode::FORBIDDEN, "not_allowed", Notice::Denied).other(home),
        Refusal::Unnamed => Outcome::refused(StatusCode::FORBIDDEN, "user_unnamed", Notice::Unnamed),
        Refusal::ForeignOrigin => Outcome::refused(StatusCode::FORBIDDEN, "foreign_origin", Notice::ForeignOrigin),
        Refusal::OriginalUnknown { .. } => {
            Outcome::refused(StatusCode::FORBIDDEN, "original_unknown", Notice::OriginalUnknown)
        }
        Refusal::UnknownParameter(_) => {
            Outcome::refused(StatusCode::BAD_REQUEST, "unknown_parameter", Notice::UnknownParameter)
        }
        Refusal::AmbiguousPath { .. } => {
            Outcome::refused(StatusCode::BAD_REQUEST, "ambiguous_path", Notice::AmbiguousPath).other(home)
        }
        Refusal::NotFound => Outcome::refused(StatusCode::NOT_FOUND, "not_found", Notice::NotFound).other(home),
        Refusal::MethodNotAllowed { allow } => {
            Outcome::refused(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", Notice::MethodNotAllowed)
                .with(header::ALLOW, HeaderValue::from_static(allow))
        }
        Refusal::Misdirected => {
            Outcome::refused(StatusCode::MISDIRECTED_REQUEST, "misdirected", Notice::Misdirected { address: home })
                .go(home)
        }
        Refusal::ProviderAway { retry_after } => provider_away(*retry_after, asked),
        Refusal::TokenNotTaken => Outcome::refused(StatusCode::UNAUTHORIZED, "invalid_token", Notice::TokenNotTaken)
            .with(header::WWW_AUTHENTICATE, HeaderValue::from_static(INVALID_TOKEN)),
        Refusal::TokenUnclear => Outcome::refused(StatusCode::BAD_REQUEST, "invalid_request", Notice::TokenUnclear)
            .with(header::WWW_AUTHENTICATE, HeaderValue::from_static(INVALID_REQUEST)),
        Refusal::ScopeNeeded { .. } => {
            Outcome::refused(StatusCode::FORBIDDEN, "insufficient_scope", Notice::ScopeNeeded)
                .with(header::WWW_AUTHENTICATE, HeaderValue::from_static(INSUFFICIENT_SCOPE))
        }
        Refusal::TooManyTokens { retry_after } => {
            Outcome::refused(StatusCode::TOO_MANY_REQUESTS, "too_many_tokens", Notice::TooManyTokens)
                .retry_after(*retry_after)
        }
    }
}

fn sign_in_needed<'a>(public_url: usize, return_to: &ReturnTo, step_up: &StepUp, asked: &Asked<'a>) -> Outcome<'a> {
    let place = asked.place_of(public_url);
    let start = format!("{}/start", place.gate);
    let back_here = with_step_up(&with_rd(&start, return_to.as_str()), step_up);
    let needed = |reason, notice| Outcome::refused(StatusCode::UNAUTHORIZED, reason, notice);
    match asked.form {
        Form::Page => needed("sign_in_needed", Notice::SignIn).go(back_here),
        Form::Frame => needed("sign_in_needed", Notice::Frame).opening(back_here, Target::Top),
        Form::Form => needed("form_not_kept", Notice::FormNotKept).opening(back_here, Target::NewTab),
        Form::Data => needed("sign_in_needed", Notice::SignIn).login_url(with_step_up(&start, step_up)),
        Form::Grpc(_) | Form::Bare => needed("sign_in_needed", Notice::SignIn),
        Form::ForwardAuth => needed("sign_in_needed", Notice::SignIn)
            .with(header::LOCATION, to_start(public_url, return_to, step_up, asked)),
    }
}

/// RFC 9470 §3: signed in, but not as this page or call wants it.
fn step_up_needed<'a>(
    unmet: TooWeak,
    public_url: usize,
    return_to: &ReturnTo,
    step_up: &StepUp,
    asked: &Asked<'a>,
) -> Outcome<'a> {
    let start = format!("{}/start", asked.place_of(public_url).gate);
    // Where it came to a page, this browser has come back from the provider again and again.
    let back_here = with_step_up(&format!("{}&again=1", with_rd(&start, return_to.as_str())), step_up);
    let (reason, notice) = match unmet {
        TooWeak::Age => ("sign_in_too_old", Notice::SignInTooOld),
        TooWeak::Acr => ("sign_in_too_weak", Notice::StrongerSignIn),
    };
    let needed = |notice| {
        Outcome::refused(StatusCode::UNAUTHORIZED, reason, notice)
            .with(header::WWW_AUTHENTICATE, insufficient(unmet, step_up))
            .telling_reason()
    };
    match asked.form {
        Form::Page => needed(notice).go(back_here),
        Form::Frame => needed(Notice::FrameAgain).opening(back_here, Target::Top),
        Form::Form => needed(Notice::FormNeedsSignIn).opening(back_here, Target::NewTab),
        Form::Data => needed(notice).login_url(with_step_up(&start, step_up)),
        Form::Grpc(_) | Form::Bare => needed(notice),
        Form::ForwardAuth => needed(notice).with(header::LOCATION, to_start(public_url, return_to, step_up, asked)),
    }
}

/// The challenge. Ways to sign in are taken from a configuration that has none with quotes in it.
fn insufficient(unmet: TooWeak, step_up: &StepUp) -> HeaderValue {
    let description = match unmet {
        TooWeak::Age => "More recent authentication is required",
        TooWeak::Acr => "A different authentication level is required",
    };
    let mut challenge =
        format!("Bearer error=\"insufficient_user_authentication\", error_description=\"{description}\"");
    if let Some(max_age) = step_up.max_age {
        challenge += &format!(", max_age=\"{}\"", max_age.as_secs());
    }
    if let Some(acr_values) = step_up.acr_values() {
        challenge += &format!(", acr_values=\"{acr_values}\"");
    }
    HeaderValue::try_from(challenge).unwrap_or(HeaderValue::from_static("Bearer"))
}

/// For forward-auth: absolute, and back to the original address.
fn to_start(public_url: usize, return_to: &ReturnTo, step_up: &StepUp, asked: &Asked<'_>) -> HeaderValue {
    let place = asked.place_of(public_url);
    let original = format!("{}{}", place.origin, return_to.as_str());
    let location = with_step_up(&with_rd(&format!("{}/start", place.gate), &original), step_up);
    HeaderValue::try_from(location).expect("what is percent-encoded is ASCII")
}

/// What is missing, in the words of whom it is missing to: no rule, no claim's value.
fn not_met<'a>(lacks: &Lacks, return_to: &ReturnTo, asked: &Asked<'a>) -> Outcome<'a> {
    let home = &*asked.place().home;
    let refused = |reason, notice| Outcome::refused(StatusCode::FORBIDDEN, reason, notice).other(home).telling_reason();
    let Lacks::Claims(claims) = lacks else { return refused("wrong_network", Notice::WrongNetwork) };
    let unverified = |(claim, why): &(String, Unmet)| claim == "email_verified" || *why == Unmet::Unverified;
    let is_of_email = |(claim, _): &(String, Unmet)| claim == "email";
    let is_of_groups = |(claim, _): &(String, Unmet)| {
        let name = claim.rsplit('.').next().unwrap_or(claim).to_ascii_lowercase();
        ["group", "role", "team", "member"].iter().any(|word| name.contains(word))
    };
    let (reason, notice) = if claims.iter().any(unverified) {
        ("email_not_verified", Notice::EmailNotVerified)
    } else if claims.iter().any(is_of_email) {
        ("email_not_allowed", Notice::EmailNotAllowed)
    } else if claims.iter().any(is_of_groups) {
        ("group_missing", Notice::NotInGroup)
    } else {
        ("claim_not_met", Notice::ClaimNotMet)
    };
    // What somebody is given at the provider arrives here with a sign-in.
    refused(reason, notice).go(begin_again(Some(return_to), asked))
}

fn provider_away<'a>(retry_after: std::time::Duration, asked: &Asked<'a>) -> Outcome<'a> {
    let away = Outcome::refused(StatusCode::SERVICE_UNAVAILABLE, "provider_away", Notice::ProviderAway)
        .retry_after(retry_after)
        .again(asked);
    match asked.form {
        Form::Page => away.refresh(seconds(retry_after), None),
        Form::Frame | Form::Form | Form::Data | Form::Grpc(_) | Form::Bare | Form::ForwardAuth => away,
    }
}

/// RFC 6750 §3. Whatever is wrong with a token, the same is said.
const INVALID_TOKEN: &str = "Bearer error=\"invalid_token\", error_description=\"The access token is expired, revoked, or not for this application\"";
const INVALID_REQUEST: &str =
    "Bearer error=\"invalid_request\", error_description=\"One Authorization header with one token is needed\"";
const INSUFFICIENT_SCOPE: &str =
    "Bearer error=\"insufficient_scope\", error_description=\"The access token does not reach as far as this\"";
