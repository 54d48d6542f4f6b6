//! How the world is to be: the stand-in's options, and a configuration file in pieces.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use tokigate::demo::provider::{Client, Options};
use tokigate::testing::{Clock, Timestamp};

use super::{CLIENT, KEY, SECRET};

pub struct Setup {
    /// Where the gate listens.
    pub port: u16,
    /// The stand-in's.
    pub provider: SocketAddr,
    pub public_url: String,
    /// More of them.
    pub also: Vec<String>,
    pub options: Options,
    /// Keys before the first table, `[provider]`, `[session]` and so on, each with its TOML value.
    tables: BTreeMap<String, BTreeMap<String, String>>,
    /// What comes after: `[[rules]]`.
    pub rest: String,
}

impl Setup {
    pub(super) fn new(provider: SocketAddr, app: SocketAddr, clock: &Clock) -> Setup {
        let port = free_port();
        let time = clock.clone();
        let options = Options { clock: Arc::new(move || time.now().unix_millis()), ..Options::toki() };
        let public_url = format!("http://localhost:{port}");
        let mut setup = Setup {
            port,
            provider,
            public_url,
            also: Vec::new(),
            options,
            tables: BTreeMap::new(),
            rest: String::new(),
        };
        setup.set("", "upstream", &format!("\"http://{app}\""));
        setup.set("", "listen", &format!("\"127.0.0.1:{port}\""));
        setup.set("", "admin_listen", "\"127.0.0.1:0\"");
        setup.set("", "workers", "2");
        setup.set("provider", "client_id", &format!("\"{CLIENT}\""));
        setup.set("provider", "authorization_endpoint", &format!("\"http://{provider}/oauth2/authorize\""));
        setup.set("provider", "token_endpoint", &format!("\"http://{provider}/oauth2/token\""));
        setup.set("provider", "userinfo_endpoint", &format!("\"http://{provider}/oauth2/userinfo?userId={{userId}}\""));
        setup.set("session", "keys", &format!("[{KEY:?}]"));
        setup.set("shutdown", "delay", "\"0s\"");
        setup
    }

    /// `value` is TOML; a table of the empty name is the top.
    pub fn set(&mut self, table: &str, key: &str, value: &str) {
        self.tables.entry(table.to_owned()).or_default().insert(key.to_owned(), value.to_owned());
    }

    pub fn unset(&mut self, table: &str, key: &str) {
        self.tables.entry(table.to_owned()).or_default().remove(key);
    }

    /// Where the application is, as TOML.
    pub fn upstream(&self) -> String {
        self.tables[""]["upstream"].clone()
    }

    pub fn session(&mut self, key: &str, value: &str) {
        self.set("session", key, value);
    }

    pub fn rule(&mut self, path: &str, access: &str) {
        self.rest += &format!("[[rules]]\npath = \"{path}\"\naccess = \"{access}\"\n");
    }

    /// Behind something that speaks https for it.
    pub fn https(&mut self) {
        self.public_url = "https://app.example.mn".to_owned();
    }

    /// The `oidc` preset: addresses are discovered, ID tokens verified.
    pub fn oidc(&mut self) {
        let clock = Arc::clone(&self.options.clock);
        self.options = Options { clock, ..Options::openid() };
        for endpoint in ["authorization_endpoint", "token_endpoint", "userinfo_endpoint"] {
            self.unset("provider", endpoint);
        }
        self.set("provider", "preset", "\"oidc\"");
        self.set("provider", "issuer", &format!("\"http://{}\"", self.provider));
    }

    /// The flow without PKCE: the secret is demanded, in the body.
    pub fn confidential(&mut self) {
        self.set("provider", "client_secret", &format!("\"{SECRET}\""));
        self.options.clients = vec![Client::confidential(CLIENT, &self.redirect_uri(), SECRET)];
    }

    /// The flow with both: a challenge is demanded, and the secret comes along.
    pub fn confidential_with_pkce(&mut self) {
        self.confidential();
        self.options.clients[0].pkce = true;
    }

    /// The provider has its own sign-out.
    pub fn signs_out(&mut self) {
        self.options.end_session = true;
        let post_logout_redirect_uris = vec![self.signed_out_uri()];
        self.options.clients =
            vec![Client { post_logout_redirect_uris, ..Client::public(CLIENT, &self.redirect_uri()) }];
    }

    pub fn signed_out_uri(&self) -> String {
        format!("{}/oauth2/signed_out", self.public_url)
    }

    pub fn redirect_uri(&self) -> String {
        format!("{}/oauth2/callback", self.public_url)
    }

    /// Scheme and authority of `public_url`.
    pub fn origin(&self) -> String {
        let url = url::Url::parse(&self.public_url).unwrap();
        url.origin().ascii_serialization()
    }

    pub fn host(&self) -> String {
        self.origin().split_once("://").unwrap().1.to_owned()
    }

    /// The name of the session's cookie.
    pub fn cookie(&self) -> String {
        if self.public_url.starts_with("https") {
            "__Host-tokigate".to_owned()
        } else {
            format!("tokigate-{}", self.port)
        }
    }

    pub fn provider_options(&self) -> Options {
        let mut options = self.options.clone();
        if options.clients.is_empty() {
            options.clients = vec![Client::public(CLIENT, &self.redirect_uri())];
        }
        options
    }

    pub fn toml(&self) -> String {
        let urls: Vec<&String> = std::iter::once(&self.public_url).chain(&self.also).collect();
        let mut toml = if self.also.is_empty() {
            format!("public_url = {:?}\n", urls[0])
        } else {
            format!("public_url = {urls:?}\n")
        };
        for (table, keys) in &self.tables {
            if !table.is_empty() {
                toml += &format!("[{table}]\n");
            }
            for (key, value) in keys {
                toml += &format!("{key} = {value}\n");
            }
        }
        toml + &self.rest
    }
}

pub(super) fn clock() -> Clock {
    Clock::manual(Timestamp::from_unix_seconds(1_800_000_000))
}

/// Below the range that the system takes ports for outgoing connections from, so that nobody else gets it meanwhile.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = 20_000 + u16::try_from(std::process::id() % 5_000).unwrap() * 2;
    loop {
        let port = start + NEXT.fetch_add(1, Ordering::SeqCst);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
