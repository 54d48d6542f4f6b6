//! Connections: whom they trust, and which way they take. `ca.pem` signed `server.pem`, which is for `localhost` until 2120; nothing else uses them.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::mpsc::Receiver;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{WantsServerCert, WebPkiClientVerifier};
use rustls::{ConfigBuilder, RootCertStore, ServerConfig, ServerConnection, Stream, WantsVerifier};

use super::super::*;
use super::world::*;
use crate::tls::CertificateFiles;

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/provider/tests/tls").join(name)
}

/// A token endpoint over TLS, on a thread of its own, that answers everybody the same; its port.
fn tls_endpoint() -> u16 {
    tls_endpoint_that(|config| config.with_no_client_auth()).0
}

/// One that wants to be shown a certificate of `client-ca.pem`; its port, and which ones it was shown.
fn stern_endpoint() -> (u16, Receiver<Vec<u8>>) {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(file("client-ca.pem")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
    tls_endpoint_that(|config| config.with_client_cert_verifier(verifier))
}

fn tls_endpoint_that(
    asks: impl FnOnce(ConfigBuilder<ServerConfig, WantsVerifier>) -> ConfigBuilder<ServerConfig, WantsServerCert>,
) -> (u16, Receiver<Vec<u8>>) {
    let chain = CertificateDer::pem_file_iter(file("server.pem")).unwrap().map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(file("server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(asks(config).with_single_cert(chain, key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (show, shown) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let (mut connection, mut session) = (connection.unwrap(), ServerConnection::new(config.clone()).unwrap());
            let mut stream = Stream::new(&mut session, &mut connection);
            if stream.read(&mut [0; 4096]).is_ok() {
                let _ = show.send(stream.conn.peer_certificates().map_or(Vec::new(), |chain| chain[0].to_vec()));
                let _ = stream.write_all(b"HTTP/1.1 401 \r\ncontent-length: 26\r\n\r\n{\"error\":\"invalid_client\"}");
            }
        }
    });
    (port, shown)
}

async fn sign_in_at(endpoint: String, adjust: impl FnOnce(&mut Settings)) -> SignInError {
    let world = World::with(Options::toki(), |settings| {
        settings.addresses.token_endpoint = Some(Url::parse(&endpoint).unwrap());
        adjust(settings);
    })
    .await;
    let back = Back { code: "any".to_owned(), iss: None, attempt: world.attempt() };
    world.redeem(back).await.map(|_| ()).unwrap_err()
}

#[tokio::test]
async fn a_provider_whose_certificate_nobody_vouches_for_is_not_talked_to() {
    let at = format!("https://localhost:{}/token", tls_endpoint());
    let refused = sign_in_at(at.clone(), |_| ()).await;
    assert!(matches!(&refused, SignInError::Unreachable(why) if why.contains("UnknownIssuer")), "{refused}");

    let vouched_for = sign_in_at(at, |settings| settings.ca_file = Some(file("ca.pem"))).await;
    assert!(matches!(vouched_for, SignInError::ClientRefused(_)), "{vouched_for}");
}

#[tokio::test]
async fn a_certificate_is_for_its_host() {
    let at = format!("https://127.0.0.1:{}/token", tls_endpoint());
    let refused = sign_in_at(at, |settings| settings.ca_file = Some(file("ca.pem"))).await;
    assert!(matches!(&refused, SignInError::Unreachable(why) if why.contains("not valid for name")), "{refused}");
}

fn certificate(name: &str) -> CertificateFiles {
    CertificateFiles { certificate: file(&format!("{name}.pem")), key: file(&format!("{name}.key")) }
}

fn shows(settings: &mut Settings, files: CertificateFiles) {
    settings.ca_file = Some(file("ca.pem"));
    settings.client_auth = ClientAuth::Tls;
    settings.certificate = Some(files);
}

#[tokio::test]
async fn a_server_that_wants_a_certificate_is_shown_the_clients() {
    let (port, shown) = stern_endpoint();
    let at = format!("https://localhost:{port}/token");
    let refused = sign_in_at(at.clone(), |settings| settings.ca_file = Some(file("ca.pem"))).await;
    assert!(matches!(refused, SignInError::Unreachable(_)), "without one: {refused}");
    let answered = sign_in_at(at, |settings| shows(settings, certificate("client"))).await;
    assert!(matches!(answered, SignInError::ClientRefused(_)), "{answered}");
    assert_eq!(shown.recv().unwrap(), certificate("client").read().unwrap().cert[0].to_vec());
}

