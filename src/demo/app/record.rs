//! What the application was sent, for tests to read: heads as parsed, and the bytes of each connection.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use http::Request;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::demo::http::header_lines;

/// The head of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    pub method: String,
    pub target: String,
    /// Names in lower case, lines of one name together, in order.
    pub headers: Vec<(String, String)>,
}

impl Head {
    /// The first line of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Every line of this name.
    pub fn lines(&self, name: &str) -> Vec<&str> {
        self.headers
            .iter()
            .filter(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
            .collect()
    }
}

/// A handle on the record; clones read the same one. The newest [`HEADS`] heads and [`CONNECTIONS`] connections are kept.
#[derive(Debug, Clone, Default)]
pub struct Requests(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    record: Mutex<Record>,
    streams: AtomicUsize,
    sockets: AtomicUsize,
}

#[derive(Debug, Default)]
struct Record {
    count: u64,
    heads: VecDeque<Head>,
    connections: VecDeque<Arc<Mutex<Vec<u8>>>>,
}

impl Requests {
    /// How many have arrived.
    pub fn count(&self) -> u64 {
        self.record().count
    }

    /// The heads that are kept, oldest first.
    pub fn heads(&self) -> Vec<Head> {
        self.record().heads.iter().cloned().collect()
    }

    /// The newest head.
    pub fn last(&self) -> Option<Head> {
        self.record().heads.back().cloned()
    }

    /// The first [`BYTES`] bytes that arrived on each connection that is kept, oldest first.
    pub fn raw(&self) -> Vec<Vec<u8>> {
        let connections: Vec<_> = self.record().connections.iter().cloned().collect();
        connections.iter().map(|bytes| locked(bytes).clone()).collect()
    }

    /// How many event streams are being sent just now.
    pub fn open_streams(&self) -> usize {
        self.0.streams.load(Ordering::SeqCst)
    }

    /// How many WebSockets are open just now.
    pub fn open_sockets(&self) -> usize {
        self.0.sockets.load(Ordering::SeqCst)
    }

    /// Forgets what has arrived.
    pub fn clear(&self) {
        let mut record = self.record();
        record.count = 0;
        record.heads.clear();
        record.connections.iter().for_each(|bytes| locked(bytes).clear());
    }

    /// Notes a request and gives its number, from 1.
    pub(super) fn note<B>(&self, request: &Request<B>) -> u64 {
        let head = Head {
            method: request.method().to_string(),
            target: request.uri().to_string(),
            headers: header_lines(request.headers()),
        };
        let mut record = self.record();
        record.count += 1;
        if record.heads.len() == HEADS {
            record.heads.pop_front();
        }
        record.heads.push_back(head);
        record.count
    }

    pub(super) fn stream(&self) -> Open {
        Open::count(self, |shared| &shared.streams)
    }

    pub(super) fn socket(&self) -> Open {
        Open::count(self, |shared| &shared.sockets)
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        locked(&self.0.record)
    }
}

/// Counts as open until dropped.
pub(super) struct Open {
    shared: Arc<Shared>,
    gauge: fn(&Shared) -> &AtomicUsize,
}

impl Open {
    fn count(requests: &Requests, gauge: fn(&Shared) -> &AtomicUsize) -> Self {
        gauge(&requests.0).fetch_add(1, Ordering::SeqCst);
        Self { shared: Arc::clone(&requests.0), gauge }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        (self.gauge)(&self.shared).fetch_sub(1, Ordering::SeqCst);
    }
}

/// A connection whose first bytes are kept as they arrive.
pub(super) struct Recorded<I> {
    connection: I,
    bytes: Arc<Mutex<Vec<u8>>>,
}

impl<I> Recorded<I> {
    pub(super) fn new(connection: I, requests: &Requests) -> Self {
        let bytes = Arc::default();
        let mut record = requests.record();
        if record.connections.len() == CONNECTIONS {
            record.connections.pop_front();
        }
        record.connections.push_back(Arc::clone(&bytes));
        Self { connection, bytes }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Recorded<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.connection).poll_read(cx, buf);
        let mut bytes = locked(&self.bytes);
        let arrived = &buf.filled()[before..];
        let room = BYTES.saturating_sub(bytes.len()).min(arrived.len());
        bytes.extend_from_slice(&arrived[..room]);
        polled
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Recorded<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.connection).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.connection).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.connection.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_shutdown(cx)
    }
}

fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

const HEADS: usize = 1000;
const CONNECTIONS: usize = 32;
/// Kept of each connection.
const BYTES: usize = 64 * 1024;
