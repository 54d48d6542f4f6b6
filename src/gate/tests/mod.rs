//! Decisions as a table of sentences: requests as they come, read at the door, decided, and told in words.

mod bearer;
mod conditions;
mod cors;
mod endpoints;
mod explain;
mod forward_auth;
mod hosts;
mod renewal;
mod sign_out;
mod sockets;
mod start;
mod strangers;
mod users;

use http::{HeaderName, HeaderValue, Method, Request};

use super::rules::Rule;
use super::*;
use crate::oidc::StepUp;
use crate::session::samples::{NOW, session};
use crate::wire::{CookieNames, Head, Malformed, Remote, Trust};

/// One request on its way to the door.
#[derive(Clone)]
struct Asking {
    request: Request<()>,
    peer: Remote,
    trust: Trust,
}

/// Method and target, under the first `public_url`'s host, from somewhere.
fn ask(line: &str) -> Asking {
    let (method, target) = line.split_once(' ').expect("method and target");
    let request = Request::builder().method(method).uri(target).header("host", "app.example.mn").body(());
    let peer = Remote::Address("192.0.2.1".parse().expect("an address"));
    Asking { request: request.expect("the library takes it"), peer, trust: Trust::default() }
}

fn page(target: &str) -> Asking {
    ask(&format!("GET {target}")).with("sec-fetch-mode: navigate").with("sec-fetch-dest: document")
}

fn script(target: &str) -> Asking {
    ask(&format!("GET {target}")).with("sec-fetch-mode: cors").with("accept: */*")
}

fn form(target: &str) -> Asking {
    let posted = ask(&format!("POST {target}")).with("content-type: application/x-www-form-urlencoded");
    posted.with("sec-fetch-mode: navigate").with("sec-fetch-dest: document")
}

fn socket(target: &str) -> Asking {
    let upgrade = ask(&format!("GET {target}")).with("upgrade: websocket").with("connection: upgrade");
    upgrade.with("sec-websocket-version: 13").with("sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==")
}

impl Asking {
    /// One more header line.
    fn with(mut self, line: &str) -> Asking {
        let (name, value) = line.split_once(": ").expect("name: value");
        let name = HeaderName::try_from(name).expect("a name");
        self.request.headers_mut().append(name, HeaderValue::try_from(value).expect("a value"));
        self
    }

    fn under(mut self, host: &str) -> Asking {
        self.request.headers_mut().insert("host", HeaderValue::try_from(host).expect("a value"));
        self
    }

    /// Through a proxy in `trusted_proxies`.
    fn by_proxy(mut self) -> Asking {
        self.trust.networks = vec!["192.0.2.0/24".parse().expect("a network")];
        self
    }

    fn at_the_door(&self) -> Result<Ask, Malformed> {
        let names = CookieNames { base: "__Host-tokigate".to_owned(), secure: true, drop: Vec::new() };
        let fresh_id = || HeaderValue::from_static("fresh");
        Ask::read(Head::of(&self.request), self.peer, &self.trust, &names, fresh_id)
    }

    fn read(&self) -> Ask {
        self.at_the_door().expect("well-formed")
    }
}

fn settings() -> Settings {
    let header =
        |name, template| (HeaderName::from_static(name), identity::Template::parse(template).expect("readable"));
    Settings {
        public_urls: vec![public_url("https://app.example.mn")],
        extra_hosts: Vec::new(),
        prefix: "/oauth2".to_owned(),
        callback_path: None,
        health_path: None,
        forward_auth_only: false,
        rules: vec![
            rule(&["/assets/**", "/favicon.ico"], Access::Public),
            rule(&["/blog/**"], Access::Optional),
            rule(&["/internal/**"], Access::Deny),
        ],
        identity: Identity {
            headers: vec![
                header("x-forwarded-user", "<user_claim>"),
                header("x-forwarded-preferred-username", "{firstName} {lastName}"),
                header("x-forwarded-email", "email"),
                header("x-forwarded-groups", "groups"),
            ],
            user_claim: "userId".to_owned(),
            access_token: PassOn::Off,
            id_token: PassOn::Off,
        },
        allowed_origins: Vec::new(),
        cors_origins: Vec::new(),
        lifetimes: Lifetimes::default(),
    }
}

fn gate() -> Gate {
    Gate::new(settings())
}

fn gate_with(change: impl FnOnce(&mut Settings)) -> Gate {
    let mut settings = settings();
    change(&mut settings);
    Gate::new(settings)
}

fn public_url(text: &str) -> PublicUrl {
    let (scheme, rest) = text.split_once("://").expect("a scheme");
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    PublicUrl { https: scheme == "https", host: host_of(host), path: path.to_owned() }
}

fn host_of(text: &str) -> Host {
    Host::parse(text.as_bytes()).expect("a host")
}

fn rule(paths: &[&str], access: Access) -> Rule {
    Rule { paths: paths.iter().map(|path| (*path).to_owned()).collect(), access, ..Rule::default() }
}

fn unsure() -> Known {
    Known::Unsure { retry_after: Duration::from_secs(7) }
}

fn known() -> Known {
    Known::User(session())
}

/// What a stranger's request gets.
fn stranger(gate: &Gate, asking: Asking) -> String {
    told(gate, asking, &Known::Nobody)
}

