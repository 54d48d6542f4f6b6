//! Action: everything the proxy can ever do to a request.

use std::time::Duration;

use http::{HeaderName, HeaderValue};

use super::ReturnTo;
use crate::clock::Timestamp;
use crate::session::SessionId;
use crate::wire::Wants;

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
    /// HEAD of a page that needs sign-in: 302 to `/start?rd=…`, without an attempt.
    ToStart {
        public_url: usize,
        return_to: ReturnTo,
    },
    /// The provider's answer came: `server/login.rs` goes on with it.
    Callback {
        public_url: usize,
    },
    /// `/sign_out` from this site.
    SignOut {
        public_url: usize,
        return_to: ReturnTo,
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
    /// `/session`, and `POST /refresh` after its refresh.
    SessionStatus,
    /// `/userinfo`: the user's claims that `[identity]` names.
    UserInfo,
    /// `health_path`.
    Health,
    /// A page load under another loopback name of the port: to `public_url` (or http → https under forward-auth is not ours).
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
    /// `/start`'s query, for `start_params`.
    pub start_query: Option<String>,
}

/// Why a request goes no further. `server/answer.rs` alone knows the status codes.
#[derive(Debug, Clone, PartialEq)]
pub enum Refusal {
    /// 401 without a session. `return_to` is where a sign-in would lead.
    SignInNeeded { public_url: usize, return_to: ReturnTo },
    /// 403 by a rule; the rule's index, for the log.
    Denied { rule: Option<usize> },
    /// 403: the user cannot be named in a header.
    Unnamed,
    /// 403: WebSocket from a foreign origin.
    ForeignOrigin,
    /// 403 on `/auth`: rules tell methods or paths apart and the original request was not told. Names what is missing.
    OriginalUnknown { missing: &'static str },
    /// 403 on `/auth`: `allowed_groups` and the like say no.
    NotAllowed,
    /// 400: an unknown query parameter of `/auth`.
    UnknownParameter(String),
    /// 400: different readings of the path meet different rules, or a malformed percent near a closing rule.
    AmbiguousPath,
    /// 404: outside `public_url`'s path, or unknown below the prefix, or no upstream.
    NotFound,
    /// 405 with `Allow`.
    MethodNotAllowed { allow: &'static str },
    /// 421: no `public_url` or extra host has this name.
    Misdirected,
    /// 503 with `Retry-After`: the provider cannot be reached and the grace is over.
    ProviderAway { retry_after: Duration },
    /// 401: `/start` as a prefetch or from a script.
    NoNavigation,
}

/// In what form a refusal is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Page,
    /// A 401 page whose link opens at the top.
    Frame,
    /// A form was posted: the page says that its fields were not kept.
    Form,
    Data,
    Grpc,
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
            Wants::Grpc => Form::Grpc,
            Wants::Socket | Wants::Preflight | Wants::Prefetch => Form::Bare,
        }
    }
}

/// The permission to forward one request. Only the gate makes one.
#[derive(Debug)]
pub struct Pass {
    public_url: usize,
    identity: Vec<(HeaderName, HeaderValue)>,
    session: Option<SessionId>,
    until: Option<Timestamp>,
}

impl Pass {
    /// For the gate alone.
    pub(in crate::gate) fn new(
        public_url: usize,
        identity: Vec<(HeaderName, HeaderValue)>,
        session: Option<SessionId>,
        until: Option<Timestamp>,
    ) -> Pass {
        Pass { public_url, identity, session, until }
    }

    /// For tests of what comes after the gate.
    #[cfg(test)]
    pub fn for_test(identity: Vec<(HeaderName, HeaderValue)>) -> Pass {
        Pass::new(0, identity, None, None)
    }

    /// The `public_url` the request was matched to: whose scheme, host and port the application is told.
    pub fn public_url(&self) -> usize {
        self.public_url
    }

    /// The headers that name the user; empty on public paths without a session.
    pub fn identity(&self) -> &[(HeaderName, HeaderValue)] {
        &self.identity
    }

    /// Whose session it is; a tunnel ends when that ends. `None`: nobody's (public).
    pub fn session(&self) -> Option<SessionId> {
        self.session
    }

    /// The session's absolute end: no tunnel or stream outlives it.
    pub fn until(&self) -> Option<Timestamp> {
        self.until
    }
}
