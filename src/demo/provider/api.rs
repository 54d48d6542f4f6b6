//! Access tokens for applications of other people: signed ones (RFC 9068), opaque ones, and introspection of both (RFC 7662).

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

use super::clients::credentials;
use super::{Provider, Received, Stand};
use crate::demo::http::{json as json_answer, method_not_allowed, random};

impl Provider {
    /// What a signed access token of this user says to an application of this name: now, for as long as access tokens live.
    pub fn api_claims(&self, user_id: &str, audience: &str) -> Value {
        let seconds = (self.0.options.clock)() / 1000;
        let state = self.0.state();
        let mut claims = state.users.get(user_id).map(|user| Value::Object(user.openid_claims())).unwrap_or(json!({}));
        for (name, value) in [
            ("iss", json!(self.0.issuer())),
            ("aud", json!(audience)),
            ("iat", json!(seconds)),
            ("exp", json!(seconds + self.0.options.access_lifetime.as_secs())),
            ("client_id", json!("an-api-client")),
            ("jti", json!(random(16))),
            ("userId", json!(user_id)),
        ] {
            claims[name] = value;
        }
        claims
    }

    /// Signed with the stand-in's key, as a token of this kind (`typ`); `at+jwt` is an access token's.
    pub fn sign(&self, typ: Option<&str>, claims: &Value) -> String {
        self.0.state().keys.sign_as(self.0.options.algorithm, typ, claims)
    }

    /// An access token as any client of an API could have got it.
    pub fn access_token(&self, user_id: &str, audience: &str) -> String {
        self.sign(Some("at+jwt"), &self.api_claims(user_id, audience))
    }

    /// One that says nothing by itself: introspection says this of it.
    pub fn opaque_token(&self, claims: Value) -> String {
        let token = random(32);
        self.0.state().opaque.insert(token.clone(), claims);
        token
    }

    pub fn revoke_opaque(&self, token: &str) {
        self.0.state().opaque.remove(token);
    }
}

/// RFC 7662 §2: for who shows who asks, as Basic; what is not active is not explained.
pub(super) fn introspect(stand: &Stand, received: &Received, now: u64) -> Response<Bytes> {
    if received.method != "POST" {
        return method_not_allowed("POST");
    }
    if !received.is_form() || !received.query().is_empty() || received.params.repeated().is_some() {
        return json_answer(StatusCode::BAD_REQUEST, &json!({ "error": "invalid_request" }));
    }
    let state = stand.state();
    let asks = received.headers.get(header::AUTHORIZATION).and_then(credentials);
    let is_known = |(id, secret): (String, String)| {
        state.clients.iter().any(|client| client.id == id && client.secret.as_deref() == Some(&secret))
    };
    if !asks.is_some_and(is_known) {
        let mut refused = json_answer(StatusCode::UNAUTHORIZED, &json!({ "error": "invalid_client" }));
        let challenge = HeaderValue::from_static("Basic realm=\"introspection\"");
        refused.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        return refused;
    }
    let Some(token) = received.params.get("token") else {
        return json_answer(StatusCode::BAD_REQUEST, &json!({ "error": "invalid_request" }));
    };
    let is_over = |claims: &Value| claims["exp"].as_u64().is_some_and(|exp| now / 1000 >= exp);
    let mut answer = match state.opaque.get(token).filter(|claims| !is_over(claims)) {
        Some(claims) => claims.clone(),
        // Those of its own sign-ins: for its user info, and so for no audience that anybody else has.
        None => match state.grants.user_of(token, now).or_else(|| state.grants.user_of_refresh(token, now)) {
            Some(user_id) => json!({ "sub": user_id, "userId": user_id }),
            None => return json_answer(StatusCode::OK, &json!({ "active": false })),
        },
    };
    answer["active"] = true.into();
    json_answer(StatusCode::OK, &answer)
}
