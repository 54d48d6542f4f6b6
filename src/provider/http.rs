//! The one HTTP client towards the provider: no redirect followed, no cookie kept, every answer bounded in bytes and time, every call counted.

use std::error::Error as _;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use arc_swap::ArcSwap;
use http::{StatusCode, header};
use reqwest::{Client, Request, Response, redirect, retry};
use url::Url;
use zeroize::Zeroizing;

use super::health::Health;
use super::{Settings, StartError};
use crate::clock::Timestamp;
use crate::oidc::Secret;
use crate::oidc::client::Form;
use crate::oidc::metadata::may_be_called;
use crate::oidc::token::{TokenError, TokenErrorKind};
use crate::telemetry::metrics::{CallResult, Endpoint, Metrics};
use crate::tls;

/// How long the provider is waited for.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Until a connection stands, TLS included.
    pub connect: Duration,
    /// Until the whole answer is there.
    pub answer: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience { connect: Duration::from_secs(5), answer: Duration::from_secs(10) }
    }
}

/// Why a call brought nothing. Its text is for the log: it holds no address (user info's names the user) and no credential.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// No answer: connection, TLS or time.
    #[error("{0}")]
    Unreachable(String),
    /// 5xx, too many requests, a redirect, or an answer that cannot be read.
    #[error("{0}")]
    Broken(String),
    /// An error answer, 4xx.
    #[error("{0}")]
    Refused(Refusal),
}

/// An error answer (RFC 6749 §5.2), as far as it says what is wrong.
#[derive(Debug)]
pub struct Refusal {
    pub status: StatusCode,
    pub error: Option<TokenError>,
}

impl Refusal {
    pub fn kind(&self) -> Option<TokenErrorKind> {
        self.error.as_ref().map(|error| error.kind)
    }

    /// Whether the provider works, and only this grant or user is not to its liking. A client that is refused is refused for everybody, and who
    /// does not speak the protocol is none: a firewall, a page in the wrong place.
    pub fn is_about_one(&self) -> bool {
        match self.kind() {
            Some(TokenErrorKind::InvalidGrant | TokenErrorKind::Request | TokenErrorKind::Other) => true,
            Some(TokenErrorKind::Client) | None => false,
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.error {
            Some(error) => write!(f, "it answered {}: {}", self.status.as_u16(), error.text),
            None => write!(f, "it answered {}", self.status.as_u16()),
        }
    }
}

/// What a GET says beyond its address.
#[derive(Clone, Copy, Default)]
pub struct Asking<'a> {
    pub bearer: Option<&'a Secret<String>>,
    /// Less patience than usual.
    pub within: Option<Duration>,
}

pub struct Http {
    client: ArcSwap<Client>,
    patience: Patience,
    insecure_http: bool,
    metrics: Arc<Metrics>,
    pub health: Health,
}

impl Http {
    pub fn new(settings: &Settings, patience: Patience, metrics: Arc<Metrics>) -> Result<Http, StartError> {
        let client = ArcSwap::from_pointee(client(settings, patience)?);
        Ok(Http { client, patience, insecure_http: settings.insecure_http, metrics, health: Health::default() })
    }

    /// Reads the files again, for `take`.
    pub fn reread(&self, settings: &Settings) -> Result<Client, StartError> {
        client(settings, self.patience)
    }

    /// Calls under way end as they began; those to come make connections of their own.
    pub fn take(&self, client: Client) {
        self.client.store(Arc::new(client));
    }

    /// Asks, and reads a 2xx answer with `read`, whose error says what is wrong with it.
    pub async fn get<T>(
        &self,
        endpoint: Endpoint,
        url: Url,
        asking: Asking<'_>,
        read: impl FnOnce(&[u8]) -> Result<T, String>,
    ) -> Result<T, Failure> {
        let mut request = self.client.load().get(url);
        if let Some(token) = asking.bearer {
            request = request.bearer_auth(token.expose());
        }
        if let Some(within) = asking.within {
            request = request.timeout(within.min(self.patience.answer));
        }
        self.call(endpoint, request.build(), read).await
    }

