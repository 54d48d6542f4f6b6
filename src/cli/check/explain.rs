//! `tokigate check --explain`: what would happen to a request, and which rule says so.

use std::io;
use std::net::IpAddr;
use std::path::Path;

use http::uri::PathAndQuery;
use http::{HeaderValue, Method};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::{Map, Value};

use super::place;
use crate::cli::Console;
use crate::cli::args::Check;
use crate::clock::{Clock, Timestamp};
use crate::config::{Config, Effective};
use crate::gate::cors::Shared;
use crate::gate::rules::Met;
use crate::gate::{Action, Because, Form, Gate, Outcome, Pass, Refusal, Seen};
use crate::oidc::Subject;
use crate::provider;
use crate::server::answer::{self, Place};
use crate::server::pages::{Language, Voice};
use crate::session::{AtProvider, Claims, Session, SessionId};

/// What `--explain` and `--claims` say.
pub(super) struct Asked {
    method: Method,
    target: PathAndQuery,
    /// `None`: somebody of whom nothing is known but that they signed in.
    claims: Option<Map<String, Value>>,
    /// From where the request comes.
    from: Option<IpAddr>,
    /// Of the page whose script sends it.
    origin: Option<HeaderValue>,
}

impl Asked {
    /// `None`: nothing is.
    pub(super) fn read(args: &Check) -> Option<Result<Asked, String>> {
        args.explain.as_deref().map(|request| Asked::about(request, args))
    }

    fn about(request: &str, args: &Check) -> Result<Asked, String> {
        let malformed = || format!("--explain {request:?} is no request; write --explain 'GET /path'");
        let (method, target) = request.trim().split_once(char::is_whitespace).ok_or_else(malformed)?;
        let method = Method::from_bytes(method.as_bytes()).map_err(|_| malformed())?;
        let target = target.trim();
        if !target.starts_with('/') {
            return Err(malformed());
        }
        // As a browser would send it.
        let target = utf8_percent_encode(target, UNSENT).to_string();
        let target = PathAndQuery::try_from(target).map_err(|_| malformed())?;
        let claims = args.claims.as_deref().map(claims_in).transpose()?;
        Ok(Asked { method, target, claims, from: args.from, origin: args.origin.clone() })
    }
}

fn claims_in(file: &Path) -> Result<Map<String, Value>, String> {
    let told = |why: String| format!("--claims {}: {why}", file.display());
    let text = std::fs::read_to_string(file).map_err(|error| told(error.to_string()))?;
    match serde_json::from_str(&text) {
        Ok(Value::Object(claims)) => Ok(claims),
        Ok(_) => Err(told("it is no JSON object of claims".to_owned())),
        Err(error) => Err(told(format!("it is not JSON: {error}"))),
    }
}

pub(super) fn explain(
    asked: &Asked,
    config: &Config,
    effective: &[Effective],
    file: Option<&Path>,
    console: &mut Console<'_>,
) -> io::Result<()> {
    let mut settings = config.gate.clone();
    // The rules of a gate without an application are those that /auth asks.
    settings.forward_auth_only = false;
    let gate = Gate::new(settings);
    let now = Clock::system().now();
    let user = somebody(asked, &config.provider, now);
    let explanation = gate.explain(&asked.method, &asked.target, asked.from, Some(&user), now);
    let teller = Teller { config, gate: &gate, knows_claims: asked.claims.is_some() };
    let out = &mut console.out;
    writeln!(out, "{} {}\n", asked.method, asked.target)?;
    writeln!(out, "decided by   {}", because(explanation.because, effective, file))?;
    if explanation.because == Because::Ambiguous {
        readings(&explanation.readings, effective, file, out)?;
    }
    writeln!(out, "a stranger   {}", teller.tell(&explanation.stranger))?;
    if let Some(action) = &explanation.user {
        writeln!(out, "a user       {}", teller.tell(action))?;
    }
    if let Some(origin) = &asked.origin {
        let carries = !config.upstreams.is_empty();
        let action = gate.explain_preflight(&asked.method, &asked.target, asked.from, origin.clone(), carries, now);
        let listed = matches!(gate.shared_with(Some(origin)), Shared::With(_));
        let unlisted = if listed { "" } else { ": cors.origins does not list this origin" };
        writeln!(out, "a preflight  {}{unlisted}", teller.tell(&action))?;
    }
    for (index, seen) in explanation.conditions.iter().enumerate() {
        let title = if index == 0 { "conditions" } else { "" };
        writeln!(out, "{title:<12} {:<16} {}", seen.condition, saw(seen, asked, &user, now))?;
    }
    Ok(())
}

