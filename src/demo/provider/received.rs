//! A request as the endpoints read it: the head, and the whole of a small body.

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Uri, header};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;

use super::Endpoint;
use super::calls::Call;
use crate::demo::http::{HungUp, Params, header_lines};

#[derive(Debug)]
pub(super) struct Received {
    pub method: Method,
    pub headers: HeaderMap,
    /// Of the form where there is one, else of the query.
    pub params: Params,
    target: Uri,
    form: bool,
}

impl Received {
    /// Reads the body too; one over [`BODY_LIMIT`], or broken off, costs the connection.
    pub(super) async fn read(request: Request<Incoming>) -> Result<Self, HungUp> {
        let (head, body) = request.into_parts();
        let body: Bytes = Limited::new(body, BODY_LIMIT).collect().await.map_err(|_| HungUp)?.to_bytes();
        let form = head.method == Method::POST && is_form(&head.headers);
        let params = Params::parse(if form { &body } else { head.uri.query().unwrap_or_default().as_bytes() });
        Ok(Self { method: head.method, headers: head.headers, params, target: head.uri, form })
    }

    pub(super) fn path(&self) -> &str {
        self.target.path()
    }

    pub(super) fn query(&self) -> &str {
        self.target.query().unwrap_or_default()
    }

    /// A POST of `application/x-www-form-urlencoded`.
    pub(super) fn is_form(&self) -> bool {
        self.form
    }

    pub(super) fn call(&self, endpoint: Endpoint, at: u64) -> Call {
        Call {
            endpoint,
            method: self.method.to_string(),
            target: self.target.to_string(),
            params: self.params.clone(),
            headers: header_lines(&self.headers),
            at,
            status: None,
        }
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    let mut lines = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(only), None) = (lines.next(), lines.next()) else { return false };
    let essence = only.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// In bytes; enough for refresh tokens of any size that a test makes.
const BODY_LIMIT: usize = 256 * 1024;
