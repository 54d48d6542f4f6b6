//! A client that speaks HTTP/2 to the whole program, and what it wants to hear.

use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::frames::{Event, Frames, code, flag, kind, setting};
use super::hpack::block;
use super::{Ca, Setup, World, free_port};

/// A client before a gate whose whole site is public: whatever arrives, the application would see.
pub struct Client {
    pub frames: Frames,
    pub world: World,
    certified: Option<Certified>,
}

/// What carries the frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carried {
    /// TCP, and prior knowledge.
    Plainly,
    /// TLS, and ALPN.
    ByTls,
}

/// A certificate for the gate, in files of its own, and the authority that vouches for it.
pub struct Certified {
    ca: Ca,
    folder: PathBuf,
}

impl Certified {
    pub fn new() -> Certified {
        let folder = std::env::temp_dir().join(format!("tokigate-certified-{}", free_port()));
        std::fs::create_dir_all(&folder).unwrap();
        let ca = Ca::new("the gate's");
        ca.server(&["localhost"]).write(&folder, "tls");
        Certified { ca, folder }
    }

    pub fn set(&self, setup: &mut Setup) {
        setup.public_url = format!("https://localhost:{}", setup.port);
        setup.set("tls", "cert_file", &format!("{:?}", self.folder.join("tls.pem")));
        setup.set("tls", "key_file", &format!("{:?}", self.folder.join("tls.key")));
    }

    /// The handshake, with these protocols on offer.
    pub async fn shake_hands(&self, world: &World, alpn: &[&str]) -> TlsStream<TcpStream> {
        self.try_to_shake_hands(world, alpn).await.unwrap()
    }

    pub async fn try_to_shake_hands(&self, world: &World, alpn: &[&str]) -> std::io::Result<TlsStream<TcpStream>> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let mut config = config.with_root_certificates(self.ca.roots()).with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        let stream = TcpStream::connect(world.address()).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    }
}

impl Drop for Certified {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Deref for Client {
    type Target = Frames;

    fn deref(&self) -> &Frames {
        &self.frames
    }
}

impl DerefMut for Client {
    fn deref_mut(&mut self) -> &mut Frames {
        &mut self.frames
    }
}

impl Client {
    /// One that has connected and said nothing.
    pub async fn silent(carried: Carried) -> Client {
        let certified = (carried == Carried::ByTls).then(Certified::new);
        let world = World::with(|setup| {
            setup.rule("/**", "public");
            if let Some(certified) = &certified {
                certified.set(setup);
            }
        });
        let world = world.await;
        let frames = connect(&world, certified.as_ref()).await;
        Client { frames, world, certified }
    }

    /// One that has shaken hands, by prior knowledge.
    pub async fn new() -> Client {
        let mut client = Client::silent(Carried::Plainly).await;
        client.shake_hands(&[]).await;
        client
    }

    /// The same before a gate that is there already.
    pub async fn of(world: World) -> Client {
        let frames = Frames::open(world.address()).await;
        Client { frames, world, certified: None }
    }

    /// On another connection, hands shaken.
    pub async fn come_again(&mut self) {
        self.frames = connect(&self.world, self.certified.as_ref()).await;
        self.shake_hands(&[]).await;
    }

    pub fn request(&self, method: &str, path: &str, more: &[(&str, &str)]) -> Vec<u8> {
        let host = self.world.setup.host();
        let ours = [(":method", method), (":scheme", self.scheme()), (":path", path), (":authority", &host)];
        block(&[&ours[..], more].concat())
    }

    pub fn scheme(&self) -> &'static str {
        if self.certified.is_some() { "https" } else { "http" }
    }

    pub fn get(&self) -> Vec<u8> {
        self.get_with(&[])
    }

    pub fn get_with(&self, more: &[(&str, &str)]) -> Vec<u8> {
        self.request("GET", "/public/h2spec", more)
    }

    pub fn post(&self) -> Vec<u8> {
        self.post_with(&[])
    }

    pub fn post_with(&self, more: &[(&str, &str)]) -> Vec<u8> {
        self.request("POST", "/upload", more)
    }

    /// As the frames' own, but the block may be made of what the client knows.
    pub async fn headers(&mut self, flags: u8, stream: u32, block: &[u8]) {
        self.frames.headers(flags, stream, block).await;
    }

    pub async fn continuation(&mut self, flags: u8, stream: u32, block: &[u8]) {
        self.frames.continuation(flags, stream, block).await;
    }

    pub async fn data(&mut self, flags: u8, stream: u32, data: &[u8]) {
        self.frames.data(flags, stream, data).await;
    }

    /// The greatest frame that the gate takes.
    pub fn most(&self) -> usize {
        let set = self.settings.iter().find(|(name, _)| *name == setting::MAX_FRAME_SIZE);
        usize::try_from(set.map_or(16_384, |(_, value)| *value)).unwrap()
    }

    /// The request on this stream is answered, and well.
    pub async fn answers(&mut self, stream: u32) {
        let status = self.status(stream).await;
        assert_eq!(status, 200, "{:#?}", self.seen());
    }

    /// A connection error (RFC 9113 §5.4.1) of one of these kinds.
    pub async fn breaks(&mut self, codes: &[u32]) {
        let goaway = self.until("GOAWAY", |frame| frame.kind == kind::GOAWAY && frame.code() != code::NO_ERROR).await;
        assert!(codes.contains(&goaway.code()), "{:#?}", self.seen());
        self.ends().await;
    }

    /// The connection ends.
    pub async fn ends(&mut self) {
        while let Event::Frame(_) = self.next().await {}
    }

    /// A stream error (§5.4.2) of one of these kinds, or a connection error: an endpoint may always make one of the other.
    pub async fn refuses(&mut self, stream: u32, codes: &[u32]) {
        let error = self
            .until("RST_STREAM or GOAWAY", |frame| {
                frame.kind == kind::GOAWAY && frame.code() != code::NO_ERROR
                    || frame.kind == kind::RST_STREAM && frame.stream == stream
            })
            .await;
        assert!(codes.contains(&error.code()), "{:#?}", self.seen());
        if error.kind == kind::GOAWAY {
            self.ends().await;
        } else {
            self.lives().await;
        }
    }

    /// This request is malformed (§8.1.1): an error on its stream, and nothing for the application.
    pub async fn malformed(&mut self, head: &[u8]) {
        self.headers(flag::WHOLE, 1, head).await;
        self.refuses(1, &[code::PROTOCOL_ERROR]).await;
        assert_eq!(self.world.seen(), [""; 0]);
    }
}

async fn connect(world: &World, certified: Option<&Certified>) -> Frames {
    let Some(certified) = certified else { return Frames::connect(world.address()).await };
    let stream = certified.shake_hands(world, &["h2", "http/1.1"]).await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    Frames::over(stream)
}
