//! Handshake: TLS from a client's first byte to the first of its request.

use rustls::ServerConnection;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsStream};

use super::End;
use super::first_bytes::{look, patiently};
use super::refused::Refused;
use crate::server::answer;
use crate::server::arrival::Agreed;
use crate::server::tls::{self, Secured, Tls};
use crate::server::worker::Floor;
use crate::upstream::Stream;

/// `limits.header_timeout` is for the first byte, since clients of TLS speak first and at once, and again from there for the whole handshake.
pub async fn shake_hands(stream: TcpStream, tls: &Tls, floor: &Floor) -> Result<(Stream, Agreed, Secured), End> {
    let within = floor.limits.header_timeout;
    let stream = Stream::Tcp(stream);
    let mut first = [0];
    match patiently(floor, within, look(&stream, 0, &mut first)).await {
        Some(Ok(1..)) => {}
        Some(Ok(0) | Err(_)) | None => return Err(End::Gone),
    }
    if first[0] != HANDSHAKE {
        return Err(speaks_something_else(stream, first[0]));
    }
    let Stream::Tcp(stream) = stream else { return Err(End::Gone) };
    let mut current = tls.current();
    let config = current.borrow_and_update().config.clone();
    let accept = TlsAcceptor::from(config).accept(stream).into_fallible();
    let stream = match timeout(within, accept).await {
        Err(_) => return Err(End::Refused(Refused::HandshakeLate(within))),
        Ok(Err((error, stream))) => {
            // The alert that says why has gone out; it is to arrive, too.
            return Err(End::Told(Refused::Handshake(error.to_string()), Stream::Tcp(stream), b""));
        }
        Ok(Ok(stream)) => stream,
    };
    let connection: &ServerConnection = stream.get_ref().1;
    let agreed = tls::agreed(connection);
    match tls.secured(current, connection) {
        Ok(secured) => Ok((Stream::Tls(Box::new(TlsStream::Server(stream))), agreed, secured)),
        Err(error) => {
            let stream = Stream::Tls(Box::new(TlsStream::Server(stream)));
            Err(End::Told(Refused::ClientCertificate(error), stream, b""))
        }
    }
}

/// Who speaks HTTP is told what is wrong, in HTTP.
fn speaks_something_else(stream: Stream, first: u8) -> End {
    if first.is_ascii_uppercase() {
        End::Told(Refused::PlainHttp, stream, answer::PLAIN_HTTP)
    } else {
        End::Refused(Refused::NoHandshake)
    }
}

/// The content type of a record that begins a handshake (RFC 8446 §5.1).
const HANDSHAKE: u8 = 22;
