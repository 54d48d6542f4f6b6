//! What does the protocol say? Pure: builds requests' parameters, reads answers, verifies ID tokens. Opens no socket, reads no clock.

pub mod access_token;
pub mod authorize;
pub mod callback;
pub mod claims;
pub mod client;
pub mod end_session;
pub mod id_token;
pub mod issuer;
pub mod json;
pub mod jwks;
pub mod jwt;
pub mod logout;
pub mod metadata;
pub mod par;
mod query;
pub mod secret;
pub mod signing;
pub mod step_up;
pub mod token;
pub mod userinfo;

pub use secret::Secret;
pub use step_up::StepUp;

/// The value of `user_claim`: who the user is. Never empty, at most 1,024 bytes, no control characters
/// (a user who cannot be named is refused, interface.md `[identity] headers`).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Subject(bytes::Bytes);

/// Why a value cannot name a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoSubject {
    #[error("it is empty")]
    Empty,
    #[error("it is longer than 1,024 bytes")]
    TooLong,
    #[error("it holds a control character")]
    Control,
}

impl Subject {
    pub fn parse(text: &str) -> Result<Subject, NoSubject> {
        Subject::check(text)?;
        Ok(Subject(bytes::Bytes::copy_from_slice(text.as_bytes())))
    }

    /// The same without a copy: the bytes of an opened session. `None` where they are not UTF-8 or name nobody.
    pub fn shared(text: bytes::Bytes) -> Option<Subject> {
        Subject::check(std::str::from_utf8(&text).ok()?).ok()?;
        Some(Subject(text))
    }

    fn check(text: &str) -> Result<(), NoSubject> {
        if text.trim().is_empty() {
            return Err(NoSubject::Empty);
        }
        if text.len() > 1024 {
            return Err(NoSubject::TooLong);
        }
        if text.chars().any(char::is_control) {
            return Err(NoSubject::Control);
        }
        Ok(())
    }

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("parse and shared took UTF-8")
    }
}

impl std::fmt::Debug for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Subject(…)")
    }
}
