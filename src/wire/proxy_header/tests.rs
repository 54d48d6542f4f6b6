//! What is a header, what is none, and what is not yet one.

use proptest::prelude::*;

use super::*;

fn line(text: &str) -> Result<Opening, BadHeader> {
    opening(text.as_bytes())
}

fn says(bytes: &[u8]) -> Source {
    match opening(bytes) {
        Ok(Opening::Header { length, says }) => {
            assert_eq!(length, bytes.len());
            says
        }
        other => panic!("{other:?}"),
    }
}

fn client(text: &str) -> Source {
    Source::Client(text.parse().unwrap())
}

/// Version 2, written from §2.2 by hand.
fn second(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let mut header = b"\x0D\x0A\x0D\x0A\x00\x0D\x0A\x51\x55\x49\x54\x0A".to_vec();
    header.extend([0x20 | command, family]);
    header.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
    header.extend(body);
    header
}

const INET: [u8; 12] = [192, 0, 2, 7, 198, 51, 100, 1, 0xc0, 0, 0x01, 0xbb];

fn inet6() -> Vec<u8> {
    let mut body: Vec<u8> = "2001:db8::7".parse::<Ipv6Addr>().unwrap().octets().to_vec();
    body.extend("2001:db8::1".parse::<Ipv6Addr>().unwrap().octets());
    body.extend([0xc0, 0, 0x01, 0xbb]);
    body
}

fn with(body: &[u8], additions: &[(u8, &[u8])]) -> Vec<u8> {
    let mut body = body.to_vec();
    for (kind, value) in additions {
        body.push(*kind);
        body.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
        body.extend(*value);
    }
    body
}

