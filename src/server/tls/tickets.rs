//! Tickets: what a client keeps of its session, sealed, and resumes it with (RFC 8446 §4.6.1, RFC 5077). One ring for all workers, and with
//! `ticket_key_file` for all replicas.
//!
//! A ticket is `version | key id (4) | salt (16) | nonce (12) | ciphertext | tag (16)`: AES-256-GCM under a key that HKDF derives for it alone, so that no
//! number of tickets wears a key out. What is sealed begins with the moment it was sealed at.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aes_gcm::aead::{AeadCore, AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce, Tag};
use arc_swap::ArcSwap;
use hkdf::Hkdf;
use rustls::RootCertStore;
use rustls::server::ProducesTickets;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::clock::{Clock, Timestamp};
use crate::oidc::Secret;

/// The keys of all tickets.
pub struct Tickets {
    ring: ArcSwap<Ring>,
    clock: Clock,
}

struct Ring {
    /// The first seals, all open; never empty.
    keys: Vec<Key>,
    /// When the first is to be replaced; `None`: whoever writes the file says when.
    turns: Option<Timestamp>,
}

#[derive(Clone)]
struct Key {
    id: [u8; KEY_ID],
    derived: Hkdf<Sha256>,
}

impl Tickets {
    /// Of `ticket_key_file`.
    pub fn of(keys: Vec<Secret<[u8; 32]>>, clock: Clock) -> Tickets {
        Tickets { ring: ArcSwap::from_pointee(Ring::of(&keys)), clock }
    }

    /// Keys that nobody else has, and that are replaced as often as a ticket lives.
    pub fn for_this_process(clock: Clock) -> Tickets {
        let turns = Some(clock.now() + LIFETIME);
        Tickets { ring: ArcSwap::from_pointee(Ring { keys: vec![Key::random()], turns }), clock }
    }

    /// A key that is no longer among them opens nothing any more.
    pub fn replace(&self, keys: Vec<Secret<[u8; 32]>>) {
        self.ring.store(Arc::new(Ring::of(&keys)));
    }

    /// Of keys of this process: puts a new one in front when it is time. What the last one sealed runs out with it.
    pub fn rotate(&self) {
        let (ring, now) = (self.ring.load(), self.clock.now());
        if ring.turns.is_some_and(|turns| turns <= now) {
            let keys = std::iter::once(Key::random()).chain(ring.keys.first().cloned()).collect();
            self.ring.store(Arc::new(Ring { keys, turns: Some(now + LIFETIME) }));
        }
    }

    fn seal(&self, context: &[u8; 32], session: &[u8]) -> Option<Vec<u8>> {
        let ring = self.ring.load();
        let key = ring.keys.first()?;
        let mut ticket = Vec::with_capacity(HEAD + MOMENT + session.len() + TAG);
        ticket.push(VERSION);
        ticket.extend_from_slice(&key.id);
        ticket.resize(HEAD, 0);
        getrandom::fill(&mut ticket[1 + KEY_ID..]).ok()?;
        let (cipher, nonce) = (key.cipher(&ticket)?, nonce(&ticket)?);
        ticket.extend_from_slice(&self.clock.now().unix_seconds().to_be_bytes());
        ticket.extend_from_slice(session);
        let (head, body) = ticket.split_at_mut(HEAD);
        let tag = cipher.encrypt_inout_detached(&nonce, &bound(context, head), body.into()).ok()?;
        ticket.extend_from_slice(&tag);
        Some(ticket)
    }

