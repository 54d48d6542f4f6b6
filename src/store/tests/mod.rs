//! The cookie store with a browser before it.

mod attempts;
mod jar;
mod pieces;
mod written;

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};

use super::cookie::{CookieStore, SameSite, Settings};
use super::{Held, TokensPart};
use crate::clock::Timestamp;
use crate::gate::Known;
use crate::oidc::Secret;
use crate::session::samples::{NOW, context, noise, ring, session, tokens};
use crate::session::{KeyRing, Lifetimes, Session, SessionId, Tokens};
use crate::wire::cookies::NamePattern;
use crate::wire::{CookieNames, Cookies, Part};
use jar::Jar;

const BUDGET: usize = 7 * 1024;

fn settings() -> Settings {
    Settings {
        names: CookieNames { base: context().cookie_base, secure: true, drop: Vec::new() },
        same_site: SameSite::Lax,
        budget: BUDGET,
        client_id: context().client_id,
        lifetimes: Lifetimes::default(),
    }
}

fn store() -> CookieStore {
    CookieStore::new(settings())
}

fn store_for(budget: usize) -> CookieStore {
    CookieStore::new(Settings { budget, ..settings() })
}

fn after(seconds: u64) -> Timestamp {
    NOW + Duration::from_secs(seconds)
}

/// One request and its answer: what came, what `change` makes of it, and the answer's head.
fn visit(store: &CookieStore, keys: &KeyRing, jar: &Jar, now: Timestamp, change: impl FnOnce(&mut Held)) -> HeaderMap {
    let cookies = jar.cookies(&store.settings.names);
    let before = store.presented(&cookies, keys, now);
    let mut held = before.clone();
    change(&mut held);
    let mut headers = HeaderMap::new();
    store.settle(&before, &held, &cookies, keys, now, &mut headers);
    headers
}

fn sign_in_as(held: &mut Held, session: Session, tokens: Tokens) {
    held.known = Known::User(session);
    held.tokens = TokensPart::Opened(Arc::new(tokens));
}

/// A browser that has just signed in.
fn signed_in(store: &CookieStore, tokens: Tokens) -> Jar {
    let mut jar = Jar::default();
    jar.take(&visit(store, &ring(&[1]), &jar, NOW, |held| sign_in_as(held, session(), tokens)));
    jar
}

/// Who the gate takes this browser for, and its tokens.
fn recognised(store: &CookieStore, keys: &KeyRing, jar: &Jar, now: Timestamp) -> (Known, TokensPart) {
    let cookies = jar.cookies(&store.settings.names);
    let held = store.presented(&cookies, keys, now);
    let tokens = store.tokens(&held, &cookies, keys);
    (held.known, tokens)
}

fn with_access(len: usize) -> Tokens {
    Tokens { access_token: Secret::new(noise(len)), id_token: None, ..tokens() }
}

fn other_session() -> (Session, Tokens) {
    let id = SessionId::from_bytes([9; 16]);
    (Session { id, ..session() }, Tokens { session: id, ..with_access(100) })
}

fn set_cookies(headers: &HeaderMap) -> Vec<&str> {
    headers.get_all(header::SET_COOKIE).iter().map(|line| line.to_str().expect("ASCII")).collect()
}
