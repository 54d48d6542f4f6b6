//! `tokigate run`: serves.

use std::io;
use std::time::Duration;

use super::args::Run;
use super::signals::Signals;
use super::{Console, Exit};
use crate::clock::Clock;
use crate::config::{Choice as _, Config, Loaded, Problem};
use crate::server::listen::BindError;
use crate::server::process::{Server, StartError};
use crate::telemetry::log;

pub(super) fn run(args: Run, console: &mut Console<'_>) -> io::Result<Exit> {
    let loaded = match console.load(args.config.file)? {
        Ok((_, loaded)) => loaded,
        Err(exit) => return Ok(exit),
    };
    let Loaded { config, warnings, .. } = loaded;
    log::start(&config.log);
    warnings.iter().for_each(warn);
    let runtime = runtime()?;
    let exit = runtime.block_on(serve(config));
    runtime.shutdown_timeout(LEFT_BEHIND);
    exit
}

/// Acceptors, the admin listener and signals; workers and the provider have threads of their own.
pub(super) fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

async fn serve(config: Config) -> io::Result<Exit> {
    let signals = Signals::listen()?;
    let told = Told::of(&config);
    let server = match Server::prepare(config, Clock::system()) {
        Ok(server) => server,
        Err(error) => {
            tracing::error!(event = "start_failed", "{error}");
            return Ok(exit_of(&error));
        }
    };
    told.log(&server);
    match server.serve(signals.arrived(1), signals.arrived(2)).await {
        Ok(()) => Ok(Exit::Done),
        Err(error) => {
            tracing::error!(event = "failed", "{error}");
            Ok(Exit::Failed)
        }
    }
}

fn exit_of(error: &StartError) -> Exit {
    match error {
        StartError::Provider(_)
        | StartError::UpstreamTls(_)
        | StartError::Tls(_)
        | StartError::Keys(_)
        | StartError::Bind(BindError::NotPassed { .. }) => Exit::Misused,
        StartError::Bind(BindError::Refused { .. }) | StartError::Admin(..) => Exit::Failed,
    }
}

fn warn(warning: &Problem) {
    tracing::warn!(event = "configuration", key = warning.key, "{warning}");
}

/// What the first line says, taken before the configuration goes to work.
struct Told {
    public_url: String,
    upstream: String,
    preset: &'static str,
    backchannel_logout: &'static str,
    workers: usize,
}

impl Told {
    fn of(config: &Config) -> Told {
        let urls = config.gate.public_urls.iter().map(|url| format!("{}{}", url.origin(), url.path));
        Told {
            public_url: urls.collect::<Vec<_>>().join(", "),
            upstream: if config.upstreams.is_empty() {
                "none: forward-auth only".to_owned()
            } else {
                let addresses = config.upstreams.iter().map(|upstream| upstream.address.to_string());
                addresses.collect::<Vec<_>>().join(", ")
            },
            preset: config.provider.preset.word(),
            backchannel_logout: if config.provider.knows_who_signs() {
                "on"
            } else {
                "off: it needs provider.issuer and provider.jwks_uri"
            },
            workers: config.server.workers,
        }
    }

    fn log(&self, server: &Server) {
        let listen = server.listening().iter().map(ToString::to_string);
        tracing::info!(
            event = "started",
            version = env!("CARGO_PKG_VERSION"),
            listen = listen.collect::<Vec<_>>().join(", "),
            admin_listen = %server.admin(),
            public_url = self.public_url,
            upstream = self.upstream,
            provider = self.preset,
            backchannel_logout = self.backchannel_logout,
            workers = self.workers,
        );
    }
}

/// For tasks that nobody waits for any more.
pub(super) const LEFT_BEHIND: Duration = Duration::from_secs(1);
