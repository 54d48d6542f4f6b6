//! `[upstream_tls]`: whom `https://` applications are taken for, and what they are shown.

use std::path::PathBuf;

use super::raw;
use super::report::Report;
use super::value::Key;
use crate::tls::{self, BadCertificate, CertificateFiles};
use crate::upstream::{Settings, TlsSettings};

pub fn settings(written: &raw::UpstreamTls, applications: &[Settings], report: &mut Report) -> TlsSettings {
    let settings = TlsSettings { ca_file: ca_file(written, report), certificate: certificate(written, report) };
    if !applications.iter().any(|application| application.address.is_https()) {
        for file in [&written.ca_file, &written.cert_file, &written.key_file] {
            if !file.is_absent() {
                report.wrong_key(file, "no upstream is https://…; write one, or leave this out");
            }
        }
    }
    settings
}

fn ca_file(written: &raw::UpstreamTls, report: &mut Report) -> Option<PathBuf> {
    let at = written.ca_file.noted(report)?.clone();
    if let Err(bad) = tls::of_file(&at.value) {
        report.wrong(&at, bad.to_string());
    }
    Some(at.value)
}

fn certificate(written: &raw::UpstreamTls, report: &mut Report) -> Option<CertificateFiles> {
    let certificate = written.cert_file.noted(report).cloned();
    let key = written.key_file.noted(report).cloned();
    needs(&written.cert_file, &written.key_file, report);
    needs(&written.key_file, &written.cert_file, report);
    let (certificate, key) = (certificate?, key?);
    let files = CertificateFiles { certificate: certificate.value.clone(), key: key.value.clone() };
    match files.read() {
        Ok(_) => {}
        Err(BadCertificate::Certificate(text)) => report.wrong(&certificate, text),
        Err(BadCertificate::Key(text)) => report.wrong(&key, text),
    }
    Some(files)
}

fn needs(file: &Key<PathBuf>, other: &Key<PathBuf>, report: &mut Report) {
    if !file.is_absent() && other.is_absent() {
        report.wrong_key(file, format!("it needs {}", other.key));
    }
}
