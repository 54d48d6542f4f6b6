//! Ending: when what was let through is over, how it then stops, and how long its head may wait.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use http::{Response, StatusCode};

use super::answer;
use super::site::House;
use crate::clock::Timestamp;
use crate::session::Session;
use crate::upstream::{Body, Ending, Farewell, ending};
use crate::wire::{Grpc, media};

/// Returns when the session is over: ended here, or at its absolute end; what has no session, at that alone.
pub fn end_of(house: &Arc<House>, session: Option<&Session>, until: Timestamp) -> Ending {
    let house = Arc::clone(house);
    let session = session.map(|session| house.memory.called(session));
    ending(async move {
        let Some(session) = session else { return house.clock.sleep_until(until).await };
        let ended = std::pin::pin!(house.memory.ended(session));
        let at_its_end = std::pin::pin!(house.clock.sleep_until(until));
        match select(ended, at_its_end).await {
            Either::Left(((), _)) | Either::Right(((), _)) => {}
        }
    })
}

/// How long a response's head waits for a refresh that goes on beside it. A stream's first bytes are waited for by somebody.
pub fn patience(response: &Response<Body>) -> Duration {
    let head_is_urgent = response.status() == StatusCode::SWITCHING_PROTOCOLS
        || media::is_event_stream(response.headers())
        || Grpc::of(response.headers()).is_some();
    if head_is_urgent { Duration::from_millis(50) } else { Duration::from_secs(2) }
}

/// How it stops when its session is over. `None`: it has an end of its own, and its request is with the application.
pub fn farewell(response: &Response<Body>) -> Option<Farewell> {
    match Grpc::of(response.headers()) {
        _ if media::is_event_stream(response.headers()) => Some(Farewell::Silence),
        Some(Grpc::Web | Grpc::WebJson | Grpc::WebText) => Some(Farewell::Abort),
        Some(Grpc::Http2) => Some(Farewell::Trailers(answer::grpc_session_over())),
        None => response.body().is_sending().then_some(Farewell::AbortSending),
    }
}
