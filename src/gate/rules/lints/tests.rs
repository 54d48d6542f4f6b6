//! Lints: what is said of which rules.

use super::*;
use crate::gate::rules::Access;

fn rule(paths: &[&str], access: Access) -> Rule {
    Rule { paths: paths.iter().map(|path| (*path).to_owned()).collect(), access, ..Rule::default() }
}

fn said(rules: &[Rule]) -> Vec<(usize, Lint)> {
    lints(rules, &["/oauth2/**".to_owned(), "/callback".to_owned()])
}

fn from(network: &str, rule: Rule) -> Rule {
    Rule { from: vec![network.parse().expect("a network")], ..rule }
}

fn dead(index: usize, by: &[usize]) -> Vec<(usize, Lint)> {
    vec![(index, Lint::Dead { by: by.to_vec() })]
}

#[test]
fn ordinary_rules_are_no_matter() {
    let post = Rule { methods: vec![Method::POST], ..rule(&["/api/**"], Access::Deny) };
    for rules in [
        vec![],
        vec![rule(&["/assets/**", "/favicon.ico"], Access::Public), rule(&["/**"], Access::User)],
        vec![rule(&["/admin/login"], Access::Public), rule(&["/admin/**"], Access::User)],
        vec![rule(&["/admin/**"], Access::User), rule(&["/**/*.css"], Access::Public)],
        vec![post, rule(&["/api/**"], Access::Public)],
        vec![from("10.0.0.0/8", rule(&["/metrics"], Access::Public)), rule(&["/metrics"], Access::Deny)],
        vec![rule(&["/files/report-*"], Access::Public)],
        vec![rule(&["/a/*"], Access::User), rule(&["/a/**"], Access::Deny)],
    ] {
        assert_eq!(said(&rules), [], "{rules:?}");
    }
}

#[test]
fn a_rule_whose_paths_others_take_is_dead() {
    let get = Rule { methods: vec![Method::GET], ..rule(&["/a/b"], Access::Public) };
    for (rules, expected) in [
        (vec![rule(&["/a/**"], Access::User), rule(&["/a/b"], Access::Public)], dead(1, &[0])),
        (vec![rule(&["/a/**"], Access::Public), rule(&["/a/secret"], Access::Deny)], dead(1, &[0])),
        (vec![rule(&["/a/**"], Access::Deny), get.clone()], dead(1, &[0])),
        (
            vec![rule(&["/a"], Access::User), rule(&["/a/*"], Access::Deny), rule(&["/a", "/a/x"], Access::User)],
            dead(2, &[0, 1]),
        ),
        (vec![rule(&["/oauth2/start"], Access::Public)], dead(0, &[])),
        (vec![from("10.0.0.0/8", rule(&["/a"], Access::User)), rule(&["/a"], Access::User)], dead(1, &[0])),
        (
            vec![
                from("10.0.0.0/8", rule(&["/a"], Access::Public)),
                from("10.1.0.0/16", rule(&["/a"], Access::Optional)),
            ],
            dead(1, &[0]),
        ),
        (
            vec![rule(&["/a/**"], Access::User), rule(&["/a/b", "/c"], Access::User)],
            vec![(1, Lint::DeadPath { path: "/a/b".to_owned(), by: vec![0] })],
        ),
    ] {
        assert_eq!(said(&rules), expected, "{rules:?}");
    }
    assert_eq!(said(&[get, rule(&["/a/b"], Access::Deny)]), [], "other methods are left");
}

#[test]
fn what_opens_more_than_it_seems_is_said_with_an_example() {
    let below = |closed_by, example: &str| Lint::OpensBelow { closed_by, example: example.to_owned() };
    let star = |path: &str, also: &str| Lint::StarBehindWord { path: path.to_owned(), also: also.to_owned() };
    for (rules, expected) in [
        (vec![rule(&["/assets*"], Access::Public)], star("/assets*", "/assets-secret")),
        (vec![rule(&["/x/as*/**"], Access::Optional)], star("/x/as*/**", "/x/as-secret")),
        (vec![rule(&["/**/*.css"], Access::Public), rule(&["/admin/**"], Access::User)], below(1, "/admin/.css")),
        (vec![rule(&["/*/status"], Access::Public), rule(&["/admin/**"], Access::Deny)], below(1, "/admin/status")),
        (
            vec![rule(&["/**/*.css"], Access::Optional), rule(&["/x"], Access::User), rule(&["/a/*"], Access::User)],
            below(2, "/a/.css"),
        ),
    ] {
        assert_eq!(said(&rules), [(0, expected)], "{rules:?}");
    }
}

#[test]
fn what_opens_nothing_is_said_and_takes_nothing_from_others() {
    assert_eq!(said(&[rule(&["/a;x*", "/b;/**"], Access::Public)]), [(0, Lint::OpensNothing)]);
    let some = Lint::PathOpensNothing { path: "/a;x*".to_owned() };
    assert_eq!(said(&[rule(&["/a;x*", "/b"], Access::Optional), rule(&["/a;x*"], Access::Deny)]), [(0, some)]);
    assert_eq!(said(&[rule(&["/a;x/**", "/a%2Fb"], Access::User)]), [], "one that closes meets all readings");
    let of_each_its_own = [rule(&["/x/**"], Access::User), rule(&["/a;b", "/x/y"], Access::Public)];
    let shut = (1, Lint::PathOpensNothing { path: "/a;b".to_owned() });
    assert_eq!(said(&of_each_its_own), [vec![shut], dead(1, &[0])].concat());
}

#[test]
fn a_rule_that_closes_shows_no_star_behind_a_word() {
    assert_eq!(said(&[rule(&["/admin*"], Access::User)]), []);
}

/// None of the rules here is near another, whatever their stars: that is seen at a glance.
#[test]
fn a_thousand_rules_are_compared_in_time() {
    for path in ["/team-%/**", "/api/*/item-%", "/**/leaf-%"] {
        let rules: Vec<Rule> = (0..1000)
            .map(|index| {
                rule(
                    &[&path.replace('%', &index.to_string())],
                    if index % 2 == 0 { Access::Public } else { Access::User },
                )
            })
            .collect();
        assert_eq!(said(&rules), [], "{path}");
    }
}
