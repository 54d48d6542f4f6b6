//! Asking an issuer about its tokens (RFC 7662): each once for all who bring it, seldom, and never for what could be no token.
//!
//! Whoever sends tokens that nobody knows can make this process call the issuer, so: what was answered is kept for a while, good and bad apart; so many
//! new ones a minute; so many at once, and some of those places are for tokens that were good lately; and an issuer that does not answer is left alone for
//! a while, in which strangers have no say for tokens that were good lately.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::known::{Mark, Standing};
use super::{Bearers, NotTaken, away};
use crate::clock::Timestamp;
use crate::oidc::Secret;
use crate::oidc::access_token::{AccessToken, Untaken};
use crate::oidc::client::{Authentication, Form};
use crate::oidc::jwt::Refused;
use crate::provider::http::{Failure, Refusal};
use crate::provider::pace::{Breaker, Bucket, chance};
use crate::provider::under_way::{Told, UnderWay};
use crate::provider::{BearerCheck, Introspection, Shared, WAIT_FOR_A_PLACE};
use crate::session::Session;
use crate::store::expiring::Expiring;
use crate::telemetry::metrics::Endpoint;

pub struct Introspections {
    under_way: UnderWay<Mark, Answer>,
    state: Mutex<State>,
    places: Semaphore,
    /// Of those, the ones that tokens may have which nobody has heard of.
    places_for_strangers: Semaphore,
}

struct State {
    bad: Expiring<Mark, NotTaken>,
    strangers: Bucket,
    breaker: Breaker,
    breaker_for_strangers: Breaker,
}

type Answer = Result<Session, NotTaken>;

