//! What should happen? `Gate::decide` is the product: it opens no socket, reads no clock, draws no random number.

pub mod action;
mod application;
mod bearer;
pub mod cors;
mod explain;
mod forward_auth;
pub mod identity;
mod own;
mod path;
mod pattern;
pub mod return_to;
pub mod route;
pub mod rules;

pub use action::{Action, Form, Lacks, Pass, Refusal, SignIn};
pub use bearer::Bearer;
pub use explain::{Because, Outcome, Seen};
pub use return_to::ReturnTo;
pub use route::PublicUrl;

use std::time::Duration;

use http::HeaderName;

use self::forward_auth::Allowed;
use self::route::{Endpoint, Route, Site};
use self::rules::{Access, Met, Rules, Verdict};
use crate::clock::Timestamp;
use crate::session::{Freshness, Lifetimes, Session};
use crate::wire::{Ask, Host, Wants};

/// Who asks, as far as is known. As many variants as there are cases.
#[derive(Clone, Debug, PartialEq)]
pub enum Known {
    /// No session cookie came.
    Nobody,
    User(Session),
    /// A session cookie came, and it is no session (forged, over, ended, of another key): same answer whatever is wrong with it.
    Unreadable,
    /// A session whose token has run out while the provider cannot be reached, longer than `outage_grace`: 503, and the cookies stay.
    Unsure {
        retry_after: Duration,
    },
}

/// What the decision knows of the caller.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a> {
    pub known: &'a Known,
    /// What became of the access token that came, where the gate wanted to know ([`Gate::wants_token`]).
    pub bearer: Option<&'a Bearer>,
    /// The signed-out marker came: page loads show the signed-out page instead of signing in silently.
    pub signed_out: bool,
    /// How often this browser came back from the provider in the last minute.
    pub returned: u8,
}

/// Should the access token be refreshed for this request, and does the request wait for it?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    No,
    /// At the same time as the call to the application.
    Beside,
    /// Before anything else: the token has run out (or has under 30 s left and is passed on).
    First,
}

/// `[identity]` as the gate needs it.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Header and template, in the order written.
    pub headers: Vec<(HeaderName, identity::Template)>,
    /// The claim that names the user; its header is never missing.
    pub user_claim: String,
    pub access_token: PassOn,
    pub id_token: PassOn,
}

/// `[identity] access_token`, `id_token`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum PassOn {
    #[default]
    Off,
    /// `X-Forwarded-Access-Token` (`X-Forwarded-Id-Token`).
    Forwarded,
    Authorization,
}

/// What the gate is made of; filled by `config`.
#[derive(Clone, Debug)]
pub struct Settings {
    /// At least one; the first is where `extra_hosts` count.
    pub public_urls: Vec<PublicUrl>,
    pub extra_hosts: Vec<Host>,
    /// Begins with `/`, does not end with it: below each `public_url`'s path.
    pub prefix: String,
    /// `[provider] callback_path` where it was written: a whole path. Else `<path of public_url><prefix>/callback`.
    pub callback_path: Option<String>,
    pub health_path: Option<String>,
    /// No `upstream`: forward-auth only, everything else is 404.
    pub forward_auth_only: bool,
    pub rules: Vec<rules::Rule>,
    pub identity: Identity,
    /// For WebSockets.
    pub allowed_origins: Vec<String>,
    /// `[cors] origins`, as browsers write them.
    pub cors_origins: Vec<String>,
    pub lifetimes: Lifetimes,
}

/// The decision, compiled.
pub struct Gate {
    pub settings: Settings,
    sites: Vec<Site>,
    rules: Rules,
}

impl Gate {
    /// `settings.public_urls` holds at least one.
    pub fn new(settings: Settings) -> Gate {
        let sites: Vec<Site> = settings.public_urls.iter().map(|url| Site::new(url, &settings)).collect();
        let rules = Rules::new(&settings.rules, sites.iter().flat_map(Site::own_patterns).collect());
        Gate { settings, sites, rules }
    }

    /// What shall happen: the product.
    pub fn decide(&self, ask: &Ask, caller: Caller<'_>, now: Timestamp) -> Action {
        match self.route(ask) {
            Route::Health => Action::Health,
            Route::Own(at, endpoint) => self.own(at, endpoint, ask, caller, now),
            Route::Ahead(endpoint) => Action::Preflight { allow: endpoint.methods() },
            Route::Application(at) => self.application(at, ask, caller, now, &Allowed::default()),
            Route::OtherName(public_url) => Action::ToPublicUrl { public_url },
            Route::Nowhere(refusal) if self.is_auth(ask.path()) => {
                Action::Refuse(refusal, forward_auth::no_success(Form::of(ask.wants)))
            }
            Route::Nowhere(refusal) => Action::Refuse(refusal, Form::of(ask.wants)),
        }
    }

