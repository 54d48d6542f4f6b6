//! TLS without anything in front: sign-in, certificates that change under load, tickets of several processes, client certificates.

mod refused;

use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use http::{Method, Request};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::TokioIo;
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, HandshakeKind};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::world::{Ask, BAT, Ca, KEY, OTHER_KEY, Setup, Signed, Speaks, World, eventually};

/// The gate's certificates as a Secret that is mounted: two links away from their files.
struct Mounted {
    ca: Ca,
    folder: PathBuf,
    turn: u32,
}

impl Mounted {
    fn new(names: &[&str]) -> Mounted {
        let mut random = [0; 8];
        getrandom::fill(&mut random).unwrap();
        let folder = std::env::temp_dir().join(format!("tokigate-mounted-{:x}", u64::from_le_bytes(random)));
        let mut mounted = Mounted { ca: Ca::new("the gate's"), folder, turn: 0 };
        mounted.renew(names);
        for name in ["tls.pem", "tls.key"] {
            symlink(format!("..data/{name}"), mounted.at(name)).unwrap();
        }
        mounted
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// As kubelet does it: a new folder, and the link to it renamed over the old one. The certificate that is there now.
    fn renew(&mut self, names: &[&str]) -> Vec<u8> {
        let signed = self.ca.server(names);
        self.turn += 1;
        let data = self.at(&format!("..{}", self.turn));
        std::fs::create_dir_all(&data).unwrap();
        signed.write(&data, "tls");
        symlink(format!("..{}", self.turn), self.at("..data_tmp")).unwrap();
        std::fs::rename(self.at("..data_tmp"), self.at("..data")).unwrap();
        let _ = std::fs::remove_dir_all(self.at(&format!("..{}", self.turn - 1)));
        signed.chain[0].to_vec()
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        std::fs::write(self.at(name), text).unwrap();
        self.at(name)
    }

    /// Into the configuration; browsers come to `https://localhost` and the port.
    fn set(&self, setup: &mut Setup) {
        setup.public_url = format!("https://localhost:{}", setup.port);
        setup.set("tls", "cert_file", &format!("{:?}", self.at("tls.pem")));
        setup.set("tls", "key_file", &format!("{:?}", self.at("tls.key")));
    }

    fn client(&self) -> Arc<ClientConfig> {
        self.client_showing(None)
    }

    fn client_showing(&self, signed: Option<Signed>) -> Arc<ClientConfig> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_root_certificates(self.ca.roots());
        Arc::new(match signed {
            None => config.with_no_client_auth(),
            Some(signed) => config.with_client_auth_cert(signed.chain, signed.key).unwrap(),
        })
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

async fn connect(world: &World, client: &Arc<ClientConfig>, name: &str) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(world.address()).await?;
    TlsConnector::from(Arc::clone(client)).connect(ServerName::try_from(name.to_owned()).unwrap(), stream).await
}

/// The whole answer to one request on a connection of its own, and how its handshake went.
async fn ask(
    world: &World,
    client: &Arc<ClientConfig>,
    name: &str,
    lines: &[&str],
) -> std::io::Result<(String, HandshakeKind)> {
    let mut stream = connect(world, client, name).await?;
    stream.write_all(format!("{}\r\nconnection: close\r\n\r\n", lines.join("\r\n")).as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok((answer, stream.get_ref().1.handshake_kind().unwrap()))
}

#[tokio::test]
async fn a_person_signs_in_over_https_without_anything_in_front() {
    let mounted = Mounted::new(&["localhost"]);
    let world = World::with(|setup| mounted.set(setup)).await;
    for (speaks, alpn) in [(Speaks::Http1, "http/1.1"), (Speaks::Http2, "h2")] {
        let mut client = ClientConfig::clone(&mounted.client());
        client.alpn_protocols = vec![alpn.into()];
        let browser = world.browser().over(&Arc::new(client)).speaking(speaks);
        let page = browser.sign_in(BAT, "/deep/start").await;
        assert_eq!(page.status, 200, "{page}");
        assert!(browser.is_signed_in().await);
        let cookies = browser.cookies();
        assert!(!cookies.is_empty());
        for cookie in cookies {
            assert!(cookie.name.starts_with("__Host-tokigate") && cookie.secure && cookie.http_only, "{cookie:?}");
        }
        assert_eq!(world.told("x-forwarded-proto").as_deref(), Some("https"));
        assert_eq!(world.told("x-forwarded-port"), Some(world.setup.port.to_string()));
        assert_eq!(world.told("x-forwarded-for").as_deref(), Some("127.0.0.1"));
    }
}

#[tokio::test]
async fn plain_http_is_told_where_to_go() {
    let mounted = Mounted::new(&["localhost"]);
    let world = World::with(|setup| mounted.set(setup)).await;
    let reply = world.curl(Ask::page("/")).await;
    assert_eq!((reply.status, reply.text().contains("https://")), (400, true), "{reply}");
    let metrics = world.admin("/metrics").await.text();
    assert!(metrics.contains("tokigate_refused_connections_total{reason=\"plain_http\"} 1"), "{metrics}");
}

/// A client that makes requests until it is told to stop: on one connection, and each on a new one. How many there were; none may fail.
async fn load(world: &World, client: Arc<ClientConfig>, anew: bool, over: Arc<AtomicBool>, done: Arc<AtomicU64>) {
    let host = world.setup.host();
    let mut kept = None;
    while !over.load(Ordering::SeqCst) {
        let (mut sender, _driver) = match kept.take() {
            Some(kept) => kept,
            None => {
                let stream = connect(world, &client, "localhost").await.expect("a handshake");
                let (sender, driver) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
                (sender, tokio::spawn(driver))
            }
        };
        let request = Request::builder().method(Method::GET).uri("/deep/x").header("host", &host);
        let answer = sender.send_request(request.body(Empty::<bytes::Bytes>::new()).unwrap()).await.expect("an answer");
        assert_eq!(answer.status(), 401);
        answer.into_body().collect().await.expect("all of it");
        done.fetch_add(1, Ordering::SeqCst);
        if !anew {
            sender.ready().await.expect("the connection stays");
            kept = Some((sender, _driver));
        }
    }
}

#[tokio::test]
async fn a_secret_that_is_swapped_under_load_fails_no_request() {
    let mut mounted = Mounted::new(&["localhost"]);
    let world = World::with(|setup| mounted.set(setup)).await;
    let (client, over, done) = (mounted.client(), Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let loads =
        (0..4).map(|number| load(&world, Arc::clone(&client), number % 2 == 0, Arc::clone(&over), Arc::clone(&done)));
    let swaps = async {
        for _ in 0..2 {
            let before = done.load(Ordering::SeqCst);
            let renewed = mounted.renew(&["localhost"]);
            let fresh = mounted.client();
            // Until the new one is shown, which takes seconds.
            for tries in 0.. {
                let stream = connect(&world, &fresh, "localhost").await.unwrap();
                let shown = stream.get_ref().1.peer_certificates().unwrap()[0].to_vec();
                if shown == renewed {
                    break;
                }
                assert!(tries < 2000, "the new certificate in time");
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
            eventually("requests go on", || done.load(Ordering::SeqCst) > before + 20).await;
        }
        over.store(true, Ordering::SeqCst);
    };
    futures_util::future::join(futures_util::future::join_all(loads), swaps).await;
    let metrics = world.admin("/metrics").await.text();
    assert!(metrics.contains("tokigate_config_reloads_total{result=\"success\"} 2"), "{metrics}");
    assert!(metrics.contains("tokigate_config_reloads_total{result=\"failure\"} 0"), "{metrics}");
}

/// Two processes that know nothing of each other but the file.
#[tokio::test]
async fn a_session_is_resumed_at_another_replica_with_the_same_ticket_keys_and_not_with_others() {
    let mounted = Mounted::new(&["localhost"]);
    let same = mounted.write("tickets", &format!("# 2026-11\n{KEY}\n"));
    let other = mounted.write("other", &format!("{OTHER_KEY}\n"));
    let with = |setup: &mut Setup, keys: Option<&PathBuf>| {
        mounted.set(setup);
        if let Some(keys) = keys {
            setup.set("tls", "ticket_key_file", &format!("{keys:?}"));
        }
    };
    let first = World::with(|setup| with(setup, Some(&same))).await;
    let second = first.beside(|setup| with(setup, Some(&same))).await;
    let third = first.beside(|setup| with(setup, Some(&other))).await;
    let alone = first.beside(|setup| with(setup, None)).await;
    let get = |world: &World| vec!["GET /deep/x HTTP/1.1".to_owned(), format!("host: {}", world.setup.host())];
    for versions in [&[&rustls::version::TLS13], &[&rustls::version::TLS12]] {
        for (there, kind) in
            [(&second, HandshakeKind::Resumed), (&third, HandshakeKind::Full), (&alone, HandshakeKind::Full)]
        {
            let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
            let config = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
            let mut config = config.with_root_certificates(mounted.ca.roots()).with_no_client_auth();
            config.resumption = Resumption::in_memory_sessions(8);
            let client = Arc::new(config);
            for (world, expected) in [(&first, HandshakeKind::Full), (&first, HandshakeKind::Resumed), (there, kind)] {
                let lines = get(world);
                let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
                let (answer, went) = ask(world, &client, "localhost", &lines).await.unwrap();
                assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
                assert_eq!(went, expected);
            }
        }
    }
}

async fn demanding(mounted: &Mounted, people: &Ca, change: impl FnOnce(&mut Setup)) -> World {
    let file = mounted.at("people.pem");
    people.write(&file);
    World::with(|setup| {
        mounted.set(setup);
        setup.set("tls", "client_ca_file", &format!("{file:?}"));
        setup.rule("/deep/open/**", "public");
        change(setup);
    })
    .await
}

/// What anybody might say of somebody's certificate.
const CLAIMS: [&str; 9] = [
    "client-cert: :Zm9yZ2Vk:",
    "Client_Cert: :Zm9yZ2Vk:",
    "client-cert-chain: :Zm9yZ2Vk:",
    "x-ssl-client-verify: SUCCESS",
    "x_ssl_client_s_dn: CN=admin",
    "x-client-cert: forged",
    "ssl-client-cert: forged",
    "x-forwarded-client-cert: Subject=\"CN=admin\"",
    "x-forwarded-tls-client-cert: forged",
];

/// X-10; RFC 9440 §2.4. Not even a trusted proxy knows better than the handshake whose certificate it was.
#[tokio::test]
async fn the_application_is_told_the_certificate_of_the_handshake_and_nobody_elses() {
    for trusted in ["[]", "[\"loopback\"]"] {
        let (mounted, people) = (Mounted::new(&["localhost"]), Ca::new("people"));
        let world = demanding(&mounted, &people, |setup| setup.set("", "trusted_proxies", trusted)).await;
        let (bat, host) = (people.client("bat"), format!("host: {}", world.setup.host()));
        let der = bat.chain[0].to_vec();
        let client = mounted.client_showing(Some(bat));
        let lines: Vec<&str> = ["GET /deep/open/x HTTP/1.1", &host].into_iter().chain(CLAIMS).collect();
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let (answer, went) = ask(&world, &client, "localhost", &lines).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 200 ") && went == kind, "{went:?} {answer}");
            let head = world.app.requests().last().unwrap();
            let expected = format!(":{}:", base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &der));
            assert_eq!(head.lines("client-cert"), [expected.as_str()]);
            let raw: Vec<String> =
                world.app.requests().raw().iter().map(|raw| String::from_utf8_lossy(raw).to_lowercase()).collect();
            for claim in ["forged", "zm9yz2vk", "success", "cn=admin"] {
                assert!(!raw.concat().contains(claim), "{claim}: {raw:?}");
            }
        }
        for shown in [None, Some(Ca::new("strangers").client("bat"))] {
            assert!(ask(&world, &mounted.client_showing(shown), "localhost", &lines).await.is_err());
        }
        assert_eq!(world.seen().len(), 2);
    }
}

#[tokio::test]
async fn every_stream_of_http_2_is_its_connections_clients() {
    let (mounted, people) = (Mounted::new(&["localhost"]), Ca::new("people"));
    let world = demanding(&mounted, &people, |_| ()).await;
    let bat = people.client("bat");
    let expected = format!(":{}:", base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &bat.chain[0]));
    let mut client = ClientConfig::clone(&mounted.client_showing(Some(bat)));
    client.alpn_protocols = vec![b"h2".to_vec()];
    let ask = Ask::plain("/deep/open/x").with("client-cert", ":Zm9yZ2Vk:").speaking(Speaks::Http2);
    let reply = ask.send_over(Some(&Arc::new(client)), world.address(), &world.setup.host()).await;
    assert_eq!(reply.status, 200, "{reply}");
    assert_eq!(world.app.requests().last().unwrap().lines("client-cert"), [expected.as_str()]);
}

#[tokio::test]
async fn without_client_ca_file_nobodys_word_but_a_trusted_proxys_is_passed_on() {
    for (trusted, passed) in [("[]", 0), ("[\"loopback\"]", 1)] {
        let mounted = Mounted::new(&["localhost"]);
        let world = World::with(|setup| {
            mounted.set(setup);
            setup.set("", "trusted_proxies", trusted);
            setup.rule("/deep/open/**", "public");
        })
        .await;
        let host = format!("host: {}", world.setup.host());
        let lines: Vec<&str> = ["GET /deep/open/x HTTP/1.1", &host].into_iter().chain(CLAIMS).collect();
        ask(&world, &mounted.client(), "localhost", &lines).await.unwrap();
        assert_eq!(world.app.requests().last().unwrap().lines("client-cert").len(), passed, "{trusted}");
    }
}

/// a connection that was made for one host, and its certificate, is not another's.
#[tokio::test]
async fn with_client_certificates_a_connection_serves_the_host_it_was_made_for_alone() {
    let names = ["localhost", "app.example.mn"];
    let (mounted, people) = (Mounted::new(&names), Ca::new("people"));
    let also = |setup: &mut Setup| setup.also = vec![format!("https://app.example.mn:{}", setup.port)];
    let world = demanding(&mounted, &people, also).await;
    let client = mounted.client_showing(Some(people.client("bat")));
    for sni in names {
        for host in names {
            let host = format!("host: {host}:{}", world.setup.port);
            let (answer, _) = ask(&world, &client, sni, &["GET /deep/open/x HTTP/1.1", &host]).await.unwrap();
            let status = if host.contains(sni) { "200" } else { "421" };
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{sni} {host}: {answer}");
        }
    }
    // Without certificates, names may share a connection.
    let world = World::with(|setup| {
        mounted.set(setup);
        also(setup);
        setup.rule("/deep/open/**", "public");
    })
    .await;
    let host = format!("host: app.example.mn:{}", world.setup.port);
    let (answer, _) = ask(&world, &mounted.client(), "localhost", &["GET /deep/open/x HTTP/1.1", &host]).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}
