//! Talking to the provider: discovery, keys, token endpoint, user info, refresh. On a runtime of its own, one for the process: what is
//! started here belongs to nobody's request, so nobody's leaving can cancel it.

pub mod discovery;
pub mod http;
pub mod keys;
pub mod refresh;
pub mod settings;
pub mod token;
pub mod userinfo;

pub use settings::{Addresses, ClientAuth, Preset, Settings, UserinfoMode};

use std::sync::Arc;
use std::time::Duration;

use url::Url;

use crate::clock::Clock;
use crate::oidc::Secret;
use crate::oidc::authorize::Fresh;
use crate::session::{Attempt, Session, Tokens};
use crate::store::memory::{Memory, Renewed};
use crate::telemetry::metrics::Metrics;

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
    /// The answer's `iss` is another issuer's, or is missing where it must be there (RFC 9207 §2.4).
    #[error("the answer is not this provider's: {0}")]
    Foreign(String),
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

/// The provider, from everywhere; cheap to clone.
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
    pub fn start(
        settings: Settings,
        clock: Clock,
        memory: Memory,
        metrics: Arc<Metrics>,
    ) -> Result<Provider, StartError> {
        let _ = (settings, clock, memory, metrics);
        todo!()
    }

    /// The same provider under new settings: refreshes under way and their spacing go on, so that no refresh token is spent twice.
    pub fn reload(&self, settings: Settings) -> Result<Provider, StartError> {
        let _ = settings;
        todo!()
    }

    pub fn state(&self) -> State {
        todo!()
    }

    /// What a new attempt needs, drawn anew: the random part of state, nonce and verifier (RFC 6749 §10.12, RFC 7636 §7.1).
    pub fn fresh_attempt(&self) -> Fresh {
        todo!()
    }

    /// Where the browser is sent. `state` is sealed by the caller and put in as is.
    pub fn authorize(&self, request: AuthorizeRequest<'_>) -> Result<Url, SignInError> {
        let _ = request;
        todo!()
    }

    /// RFC 9207 §2.4, for error answers; `redeem` does it for codes.
    pub fn check_issuer(&self, iss: Option<&str>) -> Result<(), SignInError> {
        let _ = iss;
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
