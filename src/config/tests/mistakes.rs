//! Mistakes, and exactly what is said of each: a line (or two) in a section of a file that is right otherwise.

mod bearer;
mod provider;
mod rules;
mod session;
mod tls;
mod upstream_tls;

use super::*;

/// Each case is one line or more, then `->` and all that is said, without the place.
fn check_all(section: &str, cases: &str) {
    let mut lines = String::new();
    for line in cases.lines().filter(|line| !line.is_empty()) {
        match line.trim_start().strip_prefix("-> ") {
            None => lines += &format!("{line}\n"),
            Some(expected) => {
                let text = match section {
                    "rules" => format!("{}[[rules]]\n{lines}", around("", "")),
                    _ => around(section, &lines),
                };
                let said = problems(&text, &[]);
                let said: Vec<String> =
                    said.iter().map(|problem| format!("{}: {}", problem.key, problem.text)).collect();
                assert_eq!(said, [expected], "[{section}] {lines}");
                lines.clear();
            }
        }
    }
}

#[test]
fn of_what_browsers_see() {
    check_all(
        "",
        r##"
public_url = "app.example.mn"
    -> public_url: "app.example.mn" is no address of the web; write https://app.example.mn
public_url = "ftp://app.example.mn"
    -> public_url: "ftp://app.example.mn" is no address of the web; write https://app.example.mn
public_url = "http://app.example.mn/x"
    -> public_url: "http://app.example.mn/x" is plain http beyond loopback, where cookies travel in the clear; write https://app.example.mn/x
public_url = "https://me:pw@app.example.mn"
    -> public_url: a user name or password in it is not taken
public_url = "https://app.example.mn/?x"
    -> public_url: "https://app.example.mn/?x" has a query or fragment; leave it out
public_url = "https://app.example.mn/a;b"
    -> public_url: "https://app.example.mn/a;b" has a path that can be read in several ways; write plain segments
public_url = "https://app.example.mn/a%2fb"
    -> public_url: "https://app.example.mn/a%2fb" has a path that can be read in several ways; write plain segments
public_url = "https://app.example.mn./"
    -> public_url: "https://app.example.mn./" has no host that a browser sends
public_url = []
    -> public_url: the list is empty
public_url = 5
    -> public_url: 5 is no text, and no list of them; write it in quotes
public_url = ["https://a.mn", "https://a.mn/"]
    -> public_url[1]: it is there twice
public_url = ["https://a.mn", "http://localhost"]
    -> public_url[1]: http and https together are not taken: cookies of the one do not reach the other
public_url = ["https://a.mn", "https://a.mn/oauth2/x"]
    -> public_url[1]: its path is below /oauth2, where the gate's own endpoints are; write another prefix
extra_hosts = ["https://app"]
    -> extra_hosts[0]: "https://app" is no host; write app.svc.local or app.svc.local:4180
extra_hosts = "app"
    -> extra_hosts: "app" is no list; write [ … ]
allowed_origins = ["*"]
    -> allowed_origins[0]: "*" is no origin; write scheme, host and port alone: https://other.example.mn
allowed_origins = ["https://a.mn/x"]
    -> allowed_origins[0]: "https://a.mn/x" is no origin; write scheme, host and port alone: https://other.example.mn
cors.origins = ["*"]
    -> cors.origins[0]: "*" is every page there is, with this browser's session; write each origin: https://other.example.mn
cors.origins = ["null"]
    -> cors.origins[0]: "null" is what any file and any sandboxed frame is; write an origin: https://other.example.mn
cors.origins = ["https://a.mn/x"]
    -> cors.origins[0]: "https://a.mn/x" is no origin; write scheme, host and port alone: https://other.example.mn
cors.origins = ["https://*.a.mn"]
    -> cors.origins[0]: "https://*.a.mn" is no origin; write scheme, host and port alone: https://other.example.mn
cors.origins = ["a.mn"]
    -> cors.origins[0]: "a.mn" is no origin; write scheme, host and port alone: https://other.example.mn
cors.origins = ["http://a.mn:8080"]
    -> cors.origins[0]: "http://a.mn:8080" is not encrypted, so anybody on the way could be that page; write https://a.mn:8080
cors.origins = ["https://a.mn", "https://A.mn:443/"]
    -> cors.origins[1]: it is there twice
cors.origins = "https://a.mn"
    -> cors.origins: "https://a.mn" is no list; write [ … ]
prefix = "oauth2"
    -> prefix: "oauth2" is no path; write /oauth2
prefix = "/"
    -> prefix: "/" is the application's own root; write a longer path
prefix = "/oauth2/"
    -> prefix: "/oauth2/" ends with a slash; write /oauth2
prefix = "/a/../b"
    -> prefix: "/a/../b" has an empty or a dot segment
prefix = "/a%20b"
    -> prefix: "/a%20b" holds '%'; write letters, digits, and - . _ ~ only, so that every reader sees the same path
health_path = "/oauth2/health"
    -> health_path: "/oauth2/health" is below prefix /oauth2; write a path outside it
health_path = "/OAuth2"
    -> health_path: "/OAuth2" is below prefix /oauth2; write a path outside it
health_path = "/"
    -> health_path: "/" is the application's own root; write a longer path
trusted_proxies = ["0.0.0.0/0"]
    -> trusted_proxies[0]: "0.0.0.0/0" would believe nearly everybody; write the networks of your proxies
proxy_protocol = true
    -> proxy_protocol: it is taken from trusted_proxies alone; write the networks of the balancers that send it
trusted_proxies = ["::/0"]
    -> trusted_proxies[0]: "::/0" would believe nearly everybody; write the networks of your proxies
trusted_proxies = ["10.0.0.1/8"]
    -> trusted_proxies[0]: "10.0.0.1/8" has bits beyond its mask; write 10.0.0.0/8
trusted_proxies = ["10/8"]
    -> trusted_proxies[0]: "10/8" is no network; write 10.0.0.0/8, an address, "loopback" or "private"
trusted_proxies = ["32.0.0.0/8", "33.0.0.0/8"]
    -> trusted_proxies: together they are 32.0.0.0/7, which would believe nearly everybody; write the networks of your proxies
"##,
    );
    let callback = around("provider", "callback_path = \"/cb\"");
    let text = callback.replace("upstream", "health_path = \"/cb\"\nupstream");
    assert_eq!(
        told(&text, &[]),
        ["config.toml:2:15: health_path: provider.callback_path is the same path; write another"]
    );
}

