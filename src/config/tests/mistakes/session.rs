//! Mistakes in `[session]` and `[identity]`.

use super::*;

#[test]
fn of_sessions() {
    check_all(
        "session",
        r##"
keys = []
    -> session.keys: it is empty; run `tokigate keygen`
keys = "s3cret"
    -> session.keys: this is no list; write [ … ]
keys = ["c2hvcnQ"]
    -> session.keys[0]: it is 5 bytes long, not 32; run `tokigate keygen`
keys = ["AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"]
keys_file = "/nowhere"
    -> session.keys_file: session.keys is given, too; keep one of them
lifetime = "8 hors"
    -> session.lifetime: "8 hors" is no duration; write 8h
lifetime = 8
    -> session.lifetime: 8 is no duration; write "8s"
lifetime = "0s"
    -> session.lifetime: zero makes no sense here; leave it out for 12h
lifetime = "500d"
    -> session.lifetime: browsers keep no cookie longer than 400d
idle_timeout = "0s"
    -> session.idle_timeout: zero would end every session at once; write off, or a duration
refresh_before = "12h"
    -> session.refresh_before: it is not shorter than session.lifetime 12h
same_site = "None"
    -> session.same_site: "None" is not in this version; write Lax or Strict
same_site = "lax"
    -> session.same_site: "lax" is not known; write Lax or Strict
cookie_budget = "7KB"
    -> session.cookie_budget: "7KB" is no size; write 7KiB
cookie_budget = "1KiB"
    -> session.cookie_budget: 1KiB is not between 2KiB and 60KiB
cookie_name = "a.b"
    -> session.cookie_name: "a.b" is no name of a cookie; write letters, digits, - and _, at most 100
cookie_name = "__host-x"
    -> session.cookie_name: "__host-x" begins with no prefix that browsers know; write __Host-…
drop_cookies = ["*"]
    -> session.drop_cookies[0]: it would take every cookie of the application; write names, as in "_oauth2_proxy*"
drop_cookies = ["*gate"]
    -> session.drop_cookies[0]: "*gate" would take the gate's own cookie __Host-tokigate
drop_cookies = ["a b"]
    -> session.drop_cookies[0]: "a b" is no name of a cookie
"##,
    );
    let keyless = around("", "").replace(&format!("keys = [\"{KEY}\"]\n"), "");
    assert_eq!(
        told(&keyless, &[]),
        ["session.keys: it is missing; run `tokigate keygen`, and write the key here or into keys_file"]
    );
    let refused = keyless.replace("https", "http");
    assert_eq!(told(&refused, &[]).len(), 2, "an address that is refused is no reason to go without a key");
    let plain = around("session", "cookie_name = \"__Host-x\"").replace("https://app.example.mn", "http://localhost");
    assert_eq!(
        told(&plain, &[]),
        [
            "config.toml:7:15: session.cookie_name: browsers take __Host-x over https only; leave it out on plain-http loopback"
        ]
    );
}

#[test]
fn of_identity() {
    check_all(
        "identity",
        r##"
headers = { "Host" = "email" }
    -> identity.headers.Host: Host has another meaning in HTTP or for proxies; write a name such as X-Forwarded-User
headers = { "X_Forwarded.For" = "email" }
    -> identity.headers.X_Forwarded.For: X_Forwarded.For has another meaning in HTTP or for proxies; write a name such as X-Forwarded-User
headers = { "Proxy-User" = "email" }
    -> identity.headers.Proxy-User: Proxy-User has another meaning in HTTP or for proxies; write a name such as X-Forwarded-User
headers = { "X User" = "email" }
    -> identity.headers.X User: "X User" is no name of a header
headers = { "X-User" = "sub", "x_user" = "email" }
    -> identity.headers.x_user: x-user is there already; applications do not tell the two apart
headers = { "X-User" = "{sub" }
    -> identity.headers.X-User: "{sub": a brace is not closed, or closed without being opened
headers = { "X-User" = "" }
    -> identity.headers.X-User: "": it is empty
headers = { "X-User" = "<userclaim>" }
    -> identity.headers.X-User: "<userclaim>": the only name in angle brackets is <user_claim>
headers = { "X-User" = "firstName lastName" }
    -> identity.headers.X-User: "firstName lastName": a claim has no space in its name; for two claims write "{firstName} {lastName}"
headers = { "X-User" = "a..b" }
    -> identity.headers.X-User: "a..b": "a..b" has an empty part; write claim.part
headers = ["X-User"]
    -> identity.headers: a list is no table; write { name = value, … }
access_token = "yes"
    -> identity.access_token: "yes" is not known; write off, x-forwarded-access-token or authorization
access_token = "authorization"
id_token = "authorization"
    -> identity.id_token: access_token is put into authorization already; write x-forwarded-id-token
access_token = "x-forwarded-access-token"
headers = { "X-Forwarded-Access-Token" = "sub" }
    -> identity.headers.X-Forwarded-Access-Token: identity.access_token sends that header already
"##,
    );
    for name in [
        "Connection",
        "Transfer-Encoding",
        "Content-Length",
        "Cookie",
        "Authorization",
        "X-Forwarded-Host",
        "Sec-Fetch-Mode",
        "TE",
    ] {
        let said = told(&around("identity", &format!("headers = {{ \"{name}\" = \"sub\" }}")), &[]);
        assert!(said.concat().contains("has another meaning"), "{name}: {said:?}");
    }
}
