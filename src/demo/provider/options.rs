//! How the stand-in behaves, chosen at start; the shape of its answers may change while it runs.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::users::Users;
use crate::demo::http::machine_clock;

/// Unix time in milliseconds; a test passes one that it turns by hand.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

#[derive(Clone)]
pub struct Options {
    pub clock: Clock,
    pub users: Users,
    pub clients: Vec<Client>,
    /// Accept any client identifier, and any redirect URI on loopback: for the development of applications.
    pub any_loopback_redirect: bool,
    /// Skip the page for a browser that has signed in here and consented before, as a single sign-on does.
    pub remember: bool,
    /// Also be an OpenID Provider: discovery, JWKS, `iss` in answers (RFC 9207), client secrets by Basic, user info without `userId`.
    pub oidc: bool,
    /// Every address of the stand-in begins with this path; none: they begin at the root.
    pub below: String,
    /// `iss` of ID tokens; the stand-in's own address where absent.
    pub issuer: Option<String>,
    pub algorithm: Algorithm,
    /// From redirect to token request. RFC 6749 §4.1.2 allows ten minutes at most.
    pub code_lifetime: Duration,
    pub access_lifetime: Duration,
    pub refresh_lifetime: Duration,
    pub id_token_lifetime: Duration,
    /// A refresh token is good once, its answer brings the next one, and using one twice revokes the whole family (RFC 9700 §4.14.2).
    pub rotate: bool,
    /// Pushed authorization requests (RFC 9126).
    pub pushing: Pushing,
    /// Revoke tokens on demand (RFC 7009).
    pub revocation: bool,
    /// Sign browsers out on demand (OpenID Connect RP-Initiated Logout).
    pub end_session: bool,
    pub answers: Answers,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushing {
    Off,
    Offered,
    Required,
}

/// The odd shapes that a token answer or user info may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answers {
    pub expires_in: ExpiresIn,
    pub token_type: &'static str,
    pub user_id: UserId,
    /// Whether the answer to a refresh has `userId` too.
    pub user_id_on_refresh: bool,
    /// Whether `offline_access` is honoured.
    pub refresh_token: bool,
    /// Whether `openid` is honoured.
    pub id_token: bool,
    pub id_token_on_refresh: bool,
    /// Whether ID tokens carry the nonce that was sent.
    pub nonce: bool,
    /// Whether they say when the user signed in.
    pub auth_time: bool,
    /// Whether they say which session it is (`sid`).
    pub sid: bool,
    /// The ways of signing in there are (`acr`), the usual one first; another where `acr_values` ask for it. Empty: ID tokens do not say.
    pub acr: &'static [&'static str],
    /// Whether `prompt` and `max_age` are honoured: not every provider does.
    pub asks_again: bool,
    /// User info inside `{"data": …}`.
    pub envelope: bool,
    pub email: bool,
    /// Tokens are padded to at least so many bytes.
    pub access_token_bytes: usize,
    pub refresh_token_bytes: usize,
    pub id_token_bytes: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpiresIn {
    Number,
    Text,
    Absent,
}

/// How a token answer says `userId`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserId {
    Text,
    /// As a JSON number, where it is one.
    Number,
    Absent,
}

/// What ID tokens are signed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    Rs256,
    Es256,
}

/// An application that is registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// A UUID at TOKI; compared byte for byte.
    pub id: String,
    /// Compared byte for byte (RFC 9700 §4.1.3).
    pub redirect_uris: Vec<String>,
    pub secret: Option<String>,
    /// With PKCE: a challenge is demanded, the secret is not.
    pub pkce: bool,
    /// Where it wants to be told of ended sessions (Back-Channel Logout §2.2).
    pub backchannel_logout_uri: Option<String>,
    /// The JWK Set of a client that signs (`private_key_jwt`): nothing else shows who it is.
    pub jwks: Option<Value>,
    /// Where a browser may be sent after its sign-out; compared byte for byte.
    pub post_logout_redirect_uris: Vec<String>,
}

impl Client {
    /// Registered with PKCE, without a secret.
    pub fn public(id: &str, redirect_uri: &str) -> Self {
        Self {
            id: id.to_owned(),
            redirect_uris: vec![redirect_uri.to_owned()],
            secret: None,
            pkce: true,
            backchannel_logout_uri: None,
            jwks: None,
            post_logout_redirect_uris: Vec::new(),
        }
    }

    /// Registered without PKCE: the secret is demanded.
    pub fn confidential(id: &str, redirect_uri: &str, secret: &str) -> Self {
        Self { secret: Some(secret.to_owned()), pkce: false, ..Self::public(id, redirect_uri) }
    }

    /// Registered with PKCE and the keys it signs with.
    pub fn signing(id: &str, redirect_uri: &str, jwks: Value) -> Self {
        Self { jwks: Some(jwks), ..Self::public(id, redirect_uri) }
    }
}

impl Options {
    /// What TOKI's guide describes; tokens live a minute, so that a refresh can be watched.
    pub fn toki() -> Self {
        Self {
            clock: Arc::new(machine_clock),
            users: Users::demo(),
            clients: Vec::new(),
            any_loopback_redirect: false,
            remember: true,
            oidc: false,
            below: String::new(),
            issuer: None,
            algorithm: Algorithm::Rs256,
            code_lifetime: Duration::from_secs(60),
            access_lifetime: Duration::from_secs(60),
            refresh_lifetime: Duration::from_secs(30 * 24 * 3600),
            id_token_lifetime: Duration::from_secs(3600),
            rotate: true,
            pushing: Pushing::Off,
            revocation: false,
            end_session: false,
            answers: Answers::default(),
        }
    }

    /// An OpenID Provider: everything that [`Options::oidc`] brings, revocation and pushed requests for who wants them; no `userId` in answers, and no
    /// envelope around user info.
    pub fn openid() -> Self {
        let answers = Answers { envelope: false, user_id: UserId::Absent, sid: true, ..Answers::default() };
        Self { oidc: true, pushing: Pushing::Offered, revocation: true, answers, ..Self::toki() }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::toki()
    }
}

impl Default for Answers {
    fn default() -> Self {
        Self {
            expires_in: ExpiresIn::Number,
            token_type: "Bearer",
            user_id: UserId::Text,
            user_id_on_refresh: true,
            refresh_token: true,
            id_token: true,
            id_token_on_refresh: true,
            nonce: true,
            auth_time: true,
            sid: false,
            acr: &[],
            asks_again: true,
            envelope: true,
            email: true,
            access_token_bytes: 0,
            refresh_token_bytes: 0,
            id_token_bytes: 0,
        }
    }
}
