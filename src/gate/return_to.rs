//! ReturnTo: an address on this site, and nowhere else (RFC 9700 §4.11).

/// Path and query on this site, byte for byte; begins with exactly one `/`; below `public_url`'s path; not an address of the gate itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnTo(String);

impl ReturnTo {
    /// For the gate, after its checks, and for what it sealed itself.
    pub(crate) fn checked(path_and_query: String) -> ReturnTo {
        ReturnTo(path_and_query)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}