    /// `None`, whatever is wrong with it: the handshake is a full one then.
    fn open(&self, context: &[u8; 32], ticket: &[u8]) -> Option<Vec<u8>> {
        if ticket.len() < HEAD + MOMENT + TAG || ticket[0] != VERSION {
            return None;
        }
        let (head, rest) = ticket.split_at(HEAD);
        let (body, tag) = rest.split_at(rest.len() - TAG);
        let ring = self.ring.load();
        let key = ring.keys.iter().find(|key| key.id == head[1..1 + KEY_ID])?;
        let (cipher, nonce) = (key.cipher(head)?, nonce(head)?);
        let mut body = Zeroizing::new(body.to_vec());
        let tag = Tag::try_from(tag).ok()?;
        cipher.decrypt_inout_detached(&nonce, &bound(context, head), (&mut body[..]).into(), &tag).ok()?;
        let (moment, session) = body.split_at(MOMENT);
        let sealed_at = Timestamp::from_unix_seconds(u64::from_be_bytes(moment.try_into().ok()?));
        let now = self.clock.now();
        // The library does not look at a ticket's age. The clock that sealed it may have been another replica's.
        let is_alive = now.since(sealed_at) < LIFETIME && sealed_at <= now + SKEW;
        is_alive.then(|| session.to_vec())
    }
}

impl Ring {
    fn of(keys: &[Secret<[u8; 32]>]) -> Ring {
        Ring { keys: keys.iter().map(|key| Key::of(key.expose())).collect(), turns: None }
    }
}

impl Key {
    fn of(secret: &[u8; 32]) -> Key {
        let derived = Hkdf::<Sha256>::new(None, secret);
        let mut id = [0; KEY_ID];
        derived.expand(b"tokigate TLS ticket key id", &mut id).expect("HKDF makes four bytes");
        Key { id, derived }
    }

    fn random() -> Key {
        let mut secret = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *secret).expect("the operating system has random bytes");
        Key::of(&secret)
    }

    /// Of the ticket with this head.
    fn cipher(&self, head: &[u8]) -> Option<Aes256Gcm> {
        let salt = &head[1 + KEY_ID..HEAD - NONCE];
        let mut key = Zeroizing::new([0; 32]);
        self.derived.expand_multi_info(&[b"tokigate TLS ticket", salt], &mut *key).ok()?;
        Aes256Gcm::new_from_slice(&*key).ok()
    }
}

fn nonce(head: &[u8]) -> Option<Nonce<<Aes256Gcm as AeadCore>::NonceSize>> {
    Nonce::try_from(&head[HEAD - NONCE..]).ok()
}

/// What a ticket is bound to besides its key.
fn bound(context: &[u8; 32], head: &[u8]) -> [u8; 32 + HEAD] {
    let mut bound = [0; 32 + HEAD];
    bound[..32].copy_from_slice(context);
    bound[32..].copy_from_slice(head);
    bound
}

/// The tickets of one configuration.
pub struct Ticketer {
    tickets: Arc<Tickets>,
    /// Whose certificates its clients have to show.
    context: [u8; 32],
}

impl Ticketer {
    /// `clients`: who vouches for clients, where they have to show a certificate.
    pub fn new(tickets: Arc<Tickets>, clients: Option<&RootCertStore>) -> Ticketer {
        let mut context = Sha256::new();
        for root in clients.into_iter().flat_map(|clients| &clients.roots) {
            let names = [root.subject.as_ref(), root.subject_public_key_info.as_ref()];
            names.iter().for_each(|name| {
                context.update((name.len() as u64).to_be_bytes());
                context.update(name);
            });
        }
        Ticketer { tickets, context: context.finalize().into() }
    }
}

impl ProducesTickets for Ticketer {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        u32::try_from(LIFETIME.as_secs()).unwrap_or(u32::MAX)
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.tickets.seal(&self.context, plain)
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        self.tickets.open(&self.context, cipher)
    }
}

impl fmt::Debug for Ticketer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ticketer")
    }
}

const VERSION: u8 = 1;
const KEY_ID: usize = 4;
const SALT: usize = 16;
const NONCE: usize = 12;
const HEAD: usize = 1 + KEY_ID + SALT + NONCE;
const MOMENT: usize = 8;
const TAG: usize = 16;
/// How long a ticket is good for; whoever gets hold of a key reads what was sent in TLS 1.2 under its tickets.
const LIFETIME: Duration = Duration::from_secs(6 * 60 * 60);
const SKEW: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests;
