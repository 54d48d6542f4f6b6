//! Handshake: TLS from a client's first byte to the first of its request.

use std::io;

use rustls::{AlertDescription, PeerIncompatible, ServerConnection};
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
            return Err(End::Told(Refused::Handshake(explain(&error)), Stream::Tcp(stream), b""));
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

/// In words that say whose fault it is, for what is met most.
fn explain(error: &io::Error) -> String {
    use rustls::Error;
    match error.get_ref().and_then(|cause| cause.downcast_ref::<Error>()) {
        Some(Error::NoCertificatesPresented) => {
            "the client shows no certificate, and tls.client_ca_file demands one".to_owned()
        }
        Some(Error::AlertReceived(
            alert @ (AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown),
        )) => format!("the client does not take the certificate that it is shown ({alert:?})"),
        Some(Error::PeerIncompatible(
            why @ (PeerIncompatible::SignatureAlgorithmsExtensionRequired
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled),
        )) => format!("the client is too old: it offers no TLS 1.2 or 1.3 that can be spoken ({why:?})"),
        _ => error.to_string(),
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What is not put into words stays as the library says it: operators look for `Revoked`.
    #[test]
    fn a_failure_says_whose_it_is() {
        use rustls::{CertificateError, Error};
        let said = |error| explain(&io::Error::new(io::ErrorKind::InvalidData, error));
        assert!(said(Error::NoCertificatesPresented).contains("tls.client_ca_file"));
        let alert = said(Error::AlertReceived(AlertDescription::UnknownCA));
        assert!(alert.contains("does not take the certificate") && alert.ends_with("(UnknownCA)"), "{alert}");
        let old = said(Error::PeerIncompatible(PeerIncompatible::Tls12NotOffered));
        assert!(old.contains("too old") && old.ends_with("(Tls12NotOffered)"), "{old}");
        let revoked = said(Error::InvalidCertificate(CertificateError::Revoked));
        assert!(revoked.contains("Revoked"), "{revoked}");
        assert_eq!(explain(&io::ErrorKind::UnexpectedEof.into()), "unexpected end of file");
    }
}