#[test]
fn version_1_names_the_client() {
    assert_eq!(says(b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n"), client("192.0.2.7"));
    assert_eq!(says(b"PROXY TCP6 2001:db8::7 2001:db8::1 0 65535\r\n"), client("2001:db8::7"));
    assert_eq!(says(b"PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2\r\n"), client("192.0.2.7"));
    assert_eq!(says(b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"), client("255.255.255.255"));
}

/// The longest there is, from §2.1.
#[test]
fn version_1_may_be_107_bytes_long_and_no_longer() {
    let longest = "PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n"
        .replace("f...f", "ffff:ffff:ffff:ffff:ffff:ffff");
    assert_eq!(longest.len(), 107);
    assert_eq!(says(longest.as_bytes()), Source::Unnamed);
    let longer = longest.replace("\r\n", "1\r\n");
    assert_eq!(line(&longer), Err(BadHeader::Line));
    assert_eq!(line(&longer[..106]), Ok(Opening::Begun));
    assert_eq!(line(&longer[..107]), Err(BadHeader::Line));
}

#[test]
fn a_proxy_that_does_not_know_names_nobody_whatever_else_it_says() {
    for text in [
        "PROXY UNKNOWN\r\n",
        "PROXY UNKNOWN \r\n",
        "PROXY UNKNOWN 192.0.2.7 192.0.2.1 1 2\r\n",
        "PROXY UNKNOWN \u{0}\u{7}?\r\n",
    ] {
        assert_eq!(says(text.as_bytes()), Source::Unnamed, "{text:?}");
    }
}

#[test]
fn what_is_almost_version_1_is_refused() {
    for text in [
        "PROXY \r\n",
        "PROXY TCP4\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 56324\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 56324 443 \r\n",
        "PROXY TCP4  192.0.2.7 198.51.100.1 56324 443\r\n",
        "PROXY TCP4\t192.0.2.7 198.51.100.1 56324 443\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 56324 65536\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 056 443\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 +56 443\r\n",
        "PROXY TCP4 192.0.2.07 198.51.100.1 56 443\r\n",
        "PROXY TCP4 192.0.2 198.51.100.1 56 443\r\n",
        "PROXY TCP4 ::1 ::1 56 443\r\n",
        "PROXY TCP4 192.0.2.7 ::1 56 443\r\n",
        "PROXY TCP6 192.0.2.7 198.51.100.1 56 443\r\n",
        "PROXY TCP6 [::1] [::1] 56 443\r\n",
        "PROXY TCP6 fe80::1%eth0 ::1 56 443\r\n",
        "PROXY TCP5 192.0.2.7 198.51.100.1 56 443\r\n",
        "PROXY tcp4 192.0.2.7 198.51.100.1 56 443\r\n",
        "PROXY UNKNOWNS\r\n",
        "PROXY UNKNOWN\n",
        "PROXY UNKNOWN\rX",
        "PROXY TCP4 192.0.2.7 198.51.100.1 56 443\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 56\r443\r\n",
    ] {
        assert_eq!(line(text), Err(BadHeader::Line), "{text:?}");
    }
}

#[test]
fn version_2_names_the_client() {
    assert_eq!(says(&second(1, 0x11, &INET)), client("192.0.2.7"));
    assert_eq!(says(&second(1, 0x21, &inet6())), client("2001:db8::7"));
    // A client that came by QUIC.
    assert_eq!(says(&second(1, 0x12, &INET)), client("192.0.2.7"));
    let mut mapped = inet6();
    mapped[..16].copy_from_slice(&"::ffff:192.0.2.7".parse::<Ipv6Addr>().unwrap().octets());
    assert_eq!(says(&second(1, 0x21, &mapped)), client("192.0.2.7"));
}

#[test]
fn a_connection_of_the_proxys_own_is_the_proxys_whatever_else_it_says() {
    for body in [&[][..], &INET, b"anything", &with(&INET, &[(TYPE_CRC32C, &[0; 4])])] {
        assert_eq!(says(&second(0, 0x00, body)), Source::Proxy);
        assert_eq!(says(&second(0, 0x11, body)), Source::Proxy);
    }
}

#[test]
fn families_without_an_address_of_the_network_name_nobody() {
    assert_eq!(says(&second(1, 0x00, &[])), Source::Unnamed);
    assert_eq!(says(&second(1, 0x00, b"skipped")), Source::Unnamed);
    assert_eq!(says(&second(1, 0x31, &[b'/'; 216])), Source::Unnamed);
    assert_eq!(says(&second(1, 0x10, &INET)), Source::Unnamed);
}

#[test]
fn what_is_almost_version_2_is_refused() {
    let header = |twelfth, thirteenth| {
        let mut header = second(1, 0x11, &INET);
        (header[12], header[13]) = (twelfth, thirteenth);
        opening(&header)
    };
    for byte in [0x11, 0x31, 0x01, 0x22, 0x2f] {
        assert_eq!(header(byte, 0x11), Err(BadHeader::Version), "{byte:x}");
    }
    for byte in [0x41, 0x13, 0xf0, 0x1f] {
        assert_eq!(header(0x21, byte), Err(BadHeader::Family), "{byte:x}");
    }
    assert_eq!(opening(&second(1, 0x11, &INET[..11])), Err(BadHeader::Length));
    assert_eq!(opening(&second(1, 0x21, &inet6()[..35])), Err(BadHeader::Length));
    assert_eq!(opening(&second(1, 0x21, &inet6()[..15])), Err(BadHeader::Length));
    assert_eq!(opening(&second(1, 0x31, &[b'/'; 215])), Err(BadHeader::Length));
    for cut in 1..6 {
        let body = with(&INET, &[(4, b"nop")]);
        assert_eq!(opening(&second(1, 0x11, &body[..body.len() - cut])), Err(BadHeader::Length), "{cut}");
    }
}

#[test]
fn a_length_beyond_the_limit_is_refused_before_anything_of_it_has_come() {
    let longest = with(&INET, &[(4, &[0; LONGEST - 16 - 12 - 3])]);
    assert_eq!(says(&second(1, 0x11, &longest)), client("192.0.2.7"));
    let longer = with(&INET, &[(4, &[0; LONGEST - 16 - 12 - 2])]);
    assert_eq!(opening(&second(1, 0x11, &longer)[..16]), Err(BadHeader::TooLong));
}

/// The check value of RFC 3720 §B.4 over 32 zeroes, and of "123456789".
#[test]
fn the_checksum_is_crc_32c() {
    assert_eq!(crc32c(&[0; 32], 0), 0x8a91_36aa);
    assert_eq!(crc32c(b"123456789", 100), 0xe306_9283);
}

#[test]
fn a_checksum_that_is_there_must_be_right() {
    let mut header = second(1, 0x11, &with(&INET, &[(4, b"nop"), (TYPE_CRC32C, &[0; 4]), (2, b"app.example.mn")]));
    let at = 16 + 12 + 6 + 3;
    assert_eq!(opening(&header), Err(BadHeader::Checksum));
    let sum = crc32c(&header, at).to_be_bytes();
    header[at..at + 4].copy_from_slice(&sum);
    assert_eq!(says(&header), client("192.0.2.7"));
    for bit in 0..header.len() * 8 {
        let mut changed = header.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        if let Ok(Opening::Header { says, .. }) = opening(&changed) {
            // What says that nothing behind it counts, says so of the checksum, too.
            assert!(matches!(says, Source::Proxy | Source::Unnamed) || bit / 8 == at - 3, "bit {bit}: {says:?}");
        }
    }
    let twice = second(1, 0x11, &with(&INET, &[(TYPE_CRC32C, &[0; 4]), (TYPE_CRC32C, &[0; 4])]));
    assert_eq!(opening(&twice), Err(BadHeader::Checksum));
    assert_eq!(opening(&second(1, 0x11, &with(&INET, &[(TYPE_CRC32C, &[0; 3])]))), Err(BadHeader::Length));
}

#[test]
fn other_protocols_are_no_header() {
    for bytes in [
        &b"GET / HTTP/1.1\r\n"[..],
        b"POST / HTTP/1.1",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"PROXIED / HTTP/1.1",
        b"proxy TCP4",
        b"\r\nGET / HTTP/1.1",
        b"\r\n\r\nGET",
        b"\x16\x03\x01\x02\x00\x01",
    ] {
        assert_eq!(opening(bytes), Ok(Opening::Other), "{bytes:?}");
    }
    assert_eq!(opening(b""), Ok(Opening::Begun));
}

fn an_address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![any::<[u8; 4]>().prop_map(IpAddr::from), any::<[u8; 16]>().prop_map(IpAddr::from)]
}

fn additions() -> impl Strategy<Value = Vec<(u8, Vec<u8>)>> {
    let kinds = any::<u8>().prop_filter("no checksum", |kind| *kind != TYPE_CRC32C);
    prop::collection::vec((kinds, prop::collection::vec(any::<u8>(), 0..40)), 0..6)
}

/// A header as a proxy would write it, and what it says.
fn header() -> impl Strategy<Value = (Vec<u8>, Source)> {
    let first = (an_address(), any::<u16>()).prop_map(|(source, port)| {
        let text = match source {
            IpAddr::V4(_) => format!("PROXY TCP4 {source} 198.51.100.1 {port} 443\r\n"),
            IpAddr::V6(_) => format!("PROXY TCP6 {source} 2001:db8::1 {port} 443\r\n"),
        };
        (text.into_bytes(), Source::Client(source.to_canonical()))
    });
    let second = (an_address(), 1..3u8, additions()).prop_map(|(source, protocol, additions)| {
        let (family, mut body) = match source {
            IpAddr::V4(source) => {
                (0x10, INET.map(|_| 0).to_vec().tap(|body| body[..4].copy_from_slice(&source.octets())))
            }
            IpAddr::V6(source) => (0x20, vec![0; 36].tap(|body| body[..16].copy_from_slice(&source.octets()))),
        };
        for (kind, value) in &additions {
            body = with(&body, &[(*kind, value)]);
        }
        (self::second(1, family | protocol, &body), Source::Client(source.to_canonical()))
    });
    prop_oneof![first, second]
}

trait Tap: Sized {
    fn tap(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

impl Tap for Vec<u8> {}

proptest! {
    #[test]
    fn of_every_header_each_part_asks_for_more_and_what_follows_changes_nothing(
        (header, expected) in header(),
        rest in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        for end in 0..header.len() {
            prop_assert_eq!(opening(&header[..end]), Ok(Opening::Begun), "{} of {}", end, header.len());
        }
        let all = [&header[..], &rest].concat();
        prop_assert_eq!(opening(&all), Ok(Opening::Header { length: header.len(), says: expected }));
    }

    /// A verdict, once given, stands however much more comes; and the length is always of bytes that are there.
    #[test]
    fn no_verdict_is_taken_back(
        start in prop_oneof![Just(&b"PROXY "[..]), Just(&b"PROXY TCP4 1.2.3.4 "[..]), Just(&b"\r\n\r\n\0\r\nQUIT\n"[..]), Just(&b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0"[..]), Just(&b""[..])],
        rest in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(b" \r\n0123456789.:ABC\0\x03\x04\x0c\x21\x11".to_vec())], 0..160),
    ) {
        let bytes = [start, &rest].concat();
        let mut before = Ok(Opening::Begun);
        for end in 0..=bytes.len() {
            let now = opening(&bytes[..end]);
            if before != Ok(Opening::Begun) {
                prop_assert_eq!(now, before, "at {}", end);
            }
            if let Ok(Opening::Header { length, .. }) = now {
                prop_assert!(length <= end && length <= LONGEST);
            }
            before = now;
        }
        prop_assert!(bytes.len() < 107 || before != Ok(Opening::Begun) || bytes.starts_with(b"\r"));
    }
}
