//! Talking to the provider: discovery, keys, token endpoint, user info, refresh. On a runtime of its own, one for the process: what is
//! started here belongs to nobody's request, so nobody's leaving can cancel it.

pub mod discovery;
pub mod http;
pub mod keys;
pub mod refresh;
pub mod token;
pub mod userinfo;

use std::sync::Arc;
use std::time::Duration;

use url::Url;

use crate::clock::Clock;
use crate::oidc::Secret;
use crate::session::{Attempt, Lifetimes, Session, Tokens};
use crate::store::memory::{Memory, Renewed};

/// `[provider] preset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Preset {
    #[default]
    Toki,
    Oidc,
    Oauth2,
}

/// `[provider] client_auth`; others come with a later issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    None,
    SecretPost,
    SecretBasic,
}

/// `[provider] userinfo`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserinfoMode {
    Required,
    Optional,
    Off,
}

/// Addresses written by hand; each wins over preset and discovery.
#[derive(Clone, Debug, Default)]
pub struct Addresses {
    pub issuer: Option<String>,
    pub authorization_endpoint: Option<Url>,
    pub token_endpoint: Option<Url>,
    pub userinfo_endpoint: Option<String>,
    pub jwks_uri: Option<Url>,
    pub end_session_endpoint: Option<Url>,
}

/// What the provider is made of; filled by `config`, presets already applied (toki's addresses filled in).
#[derive(Clone, Debug)]
pub struct Settings {
    pub preset: Preset,
    pub addresses: Addresses,
    pub client_id: String,
    pub client_secret: Option<Secret<String>>,
    pub client_auth: ClientAuth,
    pub pkce: bool,
    pub scopes: Vec<String>,
    pub authorize_params: Vec<(String, String)>,
    /// Parameters that `/start` may pass on.
    pub start_params: Vec<String>,
    pub userinfo: UserinfoMode,
    /// Dotted path to the object that holds the claims, where it is there.
    pub userinfo_path: Option<String>,
    pub user_claim: String,
    pub require_id_token: bool,
    pub id_token_algs: Vec<jsonwebtoken::Algorithm>,
    /// Dotted paths of the claims that headers and rules need; no other claim is kept.
    pub wanted_claims: Vec<String>,
    pub lifetimes: Lifetimes,
    pub ca_file: Option<std::path::PathBuf>,
    pub proxy: Option<Url>,
    pub insecure_http: bool,
    /// `[limits] logins_per_minute`: calls to the token endpoint for codes, whole process.
    pub logins_per_minute: u32,
}

/// Where the browser is sent, and what its attempt must remember.
pub struct Started {
    pub location: Url,
    pub attempt: Attempt,
}

/// A finished sign-in.
pub struct SignedIn {
    pub session: Session,
    pub tokens: Arc<Tokens>,
    /// Names, types and lengths of the claims received, for the log; never their values.
    pub received: Vec<Received>,
}

/// One claim that the provider sent, as far as a log may tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// `userinfo:phoneNo`, `id_token:sub`, `token:userId`.
    pub name: String,
    pub kind: &'static str,
    pub len: usize,
}

/// Why a sign-in did not come about. `server/answer.rs` gives each its status and page.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// Discovery has not succeeded yet.
    #[error("the provider's metadata is not known yet: {0}")]
    NotReady(String),
    #[error("the provider could not be reached: {0}")]
    Unreachable(String),
    /// The provider answered what no provider should; the text is for the log.
    #[error("the provider's answer is broken: {0}")]
    Broken(String),
    /// `invalid_grant` and the like for a code: bad, stale or used.
    #[error("the provider did not accept the code: {0}")]
    CodeRefused(String),
    /// `invalid_client`, `unauthorized_client` …: the operator's mistake.
    #[error("the provider refused this client: {0}")]
    ClientRefused(String),
    #[error("the ID token does not hold: {0}")]
    IdToken(String),
    #[error("the user cannot be named: {0}")]
    Unnamed(String),
    #[error("too many sign-ins at once")]
    TooMany { retry_after: Duration },
}

/// How a refresh ended.
#[derive(Clone, Debug)]
pub enum Refreshed {
    Renewed(Arc<Renewed>),
    /// `invalid_grant`, another user's answer, or ended meanwhile: the session is over.
    Ended,
    /// Anything else: the session lives on as `outage_grace` says.
    Unreachable {
        retry_after: Duration,
    },
}

/// The provider, from everywhere; cheap to clone. A reload replaces the settings by making a new one over the same `Memory`.
#[derive(Clone)]
pub struct Provider {
    _shared: Arc<()>,
}

/// For `/readyz`'s JSON and the start-up log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    Ready,
    /// What is being waited for.
    Degraded(String),
}

impl Provider {
    /// Starts the provider's runtime (a thread) and, where discovery is needed, begins it in the background with backoff.
    pub fn start(settings: Settings, clock: Clock, memory: Memory) -> Result<Provider, StartError> {
        let _ = (settings, clock, memory);
        todo!()
    }

    pub fn state(&self) -> State {
        todo!()
    }

    /// A fresh attempt: state, nonce and verifier drawn anew (RFC 6749 §4.1.1, RFC 7636 §4.1). `state` is sealed by the caller and put in as is.
    pub fn authorize(&self, request: AuthorizeRequest<'_>) -> Result<Url, SignInError> {
        let _ = request;
        todo!()
    }

    /// Spends the code (once), verifies the ID token, asks user info, and makes the session. Runs on the provider's own runtime: a browser that
    /// leaves does not cancel it.
    pub async fn redeem(
        &self,
        code: Secret<String>,
        iss: Option<String>,
        attempt: Attempt,
        redirect_uri: String,
    ) -> Result<SignedIn, SignInError> {
        let _ = (code, iss, attempt, redirect_uri);
        todo!()
    }

    /// Joins or starts the one refresh for this session's refresh token. The future may be dropped: the refresh goes on, and its result is kept.
    pub fn start_refresh(
        &self,
        session: Session,
        tokens: Arc<Tokens>,
    ) -> impl Future<Output = Refreshed> + Send + 'static {
        let _ = (session, tokens);
        async { todo!() }
    }
}

/// What one authorization request says beyond the settings.
pub struct AuthorizeRequest<'a> {
    pub redirect_uri: &'a str,
    /// Sealed, opaque, URL-safe.
    pub state: &'a str,
    pub attempt: &'a Attempt,
    pub prompt_login: bool,
    /// `/start`'s query: only `start_params` are taken out of it.
    pub start_query: Option<&'a str>,
}

/// Why the provider's side cannot start: the configuration's fault.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("provider.ca_file: {0}")]
    CaFile(String),
    #[error("the HTTP client cannot be built: {0}")]
    Client(String),
}
