//! The provider's addresses, and the proxy on the way to them.

use url::Url;

use super::given::{quoted, shortened};
use super::raw;
use super::report::Report;
use super::value::{At, Key};
use crate::oidc::metadata::may_be_called;
use crate::oidc::userinfo::Template;
use crate::provider::{Addresses, NoProxy, Preset, Proxy};

/// As written, else as the preset has them (toki.md, "Endpoints").
pub fn addresses(provider: &raw::Provider, preset: Preset, insecure_http: bool, report: &mut Report) -> Addresses {
    let toki = |address: &'static str| Some(address).filter(|_| preset == Preset::Toki);
    let address = |key: &Key<String>, default: Option<&str>, report: &mut Report| {
        let at = match (key.noted(report), default) {
            (Some(at), _) => at.clone(),
            (None, Some(default)) => {
                report.value(&key.key, None, quoted(default));
                return Url::parse(default).ok();
            }
            (None, None) => return None,
        };
        checked(&at, insecure_http, report)
    };
    let authorization_endpoint =
        address(&provider.authorization_endpoint, toki("https://sso.toki.mn/oauth2/authorize"), report);
    let token_endpoint = address(&provider.token_endpoint, toki("https://sso.toki.mn/oauth2/token"), report);
    let jwks_uri = address(&provider.jwks_uri, None, report);
    let end_session_endpoint = address(&provider.end_session_endpoint, None, report);
    let revocation_endpoint = address(&provider.revocation_endpoint, None, report);
    let pushed_authorization_request_endpoint = address(&provider.pushed_authorization_request_endpoint, None, report);
    let userinfo =
        userinfo_endpoint(provider, toki("https://sso.toki.mn/oauth2/userinfo?userId={userId}"), insecure_http, report);
    required(provider, preset, report);
    Addresses {
        issuer: issuer(&provider.issuer, insecure_http, report),
        authorization_endpoint,
        token_endpoint,
        userinfo_endpoint: userinfo,
        jwks_uri,
        end_session_endpoint,
        revocation_endpoint,
        pushed_authorization_request_endpoint,
    }
}

/// What each preset cannot do without.
fn required(provider: &raw::Provider, preset: Preset, report: &mut Report) {
    let keys: &[(&Key<String>, &str)] = match preset {
        Preset::Toki => &[],
        Preset::Oidc => &[(&provider.issuer, "preset oidc discovers everything from it; write issuer = \"https://…\"")],
        Preset::Oauth2 => &[
            (&provider.authorization_endpoint, "preset oauth2 needs it: where browsers are sent"),
            (&provider.token_endpoint, "preset oauth2 needs it: where codes are exchanged"),
        ],
    };
    for (key, text) in keys.iter().filter(|(key, _)| key.is_absent()) {
        report.missing(&key.key, format!("it is missing; {text}"));
    }
}

pub(super) fn checked(at: &At<String>, insecure_http: bool, report: &mut Report) -> Option<Url> {
    match address(&at.value, insecure_http) {
        Ok(url) => Some(url),
        Err(text) => {
            report.wrong(at, text);
            None
        }
    }
}

fn address(text: &str, insecure_http: bool) -> Result<Url, String> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let odd = |c: char| c.is_control() || c.is_whitespace() || c == '\\';
    let Some(url) = url.filter(|_| !text.contains(odd)) else {
        return Err(format!("{} is no address of the web; write https://…", shown(text)));
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a user name or password in it is not taken".to_owned());
    }
    if url.fragment().is_some() {
        return Err(format!("{} has a fragment; leave it out", shown(text)));
    }
    if !may_be_called(&url, insecure_http) {
        return Err(format!(
            "{} is plain http, which only loopback may be; write https://…, or insecure_http = true where the way there is safe",
            shown(text)
        ));
    }
    Ok(url)
}

/// Exactly as written: ID tokens and metadata are compared with it letter for letter (OpenID Connect Discovery §4.3).
pub(super) fn issuer(key: &Key<String>, insecure_http: bool, report: &mut Report) -> Option<String> {
    let at = key.noted(report)?.clone();
    let url = checked(&at, insecure_http, report)?;
    if url.query().is_some() {
        report.wrong(&at, format!("{} has a query, which no issuer has", shown(&at.value)));
    } else if at.value.contains("/.well-known/") {
        let issuer = at.value.split("/.well-known/").next().unwrap_or_default();
        report.wrong(&at, format!("it is the address of the metadata; write {}", quoted(issuer)));
    }
    Some(at.value)
}

