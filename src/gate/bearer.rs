//! API clients: an access token in place of a session, on rules that take one (RFC 6750, RFC 9068).
//!
//! A session wins: a token is looked at only where none counts. Whoever came with one is a program, and is answered as one: nobody is redirected, no page is
//! shown. Elsewhere an `Authorization` header is none of the gate's business.

use super::action::Named;
use super::forward_auth::Allowed;
use super::route::{At, Endpoint, Route};
use super::rules::{Access, Effect, Verdict};
use super::{Action, Caller, Form, Gate, Lacks, PassOn, Refusal, ReturnTo, Who};
use crate::clock::Timestamp;
use crate::session::Session;
use crate::wire::Ask;

/// What a bearer token that came is worth.
#[derive(Clone, Debug, PartialEq)]
pub enum Bearer {
    /// In whose name it speaks: as a session that ends with it.
    Holds(Session),
    /// What is said of it instead.
    Refused(Refusal),
}

impl Gate {
    /// Whether somebody should look at the token that may have come: no session counts, and the rule that decides takes tokens of `[[bearer]]`.
    pub fn wants_token(&self, ask: &Ask, caller: Caller<'_>, now: Timestamp) -> bool {
        !ask.authorization.is_absent() && !matches!(self.who(caller, now), Who::User(_)) && self.takes_bearer(ask)
    }

    /// Whether the rule that decides on this request takes access tokens of `[[bearer]]` in place of a session. From where it refuses everybody, none are
    /// looked at either.
    pub fn takes_bearer(&self, ask: &Ask) -> bool {
        let takes = |ask: &Ask| match self.judge(ask) {
            _ if self.is_let_ahead(ask) => false,
            Verdict::Says { effect, .. } => effect.bearer && effect.access == Access::User && effect.takes(ask.client),
            Verdict::Ambiguous => false,
        };
        match self.route(ask) {
            Route::Application(_) => takes(ask),
            Route::Own(at, Endpoint::Auth | Endpoint::AuthRedirect) => {
                self.original(at, ask).is_ok_and(|(_, original)| takes(&original))
            }
            Route::Own(_, _) | Route::Ahead(_) | Route::Health | Route::OtherName(_) | Route::Nowhere(_) => false,
        }
    }

    /// The decision for whoever brought a token, by the same conditions as everybody else's.
    pub(in crate::gate) fn client(
        &self,
        at: At,
        ask: &Ask,
        bearer: &Bearer,
        (effect, rule): (&Effect, Option<usize>),
        allowed: &Allowed,
        now: Timestamp,
    ) -> Action {
        let refuse = |refusal| Action::Refuse(refusal, of_a_program(Form::of(ask.wants)));
        let return_to = || ReturnTo::from_target(&ask.target, &self.sites[at.public_url]);
        let session = match bearer {
            Bearer::Holds(session) if now < session.token_expires_at => session,
            Bearer::Holds(_) => return refuse(Refusal::TokenNotTaken),
            Bearer::Refused(refusal) => return refuse(refusal.clone()),
        };
        if !allowed.holds(&session.claims) {
            return refuse(Refusal::NotAllowed);
        }
        match effect.unmet_by(session, &self.settings.identity.user_claim) {
            None => {}
            // A token with more of it would do (RFC 6750 §3.1).
            Some(Lacks::Claims(claims)) if claims.iter().all(|(claim, _)| claim == SCOPE) => {
                return refuse(Refusal::ScopeNeeded { rule });
            }
            Some(lacks) => return refuse(Refusal::NotMet { rule, lacks, return_to: return_to() }),
        }
        if let Err(unmet) = effect.check_sign_in(session, now) {
            let (public_url, step_up) = (at.public_url, effect.step_up.clone());
            return refuse(Refusal::StepUpNeeded { rule, unmet, public_url, return_to: return_to(), step_up });
        }
        let Some(identity) = self.settings.identity.headers_of(session) else { return refuse(Refusal::Unnamed) };
        let named = Named {
            identity,
            session: session.id,
            until: session.token_expires_at,
            access_token: self.settings.identity.access_token,
            // There is none; and where one is passed on in `Authorization`, the client's own header gives way to nothing.
            id_token: PassOn::Off,
        };
        self.pass(at, ask, effect, Some(named))
    }
}

fn of_a_program(form: Form) -> Form {
    match form {
        Form::Page | Form::Frame | Form::Form | Form::Data => Form::Data,
        Form::Grpc(_) | Form::Bare | Form::ForwardAuth => form,
    }
}

const SCOPE: &str = "scope";