#[test]
fn of_listeners_and_the_application() {
    check_all(
        "",
        r##"
listen = ":4180"
    -> listen: ":4180" is no address with a port; write 0.0.0.0:4180
listen = "localhost:80"
    -> listen: "localhost:80" is no address with a port; write 127.0.0.1:80
listen = "127.0.0.1"
    -> listen: "127.0.0.1" is no address with a port; write 127.0.0.1:4180
listen = "unix:gate.sock"
    -> listen: "unix:gate.sock" is no socket; its path must be absolute: unix:/run/tokigate.sock
listen = "fd:2"
    -> listen: "fd:2" is none that is passed on; the first is fd:3
listen = "fd:99999999999"
    -> listen: "fd:99999999999" is none that is passed on; the first is fd:3
listen = "fd:"
    -> listen: "fd:" is no socket that is passed on; write fd:3 for the first, or its name: fd:tokigate.socket
listen = "fd:a:b"
    -> listen: "fd:a:b" is no socket that is passed on; write fd:3 for the first, or its name: fd:tokigate.socket
listen = "fd:Сокет"
    -> listen: "fd:Сокет" is no socket that is passed on; write fd:3 for the first, or its name: fd:tokigate.socket
listen = ["fd:3", "fd:web", "fd://3"]
    -> listen[2]: it is there twice
listen = "::1:4180"
    -> listen: "::1:4180" is no address with a port; write [::1]:4180
listen = "[::1]"
    -> listen: "[::1]" is no address with a port; write [::1]:4180
listen = "[fe80::1%eth0]:4180"
    -> listen: "[fe80::1%eth0]:4180" names an interface; write its number, which `ip link` tells: [fe80::1%2]:4180
listen = ["0.0.0.0:80", "[::]:80"]
    -> listen[1]: it takes the connections of 0.0.0.0:80 too; leave that out
listen = ["[::]:80", "127.0.0.1:80"]
    -> listen[1]: [::]:80 takes those connections too; leave it out
listen = ["0.0.0.0:80", "10.0.0.1:80"]
    -> listen[1]: 0.0.0.0:80 takes those connections too; leave it out
listen = ["unix:/a", "127.0.0.1:0", "127.0.0.1:0", "unix:///a"]
    -> listen[3]: it is there twice
listen = ["127.0.0.1:1", "127.0.0.1:1"]
    -> listen[1]: it is there twice
admin_listen = "127.0.0.1:4180"
    -> admin_listen: 127.0.0.1:4180 is the public listener's own address; give health and metrics another port
admin_listen = "0.0.0.0:4180"
    -> admin_listen: 0.0.0.0:4180 is the public listener's own address; give health and metrics another port
admin_listen = "4181"
    -> admin_listen: "4181" is no address with a port; write 127.0.0.1:4181
listen = "[::]:4181"
    -> admin_listen: 127.0.0.1:4181 is the public listener's own address; give health and metrics another port
upstream = "https://a..b"
    -> upstream: the host is missing or malformed; write http://host:port
upstream = "https://app/base"
    -> upstream: a path or query in it is not taken: requests go on with the path they came with
upstream = "127.0.0.1:3000"
    -> upstream: it is no address; write http://host:port, https://host:port, h2c://host:port or unix:/path
upstream = "http://localhost:4180"
    -> upstream: it is the gate's own address; write the application's
listen = "0.0.0.0:3000"
    -> upstream: it is the gate's own address; write the application's
host_header = "app:3000"
    -> host_header: "app:3000" is not known; write keep or upstream
workers = 0
    -> workers: 0 is not between 1 and 1024
workers = -1
    -> workers: -1 is no whole number
workers = 1.5
    -> workers: 1.5 is no whole number
workers = "2"
    -> workers: "2" is no whole number
"##,
    );
}

