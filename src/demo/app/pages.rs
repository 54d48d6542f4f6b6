//! The pages of the sample application.

use std::fmt::Write as _;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;

use crate::demo::html::{STYLE, escape, fill};
use crate::demo::http::{HungUp, Params, header_lines, page};

/// Who you are, what was sent, and a card for everything that can be tried.
pub(super) fn home(request: &Request<Incoming>) -> Response<Bytes> {
    let values = [("style", STYLE), ("who", &who(request.headers())), ("headers", &table(request.headers()))];
    guarded(page(StatusCode::OK, fill(include_str!("home.html"), &values)))
}

/// A page that wants no sign-in, where the rules say so.
pub(super) fn public(request: &Request<Incoming>) -> Response<Bytes> {
    let text = "<p>Everybody may read this page: no sign-in was needed. What the application was told about you:</p>";
    plain(StatusCode::OK, "A public page", &format!("{text}{}{}", who(request.headers()), target(request)))
}

/// Says where one is: after a sign-in it must be the very address that was asked for.
pub(super) fn place(request: &Request<Incoming>) -> Response<Bytes> {
    plain(StatusCode::OK, "A page deep inside", &format!("{}{}", target(request), who(request.headers())))
}

pub(super) fn not_found(request: &Request<Incoming>) -> Response<Bytes> {
    plain(StatusCode::NOT_FOUND, "Not found", &target(request))
}

pub(super) fn form() -> Response<Bytes> {
    plain(StatusCode::OK, "A form", include_str!("form.html"))
}

/// The fields that a form posted.
pub(super) async fn fields(request: Request<Incoming>) -> Result<Response<Bytes>, HungUp> {
    let body = Limited::new(request.into_body(), FORM_LIMIT).collect().await.map_err(|_| HungUp)?.to_bytes();
    let mut rows = String::new();
    for (name, value) in &Params::parse(&body).0 {
        row(&mut rows, name, value);
    }
    Ok(plain(StatusCode::OK, "What the form said", &format!("<table id=\"fields\">{rows}</table>")))
}

/// What the identity headers say, percent-decoded.
fn who(headers: &HeaderMap) -> String {
    let Some(user) = told(headers, "x-forwarded-user") else {
        return "<p id=\"user\" class=\"quiet\">Nobody: this request came without <code>X-Forwarded-User</code>.</p>"
            .to_owned();
    };
    let name = told(headers, "x-forwarded-preferred-username");
    let mut html = format!("<h1 id=\"name\">{}</h1>", escape(name.as_deref().unwrap_or(&user)));
    // Writing to a string cannot fail.
    let _ = write!(html, "<p>User <code id=\"user\">{}</code>", escape(&user));
    if let Some(email) = told(headers, "x-forwarded-email") {
        let _ = write!(html, "<br><span id=\"email\">{}</span>", escape(&email));
    }
    html.push_str("</p>");
    // The commas between groups are bare, those inside one are encoded: split first.
    let groups = headers.get("x-forwarded-groups").and_then(|line| line.to_str().ok()).unwrap_or_default();
    html.push_str("<p id=\"groups\">");
    for group in groups.split(',').filter(|group| !group.is_empty()) {
        let _ = write!(html, "<span class=\"tag\">{}</span>", escape(&decoded(group)));
    }
    html.push_str("</p>");
    html
}

fn told(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).map(|value| decoded(&String::from_utf8_lossy(value.as_bytes())))
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn target(request: &Request<Incoming>) -> String {
    let target = request.uri().to_string();
    let mut html = format!("<p>The address as it arrived: <code id=\"target\">{}</code></p>", escape(&target));
    let query = Params::parse(request.uri().query().unwrap_or_default().as_bytes());
    if !query.0.is_empty() {
        html.push_str("<table>");
        query.0.iter().for_each(|(name, value)| row(&mut html, name, value));
        html.push_str("</table>");
    }
    html
}

fn table(headers: &HeaderMap) -> String {
    let mut rows = String::new();
    header_lines(headers).iter().for_each(|(name, value)| row(&mut rows, name, value));
    rows
}

fn row(html: &mut String, name: &str, value: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(html, "<tr><th>{}</th><td class=\"mono\">{}</td></tr>", escape(name), escape(value));
}

fn plain(status: StatusCode, title: &str, content: &str) -> Response<Bytes> {
    let values = [("style", STYLE), ("title", &*escape(title)), ("content", content)];
    guarded(page(status, fill(include_str!("plain.html"), &values)))
}

/// Nothing from elsewhere; the script of the home page is its own.
fn guarded(mut response: Response<Bytes>) -> Response<Bytes> {
    let policy = "default-src 'self'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self' ws: wss:; base-uri 'none'";
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    response
}

/// In bytes.
const FORM_LIMIT: usize = 1024 * 1024;
