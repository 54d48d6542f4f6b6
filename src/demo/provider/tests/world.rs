//! A browser, a client and a clock around one stand-in.

use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::StatusCode;
use sha2::{Digest as _, Sha256};
use url::Url;

use super::super::*;

pub(super) const CLIENT: &str = "9c6dbbd8-0000-4000-8000-000000000000";
pub(super) const BACK: &str = "http://127.0.0.1:4180/oauth2/callback";
pub(super) const VERIFIER: &str = "a-verifier-of-43-unreserved-characters.~_-_";
pub(super) const BAT: &str = "100001";

pub(super) struct World {
    pub(super) provider: Provider,
    pub(super) browser: reqwest::Client,
    clock: Arc<AtomicU64>,
}

pub(super) type Pairs<'a> = Vec<(&'a str, &'a str)>;

impl World {
    pub(super) async fn toki() -> Self {
        Self::with(Options { clients: vec![Client::public(CLIENT, BACK)], ..Options::toki() }).await
    }

    pub(super) async fn with(mut options: Options) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let clock = Arc::new(AtomicU64::new(1_800_000_000_000));
        let turned = Arc::clone(&clock);
        options.clock = Arc::new(move || turned.load(Ordering::SeqCst));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let provider = Provider::start(listener, options);
        let redirects = reqwest::redirect::Policy::none();
        let browser = reqwest::Client::builder().redirect(redirects).cookie_store(true).no_proxy().build().unwrap();
        Self { provider, browser, clock }
    }

    pub(super) fn turn(&self, seconds: u64) {
        self.clock.fetch_add(seconds * 1000, Ordering::SeqCst);
    }

    pub(super) fn request(&self) -> Pairs<'static> {
        let challenge: &'static str = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER)).leak();
        vec![
            ("response_type", "code"),
            ("client_id", CLIENT),
            ("redirect_uri", BACK),
            ("scope", "openid offline_access"),
            ("state", "st & ate"),
            ("nonce", "once"),
            ("code_challenge", challenge),
            ("code_challenge_method", "S256"),
        ]
    }

    pub(super) fn address(&self, request: &Pairs<'_>) -> Url {
        Url::parse_with_params(&format!("{}/oauth2/authorize", self.provider.url()), request).unwrap()
    }

    pub(super) async fn decide(&self, request: &Pairs<'_>, form: &Pairs<'_>) -> reqwest::Response {
        self.browser.post(self.address(request)).form(form).send().await.unwrap()
    }

    pub(super) async fn code(&self, request: &Pairs<'_>) -> String {
        let response = self.decide(request, &vec![("user", BAT), ("decision", "allow")]).await;
        answer(&response, "code").expect("a code")
    }

    pub(super) fn exchange<'a>(&self, code: &'a str) -> Pairs<'a> {
        vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", BACK),
            ("client_id", CLIENT),
            ("code_verifier", VERIFIER),
        ]
    }

    pub(super) async fn token(&self, form: &Pairs<'_>) -> (StatusCode, Value) {
        let address = format!("{}/oauth2/token", self.provider.url());
        let response = self.browser.post(address).form(form).send().await.unwrap();
        (response.status(), response.json().await.unwrap())
    }

    pub(super) async fn signed_in(&self) -> Value {
        let code = self.code(&self.request()).await;
        let (status, tokens) = self.token(&self.exchange(&code)).await;
        assert_eq!(status, 200, "{tokens}");
        tokens
    }

    pub(super) async fn refresh(&self, token: &str) -> (StatusCode, Value) {
        self.token(&vec![("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", CLIENT)]).await
    }

    pub(super) async fn user_info(&self, access_token: &str, user_id: &str) -> (StatusCode, Value) {
        let address = format!("{}/oauth2/userinfo?userId={user_id}", self.provider.url());
        let response = self.browser.get(address).bearer_auth(access_token).send().await.unwrap();
        (response.status(), response.json().await.unwrap())
    }
}

pub(super) fn answer(response: &reqwest::Response, name: &str) -> Option<String> {
    let location = response.headers().get("location")?.to_str().unwrap();
    Url::parse(location).unwrap().query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
}

pub(super) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("{name} in {value}"))
}

pub(super) async fn get_json(world: &World, path: &str) -> Value {
    world.browser.get(format!("{}{path}", world.provider.url())).send().await.unwrap().json().await.unwrap()
}
