//! Two programs that cost as little as they can, both on one thread:
//!
//! ```text
//! bench application ADDRESS                                  answers every request with 9 headers and 1 KB
//! bench load ADDRESS REQUEST-FILE CONNECTIONS MILLISECONDS   a closed loop; prints how many answers came
//! ```
#![forbid(unsafe_code)]

use std::error::Error;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

mod application;
mod load;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[&str]) -> Result<(), Box<dyn Error>> {
    match words {
        ["application", address] => application::serve(address.parse::<SocketAddr>()?),
        ["load", address, request, connections, milliseconds] => {
            let request = std::fs::read(request)?;
            let time = Duration::from_millis(milliseconds.parse()?);
            println!("{}", load::run(address.parse()?, &request, connections.parse()?, time)?);
            Ok(())
        }
        _ => Err("bench application ADDRESS | bench load ADDRESS REQUEST-FILE CONNECTIONS MILLISECONDS".into()),
    }
}

/// Where the head of a message ends, counted from its first byte: just behind the empty line.
fn end_of_head(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}
