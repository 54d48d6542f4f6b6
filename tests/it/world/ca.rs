//! An authority of one's own, and what it vouches for.

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, date_time_ymd,
};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

pub struct Ca {
    issuer: Issuer<'static, KeyPair>,
    der: CertificateDer<'static>,
    pem: String,
}

/// When a certificate holds.
#[derive(Clone, Copy)]
pub enum Validity {
    Now,
    Expired,
    NotYet,
}

/// A certificate with its key.
pub struct Signed {
    pub chain: Vec<CertificateDer<'static>>,
    pub key: PrivateKeyDer<'static>,
    pem: (String, String),
}

impl Ca {
    pub fn new(name: &str) -> Ca {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Ca { der: certificate.der().clone(), pem: certificate.pem(), issuer: Issuer::new(params, key) }
    }

    /// For a server under these names; an IP address becomes one of the certificate's (RFC 5280 §4.2.1.6).
    pub fn server(&self, names: &[&str]) -> Signed {
        self.signed(names, ExtendedKeyUsagePurpose::ServerAuth, Validity::Now)
    }

    pub fn server_that_is(&self, validity: Validity) -> Signed {
        self.signed(&["localhost"], ExtendedKeyUsagePurpose::ServerAuth, validity)
    }

    /// For a client called so.
    pub fn client(&self, name: &str) -> Signed {
        self.signed(&[name], ExtendedKeyUsagePurpose::ClientAuth, Validity::Now)
    }

    fn signed(&self, names: &[&str], usage: ExtendedKeyUsagePurpose, validity: Validity) -> Signed {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.extended_key_usages = vec![usage];
        (params.not_before, params.not_after) = match validity {
            Validity::Now => (date_time_ymd(2020, 1, 1), date_time_ymd(2120, 1, 1)),
            Validity::Expired => (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1)),
            Validity::NotYet => (date_time_ymd(2119, 1, 1), date_time_ymd(2120, 1, 1)),
        };
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Signed {
            chain: vec![certificate.der().clone()],
            pem: (certificate.pem(), key.serialize_pem()),
            key: PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        }
    }

    pub fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone()).unwrap();
        roots
    }

    /// Its certificate in a file, as `ca_file` wants it.
    pub fn write(&self, file: &Path) {
        std::fs::write(file, &self.pem).unwrap();
    }
}

impl Signed {
    /// `<name>.pem` and `<name>.key` in this folder.
    pub fn write(&self, folder: &Path, name: &str) -> (PathBuf, PathBuf) {
        let files = (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")));
        std::fs::write(&files.0, &self.pem.0).unwrap();
        std::fs::write(&files.1, &self.pem.1).unwrap();
        files
    }
}
