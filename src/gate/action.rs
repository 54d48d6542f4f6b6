//! Action: everything the proxy can ever do to a request.

use std::time::Duration;

use http::{HeaderName, HeaderValue};

use super::rules::Unmet;
use super::{PassOn, ReturnTo};
use crate::clock::Timestamp;
use crate::oidc::StepUp;
use crate::oidc::step_up::Unmet as TooWeak;
use crate::session::SessionId;
use crate::wire::{Grpc, Wants};

/// What shall happen. A variant for everything the proxy can do.
#[derive(Debug)]
pub enum Action {
    /// To the application.
    Forward(Pass),
    /// Forward-auth: yes (202 with the headers).
    Allow(Pass),
    Refuse(Refusal, Form),
    /// A new attempt: 302 to the provider.
    SignIn(SignIn),
    /// 302 to this `public_url`'s `/start?rd=…`, without an attempt: HEAD of a page that needs sign-in, or `/start` for another `public_url`,
    /// whose host alone can hold the session.
    ToStart {
        public_url: usize,
        return_to: ReturnTo,
    },
    /// The provider's answer came: `server/login.rs` goes on with it.
    Callback,
    /// `/sign_out` from this site. `onward`: a browser that can be led through the provider's own sign-out.
    SignOut {
        public_url: usize,
        return_to: ReturnTo,
        onward: bool,
    },
    /// A browser comes back from the provider's own sign-out; `state`, where it came once.
    BackFromSignOut {
        public_url: usize,
        state: Option<String>,
    },
    /// `/sign_out` from another site: a page with a button.
    AskSignOut {
        public_url: usize,
        return_to: ReturnTo,
    },
    /// The signed-out page; its button leads to `return_to` by an attempt with `prompt=login`.
    SignedOut {
        public_url: usize,
        return_to: ReturnTo,
    },
    /// The provider says which sessions have ended: `server/logout.rs` reads its token.
    BackchannelLogout,
    /// The provider's frame says so: `iss` and `sid`, where both came, each once.
    FrontchannelLogout {
        iss_and_sid: Option<(String, String)>,
    },
    /// `/session`, and `POST /refresh` after its refresh; whoever asks.
    SessionStatus,
    /// A preflight to an address of the gate's own, from one of `[cors] origins`: what may be sent there.
    Preflight {
        allow: &'static str,
    },
    /// `/userinfo`: the user's claims that `[identity]` names.
    UserInfo,
    /// `health_path`.
    Health,
    /// A page load under another loopback name of the port: to the same target below this `public_url`'s origin.
    ToPublicUrl {
        public_url: usize,
    },
}

/// A sign-in to start.
#[derive(Debug, Clone, PartialEq)]
pub struct SignIn {
    pub public_url: usize,
    pub return_to: ReturnTo,
    /// `prompt=login`: the person signed out and pressed the button.
    pub prompt_login: bool,
    /// What the sign-in must be, by the rule that asks for it.
    pub step_up: StepUp,
    /// `/start`'s query, for `start_params`.
    pub start_query: Option<String>,
}

impl SignIn {
    /// One like any other.
    pub fn new(public_url: usize, return_to: ReturnTo) -> SignIn {
        SignIn { public_url, return_to, prompt_login: false, step_up: StepUp::default(), start_query: None }
    }
}

/// Why a request goes no further. `server/answer/` alone knows the status codes.
#[derive(Debug, Clone, PartialEq)]
pub enum Refusal {
    /// 401 without a session. `return_to` is where a sign-in would lead, and `step_up` what it would have to be.
    SignInNeeded { public_url: usize, return_to: ReturnTo, step_up: StepUp },
    /// 401: signed in, but not in the way, or not as lately, as the rule wants.
    StepUpNeeded { rule: Option<usize>, unmet: TooWeak, public_url: usize, return_to: ReturnTo, step_up: StepUp },
    /// 401: this browser signs in and loses its session, again and again.
    SessionLost { public_url: usize, return_to: ReturnTo },
    /// 403 by a rule; the rule's index, for the log.
    Denied { rule: Option<usize> },
    /// 403: a condition of the rule does not hold.
    NotMet { rule: Option<usize>, lacks: Lacks, return_to: ReturnTo },
    /// 403: the user cannot be named in a header.
    Unnamed,
    /// 403: WebSocket from a foreign origin.
    ForeignOrigin,
    /// 403 on `/auth`: rules tell methods or paths apart and the original request was not told, or told in two ways. Names the header; the key to
    /// set is `trusted_proxies`.
    OriginalUnknown { missing: &'static str },
    /// 403 on `/auth`: `allowed_groups` and the like say no.
    NotAllowed,
    /// 400: an unknown query parameter of `/auth`, or one whose value is no text.
    UnknownParameter(String),
    /// 400: different readings of the path meet different rules, or a malformed percent near a closing rule.
    /// `meets`: the rules that they meet, each once, for the log.
    AmbiguousPath { meets: Vec<Option<usize>> },
    /// 404: outside `public_url`'s path, or unknown below the prefix, or no upstream.
    NotFound,
    /// 405 with `Allow`.
    MethodNotAllowed { allow: &'static str },
    /// 421: no `public_url` or extra host has this name.
    Misdirected,
    /// 503 with `Retry-After`: the provider cannot be reached and the grace is over.
    ProviderAway { retry_after: Duration },
    /// 401: an access token that is not taken here, whatever is wrong with it (RFC 6750 §3.1, `invalid_token`).
    TokenNotTaken,
    /// 400: what came in `Authorization` can be read in two ways, or not at all (`invalid_request`).
    TokenUnclear,
    /// 403: a condition on `scope` alone does not hold (`insufficient_scope`).
    ScopeNeeded { rule: Option<usize> },
    /// 429: more access tokens that nobody knows than their issuer is asked about.
    TooManyTokens { retry_after: Duration },
    /// 401: `/start` as a prefetch or from a script.
    NoNavigation,
}

/// What of a rule's conditions does not hold: keys as the rule has them, never values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lacks {
    /// `from`: the client is in none of its networks.
    Network,
    /// `require`: what is not there, or says something else, each with why.
    Claims(Vec<(String, Unmet)>),
}

/// In what form a refusal is put.
#[expect(clippy::enum_variant_names, reason = "a form that was posted is answered in a form of its own")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Page,
    /// A 401 page whose link opens at the top.
    Frame,
    /// A form was posted: the page says that its fields were not kept.
    Form,
    Data,
    Grpc(Grpc),
    /// Nothing but status and headers: preflight, prefetch, socket.
    Bare,
    /// `/auth`: status, `Location` (absolute, `/start?rd=<the original address>`), no body.
    ForwardAuth,
}

