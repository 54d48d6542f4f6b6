//! The stand-in TOKI: what its guide says, as stern as the real one would be, with faults on demand.

mod api;
mod authorize;
mod calls;
mod clients;
mod discovery;
mod faults;
mod grants;
mod keys;
mod logout;
mod options;
mod pages;
mod par;
mod received;
mod sign_out;
mod token;
mod userinfo;
mod users;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Incoming;
use serde_json::{Map, Value};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

pub use self::calls::{Call, Calls, Facts};
pub use self::faults::{Fault, Faults, Hold, Rewrite};
pub use self::logout::{LogoutToken, Signature};
pub use self::options::{Algorithm, Answers, Client, Clock, ExpiresIn, Options, Pushing, UserId};
pub use self::users::{User, Users, UsersError};

use self::faults::{Ending, Forged, Instead, Plan};
use self::received::Received;
use super::http::{self as plumbing, Body, HungUp, full, json as json_answer};

/// What can be called, and what faults and counts are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// `/`, for people.
    Start,
    Authorize,
    /// `/oauth2/token` with any grant type; as the endpoint of a call, one that is neither of the next two.
    Token,
    /// `/oauth2/token` with `grant_type=authorization_code`.
    Code,
    /// `/oauth2/token` with `grant_type=refresh_token`.
    Refresh,
    UserInfo,
    Discovery,
    Jwks,
    Par,
    Revocation,
    EndSession,
    Introspection,
    /// Any other address.
    Unknown,
}

impl Endpoint {
    /// Whether what is said about `self` holds for a call of `other`.
    pub fn includes(self, other: Self) -> bool {
        self == other || (self == Self::Token && matches!(other, Self::Code | Self::Refresh))
    }

    fn of(path: &str, grant_type: Option<&str>) -> Self {
        match (path, grant_type) {
            ("/", _) => Self::Start,
            ("/oauth2/authorize", _) => Self::Authorize,
            ("/oauth2/token", Some("authorization_code")) => Self::Code,
            ("/oauth2/token", Some("refresh_token")) => Self::Refresh,
            ("/oauth2/token", _) => Self::Token,
            ("/oauth2/userinfo", _) => Self::UserInfo,
            ("/.well-known/openid-configuration", _) => Self::Discovery,
            ("/oauth2/jwks", _) => Self::Jwks,
            ("/oauth2/par", _) => Self::Par,
            ("/oauth2/revoke", _) => Self::Revocation,
            ("/oauth2/logout", _) => Self::EndSession,
            ("/oauth2/introspect", _) => Self::Introspection,
            _ => Self::Unknown,
        }
    }
}

/// A handle on a running stand-in; clones are handles on the same one. It runs until [`Provider::stop`] or the runtime's end.
#[derive(Clone)]
pub struct Provider(Arc<Stand>);

impl Provider {
    /// Serves on `listener`, on the runtime this is called on.
    ///
    /// # Panics
    /// Outside a tokio runtime, or where the listener does not know its own address.
    pub fn start(listener: TcpListener, options: Options) -> Self {
        let address = listener.local_addr().expect("a bound listener knows its address");
        let state = State {
            users: options.users.clone(),
            clients: options.clients.clone(),
            answers: options.answers.clone(),
            keys: keys::Keys::shared(),
            grants: grants::Grants::default(),
            sign_ins: HashMap::new(),
            sids: Vec::new(),
            pushed: HashMap::new(),
            assertions: HashMap::new(),
            opaque: HashMap::new(),
        };
        let stand = Arc::new(Stand {
            issuer: options.issuer.clone().unwrap_or_else(|| format!("http://{address}")),
            address,
            options,
            calls: Calls::default(),
            faults: Faults::new(),
            state: Mutex::new(state),
            stop: CancellationToken::new(),
        });
        tokio::spawn(Arc::clone(&stand).listen(listener));
        Self(stand)
    }

    pub fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// `http://` and the address; also the issuer, unless [`Options::issuer`] says otherwise.
    pub fn url(&self) -> String {
        format!("http://{}", self.0.address)
    }

    pub fn faults(&self) -> &Faults {
        &self.0.faults
    }

    pub fn calls(&self) -> &Calls {
        &self.0.calls
    }

    /// Registers another client.
    pub fn register(&self, client: Client) {
        self.0.state().clients.push(client);
    }

