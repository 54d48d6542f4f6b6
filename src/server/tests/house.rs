//! A house without listeners: browsers with a cookie jar before it, the stand-in TOKI behind it, and requests that can be held between any two steps.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Response, StatusCode, header};
use tokio::net::TcpListener;

use crate::clock::{Clock, Timestamp};
use crate::config::{self, Config, Sources};
use crate::demo::provider::{Client, Endpoint, Options, Provider as StandIn};
use crate::gate::action::Form;
use crate::gate::{Action, Gate};
use crate::provider::{Provider, Refreshed};
use crate::server::answer::{self, Place};
use crate::server::login::Begin;
use crate::server::pages::Voice;
use crate::server::ready::Readiness;
use crate::server::site::{House, Settings, Site};
use crate::server::visit::Visit;
use crate::session::KeyRing;
use crate::session::samples::key;
use crate::session::seal::Context;
use crate::store::cookie::CookieStore;
use crate::store::memory::Memory;
use crate::telemetry::metrics::Metrics;
use crate::upstream::Body;
use crate::wire::rewrite::Public;
use crate::wire::{Ask, Head, Remote, Rewrite};

const CLIENT: &str = "9c6dbbd8-0000-4000-8000-000000000000";
const ORIGIN: &str = "https://app.example.mn";
const PAGE: [(&str, &str); 3] =
    [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document"), ("sec-fetch-site", "same-origin")];

pub(super) struct Gatehouse {
    pub(super) house: House,
    pub(super) site: Arc<Site>,
    pub(super) clock: Clock,
    pub(super) toki: StandIn,
    person: reqwest::Client,
}

/// A browser's cookies.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Jar(pub(super) BTreeMap<String, String>);

/// A request under way.
pub(super) struct UnderWay<'a> {
    pub(super) visit: Visit<'a>,
    renewal: Option<Pin<Box<dyn Future<Output = Refreshed> + 'a>>>,
    pub(super) answer: Response<Body>,
    is_activity: bool,
}

impl Gatehouse {
    pub(super) async fn new() -> Gatehouse {
        Gatehouse::with(&[], |_| {}).await
    }

    /// `variables` beyond the necessary; tokens live an hour unless `options` says otherwise.
    pub(super) async fn with(variables: &[(&str, &str)], adjust: impl FnOnce(&mut Options)) -> Gatehouse {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let clock = Clock::manual(Timestamp::from_unix_seconds(1_800_000_000));
        let turned = clock.clone();
        let mut options = Options {
            clock: Arc::new(move || turned.now().unix_millis()),
            clients: vec![Client::public(CLIENT, &format!("{ORIGIN}/oauth2/callback"))],
            access_lifetime: Duration::from_secs(3600),
            ..Options::toki()
        };
        adjust(&mut options);
        let toki = StandIn::start(TcpListener::bind("127.0.0.1:0").await.unwrap(), options);
        let config = config(&toki.url(), variables);
        let (metrics, memory) = (Metrics::new(), Memory::new(100));
        let ring = ring_of(&config, &[1], clock.now());
        let settings = Settings {
            rewrite: Rewrite::new(
                config.gate.identity.headers.iter().map(|(name, _)| name),
                config.gate.public_urls.iter().map(|url| Public::new(url.https, &url.host)).collect(),
                config.cookies.names.clone(),
            ),
            places: config.gate.public_urls.iter().map(|url| Place::of(url, &config.gate.prefix)).collect(),
            gate: Gate::new(config.gate),
            store: CookieStore::new(config.cookies),
            trust: config.trust,
            voice: Voice::default(),
            log: config.log,
            body_bytes: None,
        };
        let site = Arc::new(Site { settings: Arc::new(settings), keys: ring });
        let house = House {
            provider: Provider::start(config.provider, clock.clone(), memory.clone(), metrics.clone()).unwrap(),
            site: arc_swap::ArcSwap::new(site.clone()),
            memory,
            clock: clock.clone(),
            metrics,
            readiness: Readiness::starting(),
            applications: Vec::new(),
        };
        let redirects = reqwest::redirect::Policy::none();
        let person = reqwest::Client::builder().redirect(redirects).no_proxy().build().unwrap();
        Gatehouse { house, site, clock, toki, person }
    }

