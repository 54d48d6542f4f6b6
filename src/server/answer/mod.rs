//! Answers: everything the gate itself says, and the only place that names HTTP status codes. Pure: what happened and who asked, to a
//! response. What a person sees is in `pages`; what the log gets is the `Reason` in the response's extensions, and the error's own text.

mod callback;
mod cors;
mod data;
mod failure;
mod form;
mod logout;
mod onward;
mod refusal;
mod socket;
#[cfg(test)]
mod tests;
mod unread;

use http::{HeaderMap, HeaderValue, Response, header};

pub use callback::{CallbackProblem, callback_problem};
pub use cors::{preflight, share};
pub use data::{
    SessionStatus, admin_refusal, allowed, count_cookies, health, json, metrics, session_status, switched, user_info,
};
pub use failure::{broken, malformed, over_budget, sign_in_failed, upstream_failed};
pub use form::grpc_session_over;
pub use logout::{LogoutProblem, backchannel_logout, frontchannel_logout, frontchannel_logout_refused};
pub use onward::{ask_sign_out, go_on, signed_out, to_provider, to_public_url, to_return, to_start};
pub use refusal::refusal;
pub use socket::{connected, not_connected};
pub use unread::{CROWDED, PLAIN_HTTP};

use super::pages::{Language, Voice};
use crate::gate::PublicUrl;
use crate::gate::action::Form;
use crate::upstream::Body;

/// Who asked, as far as an answer depends on it.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// In what form a refusal is put.
    pub form: Form,
    /// HEAD: the head of the answer and no body.
    pub head: bool,
    pub language: Language,
    pub request_id: &'a HeaderValue,
    /// Who is signed in, as `[log] user` lets it be shown.
    pub user: Option<&'a str>,
    pub voice: &'a Voice,
    /// One for each `public_url`, in their order.
    pub places: &'a [Place],
    /// The `public_url` that the request was matched to; the first where it was matched to none.
    pub public_url: usize,
}

/// The addresses of one `public_url`, put together once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// `https://app.example.mn`
    pub origin: String,
    /// `https://app.example.mn/app/`
    pub home: String,
    /// `https://app.example.mn/app/oauth2`
    pub gate: String,
    /// `app.example.mn`: stands for the application's name where none is written.
    pub host: String,
}

/// Why the gate answered itself, for log and metrics: stable, `snake_case`. In the extensions of each answer that is no success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason(pub &'static str);

impl Place {
    pub fn of(public_url: &PublicUrl, prefix: &str) -> Place {
        let origin = public_url.origin();
        let root = format!("{origin}{}", public_url.path);
        Place { home: format!("{root}/"), gate: format!("{root}{prefix}"), host: public_url.host.name.clone(), origin }
    }
}

impl<'a> Asked<'a> {
    fn place(&self) -> &'a Place {
        self.place_of(self.public_url)
    }

    /// The gate speaks of `public_url`s by their index in its settings, of which there is at least one.
    fn place_of(&self, public_url: usize) -> &'a Place {
        &self.places[public_url]
    }

    fn request_id(&self) -> &'a str {
        self.request_id.to_str().unwrap_or_default()
    }
}

/// For a request that was refused before it was read: a page for whoever takes one.
pub fn form_at_the_door(headers: &HeaderMap) -> Form {
    let mut accepted = headers.get_all(header::ACCEPT).iter().filter_map(|line| line.to_str().ok());
    if accepted.any(|line| line.contains("text/html")) { Form::Page } else { Form::Data }
}

/// Why the gate answered this itself, if it did and it was no success.
pub fn reason<B>(response: &Response<B>) -> Option<&'static str> {
    response.extensions().get::<Reason>().map(|reason| reason.0)
}

/// What every answer of the gate's own carries: kept by nobody, taken for nothing else, telling nobody where it was.
fn mark(headers: &mut HeaderMap, asked: &Asked<'_>) {
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::REFERRER_POLICY).or_insert(HeaderValue::from_static("no-referrer"));
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(NO_CONTENT));
    headers.insert("x-request-id", asked.request_id.clone());
}

const NO_CONTENT: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The body, or for HEAD only its length (RFC 9110 §9.3.2).
fn body(text: String, asked: &Asked<'_>, headers: &mut HeaderMap) -> Body {
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(text.len()));
    if asked.head { Body::Empty } else { Body::full(text) }
}
