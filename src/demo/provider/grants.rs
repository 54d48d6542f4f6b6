//! What was granted: codes, tokens, and the families that tokens belong to. No HTTP here.

use std::collections::HashMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use super::calls::Calls;
use crate::demo::http::random;

/// Everything that came from one consent: revoked together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Family {
    pub client_id: String,
    pub user_id: String,
    pub scope: Vec<String>,
    pub nonce: Option<String>,
    /// The session at the provider that it came from.
    pub sid: String,
    /// Unix seconds at which the user chose a name.
    pub auth_time: u64,
    pub acr: Option<&'static str>,
    pub revoked: bool,
}

impl Family {
    pub(super) fn has_scope(&self, wanted: &str) -> bool {
        self.scope.iter().any(|scope| scope == wanted)
    }
}

/// A consent, waiting for its code to be spent.
pub(super) struct Consent {
    pub family: Family,
    pub redirect_uri: String,
    /// S256 of the verifier; none without PKCE.
    pub challenge: Option<String>,
}

/// Why a code or a refresh token was not taken: always `invalid_grant`, this being its description.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    #[error("the code is unknown")]
    UnknownCode,
    #[error("the code is older than its lifetime")]
    LateCode,
    #[error("the code was used before: every token that came of it is revoked")]
    SpentCode,
    #[error("the code or token belongs to another client")]
    OtherClient,
    #[error("redirect_uri is not the one of the authorization request")]
    OtherRedirectUri,
    #[error("code_verifier does not fit the challenge")]
    WrongVerifier,
    #[error("code_verifier is missing")]
    NoVerifier,
    #[error("code_verifier was sent, but no challenge before")]
    NoChallenge,
    #[error("the refresh token is unknown")]
    UnknownToken,
    #[error("the refresh token has expired")]
    LateToken,
    #[error("the refresh token was used before: its whole family is revoked")]
    RotatedToken,
    #[error("the grant was revoked")]
    Revoked,
}

#[derive(Default)]
pub(super) struct Grants {
    families: HashMap<u64, Family>,
    next_family: u64,
    codes: HashMap<String, Code>,
    access: HashMap<String, Token>,
    refresh: HashMap<String, Token>,
}

struct Code {
    family: u64,
    redirect_uri: String,
    challenge: Option<String>,
    until: u64,
    spent: bool,
}

struct Token {
    family: u64,
    /// Unlike the family's only where a fault says so.
    user_id: String,
    until: u64,
    rotated: bool,
}

impl Grants {
    /// A code for a consent, good for `lifetime` from `now` (Unix milliseconds).
    pub(super) fn grant(&mut self, consent: Consent, lifetime: Duration, now: u64) -> String {
        self.sweep(now);
        let family = self.next_family;
        self.next_family += 1;
        self.families.insert(family, consent.family);
        let Consent { redirect_uri, challenge, .. } = consent;
        let code = random(32);
        let until = after(now, lifetime);
        self.codes.insert(code.clone(), Code { family, redirect_uri, challenge, until, spent: false });
        code
    }

