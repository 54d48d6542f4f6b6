//! Process: everything put together, from listeners that are bound to the last answer of the drain.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::admin::{self, Admin, Degraded};
use super::answer::Place;
use super::application::Application;
use super::drain::Drain;
use super::entrance::Entrance;
use super::handle::Doorkeeper;
use super::listen::{BindError, Listener};
use super::pages::Voice;
use super::ready::{Phase, Readiness};
use super::site::{House, Settings, Site};
use super::tls;
use super::worker;
use crate::clock::Clock;
use crate::config::Config;
use crate::config::keys::{Source, read_file};
use crate::config::server::{Listen, Shutdown};
use crate::config::tls::BadTls;
use crate::files::{self, Files};
use crate::gate::Gate;
use crate::oidc::Secret;
use crate::provider::{self, Preset, Provider};
use crate::session::KeyRing;
use crate::session::seal::Context;
use crate::store::cookie::CookieStore;
use crate::store::memory::{Evictions, Memory};
use crate::telemetry::metrics::{Forgotten, Metrics};
use crate::upstream::{self, Pool, Tls};
use crate::wire::Rewrite;
use crate::wire::hop::Certificates;
use crate::wire::rewrite::Public;

/// Bound, and serving once `serve` is awaited.
pub struct Server {
    house: Arc<House>,
    listeners: Vec<Listener>,
    listen: Vec<Listen>,
    admin_listener: TcpListener,
    admin: SocketAddr,
    workers: worker::Settings,
    upstreams: Vec<upstream::Settings>,
    /// Where an application is reached by https.
    upstream_tls: Option<Arc<Tls>>,
    /// What looks at files that may change. Dropped at the end, and everything in it with it.
    beside: JoinSet<()>,
    shutdown: Shutdown,
}

