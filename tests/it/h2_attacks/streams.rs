//! N-14, N-16, N-18: many streams, other protocols, and bodies on their way into HTTP/1.1.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::world::frames::{self, Event, Frames, PREFACE, code, flag, frame, kind};
use crate::world::{Certified, Client, PATIENCE, World, eventually};

#[tokio::test]
async fn a_hundred_requests_at_once_are_enough_and_nobody_else_waits_for_them() {
    let mut client = Client::new().await;
    let hang = client.request("GET", "/hang", &[]);
    let all: Vec<u8> = (0..180).flat_map(|number| frame(kind::HEADERS, flag::WHOLE, number * 2 + 1, &hang)).collect();
    client.send(&all).await;
    let mut refused = 0;
    while refused < 80 {
        match client.next().await {
            Event::Frame(frame) if frame.kind == kind::RST_STREAM => {
                assert_eq!(frame.code(), code::REFUSED_STREAM);
                refused += 1;
            }
            Event::Frame(_) => {}
            ended => panic!("{ended:?} after {refused}"),
        }
    }
    let app = client.world.app.clone();
    eventually("the hundred are there", || app.requests().count() == 100).await;
    let mut other = Frames::open(client.world.address()).await;
    other.headers(flag::WHOLE, 1, &client.get()).await;
    assert_eq!(other.status(1).await, 200);
    // One gives way, and there is room for one.
    client.reset(1, code::CANCEL).await;
    client.headers(flag::WHOLE, 361, &client.get()).await;
    client.answers(361).await;
}

#[tokio::test]
async fn what_begins_like_http_2_and_goes_on_otherwise_is_refused() {
    let world = World::with(|setup| setup.rule("/**", "public")).await;
    let cut = PREFACE.len() - 2;
    let get = format!("GET / HTTP/1.1\r\nhost: {}\r\n\r\n", world.setup.host());
    let cases = [
        ("another end", [&PREFACE[..cut], b"XX"].concat()),
        ("another version", b"PRI * HTTP/2.1\r\n\r\nSM\r\n\r\n".to_vec()),
        ("a request after half of it", [&PREFACE[..18], get.as_bytes()].concat()),
        ("frames without it", frame(kind::SETTINGS, flag::NONE, 0, &[])),
        ("a TLS handshake", vec![0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0, b'\r', b'\n', b'\r', b'\n']),
    ];
    for (what, bytes) in cases {
        let mut wire = world.wire().await;
        wire.send(bytes).await;
        let answer = String::from_utf8_lossy(&wire.rest().await).into_owned();
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{what}: {answer}");
    }
    // And HTTP/1.1 after the preface is no frame.
    let mut client = Frames::connect(world.address()).await;
    client.send(&[PREFACE, get.as_bytes()].concat()).await;
    while let Event::Frame(frame) = client.next().await {
        assert!(frame.kind != kind::HEADERS && frame.kind != kind::DATA, "{frame:?}");
    }
    assert_eq!(world.seen(), [""; 0]);
}

#[tokio::test]
async fn what_was_agreed_on_is_what_is_spoken() {
    let certified = Certified::new();
    let world = World::with(|setup| {
        certified.set(setup);
        setup.rule("/**", "public");
    });
    let world = world.await;
    let get = format!("GET /public/a HTTP/1.1\r\nhost: {}\r\n\r\n", world.setup.host());
    let http2 = [PREFACE, &frame(kind::SETTINGS, flag::NONE, 0, &[])].concat();
    for (alpn, said) in
        [(&["h2"][..], get.as_bytes()), (&["http/1.1"], &http2), (&[], &http2), (&["h2"], b"\x16\x03\x01\x00\x05hello")]
    {
        let mut stream = certified.shake_hands(&world, alpn).await;
        stream.write_all(said).await.unwrap();
        let mut heard = Vec::new();
        let _ = timeout(PATIENCE, stream.read_to_end(&mut heard)).await.expect("it ends in time");
        let http1 = String::from_utf8_lossy(&heard).into_owned();
        if alpn == ["h2"] {
            let answered =
                frames::all(&heard).iter().any(|frame| frame.kind == kind::HEADERS || frame.kind == kind::DATA);
            assert!(!answered && !http1.contains("HTTP/1.1"), "{alpn:?}: {http1}");
        } else {
            // The library knows the preface when it sees it, and has nothing to say to it.
            assert!(http1.is_empty() || http1.starts_with("HTTP/1.1 400 "), "{alpn:?}: {http1}");
        }
    }
    assert_eq!(world.seen(), [""; 0]);
}

/// A client of HTTP/2, and what an application gets of it, byte by byte.
struct Raw {
    client: Client,
    listener: TcpListener,
}

impl Raw {
    async fn new() -> Raw {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let world = World::with(|setup| {
            setup.set("", "upstream", &format!("\"http://{address}\""));
            setup.rule("/**", "public");
        });
        let world = world.await;
        Raw { client: Client::of(world).await, listener }
    }

    /// What arrives on the next connection, until this has.
    async fn until(&self, what: &str) -> (String, TcpStream) {
        let (mut stream, _) = timeout(PATIENCE, self.listener.accept()).await.expect("somebody comes in time").unwrap();
        let mut read = Vec::new();
        while !String::from_utf8_lossy(&read).contains(what) {
            let more = timeout(PATIENCE, stream.read_buf(&mut read)).await.expect("it comes in time").unwrap();
            assert!(more > 0, "it ends before: {}", String::from_utf8_lossy(&read));
        }
        (String::from_utf8(read).unwrap(), stream)
    }
}

/// The last chunk, and no trailers.
const LAST_CHUNK: &str = "\r\n0\r\n\r\n";

