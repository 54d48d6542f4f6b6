//! `tokigate healthcheck`: asks the admin listener of this machine, as a probe does.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::args::Healthcheck;
use super::{Console, Exit, ports};

pub(super) fn healthcheck(args: Healthcheck, console: &mut Console<'_>) -> io::Result<Exit> {
    let listens = match console.load(args.config.file)? {
        Ok((_, loaded)) => loaded.config.server.admin_listen,
        Err(exit) => return Ok(exit),
    };
    let (path, wanted) = if args.live { ("/healthz", "alive") } else { ("/readyz", "ready") };
    let asked = ports::on_loopback(listens);
    match ask(asked, path) {
        Ok(200) => {
            writeln!(console.out, "{wanted}")?;
            Ok(Exit::Done)
        }
        Ok(status) => console.failed(&format!("not {wanted}: http://{asked}{path} answered {status}")),
        Err(error) => console.failed(&format!("not {wanted}: http://{asked}{path} gave no answer: {error}")),
    }
}

/// The status of a GET. No more is read.
fn ask(address: SocketAddr, path: &str) -> io::Result<u16> {
    let mut connection = TcpStream::connect_timeout(&address, PATIENCE)?;
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.set_write_timeout(Some(PATIENCE))?;
    // In one piece: an answer that comes before the last one would end in a reset.
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    connection.write_all(request.as_bytes())?;
    let mut line = [0; "HTTP/1.1 200".len()];
    connection.read_exact(&mut line)?;
    let status = line.strip_prefix(b"HTTP/1.").and_then(|rest| std::str::from_utf8(rest.get(2..)?).ok()?.parse().ok());
    status.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "that is no HTTP"))
}

/// For each step; probes give up after a few seconds themselves.
const PATIENCE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// A listener that answers one request like this; what it was asked.
    fn answering(answer: &'static str) -> (SocketAddr, thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = thread::spawn(move || {
            let (mut connection, _) = listener.accept().unwrap();
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n") {
                let mut some = [0; 1024];
                let length = connection.read(&mut some).unwrap();
                asked.extend_from_slice(&some[..length]);
            }
            connection.write_all(answer.as_bytes()).unwrap();
            String::from_utf8_lossy(&asked).into_owned()
        });
        (address, asked)
    }

    #[test]
    fn the_status_is_all_that_counts() {
        let (address, asked) = answering("HTTP/1.1 503 Service Unavailable\r\n\r\n{\"ready\":false}");
        assert_eq!(ask(address, "/readyz").unwrap(), 503);
        assert_eq!(
            asked.join().unwrap(),
            format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")
        );
        assert_eq!(ask(answering("HTTP/1.0 200 OK\r\n\r\n").0, "/healthz").unwrap(), 200);
    }

    #[test]
    fn nobody_there_and_no_http_are_errors() {
        assert_eq!(ask(answering("SSH-2.0-OpenSSH").0, "/healthz").unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert!(ask(answering("HTTP").0, "/healthz").is_err());
        let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert!(ask(gone, "/healthz").is_err());
    }
}
