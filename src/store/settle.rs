//! What a response writes back: `Set-Cookie` lines where something changed, and nothing where nothing did.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};
use zeroize::Zeroizing;

use super::cookie::{CookieStore, OverBudget, SameSite, is_identity, is_tokens};
use super::{Held, TokensPart};
use crate::clock::Timestamp;
use crate::gate::Known;
use crate::session::attempt::ATTEMPT_TTL;
use crate::session::tokens::Packing;
use crate::session::{Attempt, KeyRing, Purpose, Session, Tokens, chunk};
use crate::wire::cookies::MAX_PIECES;
use crate::wire::{Cookies, Part};

impl CookieStore {
    /// Whether these tokens fit the budget as they are, without their ID token, or compressed. Asked at sign-in; a refresh whose tokens have grown
    /// beyond it is written nevertheless, as far as cookies can hold it.
    pub fn fits(&self, session: &Session, tokens: &Tokens) -> Result<(), OverBudget> {
        self.pack(session, tokens).map(|_| ())
    }

    /// Writes `Set-Cookie` lines (and `Cache-Control: no-store`) where `after` differs from `before`, or where surplus pieces and dropped names came.
    ///
    /// `before` is what `presented` said. How a session left decides what becomes of its cookies:
    /// - `Known::Nobody`: it ended, by this request or by `invalid_grant`: what came is deleted.
    /// - `Known::Unreadable` after `Known::User`: another answer ended it and saw to the cookies (`Over::is_cleared`). Nothing is written: that answer
    ///   may have set a successor's, which a deletion that arrives late would take away.
    /// - `Known::Unreadable` from the start: what came is deleted.
    /// - `Known::Unsure`: the cookies stay.
    pub fn settle(
        &self,
        before: &Held,
        after: &Held,
        cookies: &Cookies,
        keys: &KeyRing,
        now: Timestamp,
        headers: &mut HeaderMap,
    ) {
        let mut answer = Answer { store: self, keys, now, headers, wrote: false };
        match (&before.known, &after.known) {
            (_, Known::Unsure { .. }) | (Known::User(_), Known::Unreadable) => {}
            (_, Known::User(session)) => answer.write_session(before, after, session, cookies),
            (Known::Nobody | Known::Unreadable | Known::Unsure { .. }, Known::Unreadable) | (_, Known::Nobody) => {
                answer.delete(cookies.parts().filter(|part| is_identity(*part) || is_tokens(*part)));
            }
        }
        match (before.signed_out, after.signed_out, &after.leaving) {
            (_, true, Some(id)) => answer.set(Part::SignedOut, id, SIGNED_OUT_FOR),
            (false, true, None) => answer.set(Part::SignedOut, "1", SIGNED_OUT_FOR),
            (true, false, _) => answer.delete([Part::SignedOut].into_iter()),
            (true, true, None) | (false, false, _) => {}
        }
        match after.returned {
            same if same == before.returned => {}
            0 => answer.delete([Part::Returned].into_iter()),
            returned => answer.set(Part::Returned, &returned.min(9).to_string(), RETURNED_FOR),
        }
        if let Some((slot, attempt)) = &after.attempt_started {
            answer.write_attempt(*slot, attempt);
        }
        let started = after.attempt_started.as_ref().map(|(slot, _)| *slot);
        let over = after.attempts_over.iter().filter(|slot| Some(**slot) != started);
        answer.delete(over.map(|slot| Part::Attempt(*slot)));
        for name in cookies.dropped() {
            answer.expire(name, self.settings.same_site);
        }
        answer.forbid_caching();
    }

    /// The first packing that fits.
    fn pack(&self, session: &Session, tokens: &Tokens) -> Result<Zeroizing<Vec<u8>>, OverBudget> {
        let identity = self.cost(Part::Identity, session.encode().len());
        let mut needed = 0;
        for packing in Packing::LADDER {
            let packed = tokens.encode(packing);
            let cost = self.cost(Part::Tokens, packed.len());
            needed = identity.bytes + cost.bytes;
            if needed <= self.settings.budget && identity.possible && cost.possible {
                return Ok(packed);
            }
        }
        Err(OverBudget { needed, budget: self.settings.budget })
    }

