//! TLS to the application: whom to trust, and what is shown to it. Nothing here can be turned off: an application that cannot prove who it is gets
//! no request.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::{AlertDescription, CertificateError, ClientConfig};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, TlsStream};

use crate::tls::{self, BadCertificate, BadFile, CertificateFiles};

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
    CaFile(#[from] BadFile),
    #[error("upstream_tls.{key}: {0}", key = .0.key())]
    Certificate(#[from] BadCertificate),
}

/// What all workers' connections share: whom they trust, and sessions that can be resumed.
#[derive(Debug)]
pub struct Tls {
    settings: TlsSettings,
    current: ArcSwap<Current>,
}

#[derive(Debug)]
struct Current {
    /// HTTP/2 or HTTP/1.1, by ALPN.
    either: Arc<ClientConfig>,
    http1: Arc<ClientConfig>,
}

/// What is offered by ALPN (RFC 7301).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    Either,
    /// For what HTTP/2 does not have: an upgrade.
    Http1,
}

impl TlsSettings {
    /// All files.
    pub fn files(&self) -> Vec<PathBuf> {
        let pair = self.certificate.iter().flat_map(CertificateFiles::paths);
        pair.chain(self.ca_file.clone()).collect()
    }
}

impl Tls {
    pub fn new(settings: TlsSettings) -> Result<Tls, BadTls> {
        let current = ArcSwap::from_pointee(Current::read(&settings)?);
        Ok(Tls { settings, current })
    }

    /// Reads the files again. Connections that stand stay as they are; what was resumed under the old files is not.
    pub fn reread(&self) -> Result<(), BadTls> {
        self.current.store(Arc::new(Current::read(&self.settings)?));
        Ok(())
    }

    /// The handshake, on a connection that stands. `None`: nothing of what was offered is spoken there (RFC 7301 §3.2). The error says what is wrong with
    /// whom.
    pub async fn connect(
        &self,
        name: ServerName<'static>,
        stream: TcpStream,
        offer: Offer,
    ) -> Result<Option<TlsStream<TcpStream>>, String> {
        let config = {
            let current = self.current.load();
            Arc::clone(match offer {
                Offer::Either => &current.either,
                Offer::Http1 => &current.http1,
            })
        };
        match TlsConnector::from(config).connect(name, stream).await {
            Ok(stream) => Ok(Some(TlsStream::Client(stream))),
            Err(error) => match cause(&error) {
                Some(rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol)) => Ok(None),
                cause => Err(explain(&error, cause)),
            },
        }
    }
}

impl Current {
    fn read(settings: &TlsSettings) -> Result<Current, BadTls> {
        let roots = settings.ca_file.as_deref().map_or_else(|| Ok(tls::of_machine()), tls::of_file)?;
        let mut http1 = tls::client(roots, settings.certificate.as_ref())?;
        http1.resumption = Resumption::in_memory_sessions(RESUMABLE);
        http1.alpn_protocols = vec![HTTP_1_1.to_vec()];
        let mut either = http1.clone();
        either.alpn_protocols.insert(0, HTTP_2.to_vec());
        Ok(Current { either: Arc::new(either), http1: Arc::new(http1) })
    }
}

/// Whether ALPN chose HTTP/2.
pub fn speaks_http2(stream: &TlsStream<TcpStream>) -> bool {
    stream.get_ref().1.alpn_protocol() == Some(HTTP_2)
}

/// In words that say what to mend.
fn explain(error: &io::Error, cause: Option<&rustls::Error>) -> String {
    use rustls::Error;
    let Some(cause) = cause else {
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

fn refused(alert: AlertDescription) -> String {
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