#[tokio::test]
async fn a_body_of_unknown_length_is_chunked() {
    let mut raw = Raw::new().await;
    raw.client.headers(flag::END_HEADERS, 1, &raw.client.post()).await;
    raw.client.data(flag::NONE, 1, b"some").await;
    raw.client.data(flag::END_STREAM, 1, b" more").await;
    let (request, _stream) = raw.until(LAST_CHUNK).await;
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.to_lowercase().contains("\r\ntransfer-encoding: chunked"), "{head}");
    assert!(!head.to_lowercase().contains("content-length"), "{head}");
    assert!(body.replace("\r\n", "").contains("some") && body.contains(" more"), "{body}");
}

#[tokio::test]
async fn a_body_of_nothing_is_nothing() {
    for length in [None, Some("0")] {
        let mut raw = Raw::new().await;
        let fields: Vec<(&str, &str)> = length.iter().map(|length| ("content-length", *length)).collect();
        raw.client.headers(flag::WHOLE, 1, &raw.client.post_with(&fields)).await;
        let (head, _stream) = raw.until("\r\n\r\n").await;
        let head = head.to_lowercase();
        // A request without either has no body (RFC 9112 §6.3).
        assert!(!head.contains("transfer-encoding"), "{head}");
        let lengths = head.lines().filter_map(|line| line.strip_prefix("content-length: "));
        assert_eq!(lengths.collect::<Vec<_>>(), Vec::from_iter(length), "{head}");
    }
}

#[tokio::test]
async fn a_large_body_arrives_whole() {
    let mut client = Client::new().await;
    let size: usize = 16 * 1024 * 1024;
    client.headers(flag::END_HEADERS, 1, &client.post()).await;
    let (mut stream, mut connection) = (256 * 1024, 65_535);
    let initial = client.settings.iter().find(|(name, _)| *name == crate::world::frames::setting::INITIAL_WINDOW_SIZE);
    if let Some((_, window)) = initial {
        stream = usize::try_from(*window).unwrap();
    }
    let mut left = size;
    while left > 0 {
        let piece = left.min(16_384).min(stream).min(connection);
        if piece > 0 {
            let last = if piece == left { flag::END_STREAM } else { flag::NONE };
            client.data(last, 1, &vec![b'x'; piece]).await;
            (left, stream, connection) = (left - piece, stream - piece, connection - piece);
            continue;
        }
        let update = client.until("room", |frame| frame.kind == kind::WINDOW_UPDATE).await;
        let more = usize::try_from(u32::from_be_bytes(update.payload[..4].try_into().unwrap())).unwrap();
        if update.stream == 0 {
            connection += more;
        } else {
            stream += more;
        }
    }
    let (status, body) = client.answer(1).await;
    assert_eq!(status, 200);
    assert!(String::from_utf8(body).unwrap().contains(&format!("\"bytes\":{size},")));
}

/// Whatever the client says at last, the application is not told of an end that never came.
async fn breaks_off(length: Option<&str>, end: impl AsyncFn(&mut Client)) {
    let mut raw = Raw::new().await;
    let fields: Vec<(&str, &str)> = length.iter().map(|length| ("content-length", *length)).collect();
    raw.client.headers(flag::END_HEADERS, 1, &raw.client.post_with(&fields)).await;
    raw.client.data(flag::NONE, 1, b"begun").await;
    let (read, mut stream) = raw.until("begun").await;
    end(&mut raw.client).await;
    let mut read = read.into_bytes();
    timeout(PATIENCE, stream.read_to_end(&mut read)).await.expect("it ends in time").unwrap();
    let read = String::from_utf8(read).unwrap();
    let (_, body) = read.split_once("\r\n\r\n").unwrap();
    assert!(!body.contains(LAST_CHUNK) && body.len() < 20, "{read}");
}

#[tokio::test]
async fn an_upload_that_is_reset_is_no_upload_that_ended() {
    for length in [None, Some("20")] {
        breaks_off(length, async |client| client.reset(1, code::CANCEL).await).await;
    }
}

#[tokio::test]
async fn an_upload_whose_connection_ends_is_no_upload_that_ended() {
    for length in [None, Some("20")] {
        breaks_off(length, async |client| {
            client.frames = Frames::connect(client.world.address()).await;
        })
        .await;
    }
}

#[tokio::test]
async fn an_upload_shorter_than_it_said_is_no_upload_that_ended() {
    breaks_off(Some("20"), async |client| {
        client.data(flag::END_STREAM, 1, b"!").await;
        client.refuses(1, &[code::PROTOCOL_ERROR]).await;
    })
    .await;
}

#[tokio::test]
async fn an_upload_longer_than_it_said_is_no_upload_that_ended() {
    breaks_off(Some("6"), async |client| {
        client.data(flag::END_STREAM, 1, b" GET /smuggled HTTP/1.1").await;
        client.refuses(1, &[code::PROTOCOL_ERROR]).await;
    })
    .await;
}

/// The library passes a pseudo-field among trailers over: it goes nowhere.
#[tokio::test]
async fn a_pseudo_field_among_trailers_is_told_to_nobody() {
    let mut raw = Raw::new().await;
    raw.client.headers(flag::END_HEADERS, 1, &raw.client.post_with(&[("trailer", "x-after")])).await;
    raw.client.data(flag::NONE, 1, b"some").await;
    let trailers = crate::world::hpack::block(&[(":path", "/smuggled")]);
    raw.client.headers(flag::WHOLE, 1, &trailers).await;
    let (request, _stream) = raw.until(LAST_CHUNK).await;
    assert!(!request.contains("smuggled"), "{request}");
}