    /// What a part of this many bytes takes in a `Cookie` line: `name=value; ` for each piece.
    fn cost(&self, part: fn(u8) -> Part, plaintext: usize) -> Cost {
        let text = KeyRing::sealed_len(plaintext);
        let Some(count) = chunk::pieces(text, self.room()) else { return Cost { bytes: text, possible: false } };
        let names: usize = (0..count).map(|index| self.settings.names.name(part(index)).len() + "=; ".len()).sum();
        Cost { bytes: text + chunk::overhead(count) + names, possible: true }
    }

    /// Bytes of a value with which name, value and attributes stay under 4,096.
    fn room(&self) -> usize {
        let name = self.settings.names.name(Part::Tokens(MAX_PIECES - 1));
        let attributes = self.attributes(SameSite::Strict, MAX_AGE_LIMIT);
        MAX_SET_COOKIE.saturating_sub(name.len() + "=".len() + attributes.len()).max(LEAST_ROOM)
    }

    /// How many pieces a part may have in a browser that sent none of a session.
    fn pieces_unseen(&self, cookies: &Cookies) -> u8 {
        match self.settings.same_site {
            SameSite::Strict if !cookies.parts().any(|part| is_identity(part) || is_tokens(part)) => {
                u8::try_from(self.settings.budget / self.room() + 1).unwrap_or(MAX_PIECES).min(MAX_PIECES)
            }
            SameSite::Strict | SameSite::Lax => 0,
        }
    }

    fn attributes(&self, same_site: SameSite, max_age: u64) -> String {
        let same_site = match same_site {
            SameSite::Lax => "Lax",
            SameSite::Strict => "Strict",
        };
        let secure = if self.settings.names.secure { "; Secure" } else { "" };
        format!("; Path=/; Max-Age={max_age}; HttpOnly; SameSite={same_site}{secure}")
    }
}

struct Cost {
    bytes: usize,
    /// Not more pieces than are read.
    possible: bool,
}

/// One response's `Set-Cookie` lines.
struct Answer<'a> {
    store: &'a CookieStore,
    keys: &'a KeyRing,
    now: Timestamp,
    headers: &'a mut HeaderMap,
    wrote: bool,
}