impl Form {
    pub fn of(wants: Wants) -> Form {
        match wants {
            Wants::Page => Form::Page,
            Wants::Form => Form::Form,
            Wants::Frame => Form::Frame,
            Wants::Data => Form::Data,
            Wants::Grpc(grpc) => Form::Grpc(grpc),
            Wants::Socket | Wants::Preflight | Wants::Prefetch => Form::Bare,
        }
    }
}

/// The permission to forward one request. Only the gate makes one.
#[derive(Debug)]
pub struct Pass {
    public_url: usize,
    upstream: usize,
    user: Option<Named>,
    errand: Errand,
}

/// What a request is let pass for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errand {
    Itself,
    /// To ask a closed path whether another request may come: what a browser does not need for that stays here, on both ways.
    Preflight,
}

/// In whose name a request is forwarded.
#[derive(Debug)]
pub(in crate::gate) struct Named {
    pub(in crate::gate) identity: Vec<(HeaderName, HeaderValue)>,
    pub(in crate::gate) session: SessionId,
    pub(in crate::gate) until: Timestamp,
    pub(in crate::gate) access_token: PassOn,
    pub(in crate::gate) id_token: PassOn,
}

impl Pass {
    /// For the gate alone. `None`: in nobody's name.
    pub(in crate::gate) fn new(public_url: usize, upstream: usize, user: Option<Named>) -> Pass {
        Pass { public_url, upstream, user, errand: Errand::Itself }
    }

    /// For the gate alone: in nobody's name, to where nobody else gets without a name.
    pub(in crate::gate) fn of_preflight(public_url: usize, upstream: usize) -> Pass {
        Pass { public_url, upstream, user: None, errand: Errand::Preflight }
    }

    /// For the gate alone: no token goes with it.
    pub(in crate::gate) fn without_tokens(mut self) -> Pass {
        if let Some(user) = &mut self.user {
            (user.access_token, user.id_token) = (PassOn::Off, PassOn::Off);
        }
        self
    }

    /// For tests of what comes after the gate.
    #[cfg(test)]
    pub fn for_test(identity: Vec<(HeaderName, HeaderValue)>) -> Pass {
        let session = SessionId::from_bytes([7; 16]);
        let (access_token, id_token) = (PassOn::Off, PassOn::Off);
        Pass::new(0, 0, Some(Named { identity, session, until: Timestamp::MAX, access_token, id_token }))
    }

    /// The `public_url` the request was matched to: whose scheme, host and port the application is told.
    pub fn public_url(&self) -> usize {
        self.public_url
    }

    pub fn errand(&self) -> Errand {
        self.errand
    }

    /// Which application it is for: 0 is the top-level `upstream`, the others are those that rules name.
    pub fn upstream(&self) -> usize {
        self.upstream
    }

    /// The headers that name the user; empty on public paths and without a session.
    pub fn identity(&self) -> &[(HeaderName, HeaderValue)] {
        self.user.as_ref().map_or(&[], |user| &user.identity)
    }

    /// Whose session it is; a tunnel ends when that ends. `None`: nobody's (public).
    pub fn session(&self) -> Option<SessionId> {
        self.user.as_ref().map(|user| user.session)
    }

    /// The session's end: no tunnel or stream outlives it.
    pub fn until(&self) -> Option<Timestamp> {
        self.user.as_ref().map(|user| user.until)
    }

    /// Whether a token is to be passed on; an access token that has run out is not.
    pub fn wants_tokens(&self) -> bool {
        self.user.as_ref().is_some_and(|user| user.access_token != PassOn::Off || user.id_token != PassOn::Off)
    }

    /// Adds the tokens that `[identity]` passes on to the headers that name the user.
    pub fn carry(&mut self, access_token: &str, id_token: Option<&str>) {
        let Some(user) = &mut self.user else { return };
        let access = (user.access_token, ACCESS_TOKEN, Some(access_token));
        for (how, name, token) in [access, (user.id_token, ID_TOKEN, id_token)] {
            let (name, text) = match (how, token) {
                (PassOn::Off, _) | (_, None) => continue,
                (PassOn::Forwarded, Some(token)) => (name, token.to_owned()),
                (PassOn::Authorization, Some(token)) => (http::header::AUTHORIZATION, format!("Bearer {token}")),
            };
            // What is no header value is no token either: `oidc` took visible ASCII alone.
            if let Ok(mut value) = HeaderValue::try_from(text) {
                value.set_sensitive(true);
                user.identity.push((name, value));
            }
        }
    }
}

const ACCESS_TOKEN: HeaderName = HeaderName::from_static("x-forwarded-access-token");
const ID_TOKEN: HeaderName = HeaderName::from_static("x-forwarded-id-token");
