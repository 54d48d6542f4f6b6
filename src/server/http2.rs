//! HTTP/2 from clients (RFC 9113): its streams are requests like any other.

mod budget;
pub mod frames;
mod socket;
mod watch;

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use h2::Reason;
use http::{HeaderMap, Method, Request, Response};
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::ext::Protocol;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt;

use super::answer;
use super::arrival::Arrived;
use super::connection::{LAST_WORD, linger};
use super::drain::Stage;
use super::peer::Peer;
use super::watchman::{Order, Watchman};
use super::worker::{Floor, Handler};
use crate::config::server::Limits;
use crate::upstream::Body;
use crate::wire::{self, hop};
use watch::{Serving, Watch, Watched};

/// Serves one connection to its end.
pub async fn serve<H: Handler>(arrived: Arrived, peer: Rc<Peer>, handler: Rc<H>, floor: Rc<Floor>) {
    let watch = Watch::new();
    let arrived = Rc::new(RefCell::new(arrived));
    let end = answer(Rc::clone(&arrived), peer, handler, &floor, &watch).await;
    let Some(arrived) = Rc::into_inner(arrived) else { return };
    let mut stream = arrived.into_inner().stream;
    match end {
        End::Over => linger(stream).await,
        End::CalmIsLost => {
            if let Some(goaway) = watch.farewell() {
                let _ = tokio::time::timeout(LAST_WORD, stream.write_all(&goaway)).await;
            }
            // It goes on shouting.
            let _ = tokio::time::timeout(LAST_WORD, linger(stream)).await;
        }
        End::HungUp => {}
    }
}

enum End {
    Over,
    /// Told to the client as ENHANCE_YOUR_CALM (§7).
    CalmIsLost,
    HungUp,
}

