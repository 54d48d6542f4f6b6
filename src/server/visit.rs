//! Visit: one request, who asks, and what its answer has to write back.

use std::future::Future;
use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Method, Response};

use super::answer::{self, Asked};
use super::site::{House, Site};
use crate::clock::Timestamp;
use crate::gate::action::Form;
use crate::gate::rules::Unmet;
use crate::gate::{Bearer, Caller, Known, Lacks, Refusal, Renewal};
use crate::oidc::Subject;
use crate::oidc::step_up::Unmet as TooWeak;
use crate::provider::{Asker, Refreshed};
use crate::session::{Freshness, Session, SessionId, Tokens};
use crate::store::memory::{KEPT_AFTER_SEEN, Renewed, Standing};
use crate::store::{Held, TokensPart};
use crate::telemetry::log::User;
use crate::upstream::Body;
use crate::wire::Ask;

pub(super) struct Visit<'a> {
    pub house: &'a House,
    pub site: &'a Site,
    pub ask: &'a Ask,
    /// `Accept-Language`: read only where the gate itself answers.
    pub accept_language: Option<HeaderValue>,
    /// What the cookies said.
    pub before: Held,
    /// What the answer leaves behind.
    pub after: Held,
    /// The session that came was signed out, in this process; the marker that says so to the browser may not have arrived.
    left: bool,
    /// What became of the access token that came, where anybody looked at it.
    pub(super) bearer: Option<Bearer>,
    began: Timestamp,
}

