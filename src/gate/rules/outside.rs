//! Opening paths that open nothing: whatever target they match has another reading outside the rule. Never said of one that opens something; of a path
//! without stars always, of one with stars as far as its beginning tells.

use percent_encoding::percent_decode;

use super::overlap::{Found, path_in};
use crate::gate::path::{MOST_DECODINGS, Readings};
use crate::gate::pattern::{Case, Pattern, Segment};

/// `path`: one of the rule's, in all its spellings. `rule`: all of the rule's patterns.
pub(super) fn opens_nothing(path: &[Pattern], rule: &[&Pattern], steps_left: &mut usize) -> bool {
    path.iter().all(|spelling| is_always_outside(spelling.exact(), rule, steps_left))
}

fn is_always_outside(spelling: &[Segment], rule: &[&Pattern], steps_left: &mut usize) -> bool {
    if let Some(target) = only_target(spelling) {
        return !can_be_sent(&target) || !stays_within(&target, rule);
    }
    spelling.iter().any(is_damaged) || some_reading_is_outside(spelling, rule, steps_left)
}

/// What a pattern without stars matches.
fn only_target(segments: &[Segment]) -> Option<String> {
    let texts = segments.iter().map(|segment| match segment {
        Segment::Text(text) => Some(format!("/{}", String::from_utf8_lossy(text))),
        Segment::Any | Segment::Wild(_) => None,
    });
    texts.collect()
}

/// The door lets no control character in.
fn can_be_sent(target: &str) -> bool {
    !target.bytes().any(|byte| byte.is_ascii_control())
}

/// As `Rules::judge` asks it.
fn stays_within(target: &str, rule: &[&Pattern]) -> bool {
    let is_within = |reading: &Vec<u8>| rule.iter().any(|pattern| pattern.matches(reading, Case::Kept));
    Readings::of(target)
        .is_ok_and(|readings| !readings.damaged && !readings.opaque && readings.all.iter().all(is_within))
}

/// Whether every target with this segment is damaged, or no text, or none that can be sent.
fn is_damaged(segment: &Segment) -> bool {
    let Segment::Text(text) = segment else { return false };
    let alone = format!("/{}", String::from_utf8_lossy(text));
    !can_be_sent(&alone) || Readings::of(&alone).is_ok_and(|readings| readings.damaged || readings.opaque)
}

/// Whether there is a way to read that leads outside whatever stands for the stars. Of each way the patterns here hold all that can come of it, and
/// perhaps more.
fn some_reading_is_outside(spelling: &[Segment], rule: &[&Pattern], steps_left: &mut usize) -> bool {
    let mut is_outside = |read: Vec<Segment>, never: Option<u8>| {
        let none = never.map(holding);
        let none: Vec<&Pattern> = none.iter().collect();
        path_in(&[&[&Pattern::of(read)], rule], &none, steps_left) == Found::Nothing
    };
    let mut read = spelling.to_vec();
    for decodings in 0..=MOST_DECODINGS {
        if is_outside(without_parameters(&read), Some(b';'))
            || is_outside(with_slashes(&read), Some(b'\\'))
            || decodings > 0 && is_outside(read.clone(), None)
        {
            return true;
        }
        read = decoded(&read);
    }
    false
}

/// Paths with this byte in some segment.
fn holding(byte: u8) -> Pattern {
    Pattern::of(vec![Segment::Any, Segment::Wild(vec![Vec::new(), vec![byte], Vec::new()]), Segment::Any])
}

fn without_parameters(segments: &[Segment]) -> Vec<Segment> {
    let cut = |text: &[u8]| text.split(|byte| *byte == b';').next().unwrap_or_default().to_vec();
    let read = |segment: &Segment| match segment {
        Segment::Any => Segment::Any,
        Segment::Text(text) => Segment::Text(cut(text)),
        // A star may hold one too.
        Segment::Wild(pieces) if !pieces[0].contains(&b';') => Segment::Wild(vec![pieces[0].clone(), Vec::new()]),
        Segment::Wild(pieces) => Segment::Text(cut(&pieces[0])),
    };
    segments.iter().map(read).collect()
}

fn with_slashes(segments: &[Segment]) -> Vec<Segment> {
    let read = |segment: &Segment| match segment {
        Segment::Any | Segment::Wild(_) => vec![Segment::Any],
        Segment::Text(text) => parted(text, b'\\').collect(),
    };
    segments.iter().flat_map(read).collect()
}

/// What comes before the first star, decoded once.
fn decoded(segments: &[Segment]) -> Vec<Segment> {
    let mut read = Vec::new();
    for segment in segments {
        match segment {
            Segment::Any => break,
            Segment::Text(text) => read.extend(parted(&percent_decode(text).collect::<Vec<u8>>(), b'/')),
            Segment::Wild(pieces) => {
                let start: Vec<u8> = percent_decode(without_half_a_percent(&pieces[0])).collect();
                let (whole, last) = match start.iter().rposition(|byte| *byte == b'/') {
                    Some(slash) => (Some(&start[..slash]), &start[slash + 1..]),
                    None => (None, &start[..]),
                };
                read.extend(whole.into_iter().flat_map(|whole| parted(whole, b'/')));
                read.push(Segment::Wild(vec![last.to_vec(), Vec::new()]));
                break;
            }
        }
    }
    read.push(Segment::Any);
    read
}

fn parted(text: &[u8], by: u8) -> impl Iterator<Item = Segment> {
    text.split(move |byte| *byte == by).map(|part| Segment::Text(part.to_vec()))
}

/// A star behind `%` or `%2` may complete it.
fn without_half_a_percent(text: &[u8]) -> &[u8] {
    let end = text.len().saturating_sub(2);
    let percent = text[end..].iter().position(|byte| *byte == b'%');
    percent.map_or(text, |at| &text[..end + at])
}

#[cfg(test)]
mod tests;
