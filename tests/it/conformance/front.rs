//! What stands before a provider whose clients show certificates: TLS that asks for one (RFC 8705 §2), one request a connection.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

pub struct Front {
    /// Of `localhost`.
    pub port: u16,
    /// The certificates that were shown, one for each request.
    pub shown: Arc<Mutex<Vec<Vec<u8>>>>,
}

/// Test certificates: `ca.pem` vouches for `server.pem`, `client-ca.pem` for `client.pem`.
pub fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/provider/tests/tls").join(name)
}

impl Front {
    pub fn before(provider: SocketAddr) -> Front {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(file("client-ca.pem")).unwrap()).unwrap();
        let crypto = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let asks = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&crypto)).build().unwrap();
        let chain = CertificateDer::pem_file_iter(file("server.pem")).unwrap().map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_file(file("server.key")).unwrap();
        let config = ServerConfig::builder_with_provider(crypto).with_safe_default_protocol_versions().unwrap();
        let config = Arc::new(config.with_client_cert_verifier(asks).with_single_cert(chain, key).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let front = Front { port: listener.local_addr().unwrap().port(), shown: Arc::default() };
        let shown = Arc::clone(&front.shown);
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let session = ServerConnection::new(Arc::clone(&config)).unwrap();
                let (client, shown) = (StreamOwned::new(session, connection.unwrap()), Arc::clone(&shown));
                std::thread::spawn(move || pass_on(client, provider, &shown));
            }
        });
        front
    }
}

/// A client without a certificate does not come so far as to ask.
fn pass_on(
    mut client: StreamOwned<ServerConnection, TcpStream>,
    provider: SocketAddr,
    shown: &Mutex<Vec<Vec<u8>>>,
) -> Option<()> {
    let request = request(&mut client)?;
    shown.lock().unwrap().push(client.conn.peer_certificates()?.first()?.to_vec());
    let (head, body) = request.split_once("\r\n\r\n")?;
    let mut behind = TcpStream::connect(provider).ok()?;
    write!(behind, "{head}\r\nconnection: close\r\n\r\n{body}").ok()?;
    let mut answer = Vec::new();
    behind.read_to_end(&mut answer).ok()?;
    client.write_all(&answer).ok()?;
    client.conn.send_close_notify();
    client.flush().ok()?;
    client.sock.shutdown(Shutdown::Write).ok()
}

fn request(client: &mut impl std::io::Read) -> Option<String> {
    let (mut request, mut buffer) = (String::new(), [0; 4096]);
    loop {
        let read = client.read(&mut buffer).ok().filter(|read| *read > 0)?;
        request.push_str(std::str::from_utf8(&buffer[..read]).ok()?);
        let Some((head, body)) = request.split_once("\r\n\r\n") else { continue };
        let length = head
            .lines()
            .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
        if body.len() >= length.unwrap_or(0) {
            return Some(request);
        }
    }
}
