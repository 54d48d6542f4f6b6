//! A certificate with its chain and key, out of files in PEM that change while the process lives.

use std::path::{Path, PathBuf};

use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use zeroize::Zeroizing;

/// A certificate and its key, in PEM; read again when they change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// Which of the two files is wrong, and how. Never what it holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadCertificate {
    #[error("{0}")]
    Certificate(String),
    #[error("{0}")]
    Key(String),
}

impl BadCertificate {
    /// The file's key in a table of the configuration.
    pub fn key(&self) -> &'static str {
        match self {
            BadCertificate::Certificate(_) => "cert_file",
            BadCertificate::Key(_) => "key_file",
        }
    }
}

impl CertificateFiles {
    pub fn paths(&self) -> [PathBuf; 2] {
        [self.certificate.clone(), self.key.clone()]
    }

    /// The chain and its key, if they belong together.
    pub fn read(&self) -> Result<CertifiedKey, BadCertificate> {
        let (of_certificate, of_key) = (self.certificate.display(), self.key.display());
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&self.certificate)
            .and_then(Iterator::collect)
            .and_then(|chain: Vec<_>| if chain.is_empty() { Err(pem::Error::NoItemsFound) } else { Ok(chain) })
            .map_err(|error| BadCertificate::Certificate(unreadable(&self.certificate, "certificate", &error)))?;
        let key = self.private_key()?;
        let order = if chain.len() > 1 { "; its own certificate comes first, then its chain" } else { "" };
        CertifiedKey::from_der(chain, key, &super::cryptography()).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                BadCertificate::Key(format!("{of_key} is not the key of the certificate in {of_certificate}{order}"))
            }
            rustls::Error::InvalidCertificate(_) => {
                BadCertificate::Certificate(format!("{of_certificate} holds no certificate that can be read"))
            }
            _ => BadCertificate::Key(format!("{of_key} holds a key that TLS does not take")),
        })
    }

    /// The key alone, whatever it belongs to.
    pub fn private_key(&self) -> Result<PrivateKeyDer<'static>, BadCertificate> {
        let of_key = self.key.display();
        PrivateKeyDer::from_pem_file(&self.key).map_err(|error| {
            if is_encrypted(&self.key) {
                BadCertificate::Key(format!(
                    "{of_key} holds a key under a password; write it without one: openssl pkcs8 -in KEY -out NEW"
                ))
            } else {
                BadCertificate::Key(unreadable(&self.key, "private key", &error))
            }
        })
    }
}

fn unreadable(file: &Path, what: &str, error: &pem::Error) -> String {
    let file = file.display();
    match error {
        pem::Error::Io(error) => format!("{file} cannot be read: {error}"),
        pem::Error::NoItemsFound => {
            let label = what.to_ascii_uppercase();
            format!("{file} holds no {what} in PEM: -----BEGIN {label}----- is missing")
        }
        _ => format!("{file} holds no {what} in PEM: {error}"),
    }
}

/// PKCS #8 (RFC 5958 §3), or as OpenSSL wrote keys before it.
fn is_encrypted(key: &Path) -> bool {
    let text = std::fs::read(key).map(Zeroizing::new).unwrap_or_default();
    text.split(|byte| *byte == b'\n').any(|line| {
        line.starts_with(b"-----BEGIN ENCRYPTED PRIVATE KEY") || line.starts_with(b"Proc-Type: 4,ENCRYPTED")
    })
}
