//! Explanation: what would happen to a request, and which rule says so (`check --explain`).

use std::net::IpAddr;

use http::uri::PathAndQuery;
use http::{HeaderValue, Method};

use super::rules::{Met, Unmet, Verdict, check_sign_in};
use super::{Action, Caller, Gate, Known, Route};
use crate::clock::Timestamp;
use crate::oidc::StepUp;
use crate::session::Session;
use crate::wire::{Ask, Authorization, Cookies, Fetch, Relation, Wants};

/// What would happen to a page load of the first `public_url`'s host.
#[derive(Debug)]
pub struct Explanation {
    pub because: Because,
    /// Without a session.
    pub stranger: Action,
    /// With one, where claims were given.
    pub user: Option<Action>,
    /// Where different readings meet different rules: what each meets. Empty where they are too many.
    pub readings: Vec<Met>,
    /// Each condition of the rule that decides, and what it saw of the user.
    pub conditions: Vec<Seen>,
}

/// One condition, and what it saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its key, as in `require.groups`.
    pub condition: String,
    pub outcome: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Held,
    NotHeld,
    /// There is no such claim, or nobody said when or how the user signed in, or from where the request comes.
    Missing,
    /// `email`: the provider says that it is not verified.
    Unverified,
}

/// What decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Because {
    /// The index of the `[[rules]]` entry.
    Rule(usize),
    /// No rule matches: a signed-in user is needed.
    Default,
    /// Different readings of the path meet different rules.
    Ambiguous,
    /// The address is the gate's own, known or not.
    Own,
    /// `health_path`.
    Health,
    /// Outside `public_url`'s path, or there is no `upstream`.
    NotServed,
}

impl Gate {
    pub fn explain(
        &self,
        method: &Method,
        target: &PathAndQuery,
        client: Option<IpAddr>,
        user: Option<&Session>,
        now: Timestamp,
    ) -> Explanation {
        let ask = self.imagined(method, target, client);
        let decide =
            |known: &Known| self.decide(&ask, Caller { known, bearer: None, signed_out: false, returned: 0 }, now);
        let because = self.because(&ask);
        Explanation {
            because,
            readings: if because == Because::Ambiguous { self.met(&ask) } else { Vec::new() },
            stranger: decide(&Known::Nobody),
            user: user.map(|session| decide(&Known::User(session.clone()))),
            conditions: user.map_or_else(Vec::new, |session| self.conditions(&ask, session, now)),
        }
    }

    /// What becomes of the preflight that a browser sends ahead of such a request, where a script of a page of this origin wants to send it.
    /// `carries`: whether the gate carries what it lets through itself; else another proxy asks.
    pub fn explain_preflight(
        &self,
        method: &Method,
        target: &PathAndQuery,
        client: Option<IpAddr>,
        origin: HeaderValue,
        carries: bool,
        now: Timestamp,
    ) -> Action {
        let mut ask = Ask {
            wants: Wants::Preflight,
            fetch: Fetch::Other,
            relation: Relation::Foreign,
            origin: Some(origin),
            preflight: Some(method.clone()),
            ..self.imagined(&Method::OPTIONS, target, client)
        };
        if !carries && matches!(self.route(&ask), Route::Application(_)) {
            self.keep_back_preflight(&mut ask);
        }
        self.decide(&ask, Caller { known: &Known::Nobody, bearer: None, signed_out: false, returned: 0 }, now)
    }

    fn imagined(&self, method: &Method, target: &PathAndQuery, client: Option<IpAddr>) -> Ask {
        Ask {
            method: method.clone(),
            host: self.sites[0].url.host.clone(),
            target: target.clone(),
            wants: if *method == Method::GET || *method == Method::HEAD { Wants::Page } else { Wants::Data },
            fetch: Fetch::Navigate,
            client,
            trusted: false,
            relation: Relation::Own,
            origin: None,
            preflight: None,
            cookies: Cookies::default(),
            authorization: Authorization::default(),
            original: None,
            request_id: HeaderValue::from_static("explain"),
        }
    }

    fn conditions(&self, ask: &Ask, session: &Session, now: Timestamp) -> Vec<Seen> {
        let (Route::Application(_), Verdict::Says { effect, .. }) = (self.route(ask), self.judge(ask)) else {
            return Vec::new();
        };
        let mut conditions = Vec::new();
        let mut see = |condition: &str, outcome| conditions.push(Seen { condition: condition.to_owned(), outcome });
        let said = |is_said: bool, holds: bool| match (is_said, holds) {
            (_, true) => Outcome::Held,
            (true, false) => Outcome::NotHeld,
            (false, false) => Outcome::Missing,
        };
        if effect.asks_from_where() {
            see("from", said(ask.client.is_some(), effect.takes(ask.client)));
        }
        for requirement in &effect.require {
            let outcome = match requirement.check(session, &self.settings.identity.user_claim) {
                Ok(()) => Outcome::Held,
                Err(Unmet::Missing) => Outcome::Missing,
                Err(Unmet::Other) => Outcome::NotHeld,
                Err(Unmet::Unverified) => Outcome::Unverified,
            };
            see(&format!("require.{}", requirement.claim), outcome);
        }
        let StepUp { max_age, acr_values } = effect.step_up.clone();
        if max_age.is_some() {
            let age = StepUp { max_age, ..StepUp::default() };
            see("max_age", said(session.auth_time.is_some(), check_sign_in(&age, session, now).is_ok()));
        }
        if !acr_values.is_empty() {
            let acr = StepUp { acr_values, ..StepUp::default() };
            see("acr_values", said(session.at_provider.acr().is_some(), check_sign_in(&acr, session, now).is_ok()));
        }
        conditions
    }

    fn because(&self, ask: &Ask) -> Because {
        match self.route(ask) {
            Route::Health => Because::Health,
            Route::Own(_, _) | Route::Ahead(_) => Because::Own,
            Route::Application(_) => match self.judge(ask) {
                Verdict::Says { rule: Some(index), .. } => Because::Rule(index),
                Verdict::Says { rule: None, .. } => Because::Default,
                Verdict::Ambiguous => Because::Ambiguous,
            },
            Route::OtherName(_) | Route::Nowhere(_) => {
                let is_own = self.sites.iter().any(|site| site.is_own(ask.path().as_bytes()));
                if is_own { Because::Own } else { Because::NotServed }
            }
        }
    }
}
