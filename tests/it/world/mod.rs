//! A gate, the stand-in TOKI before it and the sample application behind it, one clock for all, and browsers that come.

mod ask;
mod browser;
mod ca;
mod client;
pub mod frames;
mod h2_app;
pub mod hpack;
pub mod http2;
mod jar;
mod process;
mod setup;
mod socket;
mod tls;
mod wire;

pub use ask::{Ask, Reply, Speaks};
pub use browser::Browser;
pub use ca::{Ca, Signed, Validity};
pub use client::{Carried, Certified, Client};
pub use h2_app::{Call, Http2App};
pub use jar::Cookie;
pub use process::Process;
pub use setup::{Setup, free_port};
pub use socket::{Socket, WsEnd};
pub use tls::TlsFront;
pub use wire::Wire;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokigate::demo::app::App;
use tokigate::demo::provider::{Endpoint, Provider};
use tokigate::testing::{Clock, Gate};
use tokio::net::TcpListener;

pub const BAT: &str = "100001";
pub const SARAA: &str = "100002";
pub const UNURMAA: &str = "100003";
pub const CLIENT: &str = "9c6dbbd8-0000-4000-8000-000000000000";
pub const SECRET: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
/// What the gate seals with, and another key.
pub const KEY: &str = "9yfsSIKxAWexdjI0WaX1zfLnAO1Y0zEnJ_gM8AUt3YM";
pub const OTHER_KEY: &str = "v56rKa64hRWaj_Oc-V7JRLrZKxSk9uk-KwYa7y31yps";
/// Whatever is waited for has to come within this.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub struct World {
    pub provider: Provider,
    pub app: App,
    pub clock: Clock,
    pub setup: Setup,
    pub gate: Option<Gate>,
    door: Arc<Mutex<SocketAddr>>,
}

impl World {
    pub async fn new() -> World {
        World::with(|_| {}).await
    }

    /// The gate in front of the sample application, as `change` wants it.
    pub async fn with(change: impl FnOnce(&mut Setup)) -> World {
        let mut world = World::without_gate(change).await;
        world.start();
        world
    }

    /// With the `oidc` preset, once discovery is through.
    pub async fn oidc(change: impl FnOnce(&mut Setup)) -> World {
        let world = World::with(|setup| {
            setup.oidc();
            change(setup);
        });
        let world = world.await;
        world.until_degraded(false).await;
        world
    }

