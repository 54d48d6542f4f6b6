//! Which fields go on, and from whom.

use super::*;
use proptest::prelude::*;

fn names() -> Names {
    Names::new([&HeaderName::from_static("remote-user"), &HeaderName::from_static("x_employee.no")])
}

fn sent(lines: &[(&str, &str)]) -> HeaderMap {
    lines.iter().map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap())).collect()
}

fn left(headers: &HeaderMap) -> Vec<&str> {
    headers.keys().map(HeaderName::as_str).collect()
}

#[test]
fn every_line_of_every_hop_by_hop_field_goes_and_those_that_connection_names() {
    let mut headers = sent(&[
        ("connection", "close, X-One"),
        ("connection", "x-two,,keep-alive"),
        ("keep-alive", "timeout=5"),
        ("keep-alive", "max=3"),
        ("te", "trailers"),
        ("transfer-encoding", "chunked"),
        ("proxy-authorization", "Basic x"),
        ("x-one", "1"),
        ("x-two", "2"),
        ("x-three", "3"),
    ]);
    names().strip(&mut headers, false);
    assert_eq!(left(&headers), ["x-three"]);
}

#[test]
fn connection_cannot_take_away_what_every_recipient_needs() {
    let mut headers = sent(&[
        ("connection", "Host, Cookie, Content-Length, Authorization, Content-Type"),
        ("host", "app"),
        ("cookie", "a=b"),
        ("content-length", "3"),
        ("content-type", "text/plain"),
        ("authorization", "Basic x"),
    ]);
    names().strip(&mut headers, false);
    assert_eq!(headers.len(), 5);
}

#[test]
fn only_a_trusted_proxy_may_speak_of_what_lies_before_it() {
    let lines = [
        ("x-real-ip", "1.2.3.4"),
        ("forwarded", "for=1.2.3.4"),
        ("x-forwarded-prefix", "/a"),
        ("x-ssl-client-dn", "x"),
    ];
    let (mut trusted, mut stranger) = (sent(&lines), sent(&lines));
    names().strip(&mut trusted, true);
    names().strip(&mut stranger, false);
    assert_eq!((trusted.len(), stranger.len()), (4, 0));
}

/// As each writes them out of the box, or as its own documentation does. Whoever sends one of these names a person to an application that believes it.
const TELLERS: &[(&str, &[&str])] = &[
    ("RFC 9440", &["Client-Cert", "Client-Cert-Chain"]),
    ("nginx", &["X-SSL-Client-Cert", "X-SSL-Client-DN", "X-SSL-Client-Verify", "X-SSL-Cert", "X-Client-Cert"]),
    ("ingress-nginx", &["ssl-client-cert", "ssl-client-verify", "ssl-client-subject-dn", "ssl-client-issuer-dn"]),
    (
        "Apache",
        &[
            "SSL_CLIENT_CERT",
            "SSL_CLIENT_S_DN",
            "SSL_CLIENT_S_DN_CN",
            "SSL_CLIENT_VERIFY",
            "SSL_CLIENT_CERT_CHAIN_0",
            "SSL_SERVER_S_DN",
        ],
    ),
    (
        "HAProxy",
        &[
            "X-SSL",
            "X-SSL-Client-Verify",
            "X-SSL-Client-SHA1",
            "X-SSL-Client-DN",
            "X-SSL-Client-CN",
            "X-SSL-Issuer",
            "X-SSL-Client-NotBefore",
        ],
    ),
    ("Envoy, Istio, Linkerd", &["X-Forwarded-Client-Cert"]),
    ("Traefik", &["X-Forwarded-Tls-Client-Cert", "X-Forwarded-Tls-Client-Cert-Info"]),
    (
        "AWS ALB",
        &[
            "X-Amzn-Mtls-Clientcert",
            "X-Amzn-Mtls-Clientcert-Leaf",
            "X-Amzn-Mtls-Clientcert-Subject",
            "X-Amzn-Mtls-Clientcert-Serial-Number",
        ],
    ),
    (
        "Google Cloud",
        &["X-Client-Cert-Present", "X-Client-Cert-Chain-Verified", "X-Client-Cert-Subject-DN", "X-Client-Cert-SPIFFE"],
    ),
    ("Azure", &["X-ARR-ClientCert", "X-ARR-SSL", "X-Client-Certificate"]),
    (
        "Cloudflare",
        &[
            "Cf-Client-Cert",
            "Cf-Client-Cert-Sha256",
            "Cf-Client-Cert-Der-Base64",
            "Cf-Cert-Verified",
            "Cf-Cert-Subject-DN",
            "Cf-Cert-Presented",
        ],
    ),
    (
        "Kong, F5 and others",
        &["X-Client-Cert-DN", "X-Client-Cert-Serial", "X-TLS-Client-Subject", "X-TLS-Client-Verified"],
    ),
    ("WebLogic, WebSphere", &["WL-Proxy-Client-Cert", "WL-Proxy-SSL", "$WSCC"]),
];

