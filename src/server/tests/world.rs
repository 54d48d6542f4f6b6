//! A server before an application, both driven byte by byte.

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Request, Response};
use hyper::body::Incoming;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::config::server::{Limits, Listen};
use crate::gate::Pass;
use crate::server::drain::Drain;
use crate::server::entrance::Entrance;
use crate::server::listen::{BindError, Listener};
use crate::server::peer::Peer;
use crate::server::ready::Readiness;
use crate::server::tls::Tls;
use crate::server::worker::{self, Handler};
use crate::telemetry::metrics::Metrics;
use crate::upstream::{Address, Arrived, Body, Ending, Farewell, Pool, Settings, UpstreamError, ending};
use crate::wire::rewrite::{From, Public};
use crate::wire::{CookieNames, Host, Malformed, Rewrite, Trust};

pub struct World {
    pub address: SocketAddr,
    pub drain: Drain,
    /// Ends everybody's session.
    pub session: watch::Sender<bool>,
    pub served: JoinHandle<std::io::Result<()>>,
    pub metrics: Arc<Metrics>,
}

#[derive(Clone)]
pub struct Setup {
    pub limits: Limits,
    pub upstream: Settings,
    pub workers: usize,
    /// Who speaks the PROXY protocol.
    pub proxies: Option<Trust>,
    pub tls: Option<Arc<Tls>>,
}

pub fn before(application: Address) -> Setup {
    let second = Duration::from_secs(1);
    Setup {
        limits: Limits {
            header_bytes: 64 * 1024,
            body_bytes: None,
            connections: 100,
            header_timeout: 10 * second,
            idle_timeout: 620 * second,
            stall_timeout: 600 * second,
        },
        upstream: Settings {
            address: application,
            host: None,
            connect_timeout: second,
            timeout: 5 * second,
            idle_timeout: 2 * second,
        },
        workers: 1,
        proxies: None,
        tls: None,
    }
}

pub fn bind(key: &'static str, listen: &Listen) -> Result<Listener, BindError> {
    Listener::bind_all(key, std::slice::from_ref(listen)).map(|mut bound| bound.remove(0))
}

impl Setup {
    pub async fn start(self) -> World {
        self.listening(Listen::Tcp(SocketAddr::from(([127, 0, 0, 1], 0)))).await
    }

    pub async fn listening(self, listen: Listen) -> World {
        let listener = bind("listen", &listen).unwrap();
        let address = match listener.address() {
            Listen::Tcp(address) => *address,
            Listen::Unix(_) | Listen::Passed(_) => SocketAddr::from(([0, 0, 0, 0], 0)),
        };
        let drain = Drain::new(Readiness::starting());
        let (session, over) = watch::channel(false);
        let metrics = Metrics::new();
        let (workers, limits) = (self.workers, self.limits.clone());
        let entrance = Arc::new(Entrance::new(self.proxies, self.tls, Arc::clone(&metrics)));
        let settings = worker::Settings { workers, limits, metrics: Arc::clone(&metrics), entrance };
        let (stages, upstream, body_limit) = (drain.clone(), self.upstream, self.limits.body_bytes);
        let counts = Arc::clone(&metrics);
        let make = move || Everybody {
            pool: Pool::new(upstream.clone(), None, Arc::clone(&counts)),
            rewrite: rewrite(),
            body_limit,
            over: over.clone(),
        };
        let served = tokio::spawn(async move { worker::run(&settings, vec![listener], &stages, make).await });
        World { address, drain, session, served, metrics }
    }
}

impl World {
    pub async fn connect(&self) -> Wire<TcpStream> {
        Wire::new(TcpStream::connect(self.address).await.unwrap())
    }
}

/// Lets everybody pass as Alice.
struct Everybody {
    pool: Pool,
    rewrite: Rewrite,
    body_limit: Option<u64>,
    over: watch::Receiver<bool>,
}

fn rewrite() -> Rewrite {
    let host = Host { name: "app.example.mn".to_owned(), port: None };
    let cookies = CookieNames { base: "__Host-tokigate".to_owned(), secure: true, drop: Vec::new() };
    Rewrite::new([], vec![Public::new(true, &host)], cookies)
}