impl Answer<'_> {
    fn write_session(&mut self, before: &Held, after: &Held, session: &Session, cookies: &Cookies) {
        let lifetimes = &self.store.settings.lifetimes;
        let (changed, renewed) = match &before.known {
            Known::User(came) => (came != session, (came.id, came.generation) != (session.id, session.generation)),
            Known::Nobody | Known::Unreadable | Known::Unsure { .. } => (true, true),
        };
        if changed || after.reseal {
            let text = self.keys.seal(Purpose::Session, &session.encode(), self.now);
            self.write_part(Part::Identity, &text, session.left(lifetimes, self.now), cookies);
        }
        match &after.tokens {
            TokensPart::Opened(tokens) if renewed || after.reseal || differs(&before.tokens, tokens) => {
                self.write_tokens(session, tokens, cookies);
            }
            TokensPart::Opened(_) => {}
            TokensPart::Sealed if after.reseal => match self.store.tokens(after, cookies, self.keys) {
                TokensPart::Opened(tokens) => self.write_tokens(session, &tokens, cookies),
                TokensPart::Absent | TokensPart::Sealed => self.delete(cookies.parts().filter(|part| is_tokens(*part))),
            },
            TokensPart::Sealed => {}
            TokensPart::Absent => self.delete(cookies.parts().filter(|part| is_tokens(*part))),
        }
    }

    fn write_tokens(&mut self, session: &Session, tokens: &Tokens, cookies: &Cookies) {
        let packed = self.store.pack(session, tokens).unwrap_or_else(|over| {
            let OverBudget { needed, budget } = over;
            tracing::warn!(event = "over_budget", needed, budget, "refreshed tokens exceed session.cookie_budget");
            tokens.encode(Packing::Compressed)
        });
        let text = self.keys.seal(Purpose::Tokens, &packed, self.now);
        let left = session.left_at_most(&self.store.settings.lifetimes, self.now);
        self.write_part(Part::Tokens, &text, left, cookies);
    }

    /// The pieces of a part; those that came beyond them are deleted, and always the one behind the last: another answer may have set it since this
    /// request was sent, and a surplus piece spoils the part. Where pieces may be there that a browser does not send (`Strict`, on the way back from
    /// the provider), so many more as the budget allows.
    fn write_part(&mut self, part: fn(u8) -> Part, text: &str, left: Duration, cookies: &Cookies) {
        let Some(values) = chunk::split(text, self.store.room()) else {
            tracing::error!(
                event = "session_not_written",
                bytes = text.len(),
                "a part of a session is larger than cookies can hold; it was not written"
            );
            return;
        };
        let mut index = 0;
        for value in &values {
            self.set(part(index), value, left);
            index += 1;
        }
        let unseen = self.store.pieces_unseen(cookies);
        let is_surplus = |surplus: &u8| *surplus < unseen || cookies.parts().any(|came| came == part(*surplus));
        let surplus = (index + 1..MAX_PIECES).filter(is_surplus).map(part);
        let next = Some(index).filter(|index| *index < MAX_PIECES).map(part);
        self.delete(next.into_iter().chain(surplus));
    }

    fn write_attempt(&mut self, slot: u8, attempt: &Attempt) {
        let left = (attempt.started_at + ATTEMPT_TTL).since(self.now);
        self.set(Part::Attempt(slot), &attempt.seal(self.keys, self.now), left);
    }

    fn set(&mut self, part: Part, value: &str, left: Duration) {
        // Rounded up: a `Max-Age` of 0 deletes, which is right only where nothing is left.
        let max_age = left.as_millis().div_ceil(1000).try_into().unwrap_or(MAX_AGE_LIMIT).min(MAX_AGE_LIMIT);
        self.line(&self.store.settings.names.name(part), value, self.same_site(part), max_age);
    }

    fn delete(&mut self, parts: impl Iterator<Item = Part>) {
        for part in parts {
            self.expire(&self.store.settings.names.name(part), self.same_site(part));
        }
    }

    fn expire(&mut self, name: &str, same_site: SameSite) {
        self.line(name, "", same_site, 0);
    }

    fn line(&mut self, name: &str, value: &str, same_site: SameSite, max_age: u64) {
        let line = format!("{name}={value}{}", self.store.attributes(same_site, max_age));
        // A name that came in a request and that no response could carry is not expired.
        let Ok(mut line) = HeaderValue::try_from(line) else { return };
        line.set_sensitive(true);
        self.headers.append(header::SET_COOKIE, line);
        self.wrote = true;
    }

    /// An attempt's callback and the first page after a sign-out come from another site, whatever `same_site` says.
    fn same_site(&self, part: Part) -> SameSite {
        match part {
            Part::Identity(_) | Part::Tokens(_) => self.store.settings.same_site,
            Part::Attempt(_) | Part::SignedOut | Part::Returned => SameSite::Lax,
        }
    }

    /// RFC 9111 §7.3: whatever the application said of its answer, this one holds somebody's session.
    fn forbid_caching(&mut self) {
        if !self.wrote {
            return;
        }
        self.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        // They win over Cache-Control in caches that know them (RFC 9213 §2.2).
        self.headers.remove("cdn-cache-control");
        self.headers.remove("surrogate-control");
    }
}

/// Tokens that were opened before, and changed without a new generation.
fn differs(before: &TokensPart, after: &Arc<Tokens>) -> bool {
    match before {
        TokensPart::Opened(before) => !Arc::ptr_eq(before, after) && before != after,
        TokensPart::Absent | TokensPart::Sealed => false,
    }
}

/// "stay under 4,096 bytes": RFC 6265bis §5.6 counts name and value alone, older browsers the whole line.
const MAX_SET_COOKIE: usize = 4095;
/// However long the configured name is; a browser refuses what comes of that, not this process.
const LEAST_ROOM: usize = 256;
/// 400 days: browsers take no more (RFC 6265bis §5.5).
const MAX_AGE_LIMIT: u64 = 400 * 24 * 3600;
/// A browser that loses its session comes back within seconds; a person who signs in again and again does not.
const RETURNED_FOR: Duration = Duration::from_secs(60);
/// "every page load of that browser shows it again, until its one button is pressed".
const SIGNED_OUT_FOR: Duration = Duration::from_secs(MAX_AGE_LIMIT);
