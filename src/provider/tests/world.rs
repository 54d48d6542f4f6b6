//! A stand-in, this room in front of it, and a browser that says yes.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use url::Url;

use super::super::http::Patience;
use super::super::*;
use crate::clock::{Clock, Timestamp};
pub(super) use crate::demo::provider::{Client, Endpoint as Op, Fault, Options};
use crate::session::Lifetimes;

pub(super) const CLIENT: &str = "9c6dbbd8-0000-4000-8000-000000000000";
pub(super) const BACK: &str = "http://127.0.0.1:4180/oauth2/callback";
pub(super) const BAT: &str = "100001";

pub(super) struct World {
    pub(super) op: crate::demo::provider::Provider,
    pub(super) provider: Provider,
    pub(super) clock: Clock,
    pub(super) memory: Memory,
    pub(super) metrics: Arc<Metrics>,
    browser: reqwest::Client,
}

/// A code, and what came with it.
pub(super) struct Back {
    pub(super) code: String,
    pub(super) iss: Option<String>,
    pub(super) attempt: Attempt,
}

impl World {
    pub(super) async fn toki() -> World {
        World::with(Options::toki(), |_| ()).await
    }

    pub(super) async fn openid() -> World {
        World::with(Options::openid(), |_| ()).await
    }

    /// TOKI's, before somebody who waits a fifth of a second: for providers that hang.
    pub(super) async fn impatient() -> World {
        let patience = Patience { connect: Duration::from_secs(5), answer: Duration::from_millis(200) };
        World::patient(patience, Options::toki(), |_| (), |_| ()).await
    }

    /// `adjust` comes last: the settings fit the stand-in otherwise.
    pub(super) async fn with(options: Options, adjust: impl FnOnce(&mut Settings)) -> World {
        let world = World::begun(options, adjust, |_| ()).await;
        world.until_ready().await;
        world
    }

    /// The same, perhaps with something wrong from the beginning, and not waited for.
    pub(super) async fn begun(
        options: Options,
        adjust: impl FnOnce(&mut Settings),
        before: impl FnOnce(&crate::demo::provider::Provider),
    ) -> World {
        World::patient(Patience::default(), options, adjust, before).await
    }

    async fn patient(
        patience: Patience,
        mut options: Options,
        adjust: impl FnOnce(&mut Settings),
        before: impl FnOnce(&crate::demo::provider::Provider),
    ) -> World {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let clock = Clock::manual(Timestamp::from_unix_seconds(1_800_000_000));
        let turned = clock.clone();
        options.clock = Arc::new(move || turned.now().unix_millis());
        if options.clients.is_empty() {
            options.clients = vec![Client::public(CLIENT, BACK)];
        }
        let openid = options.oidc;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let op = crate::demo::provider::Provider::start(listener, options);
        before(&op);
        let mut settings = if openid { openid_settings(&op.url()) } else { toki_settings(&op.url()) };
        adjust(&mut settings);
        let (memory, metrics) = (Memory::new(1000), Metrics::new());
        let provider =
            Provider::start_with(patience, settings, clock.clone(), memory.clone(), metrics.clone()).unwrap();
        let redirects = reqwest::redirect::Policy::none();
        let browser = reqwest::Client::builder().redirect(redirects).no_proxy().build().unwrap();
        World { op, provider, clock, memory, metrics, browser }
    }

    pub(super) fn settings(op: &str) -> Settings {
        toki_settings(op)
    }

    /// Discovery runs beside everything else, and waits between its attempts by the clock that is turned here.
    pub(super) async fn until_ready(&self) {
        self.until(|| {
            let ready = self.provider.state() == State::Ready;
            if !ready && self.provider.state() != State::Degraded("discovery has begun".to_owned()) {
                self.turn(1);
            }
            ready
        })
        .await;
    }

