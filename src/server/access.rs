//! Access: what became of each request, counted, and told in one line.

use std::time::Duration;

use http::Response;
use tokio::time::Instant;

use super::answer::{self, Asked};
use super::site::Site;
use super::visit::Visit;
use crate::gate::{Action, Refusal};
use crate::telemetry::metrics::{Decision, Metrics, Part};
use crate::upstream::Body;
use crate::wire::Malformed;

/// One request, as far as it is known before its answer.
pub(super) struct Done {
    decision: Decision,
    /// The query may hold a code, or the address somebody came from: `/callback`'s is never told.
    tells_query: bool,
    /// Whether it counts for `idle_timeout`: what the gate answers itself does not.
    pub is_activity: bool,
    began: Instant,
    /// From the request being sent to the head of its answer.
    pub upstream: Option<Duration>,
    user: Option<String>,
}

impl Done {
    pub fn of(action: &Action, visit: &Visit<'_>, began: Instant) -> Done {
        let told = visit.site.log.access && tracing::enabled!(tracing::Level::INFO);
        Done {
            decision: decision(action),
            tells_query: visit.site.log.query && !matches!(action, Action::Callback { .. }),
            is_activity: matches!(action, Action::Forward(_) | Action::Allow(_)),
            began,
            upstream: None,
            user: if told { visit.shown_user() } else { None },
        }
    }
}

/// Counts a request that was decided on, and tells of it where `[log] access` says so.
pub(super) fn note(visit: &Visit<'_>, response: &Response<Body>, done: &Done) {
    let metrics = &visit.house.metrics;
    let total = done.began.elapsed();
    metrics.decided(done.decision);
    metrics.took(Part::Gate, total.saturating_sub(done.upstream.unwrap_or_default()));
    if let Some(upstream) = done.upstream {
        metrics.took(Part::Upstream, upstream);
    }
    if !visit.site.log.access {
        return;
    }
    let ask = visit.ask;
    tracing::info!(
        event = "request",
        request_id = visit.request_id(),
        method = ask.method.as_str(),
        host = %ask.host,
        path = ask.path(),
        query = ask.query().filter(|_| done.tells_query),
        status = response.status().as_u16(),
        decision = done.decision.label(),
        reason = answer::reason(response),
        duration_ms = millis(total),
        upstream_ms = done.upstream.map(millis),
        client = ask.client.map(tracing::field::display),
        user = done.user.as_deref(),
    );
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
            Refusal::SignInNeeded { .. } | Refusal::NoNavigation => Decision::Unauthenticated,
            Refusal::Denied { .. }
            | Refusal::Unnamed
            | Refusal::ForeignOrigin
            | Refusal::OriginalUnknown { .. }
            | Refusal::NotAllowed => Decision::Denied,
            Refusal::UnknownParameter(_)
            | Refusal::AmbiguousPath
            | Refusal::NotFound
            | Refusal::MethodNotAllowed { .. }
            | Refusal::Misdirected => Decision::NotServed,
            Refusal::ProviderAway { .. } => Decision::ProviderAway,
        },
        Action::Callback { .. }
        | Action::SignOut { .. }
        | Action::AskSignOut { .. }
        | Action::SignedOut { .. }
        | Action::SessionStatus
        | Action::UserInfo
        | Action::Health
        | Action::ToPublicUrl { .. } => Decision::Endpoint,
    }
}

/// Milliseconds, to the microsecond.
fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1_000_000.0).round() / 1000.0
}
