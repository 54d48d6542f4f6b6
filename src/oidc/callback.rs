//! The authorization response (RFC 6749 §4.1.2), read from the callback's query.

use super::Secret;

/// What the browser brought back.
#[derive(Debug)]
pub enum Callback {
    Code {
        code: Secret<String>,
        state: String,
        iss: Option<String>,
    },
    /// RFC 6749 §4.1.2.1; `description` is the provider's text: shown escaped, never trusted.
    Refused {
        error: String,
        description: Option<String>,
        state: Option<String>,
        iss: Option<String>,
    },
}

/// Why a query is no authorization response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("state is missing")]
    NoState,
    #[error("neither code nor error is there")]
    NeitherCodeNorError,
    #[error("a parameter appears twice")]
    Repeated,
    #[error("a parameter is empty, too long, or not UTF-8")]
    BadValue,
}

impl Callback {
    pub fn read(query: Option<&str>) -> Result<Callback, Malformed> {
        let _ = query;
        todo!()
    }
}