    /// Changes the shape of answers from now on.
    pub fn reshape(&self, change: impl FnOnce(&mut Answers)) {
        change(&mut self.0.state().answers);
    }

    /// Changes what user info says about a user from now on; nothing happens where there is none of that `userId`.
    pub fn change_user(&self, id: &str, change: impl FnOnce(&mut Map<String, Value>)) {
        if let Some(user) = self.0.state().users.get_mut(id) {
            change(&mut user.claims);
        }
    }

    /// Revokes every token of a user, as an administrator would.
    pub fn revoke_user(&self, id: &str) {
        self.0.state().grants.revoke_user(id, &self.0.calls);
    }

    /// Forgets which browsers are signed in here: the page is shown again.
    pub fn forget_browsers(&self) {
        self.0.state().sign_ins.clear();
    }

    /// Signs with new keys, under new identifiers, from now on; the old ones leave the JWK Set.
    pub fn rotate_keys(&self) {
        let fresh = keys::Keys::fresh();
        self.0.state().keys = fresh;
    }

    /// Ends the listener and every connection.
    pub fn stop(&self) {
        self.0.stop.cancel();
    }
}

/// The stand-in itself.
struct Stand {
    address: SocketAddr,
    issuer: String,
    options: Options,
    calls: Calls,
    faults: Faults,
    state: Mutex<State>,
    stop: CancellationToken,
}

struct State {
    users: Users,
    clients: Vec<Client>,
    answers: Answers,
    keys: keys::Keys,
    grants: grants::Grants,
    /// By the value of the browser's cookie.
    sign_ins: HashMap<String, authorize::SignedIn>,
    /// Every session that was begun: user and `sid`, oldest first.
    sids: Vec<(String, String)>,
    /// By `request_uri`.
    pushed: HashMap<String, par::Pushed>,
    /// `jti`s of client assertions that were used, and until when they are remembered.
    assertions: HashMap<String, u64>,
    /// What introspection says of tokens that say nothing.
    opaque: HashMap<String, Value>,
}

impl State {
    /// The user of this identifier, or, where a fault wants it so, another one.
    fn named(&self, user_id: &str, forged: Forged) -> Option<&User> {
        if forged.another_user {
            return self.users.iter().find(|user| user.id != user_id);
        }
        self.users.get(user_id)
    }
}

impl Stand {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Where the addresses of its endpoints begin.
    fn base(&self) -> String {
        format!("http://{}{}", self.address, self.options.below)
    }

    fn endpoint(&self, received: &Received) -> Endpoint {
        let below = received.path().strip_prefix(self.options.below.as_str());
        below.map_or(Endpoint::Unknown, |path| Endpoint::of(path, received.params.get("grant_type")))
    }

    async fn listen(self: Arc<Self>, listener: TcpListener) {
        let stop = self.stop.clone();
        let accept = async {
            loop {
                match listener.accept().await {
                    Ok((connection, _)) => drop(tokio::spawn(Arc::clone(&self).connection(connection))),
                    Err(_) => tokio::time::sleep(plumbing::ACCEPT_PAUSE).await,
                }
            }
        };
        stop.run_until_cancelled(accept).await;
    }

    async fn connection(self: Arc<Self>, connection: TcpStream) {
        if self.faults.is_down() {
            return plumbing::reset(connection);
        }
        // A second handle on the socket, so that an outage can reset it after the server has let go of the first.
        let Ok((connection, socket)) = plumbing::twice(connection) else { return };
        let stand = Arc::clone(&self);
        let served = plumbing::serve(connection, move |request| Arc::clone(&stand).answer(request));
        tokio::select! {
            () = served => {}
            () = self.stop.cancelled() => {}
            () = self.faults.until_down() => plumbing::reset(socket),
        }
    }

    /// One request. The work goes on in a task of its own: a caller who leaves does not undo what a provider has begun.
    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Body>, HungUp> {
        let received = Received::read(request).await?;
        let stop = self.stop.clone();
        let work = tokio::spawn(async move { stop.run_until_cancelled(self.work(received)).await });
        match work.await {
            Ok(Some(answer)) => answer,
            Ok(None) | Err(_) => Err(HungUp),
        }
    }

