//! Talking to the application: connections, forwarding, tunnels. Needs a `Pass`.

pub mod address;
pub mod body;
mod bound;
mod connect;
mod connection;
mod download;
pub mod forward;
mod frames;
mod handshake;
mod http2;
mod patience;
pub mod pool;
mod shared;
mod splice;
mod stream;
mod tls;
pub mod tunnel;
mod upload;

use std::time::Duration;

use http::HeaderValue;

pub use address::Address;
pub use body::Body;
pub use bound::{Ending, Farewell, ending};
pub use forward::Arrived;
pub use pool::Pool;
pub use stream::Stream;
pub use tls::{BadTls, Tls, TlsSettings};
pub use tunnel::Tunnel;

/// How the application is reached; filled by `config`.
#[derive(Clone, Debug)]
pub struct Settings {
    pub address: Address,
    /// What it is sent as `Host`; `None`: what the client sent.
    pub host: Option<HeaderValue>,
    /// Of each new connection, TLS included.
    pub connect_timeout: Duration,
    /// To the response's head, never for a running stream.
    pub timeout: Duration,
    /// How long an idle connection is trusted, where the application does not say (`Keep-Alive: timeout`, less a second).
    pub idle_timeout: Duration,
}

/// Why the application gave no answer. `server/answer/` gives each its status.
#[derive(Clone, Debug, thiserror::Error)]
pub enum UpstreamError {
    #[error("the application could not be reached: {0}")]
    Connect(String),
    #[error("the application did not take the connection within {1:?}: {0}")]
    ConnectTimeout(String, Duration),
    /// It could not prove who it is, or did not take who we are.
    #[error("no TLS connection to the application: {0}")]
    Tls(String),
    /// It speaks HTTP/2 alone, and no extended CONNECT (RFC 8441).
    #[error("the application takes no WebSockets over HTTP/2 (it offers no SETTINGS_ENABLE_CONNECT_PROTOCOL)")]
    NoSockets,
    #[error("the application did not answer within {0:?}")]
    Timeout(Duration),
    #[error("the application closed the connection before it answered: {0}")]
    Closed(String),
    #[error("the application's answer is not HTTP: {0}")]
    Broken(String),
    /// The client's own body ended early or was malformed: nobody is left to answer, or 400.
    #[error("the request's body is malformed: {0}")]
    RequestBody(String),
    /// The client has begun a body and does not go on with it (408).
    #[error("nothing more of the request's body came within {0:?}")]
    RequestBodyTimeout(Duration),
    /// Beyond `limits.body_bytes` (413).
    #[error("the request's body is larger than limits.body_bytes")]
    BodyTooLarge,
    /// In whose name it is sent (401).
    #[error("the session was over before the request was")]
    SessionOver,
}

impl UpstreamError {
    /// With the address that it is about, where it names none.
    fn at(self, address: &Address) -> UpstreamError {
        match self {
            UpstreamError::Connect(why) => UpstreamError::Connect(format!("{address}: {why}")),
            UpstreamError::Tls(why) => UpstreamError::Tls(format!("{address}: {why}")),
            other => other,
        }
    }

    /// Whether it says nothing of the application.
    pub fn is_the_clients(&self) -> bool {
        match self {
            UpstreamError::RequestBody(_)
            | UpstreamError::RequestBodyTimeout(_)
            | UpstreamError::BodyTooLarge
            | UpstreamError::SessionOver => true,
            UpstreamError::Connect(_)
            | UpstreamError::ConnectTimeout(_, _)
            | UpstreamError::Tls(_)
            | UpstreamError::NoSockets
            | UpstreamError::Timeout(_)
            | UpstreamError::Closed(_)
            | UpstreamError::Broken(_) => false,
        }
    }
}
