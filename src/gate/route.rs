//! Which `public_url`, and which of the gate's own endpoints.

use http::Method;

use super::path::{Readings, is_plain};
use super::pattern::Pattern;
use super::{Gate, Refusal, Settings};
use crate::wire::{Ask, Host, Wants};

/// One `public_url`: what browsers see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    pub https: bool,
    pub host: Host,
    /// The path the application lives under: empty, or `/app` without a slash at its end.
    pub path: String,
}

impl PublicUrl {
    /// `https://app.example.mn` or `http://localhost:4180`: no path, the default port left out.
    pub fn origin(&self) -> String {
        let (scheme, default) = if self.https { ("https", 443) } else { ("http", 80) };
        let host = Host { name: self.host.name.clone(), port: self.host.port.filter(|port| *port != default) };
        format!("{scheme}://{host}")
    }

    /// The port as the application is told it.
    pub fn port(&self) -> u16 {
        self.host.port.unwrap_or(if self.https { 443 } else { 80 })
    }
}

/// A `public_url` and what hangs on it.
#[derive(Clone, Debug)]
pub(in crate::gate) struct Site {
    pub(in crate::gate) url: PublicUrl,
    pub(in crate::gate) origin: String,
    /// `<path><prefix>`: the gate's own endpoints are below.
    pub(in crate::gate) own: String,
    /// The callback, a whole path.
    pub(in crate::gate) callback: String,
}

/// The `public_url` a request counts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::gate) struct At {
    pub(in crate::gate) public_url: usize,
    /// It came under one of `extra_hosts`: no redirect, ever.
    pub(in crate::gate) machine: bool,
}

/// Where a request goes.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::gate) enum Route {
    Health,
    Own(At, Endpoint),
    /// A preflight to one of them, from one of `[cors] origins`.
    Ahead(Endpoint),
    Application(At),
    /// A page load under another loopback name of this `public_url`'s port.
    OtherName(usize),
    Nowhere(Refusal),
}

/// The gate's own endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::gate) enum Endpoint {
    Start,
    Callback,
    SignOut,
    SignedOut,
    Auth,
    AuthRedirect,
    UserInfo,
    Session,
    Refresh,
    BackchannelLogout,
    FrontchannelLogout,
}

impl Endpoint {
    /// By its address below the prefix, exactly as sent: no second reading is an endpoint (security.md C-21).
    fn named(name: &str) -> Option<Endpoint> {
        match name {
            "/start" | "/login" | "/sign_in" => Some(Endpoint::Start),
            "/sign_out" | "/logout" => Some(Endpoint::SignOut),
            "/signed_out" => Some(Endpoint::SignedOut),
            "/auth" => Some(Endpoint::Auth),
            "/auth/redirect" => Some(Endpoint::AuthRedirect),
            "/userinfo" => Some(Endpoint::UserInfo),
            "/session" => Some(Endpoint::Session),
            "/refresh" => Some(Endpoint::Refresh),
            "/backchannel_logout" => Some(Endpoint::BackchannelLogout),
            "/frontchannel_logout" => Some(Endpoint::FrontchannelLogout),
            _ => None,
        }
    }

    /// As `Allow` has it.
    pub(in crate::gate) fn methods(self) -> &'static str {
        match self {
            // Not HEAD: it would start an attempt, or spend a code, that nobody goes on with.
            Endpoint::Start | Endpoint::Callback | Endpoint::SignedOut | Endpoint::FrontchannelLogout => "GET",
            Endpoint::SignOut => "GET, POST",
            Endpoint::Auth | Endpoint::AuthRedirect | Endpoint::UserInfo | Endpoint::Session => "GET, HEAD",
            Endpoint::Refresh | Endpoint::BackchannelLogout => "POST",
        }
    }

    /// What scripts ask, and read the answer of.
    fn is_for_scripts(self) -> bool {
        match self {
            Endpoint::UserInfo | Endpoint::Session | Endpoint::Refresh => true,
            Endpoint::Start
            | Endpoint::Callback
            | Endpoint::SignOut
            | Endpoint::SignedOut
            | Endpoint::Auth
            | Endpoint::AuthRedirect
            | Endpoint::BackchannelLogout
            | Endpoint::FrontchannelLogout => false,
        }
    }

    fn at(self, at: At, method: &Method) -> Route {
        let allow = self.methods();
        if allow.split(", ").any(|allowed| allowed == method.as_str()) {
            Route::Own(at, self)
        } else {
            Route::Nowhere(Refusal::MethodNotAllowed { allow })
        }
    }
}

