//! What browsers see: addresses, hosts, and the gate's own paths below them.

use url::Url;

use super::given::quoted;
use super::paths;
use super::raw;
use super::report::Report;
use super::value::{At, Key};
use crate::gate::PublicUrl;
use crate::wire::Host;

/// Where the gate is seen, and where its own endpoints are.
pub struct Places {
    /// None where none of them could be read.
    pub public_urls: Vec<PublicUrl>,
    pub extra_hosts: Vec<Host>,
    pub prefix: String,
    pub callback_path: Option<String>,
    pub health_path: Option<String>,
}

pub const DEFAULT_PREFIX: &str = "/oauth2";

impl Places {
    /// Every address is plain http, which only loopback may be. Not where none could be read.
    pub fn is_plain(&self) -> bool {
        !self.public_urls.is_empty() && self.public_urls.iter().all(|url| !url.https)
    }
}

pub fn places(written: &raw::Configuration, report: &mut Report) -> Places {
    let public_urls = public_urls(written, report);
    let places = Places {
        extra_hosts: extra_hosts(written, report),
        prefix: prefix(&written.prefix, report),
        callback_path: own_path(&written.provider.callback_path, report),
        health_path: own_path(&written.health_path, report),
        public_urls,
    };
    keep_apart(written, &places, report);
    places
}

fn public_urls(written: &raw::Configuration, report: &mut Report) -> Vec<PublicUrl> {
    let key = &written.public_url;
    let Some(at) = key.noted(report).cloned() else {
        if key.is_absent() {
            report.missing(
                "public_url",
                "it is missing; write public_url = \"https://app.example.mn\": what browsers see",
            );
        }
        return Vec::new();
    };
    let mut urls: Vec<PublicUrl> = Vec::new();
    for at in &at.value.0 {
        match public_url(&at.value) {
            Err(text) => report.wrong(at, text),
            Ok(url) if urls.contains(&url) => report.wrong(at, "it is there twice"),
            Ok(url) if urls.first().is_some_and(|first| first.https != url.https) => {
                report.wrong(at, "http and https together are not taken: cookies of the one do not reach the other");
            }
            Ok(url) => urls.push(url),
        }
    }
    urls
}

/// An address of the web as browsers write it: host in lower case and punycode, path percent-encoded.
fn public_url(text: &str) -> Result<PublicUrl, String> {
    let odd = |c: char| c.is_control() || c.is_whitespace() || c == '\\';
    let url = Url::parse(text).ok().filter(|_| !text.contains(odd));
    let Some(url) = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host()) else {
        let host = text.trim_start_matches('/');
        let guess =
            Host::parse(host.as_bytes()).map_or("https://app.example.mn".to_owned(), |host| format!("https://{host}"));
        return Err(format!("{} is no address of the web; write {guess}", shown(text)));
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a user name or password in it is not taken".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!("{} has a query or fragment; leave it out", shown(text)));
    }
    let name = url.host_str().unwrap_or_default();
    let host = Host::parse(name.as_bytes()).map(|host| Host { port: url.port(), ..host });
    let Some(host) = host else { return Err(format!("{} has no host that a browser sends", shown(text))) };
    let path = url.path().trim_end_matches('/').to_owned();
    // Browsers encode more than letters beyond ASCII, and those are the only ones that have one reading when encoded.
    if path.split('/').skip(1).any(str::is_empty) || path.contains([';', '*']) || has_encoded_ascii(&path) {
        return Err(format!("{} has a path that can be read in several ways; write plain segments", shown(text)));
    }
    let https = url.scheme() == "https";
    if !https && !host.is_loopback() {
        return Err(format!(
            "{} is plain http beyond loopback, where cookies travel in the clear; write https://{host}{path}",
            shown(text)
        ));
    }
    Ok(PublicUrl { https, host, path })
}

fn has_encoded_ascii(path: &str) -> bool {
    path.split('%')
        .skip(1)
        .any(|rest| !rest.starts_with(['8', '9', 'a', 'b', 'c', 'd', 'e', 'f', 'A', 'B', 'C', 'D', 'E', 'F']))
}

fn extra_hosts(written: &raw::Configuration, report: &mut Report) -> Vec<Host> {
    let mut hosts = Vec::new();
    for at in written.extra_hosts.or(Vec::new(), report) {
        match Host::parse(at.value.as_bytes()) {
            Some(host) => hosts.push(host),
            None => {
                report.wrong(&at, format!("{} is no host; write app.svc.local or app.svc.local:4180", shown(&at.value)))
            }
        }
    }
    hosts
}

fn prefix(key: &Key<String>, report: &mut Report) -> String {
    let prefix = key.or(DEFAULT_PREFIX.to_owned(), report);
    match paths::wrong(&prefix) {
        Some(text) => {
            report.wrong_key(key, text);
            DEFAULT_PREFIX.to_owned()
        }
        None => prefix,
    }
}

