//! Received: a response's body as it comes out of its stream.

use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::{Reason, RecvStream};
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, HeaderValue};
use http_body::{Frame, SizeHint};

use crate::wire::hop;

pub struct Received {
    stream: RecvStream,
    /// Bytes that are to come, where the head says so.
    left: Option<u64>,
    data: Data,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Data {
    More,
    /// Trailers, if any.
    Over,
    /// Those too.
    End,
}

impl Received {
    pub fn new(stream: RecvStream, head: &HeaderMap) -> Received {
        let left = head.get(CONTENT_LENGTH).and_then(length);
        let data = if stream.is_end_stream() { Data::End } else { Data::More };
        Received { stream, left, data }
    }

    pub fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        if self.data == Data::More {
            match ready!(self.stream.poll_data(cx)) {
                Some(Ok(data)) => {
                    self.left = self.left.map(|left| left.saturating_sub(data.len() as u64));
                    // Room for as much again, now that the client's side has it. An error is the stream's end, and comes next.
                    let _ = self.stream.flow_control().release_capacity(data.len());
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(cut_short(error)))),
                None => self.data = Data::Over,
            }
        }
        if self.data == Data::End {
            return Poll::Ready(None);
        }
        let trailers = ready!(self.stream.poll_trailers(cx));
        self.data = Data::End;
        Poll::Ready(match trailers {
            Ok(Some(mut trailers)) => {
                hop::strip_response(&mut trailers);
                Some(Ok(Frame::trailers(trailers)))
            }
            Ok(None) => None,
            Err(error) => Some(Err(cut_short(error))),
        })
    }

    pub fn is_end_stream(&self) -> bool {
        self.data == Data::End || self.stream.is_end_stream()
    }

    pub fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

/// Behind END_STREAM a reset is none to the library, and may ask for the rest of the request to be left out (RFC 9113 §8.1). Before it whatever reason is given
/// cuts the answer short; and clients take NO_ERROR for an end.
fn cut_short(error: h2::Error) -> h2::Error {
    if error.reason() == Some(Reason::NO_ERROR) { Reason::INTERNAL_ERROR.into() } else { error }
}

fn length(value: &HeaderValue) -> Option<u64> {
    value.to_str().ok()?.parse().ok()
}
