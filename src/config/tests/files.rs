//! The files that the repository ships.

use super::*;
use crate::config::server::Listen;

const KEYS: (&str, &str) = ("TOKIGATE_SESSION__KEYS", KEY);

#[test]
fn the_minimal_file_loads_once_it_has_a_key() {
    let config = load(MINIMAL, &[KEYS]).unwrap().config;
    assert_eq!(config.gate.public_urls[0].origin(), "https://app.example.mn");
    assert_eq!(config.server.listen, [Listen::Tcp("127.0.0.1:4180".parse().unwrap())]);
}

#[test]
fn the_minimal_file_asks_for_a_key() {
    let expected = "config.toml:11:9: session.keys[0]: it is the example's placeholder; run `tokigate keygen`, and put what it prints here";
    assert_eq!(told(MINIMAL, &[]), [expected]);
}

#[test]
fn a_file_like_the_demos_loads() {
    let loaded = loaded(
        r#"
        public_url = "http://localhost:4180"
        upstream = "http://127.0.0.1:3000"
        listen = "127.0.0.1:0"
        admin_listen = "127.0.0.1:0"
        [provider]
        client_id = "demo"
        authorization_endpoint = "http://127.0.0.1:9000/oauth2/authorize"
        token_endpoint = "http://127.0.0.1:9000/oauth2/token"
        userinfo_endpoint = "http://127.0.0.1:9000/oauth2/userinfo?userId={userId}"
        [session]
        lifetime = "1h"
        [identity]
        access_token = "x-forwarded-access-token"
        headers = { "X-Forwarded-User" = "<user_claim>", "X-Name" = "{firstName} {lastName}" }
        [[rules]]
        path = ["/assets/**", "/favicon.ico"]
        methods = ["GET"]
        access = "public"
        [limits]
        body_bytes = "100MiB"
        [shutdown]
        delay = "0s"
        [log]
        format = "json"
        "#,
    );
    assert_eq!(loaded.config.cookies.names.base, "tokigate-4180");
    assert_eq!(loaded.config.gate.rules.len(), 1);
    assert_eq!(loaded.warnings.len(), 1, "no key: {:?}", loaded.warnings);
}
