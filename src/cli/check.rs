//! `tokigate check`: every problem at once, or what the configuration comes to.

mod explain;
mod online;

use std::io;
use std::path::Path;

use super::args::Check;
use super::{Console, Exit};
use crate::config::{Config, Effective, Origin, Sources};
use crate::gate::Gate;
use crate::provider::Preset;

pub(super) fn check(args: Check, console: &mut Console<'_>) -> io::Result<Exit> {
    if args.sign_in {
        return console.misused("check --sign-in: not in this version");
    }
    let asked = match explain::Asked::read(&args).transpose() {
        Err(why) => return console.misused(&format!("check: {why}")),
        Ok(asked) => asked,
    };
    let (sources, loaded) = match console.load(args.config.file)? {
        Ok(loaded) => loaded,
        Err(exit) => return Ok(exit),
    };
    for warning in &loaded.warnings {
        writeln!(console.err, "warning: {warning}")?;
    }
    let file = sources.file.as_deref();
    match asked {
        Some(asked) => explain::explain(&asked, &loaded.config, &loaded.effective, file, console)?,
        None => {
            settings(&loaded.effective, &sources, console)?;
            redirect_addresses(&loaded.config, console)?;
            logout_addresses(&loaded.config, console)?;
            sign_out_addresses(&loaded.config, console)?;
            client_key(&loaded.config, console)?;
        }
    }
    if args.online { online::online(&loaded.config.provider, console) } else { Ok(Exit::Done) }
}

/// Every setting, and as a comment where its value comes from.
fn settings(effective: &[Effective], sources: &Sources, console: &mut Console<'_>) -> io::Result<()> {
    let file = sources.file.as_deref();
    let source = file.map_or_else(|| "the environment".to_owned(), |path| path.display().to_string());
    writeln!(console.out, "# No problem in {source}. What it comes to:")?;
    for Effective { key, value, origin } in effective {
        let setting = format!("{key} = {value}");
        writeln!(console.out, "{setting:<ORIGINS_COLUMN$}  # {}", place(origin, file))?;
    }
    Ok(())
}

fn place(origin: &Origin, file: Option<&Path>) -> String {
    match (origin, file) {
        (Origin::Default, _) => "default".to_owned(),
        (Origin::File { line }, Some(file)) => format!("{}:{line}", file.display()),
        (Origin::File { line }, None) => format!("line {line}"),
        (Origin::Variable(name), _) => name.clone(),
    }
}

fn redirect_addresses(config: &Config, console: &mut Console<'_>) -> io::Result<()> {
    let addresses = of_each_site(config, Gate::redirect_uri);
    let what = if addresses.len() == 1 { "this redirect address" } else { "these redirect addresses" };
    writeln!(console.out, "\n# Register {what} with the provider:")?;
    addresses.iter().try_for_each(|address| writeln!(console.out, "# {address}"))
}

/// Where the provider's own sign-out sends browsers back to.
fn sign_out_addresses(config: &Config, console: &mut Console<'_>) -> io::Result<()> {
    if config.provider.preset != Preset::Oidc && config.provider.addresses.end_session_endpoint.is_none() {
        return Ok(());
    }
    let addresses = of_each_site(config, Gate::signed_out_uri);
    writeln!(
        console.out,
        "\n# Register for the way back from the provider's own sign-out (post_logout_redirect_uris), where it has one:"
    )?;
    addresses.iter().try_for_each(|address| writeln!(console.out, "# {address}"))
}

/// What the provider has to know where the client signs.
fn client_key(config: &Config, console: &mut Console<'_>) -> io::Result<()> {
    let Some(Ok(jwks)) = config.provider.signing.as_ref().map(|signing| signing.public_jwks(None)) else {
        return Ok(());
    };
    writeln!(console.out, "\n# Register this public key with the provider (private_key_jwt):\n# {jwks}")
}

/// Where the provider tells of sessions that it has ended, and what that is worth.
fn logout_addresses(config: &Config, console: &mut Console<'_>) -> io::Result<()> {
    if !config.provider.knows_who_signs() {
        return writeln!(
            console.out,
            "\n# The provider cannot tell of sessions that it has ended (back-channel logout): that needs provider.issuer and provider.jwks_uri."
        );
    }
    let addresses = of_each_site(config, Gate::logout_addresses);
    let kinds = ["back-channel logout, which the provider calls itself", "front-channel logout"];
    for (at, kind) in kinds.into_iter().enumerate() {
        writeln!(console.out, "\n# Register for {kind}, where the provider has it:")?;
        addresses.iter().try_for_each(|address| writeln!(console.out, "# {}", address[at]))?;
    }
    writeln!(
        console.out,
        "# Sessions that the provider has ended are known to the process that was told, until it stops: not to other replicas."
    )
}

/// An address under each `public_url`.
fn of_each_site<T: PartialEq>(config: &Config, address: impl Fn(&Gate, usize) -> T) -> Vec<T> {
    let gate = Gate::new(config.gate.clone());
    let mut addresses: Vec<T> = (0..config.gate.public_urls.len()).map(|at| address(&gate, at)).collect();
    addresses.dedup();
    addresses
}

const ORIGINS_COLUMN: usize = 56;
