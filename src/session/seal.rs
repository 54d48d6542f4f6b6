//! AES-256-GCM under keys derived per purpose from the ring; purpose, cookie name and client identifier are associated data.

/// What a sealed value is for. Each has a key of its own, so an attempt's cookie can never be a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Session,
    Tokens,
    Attempt,
    State,
    SignedOut,
}

/// The keys of one configuration. The first seals (once `key_delay` is over), all open.
pub struct KeyRing {
    _private: (),
}

/// Opened under a key that no longer seals: to be sealed anew at the next occasion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reseal(pub bool);
