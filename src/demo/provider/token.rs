//! The token endpoint: RFC 6749 §4.1.3, §5 and §6, RFC 7636 §4.5 and §4.6.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Map, Value, json};

use super::clients::{Denied, authenticate, well_formed};
use super::faults::Forged;
use super::grants::{Family, Spending, after};
use super::keys::{unsigned, with_signature_of};
use super::options::{ExpiresIn, UserId};
use super::users::User;
use super::{Received, Stand, State};
use crate::demo::http::{json as json_answer, method_not_allowed, random};

pub(super) fn token(stand: &Stand, received: &Received, forged: Forged, now: u64) -> Response<Bytes> {
    if received.method != "POST" {
        return method_not_allowed("POST");
    }
    let answer =
        grant(stand, received, forged, now).map_or_else(Denied::answer, |body| json_answer(StatusCode::OK, &body));
    no_store(answer)
}

/// RFC 6749 §5.2. Also what the fault of the same name answers.
pub(super) fn invalid_grant(description: &str) -> Response<Bytes> {
    no_store(Denied::new("invalid_grant", description).answer())
}

fn grant(stand: &Stand, received: &Received, forged: Forged, now: u64) -> Result<Value, Denied> {
    let invalid = |description: &str| Denied::new("invalid_request", description);
    well_formed(received)?;
    let form = &received.params;
    let grant_type = form.get("grant_type").ok_or_else(|| invalid("grant_type is missing"))?;
    let mut state = stand.state();
    let client_id = authenticate(stand, &mut state, received, now)?;

    match grant_type {
        "authorization_code" => {
            let code = form.get("code").ok_or_else(|| invalid("code is missing"))?;
            let redirect_uri = form.get("redirect_uri").ok_or_else(|| invalid("redirect_uri is missing"))?;
            let verifier = form.get("code_verifier");
            // RFC 7636 §4.1.
            let unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
            if verifier.is_some_and(|v| !(43..=128).contains(&v.len()) || !v.bytes().all(unreserved)) {
                return Err(invalid("code_verifier must be 43 to 128 unreserved characters"));
            }
            let spending = Spending { code, client_id: &client_id, redirect_uri, verifier };
            let (number, family) = state.grants.redeem(&spending, now, &stand.calls)?;
            Issue { stand, number, family: &family, forged, now, refreshed: false }.answer(&mut state)
        }
        "refresh_token" => {
            let token = form.get("refresh_token").ok_or_else(|| invalid("refresh_token is missing"))?;
            let (number, family) = state.grants.renew(token, &client_id, stand.options.rotate, now, &stand.calls)?;
            Issue { stand, number, family: &family, forged, now, refreshed: true }.answer(&mut state)
        }
        other => Err(Denied::new("unsupported_grant_type", &format!("{other} is not supported"))),
    }
}

/// One token answer in the making.
struct Issue<'a> {
    stand: &'a Stand,
    number: u64,
    family: &'a Family,
    forged: Forged,
    now: u64,
    refreshed: bool,
}

impl Issue<'_> {
    fn answer(&self, state: &mut State) -> Result<Value, Denied> {
        let options = &self.stand.options;
        let shape = state.answers.clone();
        let user = state
            .named(&self.family.user_id, self.forged)
            .cloned()
            .ok_or_else(|| Denied::new("invalid_grant", "the user is gone"))?;

        let access = padded(random(32), shape.access_token_bytes);
        state.grants.remember_access(&access, self.number, &user.id, after(self.now, options.access_lifetime));

        let mut answer = Map::new();
        answer.insert("access_token".into(), access.into());
        answer.insert("token_type".into(), shape.token_type.into());
        let seconds = options.access_lifetime.as_secs();
        match shape.expires_in {
            ExpiresIn::Number => drop(answer.insert("expires_in".into(), seconds.into())),
            ExpiresIn::Text => drop(answer.insert("expires_in".into(), seconds.to_string().into())),
            ExpiresIn::Absent => {}
        }
        let brings_refresh = if self.refreshed { options.rotate } else { self.family.has_scope("offline_access") };
        if brings_refresh && shape.refresh_token {
            let refresh = padded(random(32), shape.refresh_token_bytes);
            state.grants.remember_refresh(&refresh, self.number, &user.id, after(self.now, options.refresh_lifetime));
            answer.insert("refresh_token".into(), refresh.into());
        }
        if self.family.has_scope("openid") && shape.id_token && (!self.refreshed || shape.id_token_on_refresh) {
            answer.insert("id_token".into(), self.id_token(state, &user).into());
        }
        if !self.refreshed || shape.user_id_on_refresh {
            let number = || user.id.parse::<u64>().ok().map(Value::from);
            let text = || Value::from(user.id.clone());
            match shape.user_id {
                UserId::Text => drop(answer.insert("userId".into(), text())),
                UserId::Number => drop(answer.insert("userId".into(), number().unwrap_or_else(text))),
                UserId::Absent => {}
            }
        }
        Ok(Value::Object(answer))
    }

    /// OpenID Connect Core §2; after a refresh without a nonce (§12.2).
    fn id_token(&self, state: &State, user: &User) -> String {
        let Forged { nonce, audience, issuer, expired, signature, unsigned: no_signature, another_user: _ } =
            self.forged;
        let options = &self.stand.options;
        let seconds = self.now / 1000;
        let mut claims = json!({
            "iss": if issuer { "https://issuer.invalid" } else { self.stand.issuer() },
            "sub": user.sub,
            "aud": if audience { "00000000-0000-4000-8000-00000000ffff" } else { &self.family.client_id },
            "exp": if expired { seconds.saturating_sub(3600) } else { seconds + options.id_token_lifetime.as_secs() },
            "iat": if expired { seconds.saturating_sub(7200) } else { seconds },
        });
        if state.answers.auth_time {
            claims["auth_time"] = self.family.auth_time.into();
        }
        if state.answers.sid {
            claims["sid"] = self.family.sid.as_str().into();
        }
        if let Some(acr) = self.family.acr {
            claims["acr"] = acr.into();
        }
        let sent = self.family.nonce.as_deref().filter(|_| !self.refreshed && state.answers.nonce);
        if let Some(sent) = if nonce { Some("another-nonce") } else { sent } {
            claims["nonce"] = sent.into();
        }
        let bare = state.keys.sign(options.algorithm, &claims);
        let missing = state.answers.id_token_bytes.saturating_sub(bare.len());
        if missing > 0 {
            // Base64 makes four bytes of three.
            claims["padding"] = padded(String::new(), missing * 3 / 4 + 1).into();
        }
        if no_signature {
            return unsigned(&claims);
        }
        let token = state.keys.sign(options.algorithm, &claims);
        if !signature {
            return token;
        }
        claims["sub"] = "somebody else".into();
        with_signature_of(&token, &state.keys.sign(options.algorithm, &claims))
    }
}

/// Chance appended, so that compression gains nothing.
fn padded(token: String, bytes: usize) -> String {
    let missing = bytes.saturating_sub(token.len());
    if missing == 0 {
        return token;
    }
    let mut padding = random(missing);
    padding.truncate(missing);
    token + &padding
}

/// RFC 6749 §5.1.
fn no_store(mut response: Response<Bytes>) -> Response<Bytes> {
    response.headers_mut().insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}
