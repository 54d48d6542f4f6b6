//! Refreshes: one for one refresh token, in a task of its own. The one place that spends them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::http::{Asking, Failure};
use super::keys::Unverified;
use super::pace::{Breaker, Spacing, Turn, chance};
use super::remembered::{Remembered, claims_of};
use super::sign_in::{UNSAID_LIFE, expect};
use super::under_way::{Told, UnderWay};
use super::{Asker, Refreshed, Revocable, Shared, WAIT_FOR_A_PLACE, revoke, token, userinfo};
use crate::oidc::Secret;
use crate::oidc::claims::{Said, WhoIsIt};
use crate::oidc::id_token::{IdToken, Nonce, UnverifiedIdToken};
use crate::oidc::jwt::{self, Refused};
use crate::oidc::metadata::Metadata;
use crate::oidc::token::{TokenAnswer, TokenErrorKind};
use crate::oidc::userinfo::UserInfo;
use crate::session::{Session, SessionId, Tokens};
use crate::store::memory::Renewed;
use crate::telemetry::metrics::RefreshResult;

pub struct Refreshes {
    under_way: UnderWay<SessionId, Refreshed>,
    state: Mutex<State>,
    places: Semaphore,
}

struct State {
    breaker: Breaker,
    spacing: Spacing,
}

impl Refreshes {
    pub fn new(at_once: usize) -> Refreshes {
        let state = State { breaker: Breaker::default(), spacing: Spacing::new(SPACED_AT_MOST) };
        Refreshes { under_way: UnderWay::default(), state: Mutex::new(state), places: Semaphore::new(at_once) }
    }

    /// The token endpoint has answered somebody else: it is back.
    pub fn provider_works(&self) {
        self.lock().breaker.worked();
    }

