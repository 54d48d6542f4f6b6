//! The path of a request, and everything that carries it: listeners, workers, answers.

mod access;
pub mod admin;
pub mod answer;
mod application;
mod arrival;
mod bearer;
mod connection;
pub mod drain;
mod ending;
mod entrance;
mod handle;
pub mod http2;
pub mod listen;
mod login;
mod logout;
pub mod pages;
pub mod passed;
mod peer;
pub mod process;
pub mod ready;
mod request_id;
mod sign_out;
mod site;
mod socket;
pub mod tls;
mod vigil;
mod visit;
mod watchman;
pub mod worker;

#[cfg(test)]
mod tests;