fn userinfo_endpoint(
    provider: &raw::Provider,
    default: Option<&str>,
    insecure_http: bool,
    report: &mut Report,
) -> Option<String> {
    let key = &provider.userinfo_endpoint;
    let Some(at) = key.noted(report).cloned() else {
        report_default(key, default, report);
        return default.map(str::to_owned);
    };
    match template(&at.value, insecure_http) {
        Ok(()) => {}
        Err(text) => report.wrong(&at, text),
    }
    Some(at.value)
}

fn report_default(key: &Key<String>, default: Option<&str>, report: &mut Report) {
    if let Some(default) = default {
        report.value(&key.key, None, quoted(default));
    }
}

/// Braces in pairs, a name in each, and none where the host or what stands before it would be chosen.
fn template(text: &str, insecure_http: bool) -> Result<(), String> {
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let named = rest[at..].strip_prefix('{').and_then(|after| after.split_once('}'));
        let Some((_, after)) = named.filter(|(name, _)| !name.is_empty() && !name.contains(['{', ' '])) else {
            return Err(format!(
                "{} has a brace without its other, or nothing between them; write {{userId}}",
                shown(text)
            ));
        };
        rest = after;
    }
    let filled = |with: &str| Template(text).fill(|_| Some(with.to_owned())).ok();
    let (one, two) = (filled("one"), filled("two"));
    let same = |a: &Url, b: &Url| a.origin() == b.origin() && a.username() == b.username();
    if let (Some(one), Some(two)) = (&one, &two)
        && !same(one, two)
    {
        return Err(format!(
            "{} lets the token answer choose the host; write braces in path and query only",
            shown(text)
        ));
    }
    match one {
        Some(url) => address(url.as_str(), insecure_http).map(drop).map_err(|_| {
            // Said of the text as it was written.
            address(&text.replace(['{', '}'], ""), insecure_http).err().unwrap_or_else(|| "it is no address".to_owned())
        }),
        None => Err(format!("{} is no address of the web; write https://…", shown(text))),
    }
}

/// As written, and then for everything beyond this machine; else what the usual variables say.
pub fn proxy(
    provider: &raw::Provider,
    addresses: &Addresses,
    env: &[(String, String)],
    report: &mut Report,
) -> Option<Proxy> {
    let key = &provider.proxy;
    if let Some(at) = key.written().cloned() {
        let address = proxy_address(&at.value);
        match &address {
            Some(url) => report.value(&at.key, Some(&at.place), quoted(&without_password(url))),
            None => report.wrong(&at, "it is no address of a proxy; write http://host:port"),
        }
        return Some(Proxy { address: address?, not_for: NoProxy::default() });
    }
    let variable = |name: &str| env.iter().find(|(known, text)| known.eq_ignore_ascii_case(name) && !text.is_empty());
    let (name, text) = variable("HTTPS_PROXY")?;
    let issuer = addresses.issuer.as_deref().and_then(|issuer| Url::parse(issuer).ok());
    let asked = addresses.token_endpoint.as_ref().or(issuer.as_ref())?;
    let not_for = NoProxy(variable("NO_PROXY").map(|(_, list)| list.clone()).unwrap_or_default());
    if asked.scheme() == "http" || not_for.lists(asked) {
        return None;
    }
    let place = super::Place::Variable(name.clone());
    // `HTTPS_PROXY=proxy:3128` is what many write.
    let address = proxy_address(text).or_else(|| proxy_address(&format!("http://{text}")));
    match &address {
        Some(url) => report.value(&key.key, Some(&place), quoted(&without_password(url))),
        None => {
            let text = "it is no address of a proxy; write http://host:port".to_owned();
            report.problems.push(super::Problem { place, key: key.key.clone(), text });
        }
    }
    Some(Proxy { address: address?, not_for })
}

fn proxy_address(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

fn without_password(url: &Url) -> String {
    let mut shown = url.clone();
    if !url.username().is_empty() || url.password().is_some() {
        let _ = shown.set_username("redacted");
        let _ = shown.set_password(None);
    }
    shown.to_string()
}

fn shown(text: &str) -> String {
    quoted(&shortened(text))
}
