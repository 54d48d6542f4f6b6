//! What can go wrong at a provider, on demand.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use serde_json::Value;
use tokio::sync::{Semaphore, watch};

use super::Endpoint;

/// One thing that goes wrong. Several may be set for one endpoint; a call meets all of them.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Answers this instead of doing the work.
    Answer { status: u16, content_type: &'static str, body: String },
    /// Answers 400 `invalid_grant` instead of doing the work.
    InvalidGrant,
    /// Answers with so many bytes of one JSON string instead of doing the work.
    Huge(usize),
    /// Waits before the work.
    Delay(Duration),
    /// Never answers, and does not do the work.
    Hang,
    /// Closes the connection without doing the work.
    HangUp,
    /// Does the work and waits before the answer.
    DelayAnswer(Duration),
    /// Does the work, then closes the connection: the answer is lost.
    LoseAnswer,
    /// Does the work, then sends half of the answer as if it were the whole.
    Truncate,
    /// Does the work, then closes the connection in the middle of the answer's body.
    BreakOff,
    /// The ID token carries another nonce.
    WrongNonce,
    /// The ID token is for another client.
    WrongAudience,
    /// The ID token is another issuer's.
    WrongIssuer,
    /// The ID token's `exp` is past.
    ExpiredIdToken,
    /// The ID token's signature fits other claims.
    BadSignature,
    /// The ID token says `alg: none` and has no signature.
    Unsigned,
    /// The answer is about another user: token, `userId` and ID token, or the claims of user info.
    AnotherUser,
    /// Does the work, then makes of its answer what the test wants.
    Rewrite(Rewrite),
    /// The work waits, done but unanswered, until the test lets it go. Made by [`Faults::hold`].
    Held(Hold),
}

impl Fault {
    /// A status and a body of JSON.
    pub fn status(status: u16, body: &str) -> Self {
        Self::Answer { status, content_type: "application/json", body: body.to_owned() }
    }

    /// A page where JSON was asked for, as a load balancer's maintenance page is.
    pub fn html(status: u16) -> Self {
        let body = "<!doctype html><title>Maintenance</title><h1>We will be back soon</h1>".to_owned();
        Self::Answer { status, content_type: "text/html; charset=utf-8", body }
    }
}

/// What a test makes of an answer: for what no other fault says.
#[derive(Clone)]
pub struct Rewrite(Arc<Rewriting>);

type Rewriting = dyn Fn(Response<Bytes>) -> Response<Bytes> + Send + Sync;

impl Rewrite {
    pub fn new(rewrite: impl Fn(Response<Bytes>) -> Response<Bytes> + Send + Sync + 'static) -> Self {
        Self(Arc::new(rewrite))
    }

    /// The members of a JSON answer; any other answer stays as it is.
    pub fn json(change: impl Fn(&mut Value) + Send + Sync + 'static) -> Self {
        Self::new(move |answer| match serde_json::from_slice(answer.body()) {
            Ok(mut value) => {
                change(&mut value);
                answer.map(|_| Bytes::from(value.to_string()))
            }
            Err(_) => answer,
        })
    }
}

impl std::fmt::Debug for Rewrite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Rewrite(…)")
    }
}

/// Calls that have done their work and wait for the test's word.
#[derive(Debug, Clone)]
pub struct Hold {
    arrived: watch::Sender<usize>,
    released: Arc<Semaphore>,
}

impl Hold {
    /// Returns once `n` calls in all have come to wait here.
    pub async fn arrived(&self, n: usize) {
        let mut arrived = self.arrived.subscribe();
        // The sender lives in `self`, so the wait can only end well.
        let _ = arrived.wait_for(|arrived| *arrived >= n).await;
    }

    /// Lets one call go on, a waiting one or the next.
    pub fn release_one(&self) {
        self.released.add_permits(1);
    }

    /// Lets all calls go on, the waiting ones and those that will come.
    pub fn release(&self) {
        self.released.close();
    }

    async fn wait(&self) {
        self.arrived.send_modify(|arrived| *arrived += 1);
        if let Ok(permit) = self.released.acquire().await {
            permit.forget();
        }
    }
}

/// A handle on the faults; clones set the same ones.
#[derive(Debug, Clone)]
pub struct Faults(Arc<Set>);

#[derive(Debug)]
struct Set {
    armed: Mutex<Vec<Armed>>,
    down: watch::Sender<bool>,
}

#[derive(Debug)]
struct Armed {
    endpoint: Endpoint,
    fault: Fault,
    left: Option<u32>,
}

impl Faults {
    pub(super) fn new() -> Self {
        Self(Arc::new(Set { armed: Mutex::default(), down: watch::Sender::new(false) }))
    }

    /// Until [`Faults::clear`], every call of `endpoint` meets `fault`.
    pub fn set(&self, endpoint: Endpoint, fault: Fault) {
        self.armed().push(Armed { endpoint, fault, left: None });
    }

