//! This room against the stand-in, on loopback, with a clock that is turned by hand.

mod bearer;
mod client;
mod faults;
mod keys;
mod metadata;
mod outage;
mod par;
mod refresh;
mod sign_in;
mod step_up;
mod tls;
mod world;

/// As for TOKI at no address of note.
pub(in crate::provider) fn settings() -> super::Settings {
    world::World::settings("http://127.0.0.1:1")
}
