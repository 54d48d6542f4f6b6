//! interface.md "No second reading opens anything", held over what an attacker writes.

use std::cell::Cell;

use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};

use super::oracle::{self, Target, Written};
use super::*;

/// What an attacker writes paths with; the first few make whole segments of those that patterns name.
const ALPHABET: [&str; 56] = [
    "/assets",
    "/assets/",
    "/admin",
    "/x",
    "/oauth2",
    "/A",
    "/a",
    "/",
    "..",
    ".",
    "/..",
    "/../",
    "/./",
    "//",
    "\\",
    ";",
    ";x",
    "/;/",
    "..;/",
    "%2e",
    "%2E%2e",
    "%2f",
    "%5c",
    "%3b",
    "%25",
    "%252e",
    "%252f",
    "2e",
    "2f",
    "%61",
    "%41",
    "a",
    "dmin",
    "ssets",
    "%D0%91",
    "%ff",
    "%00",
    "%0a",
    "%",
    "%zz",
    "/ADMIN",
    "ASSETS",
    "aDmin/",
    "x/",
    "//x",
    "%C5%BFsets",
    "a%CC%87",
    "%E2%84%AA",
    "%c0%ae",
    "%c0%af",
    "%e0%80%af",
    "%EF%BC%8F",
    "%7f",
    "%09",
    "%3B",
    "/%2e/",
];

const PATTERNS: [&str; 12] = [
    "/assets/**",
    "/assets/*",
    "/**",
    "/*",
    "/admin/**",
    "/Admin",
    "/a/**",
    "/**/admin",
    "/x/*/admin",
    "/**/*.",
    "/as*s/a*",
    "/x",
];

/// From where everything is asked for.
const INSIDE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 1, 2, 3));

fn target() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(&ALPHABET[..]);
    (prop::sample::select(vec!["/", "/assets/", "/admin/", "/x/"]), prop::collection::vec(piece, 0..5))
        .prop_map(|(start, pieces)| format!("{start}{}", pieces.concat()))
}

fn written() -> impl Strategy<Value = Vec<Rule>> {
    let access = prop::sample::select(vec![Access::Public, Access::Optional, Access::User, Access::Deny]);
    let pattern = prop::sample::select(&PATTERNS[..]);
    let methods = prop::sample::select(vec![vec![], vec![], vec![Method::GET], vec![Method::POST, Method::GET]]);
    let from = prop::sample::select(vec![vec![], vec![], vec!["10.0.0.0/8"], vec!["192.0.2.0/24"]]);
    let one = (pattern, access, methods, from, any::<bool>()).prop_map(|(pattern, access, methods, from, bearer)| {
        let from = from.iter().map(|network| network.parse().expect("a network")).collect();
        Rule { methods, from, bearer: bearer && access == Access::User, ..rule(pattern, access) }
    });
    prop::collection::vec(one, 1..4)
}

/// 100,000 targets (security.md P-05), ten for each set of rules: what opens stays within its pattern in every reading there is, nothing damaged
/// opens, and every verdict is the one that interface.md gives.
#[test]
fn every_verdict_is_what_brute_force_finds() {
    let counts = Cell::new((0, 0));
    let config = ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() };
    let outcome =
        TestRunner::new(config).run(&(written(), prop::collection::vec(target(), 10)), |(written, targets)| {
            let compiled = rules(&written);
            let own = Rule { paths: vec!["/oauth2/**".to_owned(), "/callback".to_owned()], ..rule("", Access::User) };
            let all = |method: &Method| -> Vec<Written> {
                let others = |rule: &Rule| !rule.methods.is_empty() && !rule.methods.contains(method);
                let elsewhere = |rule: &Rule| {
                    let inside = rule.from.is_empty() || rule.from.iter().any(|network| network.contains(&INSIDE));
                    rule.access.opens() && !inside
                };
                // A rule for other methods is as one for no path, and so is one that opens elsewhere.
                let for_this =
                    |rule: &Rule| if others(rule) || elsewhere(rule) { Rule::default() } else { rule.clone() };
                std::iter::once(own.clone()).chain(written.iter().map(for_this)).map(Written::new).collect()
            };
            let (get, post) = (all(&Method::GET), all(&Method::POST));
            for (number, target) in targets.into_iter().enumerate() {
                let (method, all) = if number % 4 == 3 { (Method::POST, &post) } else { (Method::GET, &get) };
                let verdict = said(&compiled, &method, &target, Some(INSIDE));
                let met = || compiled.met(&method, &target, Some(INSIDE));
                let (opened, damaged) = check(all, &Target::new(&target), verdict, met)
                    .map_err(|error| TestCaseError::fail(format!("{target}: {verdict:?}: {error}")))?;
                let (opened_before, damaged_before) = counts.get();
                counts.set((opened_before + u32::from(opened), damaged_before + u32::from(damaged)));
            }
            Ok(())
        });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
    let (opened, damaged) = counts.get();
    assert!(
        (5_000..80_000).contains(&opened) && (5_000..50_000).contains(&damaged),
        "not grown well: {:?}",
        counts.get()
    );
}

