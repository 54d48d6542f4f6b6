//! A browser's cookies, for tests: takes `Set-Cookie` lines as RFC 6265bis says and gives the `Cookie` line.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderValue, header};

use crate::wire::{CookieNames, Cookies};

#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::store) struct Jar(pub(in crate::store) BTreeMap<String, String>);

impl Jar {
    pub(in crate::store) fn take(&mut self, headers: &HeaderMap) {
        for line in headers.get_all(header::SET_COOKIE) {
            let line = line.to_str().expect("Set-Cookie is ASCII");
            assert!(line.len() < 4096, "{} bytes: {line}", line.len());
            let (pair, attributes) = line.split_once(';').expect("attributes");
            let (name, value) = pair.split_once('=').expect("name and value");
            if attributes.contains("Max-Age=0") {
                self.0.remove(name);
            } else {
                self.0.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    pub(in crate::store) fn headers(&self) -> HeaderMap {
        let pairs: Vec<String> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut headers = HeaderMap::new();
        if !pairs.is_empty() {
            headers.insert(header::COOKIE, HeaderValue::try_from(pairs.join("; ")).expect("a header value"));
        }
        headers
    }

    pub(in crate::store) fn cookies(&self, names: &CookieNames) -> Cookies {
        Cookies::read(&self.headers(), names)
    }
}
