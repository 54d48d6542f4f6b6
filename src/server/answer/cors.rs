//! What scripts of other origins may read of the gate's own answers (Fetch, "CORS protocol").

use http::{HeaderValue, Response, StatusCode, header};

use super::{Asked, Reason, mark};
use crate::gate::cors::Shared;
use crate::upstream::Body;

/// In the extensions of an answer that is no refusal and made for scripts.
#[derive(Clone, Copy, Debug)]
pub(super) struct ForScripts;

/// Lets the scripts of a listed origin read a refusal, or what is made for scripts. On answers of the application nothing is added: those are its own to share.
pub fn share(response: &mut Response<Body>, shared: Shared<'_>) {
    let extensions = response.extensions();
    if extensions.get::<Reason>().is_none() && extensions.get::<ForScripts>().is_none() {
        return;
    }
    let headers = response.headers_mut();
    match shared {
        Shared::Never => return,
        Shared::No => {}
        Shared::With(origin) => {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
        }
    }
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
}

/// What may be sent to one of the gate's own addresses: its methods, and whatever headers the script wants to add, since none of them means anything there.
pub fn preflight(allow: &'static str, headers: Option<&HeaderValue>, asked: &Asked<'_>) -> Response<Body> {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.extensions_mut().insert(ForScripts);
    let fields = response.headers_mut();
    fields.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(allow));
    if let Some(headers) = headers {
        fields.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, headers.clone());
    }
    fields.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE));
    fields.append(header::VARY, HeaderValue::from_static("Access-Control-Request-Headers"));
    mark(fields, asked);
    response
}

/// What a script cannot read of a refusal unless it is named; gRPC-Web has its status in the head where a call ends before it began.
const EXPOSED: &str = "WWW-Authenticate, Retry-After, X-Request-Id, Grpc-Status, Grpc-Message";
/// Seconds. All that it saves is a request; browsers keep it for ten minutes to a day at most.
const MAX_AGE: &str = "600";
