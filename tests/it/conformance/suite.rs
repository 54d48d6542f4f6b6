//! One run of a module: a provider of its own that deviates as the module says, the gate before it, and a browser.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{HeaderValue, Response};
use serde_json::{Value, json};
use tokigate::demo::provider::{Call, Endpoint, Fault, Pushing, Rewrite};
use url::Url;

use super::jose::{Keys, Token};
use crate::world::{BAT, Browser, CLIENT, Reply, Setup, World};

pub struct Suite {
    pub world: World,
    pub browser: Browser,
    pub issuer: String,
    listed: Arc<Mutex<Vec<Value>>>,
    signing: Arc<Mutex<Signing>>,
}

/// What ID tokens are signed with.
#[derive(Clone, Copy)]
struct Signing {
    algorithm: &'static str,
    keys: &'static Keys,
}

/// What is asked for before anybody is signed in.
pub const PAGE: &str = "/deep/conformance?page=1&q=%41";

impl Suite {
    /// As the certification plans have it: authorization code, `client_secret_basic`, metadata by discovery, RS256.
    pub async fn new() -> Suite {
        Suite::with(|_| {}).await
    }

    /// `change`: what else the client is configured to.
    pub async fn with(change: impl FnOnce(&mut Setup)) -> Suite {
        let suite = Suite::begun(change, |_| {}).await;
        suite.world.until_degraded(false).await;
        suite
    }

    /// `before`: the deviation, where discovery has it already. What comes of it is not waited for.
    pub async fn begun(change: impl FnOnce(&mut Setup), before: impl FnOnce(&Suite)) -> Suite {
        static RUN: AtomicU32 = AtomicU32::new(1);
        // As in the suite, where every run has an issuer of its own.
        let below = format!("/test/a/run-{}", RUN.fetch_add(1, Ordering::Relaxed));
        let mut issuer = String::new();
        let world = World::without_gate(|setup| {
            setup.oidc();
            setup.confidential_with_pkce();
            setup.set("provider", "client_auth", "\"client_secret_basic\"");
            issuer = format!("http://{}{below}/", setup.provider);
            setup.set("provider", "issuer", &format!("{issuer:?}"));
            setup.options.issuer = Some(issuer.clone());
            setup.options.below = below;
            change(setup);
        })
        .await;
        let browser = world.browser();
        let signing = Arc::new(Mutex::new(Signing { algorithm: "RS256", keys: Keys::first() }));
        let mut suite = Suite { world, browser, issuer, listed: Arc::default(), signing };
        suite.lists(Keys::first().public());
        let listed = Arc::clone(&suite.listed);
        suite.answers(Endpoint::Jwks, move |set| set["keys"] = listed.lock().unwrap().clone().into());
        suite.id_token(Endpoint::Token, |_| {});
        before(&suite);
        suite.world.start();
        suite
    }

    /// From now on the JWK Set has these keys.
    pub fn lists(&self, keys: Vec<Value>) {
        *self.listed.lock().unwrap() = keys;
    }

    /// From now on ID tokens are signed like this.
    pub fn signs(&self, algorithm: &'static str, keys: &'static Keys) {
        *self.signing.lock().unwrap() = Signing { algorithm, keys };
    }

    /// From now on ID tokens are as the provider itself makes them: its sign-out wants them back. The suite's keys are listed beside its own.
    pub fn leaves_id_tokens_alone(&self) {
        self.world.provider.faults().clear();
        self.answers(Endpoint::Jwks, |set| set["keys"].as_array_mut().unwrap().extend(Keys::first().public()));
    }

    /// What is wrong with the answers of an endpoint, in JSON.
    pub fn answers(&self, endpoint: Endpoint, change: impl Fn(&mut Value) + Send + Sync + 'static) {
        self.world.provider.faults().set(endpoint, Fault::Rewrite(Rewrite::json(change)));
    }

    /// What is wrong with the ID tokens that come of codes, or of refresh tokens.
    pub fn id_token(&self, endpoint: Endpoint, change: impl Fn(&mut Token) + Send + Sync + 'static) {
        self.id_token_is(endpoint, move |mut token| {
            change(&mut token);
            token.compact()
        });
    }

    /// What there is in their place.
    pub fn id_token_is(&self, endpoint: Endpoint, instead: impl Fn(Token) -> String + Send + Sync + 'static) {
        let signing = Arc::clone(&self.signing);
        self.answers(endpoint, move |answer| {
            let Some(compact) = answer["id_token"].as_str() else { return };
            let Signing { algorithm, keys } = *signing.lock().unwrap();
            answer["id_token"] = instead(Token::of(compact, algorithm, keys)).into();
        });
    }

