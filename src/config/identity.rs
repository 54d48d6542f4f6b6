//! `[identity]`: which headers tell the application who the user is.

use http::HeaderName;

use super::given::shortened;
use super::raw;
use super::raw::{AccessToken, IdToken};
use super::report::Report;
use super::value::{At, Entries, Kind, One};
use crate::gate::identity::Template;
use crate::gate::{Identity, PassOn};
use crate::provider::Preset;

pub fn settings(written: &raw::Configuration, report: &mut Report) -> Identity {
    let preset = written.provider.preset.written().map_or(Preset::default(), |at| at.value.0);
    let access_token = written.identity.access_token.or(One(AccessToken(PassOn::Off)), report).0.0;
    let id_token = written.identity.id_token.or(One(IdToken(PassOn::Off)), report).0.0;
    if access_token == PassOn::Authorization && id_token == PassOn::Authorization {
        report.wrong_key(
            &written.identity.id_token,
            "access_token is put into authorization already; write x-forwarded-id-token",
        );
    }
    Identity {
        headers: headers(written, preset, [access_token, id_token], report),
        user_claim: user_claim(written, preset),
        access_token,
        id_token,
    }
}

/// `[provider] user_claim`: the provider's section reports it.
pub fn user_claim(written: &raw::Configuration, preset: Preset) -> String {
    let default = match preset {
        Preset::Toki => "userId",
        Preset::Oidc | Preset::Oauth2 => "sub",
    };
    written.provider.user_claim.written().map_or(default.to_owned(), |at| at.value.clone())
}

fn headers(
    written: &raw::Configuration,
    preset: Preset,
    [access_token, id_token]: [PassOn; 2],
    report: &mut Report,
) -> Vec<(HeaderName, Template)> {
    let key = &written.identity.headers;
    let Some(at) = key.noted(report).cloned() else {
        let default = default_headers(preset);
        report.value(&key.key, None, shown(&default));
        return default
            .iter()
            .filter_map(|(name, text)| Some((name.parse().ok()?, Template::parse(text).ok()?)))
            .collect();
    };
    let mut headers: Vec<(HeaderName, Template)> = Vec::new();
    for (name, at) in &at.value.0 {
        let header = match header_name(name) {
            Ok(header) => Some(header),
            Err(text) => {
                report.wrong(at, text);
                None
            }
        };
        let template = match template(&at.value) {
            Ok(template) => Some(template),
            Err(text) => {
                report.wrong(at, format!("{:?}: {text}", at.value));
                None
            }
        };
        let (Some(header), Some(template)) = (header, template) else { continue };
        let folded = fold(header.as_str());
        let tokens = [(access_token, ACCESS_TOKEN, "access_token"), (id_token, ID_TOKEN, "id_token")];
        if let Some((earlier, _)) = headers.iter().find(|(earlier, _)| fold(earlier.as_str()) == folded) {
            report.wrong(at, format!("{earlier} is there already; applications do not tell the two apart"));
        } else if let Some((_, _, key)) =
            tokens.iter().find(|(on, token, _)| *on == PassOn::Forwarded && folded == *token)
        {
            report.wrong(at, format!("identity.{key} sends that header already"));
        } else {
            headers.push((header, template));
        }
    }
    headers
}

fn header_name(name: &str) -> Result<HeaderName, String> {
    let header: HeaderName = name.parse().map_err(|_| format!("{name:?} is no name of a header"))?;
    let folded = fold(header.as_str());
    if FORBIDDEN.contains(&folded.as_str()) || FORBIDDEN_PREFIXES.iter().any(|prefix| folded.starts_with(prefix)) {
        return Err(format!(
            "{name} has another meaning in HTTP or for proxies; write a name such as X-Forwarded-User"
        ));
    }
    Ok(header)
}

fn template(text: &str) -> Result<Template, String> {
    let template = Template::parse(text).map_err(|bad| bad.to_string())?;
    for path in template.claims() {
        if path.contains('<') && path != USER_CLAIM {
            return Err(format!("the only name in angle brackets is {USER_CLAIM}"));
        }
        if path.split('.').any(str::is_empty) {
            return Err(format!("{path:?} has an empty part; write claim.part"));
        }
        if path.contains(char::is_whitespace) {
            let parts: Vec<String> = path.split_whitespace().map(|part| format!("{{{part}}}")).collect();
            return Err(format!("a claim has no space in its name; for two claims write {:?}", parts.join(" ")));
        }
    }
    Ok(template)
}

/// A dotted path of claims.
pub fn dotted(at: &At<String>, report: &mut Report) {
    let is_none = |part: &str| part.is_empty() || part.contains(|c: char| c.is_whitespace() || "{}<>".contains(c));
    if at.value.split('.').any(is_none) {
        let text =
            format!("{:?} is no path of claims; write a name, or names with dots between them", shortened(&at.value));
        report.wrong(at, text);
    }
}

fn default_headers(preset: Preset) -> [(&'static str, &'static str); 4] {
    let preferred_username = match preset {
        Preset::Toki => "{firstName} {lastName}",
        Preset::Oidc | Preset::Oauth2 => "preferred_username",
    };
    [
        ("X-Forwarded-User", USER_CLAIM),
        ("X-Forwarded-Email", "email"),
        ("X-Forwarded-Preferred-Username", preferred_username),
        ("X-Forwarded-Groups", "groups"),
    ]
}

fn shown(headers: &[(&str, &str)]) -> String {
    let at = |text: &str| At { key: String::new(), place: super::Place::Nowhere, value: text.to_owned() };
    Entries(headers.iter().map(|(name, text)| ((*name).to_owned(), at(text))).collect()).show()
}

/// As CGI, WSGI, PHP and Rack would confuse them.
fn fold(name: &str) -> String {
    name.to_ascii_lowercase().replace(['_', '.'], "-")
}

const USER_CLAIM: &str = "<user_claim>";
const ACCESS_TOKEN: &str = "x-forwarded-access-token";
const ID_TOKEN: &str = "x-forwarded-id-token";

/// Hop-by-hop and framing (RFC 9110 §7.6.1, RFC 9112 §6), what says where a request goes and whose it is, and what the gate writes itself.
const FORBIDDEN: &[&str] = &[
    "connection",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
    "content-length",
    "content-type",
    "content-encoding",
    "content-range",
    "expect",
    "max-forwards",
    "range",
    "host",
    "cookie",
    "set-cookie",
    "authorization",
    "origin",
    "referer",
    "forwarded",
    "via",
    "date",
    "accept",
    "accept-encoding",
    "traceparent",
    "tracestate",
    "x-request-id",
    "x-real-ip",
    "x-http-method-override",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-forwarded-protocol",
    "x-forwarded-scheme",
    "x-forwarded-ssl",
    "x-forwarded-uri",
    "x-forwarded-method",
    "x-forwarded-prefix",
    "x-original-url",
    "x-original-uri",
    "x-original-method",
    "x-rewrite-url",
    "x-url-scheme",
    "x-scheme",
];

const FORBIDDEN_PREFIXES: &[&str] = &["proxy-", "sec-", "access-control-", "if-"];
