use super::*;
use crate::session::Lifetimes;
use crate::session::samples::{NOW, context, noise, ring, session, tokens};
use crate::store::cookie::Settings;
use crate::store::jar::Jar;
use crate::wire::CookieNames;

fn store(budget: usize) -> CookieStore {
    let names = CookieNames { base: context().cookie_base, secure: true, drop: Vec::new() };
    CookieStore::new(Settings {
        names,
        same_site: SameSite::Lax,
        budget,
        client_id: context().client_id,
        lifetimes: Lifetimes::default(),
    })
}

fn signed_in(store: &CookieStore, jar: &mut Jar, tokens: Tokens) {
    let keys = ring(&[1]);
    let cookies = jar.cookies(&store.settings.names);
    let before = store.presented(&cookies, &keys, NOW);
    let mut after = before.clone();
    after.known = Known::User(session());
    after.tokens = TokensPart::Opened(Arc::new(tokens));
    let mut headers = HeaderMap::new();
    store.settle(&before, &after, &cookies, &keys, NOW, &mut headers);
    jar.take(&headers);
}

fn opened(store: &CookieStore, jar: &Jar) -> (Held, TokensPart) {
    let keys = ring(&[1]);
    let cookies = jar.cookies(&store.settings.names);
    let held = store.presented(&cookies, &keys, NOW);
    let tokens = store.tokens(&held, &cookies, &keys, NOW);
    (held, tokens)
}

#[test]
fn what_was_written_comes_back_whatever_its_size() {
    let store = store(60_000);
    for size in (500..=40_000).step_by(100) {
        let mut jar = Jar::default();
        let tokens = Tokens { access_token: crate::oidc::Secret::new(noise(size)), id_token: None, ..tokens() };
        signed_in(&store, &mut jar, tokens.clone());
        let (held, came) = opened(&store, &jar);
        assert_eq!(held.known, Known::User(session()), "{size}");
        assert_eq!(came, TokensPart::Opened(Arc::new(tokens)), "{size}");
    }
}
