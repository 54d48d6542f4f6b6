//! `tokigate demo`: everything on loopback, in one process. The gate is configured as anybody's is, by what could stand in its environment.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpListener;

use super::args::Demo;
use super::run::{LEFT_BEHIND, runtime};
use super::signals::Signals;
use super::{Console, Exit, keygen, people, ports};
use crate::clock::Clock;
use crate::config::{self, Config, Problems, Sources};
use crate::demo::app::App;
use crate::demo::provider::{Client, Options, Provider, Users};
use crate::gate::Gate;
use crate::server::process::Server;
use crate::telemetry::log;

pub(super) fn demo(args: Demo, console: &mut Console<'_>) -> io::Result<Exit> {
    if args.listen.is_some_and(|ip| !ip.is_loopback() && !ip.is_unspecified()) {
        return console.misused("demo: --listen takes a loopback address, or all addresses (0.0.0.0): it has no TLS");
    }
    let users = match people::users(args.users.as_deref(), console)? {
        Ok(users) => users,
        Err(exit) => return Ok(exit),
    };
    let runtime = runtime()?;
    let exit = runtime.block_on(play(&args, &users, console));
    runtime.shutdown_timeout(LEFT_BEHIND);
    exit
}

async fn play(args: &Demo, users: &Users, console: &mut Console<'_>) -> io::Result<Exit> {
    let signals = Signals::listen()?;
    let stage = match Stage::set(args, users).await {
        Ok(stage) => stage,
        Err(error) => return console.failed(&format!("demo: {error}")),
    };
    let config = match stage.config(keygen::fresh_key()?) {
        Ok(config) => config,
        Err(Problems(problems)) => {
            // The variables are the demo's own: what was typed is the key.
            let why: Vec<_> = problems.iter().map(|wrong| format!("demo: {}: {}", wrong.key, wrong.text)).collect();
            return console.misused(&why.join("\n"));
        }
    };
    log::start(&config.log);
    let redirect_uri = Gate::new(config.gate.clone()).redirect_uri(0);
    stage.provider.register(Client::public(CLIENT_ID, &redirect_uri));
    let server = match Server::prepare(config, Clock::system()) {
        Ok(server) => server,
        Err(error) => return console.failed(&format!("demo: {error}")),
    };
    stage.announce(args, users, console)?;
    server.serve(signals.arrived(1), signals.arrived(2)).await?;
    Ok(Exit::Done)
}

/// Everything around the gate, and where the gate will be.
struct Stage {
    /// Where the gate listens; the first is the one that was asked for.
    listen: Vec<SocketAddr>,
    provider: Provider,
    /// As browser and gate call it.
    provider_url: String,
    upstream: String,
    application: Application,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Application {
    Sample,
    /// The visitor brought it.
    Theirs,
}

impl Stage {
    async fn set(args: &Demo, users: &Users) -> io::Result<Stage> {
        let ips = ports::listened_to(args.listen);
        let port = ports::free(&ips, args.port)?;
        // Known beforehand, so that a container can publish both.
        let provider_ip = ips[0];
        let provider_port = ports::free(&[provider_ip], port.saturating_add(2))?;
        let provider = TcpListener::bind((provider_ip, provider_port)).await?;
        let provider = Provider::start(provider, Options { users: users.clone(), ..Options::toki() });
        let (upstream, application) = match &args.upstream {
            Some(upstream) => (upstream.clone(), Application::Theirs),
            None => (sample_application().await?, Application::Sample),
        };
        Ok(Stage {
            listen: ips.into_iter().map(|ip| SocketAddr::new(ip, port)).collect(),
            provider_url: format!("http://{}", ports::on_loopback(provider.address())),
            provider,
            upstream,
            application,
        })
    }

    fn url(&self) -> String {
        format!("http://localhost:{}", self.listen[0].port())
    }

