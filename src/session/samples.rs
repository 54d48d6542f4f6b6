//! What tests of several rooms begin with.

use std::time::Duration;

use super::seal::Context;
use super::{AtProvider, Claims, KeyRing, Session, SessionId, Sub, Tokens};
use crate::clock::Timestamp;
use crate::oidc::{Secret, Subject};

pub const NOW: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);

pub fn key(byte: u8) -> Secret<[u8; 32]> {
    Secret::new([byte; 32])
}

pub fn context() -> Context {
    Context { client_id: "9c6dbbd8-0000-4000-8000-000000000000".to_owned(), cookie_base: "__Host-tokigate".to_owned() }
}

/// A ring whose first key seals.
pub fn ring(keys: &[u8]) -> KeyRing {
    KeyRing::new(keys.iter().copied().map(key).collect(), context(), Duration::ZERO, NOW).expect("a key at least")
}

/// Signed in now, for twelve hours, with a token of one hour and a refresh token.
pub fn session() -> Session {
    let claims = serde_json::json!({ "firstName": "Бат", "lastName": "Дорж", "groups": ["admin", "a,b"], "age": 34, "vip": true });
    let claims = claims.as_object().expect("an object");
    Session {
        id: SessionId::from_bytes([7; 16]),
        generation: 0,
        user: Subject::parse("user-1").expect("a name"),
        created_at: NOW,
        expires_at: NOW + Duration::from_secs(12 * 3600),
        seen_at: NOW,
        auth_time: Some(NOW),
        token_issued_at: NOW,
        token_expires_at: NOW + Duration::from_secs(3600),
        refreshable: true,
        claims: Claims::select(claims, claims.keys().map(String::as_str)),
        at_provider: AtProvider::new(Some(Sub::User), Some("sid-1"), None),
    }
}

pub fn tokens() -> Tokens {
    Tokens {
        session: SessionId::from_bytes([7; 16]),
        generation: 0,
        access_token: Secret::new("access".to_owned()),
        refresh_token: Some(Secret::new("refresh".to_owned())),
        id_token: Some(Secret::new("identity".to_owned())),
        remembered: vec![("userId".to_owned(), "user-1".to_owned())],
    }
}

/// Text of this length that no compression makes smaller, of the characters that tokens have.
pub fn noise(len: usize) -> String {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ len as u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[(state >> 40) as usize % 64])
    };
    std::iter::repeat_with(next).take(len).collect()
}
