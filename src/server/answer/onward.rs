//! Where a browser is sent on, and the pages of signing out. Redirects are 302: 307 and 308 would send a form's fields along (RFC 9700 §4.12).

use std::borrow::Cow;

use http::uri::PathAndQuery;
use http::{HeaderValue, Response, StatusCode, header};
use url::Url;

use super::form::{Outcome, with_rd};
use super::{Asked, mark};
use crate::gate::ReturnTo;
use crate::server::pages::Notice;
use crate::upstream::Body;

/// A sign-in begins, or a sign-out goes on: to the provider.
pub fn to_provider(location: &Url, asked: &Asked<'_>) -> Response<Body> {
    redirect(location.as_str(), asked)
}

/// HEAD of a page that needs sign-in: where an attempt would begin.
pub fn to_start(public_url: usize, return_to: &ReturnTo, asked: &Asked<'_>) -> Response<Body> {
    redirect(&start(public_url, return_to, asked), asked)
}

/// A sign-in is finished: the address that was asked for, byte for byte.
pub fn to_return(public_url: usize, return_to: &ReturnTo, asked: &Asked<'_>) -> Response<Body> {
    redirect(&here(public_url, return_to.as_str(), asked), asked)
}

/// A page load under another loopback name: the same address under its right one.
pub fn to_public_url(public_url: usize, target: &PathAndQuery, asked: &Asked<'_>) -> Response<Body> {
    redirect(&here(public_url, target.as_str(), asked), asked)
}

/// `same_site = "Strict"`: cookies that were set on the way back from another site are sent only when a page of ours leads on.
pub fn go_on(public_url: usize, return_to: &ReturnTo, asked: &Asked<'_>) -> Response<Body> {
    let address = here(public_url, return_to.as_str(), asked);
    Outcome::ok(StatusCode::OK, Notice::GoOn).refresh(0, Some(Cow::Owned(address.clone()))).go(address).page(asked)
}

/// The session is over here. Nobody signs in silently again: only its button begins an attempt.
pub fn signed_out(public_url: usize, return_to: &ReturnTo, asked: &Asked<'_>) -> Response<Body> {
    Outcome::ok(StatusCode::OK, Notice::SignedOut).go(start(public_url, return_to, asked)).page(asked)
}

/// Another site wants to sign this person out: the person decides, and the button's POST comes from here.
/// `onward`: the origin of the provider's own sign-out, to which that POST is redirected.
pub fn ask_sign_out(
    public_url: usize,
    return_to: &ReturnTo,
    onward: Option<&str>,
    asked: &Asked<'_>,
) -> Response<Body> {
    let place = asked.place_of(public_url);
    Outcome::ok(StatusCode::OK, Notice::AskSignOut)
        .posting_onward(onward)
        .post(with_rd(&format!("{}/sign_out", place.gate), return_to.as_str()))
        .other(&*place.home)
        .page(asked)
}

fn start(public_url: usize, return_to: &ReturnTo, asked: &Asked<'_>) -> String {
    with_rd(&format!("{}/start", asked.place_of(public_url).gate), return_to.as_str())
}

fn here(public_url: usize, path_and_query: &str, asked: &Asked<'_>) -> String {
    format!("{}{path_and_query}", asked.place_of(public_url).origin)
}

fn redirect(location: &str, asked: &Asked<'_>) -> Response<Body> {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::FOUND;
    // An address that is no header value has a control character in it: nobody of ours made that.
    let location = HeaderValue::from_bytes(location.as_bytes())
        .or_else(|_| HeaderValue::from_str(&asked.place().home))
        .unwrap_or(HeaderValue::from_static("/"));
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, location);
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(0));
    mark(headers, asked);
    response
}
