//! From a code to a session.

use std::sync::Arc;
use std::time::Duration;

use super::http::{Asking, Failure};
use super::keys::Unverified;
use super::remembered::{Remembered, claims_of};
use super::{Preset, Settings, Shared, SignInError, SignedIn, UserinfoMode, random, token, userinfo};
use crate::clock::Timestamp;
use crate::oidc::Secret;
use crate::oidc::claims::{Said, WhoIsIt};
use crate::oidc::id_token::{Expect, IdToken, Nonce};
use crate::oidc::jwt::SKEW;
use crate::oidc::metadata::Metadata;
use crate::oidc::token::{TokenAnswer, TokenErrorKind};
use crate::oidc::userinfo::UserInfo;
use crate::session::{AtProvider, Attempt, Session, SessionId, Tokens};

/// The answer's `iss` has been checked.
pub async fn redeem(
    shared: &Shared,
    code: &Secret<String>,
    attempt: &Attempt,
    redirect_uri: &str,
) -> Result<SignedIn, SignInError> {
    let settings = &shared.settings;
    let metadata = shared.metadata().map_err(SignInError::NotReady)?;
    // Before the code is spent: it is good for one use.
    let place = shared.sign_ins.enter(shared.clock.now()).await;
    let _place = place.map_err(|retry_after| SignInError::TooMany { retry_after })?;

    let answer =
        token::spend_code(shared, &metadata, code, redirect_uri, &attempt.verifier).await.map_err(code_not_taken)?;
    let received_at = shared.clock.now();
    shared.refreshes.provider_works();
    // Before its access token is used for anything (RFC 9700 §4.5.3.2).
    let id_token = id_token(shared, &metadata, &answer, attempt).await?;
    let userinfo = user_info(shared, &metadata, &answer).await?;

    let said =
        Said { token: &answer.fields, userinfo: userinfo.as_ref(), id_token: id_token.as_ref().map(IdToken::claims) };
    let mut signed_in = session(settings, &metadata, &said, &answer, received_at).map_err(unnamed)?;
    if let Some(id_token) = &id_token {
        let user = &signed_in.session.user;
        signed_in.session.at_provider = AtProvider::said_of(user, id_token.sub(), id_token.sid(), id_token.acr());
    }
    // The provider may have ended it since its attempt began, and said so already.
    signed_in.session.created_at = shared.memory.session_begins(&signed_in.session, attempt.started_at, received_at);
    signed_in.session.auth_time = auth_time(settings, attempt, id_token.as_ref(), received_at)?;
    Ok(signed_in)
}

/// OpenID Connect Core §3.1.3.7 steps 12 and 13, and what they say of when the user signed in. A provider of which no ID token can be expected says
/// nothing about when: there the sign-in itself counts, where it was asked to be a fresh one (`prompt=login`). Any other may have been silent, of a
/// session at the provider that is days old.
fn auth_time(
    settings: &Settings,
    attempt: &Attempt,
    id_token: Option<&IdToken>,
    now: Timestamp,
) -> Result<Option<Timestamp>, SignInError> {
    let said = id_token.and_then(IdToken::auth_time).map(|time| time.min(now));
    let (asked, started_at) = (&attempt.step_up, attempt.started_at);
    let time = match settings.preset {
        Preset::Oidc => said,
        Preset::Toki | Preset::Oauth2 => said.or(asked.max_age.map(|_| now)),
    };
    let acr = id_token.and_then(IdToken::acr);
    asked.check(time, acr, started_at - SKEW).map_err(SignInError::TooWeak)?;
    // A provider whose clock is behind ours has asked just now all the same.
    let since_start = |time: Timestamp| if started_at.since(time) <= SKEW { time.max(started_at) } else { time };
    // And what will do now still does when the browser has come to the page that asks for it: else it would be sent round until it does not.
    let lands = |time: Timestamp, max_age: Duration| since_start(time).max(now + LANDING - max_age).min(now);
    Ok(time.map(|time| asked.max_age.map_or(time, |max_age| lands(time, max_age))))
}