/// Why it does not start; the text names the key to change.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error(transparent)]
    Provider(#[from] provider::StartError),
    #[error(transparent)]
    UpstreamTls(#[from] upstream::BadTls),
    #[error("session.keys: {0}")]
    Keys(String),
    #[error(transparent)]
    Tls(#[from] BadTls),
    #[error("admin_listen: cannot listen on {0}: {1}")]
    Admin(SocketAddr, io::Error),
}

impl Server {
    /// Binds the listeners and starts the provider's side, which goes on trying where the provider is down. Must be called on a runtime.
    pub fn prepare(config: Config, clock: Clock) -> Result<Server, StartError> {
        let Config { server, gate, cookies, keys, provider, upstreams, upstream_tls, trust, proxy_protocol, tls, log } =
            config;
        let demands_certificates = tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
        let (tls, keeper) = tls.map(|settings| tls::Tls::new(settings, clock.clone())).transpose()?.unzip();
        let listeners = Listener::bind_all("listen", &server.listen)?;
        let admin_listener =
            bind_admin(server.admin_listen).map_err(|error| StartError::Admin(server.admin_listen, error))?;
        let admin = admin_listener.local_addr().map_err(|error| StartError::Admin(server.admin_listen, error))?;

        let metrics = Metrics::new();
        let memory = Memory::new(REMEMBERED);
        let context = Context { client_id: cookies.client_id.clone(), cookie_base: cookies.names.base.clone() };
        let key_file = match &keys.source {
            Source::File(path) => Some((path.clone(), Files::new("keys", "session.keys_file", vec![path.clone()]))),
            Source::Given(_) | Source::ForThisProcess => None,
        };
        let ring = KeyRing::new(first_keys(&keys.source)?, context, keys.delay, clock.now())
            .map_err(|error| StartError::Keys(error.to_string()))?;
        let called = match provider.preset {
            Preset::Toki => Some("TOKI"),
            Preset::Oidc | Preset::Oauth2 => None,
        };
        let settings = Settings {
            rewrite: Rewrite::new(
                gate.identity.header_names(),
                gate.public_urls.iter().map(|url| Public::new(url.https, &url.host)).collect(),
                cookies.names.clone(),
            )
            .certificates(if demands_certificates {
                Certificates::Ours
            } else {
                Certificates::FromProxies
            }),
            places: gate.public_urls.iter().map(|url| Place::of(url, &gate.prefix)).collect(),
            gate: Gate::new(gate),
            store: CookieStore::new(cookies),
            trust,
            voice: Voice::new(&server.pages, called),
            log,
            body_bytes: server.limits.body_bytes,
        };
        let any_https = upstreams.iter().any(|upstream| upstream.address.is_https());
        let mut upstream_files = Files::new("upstream_tls", "certificates", upstream_tls.files());
        let upstream_tls = any_https.then(|| Tls::new(upstream_tls)).transpose()?.map(Arc::new);
        let provider = Provider::start(provider, clock.clone(), memory.clone(), Arc::clone(&metrics))?;
        let house = Arc::new(House {
            site: ArcSwap::from_pointee(Site { settings: Arc::new(settings), keys: ring }),
            provider,
            memory,
            clock,
            metrics: Arc::clone(&metrics),
            readiness: Readiness::starting(),
            applications: upstreams.iter().map(|upstream| Application::new(upstream.address.clone())).collect(),
        });
        let mut beside = JoinSet::new();
        if let Some((path, mut files)) = key_file {
            let house = Arc::clone(&house);
            beside.spawn(files::keep_up(move || files.look(&house.metrics, || house.read_keys(&path, keys.delay))));
        }
        if let Some(mut keeper) = keeper {
            let metrics = Arc::clone(&metrics);
            beside.spawn(files::keep_up(move || keeper.look(&metrics)));
        }
        if let Some(tls) = upstream_tls.clone() {
            let metrics = Arc::clone(&metrics);
            beside.spawn(files::keep_up(move || upstream_files.look(&metrics, || tls.reread())));
        }
        let entrance = Arc::new(Entrance::new(proxy_protocol, tls, Arc::clone(&metrics)));
        let workers = worker::Settings { workers: server.workers, limits: server.limits, metrics, entrance };
        let listen = listeners.iter().map(|listener| listener.address().clone()).collect();
        Ok(Server {
            house,
            listeners,
            listen,
            admin_listener,
            admin,
            workers,
            upstreams,
            upstream_tls,
            beside,
            shutdown: server.shutdown,
        })
    }

    /// Where it listens: the actual ports where 0 was asked for.
    pub fn listening(&self) -> &[Listen] {
        &self.listen
    }

    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// Serves until the drain that `stop` begins is over. `again`: a second signal, which ends it at once.
    pub async fn serve(self, stop: impl Future<Output = ()>, again: impl Future<Output = ()>) -> io::Result<()> {
        let Server { house, listeners, admin_listener, workers, upstreams, upstream_tls, mut beside, shutdown, .. } =
            self;
        let readiness = house.readiness.clone();
        // Probes are answered to the end.
        beside.spawn(admin::serve(admin_listener, Arc::new(admin_of(&house))));
        beside.spawn(tidy(Arc::clone(&house)));

        let drain = Drain::new(readiness.clone());
        let make = move || {
            let (tls, metrics) = (&upstream_tls, &house.metrics);
            let pools = upstreams.iter().map(|settings| Pool::new(settings.clone(), tls.clone(), Arc::clone(metrics)));
            Doorkeeper::new(Arc::clone(&house), pools.collect())
        };
        let working = worker::run(&workers, listeners, &drain, make);
        readiness.enter(Phase::Ready);
        let leaving = async {
            stop.await;
            tracing::info!(event = "shutdown", delay = ?shutdown.delay, drain = ?shutdown.drain);
            drain.run(&shutdown, again).await;
        };
        let mut working = std::pin::pin!(working);
        let worked = tokio::select! {
            // Done before the drain is over; or it could not begin, and nobody has to ask for the end.
            worked = &mut working => worked,
            () = leaving => working.await,
        };
        tracing::info!(event = "stopped");
        worked
    }
}

fn admin_of(house: &Arc<House>) -> Admin {
    let (readiness, metrics) = (house.readiness.clone(), Arc::clone(&house.metrics));
    let house = Arc::clone(house);
    let degraded = move || {
        let provider = match house.provider.state() {
            provider::State::Ready => None,
            provider::State::Degraded(why) => Some(Degraded { what: "provider", why }),
        };
        let applications = house.applications.iter().filter_map(Application::degraded);
        let applications = applications.map(|why| Degraded { what: "application", why });
        provider.into_iter().chain(applications).collect()
    };
    Admin { readiness, metrics, degraded: Box::new(degraded) }
}

fn bind_admin(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

fn first_keys(source: &Source) -> Result<Vec<Secret<[u8; 32]>>, StartError> {
    match source {
        Source::Given(keys) => Ok(keys.clone()),
        Source::File(path) => read_file(path).map_err(StartError::Keys),
        Source::ForThisProcess => {
            let mut key = [0; 32];
            getrandom::fill(&mut key).map_err(|error| StartError::Keys(error.to_string()))?;
            Ok(vec![Secret::new(key)])
        }
    }
}

/// Forgets what has run out, and says when something had to be forgotten before its time.
async fn tidy(house: Arc<House>) {
    let mut before = Evictions::default();
    loop {
        tokio::time::sleep(TIDY_EVERY).await;
        house.memory.tidy(house.clock.now());
        let now = house.memory.evictions();
        note_evictions(&house, before, now);
        before = now;
    }
}

fn note_evictions(house: &House, before: Evictions, now: Evictions) {
    let (sessions, names) = (now.sessions - before.sessions, now.back_channel - before.back_channel);
    let (said_in_front, attempts) = (now.front_channel - before.front_channel, now.attempts - before.attempts);
    house.metrics.forgotten(Forgotten::Sessions, sessions);
    house.metrics.forgotten(Forgotten::BackChannel, names);
    house.metrics.forgotten(Forgotten::FrontChannel, said_in_front);
    house.metrics.forgotten(Forgotten::Attempts, attempts);
    if sessions > 0 || names > 0 {
        tracing::warn!(
            event = "memory_full",
            sessions,
            ended_at_provider = names,
            "sessions were forgotten before their time: more were refreshed or ended at once than are remembered"
        );
    }
    if said_in_front > 0 {
        tracing::warn!(
            event = "memory_full",
            said_in_front,
            "sessions that were signed out in the provider's frame were forgotten before their time: somebody invents names, or one address signs out very many"
        );
    }
    if attempts > 0 {
        tracing::warn!(
            event = "memory_full",
            attempts,
            "sign-ins whose callback had come were forgotten before their time: somebody begins very many"
        );
    }
}

/// Sessions remembered of each kind, and attempts. A refreshed one takes about as much as its tokens, the others less than 100 bytes each.
const REMEMBERED: usize = 20_000;
const TIDY_EVERY: Duration = Duration::from_secs(60);
