//! One outcome in the form that whoever asked can use: a page, a problem+json, a gRPC status, or nothing but a head.

use std::borrow::Cow;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use smallvec::SmallVec;

use super::{Asked, Reason, body, mark};
use crate::gate::action::Form;
use crate::oidc::StepUp;
use crate::server::pages::{Go, Links, Notice, Page, Refresh, STYLE_SOURCE, Target};
use crate::upstream::Body;
use crate::wire::Grpc;

/// What is to be said, before it is known in what form.
pub(super) struct Outcome<'a> {
    status: StatusCode,
    /// `None`: nothing went wrong.
    reason: Option<&'static str>,
    notice: Notice<'a>,
    links: Links<'a>,
    headers: SmallVec<[(HeaderName, HeaderValue); 2]>,
    /// For data: where a sign-in begins.
    login_url: Option<String>,
    /// For data: whether the reason stands there by itself, for programs that tell one thing that is missing from another.
    tells_reason: bool,
    /// Where the page's form leads beyond this origin.
    onward: Option<String>,
}

impl<'a> Outcome<'a> {
    pub(super) fn refused(status: StatusCode, reason: &'static str, notice: Notice<'a>) -> Outcome<'a> {
        Outcome { reason: Some(reason), ..Outcome::ok(status, notice) }
    }

    pub(super) fn ok(status: StatusCode, notice: Notice<'a>) -> Outcome<'a> {
        Outcome {
            status,
            reason: None,
            notice,
            links: Links::default(),
            headers: SmallVec::new(),
            login_url: None,
            tells_reason: false,
            onward: None,
        }
    }

    pub(super) fn with(mut self, name: HeaderName, value: HeaderValue) -> Outcome<'a> {
        self.headers.push((name, value));
        self
    }

    /// At least a second: what is tried again at once changes nothing.
    pub(super) fn retry_after(self, after: Duration) -> Outcome<'a> {
        self.with(header::RETRY_AFTER, HeaderValue::from(seconds(after)))
    }

    pub(super) fn go(self, href: impl Into<Cow<'a, str>>) -> Outcome<'a> {
        self.opening(href, Target::Here)
    }

    pub(super) fn opening(mut self, href: impl Into<Cow<'a, str>>, target: Target) -> Outcome<'a> {
        self.links.go = Some(Go { href: href.into(), target });
        self
    }

    /// The same address again: only where the request was a page load, which does nothing by being repeated.
    pub(super) fn again(self, asked: &Asked<'_>) -> Outcome<'a> {
        if asked.form == Form::Page { self.go("") } else { self }
    }

    pub(super) fn post(mut self, action: impl Into<Cow<'a, str>>) -> Outcome<'a> {
        self.links.post = Some(action.into());
        self
    }

    pub(super) fn other(mut self, href: impl Into<Cow<'a, str>>) -> Outcome<'a> {
        self.links.other = Some(href.into());
        self
    }

    pub(super) fn refresh(mut self, after: u64, to: Option<Cow<'a, str>>) -> Outcome<'a> {
        self.links.refresh = Some(Refresh { after, to });
        self
    }

    pub(super) fn posting_onward(mut self, origin: Option<&str>) -> Outcome<'a> {
        self.onward = origin.map(str::to_owned);
        self
    }

    pub(super) fn login_url(mut self, address: String) -> Outcome<'a> {
        self.login_url = Some(address);
        self
    }

    pub(super) fn telling_reason(self) -> Outcome<'a> {
        Outcome { tells_reason: true, ..self }
    }

    /// In the form that was asked for.
    pub(super) fn answer(self, asked: &Asked<'_>) -> Response<Body> {
        match asked.form {
            Form::Page | Form::Frame | Form::Form => self.page(asked),
            Form::Data => self.problem(asked),
            Form::Grpc(grpc) => self.grpc(grpc, asked),
            Form::Bare | Form::ForwardAuth => self.bare(asked),
        }
    }

    pub(super) fn page(self, asked: &Asked<'_>) -> Response<Body> {
        let html = Page {
            voice: asked.voice,
            language: asked.language,
            host: &asked.place().host,
            request_id: asked.request_id(),
            user: asked.user,
            notice: self.notice,
            links: self.links.clone(),
        }
        .render();
        let policy = self.policy(asked);
        let posts = self.links.post.is_some();
        let mut response = self.head(asked, self.status);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(asked.language.tag()));
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        if posts {
            // With `no-referrer` the form's own POST would carry `Origin: null`, and count as another site's (Fetch §3.1).
            headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
        }
        let body = body(html, asked, headers);
        response.map(|()| body)
    }

    /// RFC 9457.
    fn problem(self, asked: &Asked<'_>) -> Response<Body> {
        let (title, detail) = self.notice.summary(asked.voice, &asked.place().host);
        let mut problem = serde_json::json!({
            "type": self.reason.map_or_else(|| "about:blank".to_owned(), |reason| format!("urn:tokigate:{reason}")),
            "title": title,
            "status": self.status.as_u16(),
            "detail": detail,
        });
        if let Some(reason) = self.reason.filter(|_| self.tells_reason) {
            problem["reason"] = reason.into();
        }
        if let Some(login_url) = &self.login_url {
            problem["login_url"] = login_url.as_str().into();
        }
        let mut response = self.head(asked, self.status);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        let body = body(problem.to_string(), asked, headers);
        response.map(|()| body)
    }

    /// The answer of a call that ended before it began: HTTP 200, the status in the head (gRPC over HTTP/2, Trailers-Only; gRPC-Web alike).
    fn grpc(self, grpc: Grpc, asked: &Asked<'_>) -> Response<Body> {
        let (title, _) = self.notice.summary(asked.voice, &asked.place().host);
        let mut response = self.head(asked, StatusCode::OK);
        let headers = response.headers_mut();
        headers.remove(header::WWW_AUTHENTICATE);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(grpc_type(grpc)));
        headers.insert("grpc-status", HeaderValue::from(grpc_status(self.status)));
        let message = utf8_percent_encode(&title, GRPC_MESSAGE).to_string();
        if let Ok(message) = HeaderValue::from_str(&message) {
            headers.insert("grpc-message", message);
        }
        response.map(|()| Body::Empty)
    }

    fn bare(self, asked: &Asked<'_>) -> Response<Body> {
        let mut response = self.head(asked, self.status);
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(0));
        response.map(|()| Body::Empty)
    }

    fn head(&self, asked: &Asked<'_>, status: StatusCode) -> Response<()> {
        let mut response = Response::new(());
        *response.status_mut() = status;
        for (name, value) in &self.headers {
            response.headers_mut().append(name.clone(), value.clone());
        }
        if status == StatusCode::UNAUTHORIZED && !response.headers().contains_key(header::WWW_AUTHENTICATE) {
            // Every 401 names a scheme (RFC 9110 §11.6.1).
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(reason) = self.reason {
            response.extensions_mut().insert(Reason(reason));
        }
        mark(response.headers_mut(), asked);
        response
    }

    fn policy(&self, asked: &Asked<'_>) -> HeaderValue {
        // Chromium holds redirects after a POST to `form-action` too: what this form leads to stays on this origin, but for the provider's own sign-out,
        // which may lead through other providers' yet.
        let forms = match (&self.links.post, &self.onward) {
            (None, _) => Cow::Borrowed("'none'"),
            (Some(_), None) => Cow::Borrowed("'self'"),
            (Some(_), Some(origin)) => Cow::Owned(format!("'self' https: {origin}")),
        };
        // The page for a frame is of no use where it may not be shown in one; all it does is open a link at the top.
        let frames = if asked.form == Form::Frame { "*" } else { "'none'" };
        let style = &*STYLE_SOURCE;
        let policy = format!(
            "default-src 'none'; style-src {style}; base-uri 'none'; form-action {forms}; frame-ancestors {frames}"
        );
        HeaderValue::from_str(&policy).expect("made of ASCII alone")
    }
}

