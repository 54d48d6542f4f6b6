//! TLS to the application: whom to trust, and what is shown to it. Nothing here can be turned off: an application that cannot prove who it is gets
//! no request.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::pki_types::{ServerName, TrustAnchor};
use rustls::{CertificateError, ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, TlsStream};

use crate::tls::{self, BadCaFile, BadCertificate, Certificate, CertificateFiles};

/// `[upstream_tls]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsSettings {
    /// They alone vouch for applications. `None`: the machine's trust anchors do.
    pub ca_file: Option<PathBuf>,
    /// Shown to an application that asks who calls.
    pub certificate: Option<CertificateFiles>,
}

/// Which file keeps connections from being made.
#[derive(Debug, thiserror::Error)]
pub enum BadTls {
    #[error("upstream_tls.ca_file: {0}")]
    CaFile(#[from] BadCaFile),
    #[error("upstream_tls.{key}: {0}", key = .0.key())]
    Certificate(#[from] BadCertificate),
}

/// What all workers' connections share: whom they trust, and sessions that can be resumed.
#[derive(Debug)]
pub struct Tls {
    ca_file: Option<PathBuf>,
    certificate: Option<Arc<Certificate>>,
    current: ArcSwap<Current>,
}

#[derive(Debug)]
struct Current {
    /// What `ca_file` held.
    anchors: Option<Vec<TrustAnchor<'static>>>,
    /// HTTP/2 or HTTP/1.1, by ALPN.
    either: Arc<ClientConfig>,
    http1: Arc<ClientConfig>,
}

/// What is offered by ALPN (RFC 7301).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    Either,
    /// For what HTTP/2 cannot carry here: an upgrade.
    Http1,
}

impl Tls {
    pub fn new(settings: &TlsSettings) -> Result<Tls, BadTls> {
        let certificate = settings.certificate.as_ref().map(Certificate::new).transpose()?.map(Arc::new);
        let read = settings.ca_file.as_deref().map(tls::of_file).transpose()?;
        let current = ArcSwap::from_pointee(Current::new(read, certificate.as_ref()));
        Ok(Tls { ca_file: settings.ca_file.clone(), certificate, current })
    }

    /// Reads the files again. Whether there is anything new. Connections that stand stay as they are.
    pub fn reread(&self) -> Result<bool, BadTls> {
        let another = self.certificate.as_ref().map_or(Ok(false), |certificate| certificate.reread())?;
        let read = self.ca_file.as_deref().map(tls::of_file).transpose()?;
        let others = read.as_ref().map(|roots| &roots.roots) != self.current.load().anchors.as_ref();
        if another || others {
            // A new one in any case: what was resumed under the old files is not.
            self.current.store(Arc::new(Current::new(read, self.certificate.as_ref())));
        }
        Ok(another || others)
    }

    /// The handshake, on a connection that stands. The error says what is wrong with whom.
    pub async fn connect(
        &self,
        name: ServerName<'static>,
        stream: TcpStream,
        offer: Offer,
    ) -> Result<TlsStream<TcpStream>, String> {
        let config = {
            let current = self.current.load();
            Arc::clone(match offer {
                Offer::Either => &current.either,
                Offer::Http1 => &current.http1,
            })
        };
        let connected = TlsConnector::from(config).connect(name, stream).await;
        connected.map(TlsStream::Client).map_err(|error| explain(&error))
    }
}

impl Current {
    fn new(read: Option<RootCertStore>, certificate: Option<&Arc<Certificate>>) -> Current {
        let anchors = read.as_ref().map(|roots| roots.roots.clone());
        let config = tls::client().with_root_certificates(read.unwrap_or_else(tls::of_machine));
        let mut http1 = match certificate {
            Some(certificate) => {
                config.with_client_cert_resolver(Arc::clone(certificate) as Arc<dyn ResolvesClientCert>)
            }
            None => config.with_no_client_auth(),
        };
        http1.resumption = Resumption::in_memory_sessions(RESUMABLE);
        http1.alpn_protocols = vec![HTTP_1_1.to_vec()];
        let mut either = http1.clone();
        either.alpn_protocols.insert(0, HTTP_2.to_vec());
        Current { anchors, either: Arc::new(either), http1: Arc::new(http1) }
    }
}

/// Whether ALPN chose HTTP/2.
pub fn speaks_http2(stream: &TlsStream<TcpStream>) -> bool {
    stream.get_ref().1.alpn_protocol() == Some(HTTP_2)
}

/// In words that say what to mend.
fn explain(error: &io::Error) -> String {
    use rustls::Error;
    let Some(cause) = cause(error) else {
        return match error.kind() {
            io::ErrorKind::UnexpectedEof => "it closed the connection during the TLS handshake".to_owned(),
            _ => format!("the TLS handshake failed: {error}"),
        };
    };
    match cause {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "nobody who is trusted vouches for its certificate (UnknownIssuer); upstream_tls.ca_file names whom to trust".to_owned()
        }
        Error::InvalidCertificate(_) => format!("its certificate is not taken: {cause}"),
        Error::InvalidMessage(_) => format!("it does not speak TLS: {cause}"),
        Error::AlertReceived(alert) => refused(*alert),
        _ => format!("the TLS handshake failed: {cause}"),
    }
}

fn refused(alert: rustls::AlertDescription) -> String {
    format!(
        "it refuses the connection: {alert:?}; where it asks for a certificate, upstream_tls.cert_file has to be one that it takes"
    )
}

fn cause(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref::<rustls::Error>()
}

/// What the application's TLS said against this connection, where that is what ended it. Under TLS 1.3 a client's certificate is looked at only after the
/// client's handshake is over (RFC 8446 §2).
pub fn refusal(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(error) = next {
        let tls = error.downcast_ref::<io::Error>().and_then(cause).or_else(|| error.downcast_ref());
        if let Some(rustls::Error::AlertReceived(alert)) = tls {
            return Some(refused(*alert));
        }
        next = error.source();
    }
    None
}

const HTTP_2: &[u8] = b"h2";
const HTTP_1_1: &[u8] = b"http/1.1";
/// Servers whose sessions are kept; a gate has a few.
const RESUMABLE: usize = 64;
