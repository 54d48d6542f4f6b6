//! The gate's own endpoints, but `/auth` (`forward_auth.rs`).

use http::Method;
use percent_encoding::percent_decode_str;

use super::route::{At, Endpoint};
use super::rules::{self, Verdict};
use super::{Action, Caller, Form, Gate, Known, Refusal, ReturnTo, SignIn};
use crate::clock::Timestamp;
use crate::oidc::StepUp;
use crate::oidc::step_up::Unmet as TooWeak;
use crate::wire::{Ask, Fetch, Relation, Wants};

impl Gate {
    pub(in crate::gate) fn own(
        &self,
        at: At,
        endpoint: Endpoint,
        ask: &Ask,
        caller: Caller<'_>,
        now: Timestamp,
    ) -> Action {
        match endpoint {
            Endpoint::Start => self.start(at, ask, caller, now),
            Endpoint::Callback => Action::Callback,
            Endpoint::SignOut => self.sign_out(at, ask),
            Endpoint::SignedOut if at.machine || ask.wants == Wants::Prefetch => {
                Action::Refuse(Refusal::NoNavigation, Form::of(ask.wants))
            }
            Endpoint::SignedOut => {
                Action::BackFromSignOut { public_url: at.public_url, state: only(ask.query(), "state") }
            }
            Endpoint::Auth => self.auth(at, ask, caller, now),
            Endpoint::AuthRedirect => self.auth_redirect(at, ask, caller, now),
            Endpoint::UserInfo => self.for_user(at, caller, now, Action::UserInfo),
            Endpoint::Session => Action::SessionStatus,
            Endpoint::BackchannelLogout => Action::BackchannelLogout,
            Endpoint::FrontchannelLogout => frontchannel_logout(ask),
            Endpoint::Refresh => match caller.known {
                Known::Unsure { retry_after } => refuse_data(Refusal::ProviderAway { retry_after: *retry_after }),
                Known::Nobody | Known::User(_) | Known::Unreadable => Action::SessionStatus,
            },
        }
    }

    /// Whatever `Accept` says; but no script and nothing ahead of time starts an attempt, and no machine is redirected. Whoever else may send a browser
    /// here to sign in (OpenID Connect Core §4) says so by `target_link_uri`. Its `iss` is not looked at: there is one provider to go to, and whoever
    /// means another leaves it out.
    fn start(&self, at: At, ask: &Ask, caller: Caller<'_>, now: Timestamp) -> Action {
        let by_hand = match ask.wants {
            Wants::Page | Wants::Form | Wants::Frame | Wants::Data => ask.fetch != Fetch::Other,
            Wants::Socket | Wants::Grpc(_) | Wants::Preflight | Wants::Prefetch => false,
        };
        if !by_hand || at.machine {
            return Action::Refuse(Refusal::NoNavigation, Form::of(ask.wants));
        }
        let (public_url, return_to) = self.destination(at, &["rd", "target_link_uri"], ask.query());
        if self.sites[public_url].origin != self.sites[at.public_url].origin {
            return Action::ToStart { public_url, return_to };
        }
        // A proxy in front may have sent the browser here: only the page's own button leaves the circle.
        let again = parameters(ask.query()).any(|(name, _)| name == "again");
        if caller.returned >= super::ROUNDS && !again {
            return Action::Refuse(Refusal::SessionLost { public_url, return_to }, Form::Page);
        }
        let step_up = self.asked_of(&return_to, ask);
        let is_signed_in_too_long = match self.who(caller, now) {
            super::Who::User(session) => rules::check_sign_in(&step_up, session, now) == Err(TooWeak::Age),
            super::Who::Away(_) | super::Who::Nobody => false,
        };
        Action::SignIn(SignIn {
            // The signed-out page stands before every page load: whoever comes here pressed its button.
            prompt_login: caller.signed_out || is_signed_in_too_long,
            step_up,
            start_query: ask.query().map(str::to_owned),
            ..SignIn::new(public_url, return_to)
        })
    }

