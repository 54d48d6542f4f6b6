//! Logout: sessions end because the provider has ended them, and stay ended.

use std::time::Duration;

use http::{HeaderMap, Request, Response, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;
use tokio::time::timeout;

use super::answer::{self, LogoutProblem};
use super::visit::Visit;
use crate::gate::Known;
use crate::oidc::Secret;
use crate::oidc::jwt::SKEW;
use crate::oidc::logout::Whom;
use crate::provider::LogoutError;
use crate::session::MAX_NAME;
use crate::store::TokensPart;
use crate::store::memory::{Channel, Standing};
use crate::telemetry::metrics::{self, LogoutResult};
use crate::upstream::Body;
use crate::wire::media;

impl Visit<'_> {
    /// OpenID Connect Back-Channel Logout 1.0: the provider itself says which sessions have ended.
    ///
    /// That is no sign-out of this browser's: its next page load is sent to the provider, which has no session for it either, and no marker stands
    /// before that.
    pub async fn backchannel_logout(&mut self, request: Request<Incoming>) -> Response<Body> {
        let ended = self.end_by_token(request).await;
        let result = match &ended {
            Ok(()) => LogoutResult::Accepted,
            Err(LogoutProblem::Token(LogoutError::NotNow { .. })) => LogoutResult::NotNow,
            Err(_) => LogoutResult::Refused,
        };
        self.house.metrics.provider_logout(metrics::Channel::Back, result);
        let response = answer::backchannel_logout(ended.as_ref().err(), &self.asked_here());
        if let Err(problem) = &ended {
            let (reason, request_id) = (answer::reason(&response), self.request_id());
            let mend = problem.is_about_settings().then_some("provider.issuer, provider.jwks_uri");
            tracing::warn!(event = "backchannel_logout_refused", reason, request_id, key = mend, "{problem}");
        }
        response
    }

    async fn end_by_token(&self, request: Request<Incoming>) -> Result<(), LogoutProblem> {
        let token = logout_token(request).await?;
        let token = self.house.provider.verify_logout_token(token).await.map_err(LogoutProblem::Token)?;
        let now = self.house.clock.now();
        // §2.6 step 8.
        if !self.house.memory.is_first_use(&token.jti, token.until, now) {
            return Err(LogoutProblem::Replayed);
        }
        // One that was on its way for long does not end what began meanwhile.
        self.end_named(&token.whom, Channel::Back, token.issued_at + SKEW);
        Ok(())
    }

    /// OpenID Connect Front-Channel Logout 1.0: somebody says, in a frame of the provider's page as a rule, that the session of this `sid` has ended. It
    /// is believed of that one session, since nobody else knows its name; no token is revoked for it (security.md O-10).
    pub fn frontchannel_logout(&mut self, iss_and_sid: Option<(String, String)>) -> Response<Body> {
        let known = self.house.provider.issuer();
        let is_others = iss_and_sid.as_ref().is_some_and(|(iss, _)| Some(iss) != known.as_ref());
        let Some(sid) = iss_and_sid.map(|(_, sid)| sid).filter(|sid| !is_others && sid.len() <= MAX_NAME) else {
            self.house.metrics.provider_logout(metrics::Channel::Front, LogoutResult::Refused);
            let response = answer::frontchannel_logout_refused(is_others, &self.asked_here());
            let (reason, request_id) = (answer::reason(&response), self.request_id());
            tracing::info!(event = "frontchannel_logout_refused", reason, request_id);
            return response;
        };
        self.house.metrics.provider_logout(metrics::Channel::Front, LogoutResult::Accepted);
        let whom = Whom::Session(sid);
        self.end_named(&whom, Channel::Front(self.ask.client), self.house.clock.now());
        // A provider of the same site: the cookies came, and go.
        if let Known::User(session) = &self.before.known
            && matches!(self.meet(session), Standing::Over(_))
        {
            self.after.known = Known::Nobody;
            self.after.tokens = TokensPart::Absent;
        }
        answer::frontchannel_logout(&self.house.provider.pages(), &self.asked_here())
    }

    fn end_named(&self, whom: &Whom, channel: Channel, at: crate::clock::Timestamp) {
        let lifetime = self.site.store.settings.lifetimes.lifetime;
        let open = self.house.memory.end_named(whom, channel, at, lifetime, self.house.clock.now());
        let event = match channel {
            Channel::Back => "backchannel_logout",
            Channel::Front(_) => "frontchannel_logout",
        };
        tracing::info!(event, request_id = self.request_id(), named_by = whom.named_by(), sessions_with_sockets = open);
    }
}

/// Back-Channel Logout §2.5: a form with one `logout_token`; what else it holds is ignored.
async fn logout_token(request: Request<Incoming>) -> Result<Secret<String>, LogoutProblem> {
    if !is_form(request.headers()) {
        return Err(LogoutProblem::NoForm);
    }
    let body = Limited::new(request.into_body(), MAX_BODY).collect();
    let body = match timeout(PATIENCE, body).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(LogoutProblem::TooLarge),
        Ok(Err(_)) | Err(_) => return Err(LogoutProblem::BrokenOff),
    };
    let mut tokens = url::form_urlencoded::parse(&body).filter(|(name, _)| name == "logout_token");
    match (tokens.next(), tokens.next()) {
        (Some((_, token)), None) => Ok(Secret::new(token.into_owned())),
        (None, _) => Err(LogoutProblem::NoToken),
        (Some(_), Some(_)) => Err(LogoutProblem::TwoTokens),
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    let mut types = media::types(headers, &header::CONTENT_TYPE);
    let (Some(only), None) = (types.next(), types.next()) else { return false };
    only.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// Bytes of a form with a logout token in it.
const MAX_BODY: usize = 64 * 1024;
/// For a form of that size to arrive.
const PATIENCE: Duration = Duration::from_secs(10);
