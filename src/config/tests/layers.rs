//! Variables over the file.

use super::*;
use crate::config::Origin;
use crate::config::keys::Source;
use crate::config::shape::KEYS;

fn with(env: &[(&str, &str)]) -> Loaded {
    load(&around("session", "lifetime = \"8h\""), env).unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn a_variable_wins_over_the_file_and_is_named_as_the_origin() {
    let loaded = with(&[("TOKIGATE_SESSION__LIFETIME", "2h"), ("HOME", "/root")]);
    assert_eq!(loaded.config.gate.lifetimes.lifetime.as_secs(), 7200);
    let line = loaded.effective.iter().find(|line| line.key == "session.lifetime").unwrap();
    assert_eq!(
        (line.value.as_str(), &line.origin),
        ("\"2h\"", &Origin::Variable("TOKIGATE_SESSION__LIFETIME".to_owned()))
    );
    let line = with(&[]).effective.into_iter().find(|line| line.key == "session.lifetime").unwrap();
    assert_eq!((line.value.as_str(), line.origin), ("\"8h\"", Origin::File { line: 7 }));
}

#[test]
fn the_environment_alone_can_be_enough() {
    let config = load(
        "",
        &[
            ("TOKIGATE_PUBLIC_URL", "https://app.example.mn"),
            ("TOKIGATE_UPSTREAM", "unix:/run/app.sock"),
            ("TOKIGATE_PROVIDER__CLIENT_ID", "12345"),
            ("TOKIGATE_PROVIDER__CLIENT_SECRET", "67890"),
            ("TOKIGATE_PROVIDER__PKCE", "false"),
            ("TOKIGATE_SESSION__KEYS", KEY),
            ("TOKIGATE_WORKERS", "3"),
            ("TOKIGATE_LIMITS__BODY_BYTES", "1MiB"),
        ],
    )
    .unwrap()
    .config;
    assert_eq!((config.provider.client_id.as_str(), config.provider.pkce, config.server.workers), ("12345", false, 3));
    assert_eq!(config.provider.client_secret.unwrap().expose(), "67890", "a secret is never parsed");
    assert_eq!(config.server.limits.body_bytes, Some(1 << 20));
}

#[test]
fn lists_are_comma_separated_or_toml_and_tables_are_toml() {
    let second = "AQECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
    let config = with(&[
        ("TOKIGATE_PUBLIC_URL", "https://a.example.mn, https://b.example.mn"),
        ("TOKIGATE_TRUSTED_PROXIES", "10.0.0.0/8,loopback"),
        ("TOKIGATE_PROVIDER__SCOPES", "[\"openid\", 'email']"),
        ("TOKIGATE_PROVIDER__AUTHORIZE_PARAMS", "{ ui_locales = \"mn\" }"),
        ("TOKIGATE_SESSION__KEYS", &format!("{KEY},{second}")),
        ("TOKIGATE_RULES", "[{path=\"/assets/**\",access=\"public\"}]"),
        ("TOKIGATE_LISTEN", "[\"127.0.0.1:1\",\n \"127.0.0.1:2\"]"),
        ("TOKIGATE_EXTRA_HOSTS", ""),
    ])
    .config;
    assert_eq!((config.gate.public_urls.len(), config.trust.networks.len(), config.server.listen.len()), (2, 3, 2));
    assert_eq!(config.provider.scopes, ["openid", "email"]);
    assert_eq!(config.provider.authorize_params, [("ui_locales".to_owned(), "mn".to_owned())]);
    assert!(matches!(config.keys.source, Source::Given(keys) if keys.len() == 2));
    assert_eq!(config.gate.rules[0].paths, ["/assets/**"]);
    assert!(config.gate.extra_hosts.is_empty());
}

#[test]
fn problems_of_a_variable_name_the_variable() {
    for (name, text, said) in [
        (
            "TOKIGATE_SESSION__LIFETIME",
            "8",
            "TOKIGATE_SESSION__LIFETIME: session.lifetime: \"8\" is no duration; write 8s",
        ),
        ("TOKIGATE_WORKERS", "many", "TOKIGATE_WORKERS: workers: \"many\" is no whole number"),
        ("TOKIGATE_PROVIDER__PKCE", "1", "TOKIGATE_PROVIDER__PKCE: provider.pkce: \"1\" is neither true nor false"),
        (
            "TOKIGATE_TRUSTED_PROXIES",
            "all",
            "TOKIGATE_TRUSTED_PROXIES: trusted_proxies[0]: \"all\" is no network; write 10.0.0.0/8, an address, \"loopback\" or \"private\"",
        ),
        (
            "TOKIGATE_RULES",
            "[{path=\"x\"}]",
            "TOKIGATE_RULES: rules[0].path: \"x\" does not begin with a slash; write \"/x\"",
        ),
        (
            "TOKIGATE_RULES",
            "[{path=\"/x\",require={a=[]}}]",
            "TOKIGATE_RULES: rules[0].require.a: the list is empty, so nobody would get through; write the values that will do",
        ),
        (
            "TOKIGATE_IDENTITY__HEADERS",
            "{ Host = \"a\" }",
            "TOKIGATE_IDENTITY__HEADERS: identity.headers.Host: Host has another meaning in HTTP or for proxies; write a name such as X-Forwarded-User",
        ),
        (
            "TOKIGATE_SESSION__LIFETME",
            "8h",
            "TOKIGATE_SESSION__LIFETME: no such variable; the nearest is TOKIGATE_SESSION__LIFETIME",
        ),
        (
            "TOKIGATE_session__lifetime",
            "8h",
            "TOKIGATE_session__lifetime: no such variable; the nearest is TOKIGATE_SESSION__LIFETIME",
        ),
        ("TOKIGATE_UPSTREM", "x", "TOKIGATE_UPSTREM: no such variable; the nearest is TOKIGATE_UPSTREAM"),
        ("TOKIGATE_TELEMETRY__OTLP_ENDPOINT", "x", "TOKIGATE_TELEMETRY__OTLP_ENDPOINT: not in this version"),
        ("TOKIGATE_SESSION__REDIS__URL", "x", "TOKIGATE_SESSION__REDIS__URL: not in this version"),
        ("TOKIGATE_SESSION", "x", "TOKIGATE_SESSION: no such variable; the nearest is TOKIGATE_LISTEN"),
    ] {
        assert_eq!(told(&around("", ""), &[(name, text)]), [said], "{name}={text}");
    }
    let said = told(&around("", ""), &[("TOKIGATE_RULES", "[{path=")]);
    assert!(said.len() == 1 && said[0].starts_with("TOKIGATE_RULES: rules: it is no TOML: "), "{said:?}");
}

#[test]
fn what_kubernetes_and_the_command_line_set_is_left_alone() {
    with(&[
        ("TOKIGATE_CONFIG", "/etc/tokigate/config.toml"),
        ("TOKIGATE_PORT", "tcp://10.96.0.7:4180"),
        ("TOKIGATE_PORT_4180_TCP_ADDR", "10.96.0.7"),
        ("TOKIGATE_SERVICE_HOST", "10.96.0.7"),
        ("TOKIGATE_SERVICE_PORT_HTTP", "4180"),
    ]);
    assert!(KEYS.iter().all(|key| !key.starts_with("port") && !key.starts_with("service")), "no key of ours is hidden");
}

#[test]
fn of_a_secret_and_its_file_the_higher_layers_counts() {
    let path = std::env::temp_dir().join(format!("tokigate-secret-{}", std::process::id()));
    std::fs::write(&path, "from a file\r\n").unwrap();
    let file = path.to_str().unwrap();
    let in_file = around("provider", &format!("client_secret_file = \"{file}\""));
    let written = around("provider", "client_secret = \"written\"");
    let secret = |toml: &str, env: &[(&str, &str)]| {
        load(toml, env)
            .unwrap_or_else(|problems| panic!("{problems}"))
            .config
            .provider
            .client_secret
            .unwrap()
            .expose()
            .clone()
    };
    assert_eq!(secret(&in_file, &[]), "from a file");
    assert_eq!(secret(&in_file, &[("TOKIGATE_PROVIDER__CLIENT_SECRET", "variable")]), "variable");
    assert_eq!(secret(&written, &[("TOKIGATE_PROVIDER__CLIENT_SECRET_FILE", file)]), "from a file");
    let both = [("TOKIGATE_PROVIDER__CLIENT_SECRET_FILE", file), ("TOKIGATE_PROVIDER__CLIENT_SECRET", "variable")];
    assert_eq!(
        told(&around("", ""), &both),
        [
            "TOKIGATE_PROVIDER__CLIENT_SECRET_FILE: provider.client_secret_file: TOKIGATE_PROVIDER__CLIENT_SECRET is given, too; keep one of them"
        ]
    );
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn a_key_file_in_a_variable_wins_over_keys_in_the_file() {
    let path = std::env::temp_dir().join(format!("tokigate-keys-file-{}", std::process::id()));
    std::fs::write(&path, format!("{KEY}\n")).unwrap();
    let env = [("TOKIGATE_SESSION__KEYS_FILE", path.to_str().unwrap())];
    let config = load(MINIMAL, &env).unwrap_or_else(|problems| panic!("{problems}")).config;
    assert!(matches!(&config.keys.source, Source::File(file) if *file == path));
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn the_usual_proxy_variables_count_for_the_provider() {
    let proxy = ("HTTPS_PROXY", "http://me:s3cret@proxy.internal:3128");
    let loaded = with(&[proxy]);
    assert_eq!(loaded.config.provider.proxy.unwrap().address.port(), Some(3128));
    let line = loaded.effective.iter().find(|line| line.key == "provider.proxy").unwrap();
    assert_eq!(line.value, "\"http://redacted@proxy.internal:3128/\"");
    assert_eq!(line.origin, Origin::Variable("HTTPS_PROXY".to_owned()));
    for (list, direct) in
        [("localhost,.toki.mn", true), ("sso.toki.mn", true), ("*", true), ("oki.mn", false), ("", false)]
    {
        assert_eq!(with(&[proxy, ("no_proxy", list)]).config.provider.proxy.is_none(), direct, "{list}");
    }
    assert!(with(&[("https_proxy", "proxy:3128")]).config.provider.proxy.is_some());
    let elsewhere = url::Url::parse("https://a.mn/").unwrap();
    let not_for = |loaded: Loaded| loaded.config.provider.proxy.unwrap().not_for.lists(&elsewhere);
    assert!(not_for(with(&[proxy, ("NO_PROXY", ""), ("no_proxy", "a.mn")])));
    // Who writes it means it.
    let written = around("provider", "proxy = \"http://proxy.internal:3128\"");
    assert!(!not_for(load(&written, &[proxy, ("NO_PROXY", "a.mn,sso.toki.mn")]).unwrap()));
    let local = around("provider", "token_endpoint = \"http://127.0.0.1:9000/token\"");
    assert!(load(&local, &[proxy]).unwrap().config.provider.proxy.is_none());
}
