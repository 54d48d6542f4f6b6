//! What opens nothing, against what rules open.

use std::cell::Cell;

use http::Method;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::*;
use crate::gate::rules::{Access, Rule, Rules, Verdict};

fn rule(paths: &[String]) -> Rule {
    Rule { paths: paths.to_vec(), access: Access::Public, ..Rule::default() }
}

/// Of each path whether it opens nothing.
fn shut(paths: &[String]) -> Vec<bool> {
    let spellings: Vec<Vec<Pattern>> = paths.iter().map(|path| Pattern::spellings(path)).collect();
    let all: Vec<&Pattern> = spellings.iter().flatten().collect();
    spellings.iter().map(|path| opens_nothing(path, &all, &mut 100_000)).collect()
}

fn opens(rules: &Rules, target: &str) -> bool {
    matches!(rules.judge(&Method::GET, target, None), Verdict::Says { rule: Some(_), .. })
}

#[test]
fn what_is_always_read_otherwise_too_opens_nothing() {
    for path in [
        "/a;x",
        "/a;x/**",
        "/a/*;v=*/**",
        "/**/;jsessionid=*",
        "/a%3Bx",
        "/a%3Bx/**",
        "/a%2Fb",
        "/a%2fb/**",
        "/a%2Fb-*",
        "/a%252Fb/*",
        "/a%5Cb",
        "/a%5cb/**",
        "/%2e/x",
        "/a/%2E%2e/b",
        "/a%2F..%2Fb",
        "/a%00",
        "/a%0ab/**",
        "/a%2500/**",
        "/%ff/*",
        "/*/%c0%ae/x",
    ] {
        assert_eq!(shut(&[path.to_owned()]), [true], "{path}");
    }
}

#[test]
fn what_opens_something_however_odd_is_not_said_to_open_nothing() {
    for (path, target) in [
        ("/a", "/a"),
        ("/A b/**", "/A%20b/x"),
        ("/%41/x", "/A/x"),
        ("/%D0%91/*", "/%D0%91/x"),
        ("/файл/**", "/%D1%84%D0%B0%D0%B9%D0%BB"),
        ("/100%25/**", "/100%25/x"),
        ("/a%2Ab", "/a*b"),
        ("/a%20b", "/a%20b"),
        ("/%7Euser/**", "/~user/x"),
        // Odd targets, for which such a path may have been written.
        ("/%2e/**", "/%2e/%252e/%25252e/x"),
        ("/**/*%2F*/**", "/%25252F/%252F/%2F"),
    ] {
        assert!(opens(&Rules::new(&[rule(&[path.to_owned()])], Vec::new()), target), "{path} opens {target}");
        assert_eq!(shut(&[path.to_owned()]), [false], "{path}");
    }
}

#[test]
fn the_other_reading_may_be_another_path_of_the_same_rule() {
    let said = |paths: &[&str]| shut(&paths.iter().map(|path| (*path).to_owned()).collect::<Vec<_>>());
    assert_eq!(said(&["/a;x/**", "/a/**"]), [false, false]);
    assert_eq!(said(&["/a;x/**", "/assets/**"]), [true, false]);
    assert_eq!(said(&["/a%2Fb/**", "/a/*/**"]), [false, false]);
    assert_eq!(said(&["/a%2Fb", "/a/b"]), [false, false]);
    assert_eq!(said(&["/a%2Fb", "/a/c"]), [true, false]);
    assert_eq!(said(&["/*;*", "/*"]), [false, false]);
}

/// What patterns and targets are made of.
const PIECES: [&str; 22] = [
    "/", "/", "a", "b", "a", ";", ";a", "%2f", "%2F", "%2e", "%2E%2e", "%3b", "%5c", "%25", "%252f", "%252e", "%61",
    "%20", "%ff", "%00", "%D0%91", ".",
];
const STARS: [&str; 5] = ["*", "*", "/*", "/**", "/**/"];

const CASES: u32 = 3_000;

fn text(pieces: &'static [&'static str], most: usize) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(pieces), 0..most).prop_map(|pieces| pieces.concat())
}

/// As a configuration takes it: `**` is a segment.
fn path() -> impl Strategy<Value = String> {
    let star = prop::sample::select(&STARS[..]);
    (text(&PIECES, 5), star, text(&PIECES, 4), any::<bool>()).prop_map(|(start, star, end, has_star)| {
        let path = if has_star { format!("/{start}{star}{end}") } else { format!("/{start}{end}") };
        let segments = path[1..].split('/').map(|segment| if segment.contains("**") { "**" } else { segment });
        format!("/{}", segments.collect::<Vec<_>>().join("/"))
    })
}

/// No target that a path said to open nothing matches is opened by its rule, whatever stands for its stars; and of one without stars the opposite is so,
/// too.
#[test]
fn no_target_is_opened_by_what_opens_nothing() {
    let counts = Cell::new((0, 0, 0));
    let config = ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() };
    let paths = prop::collection::vec(path(), 1..3);
    let fillers = prop::collection::vec((text(&PIECES, 4), text(&PIECES, 4)), 12);
    let outcome = TestRunner::new(config).run(&(paths, fillers), |(paths, fillers)| {
        let rules = Rules::new(&[rule(&paths)], Vec::new());
        for (path, is_shut) in paths.iter().zip(shut(&paths)) {
            let spellings = Pattern::spellings(path);
            let sent = |target: &str| spellings.iter().any(|pattern| pattern.matches(target.as_bytes(), Case::Kept));
            let has_stars = path.contains('*');
            let fill = |(one, two): &(String, String)| path.replacen("**", one, 1).replace('*', two);
            let filled = fillers.iter().map(fill).chain(["", "a", "b/a"].map(|both| fill(&(both.into(), both.into()))));
            let only = spellings.iter().filter_map(|pattern| only_target(pattern.exact()));
            let targets: Vec<String> = if has_stars { filled.collect() } else { only.collect() };
            let opened = targets.iter().find(|target| can_be_sent(target) && sent(target) && opens(&rules, target));
            let (shut, open, stars) = counts.get();
            counts.set((
                shut + u32::from(is_shut),
                open + u32::from(opened.is_some()),
                stars + u32::from(is_shut && has_stars),
            ));
            prop_assert!(!is_shut || opened.is_none(), "{path} of {paths:?} opens {opened:?}");
            prop_assert!(has_stars || is_shut == opened.is_none(), "{path} of {paths:?} opens nothing");
        }
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
    let (shut, open, stars) = counts.get();
    assert!(shut > CASES / 4 && open > CASES / 10 && stars > CASES / 10, "not grown well: {:?}", counts.get());
}
