//! Pump: a request's body into its stream, as fast as the application takes it.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::{Reason, SendStream};
use http_body::Body as _;

use super::{Pumping, Seat};
use crate::upstream::upload::Upload;

pub struct Pump {
    upload: Upload,
    stream: SendStream<Bytes>,
    /// What the client has sent and the application has no room for yet.
    pending: Bytes,
    over: bool,
}

impl Pump {
    /// A body that is none went with the head.
    pub fn new(mut upload: Upload, stream: SendStream<Bytes>) -> Pump {
        let over = upload.is_end_stream();
        upload.keep();
        Pump { upload, stream, pending: Bytes::new(), over }
    }

    pub fn is_over(&self) -> bool {
        self.over
    }

    pub fn poll(&mut self, cx: &mut Context<'_>) {
        if !self.over && self.step(cx).is_ready() {
            self.over = true;
        }
    }

    /// As a task of its own, now that the answer has begun: nothing is sent again any more.
    pub fn go_on(mut self, seat: Rc<Seat>) -> Pumping {
        self.upload.forget();
        let task = tokio::task::spawn_local(async move {
            let _seat = seat;
            std::future::poll_fn(|cx| self.step(cx)).await;
        });
        Pumping(task.abort_handle())
    }

    /// The body as if nothing of it had been sent. `None`: too much was.
    pub fn rewind(mut self) -> Option<Upload> {
        self.upload.rewind().then_some(self.upload)
    }

    /// Ready when there is nothing more to send, or nobody to send it to.
    fn step(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if !self.pending.is_empty() {
                self.stream.reserve_capacity(self.pending.len());
                let mut room = self.stream.capacity();
                while room == 0 {
                    match ready!(self.stream.poll_capacity(cx)) {
                        Some(Ok(more)) => room = more,
                        // Reset by either side: whoever waits for the answer hears of it.
                        Some(Err(_)) | None => return Poll::Ready(()),
                    }
                }
                let piece = self.pending.split_to(room.min(self.pending.len()));
                let last = self.pending.is_empty() && self.upload.is_end_stream();
                if self.stream.send_data(piece, last).is_err() || last {
                    return Poll::Ready(());
                }
                continue;
            }
            let Some(frame) = ready!(Pin::new(&mut self.upload).poll_frame(cx)) else {
                let _ = self.stream.send_data(Bytes::new(), true);
                return Poll::Ready(());
            };
            match frame.map(http_body::Frame::into_data) {
                Ok(Ok(data)) if data.is_empty() && self.upload.is_end_stream() => {
                    let _ = self.stream.send_data(data, true);
                    return Poll::Ready(());
                }
                Ok(Ok(data)) => self.pending = data,
                Ok(Err(trailers)) => {
                    let _ = self.stream.send_trailers(trailers.into_trailers().unwrap_or_default());
                    return Poll::Ready(());
                }
                // The client has gone, or sent what it may not: what has come of it must not look complete.
                Err(_) => {
                    self.stream.send_reset(Reason::CANCEL);
                    return Poll::Ready(());
                }
            }
        }
    }
}
