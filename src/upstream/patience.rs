//! Patience: how long the head of an answer is waited for.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::HeaderMap;
use tokio::time::{Instant, Sleep};

use super::UpstreamError;
use super::upload::Progress;
use crate::wire::Grpc;

/// What a request allows the application for the head of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// From the request's last byte, or any progress of its body.
    Quiet(Duration),
    /// From its first byte, whatever goes on.
    Deadline(Duration),
    /// As long as the client itself waits.
    Forever,
}

impl Wait {
    /// For what came in a stream of HTTP/2; `usual`: `limits.upstream_timeout`, which is for all else. A call of gRPC has a deadline of its own or none:
    /// where the application is the first to have nothing to say, its head comes with its first message, and that may be hours away (gRPC over HTTP/2,
    /// Requests). Meanwhile its client answers PINGs. Who says so in HTTP/1.1, which has no such calls, only wants to be waited for; gRPC-Web says all it has
    /// to say first, like any request.
    pub fn in_stream(headers: &HeaderMap, usual: Duration) -> Wait {
        if Grpc::of(headers) != Some(Grpc::Http2) {
            return Wait::Quiet(usual);
        }
        match headers.get("grpc-timeout").and_then(|timeout| grpc_timeout(timeout.as_bytes())) {
            Some(timeout) => Wait::Deadline(timeout + GRACE),
            None => Wait::Forever,
        }
    }
}

/// `Timeout → "grpc-timeout" TimeoutValue TimeoutUnit`: at most eight digits, and one of `H M S m u n`.
fn grpc_timeout(text: &[u8]) -> Option<Duration> {
    let (unit, digits) = text.split_last()?;
    if digits.is_empty() || digits.len() > 8 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some(match unit {
        b'H' => Duration::from_secs(value * 3600),
        b'M' => Duration::from_secs(value * 60),
        b'S' => Duration::from_secs(value),
        b'm' => Duration::from_millis(value),
        b'u' => Duration::from_micros(value),
        b'n' => Duration::from_nanos(value),
        _ => return None,
    })
}

/// One wait, on a timer that may be older than it.
pub struct Patience<'a> {
    pub wait: Wait,
    pub since: Instant,
    pub progress: Option<&'a Progress>,
}

impl Patience<'_> {
    fn end(&self) -> Option<Instant> {
        match self.wait {
            Wait::Quiet(within) => {
                let moved = self.progress.map_or(self.since, |progress| progress.moved_at().max(self.since));
                Some(moved + within)
            }
            Wait::Deadline(within) => Some(self.since + within),
            Wait::Forever => None,
        }
    }

    /// A timer that fires too early is only looked at again; one that would fire too late has to be set.
    pub fn arm(&self, timer: Pin<&mut Sleep>) {
        if let Some(end) = self.end()
            && (timer.is_elapsed() || timer.deadline() > end)
        {
            timer.reset(end);
        }
    }

    pub fn poll(&self, mut timer: Pin<&mut Sleep>, cx: &mut Context<'_>) -> Poll<UpstreamError> {
        loop {
            let Some(end) = self.end() else { return Poll::Pending };
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            if Instant::now() >= end {
                return Poll::Ready(self.over());
            }
            timer.as_mut().reset(end);
        }
    }

    fn over(&self) -> UpstreamError {
        match (self.wait, self.progress) {
            (Wait::Quiet(within), Some(progress)) if progress.waits_for_client() => {
                UpstreamError::RequestBodyTimeout(within)
            }
            (Wait::Quiet(within) | Wait::Deadline(within), _) => UpstreamError::Timeout(within),
            (Wait::Forever, _) => UpstreamError::Timeout(Duration::MAX),
        }
    }
}

/// An application that minds the deadline says so itself, and knows more of it.
const GRACE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(lines: &[(&'static str, &'static str)]) -> Wait {
        let headers = lines.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        Wait::in_stream(&headers, Duration::from_secs(60))
    }

    #[test]
    fn a_call_of_grpc_has_its_own_deadline_or_none() {
        assert_eq!(
            wait(&[("content-type", "application/json"), ("grpc-timeout", "1S")]),
            Wait::Quiet(Duration::from_secs(60))
        );
        assert_eq!(wait(&[("content-type", "application/grpc")]), Wait::Forever);
        assert_eq!(wait(&[("content-type", "Application/gRPC;charset=utf-8")]), Wait::Forever);
        for other in ["application/grpc-web+proto", "application/grpc-web-text", "application/grpcx"] {
            assert_eq!(wait(&[("content-type", other)]), Wait::Quiet(Duration::from_secs(60)), "{other}");
        }
        for (timeout, millis) in
            [("2H", 7_200_000), ("3M", 180_000), ("4S", 4_000), ("250m", 250), ("5000u", 5), ("7000000n", 7)]
        {
            let lines = [("content-type", "application/grpc+proto"), ("grpc-timeout", timeout)];
            assert_eq!(wait(&lines), Wait::Deadline(Duration::from_millis(millis) + GRACE), "{timeout}");
        }
        for none in ["", "S", "123456789S", "-1S", "1s", "1.5S"] {
            assert_eq!(wait(&[("content-type", "application/grpc"), ("grpc-timeout", none)]), Wait::Forever, "{none}");
        }
    }
}