/// Whole seconds, rounded up, at least one.
pub(super) fn seconds(time: Duration) -> u64 {
    time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0)).max(1)
}

fn grpc_type(grpc: Grpc) -> &'static str {
    match grpc {
        Grpc::Http2 => "application/grpc",
        Grpc::Web => "application/grpc-web+proto",
        Grpc::WebJson => "application/grpc-web+json",
        Grpc::WebText => "application/grpc-web-text",
    }
}

/// What ends a call of gRPC whose session is over: as one that was never let in.
pub fn grpc_session_over() -> HeaderMap {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from(grpc_status(StatusCode::UNAUTHORIZED)));
    trailers.insert("grpc-message", HeaderValue::from_static("session over"));
    trailers
}

/// gRPC's own codes for what HTTP says (grpc/doc/http-grpc-status-mapping.md, finer where we know more).
fn grpc_status(status: StatusCode) -> u16 {
    match status {
        StatusCode::BAD_REQUEST => 3,
        StatusCode::UNAUTHORIZED => 16,
        StatusCode::FORBIDDEN => 7,
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::MISDIRECTED_REQUEST => 12,
        StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => 8,
        StatusCode::GATEWAY_TIMEOUT => 4,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE => 14,
        _ => 2,
    }
}

/// gRPC over HTTP/2, Status-Message: what is not printable ASCII, and `%`, is percent-encoded.
const GRPC_MESSAGE: &AsciiSet = &percent_encoding::CONTROLS.add(b'%');

/// What may stand in a query as it is; `/` for whoever reads the address.
const QUERY_VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// `…/start?rd=…`
pub(super) fn with_rd(address: &str, return_to: &str) -> String {
    format!("{address}?rd={}", utf8_percent_encode(return_to, QUERY_VALUE))
}

/// `…/start?max_age=…&acr_values=…`, behind what there is.
pub(super) fn with_step_up(address: &str, step_up: &StepUp) -> String {
    let mut address = address.to_owned();
    let max_age = step_up.max_age.map(|age| age.as_secs().to_string());
    for (name, value) in [("max_age", max_age), ("acr_values", step_up.acr_values())] {
        if let Some(value) = value {
            let before = if address.contains('?') { '&' } else { '?' };
            address += &format!("{before}{name}={}", utf8_percent_encode(&value, QUERY_VALUE));
        }
    }
    address
}