#[test]
fn of_limits_shutdown_log_and_pages() {
    check_all(
        "limits",
        r##"
header_bytes = "2MiB"
    -> limits.header_bytes: 2MiB is not between 4KiB and 1MiB
header_bytes = "8KiB"
    -> session.cookie_budget: limits.header_bytes would refuse such requests; write at most 6KiB, or raise it
body_bytes = 0
    -> limits.body_bytes: no request with a body would be taken; write off, or a size
body_bytes = "10mb"
    -> limits.body_bytes: "10mb" is no size; write 10MiB
connections = 0
    -> limits.connections: 0 is not between 1 and 10000000
connections = 99999999999999999999
    -> limits.connections: 100000000000000000000 is no whole number
header_timeout = "0s"
    -> limits.header_timeout: zero makes no sense here; leave it out for 10s
idle_timeout = "300x"
    -> limits.idle_timeout: "300x" is no duration; write 30s, 15m, 12h or 7d
upstream_timeout = "0"
    -> limits.upstream_timeout: zero makes no sense here; leave it out for 60s
logins_per_minute = 0
    -> limits.logins_per_minute: 0 is not between 1 and 1000000
"##,
    );
    check_all(
        "shutdown",
        r##"
drain = -5
    -> shutdown.drain: -5 is no duration; write 30s, 15m, 12h or 7d
"##,
    );
    check_all(
        "log",
        r##"
level = "verbose"
    -> log.level: "verbose" is not known; write error, warn, info, debug or trace
format = true
    -> log.format: true is not known; write auto, text or json
user = "name"
    -> log.user: "name" is not known; write hash, id or off
"##,
    );
    check_all(
        "pages",
        r##"
language = "ru"
    -> pages.language: "ru" is not known; write auto, en or mn
name = ""
    -> pages.name: it is empty, or more than one line
"##,
    );
}

#[test]
fn of_lists_of_tables() {
    let in_file = |lines: &str| told(&format!("{lines}\n{}", around("", "")), &[]);
    let two = "write [[rules]], in two brackets, above each";
    assert_eq!(
        in_file("rules = { path = \"/a\" }"),
        [format!("config.toml:1:9: rules: a table is no list of tables; {two}")]
    );
    assert_eq!(in_file("rules = [1]"), [format!("config.toml:1:10: rules[0]: 1 is no table; {two}")]);
    let one_bracket = told(&format!("{}[rules]\npath = \"/a\"\n", around("", "")), &[]);
    assert!(one_bracket.len() == 1 && one_bracket[0].ends_with(two), "{one_bracket:?}");
    let in_variable = |value: &str| told(&around("", ""), &[("TOKIGATE_RULES", value)]);
    let mend = "write [{ … }] in the variable, or [[rules]] in the file";
    for value in ["/assets/**", "{path=\"/a\"}"] {
        let said = format!("TOKIGATE_RULES: rules: {value:?} is no list of tables; {mend}");
        assert_eq!(in_variable(value), [said]);
    }
    assert_eq!(in_variable("[\"/a\"]"), [format!("TOKIGATE_RULES: rules[0]: \"/a\" is no table; {mend}")]);
    assert!(in_variable("").is_empty());
}

#[test]
fn one_that_cannot_be_read_hides_none_beside_it() {
    let params = around("provider", "authorize_params = { max_age = 5, state = \"x\" }");
    assert_eq!(
        problems(&params, &[]).iter().map(|problem| &problem.key).collect::<Vec<_>>(),
        ["provider.authorize_params.max_age", "provider.authorize_params.state"]
    );
    let paths = format!("{}[[rules]]\npath = [5, \"a\"]\nrequire = {{ a = 1.5, email = \"x\" }}\n", around("", ""));
    assert_eq!(
        problems(&paths, &[]).iter().map(|problem| &problem.key).collect::<Vec<_>>(),
        ["rules[0].path[0]", "rules[0].path[1]", "rules[0].require.a", "rules[0].require.email"]
    );
}

#[test]
fn of_names() {
    check_all(
        "",
        r##"
liste = "127.0.0.1:1"
    -> liste: no such key; the nearest is listen
lifetime = "8h"
    -> lifetime: no such key; the nearest is session.lifetime
telemetry = {}
    -> telemetry: not in this version
"##,
    );
    check_all(
        "session",
        r##"
lifetme = "8h"
    -> session.lifetme: no such key; the nearest is session.lifetime
listen = "127.0.0.1:1"
    -> session.listen: no such key; listen belongs above the first [section]
store = "redis"
    -> session.store: not in this version
redis = { url = "redis://x" }
    -> session.redis: not in this version
partitioned = true
    -> session.partitioned: not in this version
store_outage = "503"
    -> session.store_outage: not in this version
"##,
    );
    check_all(
        "provider",
        r##"
client = "x"
    -> provider.client: no such key; the nearest is provider.client_id
"##,
    );
    check_all(
        "identity",
        r##"
assertion = { enabled = true }
    -> identity.assertion: not in this version
"##,
    );
}
