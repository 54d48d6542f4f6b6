//! Clients that have to show a certificate, and what a connection's handshake said of who is at its other end.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{HandshakeKind, RootCertStore, ServerConnection};
use tokio::sync::watch;

use super::{Current, Tls, unix_time};
use crate::clock::{Clock, Timestamp};
use crate::config::tls::BadTls;
use crate::tls::{self, leaf};

/// What a handshake agreed on.
pub struct Secured {
    /// The name the client asked for, in lower case.
    server_name: Option<String>,
    /// There wherever certificates are demanded.
    pub shown: Option<Shown>,
}

/// The certificate that the client showed.
pub struct Shown {
    /// As RFC 9440 §2.2 writes it.
    pub header: HeaderValue,
    /// It, and those that lead from it to an authority.
    chain: Vec<CertificateDer<'static>>,
    current: watch::Receiver<Arc<Current>>,
    clock: Clock,
}

impl Secured {
    /// Whether a request for this host came by a connection that was made for another, and with a certificate: who is let in is decided by connection, so
    /// what was agreed for one name holds for no other (RFC 9110 §7.4). Without certificates nothing was agreed that names could be mixed up about.
    pub fn is_for_another(&self, host: &str) -> bool {
        let name = self.server_name.as_deref().filter(|_| self.shown.is_some());
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
    /// What a finished handshake says that began with this. `Err`: its client's certificate does not let it in.
    ///
    /// A resumed one brings the certificate along in its ticket and verifies nothing (RFC 8446 §2.2): it may have run out or been revoked since, or its authority
    /// gone.
    pub fn secured(
        &self,
        current: watch::Receiver<Arc<Current>>,
        connection: &ServerConnection,
    ) -> Result<Secured, rustls::Error> {
        let server_name = connection.server_name().map(str::to_ascii_lowercase);
        if self.settings.client_ca.is_none() {
            return Ok(Secured { server_name, shown: None });
        }
        let chain = connection.peer_certificates().unwrap_or_default();
        let chain: Vec<_> = chain.iter().map(|one| one.clone().into_owned()).collect();
        let leaf = chain.first().ok_or(rustls::Error::NoCertificatesPresented)?;
        let shown = Shown { header: header(leaf), chain, current, clock: self.clock.clone() };
        if connection.handshake_kind() == Some(HandshakeKind::Resumed) {
            shown.verify()?;
        }
        Ok(Secured { server_name, shown: Some(shown) })
    }
}

impl Shown {
    /// Returns once it lets nobody in any more: its time is over, or what the files say now does not vouch for it.
    pub async fn over(&self) {
        let mut current = self.current.clone();
        // One that ended while the handshake went on is looked at, too.
        let mut looked_at = Timestamp::default();
        loop {
            let ends = self.chain.iter().filter_map(leaf::over_from).filter(|end| *end > looked_at);
            let end = ends.min().unwrap_or(Timestamp::MAX);
            tokio::select! {
                Ok(()) = current.changed() => {}
                () = self.clock.sleep_until(end) => {}
            }
            looked_at = self.clock.now();
            if self.verify().is_err() {
                return;
            }
        }
    }

    fn verify(&self) -> Result<(), rustls::Error> {
        let current = Arc::clone(&self.current.borrow());
        let (Some(verifier), Some((leaf, rest))) = (&current.clients, self.chain.split_first()) else { return Ok(()) };
        verifier.verify_client_cert(leaf, rest, unix_time(&self.clock)).map(drop)
    }
}

/// A byte sequence of structured fields (RFC 8941 §3.3.5).
fn header(certificate: &CertificateDer<'_>) -> HeaderValue {
    let mut value =
        HeaderValue::try_from(format!(":{}:", STANDARD.encode(certificate))).expect("base64 is visible ASCII");
    value.set_sensitive(true);
    value
}