    /// Waits until `/readyz` says so.
    pub async fn until_degraded(&self, degraded: bool) {
        for _ in 0..1000 {
            let ready = self.admin("/readyz").await;
            assert_eq!(ready.status, 200, "whatever is degraded, it is ready: {ready}");
            if ready.text().contains("provider") == degraded {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("degraded in time: {degraded}");
    }

    /// Everything but the gate, so that it can start into a world that is broken already.
    pub async fn without_gate(change: impl FnOnce(&mut Setup)) -> World {
        World::on(setup::clock(), change).await
    }

    /// Another world on the same clock: a replica, a neighbour.
    pub async fn beside(&self, change: impl FnOnce(&mut Setup)) -> World {
        let mut world = World::on(self.clock.clone(), change).await;
        world.start();
        world
    }

    async fn on(clock: Clock, change: impl FnOnce(&mut Setup)) -> World {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let app = App::start(TcpListener::bind("127.0.0.1:0").await.unwrap());
        let mut setup = Setup::new(listener.local_addr().unwrap(), app.address().unwrap(), &clock);
        change(&mut setup);
        let provider = Provider::start(listener, setup.provider_options());
        let door = Arc::new(Mutex::new(SocketAddr::from(([127, 0, 0, 1], setup.port))));
        World { provider, app, clock, setup, gate: None, door }
    }

    pub fn start(&mut self) {
        let toml = self.setup.toml();
        let gate = Gate::start(&toml, &self.clock).unwrap_or_else(|error| panic!("{error}\n{toml}"));
        *self.door.lock().unwrap() = gate.address();
        self.gate = Some(gate);
    }

    /// Another process with the same configuration, and another door; dropped, it stops.
    pub fn replica(&self) -> (Gate, Arc<Mutex<SocketAddr>>) {
        let here = format!("\"127.0.0.1:{}\"", self.setup.port);
        let toml = self.setup.toml().replacen(&here, "\"127.0.0.1:0\"", 1);
        let gate = Gate::start(&toml, &self.clock).unwrap_or_else(|error| panic!("{error}\n{toml}"));
        let door = Arc::new(Mutex::new(gate.address()));
        (gate, door)
    }

    /// The same gate under another configuration: what was sealed before may still open.
    pub fn restart(&mut self, change: impl FnOnce(&mut Setup)) {
        self.gate = None;
        change(&mut self.setup);
        self.start();
    }

    pub fn browser(&self) -> Browser {
        self.browser_at(&self.setup.origin())
    }

    /// One that comes by another of the gate's names.
    pub fn browser_at(&self, origin: &str) -> Browser {
        let provider = (self.provider.url(), self.provider.address());
        Browser::new(origin.to_owned(), Arc::clone(&self.door), provider, self.clock.clone())
    }

    /// A browser in which this user has signed in.
    pub async fn signed_in(&self, user: &str) -> Browser {
        let browser = self.browser();
        let page = browser.sign_in(user, "/deep/start").await;
        assert_eq!(page.status, 200, "{}", page.text());
        browser
    }

    /// No cookies, no `Sec-Fetch-*`: a program.
    pub async fn curl(&self, ask: Ask) -> Reply {
        ask.send(self.address(), &self.setup.host()).await
    }

    pub fn address(&self) -> SocketAddr {
        *self.door.lock().unwrap()
    }

    /// Bytes of one's own.
    pub async fn wire(&self) -> Wire {
        Wire::connect(self.address()).await
    }

    /// What the admin listener says.
    pub async fn admin(&self, target: &str) -> Reply {
        Ask::plain(target).send(self.gate.as_ref().unwrap().admin(), "localhost").await
    }

    /// Returns once this is a line of the metrics.
    pub async fn counts(&self, line: &str) {
        let waiting = async {
            while !self.admin("/metrics").await.text().lines().any(|said| said == line) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("in time: {line}"));
    }

    pub fn turn(&self, seconds: u64) {
        self.clock.turn(Duration::from_secs(seconds));
    }

    pub fn codes(&self) -> u64 {
        self.provider.calls().count(Endpoint::Code)
    }

    pub fn refreshes(&self) -> u64 {
        self.provider.calls().count(Endpoint::Refresh)
    }

    /// The targets that reached the application, oldest first.
    pub fn seen(&self) -> Vec<String> {
        self.app.requests().heads().into_iter().map(|head| head.target).collect()
    }

    /// What the application was told in this header, last.
    pub fn told(&self, header: &str) -> Option<String> {
        self.app.requests().last().and_then(|head| head.header(header).map(str::to_owned))
    }

    /// What the person decides on TOKI's page: where the browser is sent then, as a target of the gate.
    pub async fn decide(&self, to_provider: &Reply, form: &str) -> String {
        let address = to_provider.location();
        let target = address.strip_prefix(&self.provider.url()).unwrap_or_else(|| panic!("to the provider: {address}"));
        let ask = Ask::plain(target).form(form);
        let decided = ask.send(self.provider.address(), &self.provider.address().to_string()).await;
        assert_eq!(decided.status, 303, "{}", decided.text());
        let back = decided.location();
        let origin = self.setup.origin();
        back.strip_prefix(&origin).unwrap_or_else(|| panic!("back to {origin}: {back}")).to_owned()
    }

    /// This user lets the application in.
    pub async fn allow(&self, to_provider: &Reply, user: &str) -> String {
        self.decide(to_provider, &format!("user={user}&decision=allow")).await
    }

    pub async fn refuse(&self, to_provider: &Reply) -> String {
        self.decide(to_provider, "decision=refuse").await
    }
}

/// Waits until this holds; work that nobody awaits ends sometime soon.
pub async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("in time: {what}"));
}

/// The same numbers in every run.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// Below `sides`.
    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % sides
    }

    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for at in (1..list.len()).rev() {
            list.swap(at, self.roll(at + 1));
        }
    }
}
