//! What is taken, and should be known.

use super::*;

fn warned(toml: &str) -> Vec<String> {
    loaded(toml).warnings.iter().map(ToString::to_string).collect()
}

#[test]
fn an_ordinary_file_warns_of_nothing() {
    assert_eq!(warned(&around("", "")), Vec::<String>::new());
    let rules =
        format!("{}[[rules]]\npath = \"/assets/**\"\naccess = \"public\"\n[[rules]]\npath = \"/**\"\n", around("", ""));
    assert_eq!(warned(&rules), Vec::<String>::new());
}

#[test]
fn what_is_dangerous_or_does_nothing_is_said() {
    let rule = |rule: &str| format!("{}[[rules]]\n{rule}\n", around("", ""));
    let everybody = "everybody gets everything that no rule above keeps: it is a public rule for every path";
    for (toml, said) in [
        (
            around("provider", "insecure_http = true\ntoken_endpoint = \"http://op.mn/t\""),
            "config.toml:5:17: provider.insecure_http: codes, tokens and secrets may go to the provider in the clear: whoever is on the way can sign in as anybody".to_owned(),
        ),
        (rule("path = \"/**\"\naccess = \"public\""), format!("config.toml:12:1: rules[0]: {everybody}")),
        (rule("path = [\"/a\", \"/**/*\"]\naccess = \"optional\""), format!("config.toml:12:1: rules[0]: {everybody}")),
        (
            rule("path = [\"/a\", \"/a\"]\n[[rules]]\npath = [\"/a\", \"/b\"]"),
            "config.toml:14:1: rules[1]: /a does nothing: rules[0] above takes all that it matches".to_owned(),
        ),
        (
            rule("path = \"/assets*\"\naccess = \"public\""),
            "config.toml:12:1: rules[0]: /assets* opens /assets-secret too; write /assets/** for what is below a folder".to_owned(),
        ),
        (
            rule("path = [\"/a%2Fb/**\", \"/c\"]\naccess = \"optional\"\n[[rules]]\npath = \"/a%2Fb/**\""),
            "config.toml:12:1: rules[0]: /a%2Fb/** opens nothing: whatever it matches can also be read as something outside of it, or not be read at all; an opening path holds no ; and encodes no slash, backslash, dot segment or control character (%2F, %5C, %2E, %00)".to_owned(),
        ),
        (
            rule("path = \"/**/*.css\"\naccess = \"public\"\n[[rules]]\npath = \"/admin/**\""),
            "config.toml:12:1: rules[0]: it opens /admin/.css too, which rules[1] below would close; put rules[1] above it, or write a narrower path".to_owned(),
        ),
        (
            rule("path = \"/a\"\nacr_values = \"phr\""),
            "config.toml:14:14: rules[0].acr_values: only an ID token says how somebody signed in (acr): where this provider sends none, nobody gets through".to_owned(),
        ),
        (
            rule("path = \"/pay/**\"\nmax_age = \"15m\""),
            "config.toml:14:11: rules[0].max_age: only an ID token says when somebody signed in (auth_time): where this provider sends none, a sign-in that it was asked to make a fresh one (prompt=login) counts, whether it did or not".to_owned(),
        ),
        (
            rule("path = \"/assets/**\"").replace("app.example.mn", "app.example.mn/app"),
            "config.toml:12:1: rules[0]: /assets/** is outside public_url's path, and rules see the whole path: no request matches it".to_owned(),
        ),
        (
            around("", "").replace(&format!("keys = [\"{KEY}\"]\n"), "").replace("https://app.example.mn", "http://localhost:4180"),
            "session.keys: there is none: a key for this process is made, and everybody is signed out when it ends".to_owned(),
        ),
        (
            around("session", "idle_timeout = \"12h\""),
            "config.toml:7:16: session.idle_timeout: it does nothing: lifetime ends the session after 12h".to_owned(),
        ),
        (
            around("session", "cookie_name = \"sid\""),
            "config.toml:7:15: session.cookie_name: without __Host- in front, other hosts of the same domain can overwrite the cookie".to_owned(),
        ),
        (
            around("", "listen = [\"127.0.0.1:4180\", \"unix:/run/gate.sock\"]\ntrusted_proxies = [\"10.0.0.0/8\"]\nproxy_protocol = true"),
            "config.toml:5:18: proxy_protocol: on unix:/run/gate.sock nobody may send it: a unix socket counts as \"loopback\", which is not in trusted_proxies".to_owned(),
        ),
        (
            around("provider", "callback_path = \"/auth/toki/callback\"").replace("app.example.mn", "app.example.mn/app"),
            "config.toml:5:17: provider.callback_path: it is outside public_url's path /app: what stands in front must send it here, too".to_owned(),
        ),
    ] {
        assert_eq!(warned(&toml), [said], "{toml}");
    }
}

#[test]
fn issuers_of_access_tokens_whose_names_may_be_somebody_elses_or_that_nobody_takes_are_said() {
    let file = |provider: &str, rule: &str| {
        let issuer = "[[bearer]]\nissuer = \"https://api.mn\"\naudience = \"a\"\n";
        format!("{}{issuer}[[rules]]\npath = \"/api/**\"\n{rule}\n", around("provider", provider))
    };
    let said = |provider: &str, rule: &str| {
        let warnings = loaded(&file(provider, rule)).warnings;
        warnings.iter().map(|warning| format!("{}: {}", warning.key, warning.text)).collect::<Vec<_>>()
    };
    let names = "bearer[0].issuer: it names users by its own userId, and the application cannot tell them from those who sign in: no two of them may have one name";
    assert_eq!(said("", "bearer = true"), [names]);
    let same = "preset = \"oidc\"\nissuer = \"https://api.mn\"";
    assert_eq!(said(same, "bearer = true"), [""; 0]);
    assert_eq!(said(same, ""), ["bearer[0]: no rule takes access tokens; write bearer = true into one"]);
}
