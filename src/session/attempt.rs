//! An attempt to sign in: one sealed cookie of its own, ten minutes at most, deleted by its callback.

use crate::clock::Timestamp;
use crate::oidc::Secret;

/// Everything the callback needs, sealed into the attempt's cookie.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// The random part of `state`, 128 bits or more, base64url.
    pub state_id: String,
    /// 128 bits or more; sent where `openid` is asked for.
    pub nonce: String,
    /// 256 bits, base64url (43 characters, RFC 7636 §4.1). Empty never; unused where `pkce = false`.
    pub verifier: Secret<String>,
    /// Path and query of this site, as `gate::ReturnTo` checked it.
    pub return_to: String,
    /// Index of the `public_url` the attempt was started under.
    pub site: u16,
    pub started_at: Timestamp,
}

/// What `state` carries besides its random part, sealed and URL-safe: it authorises nothing, but a sign-in that comes back without its
/// cookie restarts and still lands at the right page.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    pub id: String,
    /// Only where it fits in 512 bytes.
    pub return_to: Option<String>,
    pub site: u16,
    /// This attempt is itself such a restart: a second one would be a loop.
    pub restarted: bool,
    pub started_at: Timestamp,
}