    /// Time passes, and what has run out is forgotten.
    pub(super) fn turn(&self, seconds: u64) {
        self.clock.turn(Duration::from_secs(seconds));
        self.house.memory.tidy(self.clock.now());
    }

    /// From now on these keys, the first of which seals.
    pub(super) fn change_keys(&mut self, keys: &[u8]) {
        let keys = keys.iter().copied().map(key).collect();
        let ring = self.site.keys.reloaded(keys, Duration::ZERO, self.clock.now()).unwrap();
        self.site = Arc::new(self.site.with_keys(ring));
    }

    pub(super) fn page(&self, jar: &Jar, target: &str) -> Ask {
        self.ask(jar, "GET", target, &PAGE)
    }

    pub(super) fn script(&self, jar: &Jar, target: &str) -> Ask {
        self.ask(jar, "GET", target, &[("sec-fetch-mode", "cors"), ("sec-fetch-site", "same-origin")])
    }

    pub(super) fn ask(&self, jar: &Jar, method: &str, target: &str, headers: &[(&str, &str)]) -> Ask {
        let mut request = http::Request::builder().method(method).uri(target).header("host", "app.example.mn");
        if !jar.0.is_empty() {
            request = request.header(header::COOKIE, jar.line());
        }
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let request = request.body(()).unwrap();
        let peer = Remote::Address([127, 0, 0, 1].into());
        let fresh_id = || http::HeaderValue::from_static("a-request");
        Ask::read(Head::of(&request), peer, &self.site.trust, &self.site.store.settings.names, fresh_id).unwrap()
    }

    /// The first half of `Doorkeeper::handle`. The application, where it is asked, answers 200 at once.
    pub(super) async fn begin<'a>(&'a self, ask: &'a Ask) -> UnderWay<'a> {
        let now = self.clock.now();
        let mut visit = Visit::recognise(&self.house, &self.site, ask, None, now);
        let renewal = visit.refresh(now).await;
        let renewal = renewal.map(|renewal| -> Pin<Box<dyn Future<Output = Refreshed> + 'a>> { Box::pin(renewal) });
        let action = self.site.gate.decide(ask, visit.caller(), self.clock.now());
        let is_activity = matches!(action, Action::Forward(_) | Action::Allow(_));
        let answer = match action {
            Action::Forward(_) => Response::new(Body::Empty),
            Action::Allow(pass) => answer::allowed(pass.identity(), &visit.asked(Form::ForwardAuth, None)),
            Action::Refuse(refusal, form) => visit.refuse(&refusal, form),
            Action::SignIn(sign_in) => visit.sign_in(&sign_in, Begin::Asked).await,
            Action::Callback => visit.callback().await,
            Action::SignOut { public_url, return_to, onward } => visit.sign_out(public_url, &return_to, onward),
            Action::BackFromSignOut { public_url, state } => visit.back_from_sign_out(public_url, state.as_deref()),
            Action::SignedOut { public_url, return_to } => visit.signed_out(public_url, &return_to),
            Action::SessionStatus | Action::UserInfo => {
                let mut answer = Response::new(Body::Empty);
                if visit.session().is_none() {
                    *answer.status_mut() = StatusCode::UNAUTHORIZED;
                }
                answer
            }
            other => panic!("not in these tests: {other:?}"),
        };
        UnderWay { visit, renewal, answer, is_activity }
    }

    /// A page load, from the first byte to its cookies.
    pub(super) async fn load(&self, jar: &mut Jar, target: &str) -> Response<Body> {
        let ask = self.page(jar, target);
        self.go(jar, &ask).await
    }

    /// The same by a script.
    pub(super) async fn call(&self, jar: &mut Jar, target: &str) -> Response<Body> {
        let ask = self.script(jar, target);
        self.go(jar, &ask).await
    }

    pub(super) async fn go(&self, jar: &mut Jar, ask: &Ask) -> Response<Body> {
        let answer = self.begin(ask).await.end().await;
        jar.take(answer.headers());
        answer
    }

    /// A page load whose sign-in goes all the way.
    pub(super) async fn sign_in(&self, jar: &mut Jar, user: &str) {
        self.sign_in_at("/", jar, user).await;
    }

    pub(super) async fn sign_in_at(&self, target: &str, jar: &mut Jar, user: &str) {
        let answer = self.load(jar, target).await;
        let back = self.at_toki(&answer, user).await;
        let answer = self.load(jar, &back).await;
        assert!(answer.status().is_success() || answer.status().is_redirection(), "{:?}", answer.headers());
        assert!(self.is_signed_in(jar), "{jar:?}");
    }

    /// What a person does at the provider; the address they come back to.
    pub(super) async fn at_toki(&self, answer: &Response<Body>, user: &str) -> String {
        let form = [("user", user), ("decision", "allow")];
        let response = self.person.post(location(answer)).form(&form).send().await.unwrap();
        let back = response.headers()[header::LOCATION].to_str().unwrap();
        back.strip_prefix(ORIGIN).expect("back here").to_owned()
    }

    /// Whether a script's request goes through; nothing is taken from its answer.
    pub(super) async fn reaches(&self, jar: &Jar, target: &str) -> bool {
        self.go(&mut jar.clone(), &self.script(jar, target)).await.status() == StatusCode::OK
    }

    pub(super) fn is_signed_in(&self, jar: &Jar) -> bool {
        let ask = self.script(jar, "/");
        Visit::recognise(&self.house, &self.site, &ask, None, self.clock.now()).session().is_some()
    }

    pub(super) fn refreshes(&self) -> usize {
        let calls = self.toki.calls().of(Endpoint::Token);
        calls.iter().filter(|call| call.param("grant_type") == Some("refresh_token")).count()
    }
}

impl UnderWay<'_> {
    /// The second half of `Doorkeeper::handle`.
    pub(super) async fn end(mut self) -> Response<Body> {
        if let Some(renewal) = self.renewal {
            self.visit.take(renewal.await);
        }
        let now = self.visit.house.clock.now();
        self.visit.catch_up(now);
        if self.is_activity {
            self.visit.touch(now);
        }
        self.visit.settle(now, self.answer.headers_mut());
        self.answer
    }
}

