//! Mistakes in `[upstream_tls]`. Keys and certificates as the tests of the provider's room have them.

use super::*;

const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/provider/tests/tls");

fn said(upstream: &str, lines: &str) -> Vec<String> {
    let lines = lines.replace("HERE", HERE);
    let text = around("", &format!("upstream = \"{upstream}\"")) + &format!("[upstream_tls]\n{lines}\n");
    let said = problems(&text, &[]);
    said.iter().map(|problem| format!("{}: {}", problem.key, problem.text.replace(HERE, "HERE"))).collect()
}

#[test]
fn of_files_that_hold_something_else() {
    for (lines, expected) in [
        ("cert_file = \"HERE/client.pem\"", "upstream_tls.cert_file: it needs upstream_tls.key_file"),
        ("key_file = \"HERE/client.key\"", "upstream_tls.key_file: it needs upstream_tls.cert_file"),
        ("ca_file = \"/dev/null\"", "upstream_tls.ca_file: /dev/null: it holds no certificate in PEM"),
        ("ca_file = \"HERE/client.key\"", "upstream_tls.ca_file: HERE/client.key: it holds no certificate in PEM"),
        ("ca_file = \"\"", "upstream_tls.ca_file: it is empty; write the path of a file"),
        (
            "cert_file = \"HERE/client-2.pem\"\nkey_file = \"HERE/client.key\"",
            "upstream_tls.key_file: HERE/client.key is not the key of the certificate in HERE/client-2.pem",
        ),
        (
            "cert_file = \"HERE/mod.rs\"\nkey_file = \"HERE/client.key\"",
            "upstream_tls.cert_file: HERE/mod.rs holds no certificate in PEM: -----BEGIN CERTIFICATE----- is missing",
        ),
    ] {
        assert_eq!(said("https://app:8443", lines), [expected], "{lines}");
    }
    let missing = said("https://app:8443", "ca_file = \"/nowhere/ca.pem\"");
    assert!(missing[0].starts_with("upstream_tls.ca_file: /nowhere/ca.pem: ") && missing.len() == 1, "{missing:?}");
}

#[test]
fn of_tls_to_nobody() {
    let nobody = "upstream_tls.ca_file: no upstream is https://…; write one, or leave this out";
    for upstream in ["http://app:8443", "unix:/run/app.sock"] {
        assert_eq!(said(upstream, "ca_file = \"HERE/ca.pem\""), [nobody]);
    }
    // A rule's counts.
    let rule = "ca_file = \"HERE/ca.pem\"\n[[rules]]\npath = \"/a\"\nupstream = \"https://other\"";
    let text = around("", "") + &format!("[upstream_tls]\n{}\n", rule.replace("HERE", HERE));
    assert!(load(&text, &[]).is_ok());
}
