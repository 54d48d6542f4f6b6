//! From an access token that holds to who asks.

use serde_json::Map;

use super::NotTaken;
use super::known::Mark;
use crate::clock::Timestamp;
use crate::oidc::access_token::{AccessToken, Untaken};
use crate::oidc::claims::Said;
use crate::provider::Shared;
use crate::session::{AtProvider, Claims, Session, SessionId};

impl Shared {
    /// As a session: it begins and ends with the token, is renewed by nobody, and has an identifier that no sealed one has.
    pub(super) fn caller(
        &self,
        issuer: usize,
        mark: &Mark,
        verdict: Result<AccessToken, Untaken>,
    ) -> Result<Session, NotTaken> {
        let holds = verdict?;
        let user_claim = &self.bearers.issuers[issuer].settings.user_claim;
        let mut id = [0; 16];
        id.copy_from_slice(&mark[..16]);
        session(&holds, user_claim, &self.settings.wanted_claims, SessionId::from_bytes(id), self.clock.now())
    }
}

/// The same rules for who somebody is as at a sign-in, with one who says it: the token.
fn session(
    token: &AccessToken,
    user_claim: &str,
    wanted: &[String],
    id: SessionId,
    now: Timestamp,
) -> Result<Session, NotTaken> {
    let nothing = Map::new();
    let said = Said { token: &nothing, userinfo: None, id_token: Some(token.claims()) };
    let user = said.subject(user_claim).map_err(|why| NotTaken::Unnamed(why.to_string()))?;
    let issued_at = token.issued_at().map_or(now, |issued_at| issued_at.min(now));
    Ok(Session {
        id,
        generation: 0,
        created_at: issued_at,
        expires_at: token.expires_at(),
        seen_at: now,
        auth_time: token.auth_time().map(|time| time.min(now)),
        token_issued_at: issued_at,
        token_expires_at: token.expires_at(),
        refreshable: false,
        claims: Claims::select(token.claims(), wanted.iter().map(String::as_str)),
        // Its `sid`, where it has one, is a session at the provider that others end; it is not this.
        at_provider: AtProvider::said_of(&user, token.text("sub"), None, token.text("acr")),
        user,
    })
}
