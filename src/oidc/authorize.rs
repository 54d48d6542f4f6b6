//! The authorization request (RFC 6749 §4.1.1, RFC 7636 §4.3, OpenID Connect Core §3.1.2.1).

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use url::{Url, form_urlencoded};

use super::query::with_query;
use super::{Secret, StepUp};

/// What makes an attempt unguessable.
#[derive(Debug)]
pub struct Fresh {
    /// 128 bits, base64url.
    pub state_id: String,
    /// 128 bits, base64url.
    pub nonce: String,
    /// 256 bits, base64url: 43 characters (RFC 7636 §4.1).
    pub verifier: Secret<String>,
}

impl Fresh {
    /// From 512 random bits.
    pub fn from_random(bytes: &[u8; 64]) -> Fresh {
        let (state_id, rest) = bytes.split_at(16);
        let (nonce, verifier) = rest.split_at(16);
        Fresh {
            state_id: URL_SAFE_NO_PAD.encode(state_id),
            nonce: URL_SAFE_NO_PAD.encode(nonce),
            verifier: Secret::new(URL_SAFE_NO_PAD.encode(verifier)),
        }
    }
}

/// Everything an authorization request says.
pub struct AuthorizationRequest<'a> {
    pub endpoint: &'a Url,
    pub client_id: &'a str,
    pub redirect_uri: &'a str,
    pub scopes: &'a [String],
    pub state: &'a str,
    /// Sent where `openid` is asked for; TOKI ignores it (RFC 6749 §3.1).
    pub nonce: &'a str,
    /// Where PKCE is on.
    pub verifier: Option<&'a Secret<String>>,
    pub prompt_login: bool,
    pub step_up: &'a StepUp,
    /// Further parameters, as the configuration has them.
    pub params: &'a [(String, String)],
    /// The names that `start_query` may say.
    pub start_params: &'a [String],
    pub start_query: Option<&'a str>,
}

impl AuthorizationRequest<'_> {
    /// The address to send the browser to.
    pub fn url(&self) -> Url {
        with_query(self.endpoint, &self.parameters(), is_protocol_parameter)
    }

    /// The address to send the browser to with a request that was pushed: this alone (RFC 9126 §4, FAPI 2.0 §5.3.3.2).
    pub fn pushed_url(&self, request_uri: &str) -> Url {
        let said = [("client_id", self.client_id), ("request_uri", request_uri)];
        with_query(self.endpoint, &said, is_protocol_parameter)
    }

    /// What is asked for. No parameter is there twice (RFC 6749 §3.1), and the protocol's own are as this request says, whatever the endpoint's query,
    /// the configuration or the browser say.
    pub fn parameters(&self) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
        let mut sent: Vec<(Cow<'_, str>, Cow<'_, str>)> = vec![
            ("response_type".into(), "code".into()),
            ("client_id".into(), self.client_id.into()),
            ("redirect_uri".into(), self.redirect_uri.into()),
        ];
        if !self.scopes.is_empty() {
            sent.push(("scope".into(), self.scopes.join(" ").into()));
        }
        sent.push(("state".into(), self.state.into()));
        if self.scopes.iter().any(|scope| scope == "openid") {
            sent.push(("nonce".into(), self.nonce.into()));
        }
        if let Some(verifier) = self.verifier {
            sent.push(("code_challenge".into(), challenge(verifier).into()));
            sent.push(("code_challenge_method".into(), "S256".into()));
        }
        if self.prompt_login {
            sent.push(("prompt".into(), "login".into()));
        }
        if let Some(max_age) = self.step_up.max_age {
            sent.push(("max_age".into(), max_age.as_secs().to_string().into()));
        }
        if !self.step_up.acr_values.is_empty() {
            sent.push(("acr_values".into(), self.step_up.acr_values.join(" ").into()));
        }
        // The first to say a name has it: the protocol and the rules, then the person's click, then the configuration.
        let from_start = form_urlencoded::parse(self.start_query.unwrap_or_default().as_bytes())
            .filter(|(name, value)| self.start_params.iter().any(|allowed| allowed == name) && is_sane(value));
        let configured = self.params.iter().map(|(name, value)| (name.into(), value.into()));
        for (name, value) in from_start.chain(configured) {
            if !is_protocol_parameter(&name) && sent.iter().all(|(said, _)| *said != name) {
                sent.push((name, value));
            }
        }
        sent
    }
}

