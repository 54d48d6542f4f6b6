//! An attempt to sign in: one sealed cookie of its own, ten minutes at most, deleted by its callback.

use std::time::Duration;

use super::codec::{Reader, extensions, put_bytes, put_extension, put_time};
use super::{KeyRing, Purpose};
use crate::clock::Timestamp;
use crate::oidc::{Secret, StepUp};

/// Everything the callback needs, sealed into the attempt's cookie.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// The random part of `state`, 128 bits or more, base64url.
    pub state_id: String,
    /// 128 bits or more; sent where `openid` is asked for.
    pub nonce: String,
    /// 256 bits, base64url (43 characters, RFC 7636 §4.1). Empty never; unused where `pkce = false`.
    pub verifier: Secret<String>,
    /// Path and query of this site, as `gate::ReturnTo` checked it. Empty: the root of its `public_url`, since what was asked for was longer than
    /// [`MAX_RETURN_TO`].
    pub return_to: String,
    /// Index of the `public_url` the attempt was started under.
    pub site: u16,
    pub started_at: Timestamp,
    /// What the sign-in must be: its callback checks it.
    pub step_up: StepUp,
}

/// What `state` carries besides its random part, sealed and URL-safe: it authorises nothing, but a sign-in that comes back without its
/// cookie restarts and still lands at the right page.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    pub id: String,
    /// Only where it fits in 512 bytes.
    pub return_to: Option<String>,
    pub site: u16,
    /// This attempt is itself such a restart: a second one would be a loop.
    pub restarted: bool,
    pub started_at: Timestamp,
}

/// How long a person may take to sign in.
pub const ATTEMPT_TTL: Duration = Duration::from_secs(600);
/// How long after its start a callback without its cookie is still restarted.
pub const STATE_TTL: Duration = Duration::from_secs(3600);
/// Bytes of a return address that an attempt keeps: with them its cookie stays well under 4,096 bytes.
pub const MAX_RETURN_TO: usize = 2048;
/// Bytes of a return address that `state` carries in the provider's URL.
pub const MAX_STATE_RETURN_TO: usize = 512;

impl Attempt {
    pub fn seal(&self, keys: &KeyRing, now: Timestamp) -> String {
        let mut out = zeroize::Zeroizing::new(Vec::with_capacity(256 + self.return_to.len()));
        out.push(VERSION);
        put_time(&mut out, self.started_at);
        out.extend_from_slice(&self.site.to_le_bytes());
        put_bytes(&mut out, self.state_id.as_bytes());
        put_bytes(&mut out, self.nonce.as_bytes());
        put_bytes(&mut out, self.verifier.expose().as_bytes());
        put_bytes(&mut out, within(&self.return_to, MAX_RETURN_TO).unwrap_or_default().as_bytes());
        put_bytes(&mut out, &extension(&self.step_up));
        keys.seal(Purpose::Attempt, &out, now)
    }

    /// `None` too where it is older than [`ATTEMPT_TTL`]: a cookie's `Max-Age` is only a wish.
    pub fn open(keys: &KeyRing, text: &[u8], now: Timestamp) -> Option<Attempt> {
        let opened = keys.open(Purpose::Attempt, text)?.into_secret();
        let mut read = Reader::new(&opened);
        if read.byte()? != VERSION {
            return None;
        }
        let mut attempt = Attempt {
            started_at: read.time()?,
            site: u16::from_le_bytes(read.array()?),
            state_id: read.text()?.to_owned(),
            nonce: read.text()?.to_owned(),
            verifier: Secret::new(read.text()?.to_owned()),
            return_to: read.text()?.to_owned(),
            step_up: StepUp::default(),
        };
        for extension in extensions(read.bytes()?) {
            let (tag, value) = extension?;
            match tag {
                MAX_AGE => {
                    let seconds = u64::from_le_bytes(value.try_into().ok()?);
                    attempt.step_up.max_age = Some(Duration::from_secs(seconds));
                }
                ACR_VALUE => attempt.step_up.acr_values.push(std::str::from_utf8(value).ok()?.to_owned()),
                _ => {}
            }
        }
        (read.is_at_end() && now.since(attempt.started_at) < ATTEMPT_TTL).then_some(attempt)
    }
}

