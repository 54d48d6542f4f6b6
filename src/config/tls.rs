//! `[tls]`: what clients are shown, and what they have to show.

use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::pki_types::CertificateRevocationListDer;
use rustls::sign::CertifiedKey;

use super::public::Places;
use super::raw;
use super::report::Report;
use super::server::Listen;
use super::value::{At, Key};
use super::{certificate, keys};
use crate::clock::Clock;
use crate::oidc::Secret;
use crate::tls::leaf::{self, Validity};
use crate::tls::{self, BadCertificate, BadFile, CertificateFiles};

/// For every listener with an address and a port.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The first is shown where none of the names is asked for; at least one.
    pub pairs: Vec<CertificateFiles>,
    /// Who vouches for clients; `None`: no client is asked for a certificate.
    pub client_ca: Option<PathBuf>,
    /// Which of their certificates count no longer; `None`: nobody asks.
    pub client_crl: Option<PathBuf>,
    /// What seals tickets in all replicas; `None`: keys of this process.
    pub ticket_keys: Option<PathBuf>,
}

/// Which of the files is wrong, and how. Never what it holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadTls {
    #[error("tls.{}: {bad}", key_of_pair(*.number, .bad.key()))]
    Pair { number: usize, bad: BadCertificate },
    #[error("tls.client_ca_file: {0}")]
    ClientCa(String),
    #[error("tls.client_crl_file: {0}")]
    ClientCrl(BadFile),
    #[error("tls.ticket_key_file: {0}")]
    TicketKeys(String),
}

impl BadTls {
    /// The keys of `ticket_key_file`.
    pub fn ticket_keys(file: &Path) -> Result<Vec<Secret<[u8; 32]>>, BadTls> {
        keys::read_file(file).map_err(BadTls::TicketKeys)
    }
}

impl Settings {
    pub fn read_pairs(&self) -> Result<Vec<CertifiedKey>, BadTls> {
        let read = |(number, pair): (usize, &CertificateFiles)| pair.read().map_err(|bad| BadTls::Pair { number, bad });
        self.pairs.iter().enumerate().map(read).collect()
    }

    pub fn read_client_ca(&self) -> Result<Option<RootCertStore>, BadTls> {
        let read = |file: &PathBuf| tls::of_file(file).map_err(|bad| BadTls::ClientCa(bad.to_string()));
        self.client_ca.as_ref().map(read).transpose()
    }

    /// None where there is no file.
    pub fn read_client_crl(&self) -> Result<Vec<CertificateRevocationListDer<'static>>, BadTls> {
        self.client_crl.as_deref().map_or(Ok(Vec::new()), |file| tls::lists(file).map_err(BadTls::ClientCrl))
    }

    /// All files but that of the ticket keys.
    pub fn certificates(&self) -> Vec<PathBuf> {
        self.pairs
            .iter()
            .flat_map(CertificateFiles::paths)
            .chain(self.client_ca.clone())
            .chain(self.client_crl.clone())
            .collect()
    }
}

fn key_of_pair(number: usize, key: &str) -> String {
    match number.checked_sub(1) {
        None => key.to_owned(),
        Some(further) => format!("certificates[{further}].{key}"),
    }
}

/// `None`: nobody speaks TLS here.
pub fn settings(
    written: &raw::Configuration,
    places: &Places,
    listen: &[Listen],
    report: &mut Report,
) -> Option<Settings> {
    let tls = &written.tls;
    let client_ca = certificate::authorities(&tls.client_ca_file, report);
    let client_crl = certificate::revocations(&tls.client_crl_file, report);
    if !tls.client_crl_file.is_absent() && tls.client_ca_file.is_absent() {
        report.wrong_key(
            &tls.client_crl_file,
            "it needs tls.client_ca_file: without it no client is asked for a certificate",
        );
    }
    let ticket_keys = ticket_keys(&tls.ticket_key_file, report);
    let further: Vec<_> = tls.certificates.elements.iter().map(|(_, pair)| (&pair.cert_file, &pair.key_file)).collect();
    let is_absent = further.is_empty()
        && [&tls.cert_file, &tls.key_file, &tls.client_ca_file, &tls.client_crl_file, &tls.ticket_key_file]
            .iter()
            .all(|key| key.is_absent());
    if is_absent {
        return None;
    }
    let all = std::iter::once((&tls.cert_file, &tls.key_file)).chain(further);
    let read: Vec<_> = all.map(|(certificate, key)| pair(certificate, key, report)).collect();
    places_are_covered(written, places, &read, report);
    heard(written, listen, report);
    let pairs = read.into_iter().flatten().map(|(files, _)| files).collect();
    Some(Settings { pairs, client_ca, client_crl, ticket_keys })
}

