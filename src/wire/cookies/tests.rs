use super::*;
use proptest::prelude::*;

const BASE: &str = "__Host-tokigate";

fn names_with(base: &str, drop: &[&str]) -> CookieNames {
    let drop = drop.iter().map(|pattern| NamePattern((*pattern).to_owned())).collect();
    CookieNames { base: base.to_owned(), secure: true, drop }
}

fn names() -> CookieNames {
    names_with(BASE, &[])
}

fn read_with(names: &CookieNames, lines: &[&str]) -> Cookies {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(header::COOKIE, HeaderValue::from_bytes(line.as_bytes()).expect("a header value"));
    }
    Cookies::read(&headers, names)
}

fn read(lines: &[&str]) -> Cookies {
    read_with(&names(), lines)
}

fn text(cookies: &Cookies, part: Part) -> Option<&str> {
    cookies.value(part).map(|value| std::str::from_utf8(value).expect("text"))
}

fn all_parts() -> Vec<Part> {
    let pieces = (0..MAX_PIECES).flat_map(|index| [Part::Identity(index), Part::Tokens(index)]);
    pieces.chain((0..ATTEMPT_SLOTS).map(Part::Attempt)).chain([Part::SignedOut, Part::Returned]).collect()
}

/// What the application gets of a line: `None` where the line is gone.
fn left(line: &str, names: &CookieNames) -> Option<String> {
    let line = HeaderValue::from_bytes(line.as_bytes()).expect("a header value");
    let left = without_ours(&line, names).unwrap_or(Some(line));
    left.map(|line| String::from_utf8(line.as_bytes().to_vec()).expect("text"))
}

#[test]
fn every_part_is_read_under_the_name_it_is_written_with() {
    for part in all_parts() {
        let cookies = read(&[&format!("a=b; {}=value-of-it; c=d", names().name(part))]);
        assert_eq!(text(&cookies, part), Some("value-of-it"), "{part:?}");
        assert_eq!(cookies.parts().collect::<Vec<_>>(), [part]);
    }
}

#[test]
fn every_part_stays_here_whatever_the_base_is_called() {
    for base in ["sso", "__Host-sso", BASE] {
        let names = names_with(base, &[]);
        for part in all_parts() {
            let name = names.name(part);
            assert!(names.is_ours(name.as_bytes()), "{name}");
            assert_eq!(left(&format!("{name}=1; x=1"), &names).as_deref(), Some("x=1"), "{name}");
        }
        assert!(!names.is_ours(b"sso.outer") && !names.is_ours(b"sso.backs") && !names.is_ours(b"sso.b"));
    }
}

#[test]
fn names_beyond_ours_are_not_read() {
    for other in [
        "", "-app1", ".", ".0", ".16", ".01", ".+1", ".99999", ".-1", ".0x9", ".t", ".t16", ".t00", ".a6", ".a-1",
        ".out2", ".x", "x", " x",
    ] {
        let cookies = read(&[&format!("{BASE}{other}=1")]);
        assert_eq!(cookies.is_empty(), !other.is_empty(), "{other:?}");
    }
}

#[test]
fn of_two_cookies_of_one_name_neither_counts() {
    for lines in [&["__Host-tokigate=a; x=y; __Host-tokigate=b"][..], &["__Host-tokigate=a", "__Host-tokigate=a"]] {
        let cookies = read(lines);
        assert_eq!(cookies.value(Part::Identity(0)), None);
        assert_eq!(cookies.parts().collect::<Vec<_>>(), [Part::Identity(0)]);
    }
}

#[test]
fn parts_are_found_over_several_lines() {
    let cookies = read(&["x=1", "__Host-tokigate.t0=zero;y=2", "z", "__Host-tokigate.t1=one ;__Host-tokigate=id"]);
    assert_eq!(text(&cookies, Part::Tokens(0)), Some("zero"));
    assert_eq!(text(&cookies, Part::Tokens(1)), Some("one"));
    assert_eq!(text(&cookies, Part::Identity(0)), Some("id"));
}

#[test]
fn junk_between_pairs_is_passed_over() {
    for junk in [
        ";;;",
        "a",
        "=;",
        "= ; =",
        "__Host-tokigate",
        "\"",
        "x=\"a",
        ";__Host-tokigate ;",
        "\t;\t",
        "a==b==",
        "__Host-tokigate.t0",
    ] {
        let cookies = read(&[&format!("{junk};__Host-tokigate=id;{junk}")]);
        assert_eq!(text(&cookies, Part::Identity(0)), Some("id"), "{junk}");
        assert_eq!(cookies.parts().count(), 1, "{junk}");
    }
}

#[test]
fn ten_thousand_pairs_are_no_trouble() {
    let pairs = "__Host-tokigate.t3=x;a;__Host-tokigate.a1=y;b=c;".repeat(10_000);
    let cookies = read_with(&names_with(BASE, &["b*"]), &[&pairs, &"b1=c;b2=c;b3=d;".repeat(5000)]);
    assert_eq!(cookies.parts().count(), 2);
    assert_eq!(cookies.value(Part::Tokens(3)), None);
    assert_eq!(cookies.dropped().count(), 4);
    assert_eq!(left(&pairs, &names()).expect("others").matches("b=c").count(), 10_000);
}

