//! The authorization request (RFC 6749 §4.1.1, RFC 7636 §4.3, OpenID Connect Core §3.1.2.1).

use super::Secret;

/// What makes an attempt unguessable.
#[derive(Debug)]
pub struct Fresh {
    /// 128 bits, base64url.
    pub state_id: String,
    /// 128 bits, base64url.
    pub nonce: String,
    /// 256 bits, base64url: 43 characters (RFC 7636 §4.1).
    pub verifier: Secret<String>,
}