/// Answers requests until the connection ends.
async fn answer<H: Handler>(
    arrived: Rc<RefCell<Arrived>>,
    peer: Rc<Peer>,
    handler: Rc<H>,
    floor: &Rc<Floor>,
    watch: &Rc<Watch>,
) -> End {
    let service = service_fn(|request: Request<Incoming>| {
        let place = if watch.has_place() { Some(None) } else { floor.place_stream(peer.remote).map(Some) };
        let taken = place.map(|place| {
            let serving = watch.serve();
            watch.keep(place);
            let answer = respond(request, peer.of_stream(), Rc::clone(&handler), Rc::clone(floor), Rc::clone(watch));
            (answer, serving)
        });
        async move {
            // The library resets the stream for the reason that it finds in here.
            let (answer, serving) = taken.ok_or(h2::Error::from(Reason::REFUSED_STREAM))?;
            Ok::<_, h2::Error>(answer.await.map(|body| Sending { body, serving }))
        }
    });
    let io = TokioIo::new(Watched { arrived, watch: Rc::clone(watch) });
    let mut connection = pin!(protocol(&floor.limits).serve_connection(io, service));
    let mut watchman = Watchman::new(floor, &**watch);
    let mut told = false;
    poll_fn(|cx| {
        loop {
            if let Poll::Ready(end) = connection.as_mut().poll(cx) {
                // Of an error the library has said what it is, where it could.
                let (Ok(()) | Err(_)) = end;
                return Poll::Ready(if watch.calm_is_lost() { End::CalmIsLost } else { End::Over });
            }
            let order = watchman.look(cx);
            let stage = floor.stage.get();
            // Who has just come during the drain has its first request answered before it is told, as in HTTP/1.1.
            let is_told = stage >= Stage::Finishing || stage >= Stage::Leaving && watch.has_served();
            match order {
                Some(Order::HangUp) => return Poll::Ready(End::HungUp),
                None if told || !is_told => return Poll::Pending,
                Some(Order::Close) | None => {
                    told = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    })
    .await
}

/// From a stream's head to its answer's.
async fn respond<H: Handler>(
    mut request: Request<Incoming>,
    peer: Rc<Peer>,
    handler: Rc<H>,
    floor: Rc<Floor>,
    watch: Rc<Watch>,
) -> Response<Body> {
    let connect = (*request.method() == Method::CONNECT).then(|| hyper::upgrade::on(&mut request));
    let (mut head, body) = request.into_parts();
    let is_head = head.method == Method::HEAD;
    let protocol = head.extensions.remove::<Protocol>();
    let mut response = match wire::h2::translate(&mut head, protocol.as_ref().map(Protocol::as_str), socket::key) {
        Ok(()) => handler.handle(Rc::clone(&peer), Request::from_parts(head, body)).await,
        Err(malformed) => handler.turn_away(malformed, &head),
    };
    if let Some(connect) = connect {
        response = match peer.take_switch() {
            Some(switch) => {
                tokio::task::spawn_local(socket::run(connect, switch, floor, watch.serve()));
                answer::connected(response)
            }
            None => answer::not_connected(response),
        };
    }
    // What HTTP/1.1 says of its connection has no place here (§8.2.2): the drain is told by GOAWAY, an upload that nobody wants by RST_STREAM.
    hop::strip_response(response.headers_mut());
    if is_head && let Some(length) = response.body().size_hint().exact() {
        // The library would send the body.
        if length > 0 {
            response.headers_mut().entry(http::header::CONTENT_LENGTH).or_insert_with(|| length.into());
        }
        *response.body_mut() = Body::Empty;
    }
    response
}

/// An answer's body on its way into its stream; when it is dropped, the library has all of it.
struct Sending {
    body: Body,
    serving: Serving,
}

impl http_body::Body for Sending {
    type Data = Bytes;
    type Error = <Body as http_body::Body>::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        this.serving.asked_for_more();
        let frame = Pin::new(&mut this.body).poll_frame(cx);
        match frame {
            Poll::Ready(Some(Ok(frame))) => {
                if frame.is_data() {
                    this.serving.handed_over();
                }
                Poll::Ready(Some(Ok(match frame.into_trailers() {
                    Ok(trailers) => Frame::trailers(plain(trailers)),
                    Err(data) => data,
                })))
            }
            other => other,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// §8.1: trailers are fields like those of a head.
fn plain(mut trailers: HeaderMap) -> HeaderMap {
    hop::strip_response(&mut trailers);
    trailers
}

fn protocol(limits: &Limits) -> http2::Builder<OnThisThread> {
    let mut protocol = http2::Builder::new(OnThisThread);
    protocol
        .timer(TokioTimer::new())
        // Decoded, 32 bytes for each field on top, cookie crumbs included (§6.5.2). Beyond it 431; beyond four times that the connection ends.
        .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
        .max_concurrent_streams(STREAMS)
        .max_frame_size(FRAME_BYTES)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .enable_connect_protocol()
        .max_send_buf_size(SEND_BUFFER)
        .max_pending_accept_reset_streams(RESETS_AT_ONCE)
        .max_local_error_reset_streams(MALFORMED_STREAMS)
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_TIMEOUT);
    protocol
}

/// Streams are tasks beside their connection's; they end with it, because the library tells them.
#[derive(Clone, Copy)]
struct OnThisThread;

impl<F> hyper::rt::Executor<F> for OnThisThread
where
    F: Future<Output = ()> + 'static,
{
    fn execute(&self, stream: F) {
        tokio::task::spawn_local(stream);
    }
}

/// What RFC 9113 §6.5.2 recommends at least; browsers open no more.
const STREAMS: u32 = 100;
/// The least there is (§4.2): nothing is gained by larger ones (docs/performance.md), and one stream would hold up the others for longer.
const FRAME_BYTES: u32 = 16 * 1024;
/// How much of one upload may lie here unread while the application is slow; also what an upload gets on by in one round trip. Near by, half and double
/// cost the same (docs/performance.md).
const STREAM_WINDOW: u32 = 256 * 1024;
/// The same for all uploads of one connection together.
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// Of each answer, what the client's window does not let go yet, besides the piece under way. Near by, larger ones gain next to nothing.
const SEND_BUFFER: usize = 64 * 1024;
/// Streams that were reset before anybody had looked at them.
const RESETS_AT_ONCE: usize = 100;
/// Streams that broke the protocol, in the life of a connection.
const MALFORMED_STREAMS: usize = 100;
/// Notices peers that vanished where TCP does not: behind a proxy that keeps the connection.
const PING_EVERY: Duration = Duration::from_secs(60);
const PING_TIMEOUT: Duration = Duration::from_secs(20);
