//! Connections: whom they trust, and which way they take. `ca.pem` signed `server.pem`, which is for `localhost` until 2120; nothing else uses them.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::PathBuf;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, Stream};

use super::super::*;
use super::world::*;

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/provider/tests/tls").join(name)
}

/// A token endpoint over TLS, on a thread of its own, that answers everybody the same; its port.
fn tls_endpoint() -> u16 {
    let chain = CertificateDer::pem_file_iter(file("server.pem")).unwrap().map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(file("server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let (mut connection, mut session) = (connection.unwrap(), ServerConnection::new(config.clone()).unwrap());
            let mut stream = Stream::new(&mut session, &mut connection);
            if stream.read(&mut [0; 4096]).is_ok() {
                let _ = stream.write_all(b"HTTP/1.1 401 \r\ncontent-length: 26\r\n\r\n{\"error\":\"invalid_client\"}");
            }
        }
    });
    port
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
    let proxy = Url::parse(&format!("http://user:s3cret@{}", listener.local_addr().unwrap())).unwrap();
    let heard = std::thread::spawn(move || {
        let mut head = [0; 4096];
        let (mut connection, _) = listener.accept().unwrap();
        let len = connection.read(&mut head).unwrap();
        let _ = connection.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n");
        String::from_utf8_lossy(&head[..len]).into_owned()
    });
    let way_out = proxy.clone();
    let refused =
        sign_in_at("https://provider.example/token".to_owned(), |settings| settings.proxy = Some(proxy)).await;
    assert!(matches!(&refused, SignInError::Unreachable(why) if !why.contains("s3cret")), "{refused}");
    assert!(heard.join().unwrap().starts_with("CONNECT provider.example:443 HTTP/1.1\r\n"));

    let near = World::with(Options::toki(), |settings| settings.proxy = Some(way_out)).await;
    near.signed_in().await;
}