    /// Spends a code (RFC 6749 §4.1.3, RFC 7636 §4.6). Whoever shows it for the first time spends it, right or wrong.
    pub(super) fn redeem(
        &mut self,
        spending: &Spending<'_>,
        now: u64,
        calls: &Calls,
    ) -> Result<(u64, Family), Refused> {
        let code = self.codes.get_mut(spending.code).ok_or(Refused::UnknownCode)?;
        let family = code.family;
        if std::mem::replace(&mut code.spent, true) {
            calls.notice(|facts| facts.codes_reused += 1);
            self.revoke(family, calls);
            return Err(Refused::SpentCode);
        }
        if now >= code.until {
            return Err(Refused::LateCode);
        }
        let granted = &self.families[&family];
        if granted.client_id != spending.client_id {
            return Err(Refused::OtherClient);
        }
        if code.redirect_uri != spending.redirect_uri {
            return Err(Refused::OtherRedirectUri);
        }
        match (&code.challenge, spending.verifier) {
            (None, None) => {}
            (None, Some(_)) => return Err(Refused::NoChallenge),
            (Some(_), None) => return Err(Refused::NoVerifier),
            (Some(challenge), Some(verifier)) => {
                if *challenge != URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) {
                    return Err(Refused::WrongVerifier);
                }
            }
        }
        if granted.revoked { Err(Refused::Revoked) } else { Ok((family, granted.clone())) }
    }

    /// Takes a refresh token (RFC 6749 §6). Where tokens rotate it is good for this once, and a second time revokes its family.
    pub(super) fn renew(
        &mut self,
        token: &str,
        client_id: &str,
        rotate: bool,
        now: u64,
        calls: &Calls,
    ) -> Result<(u64, Family), Refused> {
        let known = self.refresh.get_mut(token).ok_or(Refused::UnknownToken)?;
        let family = known.family;
        let granted = &self.families[&family];
        if granted.client_id != client_id {
            return Err(Refused::OtherClient);
        }
        if known.rotated {
            calls.notice(|facts| facts.rotated_tokens_reused += 1);
            self.revoke(family, calls);
            return Err(Refused::RotatedToken);
        }
        if granted.revoked {
            return Err(Refused::Revoked);
        }
        if now >= known.until {
            return Err(Refused::LateToken);
        }
        known.rotated = rotate;
        Ok((family, granted.clone()))
    }

    pub(super) fn remember_access(&mut self, token: &str, family: u64, user_id: &str, until: u64) {
        self.access.insert(token.to_owned(), Token { family, user_id: user_id.to_owned(), until, rotated: false });
    }

    pub(super) fn remember_refresh(&mut self, token: &str, family: u64, user_id: &str, until: u64) {
        self.refresh.insert(token.to_owned(), Token { family, user_id: user_id.to_owned(), until, rotated: false });
    }

    /// Whose access token this is; none where it is unknown, expired or revoked.
    pub(super) fn user_of(&self, access_token: &str, now: u64) -> Option<&str> {
        let token = self.access.get(access_token)?;
        (now < token.until && !self.families[&token.family].revoked).then_some(token.user_id.as_str())
    }

    /// The same of a refresh token, which is good for nothing but being spent.
    pub(super) fn user_of_refresh(&self, refresh_token: &str, now: u64) -> Option<&str> {
        let token = self.refresh.get(refresh_token).filter(|token| !token.rotated)?;
        (now < token.until && !self.families[&token.family].revoked).then_some(token.user_id.as_str())
    }

    /// Revokes everything granted to a user, as an administrator or a change of password would.
    pub(super) fn revoke_user(&mut self, user_id: &str, calls: &Calls) {
        self.revoke_where(|family| family.user_id == user_id, calls);
    }

    /// Revokes what was granted in a session, its unspent codes too.
    pub(super) fn revoke_session(&mut self, sid: &str, calls: &Calls) {
        self.revoke_where(|family| family.sid == sid, calls);
    }

    fn revoke_where(&mut self, is_meant: impl Fn(&Family) -> bool, calls: &Calls) {
        let meant: Vec<u64> =
            self.families.iter().filter(|(_, family)| is_meant(family)).map(|(&number, _)| number).collect();
        for family in meant {
            self.revoke(family, calls);
        }
    }

    /// RFC 7009 §2.1: a refresh token takes everything along that came of its consent, an access token only itself; one that is unknown is no mistake.
    pub(super) fn revoke_token(&mut self, token: &str, client_id: &str, calls: &Calls) -> Result<(), Refused> {
        let known = self.refresh.get(token).or_else(|| self.access.get(token)).map(|token| token.family);
        let Some(family) = known else { return Ok(()) };
        if self.families[&family].client_id != client_id {
            return Err(Refused::OtherClient);
        }
        if self.access.remove(token).is_none() {
            self.revoke(family, calls);
        }
        Ok(())
    }

    fn revoke(&mut self, family: u64, calls: &Calls) {
        let Some(family) = self.families.get_mut(&family) else { return };
        if !std::mem::replace(&mut family.revoked, true) {
            calls.notice(|facts| facts.families_revoked += 1);
        }
    }

    /// Forgets what has been over for an hour, once there is much of it: a stand-in may run for weeks. Until then a spent code and a
    /// rotated token are still known for what they are.
    fn sweep(&mut self, now: u64) {
        if self.families.len() < SWEEP_ABOVE {
            return;
        }
        let kept = |until: u64| now < until.saturating_add(3_600_000);
        self.codes.retain(|_, code| kept(code.until));
        self.access.retain(|_, token| kept(token.until));
        self.refresh.retain(|_, token| kept(token.until));
        let tokens = self.access.values().chain(self.refresh.values()).map(|token| token.family);
        let alive: std::collections::HashSet<u64> = tokens.chain(self.codes.values().map(|code| code.family)).collect();
        self.families.retain(|number, _| alive.contains(number));
    }
}

/// A code and what must come with it.
pub(super) struct Spending<'a> {
    pub code: &'a str,
    pub client_id: &'a str,
    pub redirect_uri: &'a str,
    pub verifier: Option<&'a str>,
}

/// Unix milliseconds, `lifetime` after `now`.
pub(super) fn after(now: u64, lifetime: Duration) -> u64 {
    now.saturating_add(u64::try_from(lifetime.as_millis()).unwrap_or(u64::MAX))
}

const SWEEP_ABOVE: usize = 10_000;
