//! What the stand-in and the sample application share: a server on a listener, bodies, parameters, headers.

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// The body of an answer; an error breaks the connection off in the middle of it.
pub(super) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// The connection ends without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the connection was closed without an answer")]
pub(super) struct HungUp;

/// Serves HTTP/1.1 on one connection until either side ends it.
pub(super) async fn serve<I, H, F>(connection: I, handler: H)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    H: Fn(Request<Incoming>) -> F + Send + 'static,
    F: Future<Output = Result<Response<Body>, HungUp>> + Send + 'static,
{
    let served = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(connection), service_fn(handler))
        .with_upgrades()
        .await;
    // A broken connection is the other side's right, or a fault that a test asked for: nobody is to be told.
    drop(served);
}

/// After a failed `accept` (too many open files, a connection reset in the queue): how long to wait before the next.
pub(super) const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Makes the other side see a reset, not a polite end, when `connection` is dropped.
pub(super) fn reset(connection: impl std::os::fd::AsFd) {
    // Zero linger discards what is queued and sends RST (SO_LINGER, socket(7)); where it is refused, a plain close must do.
    let _ = socket2::SockRef::from(&connection).set_linger(Some(Duration::ZERO));
}

/// Two handles on one connection; it is closed when both are dropped.
pub(super) fn twice(connection: TcpStream) -> io::Result<(TcpStream, std::net::TcpStream)> {
    let one = connection.into_std()?;
    let other = one.try_clone()?;
    Ok((TcpStream::from_std(one)?, other))
}

/// A whole body at once.
pub(super) fn full(body: impl Into<Bytes>) -> Body {
    Full::new(body.into()).map_err(|never| match never {}).boxed_unsync()
}

/// Parameters of a query or a form, in order, repeated ones included.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Params(pub Vec<(String, String)>);

impl Params {
    /// Reads `application/x-www-form-urlencoded`.
    pub fn parse(encoded: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(encoded).into_owned().collect())
    }

    /// The value of a parameter; one without a value counts as left out (RFC 6749 §3.1).
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// A parameter that is there more than once, which RFC 6749 §3.1 forbids.
    pub fn repeated(&self) -> Option<&str> {
        let mut names = self.0.iter().enumerate();
        names
            .find(|(at, (name, _))| self.0[..*at].iter().any(|(earlier, _)| earlier == name))
            .map(|(_, (name, _))| name.as_str())
    }

    pub fn is_repeated(&self, name: &str) -> bool {
        self.0.iter().filter(|(known, _)| known == name).count() > 1
    }
}

/// An answer of a type that is complete: pages and JSON.
pub(super) fn answer(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

pub(super) fn page(status: StatusCode, html: String) -> Response<Bytes> {
    answer(status, "text/html; charset=utf-8", html)
}

pub(super) fn json(status: StatusCode, value: &serde_json::Value) -> Response<Bytes> {
    answer(status, "application/json", value.to_string())
}

/// 405 with the methods that would do (RFC 9110 §15.5.6).
pub(super) fn method_not_allowed(allow: &'static str) -> Response<Bytes> {
    let mut response = answer(StatusCode::METHOD_NOT_ALLOWED, "text/plain; charset=utf-8", "method not allowed\n");
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
    response
}

/// Every header line as text, repeated ones included; bytes that are no UTF-8 become U+FFFD.
pub(super) fn header_lines(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect()
}

/// Whether the host of an address (as `url` gives it) never leaves this machine.
pub(super) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost" || bare.ends_with(".localhost") || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// POSTs a form to an address of plain http, as a provider tells applications something; the status, where there is an answer.
pub(super) async fn post_form(address: &str, form: String) -> Option<u16> {
    let url = url::Url::parse(address).ok()?;
    let authority = url.socket_addrs(|| None).ok()?.first().copied()?;
    let exchange = async {
        let connection = TokioIo::new(TcpStream::connect(authority).await.ok()?);
        let (mut client, connection) = hyper::client::conn::http1::handshake(connection).await.ok()?;
        let driver = tokio::spawn(connection);
        let request = Request::post(url[url::Position::BeforePath..].to_owned())
            .header(header::HOST, &url[url::Position::BeforeHost..url::Position::AfterPort])
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Full::new(Bytes::from(form)))
            .ok()?;
        let answer = client.send_request(request).await.ok()?;
        driver.abort();
        Some(answer.status().as_u16())
    };
    tokio::time::timeout(TOLD_WITHIN, exchange).await.ok()?
}

/// For an application to be told something.
const TOLD_WITHIN: Duration = Duration::from_secs(10);

/// The machine's clock, in Unix milliseconds.
pub(super) fn machine_clock() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "the demo imports nothing of ours, so not clock.rs either")]
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// `bytes` of chance in base64url: opaque and unguessable.
pub(super) fn random(bytes: usize) -> String {
    use base64::Engine as _;
    let mut chance = vec![0_u8; bytes];
    getrandom::fill(&mut chance).expect("the operating system gives random bytes");
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(chance)
}
