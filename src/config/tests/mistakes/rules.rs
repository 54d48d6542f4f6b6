//! Rules and their conditions.

use super::check_all;

#[test]
fn of_rules() {
    check_all(
        "rules",
        r##"
access = "public"
    -> rules[0].path: it is missing; write path = "/assets/**"
path = []
    -> rules[0].path: the list is empty
path = "assets/**"
    -> rules[0].path: "assets/**" does not begin with a slash; write "/assets/**"
path = "^/assets"
    -> rules[0].path: "^/assets" does not begin with a slash; write "/assets"
path = "/assets/.*"
    -> rules[0].path: "/assets/.*" is a regular expression, which rules are not; write * for a segment, ** for any number
path = "/a**"
    -> rules[0].path: "/a**": ** stands for whole segments; write /** behind a slash, or * inside one segment
path = "/a?x=1"
    -> rules[0].path: "/a?x=1" holds '?', which no path does; the query is not looked at
path = "/a//b"
    -> rules[0].path: "/a//b" has an empty segment
path = "/a/../b"
    -> rules[0].path: "/a/../b" has a dot segment, which no rule opens or closes
path = "/a%2"
    -> rules[0].path: "/a%2" has a % without two hexadecimal digits
path = "/a;x/**"
access = "public"
    -> rules[0]: it opens nothing: whatever it matches can also be read as something outside of it, or not be read at all; an opening path holds no ; and encodes no slash, backslash, dot segment or control character (%2F, %5C, %2E, %00)
path = ["/a", 5]
    -> rules[0].path[1]: 5 is no text; write it in quotes
path = "/a"
methods = ["get"]
    -> rules[0].methods[0]: "get" is no method that is known; the nearest is GET
path = "/a"
methods = []
    -> rules[0].methods: it is empty; leave it out for all methods
path = "/a"
access = "open"
    -> rules[0].access: "open" is not known; write public, optional, user or deny
path = "/a"
paths = "/b"
    -> rules[0].paths: no such key; the nearest is rules.path
path = "/a"
upstream = "x"
    -> rules[0].upstream: it is no address; write http://host:port, https://host:port, h2c://host:port or unix:/path
path = "/a"
upstream = "https://app:8443/base"
    -> rules[0].upstream: a path or query in it is not taken: requests go on with the path they came with
path = "/a"
upstream = "http://127.0.0.1:4180"
    -> rules[0].upstream: it is the gate's own address; write the application's
path = "/a"
access = "deny"
upstream = "http://127.0.0.1:4000"
    -> rules[0].upstream: access = "deny" lets nothing through; leave it out
path = "/a"
from = ["10.0.0.1/8"]
    -> rules[0].from[0]: "10.0.0.1/8" has bits beyond its mask; write 10.0.0.0/8
path = "/a"
from = "office"
    -> rules[0].from: "office" is no network; write 10.0.0.0/8, an address, "loopback" or "private"
path = "/a"
from = []
    -> rules[0].from: the list is empty
path = "/a"
access = "deny"
from = ["10.0.0.0/8"]
    -> rules[0].from: deny refuses everybody, wherever they are; leave from out, or write access = "user": with from it refuses whoever is elsewhere
path = "/a"
require = {}
    -> rules[0].require: it is empty; leave it out, or write { groups = ["admin"] }
path = "/a"
require = { groups = [] }
    -> rules[0].require.groups: the list is empty, so nobody would get through; write the values that will do
path = "/a"
require = { email = "*@a.mn", realm_access = { roles = {} } }
    -> rules[0].require.realm_access.roles: the table is empty, and would ask for nothing; leave it out, or write what will do
path = "/a"
require = { groups = ["a", ""] }
    -> rules[0].require.groups[1]: it is empty, and a claim that is empty counts as missing; write a value, or "*" for any
path = "/a"
require = { level = 1.5 }
    -> rules[0].require.level: 1.5 is no text, no boolean and no whole number; write a value, or a list of them
path = "/a"
require = { "a..b" = "x" }
    -> rules[0].require.a..b: "a..b" has an empty part; write claim.part
path = "/a"
require = { "a*" = "x" }
    -> rules[0].require.a*: "a*" is no claim's name; write claim, or claim.part
path = "/a"
require = "admin"
    -> rules[0].require: "admin" is no table; write { name = value, … }
path = "/a"
require = { email = "example.mn" }
    -> rules[0].require.email: "example.mn" is no e-mail address; write "*@example.mn" for all of a domain
path = "/a"
require = { email = ["*example.mn"] }
    -> rules[0].require.email[0]: "*example.mn" would take other domains that end so, as x@notexample.mn; write "*@example.mn"
path = "/a"
require = { email = "*@a.mn@b.mn" }
    -> rules[0].require.email: "*@a.mn@b.mn" has more than one @, which no address that is taken has
path = "/a"
require = { email = "@a.mn" }
    -> rules[0].require.email: "@a.mn" is a domain with nobody in front of it; write "*@a.mn" for all of it
path = "/a"
require = { email = "bat@" }
    -> rules[0].require.email: "bat@" has nothing behind its @; write "bat@example.mn"
path = "/a"
require = { email = true }
    -> rules[0].require.email: true is no e-mail address; write "name@example.mn" or "*@example.mn"
path = "/a"
access = "public"
require = { groups = "admin" }
    -> rules[0].require: it is about signed-in users, and access = "public" asks for none; write access = "user", or leave it out
path = "/a"
access = "optional"
max_age = "15m"
    -> rules[0].max_age: it is about signed-in users, and access = "optional" asks for none; write access = "user", or leave it out
path = "/a"
access = "deny"
acr_values = "phr"
    -> rules[0].acr_values: it is about signed-in users, and access = "deny" asks for none; write access = "user", or leave it out
path = "/a"
max_age = "30s"
    -> rules[0].max_age: "30s" is shorter than a sign-in may take; write "1m" or more
path = "/a"
max_age = "90500ms"
    -> rules[0].max_age: "90500ms" is no whole number of seconds, which is what providers are asked for
path = "/a"
acr_values = ["phr phrh"]
    -> rules[0].acr_values[0]: "phr phrh" is no name of a way to sign in: visible ASCII without quotes and spaces; write each for itself
path = "/a"
acr_values = ["1", "2", "3", "4", "5", "6", "7", "8", "9"]
    -> rules[0].acr_values: these are more than 8; write those that the provider has
path = "/a/**"
[[rules]]
path = ["/a", "/a/b"]
    -> rules[1]: no request gets here: rules[0] above takes all that it matches; put it above rules[0], or delete it
path = "/a"
[[rules]]
path = "/a/*/**"
access = "public"
[[rules]]
path = "/a/**"
access = "deny"
    -> rules[2]: no request gets here: rules[0] and rules[1] above take all that it matches; put it above rules[0], or delete it
path = "/oauth2/start"
access = "public"
    -> rules[0]: no request gets here: these addresses are the gate's own (prefix, callback_path), on which no rule decides; delete it
path = "/a"
bearer = true
    -> rules[0].bearer: no [[bearer]] says whose tokens are taken; write one, or leave it out
"##,
    );
}
