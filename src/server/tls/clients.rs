//! Clients that have to show a certificate, and what a connection's handshake said of who is at its other end.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{HandshakeKind, RootCertStore, ServerConnection};

use super::{Current, Tls, unix_time};
use crate::config::tls::BadTls;
use crate::tls;

/// What a handshake agreed on.
#[derive(Debug, Default)]
pub struct Secured {
    /// The name the client asked for, in lower case.
    server_name: Option<String>,
    /// The certificate that the client showed, as RFC 9440 §2.2 writes it; there wherever certificates are demanded.
    pub client_certificate: Option<HeaderValue>,
}

impl Secured {
    /// Whether a request for this host came by a connection that was made for another, and with a certificate: who is let in is decided by connection, so
    /// what was agreed for one name holds for no other (RFC 9110 §7.4). Without certificates nothing was agreed that names could be mixed up about.
    pub fn is_for_another(&self, host: &str) -> bool {
        let name = self.server_name.as_deref().filter(|_| self.client_certificate.is_some());
        name.is_some_and(|name| !name.eq_ignore_ascii_case(host))
    }
}

/// Vouched for by one of these; whoever shows none is not let in.
///
/// Where lists are given, each certificate up to an authority is looked up, and one that no list is about, or none that is still good, lets nobody in: whoever
/// could keep a list from arriving could bring back what stands in it.
pub(super) fn verifier(
    roots: RootCertStore,
    revoked: Vec<CertificateRevocationListDer<'static>>,
) -> Result<Arc<dyn ClientCertVerifier>, BadTls> {
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::new(tls::cryptography()));
    let verifier = verifier.with_crls(revoked).enforce_revocation_expiration().build();
    verifier
        .map(|verifier| verifier as Arc<dyn ClientCertVerifier>)
        .map_err(|error| BadTls::ClientCa(error.to_string()))
}

impl Tls {
    /// What a finished handshake says. `Err`: its client's certificate does not let it in.
    ///
    /// A resumed one brings the certificate along in its ticket and verifies nothing (RFC 8446 §2.2): it may have run out or been revoked since, or its authority
    /// gone.
    pub fn secured(&self, current: &Current, connection: &ServerConnection) -> Result<Secured, rustls::Error> {
        let mut secured =
            Secured { server_name: connection.server_name().map(str::to_ascii_lowercase), client_certificate: None };
        let Some(verifier) = &current.clients else { return Ok(secured) };
        let (leaf, rest) = connection
            .peer_certificates()
            .and_then(<[CertificateDer<'_>]>::split_first)
            .ok_or(rustls::Error::NoCertificatesPresented)?;
        if connection.handshake_kind() == Some(HandshakeKind::Resumed) {
            verifier.verify_client_cert(leaf, rest, unix_time(&self.clock))?;
        }
        secured.client_certificate = Some(header(leaf));
        Ok(secured)
    }
}

/// A byte sequence of structured fields (RFC 8941 §3.3.5).
fn header(certificate: &CertificateDer<'_>) -> HeaderValue {
    let mut value =
        HeaderValue::try_from(format!(":{}:", STANDARD.encode(certificate))).expect("base64 is visible ASCII");
    value.set_sensitive(true);
    value
}