    /// Whether a refresh is due for this request (issue 2 §4). Only an expired token makes it wait, or one that is passed on and has too little
    /// left; in the first half of the window only page loads start one; public paths and the gate's own addresses never, but
    /// `/refresh`, and `/auth` as its original request would.
    pub fn renewal(&self, ask: &Ask, session: &Session, now: Timestamp) -> Renewal {
        if !session.refreshable {
            return Renewal::No;
        }
        let due = match session.freshness(&self.settings.lifetimes, now) {
            Freshness::Over => return Renewal::No,
            Freshness::Expired => Renewal::First,
            Freshness::Fresh | Freshness::Stale { .. } if self.passes_on_too_little(session, now) => Renewal::First,
            Freshness::Stale { late: true } => Renewal::Beside,
            Freshness::Stale { late: false } if self.wants(ask) == Wants::Page => Renewal::Beside,
            Freshness::Stale { late: false } | Freshness::Fresh => Renewal::No,
        };
        if self.is_refresh(ask) {
            return Renewal::First;
        }
        // Last, because it costs most.
        if due != Renewal::No && self.needs_session(ask) { due } else { Renewal::No }
    }

    /// `redirect_uri` for attempts under this `public_url`.
    pub fn redirect_uri(&self, public_url: usize) -> String {
        let site = &self.sites[public_url];
        format!("{}{}", site.origin, site.callback)
    }

    /// `post_logout_redirect_uri` of sign-outs under this `public_url`.
    pub fn signed_out_uri(&self, public_url: usize) -> String {
        let site = &self.sites[public_url];
        format!("{}{}/signed_out", site.origin, site.own)
    }

    /// Absolute; without `return_to` the root.
    pub fn address(&self, public_url: usize, return_to: Option<&ReturnTo>) -> String {
        let site = &self.sites[public_url];
        let root = ReturnTo::root(site);
        format!("{}{}", site.origin, return_to.unwrap_or(&root).as_str())
    }

    /// Absolute: `/start` without `rd`.
    pub fn start_address(&self, public_url: usize) -> String {
        let site = &self.sites[public_url];
        format!("{}{}/start", site.origin, site.own)
    }

    /// Where the provider tells of ended sessions: by itself, and in a frame.
    pub fn logout_addresses(&self, public_url: usize) -> [String; 2] {
        let site = &self.sites[public_url];
        ["backchannel_logout", "frontchannel_logout"].map(|name| format!("{}{}/{name}", site.origin, site.own))
    }

    pub fn root(&self, public_url: usize) -> ReturnTo {
        ReturnTo::root(&self.sites[public_url])
    }

    fn judge(&self, ask: &Ask) -> Verdict<'_> {
        self.rules.judge(&ask.method, ask.path(), ask.client)
    }

    fn met(&self, ask: &Ask) -> Vec<Met> {
        self.rules.met(&ask.method, ask.path(), ask.client)
    }

    fn who<'c>(&self, caller: Caller<'c>, now: Timestamp) -> Who<'c> {
        match caller.known {
            Known::User(session) => match session.freshness(&self.settings.lifetimes, now) {
                Freshness::Fresh | Freshness::Stale { .. } | Freshness::Expired => Who::User(session),
                Freshness::Over => Who::Nobody,
            },
            Known::Unsure { retry_after } => Who::Away(*retry_after),
            Known::Nobody | Known::Unreadable => Who::Nobody,
        }
    }

    /// Whether a token is passed on and under 30 s are left; half its life, where that is shorter than it would have to be. When an ID token ends is
    /// not known here: it is the access token, with which it is renewed, that counts for both.
    fn passes_on_too_little(&self, session: &Session, now: Timestamp) -> bool {
        let identity = &self.settings.identity;
        if identity.access_token == PassOn::Off && identity.id_token == PassOn::Off {
            return false;
        }
        let life = session.token_expires_at.since(session.token_issued_at);
        let wanted = if life > LEFT_FOR_THE_APPLICATION { LEFT_FOR_THE_APPLICATION } else { life / 2 };
        session.token_expires_at.since(now) < wanted
    }

    /// What the request wants; of `/auth`, what its original wants.
    fn wants(&self, ask: &Ask) -> Wants {
        match (self.route(ask), ask.original.as_deref()) {
            (Route::Own(_, Endpoint::Auth | Endpoint::AuthRedirect), Some(original)) => original.wants,
            (_, _) => ask.wants,
        }
    }

    /// Whether the decision about this request depends on a session that is alive.
    fn needs_session(&self, ask: &Ask) -> bool {
        let depends = |ask: &Ask| match self.judge(ask) {
            _ if self.is_let_ahead(ask) => false,
            Verdict::Says { effect, .. } => match effect.access {
                Access::User | Access::Optional => effect.takes(ask.client),
                Access::Public | Access::Deny => false,
            },
            Verdict::Ambiguous => false,
        };
        match self.route(ask) {
            Route::Application(_) => depends(ask),
            Route::Own(at, Endpoint::Auth | Endpoint::AuthRedirect) => {
                let asks = Allowed::read(ask.query()).is_ok_and(|allowed| allowed.asks_anything());
                self.original(at, ask).is_ok_and(|(_, original)| asks || depends(&original))
            }
            Route::Own(_, _) | Route::Ahead(_) | Route::Health | Route::OtherName(_) | Route::Nowhere(_) => false,
        }
    }
}

/// Who asks, at the moment of the decision.
#[derive(Clone, Copy)]
enum Who<'c> {
    User(&'c Session),
    /// Nobody knows until the provider is back.
    Away(Duration),
    Nobody,
}

/// Sign-ins in a minute, after each of which the browser came without its session (security.md L-21).
const ROUNDS: u8 = 3;
/// interface.md `[identity] access_token`.
const LEFT_FOR_THE_APPLICATION: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests;
