//! HTTP/2 frame by frame (RFC 9113 §4): what no client would send, and whatever comes back.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, WriteHalf};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;

use super::{PATIENCE, hpack};

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub mod kind {
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const PRIORITY: u8 = 2;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PUSH_PROMISE: u8 = 5;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
    pub const CONTINUATION: u8 = 9;
    /// Nobody has given it a meaning.
    pub const UNKNOWN: u8 = 0x16;
}

pub mod flag {
    pub const NONE: u8 = 0;
    pub const ACK: u8 = 1;
    pub const END_STREAM: u8 = 1;
    pub const END_HEADERS: u8 = 4;
    pub const PADDED: u8 = 8;
    pub const PRIORITY: u8 = 0x20;
    /// A request of its head alone.
    pub const WHOLE: u8 = END_STREAM | END_HEADERS;
}

pub mod setting {
    pub const HEADER_TABLE_SIZE: u16 = 1;
    pub const ENABLE_PUSH: u16 = 2;
    pub const MAX_CONCURRENT_STREAMS: u16 = 3;
    pub const INITIAL_WINDOW_SIZE: u16 = 4;
    pub const MAX_FRAME_SIZE: u16 = 5;
    pub const MAX_HEADER_LIST_SIZE: u16 = 6;
}

/// RFC 9113 §7.
pub mod code {
    pub const NO_ERROR: u32 = 0;
    pub const PROTOCOL_ERROR: u32 = 1;
    pub const FLOW_CONTROL_ERROR: u32 = 3;
    pub const STREAM_CLOSED: u32 = 5;
    pub const FRAME_SIZE_ERROR: u32 = 6;
    pub const REFUSED_STREAM: u32 = 7;
    pub const CANCEL: u32 = 8;
    pub const COMPRESSION_ERROR: u32 = 9;
    pub const ENHANCE_YOUR_CALM: u32 = 11;
}

#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    Frame(Frame),
    /// The other side has closed; what came last and made no frame.
    Closed(Vec<u8>),
    /// It has reset the connection.
    Reset,
}

/// A client's side. It reads all the time; what it sends into a closed connection is lost without a word, as what comes back tells.
pub struct Frames {
    writer: WriteHalf<Box<dyn Io>>,
    events: UnboundedReceiver<Event>,
    /// What has come so far, for whoever fails.
    seen: Vec<String>,
    /// What the other side has set.
    pub settings: Vec<(u16, u32)>,
    reading: tokio::task::JoinHandle<()>,
}

pub trait Io: AsyncRead + AsyncWrite + Unpin + Send {}

impl<I: AsyncRead + AsyncWrite + Unpin + Send> Io for I {}

impl Frames {
    /// A connection on which nothing has been said.
    pub async fn connect(address: SocketAddr) -> Frames {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Frames::over(stream)
    }

    pub fn over(stream: impl Io + 'static) -> Frames {
        let (mut reader, writer) = tokio::io::split(Box::new(stream) as Box<dyn Io>);
        let (sender, events) = unbounded_channel();
        let reading = tokio::spawn(async move { read(&mut reader, &sender).await });
        Frames { writer, events, seen: Vec::new(), settings: Vec::new(), reading }
    }

    /// Prior knowledge (RFC 9113 §3.3), both sides' settings acknowledged.
    pub async fn open(address: SocketAddr) -> Frames {
        let mut frames = Frames::connect(address).await;
        frames.shake_hands(&[]).await;
        frames
    }

    /// The answers' fields come without a table of their own, so that each can be read alone.
    pub async fn shake_hands(&mut self, settings: &[(u16, u32)]) {
        let settings = [&[(setting::HEADER_TABLE_SIZE, 0)], settings].concat();
        self.send(PREFACE).await;
        self.set(&settings).await;
        let theirs = self.until("its settings", |frame| frame.kind == kind::SETTINGS && !frame.has(flag::ACK)).await;
        self.settings = theirs.settings();
        self.frame(kind::SETTINGS, flag::ACK, 0, &[]).await;
        self.until_acknowledged().await;
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        // Whoever does not read any more has not closed yet; what it sends says why.
        let _ = timeout(PATIENCE, self.writer.write_all(bytes)).await.expect("it takes in time what it is sent");
    }

