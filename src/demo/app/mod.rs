//! The sample application behind the gate: it shows what it was told about the person, and everything that HTTP can do.

mod pages;
mod record;
mod socket;
mod streams;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio_util::sync::CancellationToken;

pub use self::record::{Head, Requests};

use self::record::Recorded;
use super::http::{self as plumbing, Body, HungUp, Params, full, header_lines};

/// A handle on a running application; clones are handles on the same one. It runs until [`App::stop`] or the runtime's end.
#[derive(Clone)]
pub struct App {
    address: Option<SocketAddr>,
    sample: Arc<Sample>,
}

struct Sample {
    requests: Requests,
    stop: CancellationToken,
}

impl App {
    /// Serves on `listener`, on the runtime this is called on.
    ///
    /// # Panics
    /// Outside a tokio runtime, or where the listener does not know its own address.
    pub fn start(listener: TcpListener) -> Self {
        let address = listener.local_addr().expect("a bound listener knows its address");
        let app = Self::new(Some(address));
        let sample = Arc::clone(&app.sample);
        tokio::spawn(listen(Arc::clone(&sample), async move || {
            let (connection, _) = listener.accept().await?;
            // A server-sent event is small, and must not wait for the acknowledgement of the last one.
            connection.set_nodelay(true)?;
            Ok(connection)
        }));
        app
    }

    /// Serves on a unix socket.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn start_unix(listener: UnixListener) -> Self {
        let app = Self::new(None);
        tokio::spawn(listen(Arc::clone(&app.sample), async move || Ok(listener.accept().await?.0)));
        app
    }

    /// The address listened on; none on a unix socket.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// What has arrived so far.
    pub fn requests(&self) -> &Requests {
        &self.sample.requests
    }

    /// Ends the listener and every connection.
    pub fn stop(&self) {
        self.sample.stop.cancel();
    }

    fn new(address: Option<SocketAddr>) -> Self {
        let sample = Sample { requests: Requests::default(), stop: CancellationToken::new() };
        Self { address, sample: Arc::new(sample) }
    }
}

async fn listen<I>(sample: Arc<Sample>, accept: impl AsyncFn() -> std::io::Result<I>)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let stop = sample.stop.clone();
    let accepting = async {
        loop {
            match accept().await {
                Ok(connection) => drop(tokio::spawn(serve(Arc::clone(&sample), connection))),
                Err(_) => tokio::time::sleep(plumbing::ACCEPT_PAUSE).await,
            }
        }
    };
    stop.run_until_cancelled(accepting).await;
}

async fn serve<I>(sample: Arc<Sample>, connection: I)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let stop = sample.stop.clone();
    let connection = Recorded::new(connection, &sample.requests);
    let served = plumbing::serve(connection, move |request| {
        let sample = Arc::clone(&sample);
        async move { sample.answer(request).await }
    });
    stop.run_until_cancelled(served).await;
}

impl Sample {
    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Body>, HungUp> {
        let number = self.requests.note(&request);
        let mut response = self.route(request).await?;
        response.headers_mut().insert("x-sample-app", number.into());
        Ok(response)
    }

    async fn route(&self, request: Request<Incoming>) -> Result<Response<Body>, HungUp> {
        let path = request.uri().path().to_owned();
        let query = Params::parse(request.uri().query().unwrap_or_default().as_bytes());
        let inside = path.strip_prefix('/').unwrap_or(&path);
        let (first, rest) = inside.split_once('/').unwrap_or((inside, ""));
        let response = match (first, rest) {
            ("", "") => pages::home(&request).map(full),
            ("public", _) => pages::public(&request).map(full),
            ("deep" | "admin", _) => pages::place(&request).map(full),
            ("form", "") if request.method() == Method::POST => pages::fields(request).await?.map(full),
            ("form", "") => pages::form().map(full),
            ("headers", _) => headers(&request).map(full),
            ("api", "time") => time().map(full),
            ("events", "") => streams::events(&self.requests, &query),
            ("upload", "") => streams::upload(request).await?,
            ("echo", "") => streams::echo(request),
            ("bytes", count) => streams::bytes(count, &query),
            ("trailers", "") => streams::trailers(),
            ("abort", "") => streams::abort(&query),
            ("slow", "") => {
                tokio::time::sleep(Duration::from_millis(number(&query, "ms").unwrap_or(1000))).await;
                text(StatusCode::OK, "that took a while\n").map(full)
            }
            ("hang", "") => std::future::pending().await,
            ("hangup", "") => return Err(HungUp),
            ("status", code) => status(code).map(full),
            ("set-cookie", "") => set_cookies(&query).map(full),
            ("ws", "") => socket::open(request, &self.requests, &query, self.stop.clone()),
            _ => pages::not_found(&request).map(full),
        };
        Ok(response)
    }
}

/// Method, target and header lines as they arrived: names in lower case, lines of one name together, in order.
fn headers(request: &Request<Incoming>) -> Response<Bytes> {
    let body = json!({
        "method": request.method().as_str(),
        "target": request.uri().to_string(),
        "headers": header_lines(request.headers()),
    });
    plumbing::json(StatusCode::OK, &body)
}

fn time() -> Response<Bytes> {
    plumbing::json(StatusCode::OK, &json!({ "unix_milliseconds": plumbing::machine_clock() }))
}

/// `/status/418` answers 418; 1xx and nonsense are 400.
fn status(code: &str) -> Response<Bytes> {
    let code =
        code.parse().ok().and_then(|code: u16| StatusCode::from_u16(code).ok()).filter(|code| !code.is_informational());
    match code {
        Some(bare @ (StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)) => {
            let mut response = Response::new(Bytes::new());
            *response.status_mut() = bare;
            response
        }
        Some(code) => text(code, &format!("{code}\n")),
        None => text(StatusCode::BAD_REQUEST, "no such status\n"),
    }
}

/// `/set-cookie?a=1&b=2` sets both.
fn set_cookies(query: &Params) -> Response<Bytes> {
    let mut response = text(StatusCode::OK, "set\n");
    for (name, value) in &query.0 {
        if let Ok(cookie) = HeaderValue::try_from(format!("{name}={value}; Path=/")) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
    }
    response
}

fn text(status: StatusCode, body: &str) -> Response<Bytes> {
    plumbing::answer(status, "text/plain; charset=utf-8", body.to_owned())
}

fn number(query: &Params, name: &str) -> Option<u64> {
    query.get(name)?.parse().ok()
}