impl Site {
    pub(in crate::gate) fn new(url: &PublicUrl, settings: &Settings) -> Site {
        let own = format!("{}{}", url.path, settings.prefix);
        let callback = settings.callback_path.clone().unwrap_or_else(|| format!("{own}/callback"));
        Site { origin: url.origin(), url: url.clone(), own, callback }
    }

    /// Whether a path is the `public_url`'s own or below it, by whole segments.
    pub(in crate::gate) fn holds(&self, path: &[u8]) -> bool {
        is_below(path, &self.url.path)
    }

    /// Whether a path is, as sent, one of the gate's own, known or not.
    pub(in crate::gate) fn is_own(&self, path: &[u8]) -> bool {
        is_below(path, &self.own) || path == self.callback.as_bytes()
    }

    /// Whether an application that folds case could take a reading for one of the gate's own.
    pub(in crate::gate) fn reads_as_own(&self, reading: &[u8]) -> bool {
        is_below(&reading.to_ascii_lowercase(), &self.own.to_ascii_lowercase())
            || reading.eq_ignore_ascii_case(self.callback.as_bytes())
    }

    /// The gate's own addresses, which no rule opens.
    pub(in crate::gate) fn own_patterns(&self) -> [Pattern; 2] {
        [Pattern::below(&self.own), Pattern::exactly(&self.callback)]
    }

    fn answers_to(&self, host: &Host, forgets_port: bool) -> bool {
        let default = if self.url.https { 443 } else { 80 };
        let same_port = host.port_or(default) == self.url.port() || (forgets_port && host.port.is_none());
        host.name == self.url.host.name && same_port
    }
}

fn is_below(path: &[u8], base: &str) -> bool {
    path.strip_prefix(base.as_bytes()).is_some_and(|rest| base.is_empty() || rest.is_empty() || rest.starts_with(b"/"))
}

impl Gate {
    pub(in crate::gate) fn route(&self, ask: &Ask) -> Route {
        let path = ask.path();
        let reads = ask.method == Method::GET || ask.method == Method::HEAD;
        if reads && self.settings.health_path.as_deref() == Some(path) {
            return Route::Health;
        }
        let asked_about = ask.original.as_deref().filter(|_| self.is_auth(path));
        let host = asked_about.and_then(|original| original.host.as_ref()).unwrap_or(&ask.host);
        match self.place(host, path, self.forgets_port(ask)) {
            Place::Site(public_url) => self.below(At { public_url, machine: false }, ask),
            Place::Machine if self.sites[0].holds(path.as_bytes()) => {
                self.below(At { public_url: 0, machine: true }, ask)
            }
            // A proxy that asks under the gate's own address tells the one thing there is to tell.
            Place::Unknown if asked_about.is_some() && self.sites.len() == 1 => {
                self.below(At { public_url: 0, machine: false }, ask)
            }
            Place::Machine | Place::Outside => Route::Nowhere(Refusal::NotFound),
            Place::Unknown => self.misdirected(ask),
        }
    }

    /// The `public_url` whose addresses an answer to this request names; the first where it counts to none.
    pub fn matched(&self, ask: &Ask) -> usize {
        match self.place(&ask.host, ask.path(), self.forgets_port(ask)) {
            Place::Site(index) => index,
            Place::Machine | Place::Outside | Place::Unknown => 0,
        }
    }

