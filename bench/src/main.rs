//! The application behind the proxies, on one thread, as cheap as it can be had: `bench ADDRESS` answers every request with 9 headers and the same 1 KB.
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::error::Error;
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::process::ExitCode;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

fn main() -> ExitCode {
    let Some(address) = std::env::args().nth(1).and_then(|word| word.parse().ok()) else {
        eprintln!("bench ADDRESS");
        return ExitCode::FAILURE;
    };
    match serve(address) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Serves until the process is ended.
fn serve(address: SocketAddr) -> Result<(), Box<dyn Error>> {
    let answer = answer();
    let mut poll = Poll::new()?;
    let mut listener = TcpListener::bind(address)?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    println!("listening on {}", listener.local_addr()?);
    let mut connections: HashMap<Token, Connection> = HashMap::new();
    let mut next = LISTENER.0;
    let mut events = Events::with_capacity(256);
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((mut socket, _)) = listener.accept() {
                    next += 1;
                    socket.set_nodelay(true)?;
                    poll.registry().register(&mut socket, Token(next), Interest::READABLE)?;
                    connections.insert(Token(next), Connection { socket, request: Vec::with_capacity(8 * 1024) });
                }
            } else if let Some(connection) = connections.get_mut(&event.token())
                && connection.answer(&answer).is_err()
            {
                connections.remove(&event.token());
            }
        }
    }
}

struct Connection {
    socket: TcpStream,
    request: Vec<u8>,
}

impl Connection {
    /// Answers every whole head; requests have no bodies here. An error means that the connection is over.
    fn answer(&mut self, answer: &[u8]) -> std::io::Result<()> {
        let mut block = [0; 16 * 1024];
        loop {
            match self.socket.read(&mut block) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(got) => self.request.extend_from_slice(&block[..got]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
            while let Some(head) = end_of_head(&self.request) {
                self.request.drain(..head);
                self.socket.write_all(answer)?;
            }
        }
    }
}

/// Where the head of a message ends, counted from its first byte: just behind the empty line.
fn end_of_head(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

fn answer() -> Vec<u8> {
    let body = "x".repeat(1024);
    format!(
        "HTTP/1.1 200 OK\r\nserver: application\r\ndate: Tue, 24 Nov 2026 00:00:00 GMT\r\ncontent-type: text/html; charset=utf-8\r\n\
         content-length: {}\r\ncache-control: private, no-cache\r\netag: \"5f3c-1024\"\r\nvary: Accept-Encoding\r\n\
         x-frame-options: DENY\r\nx-content-type-options: nosniff\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

const LISTENER: Token = Token(0);
