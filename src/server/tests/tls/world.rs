//! A server that speaks TLS, its files, and clients that nobody here wrote: the library's.

use std::rc::Rc;
use std::sync::Arc;

use rustls::client::ClientSessionMemoryCache;
use rustls::client::Resumption;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::clock::{Clock, Timestamp};
use crate::config::tls::Settings;
use crate::server::tests::authority::{Authority, Folder, Pair};
use crate::server::tests::world::{Setup, Wire, World, application, before};
use crate::server::tls::{Keeper, Tls};
use crate::telemetry::metrics::Metrics;
use crate::tls::CertificateFiles;

pub const OWN: &str = "GET /own HTTP/1.1\r\nhost: app\r\n\r\n";

pub struct Secure {
    pub authority: Rc<Authority>,
    pub folder: Folder,
    pub clock: Clock,
    pub tls: Arc<Tls>,
    keeper: Keeper,
    metrics: Arc<Metrics>,
}

/// What is in the configuration.
pub struct Written<'a> {
    authority: &'a Authority,
    folder: &'a Folder,
    pub settings: Settings,
}

impl Written<'_> {
    pub fn further(&mut self, name: &str, names: &[&str]) {
        let (certificate, key) = self.folder.write_pair(name, &self.authority.issue(names));
        self.settings.pairs.push(CertificateFiles { certificate, key });
    }

    pub fn ticket_keys(&mut self, keys: &str) {
        self.settings.ticket_keys = Some(self.folder.write("tickets", keys));
    }

    /// Clients have to show a certificate of this authority.
    pub fn demands(&mut self, authority: &Authority) {
        self.settings.client_ca = Some(self.folder.write("clients.pem", &authority.pem()));
    }

    /// And none that stands in these lists.
    pub fn revokes(&mut self, lists: &str) {
        self.settings.client_crl = Some(self.folder.write("revoked.pem", lists));
    }
}

impl Secure {
    /// For `app.example.mn`, and whatever else is added.
    pub fn new(change: impl FnOnce(&mut Written<'_>)) -> Secure {
        Secure::at(Rc::new(Authority::new()), Clock::manual(Timestamp::from_unix_seconds(1_800_000_000)), change)
    }

    pub fn at(authority: Rc<Authority>, clock: Clock, change: impl FnOnce(&mut Written<'_>)) -> Secure {
        let folder = Folder::new();
        let settings = Settings { pairs: Vec::new(), client_ca: None, client_crl: None, ticket_keys: None };
        let mut written = Written { authority: &authority, folder: &folder, settings };
        written.further("app", &["app.example.mn"]);
        change(&mut written);
        let (tls, keeper) = Tls::new(written.settings, clock.clone()).unwrap();
        Secure { authority, folder, clock, tls, keeper, metrics: Metrics::new() }
    }

    pub fn before(&self, setup: Setup) -> Setup {
        Setup { tls: Some(Arc::clone(&self.tls)), ..setup }
    }

    pub fn look(&mut self) {
        self.keeper.look(&self.metrics);
    }

    /// So many that worked, and that did not.
    pub fn reloads(&self) -> (u32, u32) {
        let text = self.metrics.render();
        let count = |result: &str| {
            let start = format!("tokigate_config_reloads_total{{result=\"{result}\"}} ");
            text.lines().find_map(|line| line.strip_prefix(&start)).unwrap().parse().unwrap()
        };
        (count("success"), count("failure"))
    }

    /// The certificate in this file now.
    pub fn der(&self, name: &str) -> Vec<u8> {
        use rustls::pki_types::pem::PemObject as _;
        CertificateDer::from_pem_file(self.folder.at(&format!("{name}.pem"))).unwrap().to_vec()
    }
}

pub struct Client {
    pub config: Arc<ClientConfig>,
}

pub fn client(secure: &Secure) -> Client {
    client_with(secure, rustls::ALL_VERSIONS, |_| ())
}

pub fn client_with(
    secure: &Secure,
    versions: &[&'static SupportedProtocolVersion],
    change: impl FnOnce(&mut ClientConfig),
) -> Client {
    Client::showing(secure, versions, None, change)
}

impl Client {
    /// One that shows this certificate.
    pub fn showing(
        secure: &Secure,
        versions: &[&'static SupportedProtocolVersion],
        pair: Option<&Pair>,
        change: impl FnOnce(&mut ClientConfig),
    ) -> Client {
        let mut roots = RootCertStore::empty();
        roots.add(secure.authority.der().into()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(crate::tls::cryptography()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match pair {
            None => config.with_no_client_auth(),
            Some(pair) => {
                let key = PrivateKeyDer::try_from(pair.key_der.clone()).unwrap();
                let chain = std::iter::once(&pair.certificate_der).chain(&pair.chain);
                config.with_client_auth_cert(chain.cloned().map(Into::into).collect(), key).unwrap()
            }
        };
        config.resumption = Resumption::store(Arc::new(ClientSessionMemoryCache::new(32)));
        change(&mut config);
        Client { config: Arc::new(config) }
    }

    pub async fn over(&self, stream: TcpStream, name: &str) -> std::io::Result<Wire<TlsStream<TcpStream>>> {
        let name = ServerName::try_from(name.to_owned()).unwrap();
        Ok(Wire::new(TlsConnector::from(Arc::clone(&self.config)).connect(name, stream).await?))
    }
}

pub async fn open(world: &World, client: &Client, name: &str) -> Wire<TlsStream<TcpStream>> {
    client.over(world.connect().await.stream, name).await.unwrap()
}

/// One request and its answer's head; whatever the server has to say of tickets has come by then.
pub async fn exchange(wire: &mut Wire<TlsStream<TcpStream>>) -> String {
    wire.send(OWN).await;
    let head = wire.head().await;
    wire.bytes(3).await;
    head
}

pub async fn alone() -> Setup {
    before(application(|_, _| async {}).await)
}

/// Before an application that says what it was told.
pub async fn telling() -> Setup {
    let told = application(|mut wire, _| async move {
        loop {
            let head = wire.head().await;
            wire.send(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{head}", head.len())).await;
        }
    });
    before(told.await)
}
