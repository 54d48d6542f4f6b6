//! What the gate refuses (interface.md "What a request without a session gets").

use http::{HeaderValue, Response, StatusCode, header};

use super::Asked;
use super::form::{Outcome, seconds, with_rd};
use crate::gate::action::Form;
use crate::gate::{Refusal, ReturnTo};
use crate::server::pages::{Notice, Target};
use crate::upstream::Body;

/// A refusal, in the form of `asked`.
pub fn refusal(refusal: &Refusal, asked: &Asked<'_>) -> Response<Body> {
    outcome(refusal, asked).answer(asked)
}

fn outcome<'a>(refusal: &Refusal, asked: &Asked<'a>) -> Outcome<'a> {
    let home = &*asked.place().home;
    match refusal {
        Refusal::SignInNeeded { public_url, return_to } => sign_in_needed(*public_url, return_to, asked),
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
        Refusal::AmbiguousPath => {
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
    }
}

fn sign_in_needed<'a>(public_url: usize, return_to: &ReturnTo, asked: &Asked<'a>) -> Outcome<'a> {
    let place = asked.place_of(public_url);
    let start = format!("{}/start", place.gate);
    let back_here = with_rd(&start, return_to.as_str());
    let needed = |reason, notice| Outcome::refused(StatusCode::UNAUTHORIZED, reason, notice);
    match asked.form {
        Form::Page => needed("sign_in_needed", Notice::SignIn).go(back_here),
        Form::Frame => needed("sign_in_needed", Notice::Frame).opening(back_here, Target::Top),
        Form::Form => needed("form_not_kept", Notice::FormNotKept).opening(back_here, Target::NewTab),
        Form::Data => needed("sign_in_needed", Notice::SignIn).login_url(start),
        Form::Grpc | Form::Bare => needed("sign_in_needed", Notice::SignIn),
        Form::ForwardAuth => {
            let original = format!("{}{}", place.origin, return_to.as_str());
            let location = HeaderValue::from_str(&with_rd(&start, &original));
            needed("sign_in_needed", Notice::SignIn)
                .with(header::LOCATION, location.expect("what is percent-encoded is ASCII"))
        }
    }
}

fn provider_away<'a>(retry_after: std::time::Duration, asked: &Asked<'a>) -> Outcome<'a> {
    let away = Outcome::refused(StatusCode::SERVICE_UNAVAILABLE, "provider_away", Notice::ProviderAway)
        .retry_after(retry_after)
        .again(asked);
    match asked.form {
        Form::Page => away.refresh(seconds(retry_after), None),
        Form::Frame | Form::Form | Form::Data | Form::Grpc | Form::Bare | Form::ForwardAuth => away,
    }
}
