//! What should happen? `Gate::decide` is the product: it opens no socket, reads no clock, draws no random number.

pub mod action;
pub mod identity;
pub mod path;
pub mod return_to;
pub mod route;
pub mod rules;

pub use action::{Action, Pass, Refusal, SignIn};
pub use return_to::ReturnTo;
pub use route::PublicUrl;

use std::time::Duration;

use http::HeaderName;

use crate::clock::Timestamp;
use crate::session::{Lifetimes, Session};
use crate::wire::{Ask, Host};

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
    /// The signed-out marker came: page loads show the signed-out page instead of signing in silently.
    pub signed_out: bool,
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
    pub allowed_origins: Vec<String>,
    pub lifetimes: Lifetimes,
}

/// The decision, compiled.
pub struct Gate {
    pub settings: Settings,
}

impl Gate {
    pub fn new(settings: Settings) -> Gate {
        Gate { settings }
    }

    /// Whether a refresh is due for this request (issue: refresh beside the request; only an expired token makes it wait; in the first half of the
    /// window only page loads and `POST /refresh`; public paths never; `/auth` by its original request).
    pub fn renewal(&self, ask: &Ask, session: &Session, now: Timestamp) -> Renewal {
        let _ = (ask, session, now);
        todo!()
    }

    pub fn decide(&self, ask: &Ask, caller: Caller<'_>, now: Timestamp) -> Action {
        let _ = (ask, caller, now);
        todo!()
    }
}
