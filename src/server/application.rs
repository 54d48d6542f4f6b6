//! Application: whether it answers, for `/readyz` to tell. It decides nothing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::upstream::{Address, UpstreamError};

/// As the last request found it; one relaxed load where nothing changed.
#[derive(Debug)]
pub struct Application {
    address: Address,
    down: AtomicBool,
    why: Mutex<String>,
}

impl Application {
    pub fn new(address: Address) -> Application {
        Application { address, down: AtomicBool::new(false), why: Mutex::default() }
    }

    pub fn address(&self) -> &Address {
        &self.address
    }

    pub fn answered(&self) {
        if self.down.load(Ordering::Relaxed) && self.down.swap(false, Ordering::Relaxed) {
            tracing::info!(event = "application_back", application = %self.address, "the application answers again");
        }
    }

    /// Only what says that it is not there counts: a slow answer is an answer to come.
    pub fn failed(&self, error: &UpstreamError) {
        match error {
            UpstreamError::Connect(_) | UpstreamError::ConnectTimeout(_, _) | UpstreamError::Tls(_) => {}
            UpstreamError::Timeout(_)
            | UpstreamError::Closed(_)
            | UpstreamError::NoSockets
            | UpstreamError::Broken(_)
            | UpstreamError::RequestBody(_)
            | UpstreamError::RequestBodyTimeout(_)
            | UpstreamError::BodyTooLarge
            | UpstreamError::SessionOver => return,
        }
        *self.why.lock().unwrap_or_else(PoisonError::into_inner) = error.to_string();
        self.down.store(true, Ordering::Relaxed);
    }

    pub fn degraded(&self) -> Option<String> {
        self.down.load(Ordering::Relaxed).then(|| self.why.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_down_when_nobody_takes_connections_and_back_with_its_next_answer() {
        let application = Application::new(Address::parse("unix:/run/app.sock").unwrap());
        application.failed(&UpstreamError::Closed("early".to_owned()));
        assert_eq!(application.degraded(), None);
        application.failed(&UpstreamError::Connect("refused".to_owned()));
        assert_eq!(application.degraded(), Some("the application could not be reached: refused".to_owned()));
        application.answered();
        assert_eq!(application.degraded(), None);
    }
}
