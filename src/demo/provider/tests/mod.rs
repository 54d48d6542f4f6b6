//! How stern the stand-in is, and how it fails on demand.

mod faults;
mod stern;
mod world;
