//! Login: an attempt's start, and its callback.

use http::Response;

use super::answer::{self, CallbackProblem};
use super::visit::Visit;
use crate::gate::action::Form;
use crate::gate::{Known, ReturnTo, SignIn};
use crate::oidc::callback::{Callback, Malformed};
use crate::provider::{AuthorizeRequest, Received, SignInError, SignedIn};
use crate::session::{Attempt, Session, State};
use crate::store::TokensPart;
use crate::store::cookie::SameSite;
use crate::telemetry::metrics::LoginResult;
use crate::upstream::Body;
use crate::wire::{Fetch, Wants};

/// Why an attempt begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begin {
    /// A page load, or `/start`.
    Asked,
    /// A callback came without its attempt; a second time it would be a loop.
    Restart,
}

impl Visit<'_> {
    /// A new attempt: to the provider, with a cookie that only its callback uses.
    pub async fn sign_in(&mut self, sign_in: &SignIn, begin: Begin) -> Response<Body> {
        let SignIn { public_url, return_to, prompt_login, step_up, start_query } = sign_in;
        if return_to.replaces_refused() {
            tracing::info!(
                event = "rd_refused",
                request_id = self.request_id(),
                "rd, or target_link_uri, leads elsewhere: the root instead"
            );
        }
        let Ok(site) = u16::try_from(*public_url) else { return answer::broken(&self.asked_here()) };
        let now = self.house.clock.now();
        let fresh = self.house.provider.fresh_attempt();
        let attempt = Attempt {
            state_id: fresh.state_id,
            nonce: fresh.nonce,
            verifier: fresh.verifier,
            return_to: return_to.as_str().to_owned(),
            site,
            started_at: self.house.memory.attempt_starts(now),
            step_up: step_up.clone(),
        };
        let state = State::of(&attempt, begin == Begin::Restart).seal(&self.site.keys, now);
        let redirect_uri = self.site.gate.redirect_uri(*public_url);
        let location = self.house.provider.authorize(AuthorizeRequest {
            redirect_uri: &redirect_uri,
            state: &state,
            attempt: &attempt,
            prompt_login: *prompt_login,
            start_query: start_query.as_deref(),
        });
        let location = match location.await {
            Ok(location) => location,
            Err(error) => return self.failed(&error, Some(return_to)),
        };
        let slot = self.site.store.free_slot(&self.ask.cookies, &self.site.keys, &attempt.state_id, now);
        self.after.attempt_started = Some((slot, attempt));
        if *prompt_login {
            // The button was pressed.
            self.after.signed_out = false;
        }
        answer::to_provider(&location, &self.asked_here())
    }

    /// The provider's answer (RFC 6749 §4.1.2): whose it is before what it says, and all of that before the code is spent.
    pub async fn callback(&mut self) -> Response<Body> {
        let now = self.house.clock.now();
        let came = match Callback::read(self.ask.query()) {
            Ok(came) => came,
            Err(malformed) => return self.problem(&CallbackProblem::Malformed(malformed), None),
        };
        let state = match &came {
            Callback::Code { state, .. } => Some(state),
            Callback::Refused { state, .. } => state.as_ref(),
        };
        let Some(state) = state else {
            return self.problem(&CallbackProblem::Malformed(Malformed::NoState), None);
        };
        let Some(state) = State::open(&self.site.keys, state.as_bytes()) else {
            return self.problem(&CallbackProblem::ForeignState, None);
        };
        if state.is_stale(now) || usize::from(state.site) >= self.site.places.len() {
            return self.problem(&CallbackProblem::Stale, None);
        }
        match self.site.store.attempt(&self.ask.cookies, &self.site.keys, &state.id, now) {
            Some((slot, attempt)) => {
                self.after.attempts_over.push(slot);
                if self.house.memory.is_first_callback(&attempt, now) {
                    self.finish(attempt, came).await
                } else {
                    self.without_attempt(state, came).await
                }
            }
            None => self.without_attempt(state, came).await,
        }
    }

    async fn finish(&mut self, attempt: Attempt, came: Callback) -> Response<Body> {
        let public_url = usize::from(attempt.site);
        let return_to = self.return_to(public_url, Some(&attempt.return_to));
        match came {
            Callback::Refused { error, description, iss, .. } => {
                if self.house.provider.check_issuer(iss.as_deref()).is_err() {
                    return self.problem(&CallbackProblem::ForeignIssuer, Some(&return_to));
                }
                self.problem(&CallbackProblem::Refused { error, description }, Some(&return_to))
            }
            Callback::Code { code, iss, .. } => {
                let redirect_uri = self.site.gate.redirect_uri(public_url);
                // A demand that the provider says is met, and the rule says is not, would go round in circles.
                let counts = attempt.step_up.asks_anything() || !matches!(self.before.known, Known::User(_));
                match self.house.provider.redeem(code, iss, attempt, redirect_uri).await {
                    Ok(signed_in) => {
                        if counts {
                            self.after.returned = self.before.returned.saturating_add(1);
                        }
                        self.signed_in(signed_in, public_url, &return_to)
                    }
                    Err(error) => self.failed(&error, Some(&return_to)),
                }
            }
        }
    }

    /// A state of ours without this browser's attempt: used already, or begun elsewhere, or the cookie was lost. Nothing is spent.
    async fn without_attempt(&mut self, state: State, came: Callback) -> Response<Body> {
        let public_url = usize::from(state.site);
        let return_to = self.return_to(public_url, state.return_to.as_deref());
        if let Callback::Refused { iss, .. } = came {
            // Anybody can have written it, and sent this browser here: no word of it is said in the provider's name.
            let is_foreign = self.house.provider.check_issuer(iss.as_deref()).is_err();
            let problem = if is_foreign { CallbackProblem::ForeignIssuer } else { CallbackProblem::Stale };
            return self.problem(&problem, Some(&return_to));
        }
        if self.session().is_some() {
            return answer::to_return(public_url, &return_to, &self.asked_here());
        }
        if self.caller().signed_out {
            return self.signed_out(public_url, &return_to);
        }
        // A script's request never sets an attempt's cookie.
        let by_hand = self.ask.fetch != Fetch::Other && matches!(self.ask.wants, Wants::Page | Wants::Data);
        if by_hand && !state.restarted {
            self.house.metrics.login(LoginResult::Restarted);
            tracing::info!(event = "sign_in_restarted", request_id = self.request_id());
            return self.sign_in(&SignIn::new(public_url, return_to), Begin::Restart).await;
        }
        let problem =
            if self.ask.cookies.is_empty() { CallbackProblem::NoCookies } else { CallbackProblem::OtherBrowser };
        self.problem(&problem, Some(&return_to))
    }

    /// The session begins. One that this browser had before is over, whoever's it was.
    fn signed_in(&mut self, signed_in: SignedIn, public_url: usize, return_to: &ReturnTo) -> Response<Body> {
        let SignedIn { session, tokens, received } = signed_in;
        let user = self.shown(&session.user);
        if let Err(over) = self.site.store.fits(&session, &tokens) {
            self.house.metrics.login(LoginResult::Unusable);
            tracing::error!(
                event = "sign_in_failed",
                reason = "session_too_large",
                request_id = self.request_id(),
                key = "session.cookie_budget",
                "{over}; raise it, or ask for fewer scopes: a shared store (session.store) is not in this version"
            );
            return answer::over_budget(&over, &self.asked(Form::Page, user.as_deref()));
        }
        self.replace_old(&session);
        self.house.metrics.login(LoginResult::Success);
        tracing::info!(event = "signed_in", request_id = self.request_id(), user, received = described(&received));
        self.after.known = Known::User(session);
        self.after.tokens = TokensPart::Opened(tokens);
        self.after.signed_out = false;
        match self.site.store.settings.same_site {
            SameSite::Lax => answer::to_return(public_url, return_to, &self.asked_here()),
            SameSite::Strict => answer::go_on(public_url, return_to, &self.asked_here()),
        }
    }

    /// One that this browser had before is over, whoever's it was. Another user's tokens are revoked. The same user's are not: some providers take a
    /// revoked token for the whole consent, and the new session has that same consent.
    fn replace_old(&mut self, new: &Session) {
        let Known::User(old) = self.before.known.clone() else { return };
        if old.user != new.user
            && !self.house.memory.is_ended(old.id)
            && let Some(tokens) = self.newest_tokens()
        {
            self.revoke(&old, &tokens);
        }
        self.house.memory.end_and_clear(old.id, old.expires_at);
    }

    /// Where an attempt leads: as the gate checked it when it was sealed. Empty: the root.
    fn return_to(&self, public_url: usize, sealed: Option<&str>) -> ReturnTo {
        match sealed.filter(|sealed| !sealed.is_empty()) {
            Some(sealed) => ReturnTo::checked(sealed.to_owned()),
            None => self.site.gate.root(public_url),
        }
    }

    fn failed(&mut self, error: &SignInError, return_to: Option<&ReturnTo>) -> Response<Body> {
        self.house.metrics.login(match error {
            SignInError::NotReady(_)
            | SignInError::Unreachable(_)
            | SignInError::Broken(_)
            | SignInError::ClientRefused(_)
            | SignInError::IdToken(_) => LoginResult::ProviderError,
            SignInError::Foreign(_) | SignInError::CodeRefused(_) => LoginResult::Invalid,
            SignInError::Unnamed(_) | SignInError::TooWeak(_) => LoginResult::Unusable,
            SignInError::TooMany { .. } => LoginResult::Limited,
        });
        let response = answer::sign_in_failed(error, return_to, &self.asked_here());
        tracing::warn!(
            event = "sign_in_failed",
            reason = answer::reason(&response),
            request_id = self.request_id(),
            "{error}"
        );
        response
    }

    fn problem(&mut self, problem: &CallbackProblem, return_to: Option<&ReturnTo>) -> Response<Body> {
        self.house.metrics.login(match problem {
            CallbackProblem::Refused { .. } => LoginResult::Refused,
            CallbackProblem::Malformed(_)
            | CallbackProblem::ForeignState
            | CallbackProblem::ForeignIssuer
            | CallbackProblem::Stale
            | CallbackProblem::OtherBrowser
            | CallbackProblem::NoCookies => LoginResult::Invalid,
        });
        let response = answer::callback_problem(problem, return_to, &self.asked_here());
        tracing::warn!(
            event = "sign_in_failed",
            reason = answer::reason(&response),
            request_id = self.request_id(),
            "{problem}"
        );
        response
    }
}

/// `userinfo:phoneNo string 8, …`: names, types and lengths, never values: that is how one writes a mapping.
fn described(received: &[Received]) -> String {
    let claims = received.iter().map(|claim| format!("{} {} {}", claim.name, claim.kind, claim.len));
    claims.collect::<Vec<_>>().join(", ")
}