impl Handler for Everybody {
    async fn handle(self: Rc<Self>, peer: Rc<Peer>, request: Request<Incoming>) -> Response<Body> {
        let (head, body) = request.into_parts();
        if head.uri.path() == "/own" {
            return Response::new(Body::full("own"));
        }
        let from = From {
            address: peer.remote.address(),
            address_value: peer.address_value.as_ref(),
            trusted: false,
            client_certificate: peer.client_certificate(),
            request_id: &HeaderValue::from_static("r1"),
        };
        let alice = (HeaderName::from_static("x-forwarded-user"), HeaderValue::from_static("alice"));
        let pass = Pass::for_test(vec![alice]);
        let arrived = Arrived { head, body, from, body_limit: self.body_limit, end: None };
        match self.pool.forward(&pass, arrived, &self.rewrite).await {
            Ok(answer) => {
                if let Some(tunnel) = answer.tunnel {
                    peer.switch_to(tunnel, Some(self.over()));
                }
                let events =
                    answer.response.headers().get("content-type").is_some_and(|kind| kind == "text/event-stream");
                if events {
                    answer.response.map(|body| body.ending(self.over(), Farewell::Silence))
                } else {
                    answer.response
                }
            }
            Err(error) => failed(&error),
        }
    }

    fn turn_away(&self, malformed: Malformed, _: &http::request::Parts) -> Response<Body> {
        Response::builder().status(400).body(Body::full(malformed.to_string())).unwrap()
    }
}

impl Everybody {
    fn over(&self) -> Ending {
        let mut over = self.over.clone();
        ending(async move {
            let _ = over.wait_for(|over| *over).await;
        })
    }
}

fn failed(error: &UpstreamError) -> Response<Body> {
    let status = match error {
        UpstreamError::Connect(_)
        | UpstreamError::Tls(_)
        | UpstreamError::NoSockets
        | UpstreamError::Closed(_)
        | UpstreamError::Broken(_) => 502,
        UpstreamError::ConnectTimeout(_, _) | UpstreamError::Timeout(_) => 504,
        UpstreamError::RequestBody(_) => 400,
        UpstreamError::RequestBodyTimeout(_) => 408,
        UpstreamError::BodyTooLarge => 413,
        UpstreamError::SessionOver => 401,
    };
    Response::builder().status(status).body(Body::full(error.to_string())).unwrap()
}

/// An application: what it does with its nth connection (from 0).
pub async fn application<F, A>(serve: F) -> Address
where
    F: Fn(Wire<TcpStream>, usize) -> A + Send + 'static,
    A: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        for number in 0.. {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(Wire::new(stream), number));
        }
    });
    Address::parse(&format!("http://127.0.0.1:{port}")).unwrap()
}

/// One end of a connection, spoken by hand. Whatever is waited for has to come within a few seconds.
pub struct Wire<S> {
    pub stream: S,
    read: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub fn new(stream: S) -> Wire<S> {
        Wire { stream, read: Vec::new() }
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Up to the end of a head.
    pub async fn head(&mut self) -> String {
        self.until("\r\n\r\n").await
    }

    /// Up to and with these bytes.
    pub async fn until(&mut self, end: &str) -> String {
        loop {
            if let Some(at) = self.read.windows(end.len()).position(|window| window == end.as_bytes()) {
                let rest = self.read.split_off(at + end.len());
                return text(std::mem::replace(&mut self.read, rest));
            }
            assert!(self.more().await, "closed before {end:?}; read {:?}", String::from_utf8_lossy(&self.read));
        }
    }

    pub async fn bytes(&mut self, count: usize) -> Vec<u8> {
        while self.read.len() < count {
            assert!(self.more().await, "closed after {} of {count} bytes", self.read.len());
        }
        let rest = self.read.split_off(count);
        std::mem::replace(&mut self.read, rest)
    }

    /// All that comes until the other side closes.
    pub async fn rest(&mut self) -> String {
        text(self.rest_of_bytes().await)
    }

    pub async fn rest_of_bytes(&mut self) -> Vec<u8> {
        while self.more().await {}
        std::mem::take(&mut self.read)
    }

    /// Nothing comes for a while, and the connection stays open.
    pub async fn is_silent(&mut self) -> bool {
        let mut buffer = [0; 64];
        self.read.is_empty() && timeout(Duration::from_millis(100), self.stream.read(&mut buffer)).await.is_err()
    }

    async fn more(&mut self) -> bool {
        let read = timeout(PATIENCE, self.stream.read_buf(&mut self.read)).await.expect("something comes in time");
        // A reset ends a conversation too.
        read.unwrap_or(0) > 0
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

pub fn scratch_file(name: &str) -> PathBuf {
    let mut random = [0; 8];
    getrandom::fill(&mut random).unwrap();
    std::env::temp_dir().join(format!("tokigate-{name}-{:x}", u64::from_ne_bytes(random)))
}

pub const PATIENCE: Duration = Duration::from_secs(10);
