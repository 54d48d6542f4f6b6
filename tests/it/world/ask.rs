//! One request as somebody sends it, and what came back.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::PATIENCE;

#[derive(Clone, Debug)]
pub struct Ask {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub speaks: Speaks,
}

/// What the connection speaks from its first byte on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Speaks {
    #[default]
    Http1,
    /// `Host` is `:authority`, and each cookie a crumb of its own, as browsers send it (RFC 9113 §8.2.3, §8.3.1).
    Http2,
}

impl Ask {
    /// Nothing but `Accept: */*`, as curl sends it.
    pub fn plain(target: &str) -> Ask {
        let headers = vec![("accept".to_owned(), "*/*".to_owned())];
        Ask { method: "GET".to_owned(), target: target.to_owned(), headers, body: Vec::new(), speaks: Speaks::Http1 }
    }

    /// What a browser sends for an address that was typed.
    pub fn page(target: &str) -> Ask {
        Ask::plain(target)
            .with("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
            .with("sec-fetch-mode", "navigate")
            .with("sec-fetch-dest", "document")
            .with("sec-fetch-site", "none")
            .with("sec-fetch-user", "?1")
            .with("upgrade-insecure-requests", "1")
    }

    /// What a browser sends where another site led here.
    pub fn page_from_elsewhere(target: &str) -> Ask {
        Ask::page(target).with("sec-fetch-site", "cross-site")
    }

    /// `fetch()` of a page of this site.
    pub fn script(target: &str) -> Ask {
        Ask::plain(target)
            .with("sec-fetch-mode", "cors")
            .with("sec-fetch-dest", "empty")
            .with("sec-fetch-site", "same-origin")
    }

    pub fn method(mut self, method: &str) -> Ask {
        self.method = method.to_owned();
        self
    }

    /// In place of what was said in that header.
    pub fn with(self, name: &str, value: &str) -> Ask {
        self.without(name).and(name, value)
    }

    /// One more line.
    pub fn and(mut self, name: &str, value: &str) -> Ask {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn without(mut self, name: &str) -> Ask {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self
    }

    pub fn body(mut self, body: &[u8]) -> Ask {
        self.body = body.to_vec();
        self
    }

    pub fn speaking(self, speaks: Speaks) -> Ask {
        Ask { speaks, ..self }
    }

    /// POST of a form.
    pub fn form(self, fields: &str) -> Ask {
        self.method("POST").with("content-type", "application/x-www-form-urlencoded").body(fields.as_bytes())
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// On a connection of its own.
    pub async fn send(self, address: SocketAddr, host: &str) -> Reply {
        self.send_over(None, address, host).await
    }

    /// The same over TLS, where there is something to speak it with.
    pub async fn send_over(self, tls: Option<&Arc<ClientConfig>>, address: SocketAddr, host: &str) -> Reply {
        let what = format!("{} {}", self.method, self.target);
        let exchange = async { self.open_over(tls, address, host).await.whole().await };
        timeout(PATIENCE, exchange).await.unwrap_or_else(|_| panic!("an answer in time to {what}"))
    }

    /// The head of the answer; its body comes as it comes.
    pub async fn open(self, address: SocketAddr, host: &str) -> Stream {
        self.open_over(None, address, host).await
    }

    pub async fn open_over(self, tls: Option<&Arc<ClientConfig>>, address: SocketAddr, host: &str) -> Stream {
        let what = format!("{} {}", self.method, self.target);
        let connection = TcpStream::connect(address).await.unwrap_or_else(|error| panic!("{what}: {error}"));
        let connection: Box<dyn Io> = match tls {
            None => Box::new(connection),
            Some(config) => {
                let name = host.rsplit_once(':').map_or(host, |(name, _)| name).to_owned();
                let name = ServerName::try_from(name).unwrap();
                let connected = TlsConnector::from(Arc::clone(config)).connect(name, connection).await;
                Box::new(connected.unwrap_or_else(|error| panic!("{what}: {error}")))
            }
        };
        let (mut client, driver) = Client::connect(self.speaks, connection).await;
        let mut request = Request::new(Full::new(Bytes::from(self.body)));
        *request.method_mut() = Method::from_bytes(self.method.as_bytes()).unwrap();
        *request.uri_mut() = self.target.parse().unwrap_or_else(|error| panic!("{what}: {error}"));
        let headers = request.headers_mut();
        headers.insert("host", HeaderValue::from_str(host).unwrap());
        for (name, value) in &self.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            // The one that stands for itself replaces the usual one.
            if name == "host" {
                headers.insert(name, value);
            } else {
                headers.append(name, value);
            }
        }
        if self.speaks == Speaks::Http2 {
            in_http2(&mut request, if tls.is_some() { "https" } else { "http" });
        }
        let answer = timeout(PATIENCE, client.send(request))
            .await
            .unwrap_or_else(|_| panic!("an answer in time to {what}"))
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        let (head, body) = answer.into_parts();
        Stream { what, status: head.status.as_u16(), headers: head.headers, body, driver }
    }
}

fn in_http2(request: &mut Request<Full<Bytes>>, scheme: &str) {
    let host = request.headers_mut().remove("host").expect("a host");
    let address = format!("{scheme}://{}{}", host.to_str().unwrap(), request.uri());
    *request.uri_mut() = address.parse().unwrap_or_else(|error| panic!("{address}: {error}"));
    let cookies: Vec<HeaderValue> = request.headers().get_all("cookie").iter().cloned().collect();
    request.headers_mut().remove("cookie");
    for crumb in cookies.iter().flat_map(|line| line.to_str().unwrap().split("; ")) {
        request.headers_mut().append("cookie", crumb.parse().unwrap());
    }
}

enum Client {
    Http1(hyper::client::conn::http1::SendRequest<Full<Bytes>>),
    Http2(hyper::client::conn::http2::SendRequest<Full<Bytes>>),
}

impl Client {
    /// How the connection ends shows in the answer.
    async fn connect(speaks: Speaks, stream: Box<dyn Io>) -> (Client, JoinHandle<()>) {
        let stream = TokioIo::new(stream);
        match speaks {
            Speaks::Http1 => {
                let (client, connection) = hyper::client::conn::http1::handshake(stream).await.unwrap();
                (Client::Http1(client), tokio::spawn(async { drop(connection.await) }))
            }
            Speaks::Http2 => {
                let (client, connection) =
                    hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
                (Client::Http2(client), tokio::spawn(async { drop(connection.await) }))
            }
        }
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> hyper::Result<http::Response<Incoming>> {
        match self {
            Client::Http1(client) => client.send_request(request).await,
            Client::Http2(client) => client.send_request(request).await,
        }
    }
}

trait Io: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// An answer whose body is still coming. Dropped, the connection is closed.
pub struct Stream {
    pub what: String,
    pub status: u16,
    pub headers: HeaderMap,
    body: Incoming,
    driver: JoinHandle<()>,
}

impl Stream {
    /// The next piece; none at the end, proper or not.
    pub async fn next(&mut self) -> Option<Bytes> {
        loop {
            let frame = timeout(PATIENCE, self.body.frame()).await.expect("a piece in time")?;
            if let Ok(data) = frame.ok()?.into_data() {
                return Some(data);
            }
        }
    }

    /// Reads until it is over, which has to be soon.
    pub async fn end(&mut self) {
        let over = async { while self.next().await.is_some() {} };
        timeout(PATIENCE, over).await.expect("an end in time");
    }

    pub async fn whole(mut self) -> Reply {
        let mut body = Vec::new();
        while let Some(piece) = self.next().await {
            body.extend_from_slice(&piece);
        }
        Reply { what: self.what.clone(), status: self.status, headers: self.headers.clone(), body }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

#[derive(Clone, Debug)]
pub struct Reply {
    /// What was asked, for messages.
    pub what: String,
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub fn location(&self) -> String {
        self.header("location").unwrap_or_else(|| panic!("{}: a redirect, not {self}", self.what)).to_owned()
    }

    /// What `Location` says in this parameter, decoded.
    pub fn location_param(&self, name: &str) -> Option<String> {
        let url = url::Url::parse(&self.location()).unwrap();
        url.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    }

    pub fn set_cookies(&self) -> Vec<String> {
        self.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap().to_owned()).collect()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{}: {error}: {self}", self.what))
    }

    pub fn is_html(&self) -> bool {
        self.header("content-type").is_some_and(|kind| kind.starts_with("text/html"))
    }
}

impl std::fmt::Display for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:?}\n{}", self.status, self.headers, self.text())
    }
}
