//! A client that speaks HTTP/2 to the whole program, and what it wants to hear.

use std::ops::{Deref, DerefMut};

use super::World;
use super::frames::{Event, Frames, code, flag, kind, setting};
use super::hpack::block;

/// A client before a gate whose whole site is public: whatever arrives, the application would see.
pub struct Client {
    pub frames: Frames,
    pub world: World,
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
    pub async fn silent() -> Client {
        let world = World::with(|setup| setup.rule("/**", "public")).await;
        let frames = Frames::connect(world.address()).await;
        Client { frames, world }
    }

    /// One that has shaken hands, by prior knowledge.
    pub async fn new() -> Client {
        let mut client = Client::silent().await;
        client.shake_hands(&[]).await;
        client
    }

    /// The same before a gate that is there already.
    pub async fn of(world: World) -> Client {
        let frames = Frames::open(world.address()).await;
        Client { frames, world }
    }

    /// On another connection, hands shaken.
    pub async fn come_again(&mut self) {
        self.frames = Frames::open(self.world.address()).await;
    }

    pub fn request(&self, method: &str, path: &str, more: &[(&str, &str)]) -> Vec<u8> {
        let host = self.world.setup.host();
        let ours = [(":method", method), (":scheme", "http"), (":path", path), (":authority", &host)];
        block(&[&ours[..], more].concat())
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
