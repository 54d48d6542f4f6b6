//! CORS: which pages of other origins may send what their browser asks about first, and read what the gate itself answers (Fetch, "CORS protocol").
//! What the application answers is the application's.

use http::HeaderValue;

use super::Gate;
use crate::wire::Ask;

/// Whose scripts may read an answer of the gate's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shared<'o> {
    /// Nobody's, whoever asks: there is no `[cors]`.
    Never,
    /// Not those of this request's origin.
    No,
    With(&'o HeaderValue),
}

impl Gate {
    /// Compared byte for byte, as browsers compare what comes back.
    pub fn shared_with<'o>(&self, origin: Option<&'o HeaderValue>) -> Shared<'o> {
        let known = &self.settings.cors_origins;
        match origin {
            _ if known.is_empty() => Shared::Never,
            Some(origin) if known.iter().any(|known| known.as_bytes() == origin.as_bytes()) => Shared::With(origin),
            Some(_) | None => Shared::No,
        }
    }

    /// Whether the request is a preflight from one of `[cors] origins`: nobody's, as it carries no credentials, and it does nothing.
    pub(in crate::gate) fn is_let_ahead(&self, ask: &Ask) -> bool {
        ask.preflight && matches!(self.shared_with(ask.origin.as_ref()), Shared::With(_))
    }
}
