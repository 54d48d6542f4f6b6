//! Explanation: what would happen to a request, and which rule says so (`check --explain`).

use http::uri::PathAndQuery;
use http::{HeaderValue, Method};

use super::rules::Verdict;
use super::{Action, Caller, Gate, Known, Route};
use crate::clock::Timestamp;
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
        user: Option<&Session>,
        now: Timestamp,
    ) -> Explanation {
        let ask = Ask {
            method: method.clone(),
            host: self.sites[0].url.host.clone(),
            target: target.clone(),
            wants: if *method == Method::GET || *method == Method::HEAD { Wants::Page } else { Wants::Data },
            fetch: Fetch::Navigate,
            client: None,
            trusted: false,
            relation: Relation::Own,
            origin: None,
            cookies: Cookies::default(),
            authorization: Authorization::default(),
            original: None,
            request_id: HeaderValue::from_static("explain"),
        };
        let decide =
            |known: &Known| self.decide(&ask, Caller { known, bearer: None, signed_out: false, returned: 0 }, now);
        Explanation {
            because: self.because(&ask),
            stranger: decide(&Known::Nobody),
            user: user.map(|session| decide(&Known::User(session.clone()))),
        }
    }

    fn because(&self, ask: &Ask) -> Because {
        match self.route(ask) {
            Route::Health => Because::Health,
            Route::Own(_, _) => Because::Own,
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
