//! The path of a request, and everything that carries it: listeners, workers, answers.

pub mod admin;
pub mod answer;
mod connection;
pub mod drain;
pub mod listen;
pub mod pages;
pub mod peer;
pub mod process;
pub mod ready;
mod socket;
mod vigil;
pub mod worker;

#[cfg(test)]
mod tests;
