//! What everybody who speaks TLS has in common: trust anchors, and certificates out of files. A leaf, for all above the line.

mod certificate;
pub mod leaf;
mod revoked;
mod roots;

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, RootCertStore};

pub use certificate::{BadCertificate, CertificateFiles};
pub use revoked::lists;
pub use roots::{of_file, of_machine};

/// Why nothing can be made of what a file says about certificates.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadFile(String);

/// Algorithms, the post-quantum key exchange first.
pub fn cryptography() -> CryptoProvider {
    rustls::crypto::aws_lc_rs::default_provider()
}

/// A client's configuration, TLS 1.2 and 1.3: whom it trusts, and what it shows to a server that asks who calls.
pub fn client(roots: RootCertStore, shown: Option<&CertificateFiles>) -> Result<ClientConfig, BadCertificate> {
    let config = ClientConfig::builder_with_provider(Arc::new(cryptography()))
        .with_safe_default_protocol_versions()
        .expect("the library's own algorithms serve the library's own versions")
        .with_root_certificates(roots);
    Ok(match shown {
        Some(files) => config.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(files.read()?))),
        None => config.with_no_client_auth(),
    })
}
