//! The path of a request, and everything that carries it: listeners, workers, answers.

pub mod admin;
pub mod answer;
pub mod pages;
pub mod ready;