fn because(because: Because, effective: &[Effective], file: Option<&Path>) -> String {
    match because {
        Because::Rule(index) => rule(index, effective, file),
        Because::Default => "no rule: none matches, so a signed-in user is needed".to_owned(),
        Because::Ambiguous => {
            "no rule alone: different readings of this path meet different rules, or nobody knows how it will be read"
                .to_owned()
        }
        Because::Own => "the gate itself: the address is one of its own (prefix, callback_path)".to_owned(),
        Because::Health => "health_path".to_owned(),
        Because::NotServed => "public_url: the address is outside its path".to_owned(),
    }
}

fn rule(index: usize, effective: &[Effective], file: Option<&Path>) -> String {
    let key = format!("rules[{index}]");
    match effective.iter().find(|effective| effective.key == key) {
        Some(rule) => format!("{key}, {}: {}", place(&rule.origin, file), rule.value),
        None => key,
    }
}

/// Which readings meet which rules; one for each rule is enough.
fn readings(met: &[Met], effective: &[Effective], file: Option<&Path>, out: &mut dyn io::Write) -> io::Result<()> {
    if met.is_empty() {
        return writeln!(out, "readings     more than are followed");
    }
    let shown = |reading: &str| reading.replace(char::is_control, "\u{fffd}");
    let width = met.iter().map(|met| shown(&met.reading).chars().count()).max().unwrap_or_default();
    for (index, met) in met.iter().enumerate() {
        let title = if index == 0 { "readings" } else { "" };
        let rule = met.rule.map_or_else(|| "no rule".to_owned(), |index| rule(index, effective, file));
        writeln!(out, "{title:<12} {:<width$}  {rule}", shown(&met.reading))?;
    }
    Ok(())
}

/// What a condition saw: this is the one place that shows claims, those of the file that was given.
fn saw(seen: &Seen, asked: &Asked, user: &Session, now: Timestamp) -> String {
    let outcome = match seen.outcome {
        Outcome::Held => "held",
        Outcome::NotHeld => "not held",
        Outcome::Missing => "",
        Outcome::Unverified => "not held: email_verified is false, beside",
    };
    let value = match &*seen.condition {
        "from" => asked.from.map(|address| address.to_string()).ok_or("nobody said from where: --from ADDR"),
        "max_age" => {
            let ago = user.auth_time.map(|then| format!("signed in {} s ago (auth_time)", now.since(then).as_secs()));
            ago.ok_or("auth_time is missing")
        }
        "acr_values" => user.at_provider.acr().map(|acr| format!("{acr:?}")).ok_or("acr is missing"),
        claim => {
            let claim = claim.strip_prefix("require.").unwrap_or(claim);
            let missing = if asked.claims.is_some() { "claim missing" } else { "claim missing: --claims FILE" };
            user.claims.to_json().get(claim).map(Value::to_string).ok_or(missing)
        }
    };
    match value {
        Ok(value) if seen.outcome != Outcome::Missing => format!("{outcome}: {value}"),
        Ok(_) => "claim missing".to_owned(),
        Err(missing) => missing.to_owned(),
    }
}

/// Signed in this moment (or when the claims say), with these claims.
fn somebody(asked: &Asked, provider: &provider::Settings, now: Timestamp) -> Session {
    let nothing = Map::new();
    let said = asked.claims.as_ref().unwrap_or(&nothing);
    let claims = unwrapped(said, provider.userinfo_path.as_deref());
    let name = [claims, said].into_iter().find_map(|place| match place.get(&provider.user_claim) {
        Some(Value::String(name)) => Some(name.clone()),
        Some(Value::Number(name)) => Some(name.to_string()),
        _ => None,
    });
    let unsaid = format!("<{}>", provider.user_claim);
    let user = Subject::parse(name.as_deref().unwrap_or(&unsaid)).or_else(|_| Subject::parse(&unsaid));
    let expires_at = now + provider.lifetimes.lifetime;
    Session {
        id: SessionId::from_bytes([0; 16]),
        generation: 0,
        user: user.expect("a claim's name in brackets is a name"),
        created_at: now,
        expires_at,
        seen_at: now,
        auth_time: Some(said.get("auth_time").and_then(Value::as_u64).map_or(now, Timestamp::from_unix_seconds)),
        token_issued_at: now,
        token_expires_at: expires_at,
        refreshable: false,
        claims: Claims::select(claims, provider.wanted_claims.iter().map(String::as_str)),
        at_provider: AtProvider::new(None, None, said.get("acr").and_then(Value::as_str)),
    }
}

