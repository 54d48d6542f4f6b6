//! The admin listener: alive, ready, metrics. Never on the public listener, and with nothing on it that tells who anybody is.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::answer;
use super::ready::Readiness;
use crate::telemetry::metrics::Metrics;
use crate::upstream::Body;

/// What the admin listener tells of.
pub struct Admin {
    pub readiness: Readiness,
    pub metrics: Arc<Metrics>,
    /// What does not work around us at this moment. Asked at each `/readyz`; it decides nothing.
    pub degraded: Box<dyn Fn() -> Vec<Degraded> + Send + Sync>,
}

/// Something around the gate that does not work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Degraded {
    /// `provider`, `application`.
    pub what: &'static str,
    /// For an operator.
    pub why: String,
}

/// Serves until it is dropped: probes go on being answered while the process drains.
pub async fn serve(listener: TcpListener, admin: Arc<Admin>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let place = Arc::clone(&places).acquire_owned().await.expect("nobody closes it");
        let connection = match listener.accept().await {
            Ok((connection, _)) => connection,
            Err(error) => {
                tracing::warn!(event = "accept_failed", %error, "the admin listener could not accept a connection");
                tokio::time::sleep(AFTER_A_FAILED_ACCEPT).await;
                continue;
            }
        };
        let admin = Arc::clone(&admin);
        tokio::spawn(async move {
            // Whoever breaks off has broken off: there is nothing to say about it.
            let _ = converse(connection, &admin).await;
            drop(place);
        });
    }
}

async fn converse(connection: TcpStream, admin: &Admin) -> Result<(), hyper::Error> {
    // These answers are never an application's: they are whole, and may move between threads.
    let service = service_fn(async |request: Request<Incoming>| {
        Ok::<_, Infallible>(admin.answer(&request).map(|body| Full::new(body.whole().unwrap_or_default())))
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(SILENCE)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(connection), service)
        .await
}

impl Admin {
    fn answer<B>(&self, request: &Request<B>) -> Response<Body> {
        let path = request.uri().path();
        if !matches!(path, "/healthz" | "/readyz" | "/metrics") {
            return answer::admin_refusal(false);
        }
        let head = request.method() == Method::HEAD;
        if !head && request.method() != Method::GET {
            return answer::admin_refusal(true);
        }
        match path {
            "/readyz" => self.ready(head),
            "/metrics" => answer::metrics(self.metrics.render(), head),
            _ => answer::health(true, head),
        }
    }

    fn ready(&self, head: bool) -> Response<Body> {
        let phase = self.readiness.phase();
        let degraded: Vec<_> = (self.degraded)()
            .into_iter()
            .map(|Degraded { what, why }| serde_json::json!({ "what": what, "why": why }))
            .collect();
        let ready = self.readiness.is_ready();
        let value = serde_json::json!({ "ready": ready, "phase": phase.as_str(), "degraded": degraded });
        answer::json(ready, &value, head)
    }
}

/// Probes and scrapers at the same time; more wait.
const CONNECTIONS: usize = 64;
const HEAD_BYTES: usize = 16 * 1024;
/// To the end of a head, and between requests: longer than a scraper's interval saves nothing.
const SILENCE: Duration = Duration::from_secs(30);
const AFTER_A_FAILED_ACCEPT: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use http_body_util::BodyExt;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::server::ready::Phase;

    fn admin(phase: Phase, degraded: &[Degraded]) -> Admin {
        let readiness = Readiness::starting();
        readiness.enter(phase);
        let degraded = degraded.to_vec();
        Admin { readiness, metrics: Metrics::new(), degraded: Box::new(move || degraded.clone()) }
    }

    async fn get(admin: &Admin, path: &str) -> (StatusCode, String) {
        let response = admin.answer(&Request::get(path).body(()).unwrap());
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_provider_that_is_away_is_told_of_and_changes_nothing() {
        let why = "discovery has not succeeded yet".to_owned();
        let admin = admin(Phase::Ready, &[Degraded { what: "provider", why }]);
        let (status, text) = get(&admin, "/readyz").await;
        assert_eq!(status, StatusCode::OK);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["ready"], true);
        assert_eq!(value["degraded"][0]["what"], "provider");
        assert_eq!(value["degraded"][0]["why"], "discovery has not succeeded yet");
    }

    #[tokio::test]
    async fn before_the_listeners_and_after_the_shutdown_it_is_alive_but_not_ready() {
        for phase in [Phase::Starting, Phase::Draining] {
            let admin = admin(phase, &[]);
            let (status, text) = get(&admin, "/readyz").await;
            assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
            assert!(text.contains(&format!("\"phase\":\"{}\"", phase.as_str())), "{text}");
            assert_eq!(get(&admin, "/healthz").await.0, StatusCode::OK);
        }
    }

    #[tokio::test]
    async fn there_are_three_addresses_and_they_only_tell() {
        let admin = admin(Phase::Ready, &[]);
        assert_eq!(get(&admin, "/").await.0, StatusCode::NOT_FOUND);
        assert_eq!(get(&admin, "/metrics/").await.0, StatusCode::NOT_FOUND);
        let posted = admin.answer(&Request::post("/readyz").body(()).unwrap());
        assert_eq!(posted.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(posted.headers()["allow"], "GET, HEAD");
    }

    #[tokio::test]
    async fn a_scraper_gets_metrics_over_the_wire_and_head_gets_their_length_alone() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(serve(listener, Arc::new(admin(Phase::Ready, &[]))));
        let text = exchange(address, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(head.contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8"), "{head}");
        assert!(head.contains(&format!("content-length: {}", body.len())), "{head}");
        let text = exchange(address, "HEAD /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("content-length: 3"), "{head}");
        assert_eq!(body, "");
        serving.abort();
    }

    async fn exchange(address: std::net::SocketAddr, request: &str) -> String {
        let mut connection = TcpStream::connect(address).await.unwrap();
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        connection.read_to_string(&mut text).await.unwrap();
        text
    }
}
