//! Whose word is taken for who a server is.

use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::BadFile;

/// The machine's trust anchors; one that has none, such as an image without a CA bundle, gets Mozilla's.
pub fn of_machine() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}

/// Those of a file in PEM: every one of it can be read, and there is at least one.
pub fn of_file(file: &Path) -> Result<RootCertStore, BadFile> {
    let told = |why: String| BadFile(format!("{}: {why}", file.display()));
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(|error| told(error.to_string()))? {
        let certificate = certificate.map_err(|error| told(error.to_string()))?;
        roots.add(certificate).map_err(|error| told(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(told("it holds no certificate in PEM".to_owned()));
    }
    Ok(roots)
}
