//! Files of certificates that a configuration names: read once here, so that all that is wrong with them is told before anything starts.

use std::path::{Path, PathBuf};

use rustls::sign::CertifiedKey;

use super::report::Report;
use super::value::{At, Key};
use crate::tls::{self, BadCertificate, BadFile, CertificateFiles};

/// A certificate and its key; what is wrong with each is told at its own place.
pub fn pair(
    certificate: &At<PathBuf>,
    key: &At<PathBuf>,
    report: &mut Report,
) -> (CertificateFiles, Option<CertifiedKey>) {
    let files = CertificateFiles { certificate: certificate.value.clone(), key: key.value.clone() };
    let read = files.read();
    match &read {
        Ok(_) => {}
        Err(bad @ BadCertificate::Certificate(_)) => {
            report.wrong(certificate, bad.to_string());
            if let Err(bad) = files.private_key() {
                report.wrong(key, bad.to_string());
            }
        }
        Err(bad @ BadCertificate::Key(_)) => report.wrong(key, bad.to_string()),
    }
    (files, read.ok())
}

/// Whose certificates count.
pub fn authorities(key: &Key<PathBuf>, report: &mut Report) -> Option<PathBuf> {
    checked(key, tls::of_file, report)
}

/// Which of them count no longer.
pub fn revocations(key: &Key<PathBuf>, report: &mut Report) -> Option<PathBuf> {
    checked(key, tls::lists, report)
}

fn checked<T>(key: &Key<PathBuf>, read: fn(&Path) -> Result<T, BadFile>, report: &mut Report) -> Option<PathBuf> {
    let at = key.noted(report)?.clone();
    if let Err(bad) = read(&at.value) {
        report.wrong(&at, bad.to_string());
    }
    Some(at.value)
}