    /// Many frames at once; whether the connection still took them.
    pub async fn pour(&mut self, bytes: &[u8]) -> bool {
        timeout(PATIENCE, self.writer.write_all(bytes)).await.is_ok_and(|written| written.is_ok())
    }

    pub async fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        self.send(&frame(kind, flags, stream, payload)).await;
    }

    pub async fn set(&mut self, settings: &[(u16, u32)]) {
        let mut payload = Vec::new();
        for (name, value) in settings {
            payload.extend(name.to_be_bytes());
            payload.extend(value.to_be_bytes());
        }
        self.frame(kind::SETTINGS, flag::NONE, 0, &payload).await;
    }

    pub async fn headers(&mut self, flags: u8, stream: u32, block: &[u8]) {
        self.frame(kind::HEADERS, flags, stream, block).await;
    }

    pub async fn continuation(&mut self, flags: u8, stream: u32, block: &[u8]) {
        self.frame(kind::CONTINUATION, flags, stream, block).await;
    }

    pub async fn data(&mut self, flags: u8, stream: u32, data: &[u8]) {
        self.frame(kind::DATA, flags, stream, data).await;
    }

    /// `on`: another stream, by RFC 7540 §5.3; the weight is one less than meant.
    pub async fn priority(&mut self, stream: u32, on: u32, weight: u8) {
        self.frame(kind::PRIORITY, flag::NONE, stream, &priority(on, weight)).await;
    }

    pub async fn reset(&mut self, stream: u32, code: u32) {
        self.frame(kind::RST_STREAM, flag::NONE, stream, &code.to_be_bytes()).await;
    }

    pub async fn window(&mut self, stream: u32, more: u32) {
        self.frame(kind::WINDOW_UPDATE, flag::NONE, stream, &more.to_be_bytes()).await;
    }

    pub async fn ping(&mut self, data: &[u8; 8]) {
        self.frame(kind::PING, flag::NONE, 0, data).await;
    }

    pub async fn next(&mut self) -> Event {
        match self.next_within(PATIENCE).await {
            Some(event) => event,
            None => panic!("something comes in time; so far: {:#?}", self.seen),
        }
    }

    /// `None`: nothing has come.
    pub async fn next_within(&mut self, time: Duration) -> Option<Event> {
        let event = timeout(time, self.events.recv()).await.ok()?.unwrap_or(Event::Reset);
        if self.seen.len() < 100 {
            self.seen.push(format!("{event:?}"));
        }
        Some(event)
    }

    /// The next frame that is so; whatever comes before it is passed over.
    pub async fn until(&mut self, what: &str, so: impl Fn(&Frame) -> bool) -> Frame {
        loop {
            match self.next().await {
                Event::Frame(frame) if so(&frame) => return frame,
                Event::Frame(_) => {}
                Event::Closed(_) | Event::Reset => panic!("{what}: not before the end: {:#?}", self.seen),
            }
        }
    }

    /// Our settings are.
    pub async fn until_acknowledged(&mut self) {
        self.until("settings acknowledged", |frame| frame.kind == kind::SETTINGS && frame.has(flag::ACK)).await;
    }

    /// The head of the answer on this stream: its status.
    pub async fn status(&mut self, stream: u32) -> u16 {
        let head = self.until("an answer", |frame| frame.kind == kind::HEADERS && frame.stream == stream).await;
        hpack::status(&head.payload)
    }

    /// The status and the body of the answer on this stream, windows opened as it comes.
    pub async fn answer(&mut self, stream: u32) -> (u16, Vec<u8>) {
        let head = self.until("an answer", |frame| frame.kind == kind::HEADERS && frame.stream == stream).await;
        let mut body = Vec::new();
        let mut ended = head.has(flag::END_STREAM);
        while !ended {
            let part = self.until("the answer's end", |frame| frame.stream == stream).await;
            assert!(part.kind == kind::DATA || part.kind == kind::HEADERS, "the answer goes on: {part:?}");
            ended = part.has(flag::END_STREAM);
            if part.kind == kind::DATA && !part.payload.is_empty() {
                let more = u32::try_from(part.payload.len()).unwrap();
                self.window(0, more).await;
                if !ended {
                    self.window(stream, more).await;
                }
                body.extend(part.payload);
            }
        }
        (hpack::status(&head.payload), body)
    }

    /// A PING is answered: the connection goes on, and all that was sent before has been read.
    pub async fn lives(&mut self) {
        self.ping(b"alive? :").await;
        self.until("its PING", |frame| frame.is_pong(b"alive? :")).await;
    }

    /// What has come so far.
    pub fn seen(&self) -> &[String] {
        &self.seen
    }
}

