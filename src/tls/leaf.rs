//! Leaf: what a certificate says of itself, as far as the library that verifies them lets one ask.

use std::time::Duration;

use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use webpki::{EndEntityCert, Error, KeyUsage};

use crate::clock::Timestamp;

/// Whether its time is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    NotYet,
    Now,
    Over,
}

/// The names of hosts in its SANs, in lower case; wildcards as `*.example.mn`.
pub fn names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let certificate = EndEntityCert::try_from(certificate).ok();
    certificate
        .map(|certificate| certificate.valid_dns_names().map(str::to_ascii_lowercase).collect())
        .unwrap_or_default()
}

/// Whether it is for this host, a name or an address, as browsers see it.
pub fn is_for(certificate: &CertificateDer<'_>, host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let certificate = ParsedCertificate::try_from(certificate);
    let (Ok(certificate), Ok(name)) = (certificate, ServerName::try_from(host)) else { return false };
    rustls::client::verify_server_name(&certificate, &name).is_ok()
}

pub fn validity(certificate: &CertificateDer<'_>, now: Timestamp) -> Validity {
    match complaint(certificate, now) {
        Some(Error::CertExpired { .. }) => Validity::Over,
        Some(Error::CertNotValidYet { .. }) => Validity::NotYet,
        Some(_) | None => Validity::Now,
    }
}

/// From when on its time is over.
pub fn over_from(certificate: &CertificateDer<'_>) -> Option<Timestamp> {
    match complaint(certificate, Timestamp::MAX) {
        // Its last second counts (RFC 5280 §4.1.2.5).
        Some(Error::CertExpired { not_after, .. }) => Some(Timestamp::from_unix_seconds(not_after.as_secs() + 1)),
        Some(_) | None => None,
    }
}

/// What is wrong with it where nobody vouches for it: its time is looked at before that is missed.
fn complaint(certificate: &CertificateDer<'_>, now: Timestamp) -> Option<Error> {
    let now = UnixTime::since_unix_epoch(Duration::from_millis(now.unix_millis()));
    let certificate = EndEntityCert::try_from(certificate).ok()?;
    let algorithms = super::cryptography().signature_verification_algorithms;
    certificate.verify_for_usage(algorithms.all, &[], &[], now, KeyUsage::server_auth(), None, None).err()
}
