//! Hop-by-hop fields (RFC 9110 §7.6.1), and the headers that carry identity: removed whoever sent them, however they are spelled.

use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue};
use smallvec::SmallVec;

/// What becomes of a field of the client's on its way to the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// End to end: as sent.
    Kept,
    /// Hop-by-hop, or ours to say: never passed on, whoever sent it.
    Removed,
    /// What only a proxy in front of us can know: passed on from trusted ones.
    KeptFromProxies,
    /// The same, of the client's certificate: not where clients show theirs to us.
    CertificateFromProxies,
}

/// Who ends the client's TLS, and so knows its certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Certificates {
    /// A proxy in front of us, if anybody.
    #[default]
    FromProxies,
    /// We demand one ourselves: nobody else knows of any.
    Ours,
}

/// Every name whose fate is not `Kept`. Names are compared as CGI, WSGI, PHP and Rack would confuse them: without regard to case, and with
/// whatever is no letter or digit as `-` (lighttpd writes `_` for each: `X+Forwarded+User` is `HTTP_X_FORWARDED_USER` there).
#[derive(Clone, Debug)]
pub struct Names {
    /// By the (folded) first letter, so that most names cost one look.
    exact: [Vec<(Box<str>, Fate)>; LETTERS],
    certificates: Certificates,
}

impl Names {
    /// `identity`: the headers that `[identity]` names; its default names are always among them.
    pub fn new<'a>(identity: impl IntoIterator<Item = &'a HeaderName>) -> Names {
        let mut names = Names { exact: [const { Vec::new() }; LETTERS], certificates: Certificates::default() };
        let fixed = HOP_BY_HOP.iter().chain(IDENTITY).chain(OURS).map(|name| (*name, Fate::Removed));
        let proxies = FROM_PROXIES.iter().map(|name| (*name, Fate::KeptFromProxies));
        let certificates = CERTIFICATES.iter().map(|name| (*name, Fate::CertificateFromProxies));
        let identity = identity.into_iter().map(|name| (name.as_str(), Fate::Removed));
        for (name, fate) in fixed.chain(identity).chain(proxies).chain(certificates) {
            let folded: String = name.bytes().map(|byte| char::from(fold(byte))).collect();
            names.exact[letter(name)].push((folded.into(), fate));
        }
        names
    }

    pub fn certificates(self, certificates: Certificates) -> Names {
        Names { certificates, ..self }
    }

    pub fn fate(&self, name: &HeaderName) -> Fate {
        let name = name.as_str();
        for (known, fate) in &self.exact[letter(name)] {
            if same(known, name) {
                return *fate;
            }
        }
        match name.as_bytes()[0] {
            b'x' | b's' | b'c' | b'w' => {
                PREFIXES.iter().find(|(prefix, _)| begins(name, prefix)).map_or(Fate::Kept, |(_, fate)| *fate)
            }
            _ => Fate::Kept,
        }
    }

    /// Removes, in one pass, every field that does not go on. `trusted`: a trusted proxy sent the request.
    pub fn strip(&self, headers: &mut HeaderMap, trusted: bool) {
        let mut gone = named_by_connection(headers);
        gone.extend(
            headers
                .keys()
                .filter(|name| match self.fate(name) {
                    Fate::Kept => false,
                    Fate::Removed => true,
                    Fate::KeptFromProxies => !trusted,
                    Fate::CertificateFromProxies => !trusted || self.certificates == Certificates::Ours,
                })
                .cloned(),
        );
        for name in gone {
            headers.remove(name);
        }
    }

    /// The `Trailer` lines without names that may not come as trailers either.
    pub fn strip_trailer_names(&self, headers: &mut HeaderMap) {
        if !headers.contains_key(header::TRAILER) {
            return;
        }
        let kept: Vec<HeaderName> = tokens(headers.get_all(header::TRAILER).iter())
            .filter_map(|token| HeaderName::from_bytes(token).ok())
            .filter(|name| self.fate(name) == Fate::Kept)
            .collect();
        headers.remove(header::TRAILER);
        for name in kept {
            headers.append(header::TRAILER, name.into());
        }
    }
}

/// Removes the hop-by-hop fields of an application's response, and those its `Connection` names.
pub fn strip_response(headers: &mut HeaderMap) {
    let mut gone = named_by_connection(headers);
    gone.extend(headers.keys().filter(|name| HOP_BY_HOP.contains(&name.as_str())).cloned());
    for name in gone {
        headers.remove(name);
    }
}

/// Whether a comma-separated list, over all lines of the field, has this token.
pub fn lists(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    tokens(headers.get_all(name).iter()).any(|element| element.eq_ignore_ascii_case(token.as_bytes()))
}

fn tokens<'a>(lines: impl Iterator<Item = &'a HeaderValue>) -> impl Iterator<Item = &'a [u8]> {
    lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b',')).map(<[u8]>::trim_ascii)
}

