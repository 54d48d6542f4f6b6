//! The stand-in TOKI and the sample application. Imports nothing of ours, on purpose: a stand-in that shares code with what it
//! tests hides that code's faults.

pub mod app;
pub mod provider;

mod html;
mod http;