    /// The next `calls` calls of `endpoint` meet `fault`.
    pub fn next(&self, endpoint: Endpoint, calls: u32, fault: Fault) {
        self.armed().push(Armed { endpoint, fault, left: Some(calls) });
    }

    /// Calls of `endpoint` do their work, and wait with the answer until the hold is released.
    pub fn hold(&self, endpoint: Endpoint) -> Hold {
        let hold = Hold { arrived: watch::Sender::new(0), released: Arc::new(Semaphore::new(0)) };
        self.set(endpoint, Fault::Held(hold.clone()));
        hold
    }

    /// Everything works again, except what [`Faults::down`] says. Calls that hang or are held stay so.
    pub fn clear(&self) {
        self.armed().clear();
    }

    /// Down: open connections are reset, and new ones at once.
    pub fn down(&self, down: bool) {
        self.0.down.send_replace(down);
    }

    pub(super) fn is_down(&self) -> bool {
        *self.0.down.borrow()
    }

    pub(super) async fn until_down(&self) {
        let mut down = self.0.down.subscribe();
        // The sender lives in `self`, so the wait can only end well.
        let _ = down.wait_for(|down| *down).await;
    }

    /// What one call of `endpoint` meets; counts it.
    pub(super) fn take(&self, endpoint: Endpoint) -> Plan {
        let mut plan = Plan::default();
        self.armed().retain_mut(|armed| {
            if !armed.endpoint.includes(endpoint) {
                return true;
            }
            let Some(left) = &mut armed.left else {
                plan.add(&armed.fault);
                return true;
            };
            if *left > 0 {
                plan.add(&armed.fault);
                *left -= 1;
            }
            *left > 0
        });
        plan
    }

    fn armed(&self) -> MutexGuard<'_, Vec<Armed>> {
        self.0.armed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one call meets, in the order of its way: before the work, in it, after it.
#[derive(Debug, Default)]
pub(super) struct Plan {
    delay: Duration,
    pub instead: Option<Instead>,
    pub forged: Forged,
    rewrites: Vec<Rewrite>,
    delay_answer: Duration,
    holds: Vec<Hold>,
    pub ending: Ending,
}

#[derive(Debug)]
pub(super) enum Instead {
    Answer { status: u16, content_type: &'static str, body: String },
    InvalidGrant,
    Huge(usize),
    Hang,
    HangUp,
}

#[derive(Debug, Default)]
pub(super) enum Ending {
    #[default]
    Answer,
    Lost,
    Truncated,
    BrokenOff,
}

/// What is wrong with the tokens of an answer.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Forged {
    pub nonce: bool,
    pub audience: bool,
    pub issuer: bool,
    pub expired: bool,
    pub signature: bool,
    pub unsigned: bool,
    pub another_user: bool,
}

impl Plan {
    pub(super) async fn before(&self) {
        if !self.delay.is_zero() {
            tokio::time::sleep(self.delay).await;
        }
    }

    /// Of an answer to the work, in the order in which the rewrites were set.
    pub(super) fn rewritten(&self, answer: Response<Bytes>) -> Response<Bytes> {
        self.rewrites.iter().fold(answer, |answer, Rewrite(rewrite)| rewrite(answer))
    }

    pub(super) async fn after(&self) {
        if !self.delay_answer.is_zero() {
            tokio::time::sleep(self.delay_answer).await;
        }
        for hold in &self.holds {
            hold.wait().await;
        }
    }

    fn add(&mut self, fault: &Fault) {
        match fault {
            Fault::Answer { status, content_type, body } => {
                self.instead = Some(Instead::Answer { status: *status, content_type, body: body.clone() });
            }
            Fault::InvalidGrant => self.instead = Some(Instead::InvalidGrant),
            Fault::Huge(bytes) => self.instead = Some(Instead::Huge(*bytes)),
            Fault::Delay(delay) => self.delay += *delay,
            Fault::Hang => self.instead = Some(Instead::Hang),
            Fault::HangUp => self.instead = Some(Instead::HangUp),
            Fault::DelayAnswer(delay) => self.delay_answer += *delay,
            Fault::LoseAnswer => self.ending = Ending::Lost,
            Fault::Truncate => self.ending = Ending::Truncated,
            Fault::BreakOff => self.ending = Ending::BrokenOff,
            Fault::WrongNonce => self.forged.nonce = true,
            Fault::WrongAudience => self.forged.audience = true,
            Fault::WrongIssuer => self.forged.issuer = true,
            Fault::ExpiredIdToken => self.forged.expired = true,
            Fault::BadSignature => self.forged.signature = true,
            Fault::Unsigned => self.forged.unsigned = true,
            Fault::AnotherUser => self.forged.another_user = true,
            Fault::Rewrite(rewrite) => self.rewrites.push(rewrite.clone()),
            Fault::Held(hold) => self.holds.push(hold.clone()),
        }
    }
}
