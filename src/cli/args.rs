//! The command line (interface.md "Command line").

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use http::HeaderValue;

/// An authenticating proxy: lets only signed-in people through, and tells the application who they are.
///
/// Signs people in with TOKI or any OpenID Connect provider. `tokigate demo` shows it at work, with nothing to set up.
#[derive(Debug, Parser)]
#[command(name = "tokigate", version, args_conflicts_with_subcommands = true, max_term_width = 100)]
#[command(
    after_help = "Exit status: 0 done; 1 it failed while working; 2 the command line or the configuration is wrong."
)]
pub(super) struct CommandLine {
    #[command(subcommand)]
    pub(super) command: Option<Command>,
    #[command(flatten)]
    pub(super) run: Run,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Serves: the gate in front of your application (the default command)
    ///
    /// SIGTERM or Ctrl-C begins an orderly shutdown, as [shutdown] in the configuration says; a second one ends it at once.
    Run(Run),
    /// Shows it at work on this machine: a stand-in TOKI, a sample application, and the gate in front of it
    ///
    /// Needs no file, no network and no key. Prints the address to open and who can sign in; Ctrl-C ends it. Access tokens live a
    /// minute, so that a refresh can be watched happening.
    Demo(Demo),
    /// Runs the stand-in TOKI alone, for an application's own development and CI
    ///
    /// It takes any client identifier and any redirect address on loopback, and asks nobody for a password: never make it reachable for
    /// others. Prints what to write into a configuration, and who can sign in.
    Provider(Provider),
    /// Says everything that is wrong with a configuration, or what it comes to
    ///
    /// Every problem at once, each with its place and the mend; else each setting with the place it comes from (secrets are not shown),
    /// and the redirect address to register with the provider.
    Check(Check),
    /// Prints a fresh 256-bit key for [session] keys
    Keygen,
    /// Prints the configuration's JSON Schema, for editors
    Schema,
    /// Asks the gate of this machine whether it is ready: the probe for an image that has no shell
    ///
    /// Asks the admin listener that the configuration names, over loopback. Exit status 0: ready (with --live: alive).
    Healthcheck(Healthcheck),
    #[command(hide = true)]
    Import(Later),
    #[command(hide = true)]
    Init(Later),
    #[command(hide = true)]
    Completions(Later),
    #[command(hide = true)]
    Man(Later),
}

#[derive(Debug, Args)]
pub(super) struct Run {
    #[command(flatten)]
    pub(super) config: Config,
}

#[derive(Debug, Args)]
pub(super) struct Config {
    /// The configuration. Without it /etc/tokigate/config.toml is read where it exists; the environment (TOKIGATE_…) wins over
    /// the file, and can be enough alone
    #[arg(long = "config", value_name = "FILE", env = CONFIG_VARIABLE, hide_env_values = true)]
    pub(super) file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Where to open it; a port in use is replaced by the next free one
    #[arg(long, value_name = "N", default_value_t = 4180)]
    pub(super) port: u16,
    /// The address to listen on: a loopback one, or all of a container's (0.0.0.0) [default: loopback]
    #[arg(long, value_name = "ADDR")]
    pub(super) listen: Option<IpAddr>,
    /// Your own application, in place of the sample: http://127.0.0.1:3000; also https:, h2c: or unix:/path
    #[arg(long, value_name = "URL")]
    pub(super) upstream: Option<String>,
    /// Who can sign in: TOML or JSON, a list `users` of claims, each with a `userId`
    #[arg(long, value_name = "FILE")]
    pub(super) users: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Provider {
    /// Where it listens: 127.0.0.1:4182
    #[arg(long, value_name = "ADDR")]
    pub(super) listen: SocketAddr,
    /// Who can sign in: TOML or JSON, a list `users` of claims, each with a `userId`
    #[arg(long, value_name = "FILE")]
    pub(super) users: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Check {
    #[command(flatten)]
    pub(super) config: Config,
    /// Asks the provider too: can it be reached, does its certificate hold, do the clocks agree
    #[arg(long)]
    pub(super) online: bool,
    #[arg(long, hide = true)]
    pub(super) sign_in: bool,
    /// Says what would happen to this request, for a stranger and for a user, and which rule says so
    #[arg(long, value_name = "METHOD /path")]
    pub(super) explain: Option<String>,
    /// The user's claims for --explain, as JSON: what the provider's user info says
    #[arg(long, value_name = "FILE", requires = "explain")]
    pub(super) claims: Option<PathBuf>,
    /// The client's address for --explain, for rules with `from`
    #[arg(long, value_name = "ADDR", requires = "explain")]
    pub(super) from: Option<IpAddr>,
    /// The page's origin for --explain, where a script of another origin sends the request: says what its preflight gets, too
    #[arg(long, value_name = "ORIGIN", requires = "explain")]
    pub(super) origin: Option<HeaderValue>,
}

#[derive(Debug, Args)]
pub(super) struct Healthcheck {
    #[command(flatten)]
    pub(super) config: Config,
    /// Alive is enough: it may be starting or shutting down
    #[arg(long)]
    pub(super) live: bool,
}

/// A command of a later version: refused whatever follows.
#[derive(Debug, Args)]
pub(super) struct Later {
    #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
    _rest: Vec<OsString>,
}

/// Names the file; no setting.
pub(super) const CONFIG_VARIABLE: &str = "TOKIGATE_CONFIG";