/// Whether a parameter is the protocol's: neither `authorize_params` nor `start_params` may name it.
pub fn is_protocol_parameter(name: &str) -> bool {
    PROTOCOL_PARAMETERS.contains(&name)
}

/// RFC 7636 §4.2, S256.
pub fn challenge(verifier: &Secret<String>) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.expose()))
}

/// What a stranger may put into the request: not empty, short, printable.
fn is_sane(value: &str) -> bool {
    !value.is_empty()
        && value.len() <= MAX_START_PARAM
        && !value.chars().any(|c| c.is_control() || c == char::REPLACEMENT_CHARACTER)
}

const MAX_START_PARAM: usize = 1024;

/// Those that decide who asks for what, where the answer goes, and what binds it to this browser: RFC 6749 §4.1.1 and §2.3.1, RFC 7636 §4.3,
/// RFC 9101 §5, RFC 7521 §4.2, RFC 9449 §10, RFC 9207, OpenID Connect Core §3.1.2.1, OAuth 2.0 Multiple Response Types §2.1.
const PROTOCOL_PARAMETERS: &[&str] = &[
    "response_type",
    "response_mode",
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
    "redirect_uri",
    "scope",
    "state",
    "nonce",
    "code",
    "code_challenge",
    "code_challenge_method",
    "code_verifier",
    "grant_type",
    "request",
    "request_uri",
    "registration",
    "id_token_hint",
    "dpop_jkt",
    "iss",
];

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// What the tests vary.
    #[derive(Clone, Copy)]
    struct Case<'a> {
        endpoint: &'a str,
        pkce: bool,
        scopes: &'a [&'a str],
        start_query: &'a str,
        prompt_login: bool,
        max_age: Option<u64>,
        acr_values: &'a [&'a str],
    }

    fn url(case: Case<'_>) -> Url {
        let endpoint = Url::parse(case.endpoint).unwrap();
        let verifier = Secret::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned());
        let scopes: Vec<String> = case.scopes.iter().map(|scope| (*scope).to_owned()).collect();
        let params = [("ui_locales".to_owned(), "mn".to_owned()), ("client_id".to_owned(), "evil".to_owned())];
        let start_params =
            ["login_hint", "ui_locales", "redirect_uri", "prompt", "max_age", "acr_values"].map(str::to_owned);
        let acr_values = case.acr_values.iter().map(|acr| (*acr).to_owned()).collect();
        let step_up = StepUp { max_age: case.max_age.map(Duration::from_secs), acr_values };
        let request = AuthorizationRequest {
            endpoint: &endpoint,
            client_id: "id",
            redirect_uri: "https://app.example.mn/oauth2/callback",
            scopes: &scopes,
            state: "s-t.a",
            nonce: "n",
            verifier: case.pkce.then_some(&verifier),
            prompt_login: case.prompt_login,
            step_up: &step_up,
            params: &params,
            start_params: &start_params,
            start_query: Some(case.start_query),
        };
        request.url()
    }

    const TOKI: Case<'_> = Case {
        endpoint: "https://sso.toki.mn/oauth2/authorize",
        pkce: true,
        scopes: &["openid", "offline_access"],
        start_query: "",
        prompt_login: false,
        max_age: None,
        acr_values: &[],
    };

    #[test]
    fn the_request_is_what_toki_publishes() {
        assert_eq!(
            url(TOKI).as_str(),
            "https://sso.toki.mn/oauth2/authorize?response_type=code&client_id=id\
             &redirect_uri=https%3A%2F%2Fapp.example.mn%2Foauth2%2Fcallback&scope=openid%20offline_access&state=s-t.a&nonce=n\
             &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256&ui_locales=mn"
        );
    }

    #[test]
    fn without_pkce_there_is_no_challenge_and_without_openid_no_nonce() {
        let url = url(Case { pkce: false, scopes: &["offline_access"], ..TOKI });
        let names: Vec<_> = url.query_pairs().map(|(name, _)| name.into_owned()).collect();
        assert_eq!(names, ["response_type", "client_id", "redirect_uri", "scope", "state", "ui_locales"]);
    }

    #[test]
    fn no_parameter_is_there_twice_and_the_protocols_own_are_ours() {
        let url = url(Case {
            endpoint: "https://op.example/a?tenant=%41&client_id=evil&st%61te=evil&ui_locales=x#f",
            start_query: "rd=/x&login_hint=a&login_hint=b&redirect_uri=https://evil&ui_locales=en&scope=admin&nonce=1",
            ..TOKI
        });
        let mut pairs: Vec<_> = url.query_pairs().map(|(n, v)| format!("{n}={v}")).collect();
        pairs.retain(|pair| !pair.starts_with("code_challenge"));
        assert_eq!(
            pairs,
            [
                "tenant=A",
                "response_type=code",
                "client_id=id",
                "redirect_uri=https://app.example.mn/oauth2/callback",
                "scope=openid offline_access",
                "state=s-t.a",
                "nonce=n",
                "login_hint=a",
                "ui_locales=en",
            ]
        );
        assert!(url.query().unwrap().starts_with("tenant=%41&"), "the endpoint's own query is kept byte for byte");
        assert_eq!(url.fragment(), None);
    }

    #[test]
    fn of_a_pushed_request_the_browser_carries_its_name_alone() {
        let endpoint = Url::parse("https://op.example/a?tenant=%41&request_uri=evil&scope=evil").unwrap();
        let request = AuthorizationRequest {
            endpoint: &endpoint,
            client_id: "id",
            redirect_uri: "https://app.example.mn/oauth2/callback",
            scopes: &["openid".to_owned()],
            state: "s-t.a",
            nonce: "n",
            verifier: None,
            prompt_login: true,
            step_up: &StepUp::default(),
            params: &[("ui_locales".to_owned(), "mn".to_owned())],
            start_params: &[],
            start_query: None,
        };
        let url = request.pushed_url("urn:x:a&scope=evil");
        assert_eq!(url.query(), Some("tenant=%41&client_id=id&request_uri=urn%3Ax%3Aa%26scope%3Devil"));
    }

    #[test]
    fn a_prompt_for_login_wins_over_every_other_prompt() {
        let prompts = |prompt_login| {
            let url = url(Case { start_query: "prompt=none", prompt_login, ..TOKI });
            url.query_pairs().filter(|(n, _)| n == "prompt").map(|(_, v)| v.into_owned()).collect::<Vec<_>>()
        };
        assert_eq!(prompts(false), ["none"]);
        assert_eq!(prompts(true), ["login"]);
    }

    #[test]
    fn what_a_rule_asks_for_wins_over_what_is_configured_or_said() {
        let asked =
            Case { start_query: "acr_values=weak&max_age=9", max_age: Some(900), acr_values: &["phr", "phrh"], ..TOKI };
        let said = |name: &str| {
            url(asked).query_pairs().filter(|(n, _)| n == name).map(|(_, v)| v.into_owned()).collect::<Vec<_>>()
        };
        assert_eq!(said("max_age"), ["900"]);
        assert_eq!(said("acr_values"), ["phr phrh"]);
    }

    #[test]
    fn what_a_stranger_may_say_is_short_and_printable() {
        let long = format!("login_hint={}", "a".repeat(1025));
        for bad in ["login_hint=", "login_hint=%0d%0aSet-Cookie", "login_hint=%ff", &long] {
            let url = url(Case { start_query: bad, ..TOKI });
            assert!(!url.query().unwrap().contains("login_hint"), "{bad}");
        }
    }

    #[test]
    fn fresh_values_share_no_bit() {
        let mut bytes = [0; 64];
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::try_from(at).unwrap();
        }
        let fresh = Fresh::from_random(&bytes);
        let decoded =
            [&fresh.state_id, &fresh.nonce, fresh.verifier.expose()].map(|text| URL_SAFE_NO_PAD.decode(text).unwrap());
        assert_eq!(decoded.concat(), bytes);
        assert_eq!(fresh.verifier.expose().len(), 43);
    }
}
