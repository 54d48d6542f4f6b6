//! `[tls]`.

use super::*;

const SERVER: &str =
    "cert_file = \"src/provider/tests/tls/server.pem\"\nkey_file = \"src/provider/tests/tls/server.key\"\n";

/// Certificates as the tests of the provider have them.
#[test]
fn of_certificates() {
    check_all(
        "tls",
        r##"
cert_file = "src/provider/tests/tls/server.pem"
    -> tls.key_file: it is missing; write cert_file and key_file
key_file = "src/provider/tests/tls/server.key"
    -> tls.cert_file: it is missing; write cert_file and key_file
cert_file = "/nowhere"
key_file = "src/provider/tests/tls/server.key"
    -> tls.cert_file: /nowhere cannot be read: No such file or directory (os error 2)
cert_file = "src/provider/tests/tls/server.pem"
key_file = "/nowhere"
    -> tls.key_file: /nowhere cannot be read: No such file or directory (os error 2)
cert_file = "src/provider/tests/tls/server.key"
key_file = "src/provider/tests/tls/server.key"
    -> tls.cert_file: src/provider/tests/tls/server.key holds no certificate in PEM: -----BEGIN CERTIFICATE----- is missing
cert_file = "src/provider/tests/tls/server.pem"
key_file = "src/provider/tests/tls/server.pem"
    -> tls.key_file: src/provider/tests/tls/server.pem holds no private key in PEM: -----BEGIN PRIVATE KEY----- is missing
cert_file = "src/provider/tests/tls/server.pem"
key_file = "src/provider/tests/tls/client.key"
    -> tls.key_file: src/provider/tests/tls/client.key is not the key of the certificate in src/provider/tests/tls/server.pem
cert_file = "src/provider/tests/tls/server.pem"
key_file = "src/oidc/signing/keys/encrypted.pem"
    -> tls.key_file: src/oidc/signing/keys/encrypted.pem holds a key under a password; write it without one: openssl pkcs8 -in KEY -out NEW
cert_file = "src/provider/tests/tls/server.pem"
key_file = "src/provider/tests/tls/server.key"
client_ca_file = "src/provider/tests/tls/server.key"
    -> tls.client_ca_file: src/provider/tests/tls/server.key: it holds no certificate in PEM
cert_file = "src/provider/tests/tls/server.pem"
key_file = "src/provider/tests/tls/server.key"
client_ca_file = "src/provider/tests/tls/client-ca.pem"
client_crl_file = "src/provider/tests/tls/client-ca.pem"
    -> tls.client_crl_file: src/provider/tests/tls/client-ca.pem: it holds no revocation list in PEM (-----BEGIN X509 CRL-----); one in DER is rewritten by openssl crl -inform DER -in CRL -out NEW
cert_file = "src/provider/tests/tls/server.pem"
key_file = "src/provider/tests/tls/server.key"
client_ca_file = "src/provider/tests/tls/client-ca.pem"
client_crl_file = "/nowhere"
    -> tls.client_crl_file: /nowhere: I/O error: No such file or directory (os error 2)
cert_file = "src/provider/tests/tls/server.pem"
key_file = "src/provider/tests/tls/server.key"
ticket_key_file = "src/provider/tests/tls/server.key"
    -> tls.ticket_key_file: src/provider/tests/tls/server.key:1: it is no key in base64; run `tokigate keygen`
cert_file = "src/provider/tests/tls/server.pem"
key_file = "src/provider/tests/tls/server.key"
certificates = [{ cert_file = "src/provider/tests/tls/client.pem" }]
    -> tls.certificates[0].key_file: it is missing; write cert_file and key_file
cert_file = "src/provider/tests/tls/server.pem"
key_file = "src/provider/tests/tls/server.key"
certificates = [{ cert_file = "src/provider/tests/tls/client.pem", key_file = "src/provider/tests/tls/server.key" }]
    -> tls.certificates[0].key_file: src/provider/tests/tls/server.key is not the key of the certificate in src/provider/tests/tls/client.pem
"##,
    );
}

