//! The path of a request, and everything that carries it: listeners, workers, answers.

mod access;
pub mod admin;
pub mod answer;
mod application;
mod bearer;
mod connection;
pub mod drain;
mod entrance;
mod handle;
pub mod listen;
mod login;
mod logout;
pub mod pages;
pub mod peer;
pub mod process;
pub mod ready;
mod reload;
mod request_id;
mod sign_out;
mod site;
mod socket;
mod spent;
mod vigil;
mod visit;
pub mod worker;

#[cfg(test)]
mod tests;
