//! Access tokens of API clients: whose they are, and whether they hold. What is at hand decides on the spot; everything that has to be fetched is fetched on
//! the provider's runtime, once for all who wait, and no faster than the bounds allow: anybody may send anything here.

mod caller;
mod introspection;
mod issuer;
mod known;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::timeout;

use self::introspection::Introspections;
use self::issuer::Issuer;
use self::known::{Known, Standing};
use super::{BearerCheck, Provider, Settings, Shared};
use crate::clock::Timestamp;
use crate::oidc::Secret;
use crate::oidc::access_token::{AccessToken, Untaken, UnverifiedAccessToken};
use crate::oidc::jwt::{Refused, UnverifiedJwt};
use crate::session::Session;

/// Why an access token lets nobody in now. Its text is for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    #[error("{0}")]
    Invalid(#[from] Untaken),
    /// It holds, and does not say who it is about.
    #[error("the user cannot be named: {0}")]
    Unnamed(String),
    #[error("too many tokens that nobody knows")]
    TooMany { retry_after: Duration },
    #[error("its issuer cannot be asked: {why}")]
    Away { why: String, retry_after: Duration },
}

/// The issuers of `[[bearer]]`, and what is known of their tokens.
pub struct Bearers {
    issuers: Vec<Issuer>,
    known: Known,
    introspections: Introspections,
    /// Of signed tokens that wait for keys, their clients gone or not: what an issuer that hangs holds is bounded.
    pub(in crate::provider) waiting: Arc<Semaphore>,
}

/// What is done about a token, by what it says it is.
#[derive(Clone, Copy)]
enum Way {
    /// The index of the issuer whose keys verify it.
    Verify(usize),
    /// The one that is asked.
    Ask(usize),
}

impl Bearers {
    pub fn new(settings: &Settings, now: Timestamp) -> Bearers {
        Bearers {
            issuers: settings.bearer.iter().cloned().map(Issuer::new).collect(),
            known: Known::new(),
            introspections: Introspections::new(settings.introspections_per_minute, now),
            waiting: Arc::new(Semaphore::new(WAITING)),
        }
    }

    /// A token goes to nobody but the issuer that it names; one that names none goes to the only one that is asked about such (`config` sees to that).
    fn way(&self, token: &str) -> Result<Way, Untaken> {
        let signed = UnverifiedAccessToken::recognise(token);
        let said = match &signed {
            Some(signed) => signed.alleged_issuer().map(str::to_owned),
            None => UnverifiedJwt::parse(token).ok().and_then(|jwt| jwt.alleged_issuer().map(str::to_owned)),
        };
        let named = said.as_ref().map(|said| self.issuers.iter().position(|issuer| issuer.settings.issuer == *said));
        let index = match named {
            Some(known) => known.ok_or(Refused::Issuer)?,
            None => self.issuers.iter().position(|issuer| issuer.settings.check.asks()).ok_or(Untaken::Opaque)?,
        };
        match (&self.issuers[index].settings.check, signed.is_some()) {
            (BearerCheck::Keys { .. } | BearerCheck::Either { .. }, true) => Ok(Way::Verify(index)),
            (BearerCheck::Introspection(_), _) | (BearerCheck::Either { .. }, false) => Ok(Way::Ask(index)),
            (BearerCheck::Keys { .. }, false) => Err(Refused::Type.into()),
        }
    }
}

impl Provider {
    /// Who brings this access token: as a session that ends with it and is sealed into nothing. The future may be dropped: what it fetches is fetched.
    pub async fn bearer(&self, token: &str) -> Result<Session, NotTaken> {
        let shared = &self.shared;
        let Bearers { known, .. } = &shared.bearers;
        let mark = known.mark(token);
        if let Standing::Good(session) = known.standing(&mark, shared.clock.now()) {
            return Ok(session);
        }
        match shared.bearers.way(token)? {
            Way::Verify(index) => {
                let verdict = self.verify(index, token).await?;
                let session = shared.caller(index, &mark, verdict)?;
                known.found_good(mark, &session, shared.clock.now());
                Ok(session)
            }
            Way::Ask(index) => introspection::ask(shared, self.runtime.handle(), index, token, mark).await,
        }
    }

    async fn verify(&self, index: usize, token: &str) -> Result<Result<AccessToken, Untaken>, NotTaken> {
        let (shared, issuer) = (&self.shared, &self.shared.bearers.issuers[index]);
        let at_hand = match issuer.verify_at_hand(token, shared.clock.now()) {
            Some(at_hand) if at_hand.for_good => return Ok(at_hand.verdict),
            Some(at_hand) => Some(at_hand.verdict),
            None => None,
        };
        let Ok(place) = Arc::clone(&shared.bearers.waiting).try_acquire_owned() else {
            return at_hand.map_or_else(|| Err(away("too many tokens wait for its keys".to_owned())), Ok);
        };
        let (token, there) = (Secret::new(token.to_owned()), Arc::clone(shared));
        let work = self.runtime.handle().spawn(async move {
            let _place = place;
            let Shared { bearers, http, clock, settings, .. } = &*there;
            bearers.issuers[index].verify(token.expose(), http, clock, settings.insecure_http).await
        });
        match at_hand {
            // Newer keys are under way: who is known by the old ones does not wait for an issuer that hangs.
            Some(at_hand) => match timeout(A_MOMENT, work).await {
                Ok(Ok(verdict)) => verdict,
                Ok(Err(_)) | Err(_) => Ok(at_hand),
            },
            None => work.await.unwrap_or_else(|_| Err(away("the work was broken off".to_owned()))),
        }
    }
}

impl BearerCheck {
    fn asks(&self) -> bool {
        match self {
            BearerCheck::Keys { .. } => false,
            BearerCheck::Introspection(_) | BearerCheck::Either { .. } => true,
        }
    }
}

fn away(why: String) -> NotTaken {
    NotTaken::Away { why, retry_after: RETRY_AFTER }
}

/// Tokens that wait for keys, of all issuers.
const WAITING: usize = 1000;
/// How long newer keys are waited for where there are old ones.
const A_MOMENT: Duration = Duration::from_secs(1);
/// How soon it is worth trying again where an issuer could not be asked.
const RETRY_AFTER: Duration = Duration::from_secs(5);
