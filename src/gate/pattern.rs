//! Patterns of paths: `*` is any run inside one segment, `**` any number of segments; `/x/**` includes `/x`.

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

/// One pattern, as written and in lower case. Anchored at both ends.
#[derive(Clone, Debug)]
pub struct Pattern {
    exact: Vec<Segment>,
    lower: Vec<Segment>,
}

#[derive(Clone, Debug, PartialEq)]
pub(in crate::gate) enum Segment {
    /// `**`
    Any,
    /// No `*` in it.
    Text(Vec<u8>),
    /// The texts between the `*`s: at least two, the first and the last may be empty.
    Wild(Vec<Vec<u8>>),
}

/// How letters are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// As they are, with the pattern as written.
    Kept,
    /// Capitals of ASCII as small letters, with the pattern in lower case.
    Folded,
}

impl Pattern {
    /// The pattern as written; and, as targets are sent encoded but readings are decoded, its other spelling where it has one. What is decoded is no
    /// wildcard and parts no segments: `%2A` is how a star itself is written, and a slash that is inside a segment is in none that is read.
    pub fn spellings(text: &str) -> Vec<Pattern> {
        let mut patterns = vec![Pattern::new(text, str::to_owned)];
        let slashes = |text: &str| text.bytes().filter(|byte| *byte == b'/').count();
        let reads = |decoded: &str| decoded != text && slashes(decoded) == slashes(text);
        if percent_decode_str(text).decode_utf8().is_ok_and(|decoded| reads(&decoded)) {
            patterns.push(Pattern::new(text, |piece| percent_decode_str(piece).decode_utf8_lossy().into_owned()));
        }
        let encoded = utf8_percent_encode(text, ENCODED).to_string();
        if encoded != text {
            patterns.push(Pattern::new(&encoded, str::to_owned));
        }
        patterns
    }

    /// This path and everything below it; nothing in it is a wildcard.
    pub fn below(path: &str) -> Pattern {
        let segments = |text: &str| {
            let texts = text.split('/').skip(1).map(|segment| Segment::Text(segment.as_bytes().to_vec()));
            texts.chain([Segment::Any]).collect()
        };
        Pattern { exact: segments(path), lower: segments(&path.to_lowercase()) }
    }

    /// This path alone.
    pub fn exactly(path: &str) -> Pattern {
        let mut pattern = Pattern::below(path);
        pattern.exact.pop();
        pattern.lower.pop();
        pattern
    }

    /// Of these segments, for comparing letter for letter alone.
    pub(in crate::gate) fn of(segments: Vec<Segment>) -> Pattern {
        Pattern { lower: segments.clone(), exact: segments }
    }

    /// `spell` is told what stands between slashes and stars.
    fn new(text: &str, spell: impl Fn(&str) -> String) -> Pattern {
        let segments = |spell: &dyn Fn(&str) -> String| {
            text.strip_prefix('/').unwrap_or(text).split('/').map(|segment| Segment::new(segment, spell)).collect()
        };
        Pattern { exact: segments(&spell), lower: segments(&|piece| spell(piece).to_lowercase()) }
    }

    pub fn matches(&self, path: &[u8], case: Case) -> bool {
        let segments = match case {
            Case::Kept => &self.exact,
            Case::Folded => &self.lower,
        };
        match path.strip_prefix(b"/") {
            Some(rest) => match_segments(segments, rest, case),
            // The `*` of OPTIONS is no path.
            None => self.is_everything(),
        }
    }

    pub fn has_capitals(&self) -> bool {
        self.exact != self.lower
    }

    /// As written.
    pub(in crate::gate) fn exact(&self) -> &[Segment] {
        &self.exact
    }

    pub(in crate::gate) fn lower(&self) -> &[Segment] {
        &self.lower
    }

    /// `/**`: whatever the path is.
    pub fn is_everything(&self) -> bool {
        matches!(self.exact.as_slice(), [Segment::Any])
    }
}

impl Segment {
    fn new(text: &str, spell: &dyn Fn(&str) -> String) -> Segment {
        match text {
            "**" => Segment::Any,
            _ if text.contains('*') => Segment::Wild(text.split('*').map(|piece| spell(piece).into_bytes()).collect()),
            _ => Segment::Text(spell(text).into_bytes()),
        }
    }

    fn matches(&self, segment: &[u8], case: Case) -> bool {
        match self {
            Segment::Any => true,
            Segment::Text(text) => text.len() == segment.len() && starts_with(segment, text, case),
            Segment::Wild(pieces) => match_pieces(pieces, segment, case),
        }
    }
}

