//! Logs and metrics: a leaf for everything that talks to others.

pub mod log;
pub mod metrics;
