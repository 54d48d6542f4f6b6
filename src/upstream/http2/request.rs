//! Request: a head as HTTP/1.1 would have it, put as HTTP/2 has it (RFC 9113 §8.2, §8.3).

use http::header::{CONNECTION, HOST, TRANSFER_ENCODING};
use http::request::Parts;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Uri, Version};

/// `Host` becomes `:authority` (§8.3.1); what speaks of the connection is gone already, but for what says how HTTP/1.1 would have framed it. `TE: trailers`
/// stays (§8.2.2), and cookies stay on one line, which an application takes as well as crumbs (§8.2.3).
pub fn translated(parts: &Parts, scheme: &Scheme) -> Request<()> {
    let mut request = Request::new(());
    *request.method_mut() = parts.method.clone();
    *request.headers_mut() = parts.headers.clone();
    let headers = request.headers_mut();
    headers.remove(CONNECTION);
    headers.remove(TRANSFER_ENCODING);
    let path = parts.uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    let authority = headers.get(HOST).and_then(|host| Authority::try_from(host.as_bytes()).ok());
    let mut target = http::uri::Parts::default();
    target.path_and_query = Some(path.clone());
    if authority.is_some() {
        target.scheme = Some(scheme.clone());
        target.authority = authority;
    }
    match Uri::from_parts(target) {
        Ok(uri) if uri.authority().is_some() => {
            headers.remove(HOST);
            *request.uri_mut() = uri;
            *request.version_mut() = Version::HTTP_2;
        }
        // What has no `:authority` comes from HTTP/1.1, and has a `Host`: allowed, too.
        Ok(_) | Err(_) => *request.uri_mut() = Uri::from(path),
    }
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(target: &str, lines: &[(&str, &str)]) -> Request<()> {
        let request = lines.iter().fold(Request::post(target), |request, (name, value)| request.header(*name, *value));
        super::translated(&request.body(()).unwrap().into_parts().0, &Scheme::HTTPS)
    }

    #[test]
    fn the_host_is_the_authority_and_nothing_speaks_of_the_connection() {
        let request = translated(
            "/a%2fb//c?d=%20",
            &[
                ("host", "app.example.mn:8443"),
                ("connection", "te"),
                ("te", "trailers"),
                ("transfer-encoding", "chunked"),
                ("cookie", "a=1; b=2"),
            ],
        );
        assert_eq!(request.uri(), "https://app.example.mn:8443/a%2fb//c?d=%20");
        let names: Vec<&str> = request.headers().keys().map(http::HeaderName::as_str).collect();
        assert_eq!(names, ["te", "cookie"]);
    }

    #[test]
    fn a_host_that_is_no_authority_stays_a_host() {
        let request = translated("/a", &[("host", "a b")]);
        assert_eq!((request.uri().to_string(), &request.headers()["host"]), ("/a".to_owned(), &"a b".parse().unwrap()));
    }
}
