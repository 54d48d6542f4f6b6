//! TLS towards clients: certificates by name, tickets, client certificates, all of it read again when the files change.

mod certificates;
mod clients;
mod tickets;

use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConnection;
use rustls::pki_types::UnixTime;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, ServerConfig};
use rustls::time_provider::TimeProvider;
use tokio::sync::watch;

use self::certificates::Certificates;
use self::tickets::{Ticketer, Tickets};
use super::arrival::Agreed;
use crate::clock::Clock;
use crate::config::tls::{BadTls, Settings};
use crate::files::Files;
use crate::telemetry::metrics::Metrics;
use crate::tls;

pub use clients::{Secured, Shown};

/// One for all listeners and workers.
pub struct Tls {
    settings: Settings,
    clock: Clock,
    tickets: Arc<Tickets>,
    current: watch::Sender<Arc<Current>>,
}

/// What a new connection is taken with. Those that stand keep what they were taken with, as long as it would let their client in.
pub struct Current {
    pub config: Arc<ServerConfig>,
    /// There where clients have to show a certificate.
    clients: Option<Arc<dyn ClientCertVerifier>>,
}

impl Tls {
    /// And who looks after it while the process lives.
    pub fn new(settings: Settings, clock: Clock) -> Result<(Arc<Tls>, Keeper), BadTls> {
        let certificates = Files::new("tls", "certificates", settings.certificates());
        let keys = Files::new("tls", "ticket keys", settings.ticket_keys.iter().cloned().collect());
        let tickets = Arc::new(match &settings.ticket_keys {
            Some(file) => Tickets::of(BadTls::ticket_keys(file)?, clock.clone()),
            None => Tickets::for_this_process(clock.clone()),
        });
        let current = watch::Sender::new(Arc::new(Current::read(&settings, &clock, &tickets)?));
        let tls = Arc::new(Tls { settings, clock, tickets, current });
        Ok((Arc::clone(&tls), Keeper { tls, certificates, keys }))
    }

    /// And what comes after it.
    pub fn current(&self) -> watch::Receiver<Arc<Current>> {
        self.current.subscribe()
    }

    fn read_certificates(&self) -> Result<(), BadTls> {
        self.current.send_replace(Arc::new(Current::read(&self.settings, &self.clock, &self.tickets)?));
        Ok(())
    }

    fn read_ticket_keys(&self) -> Result<(), BadTls> {
        if let Some(file) = &self.settings.ticket_keys {
            self.tickets.replace(BadTls::ticket_keys(file)?);
        }
        Ok(())
    }
}

/// Sees what becomes of the files.
pub struct Keeper {
    tls: Arc<Tls>,
    certificates: Files,
    keys: Files,
}

impl Keeper {
    pub fn look(&mut self, metrics: &Metrics) {
        let Keeper { tls, certificates, keys } = self;
        certificates.look(metrics, || tls.read_certificates());
        keys.look(metrics, || tls.read_ticket_keys());
        tls.tickets.rotate();
    }
}

impl Current {
    fn read(settings: &Settings, clock: &Clock, tickets: &Arc<Tickets>) -> Result<Current, BadTls> {
        let pairs = settings.read_pairs()?;
        let clients = settings.read_client_ca()?;
        // A ticket of one who showed no certificate, or one of another authority, opens nothing here: the handshake is a full one then.
        let ticketer = Ticketer::new(Arc::clone(tickets), clients.as_ref());
        let revoked = settings.read_client_crl()?;
        let clients = clients.map(|clients| clients::verifier(clients, revoked)).transpose()?;
        let provider = Arc::new(tls::cryptography());
        let builder = ServerConfig::builder_with_details(provider, Arc::new(Time(clock.clone())))
            .with_safe_default_protocol_versions()
            .expect("the library's own algorithms serve the library's own versions");
        let builder = match &clients {
            Some(verifier) => builder.with_client_cert_verifier(Arc::clone(verifier)),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(Arc::new(Certificates::new(pairs)));
        config.alpn_protocols = ALPN.map(<[u8]>::to_vec).into();
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.ticketer = Arc::new(ticketer);
        // Without it a TLS 1.2 session can be made to look like another's (RFC 7627 §1); no client of today lacks it.
        config.require_ems = true;
        Ok(Current { config: Arc::new(config), clients })
    }
}

/// What ALPN came to (RFC 7301); who offers nothing speaks HTTP/1.1 (RFC 9113 §3.2).
pub fn agreed(connection: &ServerConnection) -> Agreed {
    if connection.alpn_protocol() == Some(HTTP_2) { Agreed::Http2 } else { Agreed::Http1 }
}

/// The library's sense of time is ours.
#[derive(Clone)]
struct Time(Clock);

impl std::fmt::Debug for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Time")
    }
}

impl TimeProvider for Time {
    fn current_time(&self) -> Option<UnixTime> {
        Some(unix_time(&self.0))
    }
}

fn unix_time(clock: &Clock) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_millis(clock.now().unix_millis()))
}

/// In the order of preference.
const ALPN: [&[u8]; 2] = [HTTP_2, HTTP_1];
const HTTP_2: &[u8] = b"h2";
const HTTP_1: &[u8] = b"http/1.1";
