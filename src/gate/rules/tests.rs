mod oracle;
mod promise;

use std::net::IpAddr;

use super::*;

/// What the rules say, without the conditions.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Verdict {
    Says { access: Access, rule: Option<usize> },
    Ambiguous,
}

const DEFAULT: Verdict = Verdict::Says { access: Access::User, rule: None };

fn rule(path: &str, access: Access) -> Rule {
    Rule { paths: vec![path.to_owned()], access, ..Rule::default() }
}

fn rules(written: &[Rule]) -> Rules {
    Rules::new(written, vec![Pattern::below("/oauth2"), Pattern::exactly("/callback")])
}

fn judge(written: &[Rule], path: &str) -> Verdict {
    said(&rules(written), &Method::GET, path, None)
}

fn said(rules: &Rules, method: &Method, path: &str, client: Option<IpAddr>) -> Verdict {
    match rules.judge(method, path, client) {
        super::Verdict::Says { effect, rule } => Verdict::Says { access: effect.access, rule },
        super::Verdict::Ambiguous => Verdict::Ambiguous,
    }
}

fn says(access: Access, rule: usize) -> Verdict {
    Verdict::Says { access, rule: Some(rule) }
}

/// Everything under one public folder.
fn assets() -> Vec<Rule> {
    vec![rule("/assets/**", Access::Public)]
}

#[test]
fn the_first_that_matches_decides() {
    let written = [
        rule("/a/open/**", Access::Public),
        rule("/a/**", Access::Deny),
        rule("/a/late", Access::Public),
        rule("/b/**", Access::User),
        rule("/**", Access::Optional),
    ];
    for (path, expected) in [
        ("/a/open/x", says(Access::Public, 0)),
        ("/a/x", says(Access::Deny, 1)),
        ("/a/late", says(Access::Deny, 1)),
        ("/b", says(Access::User, 3)),
        ("/", says(Access::Optional, 4)),
    ] {
        assert_eq!(judge(&written, path), expected, "{path}");
    }
    assert_eq!(judge(&assets(), "/x"), DEFAULT);
    assert_eq!(judge(&[], "/x"), DEFAULT);
}

#[test]
fn a_rule_with_methods_is_for_those_alone() {
    let written = [Rule { methods: vec![Method::GET, Method::HEAD], ..rule("/x", Access::Public) }];
    for (method, expected) in
        [("GET", says(Access::Public, 0)), ("HEAD", says(Access::Public, 0)), ("POST", DEFAULT), ("GETX", DEFAULT)]
    {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        assert_eq!(said(&rules(&written), &method, "/x", None), expected, "{method}");
    }
}

/// security.md P-03, P-07, P-08, P-10 to P-12, and what others were broken with.
#[test]
fn no_second_reading_of_a_closed_path_is_open() {
    for path in [
        "/assets/../admin",
        "/assets/./../admin",
        "/assets//../admin",
        "/assets/..",
        "/assets/x/../../admin",
        "/assets/%2e%2e/admin",
        "/assets/%2E./admin",
        "/assets/%252e%252e/admin",
        "/assets/..%2fadmin",
        "/assets/..%252fadmin",
        "/assets/%2e%2e%2fadmin",
        "/assets/..%5cadmin",
        "/assets\\..\\admin",
        "/assets/..%255cadmin",
        "/assets/..;/admin",
        "/assets/..;x=1/admin",
        "/assets/..%3b/admin",
        "/assets;x/../admin",
        "/assets/%2e%2e;/admin",
        "/assets/;/../../admin",
        "/x/../assets/a",
        "//assets/a",
        "/./assets/a",
        "/%61ssets/a",
        "/Assets/a",
        "/assets%2fa",
        "/assets;x",
        "/assets\\a",
        "/assets/%2e%2e",
        "/assets/a%2f..%2f..%2fadmin",
        "/assets/%c0%ae%c0%ae/admin",
        "/assets/%ff",
        "/assets/%25ff",
        "/assets/%e2%98%",
        "/assets/%",
        "/assets/%2",
        "/assets/%zz",
        "/assets/%00",
        "/assets/a%0ab",
        "/assets/%2500",
        "/assets/%7f",
        "assets/a",
        "*",
        "",
    ] {
        match judge(&assets(), path) {
            Verdict::Says { access: Access::User | Access::Deny, .. } | Verdict::Ambiguous => {}
            verdict @ Verdict::Says { access: Access::Public | Access::Optional, .. } => panic!("{path}: {verdict:?}"),
        }
    }
}

