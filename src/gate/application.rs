//! What the application gets, and what is answered in its place: by the rules, and by who asks.

use http::Method;

use super::action::Named;
use super::forward_auth::Allowed;
use super::route::At;
use super::rules::{Access, Effect, Verdict};
use super::{Action, Caller, Form, Gate, Lacks, Pass, PassOn, ROUNDS, Refusal, ReturnTo, SignIn, Who};
use crate::clock::Timestamp;
use crate::oidc::StepUp;
use crate::oidc::step_up::Unmet as TooWeak;
use crate::session::Session;
use crate::wire::{Ask, Wants};

impl Gate {
    /// For the application: by the rules, and by who asks.
    pub(in crate::gate) fn application(
        &self,
        at: At,
        ask: &Ask,
        caller: Caller<'_>,
        now: Timestamp,
        allowed: &Allowed,
    ) -> Action {
        let refuse = |refusal| Action::Refuse(refusal, Form::of(ask.wants));
        let not_met = |rule, lacks| {
            let return_to = ReturnTo::from_target(&ask.target, &self.sites[at.public_url]);
            refuse(Refusal::NotMet { rule, lacks, return_to })
        };
        let (effect, rule) = match self.judge(ask) {
            Verdict::Says { effect, rule } => (effect, rule),
            Verdict::Ambiguous => {
                let meets = self.met(ask).into_iter().map(|met| met.rule).collect();
                return refuse(Refusal::AmbiguousPath { meets });
            }
        };
        // Before anybody is asked to sign in: it would not help.
        if !effect.takes(ask.client) {
            return not_met(rule, Lacks::Network);
        }
        // The request to come brings credentials of its own, and meets its own rule.
        if self.is_let_ahead(ask) {
            let upstream = self.upstream_ahead(ask, (effect, rule));
            match effect.access {
                Access::Public | Access::Optional if upstream == effect.upstream => {
                    return self.pass(at, ask, effect, None);
                }
                Access::Public | Access::Optional | Access::User if ask.wants == Wants::Preflight => {
                    return Action::Forward(Pass::of_preflight(at.public_url, upstream));
                }
                Access::Public | Access::Optional | Access::User | Access::Deny => {}
            }
        }
        // Who must be allowed must be somebody.
        let access = match effect.access {
            Access::Public | Access::Optional if allowed.asks_anything() => Access::User,
            access @ (Access::Public | Access::Optional | Access::User | Access::Deny) => access,
        };
        let who = self.who(caller, now);
        if let (Access::User, Who::Nobody | Who::Away(_), Some(bearer)) = (access, who, caller.bearer)
            && effect.bearer
        {
            return self.client(at, ask, bearer, (effect, rule), allowed, now);
        }
        match (access, who) {
            (Access::Deny, _) => refuse(Refusal::Denied { rule }),
            (Access::Public, _) | (Access::Optional, Who::Nobody | Who::Away(_)) => self.pass(at, ask, effect, None),
            (Access::User, Who::User(session)) if !allowed.holds(&session.claims) => refuse(Refusal::NotAllowed),
            (Access::Optional | Access::User, Who::User(session)) => {
                if let Some(lacks) = effect.unmet_by(session, &self.settings.identity.user_claim) {
                    return not_met(rule, lacks);
                }
                if let Err(unmet) = effect.check_sign_in(session, now) {
                    return self.step_up(at, ask, caller, effect, (rule, unmet));
                }
                match self.named(session, now) {
                    Some(named) => self.pass(at, ask, effect, Some(named)),
                    None => refuse(Refusal::Unnamed),
                }
            }
            (Access::User, Who::Away(retry_after)) => refuse(Refusal::ProviderAway { retry_after }),
            (Access::User, Who::Nobody) => self.stranger(at, ask, caller, &effect.step_up),
        }
    }