impl Drop for Frames {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

async fn read(reader: &mut (impl AsyncRead + Unpin), events: &UnboundedSender<Event>) {
    let mut bytes = Vec::new();
    loop {
        while let Some((frame, length)) = first_of(&bytes) {
            bytes.drain(..length);
            if events.send(Event::Frame(frame)).is_err() {
                return;
            }
        }
        match reader.read_buf(&mut bytes).await {
            Ok(0) => {
                let _ = events.send(Event::Closed(bytes));
                return;
            }
            Ok(_) => {}
            // TLS that ends without a farewell ends all the same.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                let _ = events.send(Event::Closed(bytes));
                return;
            }
            Err(_) => {
                let _ = events.send(Event::Reset);
                return;
            }
        }
    }
}

/// The whole frames of these bytes.
pub fn all(mut bytes: &[u8]) -> Vec<Frame> {
    let mut frames = Vec::new();
    while let Some((frame, length)) = first_of(bytes) {
        frames.push(frame);
        bytes = &bytes[length..];
    }
    frames
}

fn first_of(bytes: &[u8]) -> Option<(Frame, usize)> {
    let (head, rest) = bytes.split_first_chunk::<9>()?;
    let length = usize::try_from(u32::from_be_bytes([0, head[0], head[1], head[2]])).unwrap();
    let payload = rest.get(..length)?.to_vec();
    let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]) & 0x7fff_ffff;
    Some((Frame { kind: head[3], flags: head[4], stream, payload }, 9 + length))
}

/// Its bytes (RFC 9113 §4.1).
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The five octets of a priority (RFC 7540 §6.3).
pub fn priority(on: u32, weight: u8) -> [u8; 5] {
    let [a, b, c, d] = on.to_be_bytes();
    [a, b, c, d, weight]
}

impl Frame {
    pub fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    pub fn is_pong(&self, data: &[u8; 8]) -> bool {
        self.kind == kind::PING && self.has(flag::ACK) && self.payload == data
    }

    /// The error of a RST_STREAM (§6.4) or a GOAWAY (§6.8).
    pub fn code(&self) -> u32 {
        let at = if self.kind == kind::GOAWAY { 4 } else { 0 };
        u32::from_be_bytes(self.payload[at..at + 4].try_into().unwrap())
    }

    /// Of a SETTINGS frame.
    pub fn settings(&self) -> Vec<(u16, u32)> {
        let each = self.payload.chunks_exact(6);
        each.map(|pair| (u16::from_be_bytes([pair[0], pair[1]]), u32::from_be_bytes(pair[2..].try_into().unwrap())))
            .collect()
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            "DATA",
            "HEADERS",
            "PRIORITY",
            "RST_STREAM",
            "SETTINGS",
            "PUSH_PROMISE",
            "PING",
            "GOAWAY",
            "WINDOW_UPDATE",
            "CONTINUATION",
        ];
        let name = names.get(usize::from(self.kind)).copied().unwrap_or("unknown");
        write!(f, "{name} on {} flags {:#x} length {}", self.stream, self.flags, self.payload.len())?;
        match self.kind {
            kind::RST_STREAM | kind::GOAWAY => write!(f, " code {}", self.code()),
            kind::SETTINGS => write!(f, " {:?}", self.settings()),
            _ => Ok(()),
        }
    }
}
