//! Talking to the provider: discovery, keys, token endpoint, user info, refresh. On a runtime of its own, one for the process: what is
//! started here belongs to nobody's request, so nobody's leaving can cancel it.

mod bearer;
pub mod client;
mod discovery;
mod door;
mod health;
mod http;
mod keys;
mod logout;
mod pace;
mod par;
pub mod probe;
mod proxy;
mod refresh;
mod remembered;
mod revoke;
pub mod settings;
mod sign_in;
mod token;
mod under_way;
mod userinfo;

#[cfg(test)]
mod tests;

pub use self::logout::LogoutError;
pub use crate::oidc::claims::Received;
pub use bearer::NotTaken;
pub use proxy::{NoProxy, Proxy};
pub use revoke::Revocable;
pub use settings::{
    Addresses, Bearer, BearerCheck, ClientAuth, Introspection, KeySource, Par, Preset, Settings, Signing, UserinfoMode,
};

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{self, Handle, Runtime};
use tokio::sync::Semaphore;
use url::Url;

use self::bearer::Bearers;
use self::discovery::Discovery;
use self::door::Door;
use self::http::{Http, Patience};
use self::keys::Keys;
use self::refresh::Refreshes;
use self::revoke::Revocations;
use crate::clock::Clock;
use crate::files;
use crate::oidc::Secret;
use crate::oidc::authorize::{AuthorizationRequest, Fresh};
use crate::oidc::callback;
use crate::oidc::end_session::EndSessionRequest;
use crate::oidc::metadata::Metadata;
use crate::oidc::step_up::Unmet;
use crate::session::{Attempt, Session, Tokens};
use crate::store::memory::{Memory, Renewed};
use crate::telemetry::metrics::{Endpoint, Metrics};
use crate::tls::{BadCertificate, BadFile};

/// A finished sign-in.
pub struct SignedIn {
    pub session: Session,
    pub tokens: Arc<Tokens>,
    /// Names, types and lengths of the claims received, for the log; never their values.
    pub received: Vec<Received>,
}

/// Why a sign-in did not come about. `server/answer/` gives each its status and page.
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
    /// The provider let the user in otherwise than a rule asks for.
    #[error("the sign-in is not what was asked for: {0}")]
    TooWeak(Unmet),
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

/// The request that begins a refresh, for the log: others join it, and it outlives them all.
#[derive(Clone, Debug, Default)]
pub struct Asker {
    pub request_id: String,
    /// As `[log] user` lets it be shown.
    pub user: Option<String>,
}

/// The provider, from everywhere; cheap to clone. Its runtime ends with the last clone.
#[derive(Clone)]
pub struct Provider {
    shared: Arc<Shared>,
    runtime: Arc<OwnRuntime>,
}

