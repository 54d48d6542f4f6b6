//! The header of the PROXY protocol: what a balancer that passes bytes on writes before the client's first (HAProxy's proxy-protocol.txt of
//! 2020/03/05, §2). Pure: bytes in, a verdict out; nothing behind the header is looked at.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What a connection's first bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// They can still become a header: read on.
    Begun,
    /// No header begins like this: another protocol's bytes.
    Other,
    /// A whole header of so many bytes.
    Header { length: usize, says: Source },
}

/// Whose connection it is, as the proxy says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Client(IpAddr),
    /// The proxy's own, which it opened for nobody: a health check (`LOCAL`).
    Proxy,
    /// Somebody's whom the proxy cannot name: `UNKNOWN`, `AF_UNSPEC`, `AF_UNIX`.
    Unnamed,
}

/// It began like a header and is none. The connection cannot be believed in anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadHeader {
    #[error("its first line is none of version 1 (§2.1)")]
    Line,
    #[error("its version or command is not known (§2.2)")]
    Version,
    #[error("its address family or protocol is not known (§2.2)")]
    Family,
    #[error("it is longer than {LONGEST} bytes")]
    TooLong,
    #[error("its lengths disagree (§2.2)")]
    Length,
    #[error("its checksum is wrong (§2.2.3)")]
    Checksum,
}

/// No header that is taken is longer. Version 1 ends within 107 bytes; of version 2 the addresses take 216 at most, and what balancers add to them a few
/// hundred.
pub const LONGEST: usize = V2_HEAD + 2048;

/// Reads what a connection begins with. `bytes`: all that came so far.
pub fn opening(bytes: &[u8]) -> Result<Opening, BadHeader> {
    if begins(bytes, V1_SIGNATURE) {
        if bytes.len() < V1_SIGNATURE.len() { Ok(Opening::Begun) } else { version_1(bytes) }
    } else if begins(bytes, V2_SIGNATURE) {
        if bytes.len() < V2_HEAD { Ok(Opening::Begun) } else { version_2(bytes) }
    } else {
        Ok(Opening::Other)
    }
}

/// As far as both go, they are the same.
fn begins(bytes: &[u8], signature: &[u8]) -> bool {
    bytes.iter().zip(signature).all(|(byte, expected)| byte == expected)
}

/// §2.1: `PROXY TCP4 <source> <destination> <source port> <destination port>` and CRLF, one space between them.
fn version_1(bytes: &[u8]) -> Result<Opening, BadHeader> {
    let head = &bytes[..bytes.len().min(V1_LONGEST)];
    let Some(end) = head.iter().position(|byte| matches!(byte, b'\r' | b'\n')) else {
        return if head.len() < V1_LONGEST { Ok(Opening::Begun) } else { Err(BadHeader::Line) };
    };
    let length = match &head[end..] {
        [b'\r', b'\n', ..] => end + 2,
        [b'\r'] if head.len() < V1_LONGEST => return Ok(Opening::Begun),
        _ => return Err(BadHeader::Line),
    };
    let line = &bytes[V1_SIGNATURE.len()..end];
    let says = if line == b"UNKNOWN" || line.starts_with(b"UNKNOWN ") {
        // "The receiver must ignore anything presented before the CRLF is found."
        Source::Unnamed
    } else {
        let line = std::str::from_utf8(line).map_err(|_| BadHeader::Line)?;
        let parts: Vec<&str> = line.split(' ').collect();
        let [family, source, destination, source_port, destination_port] = parts[..] else {
            return Err(BadHeader::Line);
        };
        let (source, _) = address(family, source).zip(address(family, destination)).ok_or(BadHeader::Line)?;
        if !is_port(source_port) || !is_port(destination_port) {
            return Err(BadHeader::Line);
        }
        Source::Client(source)
    };
    Ok(Opening::Header { length, says })
}

fn address(family: &str, text: &str) -> Option<IpAddr> {
    match family {
        "TCP4" => text.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
        "TCP6" => text.parse::<Ipv6Addr>().ok().map(|address| IpAddr::V6(address).to_canonical()),
        _ => None,
    }
}

