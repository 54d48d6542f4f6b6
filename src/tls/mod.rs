//! What everybody who speaks TLS has in common: trust anchors, and certificates out of files. A leaf, for all above the line.

mod certificate;
pub mod leaf;
mod roots;

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

pub use certificate::{BadCertificate, Certificate, CertificateFiles};
pub use roots::{BadCaFile, of_file, of_machine};

/// Algorithms, the post-quantum key exchange first.
pub fn cryptography() -> CryptoProvider {
    rustls::crypto::aws_lc_rs::default_provider()
}

/// A client's configuration, TLS 1.2 and 1.3, that has yet to be told whom to trust.
pub fn client() -> rustls::ConfigBuilder<rustls::ClientConfig, rustls::WantsVerifier> {
    rustls::ClientConfig::builder_with_provider(Arc::new(cryptography()))
        .with_safe_default_protocol_versions()
        .expect("the library's own algorithms serve the library's own versions")
}
