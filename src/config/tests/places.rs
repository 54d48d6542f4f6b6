//! Ten mistakes are ten lines, each at its place; and no secret is in any of them.

use super::*;

#[test]
fn a_file_with_ten_mistakes_tells_ten_at_once() {
    let text = r#"public_url = "http://app.example.mn"
upstream = "ftp://127.0.0.1:3000"
trusted_proxies = [
    "10.0.0.0/8",
    "everybody",
]
workers = 0

[provider]
client_idd = "id"
pkce = "no"

[session]
keys = ["<tokigate keygen>"]
  lifetime = "8 hors"

[[rules]]
path = "/assets/**"
access = "public"

[[rules]]
path = "admin"
max_age = "15 min"
"#;
    assert_eq!(
        told(text, &[]),
        [
            "config.toml:1:14: public_url: \"http://app.example.mn\" is plain http beyond loopback, where cookies travel in the clear; write https://app.example.mn",
            "config.toml:2:12: upstream: it is no address; write http://host:port, https://host:port, h2c://host:port or unix:/path",
            "config.toml:5:5: trusted_proxies[1]: \"everybody\" is no network; write 10.0.0.0/8, an address, \"loopback\" or \"private\"",
            "config.toml:7:11: workers: 0 is not between 1 and 1024",
            "config.toml:10:1: provider.client_idd: no such key; the nearest is provider.client_id",
            "config.toml:11:8: provider.pkce: \"no\" is neither true nor false",
            "config.toml:14:9: session.keys[0]: it is the example's placeholder; run `tokigate keygen`, and put what it prints here",
            "config.toml:15:14: session.lifetime: \"8 hors\" is no duration; write 8h",
            "config.toml:22:8: rules[1].path: \"admin\" does not begin with a slash; write \"/admin\"",
            "config.toml:23:11: rules[1].max_age: \"15 min\" is no duration; write 15m",
            "provider.client_id: it is missing; write the identifier that the provider gave this application",
        ]
    );
}

#[test]
fn syntax_errors_have_places_and_do_not_hide_the_rest() {
    let text = around("session", "lifetime = \n[pages\nidle_timeout = \"5 minuts\"");
    let said = told(&text, &[]);
    assert!(said[0].starts_with("config.toml:7:12: it is no TOML: "), "{said:?}");
    assert!(said[1].starts_with("config.toml:8:7: it is no TOML: "), "{said:?}");
    assert!(said.iter().all(|line| !line.contains("missing")), "{said:?}");
    let text = around("limits", "idle_timeout = \"5 minuts\"").replace("client_id = \"id\"", "client_id = id");
    let said = told(&text, &[]);
    assert_eq!(said.len(), 2, "{said:?}");
    assert_eq!(said[1], "config.toml:9:16: limits.idle_timeout: \"5 minuts\" is no duration; write 5m");
}

#[test]
fn a_key_that_is_there_twice_is_told_at_the_second() {
    let said = told(&around("session", "lifetime = \"1h\"\nlifetime = \"2h\""), &[]);
    assert_eq!(said, ["config.toml:8:1: it is no TOML: duplicate key"]);
}

#[test]
fn columns_count_characters_and_lines_end_as_they_like() {
    let text = format!("{}\r\n[[rules]]\r\npath = [\"/мөнх/**\", \"x\"]\r\n", around("", ""));
    let said = told(&text, &[]);
    assert_eq!(said, ["config.toml:14:21: rules[0].path[1]: \"x\" does not begin with a slash; write \"/x\""]);
}

#[test]
fn a_file_that_is_not_there_or_no_text_is_one_problem() {
    let sources = crate::config::Sources { file: Some("/nowhere/config.toml".into()), env: Vec::new() };
    let said = crate::config::load(&sources).err().unwrap().to_string();
    assert_eq!(said, "/nowhere/config.toml cannot be read: No such file or directory (os error 2)\n");
    let mut problems = Vec::new();
    File::parse("c.toml".as_ref(), b"a = 1\nb = \"\xff\"".to_vec(), &mut problems);
    assert_eq!(problems[0].to_string(), "c.toml:2:6: it is not UTF-8; save the file as UTF-8");
}

#[test]
fn no_secret_is_in_a_problem_or_in_what_is_told() {
    let secrets = ["s3cret-value", "S3CRETKEY"];
    let files = [
        around("provider", "client_secret = [\"s3cret-value\"]"),
        around("provider", "client_secret = \"s3cret-value\\u0007\""),
        around("provider", "client_secret = \"s3cret-value\"\nclient_secret_file = \"/dev/null\""),
        around("provider", "client_secret = \"s3cret-value\"\nclient_auth = \"none\""),
        around("provider", "client_secret = \"s3cret-value\"\nproxy = \"http://s3cret-value:s3cret-value@proxy:1\""),
        around("provider", "proxy = \"ftp://s3cret-value@proxy\""),
        around("provider", "token_endpoint = \"https://me:s3cret-value@op.mn/\""),
        around("session", "keys = \"S3CRETKEY\""),
        around("session", "keys = [\"S3CRETKEY\"]"),
        around("session", "keys = [[\"S3CRETKEY\"]]"),
        around("session", "keys = { a = \"S3CRETKEY\" }"),
    ];
    let variables = [("TOKIGATE_SESSION__KEYS", "[S3CRETKEY"), ("TOKIGATE_PROVIDER__CLIENT_SECRET", "s3cret-value\n")];
    let runs = files.iter().map(|file| load(file, &[])).chain(variables.map(|set| load(&around("", ""), &[set])));
    for run in runs {
        let shown = match run {
            Ok(loaded) => format!("{:?} {:?}", loaded.effective, loaded.warnings),
            Err(problems) => problems.to_string(),
        };
        assert!(secrets.iter().all(|secret| !shown.contains(secret)), "{shown}");
    }
}
