//! Which certificate is shown to whom.

use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, SignatureAlgorithm};
use rustls::pki_types::PrivateKeyDer;

use super::*;

const ALL: [SignatureScheme; 2] = [SignatureScheme::ECDSA_NISTP256_SHA256, SignatureScheme::RSA_PSS_SHA256];

fn pair(names: &[&str], algorithm: &'static SignatureAlgorithm) -> CertifiedKey {
    let key = KeyPair::generate_for(algorithm).unwrap();
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let certificate = CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    CertifiedKey::from_der(vec![certificate.der().clone()], key, &crate::tls::cryptography()).unwrap()
}

fn shown(certificates: &Certificates, name: Option<&str>, schemes: &[SignatureScheme]) -> usize {
    let chosen = certificates.choose(name, schemes).unwrap();
    certificates.pairs.iter().position(|pair| Arc::ptr_eq(pair, &chosen)).unwrap()
}

#[test]
fn a_name_has_its_own_before_a_wildcards_and_the_first_is_for_the_rest() {
    let certificates = Certificates::new(vec![
        pair(&["app.example.mn"], &PKCS_ECDSA_P256_SHA256),
        pair(&["*.example.mn", "Other.MN"], &PKCS_ECDSA_P256_SHA256),
        pair(&["api.example.mn", "app.example.mn"], &PKCS_ECDSA_P256_SHA256),
        pair(&["192.0.2.1", "example.mn"], &PKCS_ECDSA_P256_SHA256),
    ]);
    for (name, number) in [
        (Some("app.example.mn"), 0),
        (Some("APP.example.mn"), 0),
        (Some("api.example.mn"), 2),
        (Some("other.example.mn"), 1),
        (Some("other.mn"), 1),
        (Some("example.mn"), 3),
        (Some("a.b.example.mn"), 0),
        (Some("*.example.mn"), 1),
        (Some("example.com"), 0),
        (Some("mn"), 0),
        (Some(""), 0),
        (None, 0),
    ] {
        assert_eq!(shown(&certificates, name, &ALL), number, "{name:?}");
    }
}

#[test]
fn of_two_for_one_name_a_client_gets_the_one_it_can_do_with() {
    let both = Certificates::new(vec![
        pair(&["app.example.mn"], &PKCS_ECDSA_P256_SHA256),
        pair(&["app.example.mn"], &PKCS_RSA_SHA256),
    ]);
    assert_eq!(shown(&both, Some("app.example.mn"), &ALL), 0);
    assert_eq!(shown(&both, Some("app.example.mn"), &ALL[1..]), 1);
    assert_eq!(shown(&both, Some("app.example.mn"), &[SignatureScheme::ED25519]), 0);
}
