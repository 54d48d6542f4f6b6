//! `/auth` and `/auth/redirect`: another proxy asks, and gets the decision that the gate itself would have made.

use http::Method;
use http::uri::PathAndQuery;

use super::identity::GROUPS;
use super::own::parameters;
use super::route::{At, Place};
use super::rules::{Access, Verdict, verified_address};
use super::{Action, Caller, Form, Gate, Refusal, ReturnTo, SignIn};
use crate::clock::Timestamp;
use crate::oidc::StepUp;
use crate::session::{Claim, Claims};
use crate::wire::Ask;

/// What `/auth`'s query asks of the user, beyond the rules. All of what was asked must hold.
#[derive(Debug, Default)]
pub(in crate::gate) struct Allowed {
    groups: Option<Vec<String>>,
    emails: Option<Vec<String>>,
    email_domains: Option<Vec<String>>,
}

impl Allowed {
    /// Comma lists; a parameter that comes twice adds to its list. An empty list allows nobody.
    pub(in crate::gate) fn read(query: Option<&str>) -> Result<Allowed, Refusal> {
        let mut allowed = Allowed::default();
        for (name, value) in parameters(query) {
            let list = match name.as_str() {
                "allowed_groups" => &mut allowed.groups,
                "allowed_emails" => &mut allowed.emails,
                "allowed_email_domains" => &mut allowed.email_domains,
                _ => return Err(Refusal::UnknownParameter(name)),
            };
            // Left out it would not ask for anything.
            let Some(value) = value else { return Err(Refusal::UnknownParameter(name)) };
            let values = value.split(',').map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned);
            list.get_or_insert_default().extend(values);
        }
        Ok(allowed)
    }

    pub(in crate::gate) fn asks_anything(&self) -> bool {
        self.groups.is_some() || self.emails.is_some() || self.email_domains.is_some()
    }

    pub(in crate::gate) fn holds(&self, claims: &Claims) -> bool {
        let address = verified_address(claims).ok();
        let holds = |list: &Option<Vec<String>>, matches: &dyn Fn(&str) -> bool| {
            list.as_ref().is_none_or(|list| list.iter().any(|value| matches(value)))
        };
        holds(&self.groups, &|group| is_in(claims, group))
            && holds(&self.emails, &|email| address.is_some_and(|(whole, _)| whole.eq_ignore_ascii_case(email)))
            && holds(&self.email_domains, &|domain| address.is_some_and(|(_, at)| at.eq_ignore_ascii_case(domain)))
    }
}

fn is_in(claims: &Claims, group: &str) -> bool {
    match claims.get(GROUPS) {
        Some(Claim::List(mut groups)) => groups.any(|element| element == group),
        Some(Claim::Text(only)) => only == group,
        Some(Claim::Number(_) | Claim::Bool(_)) | None => false,
    }
}

impl Gate {
    /// The decision, as status and headers: 202, 401 with `Location`, 403.
    pub(in crate::gate) fn auth(&self, at: At, ask: &Ask, caller: Caller<'_>, now: Timestamp) -> Action {
        let action = self.auth_redirect(at, ask, caller, now);
        let refusal = match action {
            Action::Refuse(refusal, _) => refusal,
            Action::SignIn(SignIn { public_url, return_to, step_up, .. }) => {
                Refusal::SignInNeeded { public_url, return_to, step_up }
            }
            Action::ToStart { public_url, return_to } | Action::SignedOut { public_url, return_to } => {
                // Its rule is asked again by `/start`, where that leads.
                Refusal::SignInNeeded { public_url, return_to, step_up: StepUp::default() }
            }
            Action::Allow(_)
            | Action::Forward(_)
            | Action::Callback
            | Action::SignOut { .. }
            | Action::BackFromSignOut { .. }
            | Action::AskSignOut { .. }
            | Action::BackchannelLogout
            | Action::FrontchannelLogout { .. }
            | Action::SessionStatus
            | Action::Preflight { .. }
            | Action::UserInfo
            | Action::Health
            | Action::ToPublicUrl { .. } => return action,
        };
        Action::Refuse(refusal, Form::ForwardAuth)
    }

