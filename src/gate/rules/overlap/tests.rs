//! What the automata say, against every short path there is.

use proptest::prelude::*;

use super::*;
use crate::gate::pattern::Case;

fn pattern(text: &str) -> Pattern {
    let mut patterns = Pattern::spellings(text);
    assert_eq!(patterns.len(), 1, "{text}");
    patterns.remove(0)
}

fn found(all: &[&str], none: &[&str]) -> Found {
    let all: Vec<Pattern> = all.iter().map(|text| pattern(text)).collect();
    let none: Vec<Pattern> = none.iter().map(|text| pattern(text)).collect();
    let each: Vec<[&Pattern; 1]> = all.iter().map(|pattern| [pattern]).collect();
    let each: Vec<&[&Pattern]> = each.iter().map(|one| &one[..]).collect();
    path_in(&each, &none.iter().collect::<Vec<_>>(), &mut 100_000)
}

#[test]
fn what_two_patterns_have_in_common_is_found_with_an_example() {
    let path = |path: &str| Found::Path(path.to_owned());
    assert_eq!(found(&["/**/*.css", "/admin/**"], &[]), path("/admin/.css"));
    assert_eq!(found(&["/a/*", "/*/b"], &[]), path("/a/b"));
    assert_eq!(found(&["/a/**", "/b/**"], &[]), Found::Nothing);
    assert_eq!(found(&["/x/**", "/x"], &[]), path("/x"));
    assert_eq!(found(&["/**/*.css", "/admin/**"], &["/admin/**"]), Found::Nothing);
}

#[test]
fn a_pattern_may_be_covered_by_several_together() {
    assert_eq!(found(&["/x/**"], &["/x", "/x/*", "/x/*/**"]), Found::Nothing);
    assert_eq!(found(&["/x/**"], &["/x", "/x/*"]), Found::Path("/x//".to_owned()));
    assert_eq!(found(&["/a/*.css"], &["/a/**"]), Found::Nothing);
    assert_eq!(found(&["/a*b"], &["/a*", "/*b"]), Found::Nothing);
    assert!(matches!(found(&["/a*"], &["/a*b"]), Found::Path(_)));
}

#[test]
fn what_takes_too_long_is_left_open() {
    let (a, b) = (pattern("/*a*b*c*d*e*f*g"), pattern("/*g*f*e*d*c*b*a"));
    assert_eq!(path_in(&[&[&a], &[&b]], &[], &mut 10), Found::Unknown);
}

/// Every path of up to three segments of up to two letters; `c` is in no pattern.
fn short_paths() -> Vec<String> {
    let letters = ["", "a", "b", "c", "aa", "ab", "ac", "ba", "bb", "bc", "ca", "cb", "cc"];
    let one: Vec<String> = letters.iter().map(|segment| format!("/{segment}")).collect();
    let two: Vec<String> = one.iter().flat_map(|start| one.iter().map(move |end| format!("{start}{end}"))).collect();
    let three: Vec<String> = two.iter().flat_map(|start| one.iter().map(move |end| format!("{start}{end}"))).collect();
    [one, two, three].concat()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn enumeration_finds_nothing_that_the_automata_do_not(
        all in prop::collection::vec("(/(\\*\\*|[ab*]{0,2})){1,3}", 1..3),
        none in prop::collection::vec("(/(\\*\\*|[ab*]{0,2})){1,3}", 0..3),
    ) {
        let all: Vec<Pattern> = all.iter().map(|text| pattern(text)).collect();
        let none: Vec<Pattern> = none.iter().map(|text| pattern(text)).collect();
        let holds = |path: &str| {
            let matches = |pattern: &Pattern| pattern.matches(path.as_bytes(), Case::Kept);
            all.iter().all(matches) && !none.iter().any(matches)
        };
        let each: Vec<[&Pattern; 1]> = all.iter().map(|pattern| [pattern]).collect();
        let each: Vec<&[&Pattern]> = each.iter().map(|one| &one[..]).collect();
        match path_in(&each, &none.iter().collect::<Vec<_>>(), &mut 1_000_000) {
            Found::Path(path) => prop_assert!(holds(&path), "{path} is no such path"),
            Found::Nothing => {
                let other = short_paths().into_iter().find(|path| holds(path));
                prop_assert_eq!(other, None);
            }
            Found::Unknown => prop_assert!(false, "so little takes so long"),
        }
        if let [one, other] = &all[..] {
            let in_common = path_in(&each, &[], &mut 1_000_000);
            prop_assert!(!are_apart(one, other) || in_common == Found::Nothing, "{in_common:?}");
        }
    }
}