/// What is inside the envelope, where there is one.
fn unwrapped<'c>(said: &'c Map<String, Value>, path: Option<&str>) -> &'c Map<String, Value> {
    let Some(path) = path else { return said };
    path.split('.').try_fold(said, |place, step| place.get(step)?.as_object()).unwrap_or(said)
}

/// Says what an action comes to.
struct Teller<'a> {
    config: &'a Config,
    gate: &'a Gate,
    knows_claims: bool,
}

impl Teller<'_> {
    fn tell(&self, action: &Action) -> String {
        match action {
            Action::Forward(pass) => self.passes(pass),
            Action::Allow(pass) => format!("is allowed (forward-auth){}", self.named(pass)),
            Action::Refuse(refusal, form) => self.refused(refusal, *form),
            Action::SignIn(sign_in) => {
                let back = self.gate.address(sign_in.public_url, Some(&sign_in.return_to));
                format!("is sent to the provider to sign in, and then comes back to {back}")
            }
            Action::ToStart { public_url, .. } => {
                format!("is redirected to {}", self.gate.start_address(*public_url))
            }
            Action::Callback => "comes from the provider: the sign-in goes on".to_owned(),
            Action::SignOut { .. } => "is signed out".to_owned(),
            Action::BackFromSignOut { .. } => {
                "is shown the signed-out page, back from the provider's own sign-out".to_owned()
            }
            Action::AskSignOut { .. } => "is asked whether to sign out".to_owned(),
            Action::SignedOut { .. } => "is shown the signed-out page".to_owned(),
            Action::BackchannelLogout => "says which sessions have ended, where it is the provider's".to_owned(),
            Action::FrontchannelLogout { iss_and_sid: Some(_) } => "ends the session of that sid".to_owned(),
            Action::FrontchannelLogout { iss_and_sid: None } => "ends nothing: 400 without iss and sid".to_owned(),
            Action::Preflight { .. } => "is told what scripts of cors.origins may send there".to_owned(),
            Action::SessionStatus => "is told about the session, as JSON; without one, 401".to_owned(),
            Action::UserInfo => {
                "is told the user's claims that [identity] names, as JSON; without a session, 401".to_owned()
            }
            Action::Health => "is told whether the gate is ready".to_owned(),
            Action::ToPublicUrl { public_url } => {
                format!("is redirected to {}", self.gate.address(*public_url, None))
            }
        }
    }

    fn passes(&self, pass: &Pass) -> String {
        match self.config.upstreams.get(pass.upstream()) {
            Some(upstream) => format!("reaches {}{}", upstream.address, self.named(pass)),
            None => format!("is allowed (forward-auth){}", self.named(pass)),
        }
    }

    fn named(&self, pass: &Pass) -> String {
        if pass.session().is_none() {
            return ", in nobody's name".to_owned();
        }
        let mut lines: Vec<_> = pass
            .identity()
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap_or_default()))
            .collect();
        if !self.knows_claims {
            lines.push("(and those whose claims the user has: --claims FILE)".to_owned());
        }
        if pass.wants_tokens() {
            lines.push("(and the tokens that [identity] passes on)".to_owned());
        }
        format!(", with\n{INDENT}{}", lines.join(&format!("\n{INDENT}")))
    }

    /// Status and reason are what the gate would answer and log.
    fn refused(&self, refusal: &Refusal, form: Form) -> String {
        let gate = &self.config.gate;
        let asked = answer::Asked {
            form,
            head: true,
            language: Language::default(),
            request_id: &HeaderValue::from_static("explain"),
            user: None,
            voice: &Voice::default(),
            places: &gate.public_urls.iter().map(|url| Place::of(url, &gate.prefix)).collect::<Vec<_>>(),
            public_url: 0,
        };
        let response = answer::refusal(refusal, &asked);
        let reason = answer::reason(&response).unwrap_or_default();
        format!("gets {} ({reason})", response.status())
    }
}

const INDENT: &str = "               ";
/// What a browser encodes before it sends a path and query (WHATWG URL, path percent-encode set, less what has a meaning here).
const UNSENT: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'`').add(b'{').add(b'}');