#[test]
fn what_stays_within_is_open_however_odd() {
    for path in [
        "/assets",
        "/assets/",
        "/assets/a",
        "/assets//a",
        "/assets/./a",
        "/assets/a/../b",
        "/assets/a;v=1",
        "/assets/A.CSS",
        "/assets/%61",
        "/assets/a%2Fb",
        "/assets/a%5cb",
        "/assets/%D0%B1",
        "/assets/100%25",
        "/assets/a%252fb",
        "/assets/%20",
    ] {
        assert_eq!(judge(&assets(), path), says(Access::Public, 0), "{path}");
    }
}

#[test]
fn a_closing_rule_takes_every_reading_and_what_disagrees_is_refused() {
    let written = [rule("/Admin/**", Access::Deny), rule("/**", Access::Public)];
    for path in [
        "/x/../Admin",
        "/x/../admin",
        "/%41dmin/x",
        "/admin/x",
        "/ADMIN",
        "//Admin",
        "/Admin;x",
        "/Admin%2fx",
        "/x%2f..%2fadmin",
        "/Admin\\x",
        "/x/..;/Admin/y",
        "/%2541dmin",
    ] {
        assert!(
            matches!(judge(&written, path), Verdict::Ambiguous | Verdict::Says { access: Access::Deny, .. }),
            "{path}"
        );
    }
    assert_eq!(judge(&written, "/x/../Admin"), Verdict::Ambiguous);
    assert_eq!(judge(&written, "/Administer"), says(Access::Public, 1));
    let kelvin = [rule("/kelvin", Access::Deny), rule("/**", Access::Public)];
    assert_eq!(judge(&kelvin, "/%E2%84%AAelvin"), Verdict::Ambiguous, "a folded K is a k");
}

#[test]
fn a_slash_at_the_end_leads_past_no_rule_that_closes_and_into_none_that_opens() {
    for (pattern, path) in [("/account", "/account/"), ("/a/", "/a"), ("/**/x.txt", "/y/x.txt/"), ("/b/*", "/b")] {
        let written = [rule(pattern, Access::Deny), rule("/**", Access::Public)];
        assert_eq!(judge(&written, path), says(Access::Deny, 0), "{pattern} {path}");
        assert_eq!(judge(&[rule(pattern, Access::Public)], path), DEFAULT, "{pattern} {path}");
    }
    assert_eq!(
        judge(&[rule("/account", Access::Deny), rule("/**", Access::Public)], "/accounts"),
        says(Access::Public, 1)
    );
}

#[test]
fn a_path_that_reads_as_another_hosts_is_that_path_too() {
    let written = [rule("/admin/**", Access::Deny), rule("/**", Access::Public)];
    for path in ["//x/admin", "///x/admin/y", "//user@host:80/admin", "//x/%61dmin", "//x/y/../admin"] {
        assert_eq!(judge(&written, path), Verdict::Ambiguous, "{path}");
    }
    assert_eq!(judge(&written, "//x/y"), says(Access::Public, 1));
}

#[test]
fn rules_that_differ_in_their_application_alone_are_different_rules() {
    let other = |path| Rule { upstream: 1, ..rule(path, Access::User) };
    let written = [other("/other/**"), rule("/third", Access::User)];
    assert_eq!(judge(&written, "/other/./x"), says(Access::User, 0));
    for path in ["/x/../other", "/other/../x", "/other/..%2fthird", "/Other"] {
        assert_eq!(judge(&written, path), Verdict::Ambiguous, "{path}");
    }
}

#[test]
fn readings_that_all_meet_the_same_closing_rule_meet_it() {
    let written = [rule("/admin/**", Access::Deny)];
    for path in ["/admin//x", "/admin/./x", "/admin/x;y", "/admin/%61", "/admin/X"] {
        assert_eq!(judge(&written, path), says(Access::Deny, 0), "{path}");
    }
    let users = [rule("/admin/**", Access::User), rule("/**", Access::Public)];
    assert_eq!(judge(&users, "/x/../admin"), says(Access::User, 0), "the default says the same");
}

