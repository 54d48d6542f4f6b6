//! interface.md "Rules" once more, in another way: every reading by brute force, patterns by recursion, no short cuts.

use super::{Access, Rule, Verdict};

/// A target and all its readings, itself among them.
pub(super) struct Target {
    sent: Vec<u8>,
    pub(super) readings: Vec<Vec<u8>>,
    folded: Vec<Vec<u8>>,
    /// A malformed percent as sent, or a control character that some decoding makes.
    pub(super) is_damaged: bool,
}

/// One rule, and its patterns in lower case.
pub(super) struct Written {
    rule: Rule,
    folded: Vec<String>,
}

impl Target {
    pub(super) fn new(sent: &str) -> Target {
        let mut seen = Vec::new();
        read(sent.as_bytes().to_vec(), 2, &mut seen);
        let readings: Vec<Vec<u8>> = seen.into_iter().map(|(reading, _)| reading).collect();
        let well_formed = |text: &str| text.len() >= 2 && text.bytes().take(2).all(|digit| digit.is_ascii_hexdigit());
        Target {
            sent: sent.as_bytes().to_vec(),
            folded: readings.iter().map(|reading| lower(reading)).collect(),
            is_damaged: !sent.split('%').skip(1).all(well_formed)
                || readings.iter().flatten().any(u8::is_ascii_control),
            readings,
        }
    }
}

impl Written {
    pub(super) fn new(rule: Rule) -> Written {
        Written { folded: rule.paths.iter().map(|pattern| pattern.to_lowercase()).collect(), rule }
    }

    /// All it says to what it matches.
    fn says(&self) -> Rule {
        Rule { paths: Vec::new(), methods: Vec::new(), ..self.rule.clone() }
    }

    fn opens(&self) -> bool {
        matches!(self.rule.access, Access::Public | Access::Optional)
    }

    pub(super) fn holds(&self, reading: &[u8]) -> bool {
        self.rule.paths.iter().any(|pattern| glob(pattern, reading))
    }

    /// To the letter, but for a slash at the end.
    fn closes(&self, reading: &[u8]) -> bool {
        give_or_take_a_slash(reading).iter().any(|reading| self.holds(reading))
    }

    fn closes_folded(&self, folded: &[u8]) -> bool {
        let holds = |reading: &Vec<u8>| self.folded.iter().any(|pattern| glob(pattern, reading));
        give_or_take_a_slash(folded).iter().any(holds)
    }

    fn matches(&self, target: &Target) -> bool {
        if self.opens() {
            self.holds(&target.sent)
                && target.readings.iter().all(|reading| std::str::from_utf8(reading).is_ok() && self.holds(reading))
        } else {
            target.readings.iter().any(|reading| self.closes(reading))
                || target.folded.iter().any(|reading| self.closes_folded(reading))
        }
    }
}

/// What the rules say of an undamaged target. The first stands for the gate's own addresses.
pub(super) fn judge(rules: &[Written], target: &Target) -> Verdict {
    let Some(index) = rules.iter().position(|rule| rule.matches(target)) else {
        return Verdict::Says { access: Access::User, rule: None };
    };
    let first = &rules[index];
    let verdict = Verdict::Says { access: first.rule.access, rule: index.checked_sub(1) };
    let says = |met: Option<usize>| met.map_or(Rule::default(), |index| rules[index].says());
    let agree = closing(rules, target).all(|met| says(met) == first.says())
        && to_the_letter(rules, target).all(|met| match met {
            None => true,
            Some(_) => says(met) == first.says() || says(met) == Rule::default() && !first.rule.bearer,
        });
    if first.opens() || agree { verdict } else { Verdict::Ambiguous }
}

/// Whether a damaged target is near a written rule: one that opens matches it as sent, or one that closes is the first that some reading meets.
pub(super) fn is_near(rules: &[Written], target: &Target) -> bool {
    rules.iter().any(|rule| rule.opens() && rule.holds(&target.sent))
        || closing(rules, target).any(|met| met.is_some_and(|index| index > 0))
}

/// By their places as written, for each reading.
pub(super) fn met(rules: &[Written], target: &Target) -> Vec<Option<usize>> {
    closing(rules, target).map(|met| met.and_then(|index| index.checked_sub(1))).collect()
}

/// For each reading, as it is and folded, the first closing rule that it meets.
fn closing<'t>(rules: &'t [Written], target: &'t Target) -> impl Iterator<Item = Option<usize>> + 't {
    let as_read = |reading: &'t Vec<u8>| rules.iter().position(|rule| !rule.opens() && rule.closes(reading));
    let as_folded = |reading: &'t Vec<u8>| rules.iter().position(|rule| !rule.opens() && rule.closes_folded(reading));
    target.readings.iter().map(as_read).chain(target.folded.iter().map(as_folded))
}

/// The same without giving or taking a slash.
fn to_the_letter<'t>(rules: &'t [Written], target: &'t Target) -> impl Iterator<Item = Option<usize>> + 't {
    let as_read = |reading: &'t Vec<u8>| rules.iter().position(|rule| !rule.opens() && rule.holds(reading));
    let as_folded = |reading: &'t Vec<u8>| {
        let holds = |rule: &Written| rule.folded.iter().any(|pattern| glob(pattern, reading));
        rules.iter().position(|rule| !rule.opens() && holds(rule))
    };
    target.readings.iter().map(as_read).chain(target.folded.iter().map(as_folded))
}

