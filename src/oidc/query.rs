//! The query of an address to which a browser is sent: the endpoint's own, and what we say.

use std::borrow::Borrow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use url::Url;

/// RFC 6749 §3.1: the endpoint's own query is kept, byte for byte; but for names that are ours to say (`is_ours`), said this time or not.
pub fn with_query<N, V>(endpoint: &Url, said: &[(N, V)], is_ours: impl Fn(&str) -> bool) -> Url
where
    N: Borrow<str>,
    V: Borrow<str>,
{
    let own = endpoint.query().unwrap_or_default().split('&').filter(|pair| {
        let name = pair.split('=').next().unwrap_or_default().replace('+', " ");
        let name = percent_decode_str(&name).decode_utf8_lossy();
        !pair.is_empty() && !is_ours(&name) && said.iter().all(|(said, _)| *said.borrow() != *name)
    });
    let ours = said.iter().map(|(name, value)| format!("{}={}", encode(name.borrow()), encode(value.borrow())));
    let query = own.map(str::to_owned).chain(ours).collect::<Vec<_>>().join("&");
    let mut url = endpoint.clone();
    url.set_fragment(None);
    url.set_query(Some(&query));
    url
}

/// A space as `%20`, which every reader of a query knows; `+` is known to those of forms only.
fn encode(text: &str) -> percent_encoding::PercentEncode<'_> {
    utf8_percent_encode(text, UNRESERVED)
}

/// RFC 3986 §2.3.
pub(super) const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
