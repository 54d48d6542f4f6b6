//! What TLS of today does not speak, sent byte by byte.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::Mounted;
use crate::world::World;

/// A client's first message by hand (RFC 5246 §7.4.1.2): what no library of today would send.
fn hello(version: [u8; 2], suites: &[u8], compression: &[u8]) -> Vec<u8> {
    let mut body = version.to_vec();
    body.extend([7; 32]);
    body.push(0);
    body.extend(u16::try_from(suites.len()).unwrap().to_be_bytes());
    body.extend(suites);
    body.push(u8::try_from(compression.len()).unwrap());
    body.extend(compression);
    // server_name localhost; supported_groups x25519 and P-256; signature_algorithms ECDSA and RSA with SHA-256.
    let extensions = b"\0\0\0\x0e\0\x0c\0\0\x09localhost\0\x0a\0\x06\0\x04\0\x1d\0\x17\0\x0b\0\x02\x01\0\0\x0d\0\x08\0\x06\x04\x03\x08\x04\x04\x01\0\x17\0\0";
    body.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
    body.extend(extensions);
    let mut message = vec![1, 0];
    message.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
    message.extend(body);
    let mut record = vec![22, 3, 1];
    record.extend(u16::try_from(message.len()).unwrap().to_be_bytes());
    record.extend(message);
    record
}

/// X-08, as far as bytes tell it.
#[tokio::test]
async fn old_versions_and_weak_suites_are_refused_with_their_alert() {
    const GOOD: &[u8] = b"\xc0\x2b\xc0\x2f";
    let mounted = Mounted::new(&["localhost"]);
    let world = World::with(|setup| mounted.set(setup)).await;
    for (version, suites, compression, answer) in [
        ([3, 3], GOOD, &[0][..], None),
        ([3, 3], GOOD, &[1, 0], None),
        // protocol_version
        ([3, 0], GOOD, &[0], Some(70)),
        ([3, 1], GOOD, &[0], Some(70)),
        ([3, 2], GOOD, &[0], Some(70)),
        // handshake_failure: RSA key exchange, 3DES, RC4, CBC, anonymous, NULL
        ([3, 3], b"\0\x2f\0\x9c", &[0], Some(40)),
        ([3, 3], b"\0\x0a\0\x05\xc0\x07", &[0], Some(40)),
        ([3, 3], b"\xc0\x09\xc0\x13\xc0\x23\xc0\x27", &[0], Some(40)),
        ([3, 3], b"\0\x34\0\x01\0\x3b", &[0], Some(40)),
        // illegal_parameter: nothing but compression
        ([3, 3], GOOD, &[1], Some(47)),
    ] {
        let mut stream = TcpStream::connect(world.address()).await.unwrap();
        stream.write_all(&hello(version, suites, compression)).await.unwrap();
        let mut record = [0; 7];
        stream.read_exact(&mut record).await.unwrap();
        match answer {
            None => {
                assert_eq!((record[0], record[5]), (22, 2), "{version:?} {suites:x?}: a hello");
                // Behind version, random and session: the suite, and no compression.
                let mut hello = vec![0; usize::from(u16::from_be_bytes([record[3], record[4]])) - 2];
                stream.read_exact(&mut hello).await.unwrap();
                let session = usize::from(hello[2 + 2 + 32]);
                let after = 2 + 2 + 32 + 1 + session;
                assert!(
                    GOOD.chunks(2).any(|suite| suite == &hello[after..after + 2]) && hello[after + 2] == 0,
                    "{hello:x?}"
                );
            }
            Some(alert) => assert_eq!((record[0], record[5], record[6]), (21, 2, alert), "{version:?} {suites:x?}"),
        }
    }
    let metrics = world.admin("/metrics").await.text();
    assert!(metrics.contains("tokigate_refused_connections_total{reason=\"tls_handshake\"} "), "{metrics}");
}