    /// The decision, answered as the gate itself would; but no refusal is 200, as gRPC's and the signed-out page are elsewhere: the proxy that asks
    /// takes every 2xx for a yes.
    pub(in crate::gate) fn auth_redirect(&self, at: At, ask: &Ask, caller: Caller<'_>, now: Timestamp) -> Action {
        let refuse = |refusal| Action::Refuse(refusal, no_success(Form::of(ask.wants)));
        let allowed = match Allowed::read(ask.query()) {
            Ok(allowed) => allowed,
            Err(refusal) => return refuse(refusal),
        };
        let (at, original) = match self.original(at, ask) {
            Ok(original) => original,
            Err(refusal) => return refuse(refusal),
        };
        match self.application(at, &original, caller, now, &allowed) {
            Action::Forward(pass) if self.tells_tokens(ask) => Action::Allow(pass),
            Action::Forward(pass) => Action::Allow(pass.without_tokens()),
            Action::SignedOut { public_url, return_to } => {
                Action::Refuse(Refusal::SignInNeeded { public_url, return_to, step_up: StepUp::default() }, Form::Page)
            }
            Action::Refuse(refusal, form) => Action::Refuse(refusal, no_success(form)),
            other => other,
        }
    }

    /// Whether an answer may carry tokens: only to a proxy that tells which request it asks about. Where there is an application, pages come here
    /// themselves, through proxies that vouch for what their scripts write (`X-Original-URI`): a token would leave its HttpOnly cookie.
    fn tells_tokens(&self, ask: &Ask) -> bool {
        self.settings.forward_auth_only && ask.original.as_deref().is_some_and(|told| told.target.is_some())
    }

    /// The original request, as if it had come here. What was not told is taken for granted only where no rule depends on it.
    pub(in crate::gate) fn original(&self, at: At, ask: &Ask) -> Result<(At, Ask), Refusal> {
        let unknown = |missing| Err(Refusal::OriginalUnknown { missing });
        let told = ask.original.as_deref();
        if told.is_some_and(|told| told.contradictory) {
            return unknown("X-Forwarded-* and X-Original-* tell different things");
        }
        let mut original = ask.clone();
        original.original = None;
        // The connection is the proxy's, whose address says nothing about who asked it.
        original.client = told.and_then(|told| told.client);
        match told.and_then(|told| told.method.clone()) {
            Some(method) => original.method = method,
            // A preflight is told by its method, too.
            None if self.rules.tell_methods_apart() || !self.settings.cors_origins.is_empty() => {
                return unknown("X-Forwarded-Method");
            }
            None => original.method = Method::GET,
        }
        let target = told.and_then(|told| told.target.clone());
        if target.is_none() && self.rules.tell_paths_apart() {
            return unknown("X-Forwarded-Uri");
        }
        let root = ReturnTo::root(&self.sites[at.public_url]);
        original.target =
            target.unwrap_or_else(|| PathAndQuery::try_from(root.as_str()).unwrap_or(PathAndQuery::from_static("/")));
        if let Some(told) = told {
            original.wants = told.wants;
            original.preflight = told.preflight.clone();
            if let Some(host) = &told.host {
                original.host = host.clone();
            }
        }
        let at = self.place_of_original(at, ask, &original)?;
        if self.sites[at.public_url].is_own(original.path().as_bytes()) {
            return Err(Refusal::NotFound);
        }
        self.keep_back_preflight(&mut original);
        Ok((at, original))
    }

    /// Another proxy carries a preflight with its body and its cookies, and everything that is answered comes back: on a closed path it is a request
    /// like any other.
    pub(in crate::gate) fn keep_back_preflight(&self, original: &mut Ask) {
        if original.preflight.is_some() && !self.is_open(original) {
            original.preflight = None;
        }
    }

    fn is_open(&self, original: &Ask) -> bool {
        let Verdict::Says { effect, .. } = self.judge(original) else { return false };
        match effect.access {
            Access::Public | Access::Optional => true,
            Access::User | Access::Deny => false,
        }
    }

    fn place_of_original(&self, at: At, ask: &Ask, original: &Ask) -> Result<At, Refusal> {
        match self.place(&original.host, original.path(), self.forgets_port(ask)) {
            Place::Site(public_url) => Ok(At { public_url, machine: false }),
            Place::Machine => Ok(At { public_url: 0, machine: true }),
            Place::Outside => Err(Refusal::NotFound),
            Place::Unknown if self.sites[at.public_url].holds(original.path().as_bytes()) => Ok(at),
            Place::Unknown => Err(Refusal::NotFound),
        }
    }
}

/// The form of a refusal that another proxy is told.
pub(in crate::gate) fn no_success(form: Form) -> Form {
    match form {
        Form::Grpc(_) => Form::Bare,
        Form::Page | Form::Frame | Form::Form | Form::Data | Form::Bare | Form::ForwardAuth => form,
    }
}
