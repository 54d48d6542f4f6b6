//! Rules: read from top to bottom; the first that matches decides; a request that none matches needs a signed-in user.
//!
//! How the sentences of interface.md "No second reading opens anything" are taken together with security.md P-11 and P-12:
//!
//! - A rule that opens (public, optional) matches the target as sent, letter for letter, and only if every reading stays within one of the
//!   rule's patterns. Case aside: readings in lower case are not asked to.
//! - A rule that closes matches when any reading does, each as it is and in lower case.
//! - When a rule that closes has matched, or none has, each reading is asked which closing rule it meets first. If they would not all be
//!   told the same thing, the target is ambiguous (400). Rules that say the same (`user` and the default) are the same here.
//! - A malformed percent or a decoded control character: nothing opens, ever. It is ambiguous (400) where a rule is near: where a rule that opens
//!   matches the target as sent, or a written rule that closes matches any guess at what was meant. Elsewhere the default is the only rule that
//!   any reading can meet, and a signed-in user's target goes on byte for byte.
//! - A reading that is not UTF-8 never opens.
//! - The gate's own addresses are closed in every reading but their own, ahead of all rules: no `/%6fauth2/callback` is public.

use http::Method;

use super::path::{Readings, is_plain};
use super::pattern::{Case, Pattern};

/// One `[[rules]]` entry as written and checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// `*` is any run inside one segment, `**` any number of segments; `/x/**` includes `/x`.
    pub paths: Vec<String>,
    /// All, where empty.
    pub methods: Vec<Method>,
    pub access: Access,
}

/// What a rule says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Access {
    Public,
    /// Identity headers where there is a session, no refusal where there is none.
    Optional,
    #[default]
    User,
    /// 403 for everybody.
    Deny,
}

/// What the rules say of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// `rule`: the index of the `[[rules]]` entry; `None` is the default.
    Says { access: Access, rule: Option<usize> },
    /// Different readings meet different closing rules, or nobody knows how the target will be read.
    Ambiguous,
}

/// The rules, compiled.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The gate's own first, then the written ones in their order.
    rules: Vec<Compiled>,
    /// Some pattern is not in lower case: then a path without capitals has two readings too.
    have_capitals: bool,
}

#[derive(Clone, Debug)]
struct Compiled {
    patterns: Vec<Pattern>,
    methods: Vec<Method>,
    access: Access,
    /// The index as written; `None` for the gate's own.
    written: Option<usize>,
}

/// One reading, as it is or in lower case.
#[derive(Clone, Copy)]
struct Reading<'a>(&'a [u8], Case);

impl Access {
    fn opens(self) -> bool {
        match self {
            Access::Public | Access::Optional => true,
            Access::User | Access::Deny => false,
        }
    }
}

impl Rules {
    /// `own`: the gate's addresses, which no rule opens.
    pub fn new(written: &[Rule], own: Vec<Pattern>) -> Rules {
        let own = Compiled { patterns: own, methods: Vec::new(), access: Access::User, written: None };
        let written = written.iter().enumerate().map(|(index, rule)| Compiled {
            patterns: rule.paths.iter().flat_map(|path| Pattern::spellings(path)).collect(),
            methods: rule.methods.clone(),
            access: rule.access,
            written: Some(index),
        });
        let rules: Vec<Compiled> = std::iter::once(own).chain(written).collect();
        let have_capitals = rules.iter().flat_map(|rule| &rule.patterns).any(Pattern::has_capitals);
        Rules { rules, have_capitals }
    }

    pub fn judge(&self, method: &Method, path: &str) -> Verdict {
        if is_plain(path) {
            let sent = path.as_bytes();
            let readings = [Reading(sent, Case::Kept), Reading(sent, Case::Folded)];
            let case_matters = self.have_capitals || sent.iter().any(u8::is_ascii_uppercase);
            let readings = if case_matters { &readings[..] } else { &readings[..1] };
            return self.judge_readings(method, sent, |_| true, readings);
        }
        if self.says_one_thing(method) {
            return DEFAULT;
        }
        let Ok(readings) = Readings::of(path) else { return Verdict::Ambiguous };
        self.judge_odd(method, path.as_bytes(), &readings)
    }

