//! A closed loop: every connection sends its next request when the last answer is complete. Every answer is checked.

use std::error::Error;
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::end_of_head;

/// Answers that arrived within `time`. Anything but a whole 200 is an error: a benchmark of refusals would look splendid.
pub fn run(address: SocketAddr, request: &[u8], connections: usize, time: Duration) -> Result<u64, Box<dyn Error>> {
    let mut poll = Poll::new()?;
    let mut clients = Vec::with_capacity(connections);
    for number in 0..connections {
        let mut socket = TcpStream::from_std(connect(address)?);
        poll.registry().register(&mut socket, Token(number), Interest::READABLE)?;
        clients.push(Client { socket, answer: Vec::with_capacity(16 * 1024) });
    }
    for client in &mut clients {
        client.send(request)?;
    }
    let mut answers = 0;
    let mut events = Events::with_capacity(connections);
    let end = Instant::now() + time;
    while Instant::now() < end {
        poll.poll(&mut events, Some(Duration::from_millis(100)))?;
        for event in &events {
            answers += clients[event.token().0].proceed(request)?;
        }
    }
    Ok(answers)
}

struct Client {
    socket: TcpStream,
    answer: Vec<u8>,
}

impl Client {
    /// A request is far smaller than a socket's buffer, so it goes out at once or something is wrong.
    fn send(&mut self, request: &[u8]) -> Result<(), Box<dyn Error>> {
        let sent = self.socket.write(request)?;
        if sent == request.len() { Ok(()) } else { Err("the request did not fit into the socket".into()) }
    }

    /// Reads until there is no more; for each whole answer, sends the next request.
    fn proceed(&mut self, request: &[u8]) -> Result<u64, Box<dyn Error>> {
        let mut answers = 0;
        let mut block = [0; 16 * 1024];
        loop {
            match self.socket.read(&mut block) {
                Ok(0) => return Err("the connection was closed".into()),
                Ok(got) => self.answer.extend_from_slice(&block[..got]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(answers),
                Err(error) => return Err(error.into()),
            }
            if let Some(length) = answer_length(&self.answer)?
                && self.answer.len() >= length
            {
                self.answer.drain(..length);
                answers += 1;
                self.send(request)?;
            }
        }
    }
}

/// Head and body together, once the head is whole.
fn answer_length(bytes: &[u8]) -> Result<Option<usize>, Box<dyn Error>> {
    let Some(head) = end_of_head(bytes) else { return Ok(None) };
    let text = std::str::from_utf8(&bytes[..head])?;
    if !text.starts_with("HTTP/1.1 200 ") {
        return Err(format!("the answer was no 200:\n{text}").into());
    }
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>())
    });
    match length {
        Some(length) => Ok(Some(head + length?)),
        None => Err(format!("the answer has no content-length:\n{text}").into()),
    }
}

fn connect(address: SocketAddr) -> std::io::Result<std::net::TcpStream> {
    let socket = std::net::TcpStream::connect(address)?;
    socket.set_nodelay(true)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}
