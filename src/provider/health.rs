//! What works of the provider, said in the log once per change, and in `/readyz` for as long as it lasts.

use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::http::Failure;
use crate::telemetry::metrics::Endpoint;

#[derive(Default)]
pub struct Health {
    /// By endpoint, in the order of [`Endpoint::LABELS`].
    ill: Mutex<[Option<Illness>; Endpoint::LABELS.len()]>,
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
                tracing::warn!(
                    event = "provider_failed",
                    endpoint = endpoint.label(),
                    reason = %now.why,
                    "the provider does not answer as it should"
                );
            }
            (Some(_), None) => {
                tracing::info!(event = "provider_back", endpoint = endpoint.label(), "the provider answers again");
            }
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
        Endpoint::LABELS
            .iter()
            .zip(&*ill)
            .find_map(|(label, illness)| Some(format!("{label}: {}", illness.as_ref()?.why)))
    }

    fn lock(&self) -> MutexGuard<'_, [Option<Illness>; Endpoint::LABELS.len()]> {
        self.ill.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A refusal says that the provider is there; it is an illness where it is not about one user.
fn illness(endpoint: Endpoint, failure: &Failure) -> Option<Illness> {
    let kind = match failure {
        Failure::Unreachable(_) => Kind::Unreachable,
        Failure::Broken(_) => Kind::Broken,
        Failure::Refused(refusal) => match endpoint {
            Endpoint::Discovery | Endpoint::Jwks | Endpoint::BearerDiscovery | Endpoint::BearerJwks => Kind::Refused,
            Endpoint::Token | Endpoint::Par | Endpoint::Revocation | Endpoint::Introspection
                if !refusal.is_about_one() =>
            {
                Kind::Refused
            }
            Endpoint::Token | Endpoint::Par | Endpoint::Revocation | Endpoint::Introspection | Endpoint::Userinfo => {
                return None;
            }
        },
    };
    Some(Illness { kind, why: failure.to_string() })
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The lines that are logged while calls end so, one after the other.
    fn logged(ends: &[Option<Failure>]) -> Vec<String> {
        let (health, lines) = (Health::default(), Lines::default());
        let writer = lines.clone();
        let subscriber =
            tracing_subscriber::fmt().with_ansi(false).without_time().with_writer(move || writer.clone()).finish();
        tracing::subscriber::with_default(subscriber, || {
            for end in ends {
                health.heard(Endpoint::Token, end.as_ref());
            }
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| line.split("health: ").nth(1).unwrap().to_owned()).collect()
    }

    fn down(why: &str) -> Option<Failure> {
        Some(Failure::Unreachable(why.to_owned()))
    }

    #[test]
    fn what_does_not_work_is_said_once_and_so_is_its_return() {
        let broken = Some(Failure::Broken("it answered 502".to_owned()));
        assert_eq!(
            logged(&[None, down("no answer in time"), down("reset"), down("reset"), broken, None, None]),
            [
                "the provider does not answer as it should event=\"provider_failed\" endpoint=\"token\" reason=no answer in time",
                "the provider does not answer as it should event=\"provider_failed\" endpoint=\"token\" reason=it answered 502",
                "the provider answers again event=\"provider_back\" endpoint=\"token\"",
            ]
        );
    }

    #[test]
    fn what_does_not_work_stays_to_be_read() {
        let health = Health::default();
        assert_eq!(health.complaint(), None);
        health.heard(Endpoint::Jwks, down("reset").as_ref());
        assert_eq!(health.complaint().as_deref(), Some("jwks: reset"));
        health.heard(Endpoint::Jwks, None);
        assert_eq!((health.complaint(), health.why(Endpoint::Jwks)), (None, None));
    }
}