impl Jar {
    pub(super) fn take(&mut self, headers: &HeaderMap) {
        for line in headers.get_all(header::SET_COOKIE) {
            let (pair, attributes) = line.to_str().unwrap().split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            // It says nothing of a session.
            if name.ends_with(".back") {
                continue;
            }
            if attributes.contains("Max-Age=0") {
                self.0.remove(name);
            } else {
                self.0.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    pub(super) fn names(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }

    fn line(&self) -> String {
        self.0.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }
}

pub(super) fn location(answer: &Response<Body>) -> &str {
    answer.headers()[header::LOCATION].to_str().unwrap()
}

pub(super) fn set_cookies(answer: &Response<Body>) -> Vec<&str> {
    answer.headers().get_all(header::SET_COOKIE).iter().map(|line| line.to_str().unwrap()).collect()
}

fn ring_of(config: &Config, keys: &[u8], now: Timestamp) -> KeyRing {
    let context =
        Context { client_id: config.cookies.client_id.clone(), cookie_base: config.cookies.names.base.clone() };
    KeyRing::new(keys.iter().copied().map(key).collect(), context, Duration::ZERO, now).unwrap()
}

fn config(toki: &str, variables: &[(&str, &str)]) -> Config {
    let authorize = format!("{toki}/oauth2/authorize");
    let token = format!("{toki}/oauth2/token");
    let userinfo = format!("{toki}/oauth2/userinfo?userId={{userId}}");
    let necessary = [
        ("PUBLIC_URL", ORIGIN),
        ("UPSTREAM", "http://127.0.0.1:9"),
        ("PROVIDER__CLIENT_ID", CLIENT),
        ("PROVIDER__AUTHORIZATION_ENDPOINT", &authorize),
        ("PROVIDER__TOKEN_ENDPOINT", &token),
        ("PROVIDER__USERINFO_ENDPOINT", &userinfo),
        ("SESSION__KEYS", "9yfsSIKxAWexdjI0WaX1zfLnAO1Y0zEnJ_gM8AUt3YM"),
    ];
    let env = necessary.iter().chain(variables).map(|(name, value)| (format!("TOKIGATE_{name}"), (*value).to_owned()));
    match config::load(&Sources { file: None, env: env.collect() }) {
        Ok(loaded) => loaded.config,
        Err(problems) => panic!("{problems}"),
    }
}