/// "Exclusively represented as decimal … from 0 to 65535", without leading zeroes.
fn is_port(text: &str) -> bool {
    let plain = text == "0" || !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
    plain && text.parse::<u16>().is_ok()
}

/// §2.2: signature, version and command, family and protocol, length, addresses, and what else the proxy has to say (TLVs).
fn version_2(bytes: &[u8]) -> Result<Opening, BadHeader> {
    let (head, rest) = bytes.split_at(V2_HEAD);
    let length = usize::from(u16::from_be_bytes([head[14], head[15]]));
    let local = match head[12] {
        0x20 => true,
        0x21 => false,
        _ => return Err(BadHeader::Version),
    };
    let (family, protocol) = (head[13] >> 4, head[13] & 0x0f);
    if family > 3 || protocol > 2 {
        return Err(BadHeader::Family);
    }
    if V2_HEAD + length > LONGEST {
        return Err(BadHeader::TooLong);
    }
    let Some(body) = rest.get(..length) else { return Ok(Opening::Begun) };
    let header = &bytes[..V2_HEAD + length];
    let says = match (family, body) {
        // "The receiver must accept this connection as valid and must use the real connection endpoints and discard the protocol block."
        (_, _) if local => Source::Proxy,
        (0, _) => Source::Unnamed,
        (1, [a, b, c, d, _, _, _, _, _, _, _, _, ..]) => {
            check_additions(header, V2_HEAD + 12)?;
            named(protocol, IpAddr::from([*a, *b, *c, *d]))
        }
        (2, _) => {
            let source: [u8; 16] = body.get(..16).and_then(|source| source.try_into().ok()).ok_or(BadHeader::Length)?;
            check_additions(header, V2_HEAD + 36)?;
            named(protocol, IpAddr::from(source).to_canonical())
        }
        (3, _) => {
            check_additions(header, V2_HEAD + 216)?;
            Source::Unnamed
        }
        (_, _) => return Err(BadHeader::Length),
    };
    Ok(Opening::Header { length: header.len(), says })
}

/// Of no known protocol "the receiver should ignore the address information".
fn named(protocol: u8, address: IpAddr) -> Source {
    if protocol == 0 { Source::Unnamed } else { Source::Client(address) }
}

/// Goes over the type-length-values from `start` to the header's end, and verifies the checksum where there is one (§2.2.3).
fn check_additions(header: &[u8], start: usize) -> Result<(), BadHeader> {
    let mut at = start;
    let mut checked = false;
    if header.len() < start {
        return Err(BadHeader::Length);
    }
    while at < header.len() {
        let [kind, high, low] = header[at..].first_chunk().copied().ok_or(BadHeader::Length)?;
        let value = at + 3..at + 3 + usize::from(u16::from_be_bytes([high, low]));
        let sum = header.get(value.clone()).ok_or(BadHeader::Length)?;
        if kind == TYPE_CRC32C {
            let sum: [u8; 4] = sum.try_into().map_err(|_| BadHeader::Length)?;
            if std::mem::replace(&mut checked, true) || crc32c(header, value.start) != u32::from_be_bytes(sum) {
                return Err(BadHeader::Checksum);
            }
        }
        at = value.end;
    }
    Ok(())
}

/// CRC-32C (RFC 3309) of the header with the four bytes at `sum`, where the checksum itself stands, as zeroes.
fn crc32c(header: &[u8], sum: usize) -> u32 {
    let byte = |(at, byte): (usize, &u8)| if (sum..sum + 4).contains(&at) { 0 } else { *byte };
    let step = |crc: u32, byte: u8| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg()))
    };
    !header.iter().enumerate().map(byte).fold(u32::MAX, step)
}

const V1_SIGNATURE: &[u8] = b"PROXY ";
/// With its CRLF: two of the longest IPv6 addresses and ports (§2.1).
const V1_LONGEST: usize = 107;
const V2_SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const V2_HEAD: usize = 16;
const TYPE_CRC32C: u8 = 0x03;

#[cfg(test)]
mod tests;
