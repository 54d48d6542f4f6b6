//! `[upstream_tls]`: whom `https://` applications are taken for, and what they are shown.

use std::path::PathBuf;

use super::report::Report;
use super::value::Key;
use super::{certificate, raw};
use crate::tls::CertificateFiles;
use crate::upstream::{Settings, TlsSettings};

pub fn settings(written: &raw::UpstreamTls, applications: &[Settings], report: &mut Report) -> TlsSettings {
    let settings =
        TlsSettings { ca_file: certificate::authorities(&written.ca_file, report), certificate: pair(written, report) };
    if !applications.iter().any(|application| application.address.is_https()) {
        for file in [&written.ca_file, &written.cert_file, &written.key_file] {
            if !file.is_absent() {
                report.wrong_key(file, "no upstream is https://…; write one, or leave this out");
            }
        }
    }
    settings
}

fn pair(written: &raw::UpstreamTls, report: &mut Report) -> Option<CertificateFiles> {
    let shown = written.cert_file.noted(report).cloned();
    let key = written.key_file.noted(report).cloned();
    needs(&written.cert_file, &written.key_file, report);
    needs(&written.key_file, &written.cert_file, report);
    Some(certificate::pair(&shown?, &key?, report).0)
}

fn needs(file: &Key<PathBuf>, other: &Key<PathBuf>, report: &mut Report) {
    if !file.is_absent() && other.is_absent() {
        report.wrong_key(file, format!("it needs {}", other.key));
    }
}