impl Introspections {
    pub fn new(per_minute: u32, now: Timestamp) -> Introspections {
        let state = State {
            bad: Expiring::new(KEPT),
            strangers: Bucket::new(per_minute, now),
            breaker: Breaker::default(),
            breaker_for_strangers: Breaker::default(),
        };
        Introspections {
            under_way: UnderWay::default(),
            state: Mutex::new(state),
            places: Semaphore::new(AT_ONCE),
            places_for_strangers: Semaphore::new(STRANGERS_AT_ONCE),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn breaker(&mut self, is_stranger: bool) -> &mut Breaker {
        if is_stranger { &mut self.breaker_for_strangers } else { &mut self.breaker }
    }

    /// What a question says about its issuer. A stranger's may be anything that somebody has made up to be refused, by whatever stands before the issuer:
    /// a refusal says only that somebody answers. One that is overloaded or broken is left alone by strangers, too.
    fn learn<T>(&mut self, said: &Result<T, Failure>, is_stranger: bool, now: Timestamp) {
        match said {
            Ok(_) => {
                self.breaker.worked();
                self.breaker_for_strangers.worked();
            }
            Err(Failure::Refused(refusal)) if is_about_the_token(refusal) => self.breaker(is_stranger).worked(),
            Err(Failure::Refused(_)) if is_stranger => self.breaker_for_strangers.worked(),
            Err(_) => self.breaker(is_stranger).failed(now, chance()),
        }
    }
}

/// What is known, or what the issuer says; joined where somebody asks already. What is returned may be dropped.
pub async fn ask(shared: &Arc<Shared>, runtime: &Handle, issuer: usize, token: &str, mark: Mark) -> Answer {
    match join_or_begin(shared, runtime, issuer, token, mark) {
        Ok(told) => told.wait().await.unwrap_or_else(|| Err(away("the question was broken off".to_owned()))),
        Err(known) => *known,
    }
}

fn join_or_begin(
    shared: &Arc<Shared>,
    runtime: &Handle,
    issuer: usize,
    token: &str,
    mark: Mark,
) -> Result<Told<Answer>, Box<Answer>> {
    let now = shared.clock.now();
    let Introspections { under_way, .. } = &shared.bearers.introspections;
    let mut state = shared.bearers.introspections.lock();
    if let Some(told) = under_way.join(mark) {
        return Ok(told);
    }
    // After the list: what a question brought that was answered a moment ago was known before it was out of there.
    let is_stranger = match shared.bearers.known.standing(&mark, now) {
        Standing::Good(session) => return Err(Box::new(Ok(session))),
        Standing::WasGood => false,
        Standing::Stranger => true,
    };
    state.bad.tidy(now);
    if let Some(bad) = state.bad.get(mark) {
        return Err(Box::new(Err(bad.clone())));
    }
    if under_way.count() >= WAITING {
        return Err(Box::new(Err(away("too many questions wait".to_owned()))));
    }
    let unanswered = |retry_after| Box::new(Err(NotTaken::Away { why: UNANSWERED.to_owned(), retry_after }));
    if let Some(left) = state.breaker(is_stranger).left(now).filter(|left| !left.is_zero()) {
        return Err(unanswered(left));
    }
    if is_stranger {
        state.strangers.take(now).map_err(|retry_after| Box::new(Err(NotTaken::TooMany { retry_after })))?;
    }
    state.breaker(is_stranger).may_call(now).map_err(unanswered)?;
    let (call, told) = under_way.begin(mark);
    drop(state);
    let question = Question { shared: shared.clone(), issuer, mark, is_stranger };
    let token = Secret::new(token.to_owned());
    runtime.spawn(async move {
        let answer = question.put(&token).await;
        question.keep(&answer);
        call.end_with(answer);
    });
    Ok(told)
}

/// A question to an issuer about one of its tokens.
struct Question {
    shared: Arc<Shared>,
    issuer: usize,
    mark: Mark,
    is_stranger: bool,
}

impl Question {
    async fn put(&self, token: &Secret<String>) -> Answer {
        let Shared { bearers, http, clock, .. } = &*self.shared;
        let (BearerCheck::Introspection(introspection) | BearerCheck::Either { introspection, .. }) =
            &bearers.issuers[self.issuer].settings.check
        else {
            return Err(Untaken::Jwt(Refused::Type).into());
        };
        let Introspections { places, places_for_strangers, .. } = &bearers.introspections;
        let places = async {
            let for_strangers = if self.is_stranger { Some(places_for_strangers.acquire().await) } else { None };
            (for_strangers, places.acquire().await)
        };
        let Ok(_places) = timeout(WAIT_FOR_A_PLACE, places).await else {
            return Err(away("too many questions at once".to_owned()));
        };
        let expect = bearers.issuers[self.issuer].expect();
        let read =
            |body: &[u8]| AccessToken::introspected(body, &expect, clock.now()).map_err(|error| error.to_string());
        let (address, form) = (introspection.endpoint.clone(), introspection.form(token));
        let said = http.post(Endpoint::Introspection, address, &form, read).await;
        bearers.introspections.lock().learn(&said, self.is_stranger, clock.now());
        match said {
            Ok(verdict) => self.shared.caller(self.issuer, &self.mark, verdict),
            // Of a token that it cannot read its issuer should say so otherwise (RFC 7662 §2.2); not all do.
            Err(Failure::Refused(refusal)) if is_about_the_token(&refusal) => Err(Untaken::Inactive.into()),
            // Also where this gate may not ask (§2.3): it is the operator's mistake, and nothing is known of the token.
            Err(failure) => Err(away(failure.to_string())),
        }
    }

    /// Before it is out of the list of those under way: who asks again at once finds one or the other.
    fn keep(&self, answer: &Answer) {
        let now = self.shared.clock.now();
        let Bearers { known, introspections, .. } = &self.shared.bearers;
        match answer {
            Ok(session) => known.found_good(self.mark, session, now),
            Err(why @ (NotTaken::Invalid(_) | NotTaken::Unnamed(_))) => {
                known.found_bad(&self.mark);
                introspections.lock().bad.put(self.mark, why.clone(), now + KEPT_BAD);
            }
            Err(NotTaken::Away { .. } | NotTaken::TooMany { .. }) => {}
        }
    }
}

impl Introspection {
    /// RFC 7662 §2.1. As Basic (RFC 6749 §2.3.1), which every server takes.
    fn form(&self, token: &Secret<String>) -> Form {
        let fields = [("token", token.expose().as_str()), ("token_type_hint", "access_token")];
        Form::new(&fields, &self.client_id, Authentication::Basic(&self.client_secret))
    }
}

fn is_about_the_token(refusal: &Refusal) -> bool {
    matches!(refusal.status.as_u16(), 400 | 413 | 414 | 422)
}

const UNANSWERED: &str = "it did not answer lately";
/// Bad ones; good ones have a list of their own, which no garbage pushes them out of.
const KEPT: usize = 10_000;
/// Short: a token may be used before its issuer's other half has heard of it.
const KEPT_BAD: Duration = Duration::from_secs(10);
const AT_ONCE: usize = 32;
const STRANGERS_AT_ONCE: usize = 24;
/// Questions under way, those that wait for a place included.
const WAITING: usize = 1000;
