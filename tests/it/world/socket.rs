//! A WebSocket as a browser opens it.

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Message, Role};
use tokio_tungstenite::tungstenite::{Error, http as ws_http};

use super::{Browser, PATIENCE, World, http2};

pub struct Socket {
    stream: WebSocketStream<Box<dyn Carrier>>,
    set_cookies: Vec<String>,
}

/// What a socket's bytes go over.
trait Carrier: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Carrier for S {}

/// How a socket ended.
#[derive(Debug, PartialEq, Eq)]
pub enum WsEnd {
    /// With this code.
    Closed(u16),
    /// Without a close.
    Dropped,
}

impl Socket {
    /// The status where it is no socket.
    pub async fn open(
        world: &World,
        browser: Option<&Browser>,
        target: &str,
        origin: Option<&str>,
    ) -> Result<Socket, u16> {
        let credential = browser.map(|browser| ("cookie", browser.cookie_line()));
        Socket::begin(world, credential, target, origin).await
    }

    /// As a program does that brings an access token.
    pub async fn open_with_token(world: &World, token: &str, target: &str) -> Result<Socket, u16> {
        Socket::begin(world, Some(("authorization", format!("Bearer {token}"))), target, None).await
    }

    async fn begin(
        world: &World,
        credential: Option<(&str, String)>,
        target: &str,
        origin: Option<&str>,
    ) -> Result<Socket, u16> {
        let host = world.setup.host();
        let mut request = ws_http::Request::builder()
            .uri(format!("ws://{host}{target}"))
            .header("host", &host)
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        if let Some((name, value)) = credential {
            request = request.header(name, value);
        }
        let connection = TcpStream::connect(world.address()).await.unwrap();
        let carrier: Box<dyn Carrier> = Box::new(connection);
        let opening = tokio_tungstenite::client_async(request.body(()).unwrap(), carrier);
        match timeout(PATIENCE, opening).await.expect("a handshake in time") {
            Ok((stream, head)) => {
                let lines = head.headers().get_all("set-cookie").iter();
                let set_cookies = lines.map(|line| line.to_str().unwrap().to_owned()).collect();
                Ok(Socket { stream, set_cookies })
            }
            Err(Error::Http(refused)) => Err(refused.status().as_u16()),
            Err(error) => panic!("{target}: {error}"),
        }
    }

    /// In a stream of HTTP/2 (RFC 8441). The status where it is no socket.
    pub async fn open_in_stream(
        world: &World,
        browser: Option<&Browser>,
        target: &str,
        origin: Option<&str>,
    ) -> Result<Socket, u16> {
        let mut request = http::Request::connect(format!("http://{}{target}", world.setup.host()))
            .header("sec-websocket-version", "13")
            .extension(h2::ext::Protocol::from_static("websocket"));
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        if let Some(browser) = browser {
            request = request.header("cookie", browser.cookie_line());
        }
        let (answer, up) =
            http2::offered(world.address()).await.send_request(request.body(()).unwrap(), false).unwrap();
        let answer = timeout(PATIENCE, answer).await.expect("a handshake in time").unwrap();
        if answer.status() != 200 {
            return Err(answer.status().as_u16());
        }
        let lines = answer.headers().get_all("set-cookie").iter();
        let set_cookies = lines.map(|line| line.to_str().unwrap().to_owned()).collect();
        let carrier: Box<dyn Carrier> = Box::new(http2::Duplex::new(up, answer.into_body()));
        let stream = WebSocketStream::from_raw_socket(carrier, Role::Client, None).await;
        Ok(Socket { stream, set_cookies })
    }

    /// Of the answer that opened it.
    pub fn set_cookies(&self) -> &[String] {
        &self.set_cookies
    }

    pub async fn say(&mut self, text: &str) {
        self.stream.send(Message::text(text)).await.unwrap();
    }

    pub async fn hear(&mut self) -> String {
        match timeout(PATIENCE, self.stream.next()).await.expect("a message in time") {
            Some(Ok(Message::Text(text))) => text.to_string(),
            other => panic!("a text, not {other:?}"),
        }
    }

    /// What it goes over, to be spoken byte by byte, where nothing has come yet.
    pub fn into_bytes(self) -> impl AsyncRead + AsyncWrite + Unpin {
        self.stream.into_inner()
    }

    /// Reads until it is over.
    pub async fn end(&mut self) -> WsEnd {
        loop {
            match timeout(PATIENCE, self.stream.next()).await.expect("an end in time") {
                Some(Ok(Message::Close(Some(frame)))) => return WsEnd::Closed(frame.code.into()),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return WsEnd::Dropped,
            }
        }
    }
}