fn pair(
    certificate: &Key<PathBuf>,
    key: &Key<PathBuf>,
    report: &mut Report,
) -> Option<(CertificateFiles, Option<CertifiedKey>)> {
    for (file, other) in [(certificate, key), (key, certificate)] {
        if file.is_absent() {
            let text = format!("it is missing; write {} and {}", last(&certificate.key), last(&key.key));
            report.problems.push(super::Problem { place: other.place(), key: file.key.clone(), text });
        }
    }
    let (certificate_at, key_at) = (certificate.noted(report).cloned(), key.noted(report).cloned());
    let (certificate_at, key_at) = (certificate_at?, key_at?);
    let (files, read) = certificate::pair(&certificate_at, &key_at, report);
    if let Some(read) = &read {
        is_valid(&certificate_at, read, report);
    }
    Some((files, read))
}

fn is_valid(at: &At<PathBuf>, read: &CertifiedKey, report: &mut Report) {
    let Some(leaf) = read.cert.first() else { return };
    match leaf::validity(leaf, Clock::system().now()) {
        Validity::Now => {}
        Validity::Over => report.warn(at, "the certificate has expired: no browser takes it"),
        Validity::NotYet => report.warn(at, "the certificate is not valid yet: no browser takes it"),
    }
}

/// Every `public_url` has a certificate, and is one that clients of TLS come by.
fn places_are_covered(
    written: &raw::Configuration,
    places: &Places,
    read: &[Option<(CertificateFiles, Option<CertifiedKey>)>],
    report: &mut Report,
) {
    let leaves: Vec<_> = read.iter().flatten().filter_map(|(_, read)| read.as_ref()?.cert.first()).collect();
    // One that cannot be read was told; what it is for is not known.
    if leaves.len() < read.len() {
        return;
    }
    for url in &places.public_urls {
        let text = if !url.https {
            format!("with [tls] nobody comes by http; write https://{}{}", url.host, url.path)
        } else if !leaves.iter().any(|leaf| leaf::is_for(leaf, &url.host.name)) {
            format!("no certificate of [tls] is for {}: browsers do not take it", url.host.name)
        } else {
            continue;
        };
        report.warnings.push(written.public_url.problem(text));
    }
}

/// Somebody speaks it, and whoever does not is named.
fn heard(written: &raw::Configuration, listen: &[Listen], report: &mut Report) {
    let unix = listen.iter().filter_map(|listen| match listen {
        Listen::Unix(path) => Some(path.display()),
        Listen::Tcp(_) | Listen::Passed(_) => None,
    });
    let unix: Vec<String> = unix.map(|path| format!("unix:{path}")).collect();
    if unix.is_empty() {
        return;
    }
    let unix_alone = unix.len() == listen.len();
    let text = format!("[tls] is for addresses with a port: {} stays plain", unix.join(", "));
    if unix_alone {
        report.wrong_key(&written.listen, format!("{text}, and there is no other; leave [tls] out"));
    } else {
        report.warnings.push(written.listen.problem(text));
    }
}

fn ticket_keys(key: &Key<PathBuf>, report: &mut Report) -> Option<PathBuf> {
    let at = key.noted(report)?.clone();
    if let Err(text) = keys::read_file(&at.value) {
        report.wrong(&at, text);
    }
    Some(at.value)
}

fn last(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}