/// What a signed-in user's request gets.
fn user(gate: &Gate, asking: Asking) -> String {
    told(gate, asking, &known())
}

fn told(gate: &Gate, asking: Asking, known: &Known) -> String {
    say(&gate.decide(&asking.read(), Caller { known, bearer: None, signed_out: false, returned: 0 }, NOW))
}

/// What a request of somebody who signed out gets.
fn signed_out(gate: &Gate, asking: Asking) -> String {
    say(&gate.decide(
        &asking.read(),
        Caller { known: &Known::Nobody, bearer: None, signed_out: true, returned: 0 },
        NOW,
    ))
}

/// An action in words; `at N` where it is not the first `public_url`.
fn say(action: &Action) -> String {
    let at = |public_url: usize| if public_url == 0 { String::new() } else { format!(" at {public_url}") };
    let then = |public_url, return_to: &ReturnTo| {
        let refused = if return_to.replaces_refused() { ", rd refused" } else { "" };
        format!("{}, then {}{refused}", at(public_url), return_to.as_str())
    };
    match action {
        Action::Forward(pass) => format!("forward{} for {}", at(pass.public_url()), name_in(pass)),
        Action::Allow(pass) => format!("allow{} for {}", at(pass.public_url()), name_in(pass)),
        Action::Refuse(refusal, form) => {
            let why = match refusal {
                Refusal::SignInNeeded { public_url, return_to, step_up } => {
                    format!("sign-in needed{}{}", asked_for(step_up), then(*public_url, return_to))
                }
                Refusal::StepUpNeeded { rule, unmet, public_url, return_to, step_up } => {
                    let then = then(*public_url, return_to);
                    format!("step-up needed for {unmet:?} by {rule:?}{}{then}", asked_for(step_up))
                }
                Refusal::NotMet { rule, lacks, .. } => format!("{lacks:?} not met, by {rule:?}"),
                Refusal::SessionLost { public_url, return_to } => {
                    format!("session lost{}", then(*public_url, return_to))
                }
                Refusal::Denied { rule } => format!("denied by {rule:?}"),
                Refusal::Unnamed => "unnamed".to_owned(),
                Refusal::ForeignOrigin => "foreign origin".to_owned(),
                Refusal::OriginalUnknown { missing } => format!("unknown original: {missing}"),
                Refusal::NotAllowed => "not allowed".to_owned(),
                Refusal::UnknownParameter(name) => format!("unknown parameter {name}"),
                Refusal::AmbiguousPath { .. } => "ambiguous".to_owned(),
                Refusal::NotFound => "not found".to_owned(),
                Refusal::MethodNotAllowed { allow } => format!("only {allow}"),
                Refusal::Misdirected => "misdirected".to_owned(),
                Refusal::ProviderAway { retry_after } => format!("away for {}", retry_after.as_secs()),
                Refusal::NoNavigation => "no navigation".to_owned(),
                Refusal::TokenNotTaken => "token not taken".to_owned(),
                Refusal::TokenUnclear => "token unclear".to_owned(),
                Refusal::ScopeNeeded { rule } => format!("scope needed by {rule:?}"),
                Refusal::TooManyTokens { retry_after } => format!("too many tokens for {}", retry_after.as_secs()),
            };
            format!("{why} ({form:?})")
        }
        Action::SignIn(sign_in) => {
            let prompt = if sign_in.prompt_login { ", asking again" } else { "" };
            let asked = asked_for(&sign_in.step_up);
            format!("sign in{asked}{}{prompt}", then(sign_in.public_url, &sign_in.return_to))
        }
        Action::ToStart { public_url, return_to } => format!("to start{}", then(*public_url, return_to)),
        Action::Callback => "callback".to_owned(),
        Action::SignOut { public_url, return_to, onward: _ } => format!("sign out{}", then(*public_url, return_to)),
        Action::BackFromSignOut { .. } => "back from sign-out".to_owned(),
        Action::AskSignOut { public_url, return_to } => format!("ask{}", then(*public_url, return_to)),
        Action::SignedOut { public_url, return_to } => format!("signed out{}", then(*public_url, return_to)),
        Action::BackchannelLogout => "back-channel logout".to_owned(),
        Action::FrontchannelLogout { iss_and_sid: Some((iss, sid)) } => format!("front-channel logout {iss} {sid}"),
        Action::FrontchannelLogout { iss_and_sid: None } => "front-channel logout of nobody".to_owned(),
        Action::Preflight { allow } => format!("preflight: {allow}"),
        Action::SessionStatus => "status".to_owned(),
        Action::UserInfo => "user info".to_owned(),
        Action::Health => "health".to_owned(),
        Action::ToPublicUrl { public_url } => format!("to public_url{}", at(*public_url)),
    }
}

/// What a sign-in has to be.
fn asked_for(step_up: &StepUp) -> String {
    let max_age = step_up.max_age.map(|age| format!(" within {}", age.as_secs()));
    let acr = step_up.acr_values().map(|acr| format!(" by {acr}"));
    max_age.into_iter().chain(acr).collect()
}

fn name_in(pass: &Pass) -> &str {
    let user = pass.identity().iter().find(|(name, _)| name == "x-forwarded-user");
    user.map_or("nobody", |(_, name)| name.to_str().expect("visible ASCII"))
}
