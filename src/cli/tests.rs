//! The command line from its arguments to what it says and how it ends.

use std::path::PathBuf;

use super::*;

mod preflight;

/// A command's exit status and words.
struct Told {
    exit: Exit,
    out: String,
    err: String,
}

fn told(args: &[&str], env: &[(&str, &str)]) -> Told {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let env = env.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))).collect();
    let args = std::iter::once("tokigate").chain(args.iter().copied()).map(OsString::from);
    let exit = command(args, &mut Console { out: &mut out, err: &mut err, env });
    Told { exit, out: String::from_utf8(out).unwrap(), err: String::from_utf8(err).unwrap() }
}

/// A file that is gone when the test is over.
struct Written(PathBuf);

impl Written {
    fn new(name: &str, text: &str) -> Written {
        let folder = std::env::temp_dir().join(format!("tokigate-cli-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        Written(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

const GOOD: &str = r#"
public_url = "https://app.example.mn"
upstream = "http://127.0.0.1:3000"

[provider]
client_id = "9c6dbbd8-0000-4000-8000-000000000000"

[session]
keys = ["AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"]

[[rules]]
path = "/public/**"
access = "public"

[[rules]]
path = "/closed"
access = "deny"
"#;

#[test]
fn help_and_version_are_answers_and_not_mistakes() {
    let help = told(&["--help"], &[]);
    assert_eq!((help.exit, &*help.err), (Exit::Done, ""));
    assert!(help.out.ends_with("the configuration is wrong.\n"), "{}", help.out);
    for command in ["run", "demo", "provider", "check", "keygen", "schema", "healthcheck"] {
        assert!(help.out.contains(&format!("\n  {command} ")), "{command}: {}", help.out);
    }
    for later in ["import", "init", "completions", "man"] {
        assert!(!help.out.contains(&format!("\n  {later} ")), "{later}");
    }
    assert_eq!(told(&["--version"], &[]).out, concat!("tokigate ", env!("CARGO_PKG_VERSION"), "\n"));
    let demo = told(&["help", "demo"], &[]);
    assert!(demo.out.contains("--upstream <URL>") && demo.out.contains("[default: 4180]"), "{}", demo.out);
    assert!(!told(&["help", "check"], &[]).out.contains("--sign-in"));
}

#[test]
fn what_is_not_known_is_refused_with_status_2_and_the_nearest() {
    for args in
        [&["chekc"][..], &["--port", "1"], &["demo", "--port", "70000"], &["provider"], &["check", "--claims", "x"]]
    {
        let told = told(args, &[]);
        assert_eq!((told.exit, &*told.out), (Exit::Misused, ""), "{args:?}");
        assert_ne!(told.err, "", "{args:?}");
    }
    assert!(told(&["chekc"], &[]).err.contains("check"));
}

#[test]
fn what_comes_with_a_later_version_says_so() {
    for args in [
        &["import", "oauth2-proxy", "f.cfg"][..],
        &["init"],
        &["completions", "bash"],
        &["man", "--x"],
        &["check", "--sign-in"],
    ] {
        let told = told(args, &[]);
        assert_eq!(told.exit, Exit::Misused, "{args:?}");
        assert!(told.err.ends_with(": not in this version\n"), "{args:?}: {}", told.err);
    }
}

/// Whoever has forgotten --config learns why everything is missing.
#[test]
fn without_a_file_it_says_where_one_is_looked_for() {
    let told = told(&["check"], &[]);
    assert_eq!(told.exit, Exit::Misused);
    let has_usual_file = std::path::Path::new(USUAL_FILE).exists();
    assert_eq!(told.err.contains("no file was read: --config FILE"), !has_usual_file, "{}", told.err);
}

#[test]
fn without_a_command_it_runs_and_finds_its_configuration_wanting() {
    let file = Written::new("empty.toml", "");
    for args in [&["--config", file.path()][..], &["run", "--config", file.path()]] {
        let told = told(args, &[]);
        assert_eq!((told.exit, &*told.out), (Exit::Misused, ""));
        assert!(told.err.contains("public_url: ") && told.err.ends_with(" problems\n"), "{}", told.err);
    }
}

#[test]
fn a_key_is_32_bytes_in_base64url_and_never_the_same() {
    use base64::Engine as _;
    let (one, other) = (told(&["keygen"], &[]).out, told(&["keygen"], &[]).out);
    let key = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(one.strip_suffix('\n').unwrap()).unwrap();
    assert_eq!(key.len(), 32);
    assert_ne!(one, other);
}

#[test]
fn the_schema_is_json() {
    let told = told(&["schema"], &[]);
    let schema: serde_json::Value = serde_json::from_str(&told.out).unwrap();
    assert!(schema["properties"]["public_url"].is_object());
    assert_eq!(told.exit, Exit::Done);
}

#[test]
fn a_good_configuration_is_told_with_its_origins_and_the_address_to_register() {
    let file = Written::new("good.toml", GOOD);
    let told = told(&["check", "--config", file.path()], &[("TOKIGATE_WORKERS", "3"), ("PATH", "/bin")]);
    assert_eq!((told.exit, &*told.err), (Exit::Done, ""), "{}", told.out);
    let line = |begin: &str| {
        told.out.lines().find(|line| line.starts_with(begin)).unwrap_or_else(|| panic!("{begin}: {}", told.out))
    };
    assert!(line("public_url = \"https://app.example.mn\" ").ends_with(&format!("  # {}:2", file.path())));
    assert!(line("workers = 3 ").ends_with("  # TOKIGATE_WORKERS"));
    assert!(line("session.lifetime = \"12h\" ").ends_with("  # default"));
    assert!(line("rules[1] = { path = ").ends_with(":15"), "{}", line("rules[1]"));
    assert!(told.out.contains("\n# https://app.example.mn/oauth2/callback\n"), "{}", told.out);
    assert!(!told.out.contains("AAECAwQF"), "no secret is shown");
}

#[test]
fn where_a_provider_can_tell_of_sessions_it_has_ended_the_addresses_are_told_and_what_that_is_worth() {
    let file = Written::new("logout.toml", GOOD);
    let out = |variables: &[(&str, &str)]| told(&["check", "--config", file.path()], variables).out;
    let toki = out(&[]);
    assert!(toki.contains("that needs provider.issuer and provider.jwks_uri"), "{toki}");
    assert!(!toki.contains("/backchannel_logout"), "{toki}");
    let by_hand = [
        ("TOKIGATE_PROVIDER__ISSUER", "https://op.example.mn"),
        ("TOKIGATE_PROVIDER__JWKS_URI", "https://op.example.mn/keys"),
    ];
    let oidc = [("TOKIGATE_PROVIDER__PRESET", "oidc"), by_hand[0]];
    for out in [out(&oidc), out(&by_hand)] {
        assert!(out.contains("\n# https://app.example.mn/oauth2/backchannel_logout\n"), "{out}");
        assert!(out.contains("\n# https://app.example.mn/oauth2/frontchannel_logout\n"), "{out}");
        assert!(out.contains("not to other replicas"), "{out}");
    }
    assert!(out(&by_hand[..1]).contains("that needs provider.issuer and provider.jwks_uri"));
}

#[test]
fn a_bad_one_has_each_problem_on_a_line_and_their_count() {
    let file = Written::new(
        "bad.toml",
        &GOOD.replace("https://app.example.mn", "ftp://app").replace("\"deny\"", "\"nobody\""),
    );
    let told = told(&["check", "--config", file.path()], &[("TOKIGATE_LISTNE", "x")]);
    assert_eq!((told.exit, &*told.out), (Exit::Misused, ""));
    let lines: Vec<_> = told.err.lines().collect();
    assert_eq!(lines.len(), 4, "{}", told.err);
    assert!(lines.iter().any(|line| line.starts_with(&format!("{}:2:", file.path()))), "{}", told.err);
    assert!(lines.iter().any(|line| line.starts_with("TOKIGATE_LISTNE: ")), "{}", told.err);
    assert_eq!(lines[3], "3 problems");
}

#[test]
fn a_warning_is_no_problem() {
    let file = Written::new("warned.toml", &GOOD.replace("/public/**", "/public*"));
    let told = told(&["check", "--config", file.path()], &[]);
    assert_eq!(told.exit, Exit::Done);
    assert!(told.err.starts_with("warning: "), "{}", told.err);
}

#[test]
fn a_variable_that_is_no_text_is_a_problem_unless_it_is_somebody_elses() {
    use std::os::unix::ffi::OsStringExt as _;
    let odd = || OsString::from_vec(vec![0xff]);
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let env = vec![("TOKIGATE_UPSTREAM".into(), odd()), ("OTHER".into(), odd())];
    let file = Written::new("odd.toml", GOOD);
    let args = ["tokigate", "check", "--config", file.path()].map(OsString::from);
    assert_eq!(command(args, &mut Console { out: &mut out, err: &mut err, env }), Exit::Misused);
    assert_eq!(String::from_utf8(err).unwrap(), "TOKIGATE_UPSTREAM: its value is not UTF-8\n1 problem\n");
}

#[test]
fn what_each_condition_saw_is_told() {
    let rule = r#"[[rules]]
path = "/admin/**"
from = ["10.0.0.0/8"]
require = { groups = ["admin"], email = "*@example.mn", team = "*" }
max_age = "15m"
"#;
    let file = Written::new("conditions.toml", &format!("{GOOD}{rule}"));
    let claims = r#"{"groups": ["staff"], "email": "bat@example.mn", "email_verified": false, "auth_time": 1}"#;
    let claims = Written::new("conditions.json", claims);
    let asked = ["check", "--config", file.path(), "--explain", "GET /admin/x"];
    let with_claims = [&asked[..], &["--claims", claims.path(), "--from", "10.1.2.3"]].concat();
    let out = told(&with_claims, &[]).out;
    for line in [
        "decided by   rules[2], ",
        "a stranger   is sent to the provider to sign in",
        "a user       gets 403 Forbidden (email_not_verified)",
        "conditions   from             held: 10.1.2.3",
        "require.email    not held: email_verified is false, beside: \"bat@example.mn\"",
        "require.groups   not held: [\"staff\"]",
        "require.team     claim missing",
        "max_age          not held: signed in ",
    ] {
        assert!(out.contains(line), "{line}: {out}");
    }
    let out = told(&asked, &[]).out;
    assert!(out.contains("from             nobody said from where: --from ADDR"), "{out}");
    assert!(out.contains("require.team     claim missing: --claims FILE"), "{out}");
    assert!(out.contains("a stranger   gets 403 Forbidden (wrong_network)"), "{out}");
}

fn explained(request: &str, claims: Option<&str>) -> String {
    let name = format!(
        "{:x}",
        request
            .bytes()
            .chain(claims.unwrap_or_default().bytes())
            .fold(7_u64, |sum, byte| sum * 31 % 1_000_003 + u64::from(byte))
    );
    let file = Written::new(&format!("explain-{name}.toml"), GOOD);
    let claims = claims.map(|claims| Written::new(&format!("claims-{name}.json"), claims));
    let mut args = vec!["check", "--config", file.path(), "--explain", request];
    if let Some(claims) = &claims {
        args.extend(["--claims", claims.path()]);
    }
    let told = told(&args, &[]);
    assert_eq!((told.exit, &*told.err), (Exit::Done, ""));
    told.out.replace(file.path(), "FILE")
}

#[test]
fn a_request_is_explained_by_the_rule_that_decides_with_its_line() {
    assert_eq!(
        explained("GET /public/page", None),
        "GET /public/page\n\n\
         decided by   rules[0], FILE:11: { path = \"/public/**\", access = \"public\" }\n\
         a stranger   reaches http://127.0.0.1:3000, in nobody's name\n\
         a user       reaches http://127.0.0.1:3000, in nobody's name\n"
    );
    let closed = explained("GET /closed", None);
    assert!(closed.contains("decided by   rules[1], FILE:15: "), "{closed}");
    assert!(closed.contains("a user       gets 403 Forbidden (denied)"), "{closed}");
}

#[test]
fn without_a_rule_a_stranger_signs_in_and_a_user_goes_on_under_the_names_that_the_claims_give() {
    let told =
        explained("GET /хуудас?a=1", Some(r#"{"data": {"userId": 100003, "firstName": "Бат", "lastName": "Дорж"}}"#));
    let path = "/%D1%85%D1%83%D1%83%D0%B4%D0%B0%D1%81?a=1";
    assert!(told.starts_with(&format!("GET {path}\n\ndecided by   no rule: ")), "{told}");
    assert!(told.contains(&format!("comes back to https://app.example.mn{path}\n")), "{told}");
    assert!(
        told.contains("a user       reaches http://127.0.0.1:3000, with\n               x-forwarded-user: 100003\n"),
        "{told}"
    );
    assert!(told.contains("x-forwarded-preferred-username: %D0%91%D0%B0%D1%82 %D0%94"), "{told}");
    let script = explained("POST /api", None);
    assert!(script.contains("a stranger   gets 401 Unauthorized (sign_in_needed)"), "{script}");
    assert!(script.contains("x-forwarded-user: <userId>\n"), "{script}");
}

#[test]
fn an_ambiguous_path_and_the_gates_own_are_told_apart() {
    let ambiguous = explained("GET /public/%2e%2e/closed", None);
    for line in [
        "readings     /public/%2e%2e/closed  no rule\n",
        "             /closed                rules[1], FILE:15: ",
        "a user       gets 400 Bad Request (ambiguous_path)",
    ] {
        assert!(ambiguous.contains(line), "{line}: {ambiguous}");
    }
    assert!(!explained("GET /public/%1b%5b31m", None).contains('\u{1b}'));
    assert!(explained("GET /oauth2/start", None).contains("decided by   the gate itself"));
    assert!(explained("GET /oauth2/none", None).contains("gets 404 Not Found (not_found)"));
}

#[test]
fn a_request_that_is_none_is_the_command_lines_mistake() {
    for request in ["/path", "GET", "GET path", "G(T /", ""] {
        let told = told(&["check", "--explain", request], &[]);
        assert_eq!(told.exit, Exit::Misused, "{request}");
        assert!(told.err.contains("write --explain 'GET /path'"), "{request}: {}", told.err);
    }
}

#[test]
fn the_probe_asks_where_the_configuration_says_and_a_broken_one_is_status_2() {
    let file = Written::new("probe.toml", GOOD);
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let env = [("TOKIGATE_ADMIN_LISTEN", format!("0.0.0.0:{}", gone.port()))];
    let env: Vec<_> = env.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let unready = told(&["healthcheck", "--config", file.path()], &env);
    assert_eq!(unready.exit, Exit::Failed);
    assert!(unready.err.contains(&format!("not ready: http://{gone}/readyz")), "{}", unready.err);
    let dead = told(&["healthcheck", "--live", "--config", file.path()], &env);
    assert!(dead.err.contains(&format!("not alive: http://{gone}/healthz")), "{}", dead.err);
    assert_eq!(told(&["healthcheck", "--config", "/nowhere/at/all.toml"], &[]).exit, Exit::Misused);
}

#[test]
fn a_demo_for_others_is_refused() {
    let told = told(&["demo", "--listen", "192.0.2.1"], &[]);
    assert_eq!(told.exit, Exit::Misused);
    assert!(told.err.contains("--listen takes a loopback address"), "{}", told.err);
}

#[test]
fn users_who_cannot_be_read_are_the_command_lines_mistake() {
    let told = told(&["provider", "--listen", "127.0.0.1:0", "--users", "/nowhere/users.toml"], &[]);
    assert_eq!(told.exit, Exit::Misused);
    assert!(told.err.contains("/nowhere/users.toml: cannot be read"), "{}", told.err);
}

#[test]
fn a_reader_who_has_read_enough_is_no_failure() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    for args in [["tokigate", "keygen"], ["tokigate", "--help"]] {
        let console = &mut Console { out: &mut Closed, err: &mut Closed, env: Vec::new() };
        assert_eq!(command(args.map(OsString::from), console), Exit::Done);
    }
}

#[test]
fn what_is_to_be_registered_is_printed() {
    let provider = "[provider]\npreset = \"oidc\"\nissuer = \"https://op.example\"\nclient_auth = \"private_key_jwt\"\n\
                    signing_key_file = \"src/oidc/signing/keys/p256.pem\"";
    let file = Written::new("registered.toml", &GOOD.replace("[provider]", provider));
    let told = told(&["check", "--config", file.path()], &[]);
    assert_eq!(told.exit, Exit::Done, "{}", told.err);
    for line in ["https://app.example.mn/oauth2/callback", "https://app.example.mn/oauth2/signed_out"] {
        assert!(told.out.contains(&format!("\n# {line}\n")), "{line}: {}", told.out);
    }
    let jwks = told.out.lines().find_map(|line| line.strip_prefix("# {\"keys\":")).expect("the public key");
    assert!(jwks.contains("\"crv\":\"P-256\"") && !jwks.contains("\"d\":"), "{jwks}");
}