impl<'a> Visit<'a> {
    /// Reads who asks: the cookies, and what this process remembers of their session.
    pub fn recognise(
        house: &'a House,
        site: &'a Site,
        ask: &'a Ask,
        accept_language: Option<HeaderValue>,
        now: Timestamp,
    ) -> Visit<'a> {
        let before = site.store.presented(&ask.cookies, &site.keys, now);
        let after = before.clone();
        let mut visit =
            Visit { house, site, ask, accept_language, before, after, left: false, bearer: None, began: now };
        visit.remember(now);
        visit.end_without_tokens(now);
        visit
    }

    pub fn caller(&self) -> Caller<'_> {
        Caller {
            known: &self.after.known,
            bearer: self.bearer.as_ref(),
            signed_out: self.after.signed_out || self.left,
            returned: self.before.returned,
        }
    }

    pub fn session(&self) -> Option<&Session> {
        match &self.after.known {
            Known::User(session) => Some(session),
            Known::Nobody | Known::Unreadable | Known::Unsure { .. } => None,
        }
    }

    /// Opened at its first use. What does not open is none, and its pieces go with the answer.
    pub fn tokens(&mut self) -> Option<Arc<Tokens>> {
        self.after.tokens = self.site.store.tokens(&self.after, &self.ask.cookies, &self.site.keys);
        match &self.after.tokens {
            TokensPart::Opened(tokens) => Some(Arc::clone(tokens)),
            TokensPart::Absent | TokensPart::Sealed => None,
        }
    }

    /// Refreshes what is due. What this request need not wait for is returned: it goes on elsewhere, wanted or not.
    pub async fn refresh(&mut self, now: Timestamp) -> Option<impl Future<Output = Refreshed> + use<>> {
        let session = self.session()?;
        let renewal = self.site.gate.renewal(self.ask, session, now);
        if renewal == Renewal::No {
            return None;
        }
        let session = session.clone();
        let tokens = self.tokens()?;
        let asker = Asker { request_id: self.request_id().to_owned(), user: self.shown(&session.user) };
        let refresh = self.house.provider.start_refresh(session, tokens, asker);
        match renewal {
            Renewal::No => None,
            Renewal::Beside => Some(refresh),
            Renewal::First => {
                let refreshed = refresh.await;
                self.take(refreshed);
                None
            }
        }
    }

    /// How a refresh ended becomes what this request knows.
    pub fn take(&mut self, refreshed: Refreshed) {
        let Some(session) = self.session() else { return };
        let lifetimes = &self.site.store.settings.lifetimes;
        let now = self.house.clock.now();
        match refreshed {
            Refreshed::Renewed(renewed) => {
                self.adopt(&renewed);
            }
            Refreshed::Ended => {
                let (id, standing) = (session.id, self.meet(session));
                self.end_on_the_way(id, matches!(standing, Standing::Over(over) if over.is_signed_out()));
            }
            Refreshed::Unreachable { retry_after } => {
                let served_until = session.token_expires_at + lifetimes.outage_grace;
                if session.freshness(lifetimes, now) == Freshness::Expired && now >= served_until {
                    self.after.known = Known::Unsure { retry_after };
                }
            }
        }
    }

    /// What became of the session while this request was on its way. Nothing seals an ended one again, whoever renewed it; and an answer may come long
    /// after its request: it writes no tokens over those that replaced them.
    pub fn catch_up(&mut self, now: Timestamp) {
        let Some(session) = self.session() else { return };
        let (id, generation) = (session.id, session.generation);
        match self.meet(session) {
            Standing::Over(over) => self.end_on_the_way(id, over.is_signed_out()),
            Standing::Lives(Some(kept)) if kept.session.generation > generation => self.adopt(&kept),
            Standing::Lives(None) if now.since(self.began) >= KEPT_AFTER_SEEN => self.write_nothing(id),
            Standing::Lives(_) => {}
        }
    }

    /// Writes this activity down where `idle_timeout` wants it.
    pub fn touch(&mut self, now: Timestamp) {
        let touched = self.session().and_then(|session| session.touched(&self.site.store.settings.lifetimes, now));
        if let Some(touched) = touched {
            self.after.known = Known::User(touched);
        }
    }

    /// `Set-Cookie`, if anything changed.
    pub fn settle(&self, now: Timestamp, headers: &mut HeaderMap) {
        let Visit { site, ask, before, after, .. } = self;
        let already = cookie_bytes(headers);
        site.store.settle(before, after, &ask.cookies, &site.keys, now, headers);
        if let Known::User(session) = &after.known
            && !matches!(&before.known, Known::User(came) if came == session)
        {
            self.house.metrics.session_cookie(cookie_bytes(headers).saturating_sub(already));
        }
    }

    pub fn refuse(&self, refusal: &Refusal, form: Form) -> Response<Body> {
        let user = self.shown_user();
        let response = answer::refusal(refusal, &self.asked(form, user.as_deref()));
        let (rule, mend) = match refusal {
            Refusal::Denied { rule } => (*rule, None),
            Refusal::ScopeNeeded { rule } => (*rule, Some(key_of(*rule, "require.scope"))),
            Refusal::NotMet { rule, lacks, .. } => (*rule, Some(conditions(*rule, lacks))),
            Refusal::StepUpNeeded { rule, unmet: TooWeak::Age, .. } => (*rule, Some(key_of(*rule, "max_age"))),
            Refusal::StepUpNeeded { rule, unmet: TooWeak::Acr, .. } => (*rule, Some(key_of(*rule, "acr_values"))),
            Refusal::AmbiguousPath { meets } => (None, (!meets.is_empty()).then(|| rules(meets))),
            Refusal::Misdirected => (None, Some("public_url or extra_hosts".to_owned())),
            Refusal::OriginalUnknown { missing } => (None, Some(format!("trusted_proxies (not told: {missing})"))),
            Refusal::SessionLost { .. } => (None, Some("session.cookie_name, session.cookie_budget".to_owned())),
            Refusal::SignInNeeded { .. }
            | Refusal::Unnamed
            | Refusal::ForeignOrigin
            | Refusal::NotAllowed
            | Refusal::TokenNotTaken
            | Refusal::TokenUnclear
            | Refusal::TooManyTokens { .. }
            | Refusal::UnknownParameter(_)
            | Refusal::NotFound
            | Refusal::MethodNotAllowed { .. }
            | Refusal::ProviderAway { .. }
            | Refusal::NoNavigation => (None, None),
        };
        tracing::info!(
            event = "refused",
            reason = answer::reason(&response),
            rule,
            key = mend,
            request_id = self.request_id(),
            method = self.ask.method.as_str(),
            host = %self.ask.host,
            path = self.ask.path(),
            user,
        );
        response
    }

    /// Who asked, for answers in this form.
    pub fn asked<'v>(&'v self, form: Form, user: Option<&'v str>) -> Asked<'v> {
        Asked {
            form,
            head: self.ask.method == Method::HEAD,
            language: self.site.voice.language.for_request(self.accept_language.as_ref()),
            request_id: &self.ask.request_id,
            user,
            voice: &self.site.voice,
            places: &self.site.places,
            public_url: self.site.gate.matched(self.ask),
        }
    }

    /// The same in the form that the request itself wants.
    pub fn asked_here(&self) -> Asked<'_> {
        self.asked(Form::of(self.ask.wants), None)
    }

    /// Who asks, as `[log] user` lets it be shown.
    pub fn shown_user(&self) -> Option<String> {
        let session = match &self.bearer {
            Some(Bearer::Holds(session)) => Some(session),
            Some(Bearer::Refused(_)) => None,
            None => self.session(),
        };
        session.and_then(|session| self.shown(&session.user))
    }

    pub fn shown(&self, user: &Subject) -> Option<String> {
        match self.site.log.user {
            User::Hash => Some(self.site.keys.user_hash(user)),
            User::Id => Some(user.as_str().to_owned()),
            User::Off => None,
        }
    }

    pub fn request_id(&self) -> &'a str {
        self.ask.request_id.to_str().unwrap_or_default()
    }

    /// Ended sessions are none; refreshed ones whose browser has not been seen with the result are the result.
    fn remember(&mut self, now: Timestamp) {
        let Some(session) = self.session() else { return };
        let (id, generation) = (session.id, session.generation);
        let kept = match self.meet(session) {
            // The cookies go with this answer, unless another answer saw to them.
            Standing::Over(over) => {
                return self
                    .end(if over.is_cleared() { Known::Unreadable } else { Known::Nobody }, over.is_signed_out());
            }
            Standing::Lives(None) => return,
            Standing::Lives(Some(kept)) => kept,
        };
        if kept.session.generation > generation {
            return self.adopt(&kept);
        }
        match self.tokens() {
            Some(tokens) if tokens.generation >= kept.tokens.generation => self.house.memory.seen(id, generation, now),
            Some(_) | None => {
                self.after.tokens = TokensPart::Opened(Arc::clone(&kept.tokens));
                self.after.reseal = true;
            }
        }
    }

    /// What this process knows of the session. Where the provider has ended it, that is told when it is first seen, and it is as if it had been ended here.
    pub fn meet(&self, session: &Session) -> Standing {
        let standing = self.house.memory.meet(session);
        if matches!(standing, Standing::Over(over) if over.is_news) {
            let (request_id, user) = (self.request_id(), self.shown(&session.user));
            tracing::info!(event = "session_ended", reason = "signed_out_at_provider", request_id, user);
        }
        standing
    }

    /// The session as a refresh left it; but the refresh does not know of activity that was written down while it went on.
    fn adopt(&mut self, renewed: &Renewed) {
        let seen_at =
            self.session().map_or(renewed.session.seen_at, |known| known.seen_at.max(renewed.session.seen_at));
        self.after.known = Known::User(Session { seen_at, ..renewed.session.clone() });
        self.after.tokens = TokensPart::Opened(Arc::clone(&renewed.tokens));
    }

    /// Whatever this request learned, its browser may have been seen with newer, and that may be forgotten: the cookies stay as they are.
    fn write_nothing(&mut self, id: SessionId) {
        if matches!(&self.before.known, Known::User(came) if came.id == id) {
            self.after.known = self.before.known.clone();
            self.after.tokens = self.before.tokens.clone();
            self.after.reseal = false;
        }
    }

    /// What cannot be refreshed ends with its access token: a browser must not escape `invalid_grant` by spoiling a cookie.
    fn end_without_tokens(&mut self, now: Timestamp) {
        let lifetimes = &self.site.store.settings.lifetimes;
        let has_run_out = self.session().is_some_and(|known| known.freshness(lifetimes, now) == Freshness::Expired);
        if has_run_out && self.tokens().is_none() {
            self.after.known = Known::Nobody;
        }
    }

    /// For a session that was one when the request came: the cookies go with one answer.
    fn end_on_the_way(&mut self, id: SessionId, signed_out: bool) {
        self.end(if self.house.memory.is_first_to_tell(id) { Known::Nobody } else { Known::Unreadable }, signed_out);
    }

    fn end(&mut self, known: Known, signed_out: bool) {
        self.left = signed_out;
        self.after.known = known;
        self.after.tokens = TokensPart::Absent;
    }
}

/// The keys that do not hold, and why; whatever the claims say.
fn conditions(rule: Option<usize>, lacks: &Lacks) -> String {
    let Lacks::Claims(claims) = lacks else { return key_of(rule, "from") };
    let told = claims.iter().map(|(claim, why)| {
        let why = match why {
            Unmet::Missing => "missing",
            Unmet::Other => "another value",
            Unmet::Unverified => "not verified",
        };
        format!("{} ({why})", key_of(rule, &format!("require.{claim}")))
    });
    told.collect::<Vec<_>>().join(", ")
}

/// Those between which nobody decides.
fn rules(met: &[Option<usize>]) -> String {
    let told = met.iter().map(|rule| rule.map_or_else(|| "no rule".to_owned(), |rule| format!("rules[{rule}]")));
    told.collect::<Vec<_>>().join(", ")
}

fn key_of(rule: Option<usize>, key: &str) -> String {
    rule.map_or_else(|| key.to_owned(), |rule| format!("rules[{rule}].{key}"))
}

fn cookie_bytes(headers: &HeaderMap) -> usize {
    headers.get_all(http::header::SET_COOKIE).iter().map(HeaderValue::len).sum()
}
