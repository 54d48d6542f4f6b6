//! CORS: which pages of other origins may send what their browser asks about first, and read what the gate itself answers (Fetch, "CORS protocol").
//! What the application answers is the application's.

use http::{HeaderValue, Method};

use super::Gate;
use super::rules::{Access, Effect, Verdict};
use crate::wire::Ask;

/// Whose scripts may read an answer of the gate's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shared<'o> {
    /// Nobody's, whoever asks: there is no `[cors]`.
    Never,
    /// Not those of this request's origin.
    No,
    With(&'o HeaderValue),
}

impl Gate {
    /// Compared byte for byte, as browsers compare what comes back.
    pub fn shared_with<'o>(&self, origin: Option<&'o HeaderValue>) -> Shared<'o> {
        let known = &self.settings.cors_origins;
        match origin {
            _ if known.is_empty() => Shared::Never,
            Some(origin) if known.iter().any(|known| known.as_bytes() == origin.as_bytes()) => Shared::With(origin),
            Some(_) | None => Shared::No,
        }
    }

    /// Which application a preflight that `own` lets through is for: the one that the request it asks about would reach; the rule's own, where the rule
    /// names OPTIONS, or where that request would be refused whoever sent it.
    pub(in crate::gate) fn upstream_ahead(&self, ask: &Ask, (own, rule): (&Effect, Option<usize>)) -> usize {
        let names_options = rule.is_some_and(|rule| self.settings.rules[rule].methods.contains(&Method::OPTIONS));
        let coming = ask.preflight.as_ref().filter(|_| !names_options);
        match coming.map(|method| self.rules.judge(method, ask.path(), ask.client)) {
            Some(Verdict::Says { effect, .. }) if effect.access != Access::Deny && effect.takes(ask.client) => {
                effect.upstream
            }
            Some(Verdict::Says { .. } | Verdict::Ambiguous) | None => own.upstream,
        }
    }

    /// Whether the request is a preflight from one of `[cors] origins`: nobody's, as it carries no credentials, and it does nothing.
    pub(in crate::gate) fn is_let_ahead(&self, ask: &Ask) -> bool {
        ask.preflight.is_some() && matches!(self.shared_with(ask.origin.as_ref()), Shared::With(_))
    }
}