    /// What is wrong with where the browser is sent back to.
    pub fn sends_back(&self, endpoint: Endpoint, change: impl Fn(&mut Vec<(String, String)>) + Send + Sync + 'static) {
        let rewrite = move |mut answer: Response<_>| {
            let Some(location) = answer.headers().get("location") else { return answer };
            let mut back = Url::parse(location.to_str().unwrap()).unwrap();
            let mut params: Vec<(String, String)> = back.query_pairs().into_owned().collect();
            change(&mut params);
            back.query_pairs_mut().clear().extend_pairs(params);
            answer.headers_mut().insert("location", HeaderValue::from_str(back.as_str()).unwrap());
            answer
        };
        self.world.provider.faults().set(endpoint, Fault::Rewrite(Rewrite::new(rewrite)));
    }

    /// A page is asked for, the user lets the application in: what the gate makes of the provider's answer.
    pub async fn callback(&self) -> Reply {
        let start = self.browser.load(PAGE).await;
        assert_eq!(start.status, 302, "{start}");
        let back = self.browser.at_provider(&start, BAT).await;
        self.browser.come_back(&back).await
    }

    /// A whole sign-in, and the application is told who came.
    pub async fn completes(&self) {
        self.completes_in(&self.browser).await;
    }

    pub async fn completes_in(&self, browser: &Browser) {
        let seen = self.world.seen().len();
        let page = browser.sign_in(BAT, PAGE).await;
        assert_eq!(page.status, 200, "{page}");
        assert_eq!(self.world.seen()[seen..], [PAGE], "the page that was asked for, and nothing else");
        assert_eq!(self.world.told("x-forwarded-user"), Some(self.sub()));
        assert_eq!(self.world.told("x-forwarded-email").as_deref(), Some("bat.dorj@example.mn"));
        assert_eq!(browser.session().await["active"], true);
    }

    /// The gate stops there: a page that says so, no session, nothing for the application, and these were the last calls.
    pub async fn stops(&self, status: u16, calls: &[Endpoint]) {
        let reply = self.callback().await;
        self.has_stopped(&reply, status, calls).await;
    }

    pub async fn has_stopped(&self, reply: &Reply, status: u16, calls: &[Endpoint]) {
        assert_eq!(reply.status, status, "{reply}");
        assert!(reply.is_html() && reply.header("location").is_none(), "a page, and no way round: {reply}");
        assert!(reply.text().contains(reply.header("x-request-id").unwrap()), "to be found in the log: {reply}");
        assert!(!reply.text().contains(&self.sub()), "nothing of a token that does not hold: {reply}");
        let pushes = self.world.setup.options.pushing == Pushing::Required;
        let pushed: &[Endpoint] = if pushes { &[Endpoint::Par] } else { &[] };
        let all = [&[Endpoint::Discovery], pushed, &[Endpoint::Authorize], calls].concat();
        self.calls_stay(&all).await;
        self.nobody_is_signed_in().await;
        assert_eq!(self.world.seen(), Vec::<String>::new(), "the application has seen nothing");
    }

    /// Whatever was still under way would have called by now.
    pub async fn calls_stay(&self, calls: &[Endpoint]) {
        for wait in [0, 60] {
            tokio::time::sleep(Duration::from_millis(wait)).await;
            assert_eq!(self.calls(), calls);
        }
    }

    /// No cookie, no session, no way to the application.
    pub async fn nobody_is_signed_in(&self) {
        assert!(!self.browser.is_signed_in().await);
        let again = self.browser.copy().load("/deep/again").await;
        assert_eq!(again.status, 302, "{again}");
        assert!(again.location().starts_with(&self.issuer), "to the provider, as a stranger: {again}");
        assert_eq!(self.browser.fetch("/api/time").await.status, 401);
    }

    /// Discovery is asked once more within minutes: so it is only where it has failed.
    pub async fn discovery_fails(&self) {
        let before = self.count(Endpoint::Discovery).max(1);
        for _ in 0..150 {
            if self.count(Endpoint::Discovery) > before {
                return;
            }
            self.world.turn(10);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("discovery has not failed");
    }

    /// Every call there was, oldest first.
    pub fn calls(&self) -> Vec<Endpoint> {
        self.world.provider.calls().all().iter().map(|call| call.endpoint).collect()
    }

    pub fn last(&self, endpoint: Endpoint) -> Call {
        self.world.provider.calls().last(endpoint).unwrap_or_else(|| panic!("{endpoint:?} was called"))
    }

    pub fn count(&self, endpoint: Endpoint) -> u64 {
        self.world.provider.calls().count(endpoint)
    }

    /// The user's, as ID token and user info have it.
    pub fn sub(&self) -> String {
        let users = &self.world.setup.options.users;
        users.iter().find(|user| user.id == BAT).unwrap().sub.clone()
    }
}

/// Another client's identifier.
pub fn another_client() -> Value {
    json!(CLIENT.replace('9', "8"))
}