    fn config(&self, key: String) -> Result<Config, Problems> {
        let at = |path: &str| format!("{}/oauth2/{path}", self.provider_url);
        let listen: Vec<_> = self.listen.iter().map(SocketAddr::to_string).collect();
        let admin = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0);
        let mut env = vec![
            ("PUBLIC_URL", self.url()),
            ("UPSTREAM", self.upstream.clone()),
            ("LISTEN", listen.join(",")),
            ("ADMIN_LISTEN", admin.to_string()),
            ("PROVIDER__CLIENT_ID", CLIENT_ID.to_owned()),
            ("PROVIDER__AUTHORIZATION_ENDPOINT", at("authorize")),
            ("PROVIDER__TOKEN_ENDPOINT", at("token")),
            ("PROVIDER__USERINFO_ENDPOINT", at("userinfo?userId={userId}")),
            ("SESSION__KEYS", key),
            // Sign-ins and refreshes are to be seen; the sample's page asks something every five seconds.
            ("LOG__ACCESS", "false".to_owned()),
            // Nobody waits for a demo.
            ("SHUTDOWN__DELAY", "0s".to_owned()),
            ("SHUTDOWN__DRAIN", "1s".to_owned()),
        ];
        if self.application == Application::Sample {
            env.push(("RULES", r#"[{ path = "/public/**", access = "public" }]"#.to_owned()));
        }
        let env = env.into_iter().map(|(name, value)| (format!("TOKIGATE_{name}"), value)).collect();
        Ok(config::load(&Sources { file: None, env })?.config)
    }

    /// The address to open is the first one, for people and programs alike.
    fn announce(&self, args: &Demo, users: &Users, console: &mut Console<'_>) -> io::Result<()> {
        let out = &mut console.out;
        let port = self.listen[0].port();
        if args.port != 0 && port != args.port {
            writeln!(out, "Port {} is in use: {port} is taken instead.", args.port)?;
        }
        writeln!(out, "\n  Open     {}\n", self.url())?;
        for (number, line) in people::lines(users).iter().enumerate() {
            writeln!(out, "  {}  {line}", if number == 0 { "Sign in" } else { "       " })?;
        }
        let whose = match self.application {
            Application::Sample => " (the sample application)",
            Application::Theirs => "",
        };
        writeln!(out, "\n  Behind   {}{whose}", self.upstream)?;
        writeln!(out, "  TOKI     {} (a stand-in: no password; tokens live a minute)", self.provider_url)?;
        if self.application == Application::Sample {
            writeln!(out, "  Public   {}/public/page needs no sign-in", self.url())?;
        }
        writeln!(out, "  Stop     Ctrl-C\n")?;
        out.flush()
    }
}

/// Serves until the end of the runtime; where.
async fn sample_application() -> io::Result<String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    App::start(listener);
    Ok(format!("http://{address}"))
}

/// Of the shape that TOKI gives out.
const CLIENT_ID: &str = "9c6dbbd8-0000-4000-8000-000000000000";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::Address;

    async fn staged(upstream: Option<&str>) -> (Stage, Result<Config, Problems>) {
        let args = Demo { port: 0, listen: None, upstream: upstream.map(str::to_owned), users: None };
        let stage = Stage::set(&args, &Users::demo()).await.unwrap();
        let config = stage.config(keygen::fresh_key().unwrap());
        (stage, config)
    }

    #[tokio::test]
    async fn the_demo_is_configured_as_anybody_is_and_has_a_public_page() {
        let (stage, config) = staged(None).await;
        let config = config.unwrap();
        assert_eq!(config.gate.public_urls[0].origin(), stage.url());
        assert_eq!(config.gate.rules[0].paths, ["/public/**"]);
        let calls = config.provider.addresses.token_endpoint.unwrap();
        assert_eq!(calls.as_str(), format!("http://{}/oauth2/token", stage.provider.address()));
    }

    #[tokio::test]
    async fn somebodys_own_application_is_behind_the_gate_and_nothing_of_it_is_public() {
        let config = staged(Some("unix:/run/app.sock")).await.1.unwrap();
        assert_eq!(config.upstreams[0].address, Address::parse("unix:/run/app.sock").unwrap());
        assert!(config.gate.rules.is_empty());
        let Err(Problems(problems)) = staged(Some("app:3000")).await.1 else { panic!("it is no address") };
        assert!(problems[0].to_string().starts_with("TOKIGATE_UPSTREAM: upstream: "), "{}", problems[0]);
    }
}
