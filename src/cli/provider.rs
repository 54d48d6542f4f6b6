//! `tokigate provider`: the stand-in TOKI alone.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;

use super::args::Provider as Args;
use super::run::{LEFT_BEHIND, runtime};
use super::signals::Signals;
use super::{Console, Exit, people, ports};
use crate::demo::provider::{Options, Provider, Users};

pub(super) fn provider(args: Args, console: &mut Console<'_>) -> io::Result<Exit> {
    let users = match people::users(args.users.as_deref(), console)? {
        Ok(users) => users,
        Err(exit) => return Ok(exit),
    };
    let runtime = runtime()?;
    let exit = runtime.block_on(serve(args.listen, users, console));
    runtime.shutdown_timeout(LEFT_BEHIND);
    exit
}

async fn serve(listen: SocketAddr, users: Users, console: &mut Console<'_>) -> io::Result<Exit> {
    let signals = Signals::listen()?;
    let listener = match TcpListener::bind(listen).await {
        Ok(listener) => listener,
        Err(error) => return console.failed(&format!("provider: cannot listen on {listen}: {error}")),
    };
    let options = Options { users: users.clone(), any_loopback_redirect: true, ..Options::toki() };
    let provider = Provider::start(listener, options);
    announce(ports::on_loopback(provider.address()), &users, console)?;
    signals.arrived(1).await;
    provider.stop();
    Ok(Exit::Done)
}

fn announce(address: SocketAddr, users: &Users, console: &mut Console<'_>) -> io::Result<()> {
    let out = &mut console.out;
    writeln!(out, "# A stand-in TOKI. In the gate's configuration:\n")?;
    writeln!(out, "[provider]")?;
    writeln!(out, "client_id = \"any\"")?;
    writeln!(out, "authorization_endpoint = \"http://{address}/oauth2/authorize\"")?;
    writeln!(out, "token_endpoint = \"http://{address}/oauth2/token\"")?;
    writeln!(out, "userinfo_endpoint = \"http://{address}/oauth2/userinfo?userId={{userId}}\"\n")?;
    writeln!(
        out,
        "# Any client identifier is taken, and any redirect address on loopback. Tokens live a minute. Who can sign in:"
    )?;
    for line in people::lines(users) {
        writeln!(out, "#   {line}")?;
    }
    writeln!(out, "# Ctrl-C ends it.")?;
    out.flush()
}
