//! What do they ask? Reading requests and rewriting heads. Pure.

pub mod ask;
pub mod authorization;
pub mod cookies;
pub mod forwarded;
pub mod h2;
pub mod hop;
pub mod host;
pub mod media;
pub mod proxy_header;
pub mod rewrite;

pub use ask::{Ask, Fetch, Head, Malformed, Relation, Wants};
pub use authorization::Authorization;
pub use cookies::{CookieNames, Cookies, Part};
pub use forwarded::{Remote, Trust};
pub use host::Host;
pub use media::Grpc;
pub use rewrite::Rewrite;