    /// Waits for what happens beside the test, for ten seconds at most.
    ///
    /// # Panics
    /// Where it does not happen.
    pub(super) async fn until(&self, happened: impl Fn() -> bool) {
        for _ in 0..2000 {
            if happened() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("it did not happen");
    }

    /// The addresses of the stand-in that `openid` is, written by hand.
    pub(super) fn toki_addresses(openid: &Addresses) -> Addresses {
        toki_settings(openid.issuer.as_deref().unwrap()).addresses
    }

    pub(super) fn turn(&self, seconds: u64) {
        self.clock.turn(Duration::from_secs(seconds));
    }

    pub(super) fn attempt(&self) -> Attempt {
        let Fresh { state_id, nonce, verifier } = self.provider.fresh_attempt();
        Attempt {
            state_id,
            nonce,
            verifier,
            return_to: "/".to_owned(),
            site: 0,
            started_at: self.clock.now(),
            step_up: crate::oidc::StepUp::default(),
        }
    }

    pub(super) async fn address(&self, attempt: &Attempt) -> Url {
        let request =
            AuthorizeRequest { redirect_uri: BACK, state: "s-t.a_te", attempt, prompt_login: false, start_query: None };
        self.provider.authorize(request).await.unwrap()
    }

    /// A person goes to the provider, says yes, and comes back.
    pub(super) async fn back(&self, user: &str) -> Back {
        self.back_with(self.attempt(), user).await
    }

    pub(super) async fn back_with(&self, attempt: Attempt, user: &str) -> Back {
        let form = [("user", user), ("decision", "allow")];
        let response = self.browser.post(self.address(&attempt).await).form(&form).send().await.unwrap();
        let location = response.headers().get("location").expect("a redirect").to_str().unwrap();
        let answer = Url::parse(location).unwrap();
        let value = |name: &str| answer.query_pairs().find(|(known, _)| known == name).map(|(_, v)| v.into_owned());
        assert_eq!(value("state").as_deref(), Some("s-t.a_te"), "{answer}");
        Back { code: value("code").expect("a code"), iss: value("iss"), attempt }
    }

    pub(super) async fn redeem(&self, back: Back) -> Result<SignedIn, SignInError> {
        self.provider.redeem(Secret::new(back.code), back.iss, back.attempt, BACK.to_owned()).await
    }

    pub(super) async fn sign_in(&self) -> Result<SignedIn, SignInError> {
        let back = self.back(BAT).await;
        self.redeem(back).await
    }

    pub(super) async fn signed_in(&self) -> SignedIn {
        self.sign_in().await.unwrap()
    }

    /// Signs in with this fault at that endpoint, once.
    pub(super) async fn sign_in_with(&self, endpoint: Op, fault: Fault) -> Result<SignedIn, SignInError> {
        let back = self.back(BAT).await;
        self.op.faults().next(endpoint, 1, fault);
        self.redeem(back).await
    }

    pub(super) async fn refresh(&self, session: &Session, tokens: &Arc<Tokens>) -> Refreshed {
        self.provider.start_refresh(session.clone(), tokens.clone(), Asker::default()).await
    }

    /// # Panics
    /// Where nothing was renewed.
    pub(super) async fn renewed(&self, session: &Session, tokens: &Arc<Tokens>) -> Arc<Renewed> {
        match self.refresh(session, tokens).await {
            Refreshed::Renewed(renewed) => renewed,
            other => panic!("{other:?}"),
        }
    }

    /// How often one endpoint of the stand-in was called.
    pub(super) fn calls(&self, endpoint: Op) -> u64 {
        self.op.calls().count(endpoint)
    }
}

fn toki_settings(op: &str) -> Settings {
    let at = |path: &str| Some(Url::parse(&format!("{op}{path}")).unwrap());
    Settings {
        preset: Preset::Toki,
        addresses: Addresses {
            authorization_endpoint: at("/oauth2/authorize"),
            token_endpoint: at("/oauth2/token"),
            userinfo_endpoint: Some(format!("{op}/oauth2/userinfo?userId={{userId}}")),
            ..Addresses::default()
        },
        client_id: CLIENT.to_owned(),
        client_secret: None,
        client_auth: ClientAuth::None,
        signing: None,
        certificate: None,
        par: Par::Auto,
        pkce: true,
        scopes: ["openid", "offline_access"].map(str::to_owned).to_vec(),
        authorize_params: Vec::new(),
        start_params: Vec::new(),
        userinfo: UserinfoMode::Required,
        userinfo_path: Some("data".to_owned()),
        user_claim: "userId".to_owned(),
        require_id_token: false,
        id_token_algs: ["RS256", "PS256", "ES256", "EdDSA"].map(|name| name.parse().unwrap()).to_vec(),
        wanted_claims: ["userId", "email", "groups", "firstName", "lastName"].map(str::to_owned).to_vec(),
        lifetimes: Lifetimes::default(),
        ca_file: None,
        proxy: None,
        insecure_http: false,
        logins_per_minute: 600,
        bearer: Vec::new(),
        introspections_per_minute: 6000,
    }
}

fn openid_settings(op: &str) -> Settings {
    Settings {
        preset: Preset::Oidc,
        addresses: Addresses { issuer: Some(op.to_owned()), ..Addresses::default() },
        userinfo_path: None,
        user_claim: "sub".to_owned(),
        require_id_token: true,
        wanted_claims: ["sub", "email", "groups", "name"].map(str::to_owned).to_vec(),
        ..toki_settings(op)
    }
}