    #[cfg(test)]
    pub fn is_idle(&self) -> bool {
        self.under_way.count() == 0
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Joins the refresh of this session, or starts it, or says at once what is known. What is returned may be dropped.
pub fn start(
    shared: &Arc<Shared>,
    runtime: &Handle,
    session: Session,
    tokens: Arc<Tokens>,
    asker: Asker,
) -> impl Future<Output = Refreshed> + Send + use<> {
    let told = join_or_begin(shared, runtime, session, tokens, asker);
    async move {
        match told {
            Ok(told) => told.wait().await.unwrap_or(BROKEN_OFF),
            Err(known) => known,
        }
    }
}

fn join_or_begin(
    shared: &Arc<Shared>,
    runtime: &Handle,
    session: Session,
    tokens: Arc<Tokens>,
    asker: Asker,
) -> Result<Told<Refreshed>, Refreshed> {
    let id = session.id;
    let now = shared.clock.now();
    let mut state = shared.refreshes.lock();
    if let Some(told) = shared.refreshes.under_way.join(id) {
        return Ok(told);
    }
    // After the list: a refresh which ended a moment ago was in memory before it was out of there.
    if let Some(known) = known_already(shared, &session) {
        return Err(known);
    }
    // A refresh token whose answer has arrived is never sent again.
    let tokens = match shared.memory.kept(id) {
        Some(kept) if kept.tokens.generation > tokens.generation => kept.tokens.clone(),
        Some(_) | None => tokens,
    };
    let refresh_token = tokens.refresh_token.clone().filter(|_| tokens.session == id);
    let Some(refresh_token) = refresh_token else { return Err(away(NOTHING_TO_REFRESH_WITH)) };
    let metadata = shared.metadata().map_err(|_| away(METADATA_TAKES))?;
    if let Some(left) = state.spacing.left(id, now) {
        return Err(away(left));
    }
    let turn = state.breaker.may_call(now).map_err(away)?;

    let (call, told) = shared.refreshes.under_way.begin(id);
    drop(state);
    let refresh = Refresh { shared: shared.clone(), metadata, session, tokens, refresh_token, turn, asker };
    runtime.spawn(async move { call.end_with(refresh.run().await) });
    Ok(told)
}

/// What was decided meanwhile: the session has ended, or there is a newer generation of it.
fn known_already(shared: &Shared, session: &Session) -> Option<Refreshed> {
    if shared.memory.is_over(session) {
        return Some(Refreshed::Ended);
    }
    shared.memory.newer(session.id, session.generation).map(Refreshed::Renewed)
}

/// One refresh, from the call to what is kept of it.
struct Refresh {
    shared: Arc<Shared>,
    metadata: Arc<Metadata>,
    session: Session,
    tokens: Arc<Tokens>,
    refresh_token: Secret<String>,
    turn: Turn,
    asker: Asker,
}

/// Why a session ends at its refresh; for the log.
#[derive(Debug, thiserror::Error)]
enum Over {
    #[error("its refresh token is not accepted: {0}")]
    Grant(String),
    #[error("the answer is about another user")]
    AnotherUser,
    #[error("the answer does not say who it is about: {0}")]
    WhoIsIt(#[from] WhoIsIt),
    #[error("its ID token does not hold: {0}")]
    IdToken(Refused),
}

impl Refresh {
    async fn run(&self) -> Refreshed {
        let Shared { refreshes, metrics, clock, .. } = &*self.shared;
        let Ok(_place) = timeout(WAIT_FOR_A_PLACE, refreshes.places.acquire()).await else { return away(A_JAM) };
        // Much may have happened while it waited.
        if let Some(known) = known_already(&self.shared, &self.session) {
            return known;
        }
        if self.turn == Turn::Usual
            && let Some(left) = refreshes.lock().breaker.left(clock.now())
        {
            return away(left);
        }
        let answer = token::spend_refresh_token(&self.shared, &self.metadata, &self.refresh_token).await;
        self.note(&answer);
        let refreshed = match answer {
            Ok(answer) => match self.renewed(&answer).await {
                Ok(renewed) => self.keep(renewed),
                Err(over) => self.over(&over),
            },
            Err(Failure::Refused(refusal)) if refusal.kind() == Some(TokenErrorKind::InvalidGrant) => {
                self.over(&Over::Grant(refusal.to_string()))
            }
            Err(failure) => self.failed(&failure),
        };
        metrics.refresh(match &refreshed {
            Refreshed::Renewed(_) => RefreshResult::Renewed,
            Refreshed::Ended => RefreshResult::Ended,
            Refreshed::Unreachable { .. } => RefreshResult::Failed,
        });
        refreshed
    }

    /// Tells the breaker what this call says about the provider, whoever's it was.
    fn note(&self, answer: &Result<TokenAnswer, Failure>) {
        let mut state = self.shared.refreshes.lock();
        let works = match answer {
            Ok(_) => true,
            Err(Failure::Unreachable(_) | Failure::Broken(_)) => false,
            Err(Failure::Refused(refusal)) => refusal.is_about_one(),
        };
        if works {
            state.breaker.worked();
        } else {
            state.breaker.failed(self.shared.clock.now(), chance());
        }
    }

    /// Where it is the provider's trouble the breaker says when to try again, else this session's own spacing.
    fn failed(&self, failure: &Failure) -> Refreshed {
        let now = self.shared.clock.now();
        let mut state = self.shared.refreshes.lock();
        let wait = state.breaker.left(now).unwrap_or_else(|| state.spacing.failed(self.session.id, now, chance()));
        let Asker { request_id, user } = &self.asker;
        tracing::info!(event = "refresh_failed", request_id, user, "{failure}; the session goes on");
        away(wait)
    }

    /// The end, unless a newer generation is known: then this refresh was about an old one.
    fn over(&self, over: &Over) -> Refreshed {
        self.shared.refreshes.lock().spacing.forget(self.session.id);
        if let Some(newer) = self.shared.memory.newer(self.session.id, self.generation() - 1) {
            return Refreshed::Renewed(newer);
        }
        let Asker { request_id, user } = &self.asker;
        tracing::info!(event = "session_ended", reason = "refresh_refused", request_id, user, "{over}");
        self.shared.memory.end(self.session.id, self.session.expires_at);
        Refreshed::Ended
    }

    fn keep(&self, renewed: Renewed) -> Refreshed {
        self.shared.refreshes.lock().spacing.forget(self.session.id);
        let renewed = Arc::new(renewed);
        match self.shared.memory.keep(renewed.clone(), self.shared.clock.now()) {
            Ok(()) => {
                let Asker { request_id, user } = &self.asker;
                tracing::info!(event = "refreshed", request_id, user, generation = renewed.session.generation);
                Refreshed::Renewed(renewed)
            }
            // Ended meanwhile: what came is discarded, and after a sign-out nobody else has it. A sign-in over it may have the same consent.
            Err(_) => {
                if self.shared.memory.is_signed_out(self.session.id) {
                    let refresh_token = renewed.tokens.refresh_token.clone();
                    let tokens = Revocable { refresh_token, access_token: Some(renewed.tokens.access_token.clone()) };
                    revoke::start(&self.shared, &Handle::current(), tokens, self.asker.clone());
                }
                Refreshed::Ended
            }
        }
    }

    async fn renewed(&self, answer: &TokenAnswer) -> Result<Renewed, Over> {
        let Shared { settings, clock, .. } = &*self.shared;
        let now = clock.now();
        let mut remembered = Remembered::read(&self.tokens.remembered);
        let id_token = self.id_token(answer, &remembered).await?;
        let id_claims = id_token.as_ref().map(IdToken::claims);
        let said = Said { token: &answer.fields, userinfo: None, id_token: id_claims };
        self.same_user(&said, &remembered)?;
        let userinfo = self.user_info(answer, &remembered).await;
        let said = Said { userinfo: userinfo.as_ref(), ..said };
        self.same_user(&said, &remembered)?;

        remembered.take_over(&said, settings, &self.metadata)?;
        let before = remembered.kept(&self.session.claims);
        let kept = said.keep(settings.wanted_claims.iter().map(String::as_str), &before);
        remembered.set_sources(&kept);

        let generation = self.generation();
        let session = Session {
            generation,
            token_issued_at: now,
            token_expires_at: now + answer.expires_in.unwrap_or(UNSAID_LIFE),
            refreshable: true,
            claims: claims_of(&kept),
            ..self.session.clone()
        };
        let newer = |new: &Option<Secret<String>>, old: &Option<Secret<String>>| new.clone().or_else(|| old.clone());
        let tokens = Tokens {
            session: session.id,
            generation,
            access_token: answer.access_token.clone(),
            refresh_token: newer(&answer.refresh_token, &self.tokens.refresh_token),
            id_token: newer(&answer.id_token.clone().filter(|_| id_token.is_some()), &self.tokens.id_token),
            remembered: remembered.into_tokens(),
        };
        Ok(Renewed { session, tokens: Arc::new(tokens) })
    }

    /// The generation that this refresh makes. The parts may differ by some, since browsers store each cookie by itself.
    fn generation(&self) -> u32 {
        self.session.generation.max(self.tokens.generation).saturating_add(1)
    }

    fn same_user(&self, said: &Said<'_>, remembered: &Remembered) -> Result<(), Over> {
        let another = remembered.is_another_user(said, &self.shared.settings, &self.session)?;
        if another { Err(Over::AnotherUser) } else { Ok(()) }
    }

    /// OpenID Connect Core §12.2. `None`: there is none, or none whose claims count.
    async fn id_token(&self, answer: &TokenAnswer, remembered: &Remembered) -> Result<Option<IdToken>, Over> {
        let Shared { settings, http, keys, clock, .. } = &*self.shared;
        let Some(id_token) = &answer.id_token else { return Ok(None) };
        let nonce = remembered.nonce().map_or(Nonce::Unknown, Nonce::IfPresent);
        let expect = expect(settings, &self.metadata, nonce, &answer.access_token);
        match keys.verify_id_token(id_token, &expect, self.metadata.jwks_uri.as_ref(), http, clock).await {
            Ok(verified) => Ok(Some(verified)),
            // About when, not about whom: some providers send the old one again. Its claims do not count; it ends nothing.
            Err(Unverified::Refused(why @ (Refused::Expired | Refused::NotYet | Refused::IssuedAt))) => {
                tracing::warn!(event = "id_token_not_taken", reason = %why, "the ID token of a refresh is not taken");
                Ok(None)
            }
            // It cannot be told now, since the keys are not to be had, or do not hold the new one yet. Its claims do not count; but whom it is about
            // must fit all the same.
            Err(
                why
                @ (Unverified::Refused(Refused::NoKey) | Unverified::Unsure(Refused::NoKey) | Unverified::NoKeys(_)),
            ) => {
                tracing::warn!(event = "id_token_not_taken", reason = %why, "the ID token of a refresh is not taken");
                let unsigned = UnverifiedIdToken::parse(id_token.expose())
                    .and_then(|token| token.verify(&expect, jwt::Keys::NotKnown, clock.now()))
                    .map_err(Over::IdToken)?;
                let said = Said { token: &answer.fields, userinfo: None, id_token: Some(unsigned.claims()) };
                self.same_user(&said, remembered)?;
                Ok(None)
            }
            Err(Unverified::Refused(why) | Unverified::Unsure(why)) => Err(Over::IdToken(why)),
        }
    }

    /// So that groups do not stay as they were for twelve hours. A failure keeps the old claims.
    async fn user_info(&self, answer: &TokenAnswer, remembered: &Remembered) -> Option<UserInfo> {
        let field = |name: &str| remembered.field(&answer.fields, name);
        let asking = Asking { bearer: Some(&answer.access_token), within: Some(USER_INFO_TAKES) };
        match userinfo::ask(&self.shared, &self.metadata, asking, field).await {
            Ok(info) => info,
            Err(failure) => {
                tracing::debug!(reason = %failure, "user info failed at a refresh; the claims stay as they were");
                None
            }
        }
    }
}

fn away(retry_after: Duration) -> Refreshed {
    Refreshed::Unreachable { retry_after }
}

const BROKEN_OFF: Refreshed = Refreshed::Unreachable { retry_after: A_JAM };
const A_JAM: Duration = Duration::from_secs(5);
const METADATA_TAKES: Duration = Duration::from_secs(5);
/// Nothing will come of asking again soon.
const NOTHING_TO_REFRESH_WITH: Duration = Duration::from_secs(60);
/// New tokens are in hand and requests wait for them: less patience than elsewhere.
const USER_INFO_TAKES: Duration = Duration::from_secs(5);
/// Sessions whose failures are remembered.
const SPACED_AT_MOST: usize = 10_000;
