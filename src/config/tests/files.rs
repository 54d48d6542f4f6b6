//! The files that the repository ships.

use super::*;
use crate::config::Origin;
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

#[test]
fn the_example_loads_and_states_the_defaults() {
    let example = load(EXAMPLE, &[KEYS]).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(example.warnings, []);
    states_the_defaults(&example);
}

#[test]
fn defaults_that_the_example_has_in_comments_are_the_defaults_too() {
    const RULES: [&str; 10] =
        ["support", "path", "methods", "access", "from", "require", "max_age", "acr_values", "bearer", "upstream"];
    // But what is an example of one's own, or another machine's.
    let own = [
        "health_path",
        "workers",
        "certificates",
        "issuer",
        "jwks_uri",
        "client_secret",
        "callback_path",
        "proxy",
        "name",
    ];
    let of_own = |line: &str| {
        let key = line.split([' ', '=']).next().unwrap_or_default();
        own.contains(&key) || key.ends_with("_file") || key.starts_with("signing_") || RULES.contains(&key)
    };
    let told = EXAMPLE.lines().map(|line| match line.strip_prefix("# ") {
        Some(told)
            if (told.contains(" = ") || told.starts_with("[identity")) && !told.contains('…') && !of_own(told) =>
        {
            told
        }
        Some(_) | None => line,
    });
    let all = load(&told.collect::<Vec<_>>().join("\n"), &[KEYS]).unwrap_or_else(|problems| panic!("{problems}"));
    assert!(all.effective.iter().any(|line| line.key == "session.refresh_before" && line.origin != Origin::Default));
    states_the_defaults(&all);
}

fn states_the_defaults(stated: &Loaded) {
    let minimal = load(MINIMAL, &[KEYS]).unwrap();
    for stated in &stated.effective {
        let default = minimal.effective.iter().find(|line| line.key == stated.key);
        assert_eq!(default.map(|line| &line.value), Some(&stated.value), "{}", stated.key);
    }
}

#[test]
fn the_configuration_of_the_pod_loads_but_for_its_key_file() {
    let manifest = include_str!("../../../deploy/kubernetes/configmap.yaml");
    let (_, toml) = manifest.split_once("config.toml: |\n").unwrap();
    let toml: String = toml.lines().map(|line| line.strip_prefix("    ").unwrap_or(line).to_owned() + "\n").collect();
    let config = load(&toml, &[KEYS]).unwrap_or_else(|problems| panic!("{problems}")).config;
    assert_eq!(config.trust.networks.len(), 5);
    let said = told(&toml, &[]);
    assert!(
        said.len() == 1 && said[0].contains("session.keys_file: /run/secrets/tokigate/keys cannot be read"),
        "{said:?}"
    );
}
