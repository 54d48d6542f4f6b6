//! TLS in front of something that speaks in the clear: an application over https.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::ca::{Ca, Signed};

/// Takes TLS off, and passes on what is inside; dropped, it stops.
pub struct TlsFront {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Shaken>>>,
    task: JoinHandle<()>,
}

/// What a handshake came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shaken {
    pub alpn: Option<String>,
    pub sni: Option<String>,
    /// The client's certificate.
    pub shown: Option<Vec<u8>>,
    pub resumed: bool,
    pub key_exchange: Option<rustls::NamedGroup>,
}

impl TlsFront {
    pub async fn start(signed: Signed, behind: SocketAddr) -> TlsFront {
        TlsFront::with(config(signed, None), behind).await
    }

    /// Lets only those in whom `clients` vouches for.
    pub async fn stern(signed: Signed, clients: &Ca, behind: SocketAddr) -> TlsFront {
        TlsFront::with(config(signed, Some(clients)), behind).await
    }

    /// With these protocols, and no ALPN where there are none.
    pub async fn offering(signed: Signed, protocols: &[&str], behind: SocketAddr) -> TlsFront {
        let mut config = config(signed, None);
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        TlsFront::with(config, behind).await
    }

    async fn with(config: ServerConfig, behind: SocketAddr) -> TlsFront {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (acceptor, told) = (TlsAcceptor::from(Arc::new(config)), Arc::clone(&seen));
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (acceptor, told) = (acceptor.clone(), Arc::clone(&told));
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    told.lock().unwrap().push(Shaken::of(stream.get_ref().1));
                    let Ok(mut inside) = TcpStream::connect(behind).await else { return };
                    let _ = tokio::io::copy_bidirectional(&mut stream, &mut inside).await;
                });
            }
        });
        TlsFront { address, seen, task }
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Every handshake that came to an end, oldest first.
    pub fn seen(&self) -> Vec<Shaken> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for TlsFront {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shaken {
    fn of(connection: &rustls::ServerConnection) -> Shaken {
        Shaken {
            alpn: connection.alpn_protocol().map(|name| String::from_utf8(name.to_vec()).unwrap()),
            sni: connection.server_name().map(str::to_owned),
            shown: connection.peer_certificates().map(|chain| chain[0].to_vec()),
            resumed: connection.handshake_kind() == Some(rustls::HandshakeKind::Resumed),
            key_exchange: connection.negotiated_key_exchange_group().map(|group| group.name()),
        }
    }
}

/// HTTP/1.1 on offer.
fn config(signed: Signed, clients: Option<&Ca>) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions().unwrap();
    let config = match clients {
        Some(ca) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(ca.roots()), provider).build().unwrap();
            config.with_client_cert_verifier(verifier)
        }
        None => config.with_no_client_auth(),
    };
    let mut config = config.with_single_cert(signed.chain, signed.key).unwrap();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}
