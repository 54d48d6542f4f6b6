//! Sign-out: the session ends here, and stays ended; then at the provider, as far as it can.

use http::Response;

use super::answer;
use super::visit::Visit;
use crate::gate::{Known, ReturnTo};
use crate::oidc::Secret;
use crate::provider::{Asker, Revocable};
use crate::session::{Session, State, Tokens};
use crate::store::TokensPart;
use crate::upstream::Body;
use crate::wire::Part;

impl Visit<'_> {
    /// Ends the session for this process, takes its cookies, and leaves the marker that keeps page loads from signing in silently. Then its tokens are
    /// revoked, beside the answer, and the browser is led through the provider's own sign-out (`onward`).
    pub fn sign_out(&mut self, public_url: usize, return_to: &ReturnTo, onward: bool) -> Response<Body> {
        // As the cookies said: a provider that cannot be reached keeps nobody from leaving, and who has left already may leave again.
        let mut hint = None;
        if let Known::User(session) = self.before.known.clone() {
            let tokens = self.newest_tokens();
            let was_ended = self.house.memory.is_ended(session.id);
            self.house.memory.sign_out(session.id, session.expires_at);
            let user = self.shown(&session.user);
            tracing::info!(event = "signed_out", request_id = self.request_id(), user);
            if let Some(tokens) = &tokens {
                // Once: a cookie that comes again costs the provider nothing.
                if !was_ended {
                    self.revoke(&session, tokens);
                }
                hint.clone_from(&tokens.id_token);
            }
        }
        let page = self.signed_out(public_url, return_to);
        if onward { self.lead_onward(public_url, return_to, hint.as_ref()).unwrap_or(page) } else { page }
    }

    /// The signed-out page, also where a page load comes after a sign-out whose answer was lost: cookies that are left go, the marker stays.
    pub fn signed_out(&mut self, public_url: usize, return_to: &ReturnTo) -> Response<Body> {
        self.after.known = Known::Nobody;
        self.after.tokens = TokensPart::Absent;
        self.after.signed_out = true;
        self.after.returned = 0;
        answer::signed_out(public_url, return_to, &self.asked_here())
    }

    /// OpenID Connect RP-Initiated Logout §2, where the provider has it. The marker says which sign-out this browser is on: should it not come back,
    /// because the provider cannot be reached or the person thinks better of it, page loads show the signed-out page as they do without one.
    fn lead_onward(
        &mut self,
        public_url: usize,
        return_to: &ReturnTo,
        id_token_hint: Option<&Secret<String>>,
    ) -> Option<Response<Body>> {
        let now = self.house.clock.now();
        let state = State {
            id: self.house.provider.fresh_attempt().state_id,
            return_to: Some(return_to.as_str().to_owned()),
            site: u16::try_from(public_url).ok()?,
            restarted: false,
            started_at: now,
        };
        let back = self.site.gate.signed_out_uri(public_url);
        let sealed = state.seal_for_sign_out(&self.site.keys, now);
        let location = self.house.provider.end_session(&back, &sealed, id_token_hint)?;
        self.after.leaving = Some(state.id);
        Some(answer::to_provider(&location, &self.asked_here()))
    }

    /// §3: the way back. A `state` that is this browser's own says that the provider has no session any more: the marker goes, and the next page load
    /// may sign in anew. Any other, or none, changes nothing. Whoever has signed in meanwhile is not told otherwise.
    pub fn back_from_sign_out(&mut self, public_url: usize, state: Option<&str>) -> Response<Body> {
        let root = self.site.gate.root(public_url);
        if self.session().is_some() {
            return answer::to_return(public_url, &root, &self.asked_here());
        }
        match state.and_then(|state| self.own_state(public_url, state)) {
            Some(state) => {
                self.after.signed_out = false;
                let return_to = state.return_to.map_or(root, ReturnTo::checked);
                answer::signed_out(public_url, &return_to, &self.asked_here())
            }
            None => answer::signed_out(public_url, &root, &self.asked_here()),
        }
    }

    /// The `state` that came back, if this browser was sent with it.
    fn own_state(&self, public_url: usize, text: &str) -> Option<State> {
        let state = State::open_of_sign_out(&self.site.keys, text.as_bytes())?;
        let is_own = self.ask.cookies.value(Part::SignedOut) == Some(state.id.as_bytes());
        let is_here = usize::from(state.site) == public_url && !state.is_stale(self.house.clock.now());
        (is_own && is_here).then_some(state)
    }

    /// What this process knows, else what came with the request, of whatever became of the session.
    pub fn newest_tokens(&mut self) -> Option<std::sync::Arc<Tokens>> {
        if let Some(tokens) = self.tokens() {
            return Some(tokens);
        }
        match self.site.store.tokens(&self.before, &self.ask.cookies, &self.site.keys) {
            TokensPart::Opened(tokens) => Some(tokens),
            TokensPart::Absent | TokensPart::Sealed => None,
        }
    }

    /// Tokens of a session that has ended: nobody else has them.
    pub fn revoke(&self, session: &Session, tokens: &Tokens) {
        let lives = self.house.clock.now() < session.token_expires_at;
        let tokens = Revocable {
            refresh_token: tokens.refresh_token.clone(),
            access_token: Some(tokens.access_token.clone()).filter(|_| lives),
        };
        let asker = Asker { request_id: self.request_id().to_owned(), user: self.shown(&session.user) };
        self.house.provider.revoke(tokens, asker);
    }
}