impl State {
    /// The state that belongs to an attempt.
    pub fn of(attempt: &Attempt, restarted: bool) -> State {
        State {
            id: attempt.state_id.clone(),
            return_to: Some(attempt.return_to.clone()).filter(|path| !path.is_empty()),
            site: attempt.site,
            restarted,
            started_at: attempt.started_at,
        }
    }

    /// The `state` parameter: base64url, at most about 900 characters.
    pub fn seal(&self, keys: &KeyRing, now: Timestamp) -> String {
        self.seal_as(Purpose::State, keys, now)
    }

    /// The `state` of a sign-out at the provider: the same, but good for nothing else.
    pub fn seal_for_sign_out(&self, keys: &KeyRing, now: Timestamp) -> String {
        self.seal_as(Purpose::SignOut, keys, now)
    }

    fn seal_as(&self, purpose: Purpose, keys: &KeyRing, now: Timestamp) -> String {
        let return_to = self.return_to.as_deref().and_then(|path| within(path, MAX_STATE_RETURN_TO));
        let mut out = Vec::with_capacity(64 + return_to.map_or(0, str::len));
        let flags = if self.restarted { RESTARTED } else { 0 } | if return_to.is_some() { RETURNS } else { 0 };
        out.extend_from_slice(&[VERSION, flags]);
        put_time(&mut out, self.started_at);
        out.extend_from_slice(&self.site.to_le_bytes());
        put_bytes(&mut out, self.id.as_bytes());
        put_bytes(&mut out, return_to.unwrap_or_default().as_bytes());
        put_bytes(&mut out, b"");
        keys.seal(purpose, &out, now)
    }

    /// `None` where it is not ours.
    pub fn open(keys: &KeyRing, text: &[u8]) -> Option<State> {
        State::open_as(Purpose::State, keys, text)
    }

    pub fn open_of_sign_out(keys: &KeyRing, text: &[u8]) -> Option<State> {
        State::open_as(Purpose::SignOut, keys, text)
    }

    fn open_as(purpose: Purpose, keys: &KeyRing, text: &[u8]) -> Option<State> {
        if text.len() > MAX_STATE_TEXT {
            return None;
        }
        let opened = keys.open(purpose, text)?;
        let mut read = Reader::new(opened.bytes());
        if read.byte()? != VERSION {
            return None;
        }
        let flags = read.byte()?;
        let state = State {
            started_at: read.time()?,
            site: u16::from_le_bytes(read.array()?),
            id: read.text()?.to_owned(),
            return_to: Some(read.text()?.to_owned()).filter(|_| flags & RETURNS != 0),
            restarted: flags & RESTARTED != 0,
        };
        let _extension = read.bytes()?;
        read.is_at_end().then_some(state)
    }

    /// Whether it is older than [`STATE_TTL`].
    pub fn is_stale(&self, now: Timestamp) -> bool {
        now.since(self.started_at) >= STATE_TTL
    }
}

fn extension(step_up: &StepUp) -> Vec<u8> {
    let mut out = Vec::new();
    if let Some(max_age) = step_up.max_age {
        put_extension(&mut out, MAX_AGE, &max_age.as_secs().to_le_bytes());
    }
    for acr in &step_up.acr_values {
        put_extension(&mut out, ACR_VALUE, acr.as_bytes());
    }
    out
}

/// Never cut: half an address is another address.
fn within(path: &str, bytes: usize) -> Option<&str> {
    (path.len() <= bytes).then_some(path)
}

const VERSION: u8 = 1;
/// Tags of an attempt's extension area.
const MAX_AGE: u8 = 1;
const ACR_VALUE: u8 = 2;
const RESTARTED: u8 = 1;
const RETURNS: u8 = 2;
const MAX_STATE_TEXT: usize = 2048;

#[cfg(test)]
mod tests;