    /// Which `public_url` a host and path belong to: of several with this host the one with the longest path.
    pub(in crate::gate) fn place(&self, host: &Host, path: &str, forgets_port: bool) -> Place {
        let named = || self.sites.iter().enumerate().filter(|(_, site)| site.answers_to(host, forgets_port));
        let holding =
            named().filter(|(_, site)| site.holds(path.as_bytes())).max_by_key(|(_, site)| site.url.path.len());
        if let Some((index, _)) = holding {
            return Place::Site(index);
        }
        // The callback may have been registered outside the path.
        if let Some((index, _)) = named().find(|(_, site)| site.callback == path) {
            return Place::Site(index);
        }
        if named().next().is_some() {
            return Place::Outside;
        }
        let is_extra = |extra: &&Host| extra.name == host.name && (extra.port.is_none() || extra.port == host.port);
        if self.settings.extra_hosts.iter().any(|extra| is_extra(&extra)) { Place::Machine } else { Place::Unknown }
    }

    /// Proxies often name the host without its port (nginx `$host`).
    pub(in crate::gate) fn forgets_port(&self, ask: &Ask) -> bool {
        ask.trusted || ask.original.is_some()
    }

    pub(in crate::gate) fn is_auth(&self, path: &str) -> bool {
        self.sites.iter().any(|site| {
            let name = path.strip_prefix(site.own.as_str()).and_then(Endpoint::named);
            matches!(name, Some(Endpoint::Auth | Endpoint::AuthRedirect))
        })
    }

    /// Whether the provider sends browsers to this path with what nobody else is to know: a code, or its own name of a session. By the address alone: HEAD
    /// of it, or the same under another host, brings that as well.
    pub fn is_told_in_confidence(&self, path: &str) -> bool {
        self.sites.iter().any(|site| {
            let named = path.strip_prefix(site.own.as_str()).and_then(Endpoint::named);
            path == site.callback || named == Some(Endpoint::FrontchannelLogout)
        })
    }

    fn below(&self, at: At, ask: &Ask) -> Route {
        let path = ask.path();
        let site = &self.sites[at.public_url];
        if path == site.callback && !at.machine {
            return Endpoint::Callback.at(at, &ask.method);
        }
        if let Some(name) = path.strip_prefix(site.own.as_str()).filter(|name| name.is_empty() || name.starts_with('/'))
        {
            match Endpoint::named(name) {
                Some(endpoint) if endpoint.is_for_scripts() && self.is_let_ahead(ask) => return Route::Ahead(endpoint),
                Some(endpoint) => return endpoint.at(at, &ask.method),
                None => {}
            }
            // `/oauth2/../x` is the application's business: closed by default, like every other reading.
            let stays = is_plain(path)
                || Readings::of(path)
                    .is_ok_and(|readings| readings.all.iter().all(|reading| is_below(reading, &site.own)));
            if stays {
                return Route::Nowhere(Refusal::NotFound);
            }
        }
        if self.settings.forward_auth_only { Route::Nowhere(Refusal::NotFound) } else { Route::Application(at) }
    }

    fn misdirected(&self, ask: &Ask) -> Route {
        let other_name = |site: &Site| {
            let default = if site.url.https { 443 } else { 80 };
            site.url.host.is_loopback() && site.url.port() == ask.host.port_or(default)
        };
        match self.sites.iter().position(other_name) {
            Some(index) if ask.wants == Wants::Page && ask.host.is_loopback() => Route::OtherName(index),
            Some(_) | None => Route::Nowhere(Refusal::Misdirected),
        }
    }
}

/// What a host and a path name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::gate) enum Place {
    Site(usize),
    /// One of `extra_hosts`.
    Machine,
    /// The host is known, the path is outside every `public_url` it has.
    Outside,
    Unknown,
}
