//! Access: what became of each request, counted, and told in one line.

use std::time::Duration;

use http::Response;
use tokio::time::Instant;

use super::answer::{self, Asked};
use super::site::{House, Site};
use super::visit::Visit;
use crate::gate::{Action, Refusal};
use crate::telemetry::metrics::{Decision, Metrics, Part};
use crate::upstream::Body;
use crate::wire::{Ask, Malformed};

/// One request, from its decision to its answer. Dropped before that is noted, its client has left (or this process has ended): that is told
/// too, because who waits too long leaves.
pub(super) struct Done<'a> {
    house: &'a House,
    site: &'a Site,
    ask: &'a Ask,
    decision: Decision,
    /// The query may hold a code, or the address somebody came from: `/callback`'s is never told, nor what the provider calls a session, whatever
    /// becomes of the request.
    tells_query: bool,
    /// Whether it counts for `idle_timeout`: what the gate answers itself does not.
    pub is_activity: bool,
    began: Instant,
    /// From the request being sent to the head of its answer.
    pub upstream: Option<Duration>,
    user: Option<String>,
    noted: bool,
}

impl<'a> Done<'a> {
    pub fn of(action: &Action, visit: &Visit<'a>, began: Instant) -> Done<'a> {
        let Visit { house, site, ask, .. } = *visit;
        let told = site.log.access && tracing::enabled!(tracing::Level::INFO);
        Done {
            house,
            site,
            ask,
            decision: decision(action),
            tells_query: site.log.query && !site.gate.is_told_in_confidence(ask.path()),
            is_activity: matches!(action, Action::Forward(_) | Action::Allow(_)),
            began,
            upstream: None,
            user: if told { visit.shown_user() } else { None },
            noted: false,
        }
    }

    /// Counts a request that was answered, and tells of it where `[log] access` says so.
    pub fn note(mut self, response: &Response<Body>) {
        self.noted = true;
        let metrics = &self.house.metrics;
        let total = self.began.elapsed();
        metrics.took(Part::Gate, total.saturating_sub(self.upstream.unwrap_or_default()));
        if let Some(upstream) = self.upstream {
            metrics.took(Part::Upstream, upstream);
        }
        self.tell(total, Some(response.status().as_u16()), answer::reason(response));
    }

    fn tell(&self, total: Duration, status: Option<u16>, reason: Option<&str>) {
        self.house.metrics.decided(self.decision);
        if !self.site.log.access {
            return;
        }
        let ask = self.ask;
        tracing::info!(
            event = "request",
            request_id = ask.request_id.to_str().unwrap_or_default(),
            method = ask.method.as_str(),
            host = %ask.host,
            path = ask.path(),
            query = ask.query().filter(|_| self.tells_query),
            status,
            decision = self.decision.label(),
            reason,
            duration_ms = millis(total),
            upstream_ms = self.upstream.map(millis),
            client = ask.client.map(tracing::field::display),
            user = self.user.as_deref(),
        );
    }
}

impl Drop for Done<'_> {
    fn drop(&mut self) {
        if !self.noted {
            self.tell(self.began.elapsed(), None, Some("unanswered"));
        }
    }
}

/// The same of a request that was refused at the door: what it says of itself is not repeated.
pub(super) fn note_malformed(
    metrics: &Metrics,
    site: &Site,
    malformed: Malformed,
    asked: &Asked<'_>,
    response: &Response<Body>,
    began: Instant,
) {
    metrics.decided(Decision::Malformed);
    metrics.took(Part::Gate, began.elapsed());
    let (request_id, reason) = (asked.request_id.to_str().unwrap_or_default(), answer::reason(response));
    tracing::info!(event = "refused", request_id, reason, "{malformed}");
    if site.log.access {
        let (status, decision) = (response.status().as_u16(), Decision::Malformed.label());
        tracing::info!(event = "request", request_id, status, decision, reason, duration_ms = millis(began.elapsed()));
    }
}

fn decision(action: &Action) -> Decision {
    match action {
        Action::Forward(pass) if pass.session().is_some() => Decision::Forwarded,
        Action::Forward(_) => Decision::ForwardedPublic,
        Action::Allow(_) => Decision::Allowed,
        Action::SignIn(_) | Action::ToStart { .. } => Decision::SignIn,
        Action::Refuse(refusal, _) => match refusal {
            Refusal::SignInNeeded { .. }
            | Refusal::StepUpNeeded { .. }
            | Refusal::SessionLost { .. }
            | Refusal::NoNavigation
            | Refusal::TokenNotTaken => Decision::Unauthenticated,
            Refusal::Denied { .. }
            | Refusal::NotMet { .. }
            | Refusal::Unnamed
            | Refusal::ForeignOrigin
            | Refusal::OriginalUnknown { .. }
            | Refusal::NotAllowed
            | Refusal::ScopeNeeded { .. } => Decision::Denied,
            Refusal::UnknownParameter(_)
            | Refusal::AmbiguousPath { .. }
            | Refusal::NotFound
            | Refusal::MethodNotAllowed { .. }
            | Refusal::TokenUnclear
            | Refusal::TooManyTokens { .. }
            | Refusal::Misdirected => Decision::NotServed,
            Refusal::ProviderAway { .. } => Decision::ProviderAway,
        },
        Action::Callback
        | Action::SignOut { .. }
        | Action::BackFromSignOut { .. }
        | Action::AskSignOut { .. }
        | Action::SignedOut { .. }
        | Action::BackchannelLogout
        | Action::FrontchannelLogout { .. }
        | Action::SessionStatus
        | Action::Preflight { .. }
        | Action::UserInfo
        | Action::Health
        | Action::ToPublicUrl { .. } => Decision::Endpoint,
    }
}

/// Milliseconds, to the microsecond.
fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1_000_000.0).round() / 1000.0
}
