//! Forward: a request that was let pass goes to the application, and its answer comes back.

use std::rc::Rc;

use bytes::Bytes;
use http::header::{CONNECTION, HOST, TRANSFER_ENCODING, UPGRADE};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri, Version};
use http_body::Body as _;
use hyper::body::Incoming;

use super::connection::{Connection, Upgraded};
use super::download::{Download, Lease, Own, Source};
use super::handshake::Handshake;
use super::http2::{Exchanged, Received, Switched};
use super::patience::Wait;
use super::pool::Sent;
use super::tunnel::Tunnel;
use super::upload::{Progress, Upload};
use super::{Body, Ending, Pool, Stream, UpstreamError};
use crate::gate::Pass;
use crate::wire::Rewrite;
use crate::wire::h2::InStream;
use crate::wire::rewrite::{Fill, From};

/// A request as it arrived, and what is known of where it comes from.
pub struct Arrived<'a> {
    pub head: Parts,
    pub body: Incoming,
    pub from: From<'a>,
    /// `limits.body_bytes`.
    pub body_limit: Option<u64>,
    /// Returns when nobody may ask in this name any more; `None`: it is nobody's, or all of the request is there.
    pub end: Option<Ending>,
}

/// The application's answer. With a tunnel it is what a 101 says, whatever its status: the client's connection goes on as that once the head is sent.
pub struct Answer {
    pub response: Response<Body>,
    pub tunnel: Option<Tunnel>,
}

impl Pool {
    /// Wants the gate's permission. 1xx answers other than 101 are swallowed: the server side cannot relay them; `Expect` was answered
    /// with 100 as soon as the application's connection asked for the body, as an origin server does (RFC 9110 §3.7, §10.1.1).
    pub async fn forward(&self, pass: &Pass, arrived: Arrived<'_>, rewrite: &Rewrite) -> Result<Answer, UpstreamError> {
        let Arrived { mut head, body, from, body_limit, end } = arrived;
        let handshake = if body.is_end_stream() { Handshake::read(&head) } else { None };
        let (public_url, identity) = (pass.public_url(), pass.identity());
        let fill = Fill { public_url, identity, from, upgrade: handshake.is_some() };
        rewrite.request(&mut head.headers, &fill);
        let upload = Upload::new(body, body_limit, rewrite.names());
        let in_stream = head.extensions.remove::<InStream>();
        let upload = if in_stream.is_some() { upload.in_stream() } else { upload };
        let wait = self.wait_for(&head.headers, in_stream);
        let request = outgoing(head, upload, self.host());
        match handshake {
            Some(handshake) => match self.dial_for_handshake().await? {
                Some(stream) => self.switch(stream, request, &handshake, rewrite).await,
                None => self.connect(request, &handshake, rewrite).await,
            },
            None => self.relay(request, wait, end, rewrite).await,
        }
    }

    async fn relay(
        &self,
        request: Request<Upload>,
        wait: Wait,
        end: Option<Ending>,
        rewrite: &Rewrite,
    ) -> Result<Answer, UpstreamError> {
        let upload = request.body().progress();
        let sent = tokio::select! {
            biased;
            sent = self.send(request, wait) => sent?,
            // Dropped, it lets go of the application.
            () = cut(end, upload.as_deref(), wait) => return Err(UpstreamError::SessionOver),
        };
        match sent {
            Sent::Own(response, connection) => self.own(response, connection, upload, rewrite),
            Sent::Shared(exchanged) => shared(exchanged, rewrite),
        }
    }

    fn own(
        &self,
        response: Response<Incoming>,
        connection: Connection,
        upload: Option<Rc<Progress>>,
        rewrite: &Rewrite,
    ) -> Result<Answer, UpstreamError> {
        if is_coded(response.headers()) {
            let why = "it has a transfer coding that nobody asked for (RFC 9112 §6.1)";
            return Err(UpstreamError::Broken(why.to_owned()));
        }
        let lease = Lease::Own(Own { connection, pool: self.clone(), keeps: None, upload });
        answer(response.map(Source::Own), lease, rewrite)
    }

