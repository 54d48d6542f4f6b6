//! Which certificates count no longer, by the word of those who made them.

use std::collections::HashSet;
use std::path::Path;

use rustls::pki_types::CertificateRevocationListDer;
use rustls::pki_types::pem::PemObject as _;
use webpki::{CertRevocationList, OwnedCertRevocationList};

use super::BadFile;

/// The revocation lists of a file in PEM (RFC 5280 §5): every one of it can be read, there is at least one, and none contradicts another.
pub fn lists(file: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, BadFile> {
    let told = |why: String| BadFile(format!("{}: {why}", file.display()));
    let lists = CertificateRevocationListDer::pem_file_iter(file).and_then(Iterator::collect);
    let lists: Vec<CertificateRevocationListDer<'static>> = lists.map_err(|error| told(error.to_string()))?;
    if lists.is_empty() {
        return Err(told(MISSING.to_owned()));
    }
    let mut scopes = HashSet::new();
    for (index, list) in lists.iter().enumerate() {
        let number = index + 1;
        let read = OwnedCertRevocationList::from_der(list).map(CertRevocationList::from);
        let read = read.map_err(|error| told(format!("list {number} cannot be used: {error}")))?;
        // The library asks the first list that is about a certificate, and no other.
        if !scopes.insert((read.issuer().to_vec(), read.issuing_distribution_point().map(<[u8]>::to_vec))) {
            return Err(told(format!("list {number} is of the same issuer as one before it; leave the newest alone")));
        }
    }
    Ok(lists)
}

const MISSING: &str = "it holds no revocation list in PEM (-----BEGIN X509 CRL-----); one in DER is rewritten by openssl crl -inform DER -in CRL -out NEW";