/// For `/readyz`'s JSON and the start-up log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    Ready,
    /// What is being waited for.
    Degraded(String),
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
    CaFile(#[from] BadFile),
    #[error("provider.{0} is missing: this preset does not know it")]
    Missing(&'static str),
    #[error("provider.signing_key: {0}")]
    SigningKey(String),
    #[error("provider.tls_{key}: {0}", key = .0.key())]
    Certificate(#[from] BadCertificate),
    #[error("the HTTP client cannot be built: {0}")]
    Client(String),
}

impl Provider {
    /// Starts the provider's runtime (a thread) and, where discovery is needed, begins it in the background with backoff.
    pub fn start(
        settings: Settings,
        clock: Clock,
        memory: Memory,
        metrics: Arc<Metrics>,
    ) -> Result<Provider, StartError> {
        Provider::start_with(Patience::default(), settings, clock, memory, metrics)
    }

    fn start_with(
        patience: Patience,
        settings: Settings,
        clock: Clock,
        memory: Memory,
        metrics: Arc<Metrics>,
    ) -> Result<Provider, StartError> {
        // Refused only where the process has chosen already, which is as good.
        let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
        let mut files = settings.files();
        let shared = Arc::new(Shared {
            http: Http::new(&settings, patience, metrics.clone())?,
            client: client::Client::new(&settings)?,
            discovery: Discovery::new(&settings)?,
            keys: Keys::new(Endpoint::Jwks),
            logout_keys: Keys::new(Endpoint::Jwks),
            bearers: Bearers::new(&settings, clock.now()),
            sign_ins: Door::new(settings.logins_per_minute, clock.now()),
            pushes: Door::new(settings.logins_per_minute, clock.now()),
            logout_places: Arc::new(Semaphore::new(CALLS_AT_ONCE)),
            refreshes: Refreshes::new(CALLS_AT_ONCE),
            revocations: Revocations::new(REVOCATIONS_AT_ONCE),
            settings,
            clock,
            memory,
            metrics,
        });
        let runtime = OwnRuntime::start().map_err(|error| StartError::Client(error.to_string()))?;
        let discovering = shared.clone();
        runtime
            .handle()
            .spawn(async move { discovering.discovery.keep_up(&discovering.http, &discovering.clock).await });
        let looking = shared.clone();
        runtime.handle().spawn(files::keep_up(move || {
            files.look(&looking.metrics, || looking.reread());
        }));
        Ok(Provider { shared, runtime: Arc::new(runtime) })
    }

    pub fn state(&self) -> State {
        match (self.shared.metadata(), self.shared.http.health.complaint()) {
            (Err(why), _) => State::Degraded(why),
            (Ok(_), Some(complaint)) => State::Degraded(complaint),
            (Ok(_), None) => State::Ready,
        }
    }

    /// What a new attempt needs, drawn anew: the random part of state, nonce and verifier (RFC 6749 §10.12, RFC 7636 §7.1).
    pub fn fresh_attempt(&self) -> Fresh {
        Fresh::from_random(&zeroize::Zeroizing::new(random()))
    }

    /// Where the browser is sent. `state` is sealed by the caller and put in as is. Waits only in the moment after the start, and where the request is
    /// pushed.
    pub async fn authorize(&self, request: AuthorizeRequest<'_>) -> Result<Url, SignInError> {
        self.shared.discovery.begun().await;
        let settings = &self.shared.settings;
        let metadata = self.shared.metadata().map_err(SignInError::NotReady)?;
        let request = AuthorizationRequest {
            endpoint: &metadata.authorization_endpoint,
            client_id: &settings.client_id,
            redirect_uri: request.redirect_uri,
            scopes: &settings.scopes,
            state: request.state,
            nonce: &request.attempt.nonce,
            verifier: settings.pkce.then_some(&request.attempt.verifier),
            // Where nothing says when the user signed in, the sign-in itself counts: it must be one.
            prompt_login: request.prompt_login
                || request.attempt.step_up.max_age.is_some() && settings.preset != Preset::Oidc,
            step_up: &request.attempt.step_up,
            params: &settings.authorize_params,
            start_params: &settings.start_params,
            start_query: request.start_query,
        };
        let Some(endpoint) = par::endpoint(&self.shared, &metadata)? else { return Ok(request.url()) };
        let parameters: Vec<(String, String)> =
            request.parameters().into_iter().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        let (shared, described) = (self.shared.clone(), metadata.clone());
        let work = async move { par::push(&shared, &described, endpoint, &parameters).await };
        let lost = |_| Err(SignInError::Broken("the pushed request was broken off".to_owned()));
        let pushed = self.runtime.handle().spawn(work).await.unwrap_or_else(lost)?;
        Ok(request.pushed_url(&pushed.request_uri))
    }

    /// The provider's own sign-out, where it has one. `state` is sealed by the caller and put in as is.
    pub fn end_session(
        &self,
        post_logout_redirect_uri: &str,
        state: &str,
        id_token_hint: Option<&Secret<String>>,
    ) -> Option<Url> {
        let metadata = self.shared.metadata().ok()?;
        let client_id = &self.shared.settings.client_id;
        let endpoint = metadata.end_session_endpoint.as_ref()?;
        Some(EndSessionRequest { endpoint, client_id, id_token_hint, post_logout_redirect_uri, state }.url())
    }

    /// The origin of the provider's own sign-out, where it has one.
    pub fn signs_out_at(&self) -> Option<String> {
        let metadata = self.shared.metadata().ok()?;
        Some(metadata.end_session_endpoint.as_ref()?.origin().ascii_serialization())
    }

    /// Begins to revoke tokens that nobody will use again, where the provider can; nobody waits for it.
    pub fn revoke(&self, tokens: Revocable, asker: Asker) {
        revoke::start(&self.shared, self.runtime.handle(), tokens, asker);
    }

    /// RFC 9207 §2.4, for error answers; `redeem` does it for codes.
    pub fn check_issuer(&self, iss: Option<&str>) -> Result<(), SignInError> {
        let metadata = self.shared.metadata().map_err(SignInError::NotReady)?;
        callback::check_issuer(iss, &metadata).map_err(|why| SignInError::Foreign(why.to_string()))
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
        self.shared.discovery.begun().await;
        self.check_issuer(iss.as_deref())?;
        let shared = self.shared.clone();
        let work = async move { sign_in::redeem(&shared, &code, &attempt, &redirect_uri).await };
        let lost = |_| Err(SignInError::Broken("the sign-in was broken off".to_owned()));
        self.runtime.handle().spawn(work).await.unwrap_or_else(lost)
    }

    /// Joins or starts the one refresh for this session's refresh token. The future may be dropped: the refresh goes on, and its result is kept.
    pub fn start_refresh(
        &self,
        session: Session,
        tokens: Arc<Tokens>,
        asker: Asker,
    ) -> impl Future<Output = Refreshed> + Send + use<> {
        refresh::start(&self.shared, self.runtime.handle(), session, tokens, asker)
    }
}

struct Shared {
    settings: Settings,
    clock: Clock,
    memory: Memory,
    metrics: Arc<Metrics>,
    http: Http,
    client: client::Client,
    discovery: Discovery,
    keys: Keys,
    /// The same keys, held once more: anybody may send a forged logout token, and a fetch that it causes keeps no sign-in from a new key.
    logout_keys: Keys,
    bearers: Bearers,
    sign_ins: Door,
    /// Of their own: strangers who begin keep nobody from finishing.
    pushes: Door,
    logout_places: Arc<Semaphore>,
    refreshes: Refreshes,
    revocations: Revocations,
}

impl Shared {
    /// Reads the files again: all of them are taken, or none.
    fn reread(&self) -> Result<(), StartError> {
        let http = self.http.reread(&self.settings)?;
        self.client.reread().map_err(StartError::SigningKey)?;
        self.http.take(http);
        Ok(())
    }

    /// What is known of the provider, or what is being waited for.
    fn metadata(&self) -> Result<Arc<Metadata>, String> {
        self.discovery.known().ok_or_else(|| match self.http.health.why(Endpoint::Discovery) {
            Some(why) => format!("discovery: {why}"),
            None => "discovery has begun".to_owned(),
        })
    }
}

/// A thread that runs nothing but calls to the provider.
struct OwnRuntime(Option<Runtime>);

impl OwnRuntime {
    fn start() -> std::io::Result<OwnRuntime> {
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(1)
            // Looking up names blocks; a resolver that hangs holds no more threads than these.
            .max_blocking_threads(8)
            .thread_name("provider")
            .enable_all()
            .build()?;
        Ok(OwnRuntime(Some(runtime)))
    }

    fn handle(&self) -> &Handle {
        self.0.as_ref().expect("taken only when dropped").handle()
    }
}

impl Drop for OwnRuntime {
    fn drop(&mut self) {
        // Waiting is not allowed where the last clone may be dropped: on another runtime.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system has random bytes");
    bytes
}

/// Sign-ins at work at once, and as many refreshes and logout tokens: a provider that hangs holds no more than these.
const CALLS_AT_ONCE: usize = 32;
/// Nobody waits for these.
const REVOCATIONS_AT_ONCE: usize = 4;
/// How long to wait for one of those places.
const WAIT_FOR_A_PLACE: Duration = Duration::from_secs(5);
