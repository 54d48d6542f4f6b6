//! Bodies that stream: events, uploads, echoes, and answers that break off.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Incoming;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::number;
use super::record::Requests;
use crate::demo::http::{self as plumbing, Body, HungUp, Params, full, machine_clock};

/// A clock as server-sent events: `?ms=` between them (1000), `?n=` of them (without end).
pub(super) fn events(requests: &Requests, query: &Params) -> Response<Body> {
    let pause = Duration::from_millis(number(query, "ms").unwrap_or(1000).max(1));
    let limit = number(query, "n").unwrap_or(u64::MAX);
    let open = requests.stream();
    let events = stream::unfold((1_u64, open), move |(at, open)| async move {
        if at > limit {
            return None;
        }
        if at > 1 {
            tokio::time::sleep(pause).await;
        }
        let event = format!("id: {at}\ndata: {}\n\n", machine_clock());
        Some((Bytes::from(event), (at + 1, open)))
    });
    streamed(StatusCode::OK, "text/event-stream", events)
}

/// Counts and hashes a body of any size as it comes.
pub(super) async fn upload(request: Request<Incoming>) -> Result<Response<Body>, HungUp> {
    let mut body = request.into_body();
    let (mut bytes, mut hash) = (0_u64, Sha256::new());
    while let Some(frame) = body.frame().await {
        // The upload broke off: there is nobody to tell.
        let frame = frame.map_err(|_| HungUp)?;
        if let Some(data) = frame.data_ref() {
            bytes += data.len() as u64;
            hash.update(data);
        }
    }
    let sha256 = hash.finalize().iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    Ok(plumbing::json(StatusCode::OK, &json!({ "bytes": bytes, "sha256": sha256 })).map(full))
}

/// The request's body, as it comes; trailers that were announced, too.
pub(super) fn echo(request: Request<Incoming>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let mut response = Response::new(body.map_err(io::Error::other).boxed_unsync());
    for name in [header::CONTENT_TYPE, header::TRAILER] {
        if let Some(value) = head.headers.get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}

/// `/bytes/N`: so many bytes, with their length in front unless `?chunked=1`.
pub(super) fn bytes(count: &str, query: &Params) -> Response<Body> {
    let Ok(count) = count.parse::<u64>() else {
        return plumbing::answer(StatusCode::BAD_REQUEST, "text/plain", "no such count\n").map(full);
    };
    let mut response = streamed(StatusCode::OK, "application/octet-stream", chunks(count));
    if query.get("chunked").is_none() {
        response.headers_mut().insert(header::CONTENT_LENGTH, count.into());
    }
    response
}

/// A chunked body with a trailer (sent only to who says `TE: trailers`, RFC 9110 §6.5.1).
pub(super) fn trailers() -> Response<Body> {
    let mut trailers = HeaderMap::new();
    trailers.insert("x-checksum", HeaderValue::from_static("of-the-body"));
    let frames = [Ok(Frame::data(Bytes::from_static(b"a body with a trailer\n"))), Ok(Frame::trailers(trailers))];
    let mut response = Response::new(StreamBody::new(stream::iter(frames)).boxed_unsync());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response.headers_mut().insert(header::TRAILER, HeaderValue::from_static("x-checksum"));
    response
}

/// Promises `?of=` bytes (1000), sends `?bytes=` (100), and is gone; without a length where `?chunked=1`.
pub(super) fn abort(query: &Params) -> Response<Body> {
    let sent = chunks(number(query, "bytes").unwrap_or(100)).map(|part| Ok(Frame::data(part)));
    let gone = stream::once(async {
        // Time for what was sent to leave: an error that comes at once takes it along.
        tokio::time::sleep(Duration::from_millis(20)).await;
        Err(io::Error::from(io::ErrorKind::ConnectionAborted))
    });
    let mut response = Response::new(StreamBody::new(sent.chain(gone)).boxed_unsync());
    if query.get("chunked").is_none() {
        response.headers_mut().insert(header::CONTENT_LENGTH, number(query, "of").unwrap_or(1000).into());
    }
    response
}

/// `count` bytes, made as they are sent: no more than one chunk is ever in memory.
fn chunks(count: u64) -> impl Stream<Item = Bytes> + Send + 'static {
    const CHUNK: &[u8] = &[b'.'; 16 * 1024];
    stream::unfold(count, |left| async move {
        let size = usize::try_from(left).unwrap_or(CHUNK.len()).min(CHUNK.len());
        (size > 0).then(|| (Bytes::from_static(&CHUNK[..size]), left - size as u64))
    })
}

fn streamed(
    status: StatusCode,
    content_type: &'static str,
    parts: impl Stream<Item = Bytes> + Send + 'static,
) -> Response<Body> {
    let body = StreamBody::new(parts.map(|part| Ok(Frame::data(part)))).boxed_unsync();
    plumbing::answer(status, content_type, Bytes::new()).map(|_| body)
}