/// The authority's certificate before one's own: what many a tool writes.
#[test]
fn of_a_chain_that_begins_with_another() {
    let folder = std::env::temp_dir().join(format!("tokigate-config-chain-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let chain = folder.join("chain.pem");
    let read = |name| std::fs::read_to_string(format!("src/provider/tests/tls/{name}.pem")).unwrap();
    std::fs::write(&chain, read("ca") + &read("server")).unwrap();
    let lines = format!("cert_file = {chain:?}\nkey_file = \"src/provider/tests/tls/server.key\"");
    let said: Vec<_> = problems(&around("tls", &lines), &[]).into_iter().map(|problem| problem.text).collect();
    let expected = format!(
        "src/provider/tests/tls/server.key is not the key of the certificate in {}; its own certificate comes first, then its chain",
        chain.display()
    );
    assert_eq!(said, [expected]);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn of_revocation_lists() {
    let folder = std::env::temp_dir().join(format!("tokigate-config-crl-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("revoked.pem");
    let said = |ca: &str, text: &str| {
        std::fs::write(&file, text).unwrap();
        let lines = format!("{SERVER}{ca}client_crl_file = {file:?}");
        let said = problems(&around("tls", &lines), &[]);
        said.into_iter().map(|problem| format!("{}: {}", problem.key, problem.text)).collect::<Vec<_>>()
    };
    let ca = "client_ca_file = \"src/provider/tests/tls/client-ca.pem\"\n";
    let (one, two) = (list("one"), list("two"));
    assert_eq!(said(ca, &format!("{one}{two}")), [""; 0]);
    let without = "tls.client_crl_file: it needs tls.client_ca_file: without it no client is asked for a certificate";
    assert_eq!(said("", &one), [without]);
    let at = |why: &str| [format!("tls.client_crl_file: {}: {why}", file.display())];
    let twice = at("list 3 is of the same issuer as one before it; leave the newest alone");
    assert_eq!(said(ca, &format!("{one}{two}{one}")), twice);
    let broken = "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n";
    assert_eq!(said(ca, &format!("{one}{broken}")), at("list 2 cannot be used: TrailingData(CertRevocationList)"));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn of_a_table_without_a_certificate() {
    for line in [
        "client_ca_file = \"src/provider/tests/tls/client-ca.pem\"",
        "certificates = [{ cert_file = \"src/provider/tests/tls/server.pem\", key_file = \"src/provider/tests/tls/server.key\" }]",
    ] {
        let said: Vec<_> = problems(&around("tls", line), &[]).into_iter().map(|problem| problem.key).collect();
        assert_eq!(said, ["tls.cert_file", "tls.key_file"], "{line}");
    }
}

#[test]
fn all_of_them_are_told_each_at_its_place() {
    let lines = "cert_file = \"/a\"\nkey_file = \"/b\"\nclient_ca_file = \"/c\"\nticket_key_file = \"/d\"\ncertificates = [{ cert_file = \"/e\", key_file = \"/f\" }]";
    let said = told(&around("tls", lines), &[]);
    let starts = [
        "13:13: tls.cert_file: ",
        "14:12: tls.key_file: ",
        "15:18: tls.client_ca_file: ",
        "16:19: tls.ticket_key_file: ",
        "17:31: tls.certificates[0].cert_file: ",
        "17:48: tls.certificates[0].key_file: ",
    ];
    assert_eq!(said.len(), starts.len(), "{said:#?}");
    for (said, start) in said.iter().zip(starts) {
        assert!(said.starts_with(&format!("config.toml:{start}")), "{said}");
    }
}

#[test]
fn of_listeners_that_have_no_port() {
    let file = |listen: &str| format!("listen = {listen}\n{}", around("tls", SERVER));
    let unix = "config.toml:1:10: listen: [tls] is for addresses with a port: unix:/run/a.sock stays plain";
    assert_eq!(told(&file("\"unix:/run/a.sock\""), &[]), [format!("{unix}, and there is no other; leave [tls] out")]);
    let both = loaded(&file("[\"unix:/run/a.sock\", \"127.0.0.1:4180\"]"));
    assert!(both.warnings.iter().any(|warning| warning.to_string() == unix), "{:?}", both.warnings);
}

fn warned(public_url: &str, lines: &str) -> Vec<String> {
    let file = around("tls", lines).replace("https://app.example.mn", public_url);
    loaded(&file).warnings.iter().map(|warning| format!("{}: {}", warning.key, warning.text)).collect()
}

#[test]
fn a_name_that_no_certificate_is_for_is_said_and_http() {
    assert_eq!(warned("https://localhost", SERVER), [""; 0]);
    let nobody = "public_url: no certificate of [tls] is for app.example.mn: browsers do not take it";
    assert_eq!(warned("https://app.example.mn", SERVER), [nobody]);
    let http = "public_url: with [tls] nobody comes by http; write https://localhost:4180/app";
    assert_eq!(warned("http://localhost:4180/app", SERVER), [http]);
}

/// By wildcards, by addresses, by a further one.
#[test]
fn every_kind_of_name_counts() {
    let (name, pair) = written("names", &["*.example.mn", "192.0.2.1", "2001:db8::1"], |_| ());
    for url in ["https://app.example.mn", "https://APP.example.mn:8443/x", "https://192.0.2.1", "https://[2001:db8::1]"]
    {
        assert_eq!(
            warned(url, &format!("{SERVER}certificates = [{{ {} }}]", pair.replace('\n', ", "))),
            [""; 0],
            "{url}"
        );
    }
    for url in ["https://example.mn", "https://a.b.example.mn", "https://192.0.2.2", "https://[2001:db8::2]"] {
        assert_eq!(warned(url, &pair).len(), 1, "{url}");
    }
    std::fs::remove_dir_all(name).unwrap();
}

#[test]
fn a_certificate_whose_time_is_over_or_has_not_come_is_said() {
    for (from, until, says) in [(2000, 2001, "has expired"), (3000, 3001, "is not valid yet")] {
        let (folder, pair) = written("time", &["app.example.mn"], |params| {
            (params.not_before, params.not_after) =
                (rcgen::date_time_ymd(from, 1, 1), rcgen::date_time_ymd(until, 1, 1));
        });
        let said = warned("https://app.example.mn", &pair);
        assert_eq!(said, [format!("tls.cert_file: the certificate {says}: no browser takes it")]);
        std::fs::remove_dir_all(folder).unwrap();
    }
}

/// One of this issuer, in which nothing stands.
fn list(issuer: &str) -> String {
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, issuer);
    let list = rcgen::CertificateRevocationListParams {
        this_update: rcgen::date_time_ymd(2020, 1, 1),
        next_update: rcgen::date_time_ymd(2040, 1, 1),
        crl_number: 1.into(),
        issuing_distribution_point: None,
        revoked_certs: Vec::new(),
        key_identifier_method: rcgen::KeyIdMethod::Sha256,
    };
    list.signed_by(&rcgen::Issuer::new(params, rcgen::KeyPair::generate().unwrap())).unwrap().pem().unwrap()
}

/// The folder, and the two lines that name them.
fn written(
    name: &str,
    names: &[&str],
    change: impl FnOnce(&mut rcgen::CertificateParams),
) -> (std::path::PathBuf, String) {
    let folder = std::env::temp_dir().join(format!("tokigate-config-tls-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = rcgen::CertificateParams::new(names).unwrap();
    change(&mut params);
    let (cert_file, key_file) = (folder.join("tls.crt"), folder.join("tls.key"));
    std::fs::write(&cert_file, params.self_signed(&key).unwrap().pem()).unwrap();
    std::fs::write(&key_file, key.serialize_pem()).unwrap();
    (folder.clone(), format!("cert_file = {cert_file:?}\nkey_file = {key_file:?}"))
}
