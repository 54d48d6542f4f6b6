//! The words of keys that take one of a few.

use jsonwebtoken::Algorithm;

use super::raw::{AccessToken, IdToken};
use super::report::Report;
use super::server::Language;
use super::upstream::HostHeader;
use super::value::{At, Choice, Key, One};
use crate::gate::PassOn;
use crate::gate::rules::Access;
use crate::oidc::jwks;
use crate::provider::{ClientAuth, Par, Preset, UserinfoMode};
use crate::store::cookie::SameSite;
use crate::telemetry::log;

impl Choice for HostHeader {
    const WORDS: &'static [(&'static str, Self)] = &[("keep", HostHeader::Keep), ("upstream", HostHeader::Upstream)];
}

impl Choice for Preset {
    const WORDS: &'static [(&'static str, Self)] =
        &[("toki", Preset::Toki), ("oidc", Preset::Oidc), ("oauth2", Preset::Oauth2)];
}

impl Choice for ClientAuth {
    const WORDS: &'static [(&'static str, Self)] = &[
        (ClientAuth::None.name(), ClientAuth::None),
        (ClientAuth::SecretPost.name(), ClientAuth::SecretPost),
        (ClientAuth::SecretBasic.name(), ClientAuth::SecretBasic),
        (ClientAuth::PrivateKeyJwt.name(), ClientAuth::PrivateKeyJwt),
        (ClientAuth::Tls.name(), ClientAuth::Tls),
    ];
}

impl Choice for Par {
    const WORDS: &'static [(&'static str, Self)] =
        &[("auto", Par::Auto), ("required", Par::Required), ("off", Par::Off)];
}

impl Choice for UserinfoMode {
    const WORDS: &'static [(&'static str, Self)] =
        &[("required", UserinfoMode::Required), ("optional", UserinfoMode::Optional), ("off", UserinfoMode::Off)];
}

/// `none` and HMAC under a client's secret are no proof of who signed (RFC 8725 §3.2).
impl Choice for Algorithm {
    const WORDS: &'static [(&'static str, Self)] = &jwks::VERIFIABLE;
}

impl Choice for SameSite {
    const WORDS: &'static [(&'static str, Self)] = &[("Lax", SameSite::Lax), ("Strict", SameSite::Strict)];
    const LATER: &'static [&'static str] = &["None"];
}

impl Choice for AccessToken {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("off", AccessToken(PassOn::Off)),
        ("x-forwarded-access-token", AccessToken(PassOn::Forwarded)),
        ("authorization", AccessToken(PassOn::Authorization)),
    ];
}

impl Choice for IdToken {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("off", IdToken(PassOn::Off)),
        ("x-forwarded-id-token", IdToken(PassOn::Forwarded)),
        ("authorization", IdToken(PassOn::Authorization)),
    ];
}

impl Choice for Access {
    const WORDS: &'static [(&'static str, Self)] =
        &[("public", Access::Public), ("optional", Access::Optional), ("user", Access::User), ("deny", Access::Deny)];
}

impl Choice for log::Format {
    const WORDS: &'static [(&'static str, Self)] =
        &[("auto", log::Format::Auto), ("text", log::Format::Text), ("json", log::Format::Json)];
}

impl Choice for log::User {
    const WORDS: &'static [(&'static str, Self)] =
        &[("hash", log::User::Hash), ("id", log::User::Id), ("off", log::User::Off)];
}

impl Choice for tracing::Level {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("error", tracing::Level::ERROR),
        ("warn", tracing::Level::WARN),
        ("info", tracing::Level::INFO),
        ("debug", tracing::Level::DEBUG),
        ("trace", tracing::Level::TRACE),
    ];
}

impl Choice for Language {
    const WORDS: &'static [(&'static str, Self)] =
        &[("auto", Language::Auto), ("en", Language::English), ("mn", Language::Mongolian)];
}

/// Those of a key, where it is written.
pub fn algorithms(key: &Key<Vec<At<One<Algorithm>>>>, report: &mut Report) -> Option<Vec<Algorithm>> {
    let at = key.noted(report)?.clone();
    if at.value.is_empty() {
        report.wrong(&at, "it is empty: no token would be taken");
    }
    Some(at.value.iter().map(|at| at.value.0).collect())
}

/// Where none are written.
pub const USUAL_ALGORITHMS: [Algorithm; 4] = [Algorithm::RS256, Algorithm::PS256, Algorithm::ES256, Algorithm::EdDSA];