#[test]
fn no_client_tells_of_a_certificate_of_its_own() {
    for (who, lines) in TELLERS {
        for name in
            lines.iter().flat_map(|name| [(*name).to_owned(), name.replace('-', "_"), name.to_ascii_lowercase()])
        {
            let (mut stranger, mut proxy) = (sent(&[(&name, "CN=root")]), sent(&[(&name, "CN=root")]));
            names().strip(&mut stranger, false);
            names().strip(&mut proxy, true);
            assert_eq!((stranger.len(), proxy.len()), (0, 1), "{who}: {name}");
        }
    }
    let mut others = sent(&[
        ("content-type", "1"),
        ("cache-control", "1"),
        ("client-ip", "1"),
        ("x-sslish", "1"),
        ("want-digest", "1"),
        ("cf-ray", "1"),
    ]);
    names().strip(&mut others, false);
    assert_eq!(others.len(), 6, "{others:?}");
}

/// RFC 9440 §2.4; security.md X-10.
#[test]
fn of_a_certificate_only_a_trusted_proxy_may_speak_and_nobody_where_it_was_shown_to_us() {
    let lines = [
        "client-cert",
        "client_cert",
        "client-cert-chain",
        "x-client-cert",
        "x-client-cert-dn",
        "x-client-verify",
        "x-ssl-client-verify",
        "x_ssl_client_s_dn",
        "ssl-client-cert",
        "x-forwarded-client-cert",
        "x-forwarded-tls-client-cert-info",
        "x-amzn-mtls-clientcert-leaf",
        "x-arr-clientcert",
    ]
    .map(|name| (name, "CN=admin"));
    let left = |names: Names, trusted| {
        let mut headers = sent(&lines);
        names.strip(&mut headers, trusted);
        headers.len()
    };
    assert_eq!((left(names(), true), left(names(), false)), (lines.len(), 0));
    let ours = || names().certificates(Certificates::Ours);
    assert_eq!((left(ours(), true), left(ours(), false)), (0, 0));
}

/// The gate believes the nginx in front of it, and so does the application behind `auth_request`. What tests/interop/nginx.test.mjs sends are these names.
#[test]
fn the_nginx_that_is_shipped_passes_on_nothing_that_only_a_proxy_can_know() {
    let shipped = include_str!("../../../deploy/nginx/client-headers.conf");
    let set: Vec<String> = shipped
        .lines()
        .filter_map(|line| line.strip_prefix("proxy_set_header ")?.split(' ').next())
        .map(str::to_ascii_lowercase)
        .collect();
    let exact = FROM_PROXIES.iter().chain(CERTIFICATES).chain(OURS);
    let told = TELLERS.iter().flat_map(|(_, names)| *names);
    // Set where the file is included, or passed on: nobody gains by an id, and Expect is nginx's own business.
    let elsewhere = ["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-request-id", "expect"];
    for name in exact.chain(told).map(|name| name.bytes().map(|byte| char::from(fold(byte))).collect::<String>()) {
        let is_gone = elsewhere.contains(&&*name) || set.contains(&name);
        assert!(is_gone, "{name} is missing in deploy/nginx/client-headers.conf");
    }
    for (prefix, fate) in PREFIXES.iter().filter(|(_, fate)| *fate != Fate::Removed) {
        assert!(set.iter().any(|name| name.starts_with(prefix)), "{prefix}: {fate:?}");
    }
    for name in &set {
        assert_ne!(names().fate(&name.parse().unwrap()), Fate::Kept, "{name} is the client's own to say");
    }
}

