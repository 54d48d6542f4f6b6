//! Lines: written whole, one after the other, and never waited for without end.
//!
//! A reader that has stalled (a full disk behind the container's log, a terminal held with ^S) must not stall the workers. So a descriptor is
//! asked whether it takes more before each write: after one wait, lines are lost until it does, and then that is said.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// The process's log, shared by all threads.
pub(super) struct Lines(Mutex<Out>);

struct Out {
    file: File,
    json: bool,
    /// Since the reader stalled; not zero means that it has.
    lost: u64,
    /// A line was begun and could not be ended.
    torn: bool,
}

impl Lines {
    /// On a second handle of `descriptor`, without a buffer of the process's own. `json`: how the loss of lines is told.
    pub(super) fn on(descriptor: &impl AsFd, json: bool) -> io::Result<Lines> {
        let file = File::from(descriptor.as_fd().try_clone_to_owned()?);
        Ok(Lines(Mutex::new(Out { file, json, lost: 0, torn: false })))
    }
}

impl Write for &Lines {
    /// Takes the whole line, whatever becomes of it.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).put(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Out {
    fn put(&mut self, line: &[u8]) {
        let patience = if self.lost == 0 { PATIENCE } else { Duration::ZERO };
        if !self.takes_more(patience) || self.go_on().is_err() || self.send(line).is_err() {
            self.lost += 1;
        }
    }

    /// After lines were lost: ends the one that was torn, and tells how many there were.
    fn go_on(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.torn) {
            self.send(b"\n")?;
        }
        match self.lost {
            0 => Ok(()),
            lost => {
                self.send(told(lost, self.json).as_bytes())?;
                self.lost = 0;
                Ok(())
            }
        }
    }

    /// In pieces that a pipe takes at once when it takes anything (PIPE_BUF, pipe(7)).
    fn send(&mut self, line: &[u8]) -> io::Result<()> {
        for (number, piece) in line.chunks(PIPE_BUF).enumerate() {
            if number > 0 && !self.takes_more(PATIENCE) {
                self.torn = true;
                return Err(io::ErrorKind::WouldBlock.into());
            }
            self.file.write_all(piece)?;
        }
        Ok(())
    }

    fn takes_more(&self, patience: Duration) -> bool {
        let patience = Timespec::try_from(patience).expect("a tenth of a second fits");
        loop {
            match poll(&mut [PollFd::new(&self.file, PollFlags::OUT)], Some(&patience)) {
                Ok(ready) => return ready > 0,
                Err(rustix::io::Errno::INTR) => {}
                // What cannot be asked is tried.
                Err(_) => return true,
            }
        }
    }
}

fn told(lost: u64, json: bool) -> String {
    let message = "log lines were lost: nobody took them";
    if json {
        format!("{}\n", serde_json::json!({ "level": "WARN", "message": message, "lost": lost }))
    } else {
        format!("WARN {message} lost={lost}\n")
    }
}

/// Once, for a reader that is only slow.
const PATIENCE: Duration = Duration::from_millis(100);
const PIPE_BUF: usize = 4096;

#[cfg(test)]
mod tests {
    use std::io::{PipeReader, Read as _};

    use super::*;

    fn stalled() -> (Lines, PipeReader) {
        let (reader, writer) = io::pipe().unwrap();
        let lines = Lines::on(&writer, true).unwrap();
        let line = format!("{}\n", "x".repeat(4095));
        // Four times what a pipe holds.
        for _ in 0..64 {
            (&lines).write_all(line.as_bytes()).unwrap();
        }
        drop(writer);
        (lines, reader)
    }

    #[test]
    fn a_reader_that_has_stalled_costs_lines_and_is_told_how_many() {
        let (lines, mut reader) = stalled();
        let mut before = vec![0; 16 * 4096];
        reader.read_exact(&mut before).unwrap();
        (&lines).write_all(b"{\"message\":\"back\"}\n").unwrap();
        drop(lines);
        let mut after = String::new();
        reader.read_to_string(&mut after).unwrap();
        let after: Vec<_> = after.lines().filter(|line| !line.starts_with('x')).collect();
        assert_eq!(after.len(), 2, "{after:?}");
        let told: serde_json::Value = serde_json::from_str(after[0]).unwrap();
        assert_eq!(told["level"], "WARN");
        assert_eq!(told["lost"], 64 - 16);
        assert_eq!(after[1], "{\"message\":\"back\"}");
    }

    #[test]
    fn a_reader_that_is_only_slow_loses_nothing() {
        let (mut reader, writer) = io::pipe().unwrap();
        let lines = Lines::on(&writer, true).unwrap();
        drop(writer);
        let slow = std::thread::spawn(move || {
            std::thread::sleep(PATIENCE / 5);
            let mut all = Vec::new();
            reader.read_to_end(&mut all).unwrap();
            all.len()
        });
        for _ in 0..32 {
            (&lines).write_all(&[b'z'; PIPE_BUF]).unwrap();
        }
        drop(lines);
        assert_eq!(slow.join().unwrap(), 32 * PIPE_BUF);
    }

    #[test]
    fn a_line_that_was_torn_does_not_swallow_the_next() {
        let (reader, writer) = io::pipe().unwrap();
        let lines = Lines::on(&writer, false).unwrap();
        drop(writer);
        (&lines).write_all(&[b'y'; 20 * 4096]).unwrap();
        let mut reader = io::BufReader::new(reader);
        let mut first = vec![0; 16 * 4096];
        reader.read_exact(&mut first).unwrap();
        (&lines).write_all(b"next\n").unwrap();
        drop(lines);
        let mut after = String::new();
        reader.read_to_string(&mut after).unwrap();
        assert_eq!(after, "\nWARN log lines were lost: nobody took them lost=1\nnext\n");
    }

    #[test]
    fn a_reader_that_is_gone_is_no_error() {
        let (reader, writer) = io::pipe().unwrap();
        let lines = Lines::on(&writer, true).unwrap();
        drop(reader);
        (&lines).write_all(b"anybody there?\n").unwrap();
    }
}
