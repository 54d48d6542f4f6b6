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
