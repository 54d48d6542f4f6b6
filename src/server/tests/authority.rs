//! Authority: makes certificates, and files of them.

use std::path::PathBuf;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertificateRevocationListParams, DnType, IsCa, Issuer,
    KeyIdMethod, KeyPair, RevokedCertParams, SerialNumber, date_time_ymd,
};

pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: Certificate,
    serial: Serial,
    /// What is shown with its certificates: its own, where another made it.
    chain: Vec<Vec<u8>>,
}

/// A certificate and its key, in PEM and DER.
#[derive(Clone)]
pub struct Pair {
    pub certificate: String,
    pub key: String,
    pub certificate_der: Vec<u8>,
    pub chain: Vec<Vec<u8>>,
    pub key_der: Vec<u8>,
    pub serial: Serial,
}

type Serial = [u8; 8];

fn serial() -> Serial {
    let mut serial = [0; 8];
    getrandom::fill(&mut serial).unwrap();
    // As short as DER writes it.
    serial[0] = 1;
    serial
}

impl Authority {
    pub fn new() -> Authority {
        let (key, params, serial) = (KeyPair::generate().unwrap(), authority("above"), serial());
        let certificate = params.self_signed(&key).unwrap();
        Authority { issuer: Issuer::new(params, key), certificate, serial, chain: Vec::new() }
    }

    /// One that this one vouches for.
    pub fn below(&self) -> Authority {
        self.below_until(4000, 1, 1)
    }

    pub fn below_until(&self, year: i32, month: u8, day: u8) -> Authority {
        let (key, mut params, serial) = (KeyPair::generate().unwrap(), authority("below"), serial());
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        params.not_after = date_time_ymd(year, month, day);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let chain = vec![certificate.der().to_vec()];
        Authority { issuer: Issuer::new(params, key), certificate, serial, chain }
    }

    pub fn pem(&self) -> String {
        self.certificate.pem()
    }

    pub fn der(&self) -> Vec<u8> {
        self.certificate.der().to_vec()
    }

    pub fn serial(&self) -> Serial {
        self.serial
    }

    /// For these names, and for any time.
    pub fn issue(&self, names: &[&str]) -> Pair {
        self.issue_as(names, |_| ())
    }

    pub fn issue_as(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Pair {
        let (key, serial) = (KeyPair::generate().unwrap(), serial());
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        change(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Pair {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
            certificate_der: certificate.der().to_vec(),
            chain: self.chain.clone(),
            key_der: key.serialize_der(),
            serial,
        }
    }

    /// A list in which these stand, and that is good until this year.
    pub fn revoking(&self, serials: &[Serial], year: i32) -> String {
        let revoked = |serial: &Serial| RevokedCertParams {
            serial_number: SerialNumber::from_slice(serial),
            revocation_time: date_time_ymd(2021, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 1, 1),
            next_update: date_time_ymd(year, 1, 1),
            crl_number: 1.into(),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.issuer).unwrap().pem().unwrap()
    }
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

/// A folder that is gone when it is dropped.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Folder {
        let mut random = [0; 8];
        getrandom::fill(&mut random).unwrap();
        let path = std::env::temp_dir().join(format!("tokigate-folder-{:x}", u64::from_le_bytes(random)));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.at(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// `name.pem` and `name.key`.
    pub fn write_pair(&self, name: &str, pair: &Pair) -> (PathBuf, PathBuf) {
        (self.write(&format!("{name}.pem"), &pair.certificate), self.write(&format!("{name}.key"), &pair.key))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