#[tokio::test]
async fn a_certificate_that_changes_is_the_one_that_is_shown() {
    let folder = std::env::temp_dir().join(format!("tokigate-certificate-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let files = CertificateFiles { certificate: folder.join("tls.crt"), key: folder.join("tls.key") };
    let write = |name: &str, ending: &str, to: &PathBuf| std::fs::copy(file(&format!("{name}.{ending}")), to).unwrap();
    write("client", "pem", &files.certificate);
    write("client", "key", &files.key);
    let (port, shown) = stern_endpoint();
    let world = World::with(Options::toki(), |settings| {
        settings.addresses.token_endpoint = Some(Url::parse(&format!("https://localhost:{port}/token")).unwrap());
        shows(settings, files.clone());
    })
    .await;
    let is_shown = async |name: &str| {
        assert!(matches!(world.sign_in().await, Err(SignInError::ClientRefused(_))));
        assert_eq!(shown.recv().unwrap(), certificate(name).read().unwrap().cert[0].to_vec());
    };
    is_shown("client").await;
    // Between the two writes they do not fit; what was there stays.
    write("client-2", "pem", &files.certificate);
    assert!(world.provider.shared.reread().unwrap_err().to_string().contains("is not the key of"));
    is_shown("client").await;
    write("client-2", "key", &files.key);
    world.provider.shared.reread().unwrap();
    is_shown("client-2").await;
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn a_certificate_that_changes_while_the_authorities_are_bad_is_taken_when_they_are_back() {
    let folder = std::env::temp_dir().join(format!("tokigate-authorities-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let files = CertificateFiles { certificate: folder.join("tls.crt"), key: folder.join("tls.key") };
    let authorities = folder.join("ca.pem");
    let put = |name: &str, to: &PathBuf| std::fs::copy(file(name), to).unwrap();
    put("ca.pem", &authorities);
    put("client.pem", &files.certificate);
    put("client.key", &files.key);
    let (port, shown) = stern_endpoint();
    let world = World::with(Options::toki(), |settings| {
        settings.addresses.token_endpoint = Some(Url::parse(&format!("https://localhost:{port}/token")).unwrap());
        shows(settings, files.clone());
        settings.ca_file = Some(authorities.clone());
    })
    .await;
    let shared = &world.provider.shared;
    let mut looked_at = shared.settings.files();
    let mut look = || looked_at.look(&shared.metrics, || shared.reread());
    put("mod.rs", &authorities);
    put("client-2.pem", &files.certificate);
    put("client-2.key", &files.key);
    for _ in 0..3 {
        look();
    }
    for name in ["client", "client-2"] {
        assert!(matches!(world.sign_in().await, Err(SignInError::ClientRefused(_))));
        assert_eq!(shown.recv().unwrap(), certificate(name).read().unwrap().cert[0].to_vec());
        put("ca.pem", &authorities);
        look();
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn a_client_with_a_certificate_calls_the_addresses_that_are_for_it() {
    let (port, shown) = stern_endpoint();
    let world = World::begun(
        Options::openid(),
        |settings| shows(settings, certificate("client")),
        |op| {
            let at = |path: &str| format!("{}{path}", op.url());
            let document = serde_json::json!({
                "issuer": op.url(),
                "authorization_endpoint": at("/oauth2/authorize"),
                "token_endpoint": at("/oauth2/token"),
                "jwks_uri": at("/oauth2/jwks"),
                "mtls_endpoint_aliases": { "token_endpoint": format!("https://localhost:{port}/token") },
            });
            op.faults().set(Op::Discovery, Fault::status(200, &document.to_string()));
        },
    )
    .await;
    world.until_ready().await;
    assert!(matches!(world.sign_in().await, Err(SignInError::ClientRefused(_))));
    assert!(!shown.recv().unwrap().is_empty());
    assert_eq!(world.calls(Op::Token), 0);
}

#[tokio::test]
async fn nothing_is_sent_in_the_clear_but_on_this_machine() {
    let refused = sign_in_at("http://provider.example/token".to_owned(), |_| ()).await;
    assert_eq!(refused.to_string(), "the provider's answer is broken: its address is no https address");
}

#[tokio::test]
async fn a_ca_file_that_is_none_is_said_at_the_start() {
    for (name, said) in
        [("nothing.pem", "No such file"), ("server.key", "no certificate"), ("mod.rs", "no certificate")]
    {
        let settings = Settings { ca_file: Some(file(name)), ..World::settings("http://127.0.0.1:1") };
        let clock = Clock::manual(crate::clock::Timestamp::from_unix_seconds(1));
        let error = Provider::start(settings, clock, Memory::new(1), Metrics::new()).err().unwrap().to_string();
        assert!(error.starts_with("provider.ca_file: ") && error.contains(said), "{error}");
    }
}

#[tokio::test]
async fn a_proxy_leads_out_and_this_machine_is_reached_without_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = Url::parse(&format!("http://user:s3cret@{}", listener.local_addr().unwrap())).unwrap();
    let proxy = Proxy { address, not_for: NoProxy("listed.invalid".to_owned()) };
    let heard = std::thread::spawn(move || {
        let mut head = [0; 4096];
        let (mut connection, _) = listener.accept().unwrap();
        let len = connection.read(&mut head).unwrap();
        let _ = connection.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n");
        (String::from_utf8_lossy(&head[..len]).into_owned(), listener)
    });
    let way_out = proxy.clone();
    let refused =
        sign_in_at("https://provider.example/token".to_owned(), |settings| settings.proxy = Some(proxy)).await;
    assert!(matches!(&refused, SignInError::Unreachable(why) if !why.contains("s3cret")), "{refused}");
    let (heard, listener) = heard.join().unwrap();
    assert!(heard.starts_with("CONNECT provider.example:443 HTTP/1.1\r\n"), "{heard}");
    assert!(heard.to_ascii_lowercase().contains("proxy-authorization: basic "), "{heard}");

    let near = World::with(Options::toki(), |settings| settings.proxy = Some(way_out.clone())).await;
    near.signed_in().await;
    let lost = sign_in_at("https://listed.invalid/token".to_owned(), |settings| settings.proxy = Some(way_out)).await;
    assert!(matches!(lost, SignInError::Unreachable(_)), "{lost}");
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err(), "the proxy was asked");
}
