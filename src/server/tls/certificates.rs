//! Certificates: which one a client is shown, by the name it asks for (SNI, RFC 6066 §3).

use std::collections::HashMap;
use std::sync::Arc;

use rustls::SignatureScheme;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::tls::leaf;

/// All that are configured, in their order.
#[derive(Debug)]
pub struct Certificates {
    /// At least one.
    pairs: Vec<Arc<CertifiedKey>>,
    /// By the names of their SANs, in lower case; wildcards by what stands behind their `*.`.
    exact: HashMap<String, Vec<usize>>,
    wildcard: HashMap<String, Vec<usize>>,
}

impl Certificates {
    pub fn new(pairs: Vec<CertifiedKey>) -> Certificates {
        let (mut exact, mut wildcard) = (HashMap::<_, Vec<usize>>::new(), HashMap::<_, Vec<usize>>::new());
        for (number, pair) in pairs.iter().enumerate() {
            for name in pair.cert.first().map(leaf::names).unwrap_or_default() {
                let (names, name) = match name.strip_prefix("*.") {
                    Some(rest) => (&mut wildcard, rest.to_owned()),
                    None => (&mut exact, name),
                };
                names.entry(name).or_default().push(number);
            }
        }
        Certificates { pairs: pairs.into_iter().map(Arc::new).collect(), exact, wildcard }
    }

    /// The first that is for this name, by itself or else by a wildcard, and whose key this client can do with; the first of all where none is.
    fn choose(&self, name: Option<&str>, schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let name = name.map(str::to_ascii_lowercase).unwrap_or_default();
        // A wildcard stands for one label (RFC 9525 §6.3).
        let rest = name.split_once('.').map_or("", |(_, rest)| rest);
        let of = |names: &HashMap<String, Vec<usize>>, name: &str| names.get(name).cloned().unwrap_or_default();
        let numbers = of(&self.exact, &name).into_iter().chain(of(&self.wildcard, rest));
        let mut named = numbers.filter_map(|number| self.pairs.get(number));
        let found = named.find(|pair| pair.key.choose_scheme(schemes).is_some());
        found.or_else(|| self.pairs.first()).cloned()
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.choose(hello.server_name(), hello.signature_schemes())
    }
}

#[cfg(test)]
mod tests;