/// Depth first. What has none of the bytes that a transformation looks for is its own image.
fn read(path: Vec<u8>, decodings_left: u8, seen: &mut Vec<(Vec<u8>, u8)>) {
    if seen.iter().any(|(known, left)| *left >= decodings_left && *known == path) {
        return;
    }
    seen.push((path.clone(), decodings_left));
    if path.contains(&b'\\') {
        read(with_slashes(&path), decodings_left, seen);
    }
    if path.contains(&b';') {
        read(without_parameters(&path), decodings_left, seen);
    }
    if path.contains(&b'.') {
        read(without_dots(&path), decodings_left, seen);
    }
    if let Some(relative) = path.strip_prefix(b"//") {
        let mut rest = relative.to_vec();
        while rest.first() == Some(&b'/') {
            rest.remove(0);
        }
        while rest.first().is_some_and(|byte| *byte != b'/') {
            rest.remove(0);
        }
        read(if rest.is_empty() { b"/".to_vec() } else { rest }, decodings_left, seen);
    }
    read(with_single_slashes(&path), decodings_left, seen);
    if decodings_left > 0 && path.contains(&b'%') {
        read(percent_encoding::percent_decode(&path).collect(), decodings_left - 1, seen);
        read(with_encoded_slashes(&path), decodings_left - 1, seen);
    }
}

fn give_or_take_a_slash(reading: &[u8]) -> Vec<Vec<u8>> {
    let mut all = vec![reading.to_vec(), [reading, b"/"].concat()];
    if reading.len() > 1 && reading.ends_with(b"/") {
        all.push(reading[..reading.len() - 1].to_vec());
    }
    all
}

/// Decoded segment by segment, as a reader does who splits a path before it looks at the parts.
fn with_encoded_slashes(path: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    let mut rest = path;
    loop {
        let slash = rest.windows(3).position(|three| three.eq_ignore_ascii_case(b"%2f"));
        let (segment, from) = rest.split_at(slash.unwrap_or(rest.len()));
        text.extend(percent_encoding::percent_decode(segment));
        if from.is_empty() {
            return text;
        }
        text.extend_from_slice(&from[..3]);
        rest = &from[3..];
    }
}

fn with_slashes(path: &[u8]) -> Vec<u8> {
    path.iter().map(|byte| if *byte == b'\\' { b'/' } else { *byte }).collect()
}

fn without_parameters(path: &[u8]) -> Vec<u8> {
    let mut cutting = false;
    let keep = |byte: &&u8| {
        cutting = **byte != b'/' && (cutting || **byte == b';');
        !cutting
    };
    path.iter().filter(keep).copied().collect()
}

fn with_single_slashes(path: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    for byte in path {
        if *byte != b'/' || text.last() != Some(&b'/') {
            text.push(*byte);
        }
    }
    text
}

/// RFC 3986 §5.2.4, to the letter.
fn without_dots(path: &[u8]) -> Vec<u8> {
    let (mut input, mut output) = (path.to_vec(), Vec::new());
    while !input.is_empty() {
        if input.starts_with(b"../") {
            input.drain(..3);
        } else if input.starts_with(b"./") || input.starts_with(b"/./") {
            input.drain(..2);
        } else if input == b"/." {
            input.truncate(1);
        } else if input.starts_with(b"/../") || input == b"/.." {
            input.splice(..3.min(input.len()), []);
            if !input.starts_with(b"/") {
                input.insert(0, b'/');
            }
            output.truncate(output.iter().rposition(|byte| *byte == b'/').unwrap_or(0));
        } else if input == b"." || input == b".." {
            input.clear();
        } else {
            let end = input.iter().skip(1).position(|byte| *byte == b'/').map_or(input.len(), |at| at + 1);
            output.extend(input.drain(..end));
        }
    }
    output
}

/// `*` and `**`, naively.
pub(super) fn glob(pattern: &str, path: &[u8]) -> bool {
    let segments: Vec<&[u8]> = path.split(|byte| *byte == b'/').skip(1).collect();
    let patterns: Vec<&[u8]> = pattern.as_bytes().split(|byte| *byte == b'/').skip(1).collect();
    all(&patterns, &segments)
}

fn all(patterns: &[&[u8]], segments: &[&[u8]]) -> bool {
    match patterns {
        [] => segments.is_empty(),
        [b"**", rest @ ..] => (0..=segments.len()).any(|taken| all(rest, &segments[taken..])),
        [first, rest @ ..] => {
            segments.split_first().is_some_and(|(segment, others)| one(first, segment) && all(rest, others))
        }
    }
}

fn one(pattern: &[u8], segment: &[u8]) -> bool {
    match pattern {
        [] => segment.is_empty(),
        [b'*', rest @ ..] => (0..=segment.len()).any(|taken| one(rest, &segment[taken..])),
        [byte, rest @ ..] => segment.split_first().is_some_and(|(other, others)| other == byte && one(rest, others)),
    }
}

fn lower(reading: &[u8]) -> Vec<u8> {
    match std::str::from_utf8(reading) {
        Ok(text) => text.to_lowercase().into_bytes(),
        Err(_) => reading.to_ascii_lowercase(),
    }
}