    async fn work(&self, received: Received) -> Result<Response<Body>, HungUp> {
        let endpoint = self.endpoint(&received);
        let number = self.calls.note(received.call(endpoint, (self.options.clock)()));
        let plan = self.faults.take(endpoint);
        let mut response = self.meet(endpoint, &received, plan).await?;
        self.calls.answered(number, response.status().as_u16());
        let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_millis((self.options.clock)()));
        response.headers_mut().insert(header::DATE, HeaderValue::try_from(date).expect("a date is visible ASCII"));
        Ok(response)
    }

    /// The work, with what the plan does before, instead of and after it.
    async fn meet(&self, endpoint: Endpoint, received: &Received, plan: Plan) -> Result<Response<Body>, HungUp> {
        plan.before().await;
        let response = match &plan.instead {
            None => plan.rewritten(self.route(endpoint, received, plan.forged)),
            Some(Instead::InvalidGrant) => token::invalid_grant("the test wants it so"),
            Some(Instead::Answer { status, content_type, body }) => {
                let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                plumbing::answer(status, content_type, body.clone())
            }
            Some(Instead::Huge(bytes)) => return Ok(huge(*bytes)),
            Some(Instead::Hang) => std::future::pending().await,
            Some(Instead::HangUp) => return Err(HungUp),
        };
        plan.after().await;
        match plan.ending {
            Ending::Answer => Ok(response.map(full)),
            Ending::Lost => Err(HungUp),
            Ending::Truncated => Ok(response.map(|body| full(body.slice(..body.len() / 2)))),
            Ending::BrokenOff => Ok(broken_off(response)),
        }
    }

    fn route(&self, endpoint: Endpoint, received: &Received, forged: Forged) -> Response<Bytes> {
        // The time is read after any delay: that is when the work is done.
        let now = (self.options.clock)();
        let get = received.method == "GET";
        match endpoint {
            Endpoint::Start if get => pages::start(self),
            Endpoint::Discovery if self.options.oidc && get => json_answer(StatusCode::OK, &discovery::metadata(self)),
            Endpoint::Jwks if self.options.oidc && get => json_answer(StatusCode::OK, &self.state().keys.set()),
            Endpoint::Authorize => authorize::authorize(self, received, now),
            Endpoint::Token | Endpoint::Code | Endpoint::Refresh => token::token(self, received, forged, now),
            Endpoint::UserInfo => userinfo::user_info(self, received, forged, now),
            Endpoint::Introspection if self.options.oidc => api::introspect(self, received, now),
            Endpoint::Par if self.options.pushing != Pushing::Off => par::push(self, received, now),
            Endpoint::Revocation if self.options.revocation => sign_out::revoke(self, received, now),
            Endpoint::EndSession if self.options.end_session => sign_out::end_session(self, received),
            Endpoint::Start => plumbing::method_not_allowed("GET"),
            Endpoint::Discovery | Endpoint::Jwks if self.options.oidc => plumbing::method_not_allowed("GET"),
            Endpoint::Discovery
            | Endpoint::Jwks
            | Endpoint::Par
            | Endpoint::Revocation
            | Endpoint::EndSession
            | Endpoint::Introspection
            | Endpoint::Unknown => {
                plumbing::answer(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", "TOKI has nothing here\n")
            }
        }
    }
}

/// A JSON document of one member that is `bytes` long, made as it is sent.
fn huge(bytes: usize) -> Response<Body> {
    let chunk = Bytes::from_static(&[b'x'; 8192]);
    let middle = stream::repeat(chunk).take(bytes.div_ceil(8192));
    let whole = stream::iter([Bytes::from_static(b"{\"access_token\":\"")])
        .chain(middle)
        .chain(stream::iter([Bytes::from_static(b"\"}")]));
    let body = StreamBody::new(whole.map(|part| Ok(Frame::data(part)))).boxed_unsync();
    plumbing::answer(StatusCode::OK, "application/json", Bytes::new()).map(|_| body)
}

/// Promises the whole, sends half, and is gone.
fn broken_off(response: Response<Bytes>) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    parts.headers.insert(header::CONTENT_LENGTH, body.len().into());
    let half = body.slice(..body.len() / 2);
    let gone = async {
        // Time for the half to leave: an error that comes at once takes it along.
        tokio::time::sleep(Duration::from_millis(20)).await;
        Err(std::io::Error::from(std::io::ErrorKind::ConnectionAborted))
    };
    let body = StreamBody::new(stream::iter([Ok(Frame::data(half))]).chain(stream::once(gone))).boxed_unsync();
    Response::from_parts(parts, body)
}
