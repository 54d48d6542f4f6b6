//! What each reading of a path meets: where they do not agree, the log and `check --explain` say so.

use std::net::IpAddr;

use http::Method;

use super::{Asked, Case, Compiled, Reading, Readings, Rules};

/// A reading, and a rule that it meets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Met {
    pub reading: String,
    /// The index of the `[[rules]]` entry; `None`: the default, or the gate's own addresses.
    pub rule: Option<usize>,
}

impl Rules {
    /// Each rule that some reading meets, once, with the first reading that does. None of them, where there are too many readings.
    pub fn met(&self, method: &Method, path: &str, client: Option<IpAddr>) -> Vec<Met> {
        let asked = Asked { method, client };
        let Ok(Readings { all, damaged, .. }) = Readings::of(path) else { return Vec::new() };
        let lower = self.lower(&all);
        let near = lower.near(&self.index, &all);
        let mut met = Vec::new();
        // Of an opening rule a damaged path is near; elsewhere these do not count.
        let sent = Reading(path.as_bytes(), Case::Kept);
        let opening = self.at(&near).find(|rule| damaged && rule.opens && rule.is_for(asked) && rule.matches(sent));
        if opening.is_some() {
            note(&mut met, sent, opening);
        }
        for reading in lower.beside(&all) {
            let closing = self.closing(asked, reading, &near);
            note(&mut met, reading, closing);
            let written = self.closing_to_the_letter(asked, reading, &near);
            if written.is_some_and(|written| self.asks_more(written, closing)) {
                note(&mut met, reading, written);
            }
        }
        met
    }
}

fn note(met: &mut Vec<Met>, Reading(reading, _): Reading<'_>, rule: Option<&Compiled>) {
    let rule = rule.and_then(|rule| rule.written);
    if met.iter().all(|known: &Met| known.rule != rule) {
        met.push(Met { reading: String::from_utf8_lossy(reading).into_owned(), rule });
    }
}