fn own_path(key: &Key<String>, report: &mut Report) -> Option<String> {
    let at = key.noted(report)?.clone();
    if let Some(text) = paths::wrong(&at.value) {
        report.wrong(&at, text);
        return None;
    }
    Some(at.value)
}

/// No address of the gate's own hides another, or the application.
fn keep_apart(written: &raw::Configuration, places: &Places, report: &mut Report) {
    let callback = written.provider.callback_path.written().filter(|_| places.callback_path.is_some());
    let health = written.health_path.written().filter(|_| places.health_path.is_some());
    let urls = &places.public_urls;
    if let Some(at) = callback {
        if let Some(text) = urls.iter().find_map(|url| wrong_callback(&at.value, url, &places.prefix)) {
            report.wrong(at, text);
        } else if let Some(url) = urls.iter().find(|url| !paths::is_below(&at.value, &url.path)) {
            let path = &url.path;
            report.warn(
                at,
                format!("it is outside public_url's path {path}: what stands in front must send it here, too"),
            );
        }
    }
    if let Some(at) = health {
        let callback = callback.map(|callback| callback.value.as_str());
        if let Some(text) = urls.iter().find_map(|url| wrong_health(&at.value, url, &places.prefix, callback)) {
            report.wrong(at, text);
        }
    }
    for at in written.public_url.written().into_iter().flat_map(|written| &written.value.0) {
        let Ok(url) = public_url(&at.value) else { continue };
        let hides =
            |other: &&PublicUrl| other.host == url.host && paths::is_below(&url.path, &own(other, &places.prefix));
        if let Some(other) = urls.iter().find(hides) {
            let own = own(other, &places.prefix);
            report.wrong(
                at,
                format!("its path is below {own}, where the gate's own endpoints are; write another prefix"),
            );
        }
    }
}

/// Where the gate's own endpoints are.
fn own(url: &PublicUrl, prefix: &str) -> String {
    format!("{}{prefix}", url.path)
}

fn wrong_callback(path: &str, url: &PublicUrl, prefix: &str) -> Option<String> {
    let own = own(url, prefix);
    if path.eq_ignore_ascii_case(&url.path) {
        return Some(format!("{} is the application's own root; write {own}/callback", shown(path)));
    }
    let name = path.get(own.len()..).filter(|_| paths::is_below(path, &own))?;
    let is_taken = TAKEN.iter().any(|taken| name.eq_ignore_ascii_case(taken));
    is_taken.then(|| format!("{} is one of the gate's own endpoints; write {own}/callback", shown(path)))
}

fn wrong_health(path: &str, url: &PublicUrl, prefix: &str, callback: Option<&str>) -> Option<String> {
    let own = own(url, prefix);
    if paths::is_below(path, &own) {
        return Some(format!("{} is below prefix {own}; write a path outside it", shown(path)));
    }
    if path.eq_ignore_ascii_case(&url.path) {
        return Some(format!("{} is the application's own root; write a longer path", shown(path)));
    }
    let is_callback = callback.is_some_and(|callback| path.eq_ignore_ascii_case(callback));
    is_callback.then(|| "provider.callback_path is the same path; write another".to_owned())
}

pub fn allowed_origins(written: &raw::Configuration, report: &mut Report) -> Vec<String> {
    let mut origins = Vec::new();
    for at in written.allowed_origins.or(Vec::new(), report) {
        match origin(&at) {
            Some(origin) => origins.push(origin),
            None => report.wrong(
                &at,
                format!(
                    "{} is no origin; write scheme, host and port alone: https://other.example.mn",
                    shown(&at.value)
                ),
            ),
        }
    }
    origins
}

/// As browsers write it: lower case, default port left out. Also those of applications that are no web pages (`capacitor://localhost`).
pub(super) fn origin(at: &At<String>) -> Option<String> {
    let text = at.value.strip_suffix('/').unwrap_or(&at.value);
    let url = Url::parse(text).ok()?;
    let host = url.host_str().filter(|host| !host.is_empty() && !host.contains('*'))?;
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let origin = format!("{}://{}{port}", url.scheme(), host.to_ascii_lowercase());
    // Nothing but the origin was written, up to case, punycode and a default port.
    let is_bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
    let is_plain = url.username().is_empty() && url.password().is_none() && !text.contains(['\\', ' ', '\t', '\n']);
    (is_bare && is_plain && text.contains("://")).then_some(origin)
}

pub(super) fn shown(text: &str) -> String {
    quoted(&super::given::shortened(text))
}

/// Addresses below the prefix that are not the callback's (interface.md, "Endpoints of the gate").
const TAKEN: [&str; 15] = [
    "",
    "/start",
    "/login",
    "/sign_in",
    "/sign_out",
    "/logout",
    "/auth",
    "/auth/redirect",
    "/userinfo",
    "/session",
    "/refresh",
    "/backchannel_logout",
    "/frontchannel_logout",
    "/jwks.json",
    "/client.js",
];