/// Greedy with one step back: the last `**` takes one segment more whenever what follows it does not fit.
fn match_segments(pattern: &[Segment], path: &[u8], case: Case) -> bool {
    // `None`: the path is used up. An empty path still has one segment, the empty one.
    let mut rest = Some(path);
    let mut at = 0;
    let mut back: Option<(usize, &[u8])> = None;
    loop {
        match (pattern.get(at), rest) {
            (Some(Segment::Any), _) => {
                at += 1;
                if at == pattern.len() {
                    return true;
                }
                back = rest.map(|rest| (at, rest));
                continue;
            }
            (Some(segment), Some(text)) => {
                let (first, after) = split_first(text);
                if segment.matches(first, case) {
                    at += 1;
                    rest = after;
                    continue;
                }
            }
            (None, None) => return true,
            (Some(_), None) | (None, Some(_)) => {}
        }
        let Some((after_any, text)) = back else { return false };
        let (_, Some(shorter)) = split_first(text) else { return false };
        back = Some((after_any, shorter));
        at = after_any;
        rest = Some(shorter);
    }
}

fn split_first(path: &[u8]) -> (&[u8], Option<&[u8]>) {
    match path.iter().position(|byte| *byte == b'/') {
        Some(at) => (&path[..at], Some(&path[at + 1..])),
        None => (path, None),
    }
}

/// The first piece stands at the beginning, the last at the end, each of the others as early as it fits.
pub(in crate::gate) fn match_pieces(pieces: &[Vec<u8>], segment: &[u8], case: Case) -> bool {
    let [first, middle @ .., last] = pieces else { return false };
    if segment.len() < first.len() + last.len() || !starts_with(segment, first, case) {
        return false;
    }
    let end = segment.len() - last.len();
    if !starts_with(&segment[end..], last, case) {
        return false;
    }
    let mut rest = &segment[first.len()..end];
    for piece in middle {
        let Some(at) = (0..=rest.len()).find(|at| starts_with(&rest[*at..], piece, case)) else { return false };
        rest = &rest[at + piece.len()..];
    }
    true
}

fn starts_with(text: &[u8], start: &[u8], case: Case) -> bool {
    text.len() >= start.len()
        && match case {
            Case::Kept => text.starts_with(start),
            Case::Folded => text.iter().zip(start).all(|(byte, wanted)| byte.to_ascii_lowercase() == *wanted),
        }
}

/// What browsers encode in a path (WHATWG URL, path percent-encode set), but not the `%` of what is encoded already.
const ENCODED: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'?').add(b'`').add(b'{').add(b'}').add(b'^');

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, path: &str) -> bool {
        Pattern::spellings(pattern).iter().any(|pattern| pattern.matches(path.as_bytes(), Case::Kept))
    }

    #[test]
    fn stars_stay_inside_a_segment_and_double_stars_do_not() {
        for (pattern, path, expected) in [
            ("/", "/", true),
            ("/", "/a", false),
            ("/a", "/a", true),
            ("/a", "/a/", false),
            ("/a", "/ab", false),
            ("/x/**", "/x", true),
            ("/x/**", "/x/", true),
            ("/x/**", "/x/y/z", true),
            ("/x/**", "/xy", false),
            ("/x/**", "/y/x", false),
            ("/**", "/", true),
            ("/**", "/a/b", true),
            ("/*", "/a", true),
            ("/*", "/a/b", false),
            ("/*.css", "/a.css", true),
            ("/*.css", "/.css", true),
            ("/*.css", "/a/b.css", false),
            ("/**/*.css", "/a/b/c.css", true),
            ("/**/*.css", "/c.css", true),
            ("/**/x/**/y", "/a/x/b/x/c/y", true),
            ("/**/x/y", "/x/x/y", true),
            ("/**/x/y", "/x/y/z", false),
            ("/a/**/b", "/a/b", true),
            ("/a/**/b", "/a/c", false),
            ("/a*b*c", "/aXbYc", true),
            ("/a*b*c", "/abc", true),
            ("/a*bc", "/abcbc", true),
            ("/a*b*c", "/acb", false),
            ("/a*a", "/a", false),
            ("/a**b", "/a-b", true),
            ("/files/мөнх/**", "/files/%D0%BC%D3%A9%D0%BD%D1%85/x", true),
            ("/my%20files/*", "/my files/x", true),
        ] {
            assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn folded_matching_takes_the_pattern_in_lower_case_too() {
        let [pattern] = &Pattern::spellings("/Admin/*.PNG")[..] else { panic!("one spelling") };
        assert!(pattern.matches(b"/aDMIN/x.png", Case::Folded));
        assert!(!pattern.matches(b"/aDMIN/x.png", Case::Kept));
        assert!(Pattern::below("/O*th2").matches(b"/o*TH2/x", Case::Folded));
        assert!(!Pattern::below("/O*th2").matches(b"/oath2/x", Case::Folded));
    }
}
