//! What the tests of the whole program start: a gate on loopback whose clock they turn.

use std::net::SocketAddr;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::watch;

pub mod fuzz;

pub use crate::clock::{Clock, Timestamp};
pub use crate::config::{Problem, Problems};

use crate::config::server::Listen;
use crate::config::{self, Sources};
use crate::gate::rules;
use crate::server::process::Server;

/// Compiled rules, for `benches/rules.rs`.
pub struct Rules(rules::Rules);

impl Rules {
    /// Each closes its path.
    pub fn new(paths: &[String]) -> Rules {
        let written: Vec<rules::Rule> =
            paths.iter().map(|path| rules::Rule { paths: vec![path.clone()], ..rules::Rule::default() }).collect();
        Rules(rules::Rules::new(&written, Vec::new()))
    }

    /// The place of the rule that decides.
    pub fn judge(&self, path: &str) -> Option<usize> {
        match self.0.judge(&http::Method::GET, path, None) {
            rules::Verdict::Says { rule, .. } => rule,
            rules::Verdict::Ambiguous => None,
        }
    }
}

/// A running gate, on a thread of its own; stopped when dropped.
pub struct Gate {
    address: Option<SocketAddr>,
    admin: SocketAddr,
    stop: watch::Sender<u8>,
    thread: Option<JoinHandle<()>>,
}

impl Gate {
    /// `toml`: the whole configuration, `listen` and `admin_listen` included (port 0 is any).
    pub fn start(toml: &str, clock: &Clock) -> Result<Gate, String> {
        let folder = std::env::temp_dir().join(format!("tokigate-test-{:x}", rand_name()));
        std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        let file = folder.join("config.toml");
        std::fs::write(&file, toml).map_err(|error| error.to_string())?;
        let loaded = config::load(&Sources { file: Some(file), env: Vec::new() });
        let _ = std::fs::remove_dir_all(&folder);
        let config = loaded.map_err(|problems| problems.to_string())?.config;
        let (stop, stopped) = watch::channel(0u8);
        let (started, has_started) = std::sync::mpsc::channel();
        let clock = clock.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let server = match Server::prepare(config, clock) {
                    Ok(server) => server,
                    Err(error) => {
                        let _ = started.send(Err(error.to_string()));
                        return;
                    }
                };
                let address = server.listening().iter().find_map(|listen| match listen {
                    Listen::Tcp(address) => Some(*address),
                    Listen::Unix(_) | Listen::Passed(_) => None,
                });
                let _ = started.send(Ok((address, server.admin())));
                let reached = |times| {
                    let mut stopped = stopped.clone();
                    async move {
                        let _ = stopped.wait_for(|signals| *signals >= times).await;
                    }
                };
                server.serve(reached(1), reached(2)).await.expect("it serves");
            });
            runtime.shutdown_timeout(Duration::from_secs(1));
        });
        let (address, admin) = has_started.recv().map_err(|_| "the gate panicked".to_owned())??;
        Ok(Gate { address, admin, stop, thread: Some(thread) })
    }

    /// The first TCP listener.
    ///
    /// # Panics
    /// Where it listens on unix sockets alone.
    pub fn address(&self) -> SocketAddr {
        self.address.expect("a TCP listener")
    }

    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// What SIGTERM does; called again, what a second one does.
    pub fn terminate(&self) {
        self.stop.send_modify(|signals| *signals += 1);
    }

    /// Waits until it has stopped by itself after `terminate`.
    pub fn wait(mut self) {
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.stop.send_replace(2);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn rand_name() -> u64 {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).expect("the operating system has random bytes");
    u64::from_le_bytes(bytes)
}
