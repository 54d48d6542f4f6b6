//! A WebSocket that says what it hears (RFC 6455), written by hand: a stand-in shares no code with what it tests.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio_util::sync::CancellationToken;

use super::record::Requests;
use crate::demo::http::{self as plumbing, Body, Params, full};

/// The server's half of the handshake (RFC 6455 §4.2). `?hello=` is said first, in the same breath as the 101 if the network likes.
pub(super) fn open(
    mut request: Request<Incoming>,
    requests: &Requests,
    query: &Params,
    stop: CancellationToken,
) -> Response<Body> {
    let key = match offered(&request) {
        Ok(key) => key,
        Err(refusal) => return refusal.answer().map(full),
    };
    let mut response = Response::new(full(Bytes::new()));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept(&key));
    let protocols = request.headers().get(header::SEC_WEBSOCKET_PROTOCOL).and_then(|line| line.to_str().ok());
    let first = protocols.and_then(|line| line.split(',').next()).map(str::trim);
    if let Some(Ok(first)) = first.map(HeaderValue::from_str) {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, first);
    }

    let (requests, hello) = (requests.clone(), query.get("hello").map(str::to_owned));
    tokio::spawn(async move {
        let Ok(upgraded) = hyper::upgrade::on(&mut request).await else { return };
        let _open = requests.socket();
        let mut connection = TokioIo::new(upgraded);
        let talk = async {
            if let Some(hello) = hello {
                send(&mut connection, FIN | TEXT, hello.as_bytes()).await?;
            }
            converse(&mut connection).await
        };
        // How it ended is the other side's to see.
        let _ = stop.run_until_cancelled(talk).await;
        let _ = connection.shutdown().await;
    });
    response
}

/// Why a request is no handshake.
enum Refusal {
    NotGet,
    NoUpgrade,
    OtherVersion,
    NoKey,
}

impl Refusal {
    fn answer(self) -> Response<Bytes> {
        let said = |status, why: &'static str| plumbing::answer(status, "text/plain; charset=utf-8", why);
        match self {
            Self::NotGet => plumbing::method_not_allowed("GET"),
            Self::NoUpgrade => {
                let mut response = said(StatusCode::UPGRADE_REQUIRED, "this address speaks WebSocket\n");
                response.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
                response
            }
            Self::OtherVersion => {
                let mut response = said(StatusCode::BAD_REQUEST, "only version 13\n");
                response.headers_mut().insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
                response
            }
            Self::NoKey => said(StatusCode::BAD_REQUEST, "no proper Sec-WebSocket-Key\n"),
        }
    }
}

/// The key of a proper handshake (RFC 6455 §4.2.1).
fn offered(request: &Request<Incoming>) -> Result<HeaderValue, Refusal> {
    let headers = request.headers();
    if request.method() != Method::GET {
        return Err(Refusal::NotGet);
    }
    if !lists(headers, &header::UPGRADE, "websocket") || !lists(headers, &header::CONNECTION, "upgrade") {
        return Err(Refusal::NoUpgrade);
    }
    if headers.get(header::SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        return Err(Refusal::OtherVersion);
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY);
    let proper = |key: &&HeaderValue| STANDARD.decode(key.as_bytes()).is_ok_and(|nonce| nonce.len() == 16);
    key.filter(proper).cloned().ok_or(Refusal::NoKey)
}

fn lists(headers: &HeaderMap, name: &header::HeaderName, wanted: &str) -> bool {
    let lines = headers.get_all(name).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|token| token.trim().eq_ignore_ascii_case(wanted))
}

fn accept(key: &HeaderValue) -> HeaderValue {
    let salted = [key.as_bytes(), b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"].concat();
    let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &salted);
    HeaderValue::try_from(STANDARD.encode(hash)).expect("base64 is visible ASCII")
}

/// Echoes frame by frame, so that fragments come back as fragments, until either side closes.
async fn converse(connection: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> std::io::Result<()> {
    loop {
        let frame = match read(connection).await? {
            Ok(frame) => frame,
            Err(code) => return send(connection, FIN | CLOSE, &code.to_be_bytes()).await,
        };
        match frame.head & OPCODE {
            // §5.5.1: answer with the code that came.
            CLOSE => return send(connection, FIN | CLOSE, &frame.payload[..frame.payload.len().min(2)]).await,
            PING => send(connection, FIN | PONG, &frame.payload).await?,
            PONG => {}
            _ => send(connection, frame.head, &frame.payload).await?,
        }
    }
}

struct Frame {
    /// FIN and the opcode.
    head: u8,
    payload: Vec<u8>,
}

/// One frame (RFC 6455 §5.2); where it breaks the rules, the code to close with (§7.4.1).
async fn read(connection: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Result<Frame, u16>> {
    let mut start = [0_u8; 2];
    connection.read_exact(&mut start).await?;
    let [head, second] = start;
    let opcode = head & OPCODE;
    let control = opcode & 0x8 != 0;
    let known = matches!(opcode, CONTINUATION | TEXT | BINARY | CLOSE | PING | PONG);
    // A client masks every frame (§5.1); a control frame is short and whole (§5.5); no extension was agreed on.
    if !known || second & 0x80 == 0 || head & 0x70 != 0 || (control && (second & 0x7F > 125 || head & FIN == 0)) {
        return Ok(Err(PROTOCOL_ERROR));
    }
    let length = match second & 0x7F {
        126 => u64::from(connection.read_u16().await?),
        127 => connection.read_u64().await?,
        short => u64::from(short),
    };
    let Some(length) = usize::try_from(length).ok().filter(|length| *length <= LARGEST) else {
        return Ok(Err(TOO_BIG));
    };
    let mut mask = [0_u8; 4];
    connection.read_exact(&mut mask).await?;
    let mut payload = vec![0; length];
    connection.read_exact(&mut payload).await?;
    payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
    Ok(Ok(Frame { head, payload }))
}

/// A server's frames are not masked (§5.1).
async fn send(connection: &mut (impl AsyncWrite + Unpin), head: u8, payload: &[u8]) -> std::io::Result<()> {
    let mut frame = Vec::with_capacity(payload.len() + 10);
    frame.push(head);
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(short), _) if short < 126 => frame.push(short),
        (_, Ok(medium)) => {
            frame.push(126);
            frame.extend(medium.to_be_bytes());
        }
        (_, Err(_)) => {
            frame.push(127);
            frame.extend((payload.len() as u64).to_be_bytes());
        }
    }
    frame.extend(payload);
    connection.write_all(&frame).await?;
    connection.flush().await
}

const FIN: u8 = 0x80;
const OPCODE: u8 = 0x0F;
const CONTINUATION: u8 = 0x0;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xA;

const PROTOCOL_ERROR: u16 = 1002;
const TOO_BIG: u16 = 1009;
/// The largest frame taken, in bytes.
const LARGEST: usize = 1024 * 1024;
