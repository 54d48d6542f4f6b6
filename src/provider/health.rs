//! What works of the provider, said in the log once per change, and in `/readyz` for as long as it lasts.

use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::http::Failure;
use crate::telemetry::metrics::Endpoint;

#[derive(Default)]
pub struct Health {
    /// By endpoint, in the order of [`Endpoint::ALL`].
    ill: Mutex<[Option<Illness>; Endpoint::ALL.len()]>,
}

struct Illness {
    kind: Kind,
    why: String,
}

/// A change from one to another is said again; a change of words is not.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Unreachable,
    Broken,
    Refused,
}

impl Health {
    /// How a call ended.
    pub fn heard(&self, endpoint: Endpoint, failure: Option<&Failure>) {
        let now = failure.and_then(|failure| illness(endpoint, failure));
        let mut ill = self.lock();
        let before = mem::take(&mut ill[endpoint as usize]);
        match (&before, &now) {
            (None, None) => {}
            (Some(before), Some(now)) if before.kind == now.kind => {}
            (_, Some(now)) => {
                tracing::warn!(endpoint = endpoint.label(), reason = %now.why, "the provider does not answer as it should");
            }
            (Some(_), None) => tracing::info!(endpoint = endpoint.label(), "the provider answers again"),
        }
        ill[endpoint as usize] = now;
    }

    /// Why the last call of an endpoint failed, where it did.
    pub fn why(&self, endpoint: Endpoint) -> Option<String> {
        self.lock()[endpoint as usize].as_ref().map(|illness| illness.why.clone())
    }

    /// What does not work now.
    pub fn complaint(&self) -> Option<String> {
        let ill = self.lock();
        Endpoint::ALL.iter().find_map(|endpoint| {
            let illness = ill[*endpoint as usize].as_ref()?;
            Some(format!("{}: {}", endpoint.label(), illness.why))
        })
    }

    fn lock(&self) -> MutexGuard<'_, [Option<Illness>; Endpoint::ALL.len()]> {
        self.ill.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A refusal says that the provider is there; it is an illness where it is not about one user.
fn illness(endpoint: Endpoint, failure: &Failure) -> Option<Illness> {
    let kind = match failure {
        Failure::Unreachable(_) => Kind::Unreachable,
        Failure::Broken(_) => Kind::Broken,
        Failure::Refused(refusal) => match endpoint {
            Endpoint::Discovery | Endpoint::Jwks => Kind::Refused,
            Endpoint::Token if !refusal.is_about_one() => Kind::Refused,
            Endpoint::Token | Endpoint::Userinfo => return None,
        },
    };
    Some(Illness { kind, why: failure.to_string() })
}
