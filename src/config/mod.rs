//! What the file says, checked: `raw::Configuration` (all optional, unknown keys refused) becomes `Config`, and every problem is reported at once.

pub mod keys;
pub mod listen;
pub mod problem;
pub mod server;
pub mod tls;

mod bearer;
mod certificate;
mod choices;
mod client;
mod conditions;
mod cors;
mod endpoints;
mod env;
mod given;
mod identity;
mod later;
mod layers;
mod log;
mod measure;
mod nearest;
mod paths;
mod provider;
mod proxies;
mod public;
mod raw;
mod report;
mod rules;
mod secret;
mod session;
mod shape;
mod toml_tree;
mod upstream;
mod upstream_tls;
mod value;
mod workers;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use schemars::transform::Transform;

pub use problem::{Place, Problem, Problems};
pub use value::Choice;

use self::given::Given;
use self::layers::{File, Layers};
use self::report::Report;
use self::shape::{KEYS, Shape};

/// Where a configuration comes from. The variables win over the file.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// `None`: the environment alone.
    pub file: Option<PathBuf>,
    /// Every variable of the process; only those that begin with `TOKIGATE_` are looked at, and for `provider.proxy` `HTTPS_PROXY` and `NO_PROXY`.
    pub env: Vec<(String, String)>,
}

/// A configuration that can be run, and what `check` says about it.
pub struct Loaded {
    pub config: Config,
    /// What is allowed and should be known: dangerous settings, rules that open everything, a key for this process only.
    pub warnings: Vec<Problem>,
    /// Every key that has a value, with where that came from, in the order of the example; secrets redacted.
    pub effective: Vec<Effective>,
}

/// One line of `check`: `session.lifetime = "12h"` and its origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    pub key: String,
    /// As TOML; a secret as `"<redacted>"`.
    pub value: String,
    pub origin: Origin,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    Default,
    /// `config.toml:12`
    File {
        line: usize,
    },
    Variable(String),
}

/// Reads and checks everything; every problem at once.
pub fn load(sources: &Sources) -> Result<Loaded, Problems> {
    let mut problems = Vec::new();
    let file = match &sources.file {
        Some(path) => File::read(path, &mut problems),
        None => File::default(),
    };
    check(file, &sources.env, problems)
}

/// The configuration's JSON Schema (draft 2020-12), for editors.
pub fn schema() -> serde_json::Value {
    let mut settings = schemars::generate::SchemaSettings::draft2020_12();
    settings.inline_subschemas = true;
    let mut schema = settings.into_generator().into_root_schema_for::<raw::Configuration>();
    // What a file leaves out may come in a variable.
    let leave_out = |schema: &mut schemars::Schema| drop(schema.remove("required"));
    schemars::transform::RecursiveTransform(leave_out).transform(&mut schema);
    let mut schema = schema.to_value();
    schema["title"] = "tokigate".into();
    schema["properties"]["rules"]["items"]["required"] = serde_json::json!(["path"]);
    schema
}

fn check(file: File, env: &[(String, String)], mut problems: Vec<Problem>) -> Result<Loaded, Problems> {
    let syntax = problems.len();
    let variables = env::variables(env, &KEYS, &mut problems);
    let layers = Layers::new(file, variables);
    let written = raw::Configuration::read(String::new(), Some(Given::root(&layers)), &mut problems);
    let mut report = Report { problems, ..Report::default() };
    let config = checked(&written, env, &mut report);

    let (told, mut seeming) = (report.problems.drain(..syntax).collect::<Vec<_>>(), report.problems);
    seeming.retain(|problem| !layers.file.explains(problem));
    let mut problems = [told, seeming].concat();
    if problems.is_empty() {
        let key_of = |line: &Effective| line.key.split('[').next().unwrap_or_default().to_owned();
        report.effective.sort_by_key(|line| KEYS.iter().position(|key| *key == key_of(line)));
        return Ok(Loaded { config, warnings: report.warnings, effective: report.effective });
    }
    problems.sort_by(|a, b| a.place.rank().cmp(&b.place.rank()));
    Err(Problems(problems))
}

/// Values that could not be taken are stood in for, so that the rest can be checked: good for nothing where there are problems.
fn checked(written: &raw::Configuration, env: &[(String, String)], report: &mut Report) -> Config {
    let places = public::places(written, report);
    let lifetimes = session::lifetimes(&written.session, report);
    let server = server::settings(written, report);
    let mut applications = upstream::applications(written, &server.listen, report);
    let identity = identity::settings(written, report);
    let cookies = session::cookies(written, &places, server.limits.header_bytes, lifetimes.clone(), report);
    let rules = rules::rules(written, &mut applications, &places, report);
    let upstreams = applications.settings;
    let upstream_tls = upstream_tls::settings(&written.upstream_tls, &upstreams, report);
    let required = rules.iter().flat_map(|rule| &rule.require).map(|requirement| requirement.claim.as_str());
    let wanted_claims = identity.wanted_claims().chain(required);
    let provider = provider::settings(written, env, wanted_claims, lifetimes.clone(), report);
    let trust = proxies::trust(written, !upstreams.is_empty(), report);
    Config {
        keys: keys::keys(&written.session, &places, report),
        proxy_protocol: proxies::proxy_protocol(written, &trust, &server.listen, report),
        trust,
        tls: tls::settings(written, &places, &server.listen, report),
        log: log::settings(&written.log, report),
        gate: crate::gate::Settings {
            public_urls: places.public_urls,
            extra_hosts: places.extra_hosts,
            prefix: places.prefix,
            callback_path: places.callback_path,
            health_path: places.health_path,
            forward_auth_only: upstreams.is_empty(),
            rules,
            identity,
            allowed_origins: public::allowed_origins(written, report),
            cors_origins: cors::origins(&written.cors, report),
            lifetimes,
        },
        server,
        cookies,
        provider,
        upstreams,
        upstream_tls,
    }
}

/// Everything checked; each room's settings in its own type.
pub struct Config {
    pub server: crate::config::server::Settings,
    pub gate: crate::gate::Settings,
    pub cookies: crate::store::cookie::Settings,
    pub keys: keys::Keys,
    pub provider: crate::provider::Settings,
    /// As rules count them, the top-level one first. None: forward-auth only.
    pub upstreams: Vec<crate::upstream::Settings>,
    pub upstream_tls: crate::upstream::TlsSettings,
    pub trust: crate::wire::Trust,
    /// From whom a header of the PROXY protocol is taken, and demanded; `None`: it is not spoken.
    pub proxy_protocol: Option<crate::wire::Trust>,
    /// `None`: nobody speaks TLS here.
    pub tls: Option<tls::Settings>,
    pub log: crate::telemetry::log::Settings,
}
