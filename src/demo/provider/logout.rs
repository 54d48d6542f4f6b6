//! Sign-out at the stand-in, and how applications are told: OpenID Connect Back-Channel Logout 1.0, §2.4 and §2.5.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use url::form_urlencoded;

use super::keys::{Keys, unsigned, with_signature_of};
use super::{Provider, Stand};
use crate::demo::http::{post_form, random};

/// A logout token in the making: as it should be, until somebody spoils it.
#[derive(Debug, Clone)]
pub struct LogoutToken {
    pub kind: Option<&'static str>,
    pub claims: Map<String, Value>,
    pub signature: Signature,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signature {
    Sound,
    /// It fits other claims.
    OfOtherClaims,
    /// `alg` is `none`, and there is none.
    Missing,
    /// By a key that is nobody's here.
    OfAnotherKey,
}

impl LogoutToken {
    /// One claim said otherwise; left out, where `value` is null.
    pub fn with(mut self, name: &str, value: Value) -> Self {
        if value.is_null() {
            self.claims.remove(name);
        } else {
            self.claims.insert(name.to_owned(), value);
        }
        self
    }

    pub fn signed(mut self, signature: Signature) -> Self {
        self.signature = signature;
        self
    }

    pub fn typed(mut self, kind: Option<&'static str>) -> Self {
        self.kind = kind;
        self
    }
}

impl Provider {
    /// A logout token for this client, about a session or about a user: `sid`, `sub` or both as they are given.
    pub fn logout_token(&self, client_id: &str, sid: Option<&str>, sub: Option<&str>) -> LogoutToken {
        self.0.logout_token(client_id, sid, sub)
    }

    /// As it would be sent.
    pub fn sign_logout_token(&self, token: &LogoutToken) -> String {
        let algorithm = self.0.options.algorithm;
        let claims = Value::Object(token.claims.clone());
        let keys = self.0.state().keys.clone();
        let signed = |keys: &Keys, claims: &Value| keys.sign_as(algorithm, token.kind, claims);
        match token.signature {
            Signature::Sound => signed(&keys, &claims),
            Signature::OfOtherClaims => {
                let mut other = claims.clone();
                other["jti"] = "another".into();
                with_signature_of(&signed(&keys, &claims), &signed(&keys, &other))
            }
            Signature::Missing => unsigned(&claims),
            Signature::OfAnotherKey => signed(&Keys::fresh(), &claims),
        }
    }

    /// The sessions that this user has begun here, as ID tokens call them (`sid`), oldest first.
    pub fn sids(&self, user_id: &str) -> Vec<String> {
        self.0.state().sids.iter().filter(|(user, _)| user == user_id).map(|(_, sid)| sid.clone()).collect()
    }

    /// Ends a session as a sign-out at the provider does: browsers, codes and tokens of it are over, and every application that registered an address is
    /// told. The statuses that they answered.
    pub async fn sign_out(&self, sid: &str) -> Vec<u16> {
        Arc::clone(&self.0).end_session(sid).await
    }
}

impl Stand {
    pub(super) fn logout_token(&self, client_id: &str, sid: Option<&str>, sub: Option<&str>) -> LogoutToken {
        let seconds = (self.options.clock)() / 1000;
        let claims = json!({
            "iss": self.issuer(),
            "aud": client_id,
            "iat": seconds,
            "exp": seconds + LIFETIME.as_secs(),
            "jti": random(16),
            "events": { "http://schemas.openid.net/event/backchannel-logout": {} },
        });
        let mut claims = claims.as_object().cloned().unwrap_or_default();
        for (name, value) in [("sid", sid), ("sub", sub)] {
            if let Some(value) = value {
                claims.insert(name.to_owned(), value.into());
            }
        }
        LogoutToken { kind: Some("logout+jwt"), claims, signature: Signature::Sound }
    }

    pub(super) async fn end_session(self: Arc<Self>, sid: &str) -> Vec<u16> {
        let told: Vec<(String, String, Option<String>)> = {
            let mut state = self.state();
            state.sign_ins.retain(|_, signed_in| signed_in.sid != sid);
            state.grants.revoke_session(sid, &self.calls);
            let user = state.sids.iter().find(|(_, known)| known == sid).map(|(user, _)| user.clone());
            let sub = user.and_then(|user| state.users.get(&user)).map(|user| user.sub.clone());
            let registered = state.clients.iter();
            registered
                .filter_map(|client| Some((client.id.clone(), client.backchannel_logout_uri.clone()?, sub.clone())))
                .collect()
        };
        let mut statuses = Vec::new();
        for (client_id, address, sub) in told {
            let token = self.logout_token(&client_id, Some(sid), sub.as_deref());
            let token = Provider(Arc::clone(&self)).sign_logout_token(&token);
            let form = form_urlencoded::Serializer::new(String::new()).append_pair("logout_token", &token).finish();
            // One that cannot be reached hears nothing of it, as with any provider.
            statuses.extend(post_form(&address, form).await);
        }
        statuses
    }
}

/// §2.4: "preferably at most two minutes".
const LIFETIME: Duration = Duration::from_secs(120);
