//! This room against the stand-in, on loopback, with a clock that is turned by hand.

mod sign_in;
mod world;
