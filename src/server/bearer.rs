//! The access token that an API client brought, where the gate wants to know about it.

use super::visit::Visit;
use crate::clock::Timestamp;
use crate::gate::{Bearer, Refusal};
use crate::provider::NotTaken;
use crate::wire::authorization::Brought;

impl Visit<'_> {
    /// Looks at it, once. A request that brings none, or to where none is taken, costs nothing here.
    pub async fn look_at_token(&mut self, now: Timestamp) {
        if !self.site.gate.wants_token(self.ask, self.caller(), now) {
            return;
        }
        self.bearer = match self.ask.authorization.read() {
            Brought::NoToken => None,
            Brought::Unclear => Some(Bearer::Refused(Refusal::TokenUnclear)),
            Brought::NotAToken => Some(Bearer::Refused(Refusal::TokenNotTaken)),
            // Not on the stack of every other request.
            Brought::Token(token) => Some(match Box::pin(self.house.provider.bearer(token)).await {
                Ok(session) => Bearer::Holds(session),
                Err(why) => Bearer::Refused(self.not_taken(&why)),
            }),
        };
    }

    /// The token, where it is the reason for letting its client in.
    pub fn token_of_client(&self) -> Option<&str> {
        match (&self.bearer, self.ask.authorization.read()) {
            (Some(Bearer::Holds(_)), Brought::Token(token)) => Some(token),
            (Some(Bearer::Holds(_) | Bearer::Refused(_)) | None, _) => None,
        }
    }

    /// What is wrong with it is the log's business alone.
    fn not_taken(&self, why: &NotTaken) -> Refusal {
        tracing::info!(event = "token_not_taken", request_id = self.request_id(), reason = %why);
        match why {
            NotTaken::Invalid(_) => Refusal::TokenNotTaken,
            NotTaken::Unnamed(_) => Refusal::Unnamed,
            NotTaken::TooMany { retry_after } => Refusal::TooManyTokens { retry_after: *retry_after },
            NotTaken::Away { retry_after, .. } => Refusal::ProviderAway { retry_after: *retry_after },
        }
    }
}