/// The fields that `Connection` makes hop-by-hop. It cannot take away what every recipient needs (RFC 9110 §7.6.1: such options must not
/// be sent).
fn named_by_connection(headers: &HeaderMap) -> SmallVec<[HeaderName; 16]> {
    let options = tokens(headers.get_all(header::CONNECTION).iter());
    // The usual two name fields that go anyway, or none.
    options
        .filter(|token| !token.eq_ignore_ascii_case(b"keep-alive") && !token.eq_ignore_ascii_case(b"close"))
        .filter_map(|token| HeaderName::from_bytes(token).ok())
        .filter(|name| !END_TO_END.contains(name) && headers.contains_key(name))
        .collect()
}

/// Whether an application could take this field for the one of that name, which is in lower case with `-` between its words.
pub(in crate::wire) fn reads_as(name: &HeaderName, known: &str) -> bool {
    same(known, name.as_str())
}

/// `known` is folded already.
fn same(known: &str, name: &str) -> bool {
    known.len() == name.len() && begins(name, known)
}

fn begins(name: &str, folded: &str) -> bool {
    name.len() >= folded.len() && name.bytes().zip(folded.bytes()).all(|(byte, folded)| fold(byte) == folded)
}

fn fold(byte: u8) -> u8 {
    if byte.is_ascii_alphanumeric() { byte.to_ascii_lowercase() } else { b'-' }
}

fn letter(name: &str) -> usize {
    name.as_bytes().first().map_or(0, |byte| usize::from(fold(*byte)) % LETTERS)
}

const LETTERS: usize = 32;

/// `Trailer` is not among them since RFC 9110: fields that were announced may come as trailers.
const HOP_BY_HOP: &[&str] = &[
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
    "proxy-authorization",
    "proxy-authenticate",
    "proxy-authentication-info",
];

/// The default names of `[identity] headers`, and of tokens that are passed on.
const IDENTITY: &[&str] = &[
    "x-forwarded-user",
    "x-forwarded-email",
    "x-forwarded-preferred-username",
    "x-forwarded-groups",
    "x-forwarded-access-token",
    "x-forwarded-id-token",
];

/// What we say ourselves; what would let a client choose another path or method than the one decided on; and `Proxy`, which CGI turns into
/// the variable that names a proxy (httpoxy). `Expect` is answered here: to the application a gateway is a client of its own.
const OURS: &[&str] = &[
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-protocol",
    "x-forwarded-scheme",
    "x-forwarded-ssl",
    "x-forwarded-uri",
    "x-forwarded-method",
    "x-request-id",
    "x-rewrite-url",
    "x-url-scheme",
    "x-scheme",
    "front-end-https",
    "expect",
    "proxy",
];

const FROM_PROXIES: &[&str] = &["forwarded", "x-real-ip", "x-arr-ssl", "x-ssl"];

/// `Client-Cert` and its chain are RFC 9440's; who else tells of client certificates, and how: the test has the list.
const CERTIFICATES: &[&str] = &[
    "client-cert",
    "client-cert-chain",
    "cf-client-cert",
    "x-arr-clientcert",
    "x-client-verify",
    "x-client-dn",
    "x-client-s-dn",
    "-wscc",
];

/// Longest first where one begins another.
const PREFIXES: &[(&str, Fate)] = &[
    ("x-auth-request-", Fate::Removed),
    ("x-tokigate-", Fate::Removed),
    ("x-original-", Fate::Removed),
    ("x-forwarded-client-cert", Fate::CertificateFromProxies),
    ("x-forwarded-tls-client-", Fate::CertificateFromProxies),
    ("x-forwarded-ssl-client-", Fate::CertificateFromProxies),
    ("x-forwarded-", Fate::KeptFromProxies),
    ("x-ssl-", Fate::CertificateFromProxies),
    ("x-client-cert", Fate::CertificateFromProxies),
    ("x-tls-client-", Fate::CertificateFromProxies),
    ("x-amzn-mtls-", Fate::CertificateFromProxies),
    ("ssl-client-", Fate::CertificateFromProxies),
    ("ssl-server-", Fate::KeptFromProxies),
    ("cf-client-cert-", Fate::CertificateFromProxies),
    ("cf-cert-", Fate::CertificateFromProxies),
    ("wl-proxy-", Fate::CertificateFromProxies),
];

const END_TO_END: &[HeaderName] = &[
    header::HOST,
    header::COOKIE,
    header::SET_COOKIE,
    header::AUTHORIZATION,
    header::WWW_AUTHENTICATE,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::CONTENT_ENCODING,
    header::CACHE_CONTROL,
    header::ORIGIN,
    header::LOCATION,
];

#[cfg(test)]
mod tests;