#[test]
fn damage_is_refused_near_a_rule_and_passed_on_elsewhere() {
    let written = [rule("/assets/**", Access::Public), rule("/admin/**", Access::Deny)];
    for path in ["/%zz", "/x%00y", "/x%0a", "/x/%", "/x/%2500"] {
        assert_eq!(judge(&written, path), DEFAULT, "{path}");
        assert_eq!(judge(&[], path), DEFAULT, "{path}");
    }
    for path in [
        "/assets/%zz",
        "/assets/%00",
        "/admin/%zz",
        "/admin%00",
        "/admin%00.css",
        "/ad%09min",
        "/adm%in/x",
        "/x/../admin/%",
        "/%61dmin/%zz",
        "/ADMIN%0a",
        "/admin%20/%",
    ] {
        let expected = if path == "/admin%20/%" { DEFAULT } else { Verdict::Ambiguous };
        assert_eq!(judge(&written, path), expected, "{path}");
    }
}

#[test]
fn the_gates_own_addresses_are_opened_by_nobody() {
    let written = [rule("/**", Access::Public)];
    for path in
        ["/oauth2", "/oauth2/x", "/OAuth2/start", "/%6fauth2/x", "/x/../oauth2", "/callback", "/Callback", "//callback"]
    {
        assert_eq!(judge(&written, path), DEFAULT, "{path}");
    }
    assert_eq!(judge(&written, "/callback/x"), says(Access::Public, 0));
    assert_eq!(judge(&written, "/oauth2x"), says(Access::Public, 0));
}

#[test]
fn the_query_is_never_looked_at() {
    let written = [rule("/api/*/status", Access::Public)];
    let target: http::uri::PathAndQuery = "/api/private?x=/api/a/status".parse().expect("a target");
    assert_eq!(judge(&written, target.path()), DEFAULT);
}

/// A pattern that is written encoded is the text it stands for: no wildcard comes of it, and no more segments.
#[test]
fn what_is_encoded_in_a_pattern_is_no_wildcard_and_no_slash() {
    let written = [rule("/files/%2A", Access::Public), rule("/%2a%2a", Access::Public), rule("/a%2Fb", Access::Public)];
    for path in ["/files/x", "/files/secret/x", "/x", "/a/b"] {
        assert_eq!(judge(&written, path), DEFAULT, "{path}");
    }
    assert_eq!(judge(&written, "/files/%2A"), says(Access::Public, 0));
    assert_eq!(judge(&written, "/files/*"), says(Access::Public, 0));
    let spelled = [rule("/my%20files/*", Access::Public), rule("/мөнх/**", Access::Public)];
    assert_eq!(judge(&spelled, "/my%20files/x"), says(Access::Public, 0));
    assert_eq!(judge(&spelled, "/%D0%BC%D3%A9%D0%BD%D1%85/x"), says(Access::Public, 1));
}

#[test]
fn whether_paths_and_methods_matter_is_known() {
    let get = |path: &str, access| Rule { methods: vec![Method::GET], ..rule(path, access) };
    for (written, paths, methods) in [
        (vec![], false, false),
        (vec![get("/x", Access::User)], false, false),
        (vec![rule("/x", Access::Public)], true, false),
        (vec![get("/x", Access::Deny)], true, true),
        (vec![rule("/**", Access::Deny), get("/x", Access::Public)], false, false),
        (vec![get("/**", Access::Public)], true, true),
        (vec![rule("/x", Access::User), rule("/**", Access::Public)], true, false),
    ] {
        let compiled = rules(&written);
        assert_eq!((compiled.tell_paths_apart(), compiled.tell_methods_apart()), (paths, methods), "{written:?}");
    }
}

/// Most of what rules are for: a path costs what is near it.
#[test]
fn of_a_thousand_rules_few_are_near() {
    let many = |path: &dyn Fn(usize) -> String| -> Vec<Rule> {
        (0..1000).map(|index| rule(&path(index), Access::User)).collect()
    };
    for (written, path) in [
        (many(&|index| format!("/team-{index}/**")), "/team-500/a/b"),
        (many(&|index| format!("/api/*/item-{index}")), "/api/x/item-999"),
        (many(&|index| format!("/**/leaf-{index}")), "/a/b/c/leaf-0"),
        (many(&|index| format!("/Admin/{index}/*.css")), "/admin/7/x.css"),
    ] {
        assert_eq!(rules(&written).index.near(path.as_bytes()).len(), 1, "{path}");
    }
}
