//! AES-256-GCM under keys derived per purpose from the ring; purpose, cookie name and client identifier are associated data.
//!
//! A sealed value is `version | key id (4) | nonce (12) | ciphertext | tag (16)` in base64url without padding. Everything that does not open is
//! `None`, whatever is wrong with it.
//!
//! Nonces are random, so one key is good for 2³² sealings (NIST SP 800-38D §8.3): at a thousand a second and purpose, seven weeks.

use std::time::Duration;

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce, Tag};
use base64_simd::{Out, URL_SAFE_NO_PAD};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::clock::Timestamp;
use crate::oidc::{Secret, Subject};

/// What a sealed value is for. Each has a key of its own, so an attempt's cookie can never be a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Session,
    Tokens,
    Attempt,
    State,
    /// `state` of a sign-out at the provider.
    SignOut,
}

/// What every seal is bound to besides its purpose: another client's, or another gate's, cookies open nothing here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    pub client_id: String,
    pub cookie_base: String,
}

/// The keys of one configuration. The first seals (once `key_delay` is over), all open.
pub struct KeyRing {
    keys: Vec<Key>,
    bound: [Vec<u8>; PURPOSES.len()],
    delay: Duration,
}

/// A ring needs a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no key to seal with")]
pub struct NoKeys;

/// What was sealed, and by which of the ring's keys.
pub struct Opened {
    buffer: Vec<u8>,
    key: usize,
}

impl Opened {
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[HEAD..]
    }

    /// The bytes to keep slices of, not copied. For what is no secret: nothing wipes them.
    pub fn into_bytes(self) -> bytes::Bytes {
        bytes::Bytes::from(self.buffer).slice(HEAD..)
    }

    /// The bytes, wiped when dropped.
    pub fn into_secret(mut self) -> Zeroizing<Vec<u8>> {
        self.buffer.drain(..HEAD);
        Zeroizing::new(self.buffer)
    }
}

impl KeyRing {
    /// The ring of a process that starts. `delay` is `[session] key_delay`: the first key of several seals once it is over, since other replicas may
    /// not have it yet, and until then the one behind it does. A single key seals at once. A key that is named twice counts once.
    pub fn new(keys: Vec<Secret<[u8; 32]>>, context: Context, delay: Duration, now: Timestamp) -> Result<Self, NoKeys> {
        let bound = PURPOSES.map(|purpose| purpose.associated_data(&context));
        KeyRing { keys: Vec::new(), bound, delay }.reloaded(keys, delay, now)
    }

    /// The ring after its file changed: each key keeps the moment this process first saw it.
    pub fn reloaded(&self, keys: Vec<Secret<[u8; 32]>>, delay: Duration, now: Timestamp) -> Result<Self, NoKeys> {
        let mut ring: Vec<Key> = Vec::with_capacity(keys.len());
        for secret in &keys {
            let derived = Hkdf::<Sha256>::new(None, secret.expose());
            let fingerprint: [u8; 32] = *expand(&derived, b"tokigate key fingerprint");
            if ring.iter().any(|key| key.fingerprint == fingerprint) {
                continue;
            }
            let seen = self.keys.iter().find(|key| key.fingerprint == fingerprint).map(|key| key.first_seen);
            ring.push(Key::derive(&derived, fingerprint, seen.unwrap_or(now)));
        }
        match ring.as_mut_slice() {
            [] => return Err(NoKeys),
            // It seals from now on, so it is no newcomer when another one is put before it.
            [only] => only.first_seen = Timestamp::default(),
            [_, _, ..] => {}
        }
        Ok(KeyRing { keys: ring, bound: self.bound.clone(), delay })
    }

    pub fn seal(&self, purpose: Purpose, plaintext: &[u8], now: Timestamp) -> String {
        let key = &self.keys[self.sealing(now)];
        let mut nonce = [0; NONCE];
        // Drawn here and not handed in: a nonce that is used twice gives the key away.
        getrandom::fill(&mut nonce).expect("the operating system has random bytes");

        let mut buffer = Zeroizing::new(Vec::with_capacity(OVERHEAD + plaintext.len()));
        buffer.push(VERSION);
        buffer.extend_from_slice(&key.id);
        buffer.extend_from_slice(&nonce);
        buffer.extend_from_slice(plaintext);
        let tag = key.ciphers[purpose.index()]
            .encrypt_inout_detached(&Nonce::from(nonce), &self.bound[purpose.index()], (&mut buffer[HEAD..]).into())
            .expect("no plaintext here comes near the 64 GiB that AES-GCM takes");
        buffer.extend_from_slice(&tag);
        URL_SAFE_NO_PAD.encode_to_string(buffer.as_slice())
    }