    /// Bytes flow only after the application's own 101; any other answer is relayed, and there is no tunnel.
    async fn switch(
        &self,
        stream: Stream,
        request: Request<Upload>,
        handshake: &Handshake,
        rewrite: &Rewrite,
    ) -> Result<Answer, UpstreamError> {
        let (response, connection, upgraded) = self.send_handshake(stream, request).await?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return self.own(response, connection, None, rewrite);
        }
        if !handshake.is_accepted(response.headers()) {
            return Err(UpstreamError::Broken("its 101 does not accept this handshake (RFC 6455 §4.1)".to_owned()));
        }
        let tunnel = self.tunnel(upgraded).await?;
        Ok(switched(response.map(drop), tunnel, rewrite))
    }

    /// The same over HTTP/2: a 2xx is what a 101 is (RFC 8441 §5), and the key is answered here.
    async fn connect(
        &self,
        request: Request<Upload>,
        handshake: &Handshake,
        rewrite: &Rewrite,
    ) -> Result<Answer, UpstreamError> {
        match self.send_connect(request).await? {
            Switched::Not(exchanged) => shared(exchanged, rewrite),
            Switched::Socket(mut response, socket) => {
                let tunnel = Tunnel::new(Stream::Http2(Box::new(socket)), Bytes::new(), self.metrics());
                handshake.accept(response.headers_mut());
                Ok(switched(response, tunnel, rewrite))
            }
        }
    }

    async fn tunnel(&self, upgraded: Upgraded) -> Result<Tunnel, UpstreamError> {
        let lost = |_| UpstreamError::Closed("as soon as it had switched".to_owned());
        let (stream, read) = upgraded.await.map_err(lost)?;
        Ok(Tunnel::new(stream, read, self.metrics()))
    }
}

/// Returns at a session's end, where it ends the wait for an answer's head as well: of a call of gRPC whatever there is to wait for, of any other request
/// while it is still being sent.
async fn cut(end: Option<Ending>, upload: Option<&Progress>, wait: Wait) {
    if let Some(end) = end {
        end.await;
        match wait {
            Wait::Deadline(_) | Wait::Forever => return,
            Wait::Quiet(_) if upload.is_some_and(|upload| !upload.ended()) => return,
            Wait::Quiet(_) => {}
        }
    }
    std::future::pending().await
}

fn switched(response: Response<()>, tunnel: Tunnel, rewrite: &Rewrite) -> Answer {
    let (mut head, ()) = response.into_parts();
    rewrite.response(&mut head.headers);
    head.headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    head.headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    Answer { response: Response::from_parts(head, Body::Empty), tunnel: Some(tunnel) }
}

fn shared(exchanged: Exchanged, rewrite: &Rewrite) -> Result<Answer, UpstreamError> {
    let Exchanged { response, hold } = exchanged;
    let (head, stream) = response.into_parts();
    let received = Received::new(stream, &head.headers);
    answer(Response::from_parts(head, Source::Shared(received)), Lease::Shared(hold), rewrite)
}

fn answer(response: Response<Source>, mut lease: Lease, rewrite: &Rewrite) -> Result<Answer, UpstreamError> {
    let (mut head, body) = response.into_parts();
    if head.status == StatusCode::SWITCHING_PROTOCOLS {
        return Err(UpstreamError::Broken("it switched protocols unasked".to_owned()));
    }
    lease.keeps(rewrite.response(&mut head.headers));
    if lease.upload().is_some_and(|upload| !upload.ended()) {
        // What the client still sends may have nowhere to go: it begins no further request behind that (RFC 9112 §9.6).
        head.headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    // The server side writes the version that the client speaks.
    head.version = Version::HTTP_11;
    let body = if body.is_end_stream() {
        lease.give_back();
        Body::Empty
    } else {
        Body::Upstream(Download::new(body, lease))
    };
    Ok(Answer { response: Response::from_parts(head, body), tunnel: None })
}

/// Coded in another way than chunks, which are all that the library takes off.
fn is_coded(headers: &HeaderMap) -> bool {
    let plain = |coding: &HeaderValue| {
        let coding = coding.as_bytes().trim_ascii();
        coding.eq_ignore_ascii_case(b"chunked") || coding.eq_ignore_ascii_case(b"identity")
    };
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    codings.next().is_some_and(|coding| !plain(coding)) || codings.next().is_some()
}

/// The head in origin form, the target byte for byte as it was sent (RFC 9112 §3.2.1), framed like the body that follows. `host`: what the application
/// is told in place of what the client asked for.
fn outgoing(mut head: Parts, body: Upload, host: Option<&HeaderValue>) -> Request<Upload> {
    if let Some(host) = host {
        head.headers.insert(HOST, host.clone());
    } else if let Some(authority) = head.uri.authority()
        && let Ok(host) = HeaderValue::from_str(authority.as_str())
    {
        // A target in absolute form overrides Host (RFC 9112 §3.2.2).
        head.headers.insert(HOST, host);
    }
    if !body.is_end_stream() && body.size_hint().exact().is_none() {
        // Said, because without it the library sends no body with GET.
        head.headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    let target = head.uri.into_parts().path_and_query.unwrap_or_else(|| PathAndQuery::from_static("/"));
    let mut request = Request::new(body);
    *request.method_mut() = head.method;
    *request.uri_mut() = Uri::from(target);
    *request.headers_mut() = head.headers;
    request
}
