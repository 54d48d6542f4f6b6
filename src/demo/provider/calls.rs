//! Everything the stand-in was asked, and what it noticed, for tests to read.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Endpoint;
use crate::demo::http::Params;

/// One request that arrived.
#[derive(Debug, Clone)]
pub struct Call {
    pub endpoint: Endpoint,
    pub method: String,
    /// Path and query as sent.
    pub target: String,
    /// Of the form where there is one, else of the query.
    pub params: Params,
    /// Every line, names in lower case, `authorization` included.
    pub headers: Vec<(String, String)>,
    /// Unix milliseconds by the stand-in's clock.
    pub at: u64,
    /// The status answered; none while it is at work, and where the connection was closed instead.
    pub status: Option<u16>,
}

impl Call {
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.get(name)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// What went wrong on the other side, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Facts {
    pub codes_reused: u64,
    pub rotated_tokens_reused: u64,
    pub families_revoked: u64,
}

/// A handle on the log; clones read the same one. The newest [`KEPT`] calls are kept, all are counted.
#[derive(Debug, Clone, Default)]
pub struct Calls(Arc<Mutex<Log>>);

#[derive(Debug, Default)]
struct Log {
    calls: VecDeque<Call>,
    /// The number of the first call that is kept.
    first: u64,
    counts: Vec<(Endpoint, u64)>,
    facts: Facts,
}

impl Calls {
    /// Every call that is kept, oldest first.
    pub fn all(&self) -> Vec<Call> {
        self.log().calls.iter().cloned().collect()
    }

    /// The calls of one endpoint; [`Endpoint::Token`] takes in those of every grant type.
    pub fn of(&self, endpoint: Endpoint) -> Vec<Call> {
        self.log().calls.iter().filter(|call| endpoint.includes(call.endpoint)).cloned().collect()
    }

    /// The newest call of an endpoint.
    pub fn last(&self, endpoint: Endpoint) -> Option<Call> {
        self.log().calls.iter().rev().find(|call| endpoint.includes(call.endpoint)).cloned()
    }

    /// How often an endpoint was called since the start or [`Calls::clear`].
    pub fn count(&self, endpoint: Endpoint) -> u64 {
        self.log().counts.iter().filter(|(known, _)| endpoint.includes(*known)).map(|(_, count)| count).sum()
    }

    pub fn facts(&self) -> Facts {
        self.log().facts
    }

    /// Forgets calls, counts and facts.
    pub fn clear(&self) {
        let mut log = self.log();
        let first = log.first + log.calls.len() as u64;
        *log = Log { first, ..Log::default() };
    }

    /// Notes a call and gives its number, for [`Calls::answered`].
    pub(super) fn note(&self, call: Call) -> u64 {
        let mut log = self.log();
        match log.counts.iter_mut().find(|(known, _)| *known == call.endpoint) {
            Some((_, count)) => *count += 1,
            None => log.counts.push((call.endpoint, 1)),
        }
        if log.calls.len() == KEPT {
            log.calls.pop_front();
            log.first += 1;
        }
        log.calls.push_back(call);
        log.first + log.calls.len() as u64 - 1
    }

    pub(super) fn answered(&self, number: u64, status: u16) {
        let mut log = self.log();
        let Some(at) = number.checked_sub(log.first) else { return };
        if let Some(call) = usize::try_from(at).ok().and_then(|at| log.calls.get_mut(at)) {
            call.status = Some(status);
        }
    }

    pub(super) fn notice(&self, change: impl FnOnce(&mut Facts)) {
        change(&mut self.log().facts);
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many calls are kept: plenty for a test, bounded for a stand-in that runs for weeks.
const KEPT: usize = 10_000;
