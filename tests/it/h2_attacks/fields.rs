//! N-02 to N-06, and Appendix A: heads that HTTP/1.1 would read otherwise.

use crate::world::Client;
use crate::world::frames::{Event, code, flag, kind};
use crate::world::hpack::literal;

/// A name and a value.
type Field<'a> = (&'a [u8], &'a [u8]);

/// Pseudo-fields of a GET; `None` leaves one out.
struct Head {
    method: &'static [u8],
    scheme: &'static [u8],
    path: &'static [u8],
    authority: Option<&'static [u8]>,
}

/// What is well, but for what is changed.
const WELL: Head = Head { method: b"GET", scheme: b"http", path: b"/deep/attacked", authority: None };

impl Head {
    fn block(&self, host: &str, fields: &[Field<'_>]) -> Vec<u8> {
        let ours = [
            (&b":method"[..], self.method),
            (b":scheme", self.scheme),
            (b":path", self.path),
            (b":authority", self.authority.unwrap_or(host.as_bytes())),
        ];
        ours.iter().chain(fields).flat_map(|(name, value)| literal(name, value)).collect()
    }
}

/// 400, or an error; the application sees nothing, and the connection, or the next one, goes on.
async fn refused(what: &str, client: &mut Client, stream: u32, head: &[u8]) {
    client.headers(flag::WHOLE, stream, head).await;
    loop {
        match client.next().await {
            Event::Frame(frame) if frame.kind == kind::HEADERS && frame.stream == stream => {
                let status = crate::world::hpack::status(&frame.payload);
                assert!(matches!(status, 400 | 405), "{what}: {status}");
                break;
            }
            Event::Frame(frame) if frame.kind == kind::RST_STREAM && frame.stream == stream => {
                assert_eq!(frame.code(), code::PROTOCOL_ERROR, "{what}");
                break;
            }
            Event::Frame(frame) if frame.kind == kind::GOAWAY => {
                assert_eq!(frame.code(), code::PROTOCOL_ERROR, "{what}");
                client.ends().await;
                client.come_again().await;
                break;
            }
            Event::Frame(_) => {}
            ended => panic!("{what}: {ended:?} after {:#?}", client.seen()),
        }
    }
    client.lives().await;
    assert_eq!(client.world.seen(), [""; 0], "{what}");
}

/// A request with these fields beside what is well.
async fn all_refused(cases: &[(&str, &[Field<'_>])]) {
    let mut client = Client::new().await;
    let host = client.world.setup.host();
    let mut stream = 1;
    for (what, fields) in cases {
        refused(what, &mut client, stream, &WELL.block(&host, fields)).await;
        stream += 2;
    }
    client.headers(flag::WHOLE, stream, &WELL.block(&host, &[])).await;
    client.answers(stream).await;
}

#[tokio::test]
async fn what_frames_a_body_in_http_1_frames_none_here() {
    all_refused(&[
        ("chunked", &[(b"transfer-encoding", b"chunked")]),
        ("identity", &[(b"transfer-encoding", b"identity")]),
        ("connection", &[(b"connection", b"x")]),
        ("a field's name there", &[(b"connection", b"x-user, close"), (b"x-user", b"1")]),
        ("keep-alive", &[(b"keep-alive", b"timeout=5")]),
        ("proxy-connection", &[(b"proxy-connection", b"keep-alive")]),
        ("upgrade", &[(b"upgrade", b"websocket")]),
        ("te", &[(b"te", b"gzip")]),
        ("te beside trailers", &[(b"te", b"trailers, chunked")]),
        ("two lengths", &[(b"content-length", b"0"), (b"content-length", b"5")]),
        ("no number", &[(b"content-length", b"+0")]),
        ("below nothing", &[(b"content-length", b"-1")]),
        ("a list", &[(b"content-length", b"0, 0")]),
        ("beyond 64 bits", &[(b"content-length", b"18446744073709551616")]),
        ("a length, and no body", &[(b"content-length", b"5")]),
    ])
    .await;
}

#[tokio::test]
async fn lines_do_not_end_within_a_field() {
    all_refused(&[
        ("CR LF in a value", &[(b"x-a", b"1\r\nx-user: 2")]),
        ("LF in a value", &[(b"x-a", b"1\nx-user: 2")]),
        ("CR in a value", &[(b"x-a", b"1\rx-user: 2")]),
        ("NUL in a value", &[(b"x-a", b"1\x002")]),
        ("another control in a value", &[(b"x-a", b"1\x0b2")]),
        ("CR LF in a name", &[(b"x-a\r\nx-user", b"2")]),
        ("NUL in a name", &[(b"x-a\0", b"2")]),
        ("a colon in a name", &[(b"x-a: 1", b"2")]),
        ("a space in a name", &[(b"x-a ", b"2")]),
        ("upper case in a name", &[(b"X-a", b"2")]),
        ("beyond ASCII in a name", &[(b"x-\xc3\xa9", b"2")]),
        ("no name", &[(b"", b"2")]),
    ])
    .await;
}

#[tokio::test]
async fn a_value_neither_begins_nor_ends_with_a_space() {
    all_refused(&[
        ("a space before", &[(b"x-a", b" 1")]),
        ("a space after", &[(b"x-a", b"1 ")]),
        ("a tab before", &[(b"x-a", b"\t1")]),
        ("a tab after", &[(b"x-a", b"1\t")]),
        ("nothing but a space", &[(b"x-a", b" ")]),
        ("in a cookie's crumb", &[(b"cookie", b"a=1"), (b"cookie", b" b=2")]),
    ])
    .await;
}

#[tokio::test]
async fn a_request_has_one_host() {
    all_refused(&[
        ("another", &[(b"host", b"evil.example")]),
        ("another port", &[(b"host", b"localhost:1")]),
        ("two", &[(b"host", b"localhost"), (b"host", b"evil.example")]),
        ("none that can be read", &[(b"host", b"a b/@")]),
        ("user information", &[(b"host", b"user@localhost")]),
    ])
    .await;
}

#[tokio::test]
async fn pseudo_fields_are_what_http_1_could_have_said() {
    let heads = [
        ("CR LF in the path", Head { path: b"/a HTTP/1.1\r\nx: 1", ..WELL }),
        ("NUL in the path", Head { path: b"/a\0b", ..WELL }),
        ("a space in the path", Head { path: b"/a b", ..WELL }),
        ("no slash", Head { path: b"deep/attacked", ..WELL }),
        ("an asterisk for GET", Head { path: b"*", ..WELL }),
        ("a whole URL", Head { path: b"http://evil.example/deep/attacked", ..WELL }),
        ("CR LF in the method", Head { method: b"GET / HTTP/1.1\r\n\r\nGET", ..WELL }),
        ("a space in the method", Head { method: b"GET /x", ..WELL }),
        ("no method", Head { method: b"", ..WELL }),
        ("CR LF in the authority", Head { authority: Some(b"localhost\r\nx: 1"), ..WELL }),
        ("user information", Head { authority: Some(b"user@localhost"), ..WELL }),
        ("a path in the authority", Head { authority: Some(b"localhost/deep"), ..WELL }),
        ("an authority of nothing", Head { authority: Some(b""), ..WELL }),
        ("CR LF in the scheme", Head { scheme: b"http\r\nx: 1", ..WELL }),
        ("a scheme of nothing", Head { scheme: b"", ..WELL }),
        ("another scheme", Head { scheme: b"ftp", ..WELL }),
    ];
    for (what, head) in heads {
        let mut client = Client::new().await;
        let block = head.block(&client.world.setup.host(), &[]);
        refused(what, &mut client, 1, &block).await;
    }
}

/// N-06.
#[tokio::test]
async fn nobody_gets_a_tunnel() {
    let mut client = Client::new().await;
    let connect = [literal(b":method", b"CONNECT"), literal(b":authority", b"evil.example:443")].concat();
    refused("CONNECT", &mut client, 1, &connect).await;
    let host = client.world.setup.host();
    let with_path = Head { method: b"CONNECT", ..WELL }.block(&host, &[]);
    refused("CONNECT with a path", &mut client, 3, &with_path).await;
    let trace = Head { method: b"TRACE", ..WELL }.block(&host, &[]);
    refused("TRACE", &mut client, 5, &trace).await;
}

#[tokio::test]
async fn the_application_reads_one_host_one_cookie_line_and_no_fragment() {
    let mut client = Client::new().await;
    let host = client.world.setup.host();
    let fields: [Field<'_>; 3] = [(b"host", host.as_bytes()), (b"cookie", b"a=1"), (b"cookie", b"b=2")];
    let head = Head { path: b"/deep/attacked?x=1#/admin", ..WELL }.block(&host, &fields);
    client.headers(flag::WHOLE, 1, &head).await;
    client.answers(1).await;
    let seen = client.world.app.requests().last().unwrap();
    assert_eq!(seen.target, "/deep/attacked?x=1");
    assert_eq!(seen.lines("cookie"), ["a=1; b=2"]);
    assert_eq!(seen.lines("host").len(), 1);
}