    /// Sends a form, once.
    pub async fn post<T>(
        &self,
        endpoint: Endpoint,
        url: Url,
        form: &Form,
        read: impl FnOnce(&[u8]) -> Result<T, String>,
    ) -> Result<T, Failure> {
        let mut request = self
            .client
            .load()
            .post(url)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form.body.expose().clone());
        if let Some(credentials) = &form.authorization {
            let mut value = http::HeaderValue::from_str(credentials.expose()).expect("base64 is visible ASCII");
            value.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, value);
        }
        self.call(endpoint, request.build(), read).await
    }

    async fn call<T>(
        &self,
        endpoint: Endpoint,
        request: reqwest::Result<Request>,
        read: impl FnOnce(&[u8]) -> Result<T, String>,
    ) -> Result<T, Failure> {
        let began = tokio::time::Instant::now();
        let outcome = self.exchange(request).await.and_then(|(status, body)| judge(status, &body, read));
        let result = match &outcome {
            Ok(_) => CallResult::Ok,
            Err(Failure::Refused(_)) => CallResult::Refused,
            Err(Failure::Broken(_)) => CallResult::Broken,
            Err(Failure::Unreachable(_)) => CallResult::Unreachable,
        };
        self.metrics.provider_call(endpoint, result, began.elapsed());
        self.health.heard(endpoint, outcome.as_ref().err());
        outcome
    }

    /// Whether anybody answers, whatever they say: the status, and what their clock shows.
    pub async fn reach(&self, url: Url) -> Result<(u16, Option<Timestamp>), Failure> {
        let response = self.send(self.client.load().get(url).build()).await?;
        let date =
            response.headers().get(header::DATE).and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
        let since_epoch = date.and_then(|date| date.duration_since(UNIX_EPOCH).ok());
        let clock = since_epoch.map(|since| Timestamp::from_unix_seconds(since.as_secs()));
        Ok((response.status().as_u16(), clock))
    }

    async fn exchange(&self, request: reqwest::Result<Request>) -> Result<(StatusCode, Zeroizing<Vec<u8>>), Failure> {
        let mut response = self.send(request).await?;
        let lost = |error: reqwest::Error| Failure::Unreachable(self.why_lost(&error));
        let mut body = Zeroizing::new(Vec::new());
        while let Some(chunk) = response.chunk().await.map_err(lost)? {
            if body.len() + chunk.len() > MAX_ANSWER {
                return Err(Failure::Broken(format!("its answer is longer than {MAX_ANSWER} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        Ok((response.status(), body))
    }

    async fn send(&self, request: reqwest::Result<Request>) -> Result<Response, Failure> {
        let mut request = request.map_err(|error| Failure::Broken(explain(&error)))?;
        // Whoever wrote the address or answered it: nothing is sent in the clear.
        if !may_be_called(request.url(), self.insecure_http) {
            return Err(Failure::Broken("its address is no https address".to_owned()));
        }
        request.headers_mut().insert(header::ACCEPT, http::HeaderValue::from_static("application/json"));
        let client = self.client.load_full();
        client.execute(request).await.map_err(|error| Failure::Unreachable(self.why_lost(&error)))
    }

    fn why_lost(&self, error: &reqwest::Error) -> String {
        match (error.is_timeout(), error.is_connect()) {
            (true, true) => format!("no connection within {:?}", self.patience.connect),
            (true, false) => "no answer in time".to_owned(),
            (false, true) => format!("no connection: {}", explain(error)),
            (false, false) => format!("the connection broke: {}", explain(error)),
        }
    }
}

fn judge<T>(status: StatusCode, body: &[u8], read: impl FnOnce(&[u8]) -> Result<T, String>) -> Result<T, Failure> {
    match status.as_u16() {
        200..=299 => read(body).map_err(Failure::Broken),
        300..=399 => Err(Failure::Broken(format!("it answered {}; redirects are not followed", status.as_u16()))),
        // Not about this request: too slow, too early, too many.
        408 | 425 | 429 => Err(Failure::Broken(format!("it answered {}", status.as_u16()))),
        400..=499 => Err(Failure::Refused(Refusal { status, error: TokenError::read(body) })),
        other => Err(Failure::Broken(format!("it answered {other}"))),
    }
}

/// The innermost cause. The outer ones repeat the address, and user info's address names the user.
fn explain(error: &reqwest::Error) -> String {
    let Some(mut cause) = error.source() else { return "the request cannot be made".to_owned() };
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

fn client(settings: &Settings, patience: Patience) -> Result<Client, StartError> {
    // Besides the machine's anchors.
    let mut roots = tls::of_machine();
    if let Some(file) = &settings.ca_file {
        roots.roots.extend(tls::of_file(file)?.roots);
    }
    let mut client = Client::builder()
        .tls_backend_preconfigured(tls::client(roots, settings.certificate.as_ref())?)
        .user_agent(concat!("tokigate/", env!("CARGO_PKG_VERSION")))
        // A redirected token request would take code and secret along (RFC 9110 §15.4).
        .redirect(redirect::Policy::none())
        // A code is good for one use: whatever happens, it is sent once.
        .retry(retry::never())
        .referer(false)
        .connect_timeout(patience.connect)
        .timeout(patience.answer)
        .http1_only()
        .pool_idle_timeout(IDLE)
        .no_proxy();
    if let Some(proxy) = &settings.proxy {
        client = client.proxy(proxy.client());
    }
    client.build().map_err(|error| StartError::Client(explain(&error)))
}

/// Shorter than any server keeps an idle connection (Node closes after 5 s): nothing is sent into one that is being closed.
const IDLE: Duration = Duration::from_secs(4);
/// Bytes. Real answers have a few KiB; what each of them may have at most, its reader says.
const MAX_ANSWER: usize = 1024 * 1024;