#[test]
fn the_application_gets_every_other_byte() {
    for (line, expected) in [
        ("a=1", Some("a=1")),
        ("a=1; __Host-tokigate=x; b=2", Some("a=1; b=2")),
        ("__Host-tokigate=x; b=2", Some("b=2")),
        ("a=1; __Host-tokigate=x", Some("a=1")),
        ("a=1;__Host-tokigate=x;b=2", Some("a=1;b=2")),
        ("__Host-tokigate=x", None),
        ("__Host-tokigate=x; __Host-tokigate.t0=y", None),
        ("__Host-tokigate=x; ", None),
        ("a=\"q; b\";;  ; __Host-tokigate=x;; c = d ", Some("a=\"q; b\";;  ;; c = d ")),
        (";__Host-tokigate=x;b", Some(";b")),
        ("a; __Host-tokigate; b", Some("a; b")),
        ("tokigate-4180=x; a=1; tokigate-4180.t0=y", Some("a=1")),
        ("__Host-tokigate-app1=x; a=1; __Host-tokigatex=1", Some("a=1")),
        ("__Host-tokigate =x; a=1;\t__Host-tokigate=y", Some("a=1")),
        (
            "tokigate=1; x__Host-tokigate=2; __Host-toki=3; a=__Host-tokigate",
            Some("tokigate=1; x__Host-tokigate=2; __Host-toki=3; a=__Host-tokigate"),
        ),
    ] {
        assert_eq!(left(line, &names()).as_deref(), expected, "{line}");
    }
}

#[test]
fn a_line_without_ours_is_left_alone() {
    assert_eq!(without_ours(&HeaderValue::from_static("a=1; b=2"), &names()), None);
    assert_eq!(without_ours(&HeaderValue::from_static(""), &names()), None);
}

#[test]
fn a_base_name_of_ones_own_takes_its_suffixes_with_it_and_no_more() {
    let names = names_with("sid", &[]);
    let line = "sid=1; sid.7=1; sid.99=1; sid.t0=1; sid.a5=1; sid.out=1; sid.user=1; sid-x=1; sidx=1; sid.=1; sid.t=1";
    assert_eq!(left(line, &names).as_deref(), Some("sid.user=1; sid-x=1; sidx=1; sid.=1; sid.t=1"));
}

#[test]
fn what_another_gate_left_behind_is_cut_and_named() {
    let names = names_with(BASE, &["_oauth2_proxy*", "old"]);
    let line = "a=1; _oauth2_proxy=x; _oauth2_proxy_0=y; old=z; older=1; _oauth2_proxy=again";
    assert_eq!(left(line, &names).as_deref(), Some("a=1; older=1"));
    assert_eq!(read_with(&names, &[line]).dropped().collect::<Vec<_>>(), ["_oauth2_proxy", "_oauth2_proxy_0", "old"]);
}

#[test]
fn names_to_drop_are_bounded() {
    let line: Vec<String> = (0..100).map(|n| format!("old{n}=x")).collect();
    assert_eq!(read_with(&names_with(BASE, &["old*"]), &[&line.join("; ")]).dropped().count(), MAX_DROPPED);
}

#[test]
fn a_pattern_for_everything_does_not_drop_our_own() {
    let cookies = read_with(&names_with(BASE, &["*"]), &["__Host-tokigate=id; a=1"]);
    assert_eq!(text(&cookies, Part::Identity(0)), Some("id"));
    assert_eq!(cookies.dropped().collect::<Vec<_>>(), ["a"]);
}

#[test]
fn patterns_match_whole_names() {
    for (pattern, name, expected) in [
        ("a", "a", true),
        ("a", "ab", false),
        ("a*", "a", true),
        ("a*", "abc", true),
        ("*a", "cba", true),
        ("*a", "ab", false),
        ("a*c", "abc", true),
        ("a*c", "ac", true),
        ("a*a", "a", false),
        ("*b*", "abc", true),
        ("*b*", "ac", false),
        ("*", "", true),
        ("a**c", "abc", true),
        ("a*b*c", "axbxc", true),
        ("a*b*c", "axcxb", false),
        ("", "", true),
        ("", "a", false),
    ] {
        assert_eq!(NamePattern(pattern.to_owned()).matches(name.as_bytes()), expected, "{pattern} {name}");
    }
}

#[test]
fn no_value_stands_in_a_debug_line() {
    assert_eq!(format!("{:?}", read(&["__Host-tokigate=secret"])), "[Identity(0)]");
}

fn line() -> impl Strategy<Value = String> {
    let names = "(__Host-)?(tokigate)?[-.]?(t?[0-9]{0,3}|out|back|a[0-9])?";
    let pair = format!("[ \t]{{0,2}}(({names})|[a-z]{{0,3}})[ ]?=?[a-z0-9=\"]{{0,4}}[ ]{{0,2}}");
    proptest::collection::vec(proptest::string::string_regex(&pair).expect("a pattern"), 0..8)
        .prop_map(|pairs| pairs.join(";"))
}

proptest! {
    #[test]
    fn nothing_of_ours_is_left_and_nothing_else_is_touched(line in line()) {
        let names = names();
        let kept: Vec<&str> = line.split(';').filter(|pair| !names.is_ours(name_of(pair.as_bytes()))).collect();
        let left = left(&line, &names).unwrap_or_default();
        prop_assert!(left.split(';').all(|pair| !names.is_ours(name_of(pair.as_bytes()))));
        let expected = kept.join(";");
        prop_assert_eq!(left.trim_ascii(), expected.trim_ascii());
    }

    #[test]
    fn what_is_read_is_what_stands_there_once(lines in proptest::collection::vec(line(), 0..3)) {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let cookies = read(&lines);
        for part in all_parts() {
            let name = names().name(part);
            let came: Vec<&str> = lines
                .iter()
                .flat_map(|line| line.split(';'))
                .filter_map(|pair| pair.split_once('='))
                .filter(|(came, _)| came.trim_ascii() == name)
                .map(|(_, value)| value.trim_ascii_end())
                .collect();
            prop_assert_eq!(cookies.parts().any(|found| found == part), !came.is_empty());
            let one = (came.len() == 1).then(|| came[0]);
            prop_assert_eq!(text(&cookies, part), one);
        }
    }
}