    /// The last question is a socket's: cookies go where a foreign page says (RFC 6455 §10.2).
    pub(in crate::gate) fn pass(&self, at: At, ask: &Ask, effect: &Effect, named: Option<Named>) -> Action {
        if ask.wants == Wants::Socket && !self.knows_origin(at, ask) {
            return Action::Refuse(Refusal::ForeignOrigin, Form::Bare);
        }
        Action::Forward(Pass::new(at.public_url, effect.upstream, named))
    }

    /// A missing `Origin` is no browser's.
    fn knows_origin(&self, at: At, ask: &Ask) -> bool {
        let Some(origin) = &ask.origin else { return true };
        let own = &self.sites[at.public_url].origin;
        std::iter::once(own)
            .chain(&self.settings.allowed_origins)
            .any(|known| known.trim_end_matches('/').as_bytes().eq_ignore_ascii_case(origin.as_bytes()))
    }

    /// Without a session, where one is needed.
    fn stranger(&self, at: At, ask: &Ask, caller: Caller<'_>, step_up: &StepUp) -> Action {
        let public_url = at.public_url;
        let return_to = ReturnTo::from_target(&ask.target, &self.sites[public_url]);
        let step_up = step_up.clone();
        match ask.wants {
            Wants::Page if at.machine => {
                Action::Refuse(Refusal::SignInNeeded { public_url, return_to, step_up }, Form::Data)
            }
            Wants::Page if caller.signed_out => Action::SignedOut { public_url, return_to },
            // It signs in, and comes without a session again and again: a circle that no other sign-in leaves.
            Wants::Page if caller.returned >= ROUNDS => {
                Action::Refuse(Refusal::SessionLost { public_url, return_to }, Form::Page)
            }
            Wants::Page if ask.method == Method::HEAD => Action::ToStart { public_url, return_to },
            Wants::Page => Action::SignIn(SignIn { step_up, ..SignIn::new(public_url, return_to) }),
            Wants::Socket
            | Wants::Grpc(_)
            | Wants::Preflight
            | Wants::Prefetch
            | Wants::Form
            | Wants::Frame
            | Wants::Data => {
                Action::Refuse(Refusal::SignInNeeded { public_url, return_to, step_up }, Form::of(ask.wants))
            }
        }
    }

    /// Signed in, but not as the rule wants. Whoever comes back from the provider so again and again is told: another sign-in like those before
    /// leaves the circle as little.
    fn step_up(
        &self,
        at: At,
        ask: &Ask,
        caller: Caller<'_>,
        effect: &Effect,
        (rule, unmet): (Option<usize>, TooWeak),
    ) -> Action {
        let public_url = at.public_url;
        let return_to = ReturnTo::from_target(&ask.target, &self.sites[public_url]);
        let step_up = effect.step_up.clone();
        let is_page = ask.wants == Wants::Page && !at.machine && caller.returned < ROUNDS;
        if is_page && ask.method == Method::HEAD {
            return Action::ToStart { public_url, return_to };
        }
        if is_page {
            // A provider that knows no max_age may know this (OpenID Connect Core §3.1.2.1).
            let prompt_login = unmet == TooWeak::Age;
            return Action::SignIn(SignIn { prompt_login, step_up, ..SignIn::new(public_url, return_to) });
        }
        let form = if at.machine && ask.wants == Wants::Page { Form::Data } else { Form::of(ask.wants) };
        Action::Refuse(Refusal::StepUpNeeded { rule, unmet, public_url, return_to, step_up }, form)
    }

    fn named(&self, session: &Session, now: Timestamp) -> Option<Named> {
        let identity = &self.settings.identity;
        let has_run_out = session.token_expires_at <= now;
        Some(Named {
            identity: identity.headers_of(session)?,
            session: session.id,
            until: now + session.left_at_most(&self.settings.lifetimes, now),
            access_token: if has_run_out { PassOn::Off } else { identity.access_token },
            id_token: identity.id_token,
        })
    }
}
