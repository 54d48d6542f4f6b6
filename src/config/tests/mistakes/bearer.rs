//! Mistakes in `[[bearer]]`.

use super::*;

/// One entry that is right, with a line changed, left out (`-`) or added.
fn entry(lines: &str) -> Vec<String> {
    let right = [
        ("issuer", "\"https://op.mn\""),
        ("audience", "\"https://api.mn\""),
        ("introspection_endpoint", "\"https://op.mn/introspect\""),
        ("client_id", "\"api\""),
        ("client_secret", "\"s3cret\""),
    ];
    let names: Vec<&str> = lines
        .split("[[")
        .next()
        .unwrap_or_default()
        .lines()
        .filter_map(|line| line.trim_start_matches('-').split(" =").next())
        .collect();
    let mut text = format!("{}[[bearer]]\n", around("", ""));
    for (name, value) in right {
        if !names.contains(&name) {
            text += &format!("{name} = {value}\n");
        }
    }
    for line in lines.lines().filter(|line| !line.starts_with('-')) {
        text += &format!("{line}\n");
    }
    text += "[[rules]]\npath = \"/api/**\"\nbearer = true\n";
    problems(&text, &[]).iter().map(|problem| format!("{}: {}", problem.key, problem.text)).collect()
}

#[test]
fn of_an_issuer_whose_tokens_are_taken() {
    assert_eq!(entry(""), [""; 0]);
    assert_eq!(entry("jwks_uri = \"https://op.mn/jwks\"\nalgs = [\"ES256\"]"), [""; 0]);
    assert_eq!(entry("-introspection_endpoint\n-client_id\n-client_secret"), [""; 0]);
    for (lines, said) in [
        ("-issuer", "bearer[0].issuer: it is missing; write the issuer exactly as its tokens name it (iss)"),
        ("-audience", "bearer[0].audience: it is missing; write what its tokens for this application have in aud"),
        ("audience = []", "bearer[0].audience: the list is empty"),
        ("audience = \" \"", "bearer[0].audience: it is empty, or holds what no audience does"),
        (
            "issuer = \"http://op.mn\"",
            "bearer[0].issuer: \"http://op.mn\" is plain http, which only loopback may be; write https://…, or insecure_http = true where the way there is safe",
        ),
        (
            "introspection_endpoint = \"http://op.mn/i\"",
            "bearer[0].introspection_endpoint: \"http://op.mn/i\" is plain http, which only loopback may be; write https://…, or insecure_http = true where the way there is safe",
        ),
        ("jwks_uri = \"keys.json\"", "bearer[0].jwks_uri: \"keys.json\" is no address of the web; write https://…"),
        (
            "-client_id",
            "bearer[0].client_id: it is missing; introspection answers nobody who does not say who asks (RFC 7662 §2.1)",
        ),
        (
            "-client_secret",
            "bearer[0].client_secret_file: it is missing; introspection answers nobody who does not show who asks",
        ),
        (
            "client_secret = \"…\"",
            "bearer[0].client_secret: it is a placeholder; write the secret that the provider gave",
        ),
        (
            "client_id = \"<id>\"",
            "bearer[0].client_id: it is empty or a placeholder; write the identifier that the issuer gave for asking",
        ),
        (
            "-introspection_endpoint\n-client_secret",
            "bearer[0].client_id: only introspection says who asks; write introspection_endpoint, or leave it out",
        ),
        (
            "algs = [\"ES256\"]",
            "bearer[0].algs: without jwks_uri no signature is checked here: the issuer is asked; leave it out",
        ),
        ("jwks_uri = \"https://op.mn/jwks\"\nalgs = []", "bearer[0].algs: it is empty: no token would be taken"),
        (
            "user_claim = \"a..b\"",
            "bearer[0].user_claim: \"a..b\" is no path of claims; write a name, or names with dots between them",
        ),
        ("audiance = \"x\"", "bearer[0].audiance: no such key; the nearest is bearer.audience"),
    ] {
        assert_eq!(entry(lines), [said], "{lines}");
    }
    for never in ["none", "HS256", "RS1"] {
        let said = entry(&format!("jwks_uri = \"https://op.mn/jwks\"\nalgs = [{never:?}]"));
        assert!(said[0].starts_with(&format!("bearer[0].algs[0]: {never:?} is not known")), "{said:?}");
    }
}

#[test]
fn of_two_issuers() {
    let second = |lines: &str| entry(&format!("[[bearer]]\naudience = \"b\"\n{lines}"));
    assert_eq!(second("issuer = \"https://other.mn\""), [""; 0]);
    assert_eq!(
        second("issuer = \"https://op.mn\""),
        ["bearer[1].issuer: bearer[0] is this issuer; write all it may say in its audience, as a list"]
    );
    let asked = "introspection_endpoint = \"https://other.mn/i\"\nclient_id = \"x\"\nclient_secret = \"y\"";
    assert_eq!(
        second(&format!("issuer = \"https://other.mn\"\n{asked}")),
        [
            "bearer[1].introspection_endpoint: bearer[0] has one: a token that does not say whose it is would be shown to somebody else"
        ]
    );
}