#[test]
fn another_path_or_method_is_chosen_by_nobody() {
    let mut headers = sent(&[
        ("x-original-url", "/admin"),
        ("x-rewrite-url", "/admin"),
        ("x-forwarded-uri", "/a"),
        ("proxy", "evil"),
    ]);
    names().strip(&mut headers, true);
    assert!(headers.is_empty());
}

#[test]
fn trailers_that_would_carry_identity_are_not_announced() {
    let mut headers =
        sent(&[("trailer", "X-Checksum, X_Forwarded_User"), ("trailer", "Remote-User"), ("trailer", "x-more")]);
    names().strip_trailer_names(&mut headers);
    let lines: Vec<_> = headers.get_all(header::TRAILER).iter().collect();
    assert_eq!(lines, ["x-checksum", "x-more"]);
}

#[test]
fn an_ordinary_request_keeps_what_is_its_own() {
    let lines = [
        ("accept", "*/*"),
        ("x-requested-with", "XMLHttpRequest"),
        ("x-csrf-token", "1"),
        ("sec-websocket-key", "x"),
        ("x-http-method-override", "PUT"),
        ("traceparent", "00-1-2-01"),
        ("authorization", "Bearer x"),
        ("x-forwardedness", "1"),
    ];
    let mut headers = sent(&lines);
    names().strip(&mut headers, false);
    assert_eq!(headers.len(), lines.len());
}

proptest! {
    /// H-04: whatever maps to an identity name as an application might map it never comes through.
    #[test]
    fn no_spelling_of_an_identity_name_survives(
        which in prop::sample::select(vec![
            "x-forwarded-user", "x-forwarded-groups", "x-forwarded-access-token", "remote-user", "x-employee-no",
            "x-auth-request-email", "x-tokigate-assertion", "x-forwarded-proto", "x-request-id",
        ]),
        spelling in prop::collection::vec(0..6u8, 32),
        trusted: bool,
    ) {
        let spelled: String = which.chars().zip(spelling).map(|(c, how)| match (c, how) {
            ('-', 1) => '_',
            ('-', 2) => '.',
            ('-', 4) => '+',
            ('-', 5) => '~',
            (c, 3) => c.to_ascii_uppercase(),
            (c, _) => c,
        }).collect();
        let mut headers = sent(&[(&spelled, "admin"), ("accept", "*/*"), (&spelled, "root")]);
        names().strip(&mut headers, trusted);
        prop_assert_eq!(left(&headers), ["accept"]);
    }

    /// The other way round: what is kept is never, folded, a name that is to be removed.
    #[test]
    fn what_is_kept_folds_to_no_known_name(name in "[xX][-_.!|]([fF]orwarded|auth|tokigate|real)[-_.'][a-z_.+-]{0,16}") {
        let mut headers = sent(&[(&name, "1")]);
        names().strip(&mut headers, false);
        let folded = name.to_ascii_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "-");
        let known = ["x-forwarded-", "x-auth-request-", "x-tokigate-"].iter().any(|prefix| folded.starts_with(prefix)) || folded == "x-real-ip";
        prop_assert_eq!(headers.is_empty(), known, "{}", name);
    }
}