    /// Strict base64url: no padding, no other alphabet, no stray trailing bits. One allocation, as large as the text tells.
    pub fn open(&self, purpose: Purpose, text: &[u8]) -> Option<Opened> {
        let mut buffer = vec![0; text.len() / 4 * 3 + 2];
        let len = URL_SAFE_NO_PAD.decode(text, Out::from_slice(&mut buffer)).ok()?.len();
        buffer.truncate(len);
        if len < OVERHEAD || buffer[0] != VERSION {
            return None;
        }
        let tag = Tag::try_from(&buffer[len - TAG..]).ok()?;
        buffer.truncate(len - TAG);
        let (head, body) = buffer.split_at_mut(HEAD);
        let nonce = Nonce::try_from(&head[HEAD - NONCE..]).ok()?;
        let key = self.keys.iter().position(|key| key.id == head[1..1 + KEY_ID])?;
        self.keys[key].ciphers[purpose.index()]
            .decrypt_inout_detached(&nonce, &self.bound[purpose.index()], body.into(), &tag)
            .ok()?;
        Some(Opened { buffer, key })
    }

    /// Whether its key seals no longer: then it is to be sealed anew at the next occasion. A key in front of the sealing one is a new one, not a former.
    pub fn is_former(&self, opened: &Opened, now: Timestamp) -> bool {
        opened.key > self.sealing(now)
    }

    /// The same of a text that was not opened. Believes it: only good for sealing anew what opens.
    pub fn names_former(&self, text: &[u8], now: Timestamp) -> bool {
        let sealing = self.sealing(now);
        self.keys[sealing + 1..].iter().any(|key| text.starts_with(&key.prefix))
    }

    /// How long the text of a sealed value of this many bytes is.
    pub fn sealed_len(plaintext: usize) -> usize {
        URL_SAFE_NO_PAD.encoded_length(OVERHEAD + plaintext)
    }

    /// The user in logs: a keyed hash, 24 hexadecimal digits. Keyed with the ring's first key, so that it changes once with each rotation and cannot
    /// be computed by who reads the log.
    pub fn user_hash(&self, user: &Subject) -> String {
        let mut hash = [0; 12];
        self.keys[0]
            .user_hash
            .expand(user.as_str().as_bytes(), &mut hash)
            .expect("12 bytes are less than HKDF gives at most (RFC 5869 §2.3)");
        let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
        hash.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
    }

    /// The first key that this process has known for the delay. Where none has been, the one behind the first: at a process's start the first may be
    /// new to the other replicas, and the second sealed before it.
    fn sealing(&self, now: Timestamp) -> usize {
        let ripe = |key: &Key| key.first_seen == Timestamp::default() || now.since(key.first_seen) >= self.delay;
        self.keys.iter().position(ripe).unwrap_or_else(|| 1.min(self.keys.len() - 1))
    }
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyRing({} keys)", self.keys.len())
    }
}

/// One key and what is derived from it; the key itself is not kept.
struct Key {
    fingerprint: [u8; 32],
    id: [u8; KEY_ID],
    /// How a text begins that this key sealed: the 36 bits of version and identifier that fill whole characters.
    prefix: [u8; 6],
    first_seen: Timestamp,
    ciphers: [Aes256Gcm; PURPOSES.len()],
    user_hash: Hkdf<Sha256>,
}

impl Key {
    fn derive(derived: &Hkdf<Sha256>, fingerprint: [u8; 32], first_seen: Timestamp) -> Key {
        let id = [fingerprint[0], fingerprint[1], fingerprint[2], fingerprint[3]];
        let mut prefix = [0; 6];
        let start = URL_SAFE_NO_PAD.encode_to_string([VERSION, id[0], id[1], id[2], id[3]]);
        prefix.copy_from_slice(&start.as_bytes()[..6]);
        let user_hash = Hkdf::from_prk(expand(derived, b"tokigate user hash").as_slice())
            .expect("32 bytes are a whole pseudorandom key (RFC 5869 §2.3)");
        Key {
            fingerprint,
            id,
            prefix,
            first_seen,
            ciphers: PURPOSES.map(|purpose| Aes256Gcm::new(&(*expand(derived, purpose.label().as_bytes())).into())),
            user_hash,
        }
    }
}

fn expand(derived: &Hkdf<Sha256>, info: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut okm = Zeroizing::new([0; 32]);
    derived.expand(info, okm.as_mut_slice()).expect("32 bytes are less than HKDF gives at most (RFC 5869 §2.3)");
    okm
}

impl Purpose {
    fn index(self) -> usize {
        self as usize
    }

    fn label(self) -> &'static str {
        match self {
            Purpose::Session => "tokigate v1 session",
            Purpose::Tokens => "tokigate v1 tokens",
            Purpose::Attempt => "tokigate v1 attempt",
            Purpose::State => "tokigate v1 state",
            Purpose::SignOut => "tokigate v1 sign-out",
        }
    }

    /// Each part with its length before it, so that no two contexts read the same.
    fn associated_data(self, context: &Context) -> Vec<u8> {
        let mut data = Vec::new();
        for part in [self.label(), &context.cookie_base, &context.client_id] {
            data.extend_from_slice(&(part.len() as u64).to_be_bytes());
            data.extend_from_slice(part.as_bytes());
        }
        data
    }
}

const PURPOSES: [Purpose; 5] = [Purpose::Session, Purpose::Tokens, Purpose::Attempt, Purpose::State, Purpose::SignOut];
const VERSION: u8 = 1;
const KEY_ID: usize = 4;
const NONCE: usize = 12;
const TAG: usize = 16;
const HEAD: usize = 1 + KEY_ID + NONCE;
const OVERHEAD: usize = HEAD + TAG;

#[cfg(test)]
mod tests;