/// Whether it was opened, and whether it is damaged.
fn check(
    rules: &[Written],
    target: &Target,
    verdict: Verdict,
    met: impl Fn() -> Vec<Met>,
) -> Result<(bool, bool), TestCaseError> {
    let opened = matches!(verdict, Verdict::Says { access: Access::Public | Access::Optional, .. });
    if target.is_damaged {
        prop_assert!(!opened, "damaged and open");
        prop_assert!(verdict == Verdict::Ambiguous || !oracle::is_near(rules, target), "damaged near a rule");
        return Ok((opened, true));
    }
    if let Verdict::Says { rule: Some(index), .. } = verdict
        && opened
    {
        for reading in &target.readings {
            prop_assert!(rules[index + 1].holds(reading), "outside as {:?}", String::from_utf8_lossy(reading));
        }
    }
    prop_assert_eq!(verdict, oracle::judge(rules, target));
    if verdict == Verdict::Ambiguous {
        let met = met();
        prop_assert!(met.len() > 1, "ambiguous between {met:?}");
        let is_told = |rule: &Option<usize>| met.iter().any(|met| met.rule == *rule);
        prop_assert!(oracle::met(rules, target).iter().all(is_told), "not all that is met: {met:?}");
    }
    Ok((opened, false))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// The index finds every rule that matches, as it is and folded: judging what it finds is judging all of them.
    #[test]
    fn what_the_index_leaves_out_matches_nothing(
        patterns in prop::collection::vec("(/(\\*\\*|[abABөӨ*]{0,3})){1,4}", 1..12),
        path in "(/[abABөӨ]{0,3}){1,4}|\\*",
    ) {
        let rules: Vec<Rule> = patterns.iter().map(|pattern| rule(pattern, Access::Deny)).collect();
        let compiled = Rules::new(&rules, Vec::new());
        for (reading, case) in [(path.as_bytes().to_vec(), Case::Kept), (crate::gate::path::in_lower_case(path.as_bytes()), Case::Folded)] {
            let near = compiled.index.near(&reading);
            for (place, rule) in compiled.rules.iter().enumerate() {
                let is_near = near.contains(&u32::try_from(place).unwrap());
                prop_assert!(is_near || !rule.matches(Reading(&reading, case)), "{:?} {:?}", rule.patterns, reading);
            }
        }
    }

    #[test]
    fn patterns_match_what_a_naive_reader_finds(pattern in "(/(\\*\\*|[ab*]{0,4})){1,4}", path in "(/[abAB]{0,4}){1,5}") {
        let [compiled] = &Pattern::spellings(&pattern)[..] else { panic!("one spelling") };
        prop_assert_eq!(compiled.matches(path.as_bytes(), Case::Kept), oracle::glob(&pattern, path.as_bytes()));
        prop_assert_eq!(compiled.matches(path.as_bytes(), Case::Folded), oracle::glob(&pattern, path.to_lowercase().as_bytes()));
    }
}
