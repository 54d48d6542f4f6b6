//! ReturnTo: an address on this site, and nowhere else (RFC 9700 §4.11).

use std::borrow::Cow;

use http::uri::PathAndQuery;
use percent_encoding::{CONTROLS, utf8_percent_encode};

use super::path::{Readings, is_plain};
use super::route::Site;

/// Path and query on this site, byte for byte (a fragment too, where `rd` had one); begins with exactly one `/`; below `public_url`'s path; not an
/// address of the gate itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnTo {
    address: String,
    refused: bool,
}

impl ReturnTo {
    /// For the gate, after its checks, and for what it sealed itself.
    pub(crate) fn checked(path_and_query: String) -> ReturnTo {
        ReturnTo { address: path_and_query, refused: false }
    }

    pub fn as_str(&self) -> &str {
        &self.address
    }

    /// It is the root because the `rd` that was asked for leads elsewhere: for the log.
    pub fn replaces_refused(&self) -> bool {
        self.refused
    }

    /// Where a `public_url` begins.
    pub(in crate::gate) fn root(site: &Site) -> ReturnTo {
        ReturnTo::checked(format!("{}/", site.url.path))
    }

    pub(in crate::gate) fn root_instead(site: &Site) -> ReturnTo {
        ReturnTo { refused: true, ..ReturnTo::root(site) }
    }

    /// The address a request came for, byte for byte. The root where it would not lead back here (`//evil.mn/x` is a path in a request and
    /// a host in a `Location`), or is longer than can be kept: nothing is cut off.
    pub(in crate::gate) fn from_target(target: &PathAndQuery, site: &Site) -> ReturnTo {
        let text = target.as_str();
        let leads_here = text.starts_with('/') && !text.starts_with("//") && !text.starts_with("/\\");
        if leads_here && text.len() <= LONGEST { ReturnTo::checked(text.to_owned()) } else { ReturnTo::root(site) }
    }

    /// `rd`, decoded once: a path on this site, or an absolute address whose origin is exactly that of a `public_url`; and which `public_url`
    /// it belongs to. `None` for everything else, however it is spelled.
    pub(in crate::gate) fn parse(rd: &str, sites: &[Site], current: usize) -> Option<(usize, ReturnTo)> {
        if rd.len() > LONGEST {
            return None;
        }
        let (origin, local) = match rd.strip_prefix('/') {
            Some(_) => (sites[current].origin.as_str(), Cow::Borrowed(rd)),
            None => sites.iter().find_map(|site| Some((site.origin.as_str(), local_part(rd, &site.origin)?)))?,
        };
        // Characters outside ASCII are encoded as a browser would; no other byte is changed.
        let address = utf8_percent_encode(&local, CONTROLS).to_string();
        if address.len() > LONGEST || local.bytes().any(|byte| byte.is_ascii() && !byte.is_ascii_graphic()) {
            return None;
        }
        if address.starts_with("//") || address.contains('\\') {
            return None;
        }
        let path = address.split(['?', '#']).next()?;
        let readings = if is_plain(path) { vec![path.as_bytes().to_vec()] } else { undamaged(path)? };
        let belongs = |site: &Site| site.origin == origin && readings.iter().all(|reading| site.holds(reading));
        let (index, _) = sites
            .iter()
            .enumerate()
            .filter(|(_, site)| belongs(site))
            .max_by_key(|(index, site)| (site.url.path.len(), *index == current))?;
        let is_own = readings.iter().any(|reading| sites.iter().any(|site| site.reads_as_own(reading)));
        (!is_own).then(|| (index, ReturnTo::checked(address)))
    }
}

/// What follows the origin; nothing that could be user information, a port, or more of the host may come between.
fn local_part<'r>(rd: &'r str, origin: &str) -> Option<Cow<'r, str>> {
    let start = rd.get(..origin.len())?;
    let rest = &rd[origin.len()..];
    if !start.eq_ignore_ascii_case(origin) {
        return None;
    }
    match rest.bytes().next() {
        Some(b'/') => Some(Cow::Borrowed(rest)),
        None | Some(b'?' | b'#') => Some(Cow::Owned(format!("/{rest}"))),
        Some(_) => None,
    }
}

/// Every reading of a path, none of which begins as an address of another host would.
fn undamaged(path: &str) -> Option<Vec<Vec<u8>>> {
    let readings = Readings::of(path).ok().filter(|readings| !readings.damaged)?;
    let stays = readings.all.iter().all(|reading| !reading.starts_with(b"//") && !reading.starts_with(b"/\\"));
    stays.then_some(readings.all)
}

/// Bytes; an address that is longer is not kept at all (security.md R-08).
const LONGEST: usize = 8 * 1024;

#[cfg(test)]
mod tests;