    /// Whether the answer depends on the path.
    pub fn tell_paths_apart(&self) -> bool {
        !self.decides_everything() && self.rules.iter().any(|rule| rule.access != Access::User)
    }

    /// Whether the answer depends on the method.
    pub fn tell_methods_apart(&self) -> bool {
        !self.decides_everything()
            && self.rules.iter().any(|rule| rule.access != Access::User && !rule.methods.is_empty())
    }

    /// The first written rule is for every path and method.
    fn decides_everything(&self) -> bool {
        self.rules
            .get(1)
            .is_some_and(|rule| rule.methods.is_empty() && rule.patterns.iter().any(Pattern::is_everything))
    }

    /// No rule is written for this method: every reading meets the default, and none need be grown.
    fn says_one_thing(&self, method: &Method) -> bool {
        !self.rules.iter().any(|rule| rule.written.is_some() && rule.is_for(method))
    }

    fn judge_odd(&self, method: &Method, sent: &[u8], readings: &Readings) -> Verdict {
        let lower: Vec<Vec<u8>> = readings.all.iter().map(|reading| in_lower_case(reading)).collect();
        let kept = readings.all.iter().map(|reading| Reading(reading, Case::Kept));
        let all: Vec<Reading<'_>> = kept.chain(lower.iter().map(|reading| Reading(reading, Case::Folded))).collect();
        if readings.damaged {
            let opened = self
                .rules
                .iter()
                .any(|rule| rule.access.opens() && rule.is_for(method) && rule.matches(Reading(sent, Case::Kept)));
            let closed = all.iter().any(|reading| self.closing(method, *reading).written.is_some());
            return if opened || closed { Verdict::Ambiguous } else { DEFAULT };
        }
        let stays_within = |rule: &Compiled| {
            !readings.opaque && readings.all.iter().all(|reading| rule.matches(Reading(reading, Case::Kept)))
        };
        self.judge_readings(method, sent, stays_within, &all)
    }

    fn judge_readings(
        &self,
        method: &Method,
        sent: &[u8],
        stays_within: impl Fn(&Compiled) -> bool,
        readings: &[Reading<'_>],
    ) -> Verdict {
        let first = self.rules.iter().filter(|rule| rule.is_for(method)).find(|rule| {
            if rule.access.opens() {
                rule.matches(Reading(sent, Case::Kept)) && stays_within(rule)
            } else {
                readings.iter().any(|reading| rule.matches(*reading))
            }
        });
        let Some(first) = first else { return DEFAULT };
        let verdict = Verdict::Says { access: first.access, rule: first.written };
        if first.access.opens() {
            return verdict;
        }
        let agreed =
            readings.len() == 1 || readings.iter().all(|reading| self.closing(method, *reading).access == first.access);
        if agreed { verdict } else { Verdict::Ambiguous }
    }

    /// The first closing rule that one reading meets.
    fn closing(&self, method: &Method, reading: Reading<'_>) -> Closing {
        self.rules.iter().find(|rule| !rule.access.opens() && rule.is_for(method) && rule.matches(reading)).map_or(
            Closing { access: Access::User, written: None },
            |rule| Closing { access: rule.access, written: rule.written },
        )
    }
}

struct Closing {
    access: Access,
    written: Option<usize>,
}

impl Compiled {
    fn is_for(&self, method: &Method) -> bool {
        self.methods.is_empty() || self.methods.contains(method)
    }

    fn matches(&self, Reading(path, case): Reading<'_>) -> bool {
        self.patterns.iter().any(|pattern| pattern.matches(path, case))
    }
}

/// By Unicode, where it is text: an application that folds `K` (U+212A) to `k` is known.
fn in_lower_case(reading: &[u8]) -> Vec<u8> {
    match std::str::from_utf8(reading) {
        Ok(text) => text.to_lowercase().into_bytes(),
        Err(_) => reading.to_ascii_lowercase(),
    }
}

const DEFAULT: Verdict = Verdict::Says { access: Access::User, rule: None };

#[cfg(test)]
mod tests;