async fn id_token(
    shared: &Shared,
    metadata: &Metadata,
    answer: &TokenAnswer,
    attempt: &Attempt,
) -> Result<Option<IdToken>, SignInError> {
    let Shared { settings, http, keys, clock, .. } = shared;
    let Some(id_token) = &answer.id_token else {
        if settings.require_id_token {
            return Err(SignInError::IdToken("there is none in the token answer".to_owned()));
        }
        return Ok(None);
    };
    let nonce = match settings.preset {
        // Asked for with `openid` only (OpenID Connect Core §3.1.2.1); TOKI may leave it out even then (toki.md).
        Preset::Oidc | Preset::Oauth2 if settings.scopes.iter().any(|scope| scope == "openid") => {
            Nonce::Required(&attempt.nonce)
        }
        Preset::Oidc | Preset::Oauth2 | Preset::Toki => Nonce::IfPresent(&attempt.nonce),
    };
    let expect = expect(settings, metadata, nonce, &answer.access_token);
    let verified = keys.verify_id_token(id_token, &expect, metadata.jwks_uri.as_ref(), http, clock).await;
    verified.map(Some).map_err(|why| match why {
        Unverified::Refused(_) | Unverified::Unsure(_) => SignInError::IdToken(why.to_string()),
        Unverified::NoKeys(_) => SignInError::Unreachable(why.to_string()),
    })
}

pub fn expect<'a>(
    settings: &'a Settings,
    metadata: &'a Metadata,
    nonce: Nonce<'a>,
    access_token: &'a Secret<String>,
) -> Expect<'a> {
    Expect {
        issuer: metadata.issuer.as_deref(),
        client_id: &settings.client_id,
        algorithms: &settings.id_token_algs,
        nonce,
        access_token,
    }
}

async fn user_info(
    shared: &Shared,
    metadata: &Metadata,
    answer: &TokenAnswer,
) -> Result<Option<UserInfo>, SignInError> {
    let nothing = Remembered::default();
    let field = |name: &str| nothing.field(&answer.fields, name);
    let asking = Asking { bearer: Some(&answer.access_token), within: None };
    match userinfo::ask(shared, metadata, asking, field).await {
        Ok(info) => Ok(info),
        Err(_) if shared.settings.userinfo == UserinfoMode::Optional => Ok(None),
        Err(Failure::Unreachable(why)) => Err(SignInError::Unreachable(format!("user info: {why}"))),
        Err(why @ (Failure::Broken(_) | Failure::Refused(_))) => Err(SignInError::Broken(format!("user info: {why}"))),
    }
}

/// Everything that was said, as a session.
fn session(
    settings: &Settings,
    metadata: &Metadata,
    said: &Said<'_>,
    answer: &TokenAnswer,
    now: Timestamp,
) -> Result<SignedIn, WhoIsIt> {
    let user = said.subject(&settings.user_claim)?;
    let mut remembered = Remembered::default();
    remembered.take_over(said, settings, metadata)?;
    if let Some(nonce) = said.id_token.and_then(|claims| claims.get("nonce")?.as_str()) {
        remembered.set_nonce(nonce);
    }
    let kept = said.keep(settings.wanted_claims.iter().map(String::as_str), &[]);
    remembered.set_sources(&kept);

    let refreshable = answer.refresh_token.is_some();
    let unsaid = if refreshable { UNSAID_LIFE } else { settings.lifetimes.lifetime };
    let session = Session {
        id: SessionId::from_bytes(random()),
        generation: 0,
        user,
        created_at: now,
        expires_at: now + settings.lifetimes.lifetime,
        seen_at: now,
        auth_time: None,
        token_issued_at: now,
        token_expires_at: now + answer.expires_in.unwrap_or(unsaid),
        refreshable,
        claims: claims_of(&kept),
        at_provider: AtProvider::default(),
    };
    let tokens = Tokens {
        session: session.id,
        generation: 0,
        access_token: answer.access_token.clone(),
        refresh_token: answer.refresh_token.clone(),
        id_token: answer.id_token.clone(),
        remembered: remembered.into_tokens(),
    };
    Ok(SignedIn { session, tokens: Arc::new(tokens), received: said.received() })
}

fn code_not_taken(failure: Failure) -> SignInError {
    match failure {
        Failure::Unreachable(why) => SignInError::Unreachable(why),
        Failure::Broken(why) => SignInError::Broken(why),
        Failure::Refused(refusal) => match refusal.kind() {
            Some(TokenErrorKind::InvalidGrant) => SignInError::CodeRefused(refusal.to_string()),
            Some(TokenErrorKind::Client) => SignInError::ClientRefused(refusal.to_string()),
            // RFC 6749 §5.2 knows no such answer to a sound request.
            Some(TokenErrorKind::Request | TokenErrorKind::Other) | None => SignInError::Broken(refusal.to_string()),
        },
    }
}

fn unnamed(why: WhoIsIt) -> SignInError {
    SignInError::Unnamed(why.to_string())
}

/// How long an access token is taken to live where its answer does not say and there is a refresh token (interface.md `end_with_token`).
pub const UNSAID_LIFE: Duration = Duration::from_secs(3600);
/// From the provider's answer to the page that was asked for.
const LANDING: Duration = Duration::from_secs(10);
