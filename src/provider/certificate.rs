//! The certificate that the client shows (`tls_client_auth`, RFC 8705 §2.1), and files that change while the process lives.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::client::Key;
use super::settings::CertificateFiles;
use crate::telemetry::metrics::{Metrics, ReloadResult};

/// Shown on every connection whose server asks for one; the newest one that could be read.
#[derive(Debug)]
pub struct Certificate {
    files: CertificateFiles,
    current: ArcSwap<CertifiedKey>,
}

/// Which of the two files is wrong, and how. Never what it holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadCertificate {
    #[error("provider.tls_cert_file: {0}")]
    Certificate(String),
    #[error("provider.tls_key_file: {0}")]
    Key(String),
}

impl Certificate {
    pub fn new(files: &CertificateFiles) -> Result<Certificate, BadCertificate> {
        Ok(Certificate { files: files.clone(), current: ArcSwap::from_pointee(files.read()?) })
    }

    /// Reads the files again. Whether there is another certificate now. Connections that stand keep the one they showed, for seconds.
    pub fn reread(&self) -> Result<bool, String> {
        let read = self.files.read().map_err(|error| error.to_string())?;
        if read.cert == self.current.load().cert {
            return Ok(false);
        }
        self.current.store(Arc::new(read));
        Ok(true)
    }
}

impl ResolvesClientCert for Certificate {
    fn resolve(&self, _issuers: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

impl CertificateFiles {
    /// The chain and its key, if they belong together.
    pub fn read(&self) -> Result<CertifiedKey, BadCertificate> {
        let (of_certificate, of_key) = (self.certificate.display(), self.key.display());
        let unreadable =
            |why| BadCertificate::Certificate(format!("{of_certificate} holds no certificate in PEM: {why}"));
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&self.certificate)
            .and_then(Iterator::collect)
            .map_err(|error| unreadable(error.to_string()))?;
        if chain.is_empty() {
            return Err(unreadable("-----BEGIN CERTIFICATE----- is missing".to_owned()));
        }
        let key = PrivateKeyDer::from_pem_file(&self.key)
            .map_err(|error| BadCertificate::Key(format!("{of_key} holds no private key in PEM: {error}")))?;
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        CertifiedKey::from_der(chain, key, &provider).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                BadCertificate::Key(format!("{of_key} is not the key of the certificate in {of_certificate}"))
            }
            rustls::Error::InvalidCertificate(_) => {
                BadCertificate::Certificate(format!("{of_certificate} holds no certificate that can be read"))
            }
            _ => BadCertificate::Key(format!("{of_key} holds a key that TLS does not take")),
        })
    }
}

/// Looks at the files of key and certificate until it is dropped, as `server/reload.rs` looks at those of sessions. What cannot be read leaves what
/// was there, and is said once for each reason.
pub async fn keep_up(key: Option<Arc<Key>>, certificate: Option<Arc<Certificate>>, metrics: Arc<Metrics>) {
    if key.is_none() && certificate.is_none() {
        return;
    }
    let mut said = None;
    loop {
        tokio::time::sleep(EVERY).await;
        let look = || {
            let new_key = key.as_ref().map_or(Ok(false), |key| key.reread())?;
            let new_certificate = certificate.as_ref().map_or(Ok(false), |certificate| certificate.reread())?;
            Ok::<bool, String>(new_key || new_certificate)
        };
        match look() {
            Ok(changed) => {
                if changed {
                    metrics.config_reload(ReloadResult::Success);
                    tracing::info!(event = "client_key_reloaded");
                }
                said = None;
            }
            Err(why) if said.as_ref() == Some(&why) => {}
            Err(why) => {
                metrics.config_reload(ReloadResult::Failure);
                tracing::error!(event = "client_key_not_reloaded", "{why}; what was there stays");
                said = Some(why);
            }
        }
    }
}

const EVERY: Duration = Duration::from_secs(2);