    /// What the sign-in has to be: by the rule of the page it leads to, and by what whoever leads here wants beyond that. It gets stricter by either.
    fn asked_of(&self, return_to: &ReturnTo, ask: &Ask) -> StepUp {
        let path = return_to.as_str().split(['?', '#']).next().unwrap_or_default();
        let mut asked = match self.rules.judge(&Method::GET, path, ask.client) {
            Verdict::Says { effect, .. } => effect.step_up.clone(),
            Verdict::Ambiguous => StepUp::default(),
        };
        for (name, value) in parameters(ask.query()) {
            match (name.as_str(), value) {
                ("max_age", Some(seconds)) => asked.tighten_age(&seconds),
                ("acr_values", Some(values)) => asked.tighten_acr(&values),
                _ => {}
            }
        }
        asked
    }

    fn sign_out(&self, at: At, ask: &Ask) -> Action {
        if ask.wants == Wants::Prefetch {
            return Action::Refuse(Refusal::NoNavigation, Form::Bare);
        }
        let (there, return_to) = self.destination(at, &["rd"], ask.query());
        let public_url = at.public_url;
        // The signed-out page belongs to the host whose session ended; another host's addresses are not its to offer.
        let here = self.sites[there].origin == self.sites[public_url].origin;
        let return_to = if here { return_to } else { ReturnTo::root(&self.sites[public_url]) };
        match ask.relation {
            Relation::Own => {
                // A script cannot follow to another site, and no machine is redirected.
                let onward = !at.machine && matches!(ask.wants, Wants::Page | Wants::Form);
                Action::SignOut { public_url, return_to, onward }
            }
            Relation::Foreign => Action::AskSignOut { public_url, return_to },
        }
    }

    fn for_user(&self, at: At, caller: Caller<'_>, now: Timestamp, action: Action) -> Action {
        match self.who(caller, now) {
            super::Who::User(session) if self.settings.identity.headers_of(session).is_some() => action,
            super::Who::User(_) => refuse_data(Refusal::Unnamed),
            super::Who::Away(retry_after) => refuse_data(Refusal::ProviderAway { retry_after }),
            super::Who::Nobody => {
                let return_to = ReturnTo::root(&self.sites[at.public_url]);
                refuse_data(Refusal::SignInNeeded { public_url: at.public_url, return_to, step_up: StepUp::default() })
            }
        }
    }

    /// Where the first of these parameters that is there leads, and under which `public_url`; the root of this one where it leads nowhere.
    fn destination(&self, at: At, names: &[&str], query: Option<&str>) -> (usize, ReturnTo) {
        let site = &self.sites[at.public_url];
        let is_there = |name: &&str| parameters(query).any(|(said, _)| said == *name);
        let Some(name) = names.iter().copied().find(is_there) else {
            return (at.public_url, ReturnTo::root(site));
        };
        only(query, name)
            .and_then(|wanted| ReturnTo::parse(&wanted, &self.sites, at.public_url))
            .unwrap_or_else(|| (at.public_url, ReturnTo::root_instead(site)))
    }

    /// Whether this request asks to refresh now.
    pub(in crate::gate) fn is_refresh(&self, ask: &Ask) -> bool {
        ask.method == Method::POST && matches!(self.route(ask), super::Route::Own(_, Endpoint::Refresh))
    }
}

/// Both or none (Front-Channel Logout §2), and neither twice. Which issuer it is, is not known here.
fn frontchannel_logout(ask: &Ask) -> Action {
    if ask.wants == Wants::Prefetch {
        return Action::Refuse(Refusal::NoNavigation, Form::Bare);
    }
    let only = |name| only(ask.query(), name).filter(|value| !value.is_empty());
    Action::FrontchannelLogout { iss_and_sid: only("iss").zip(only("sid")) }
}

/// The value of a parameter that is there once.
fn only(query: Option<&str>, name: &str) -> Option<String> {
    let mut values = parameters(query).filter(|(said, _)| said == name);
    match (values.next(), values.next()) {
        (Some((_, value)), None) => value,
        (None | Some(_), _) => None,
    }
}

fn refuse_data(refusal: Refusal) -> Action {
    Action::Refuse(refusal, Form::Data)
}

/// Names and values of a query, percent-decoded once; `None` for a value that is not UTF-8. A `+` stays one: no address and no group is meant to
/// hold the space that forms write so, and `rd=/search?q=a+b` is often written by hand.
pub(in crate::gate) fn parameters(query: Option<&str>) -> impl Iterator<Item = (String, Option<String>)> {
    query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = percent_decode_str(name).decode_utf8_lossy().into_owned();
        (name, percent_decode_str(value).decode_utf8().ok().map(String::from))
    })
}
