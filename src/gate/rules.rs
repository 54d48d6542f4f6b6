//! Rules: read from top to bottom; the first that matches decides; a request that none matches needs a signed-in user.
//!
//! How the sentences of interface.md "No second reading opens anything" are taken together with security.md P-11 and P-12:
//!
//! - A rule that opens (public, optional) matches the target as sent, letter for letter, and only if every reading stays within one of the
//!   rule's patterns. Case aside: readings in lower case are not asked to.
//! - A rule that closes matches when any reading does, each as it is and in lower case, and with or without a slash at its end: to many routers and
//!   file servers these are the same.
//! - When a rule that closes has matched, or none has, each reading is asked which closing rule it meets first. If they would not all be
//!   told the same thing, the target is ambiguous (400). Rules of the same effect (`user` and the default) are the same here; every condition is part
//!   of a rule's effect. Where a rule counts by the slash at the end alone, and another is written for the reading to the letter and says something else,
//!   that is ambiguous too.
//! - A malformed percent or a decoded control character: nothing opens, ever. It is ambiguous (400) where a rule is near: where a rule that opens
//!   matches the target as sent, or a written rule that closes matches any guess at what was meant. Elsewhere the default is the only rule that
//!   any reading can meet, and a signed-in user's target goes on byte for byte.
//! - A reading that is not UTF-8 never opens.
//! - `from` is a condition of a rule that closes: from elsewhere it refuses. Of a rule that opens it is a part of what it matches: from elsewhere it is
//!   as if the rule were not there. Either way whoever is not known to be inside gets less.
//! - The gate's own addresses are closed in every reading but their own, ahead of all rules: no `/%6fauth2/callback` is public.

mod conditions;
mod index;
pub mod lints;
mod lower;
mod met;
mod outside;
mod overlap;

pub(in crate::gate) use conditions::verified_address;
pub use conditions::{Requirement, Unmet, Wanted};
pub use met::Met;

use std::net::IpAddr;
use std::time::Duration;

use http::Method;
use ipnet::IpNet;

use self::index::Index;
use super::Lacks;
use super::path::{Readings, is_plain};
use super::pattern::{Case, Pattern};
use crate::clock::Timestamp;
use crate::oidc::StepUp;
use crate::oidc::step_up::Unmet as TooWeak;
use crate::session::Session;

/// One `[[rules]]` entry as written and checked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rule {
    /// `*` is any run inside one segment, `**` any number of segments; `/x/**` includes `/x`.
    pub paths: Vec<String>,
    /// All, where empty.
    pub methods: Vec<Method>,
    pub access: Access,
    /// The networks it is for; all, where empty. A rule that opens does not match from elsewhere; one that closes matches, and refuses.
    pub from: Vec<IpNet>,
    /// What the user's claims must say: all of it.
    pub require: Vec<Requirement>,
    /// What the user's sign-in must be.
    pub step_up: StepUp,
    /// Access tokens of `[[bearer]]` are taken here, in place of a session.
    pub bearer: bool,
    /// Which application gets what it lets through; 0 is everybody's, the top-level `upstream`.
    pub upstream: usize,
}

/// Who gets through.
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

/// All that a rule says to a request that it matches. Rules of the same effect say the same; by default what no rule says: a signed-in user.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effect {
    pub access: Access,
    /// Of a closing rule.
    from: Vec<IpNet>,
    pub require: Vec<Requirement>,
    pub step_up: StepUp,
    pub bearer: bool,
    pub upstream: usize,
}

/// What the rules say of one request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict<'r> {
    /// `rule`: the index of the `[[rules]]` entry; `None` is the default.
    Says { effect: &'r Effect, rule: Option<usize> },
    /// Different readings meet different closing rules, or nobody knows how the target will be read.
    Ambiguous,
}

/// The rules, compiled.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The gate's own first, then the written ones in their order.
    rules: Vec<Compiled>,
    /// Each once; the default first.
    effects: Vec<Effect>,
    index: Index,
    /// Some pattern is not in lower case: then a path without capitals has two readings too.
    have_capitals: bool,
    /// The methods that some written rule is for; `None`: all.
    methods: Option<Vec<Method>>,
}

#[derive(Clone, Debug)]
struct Compiled {
    patterns: Vec<Pattern>,
    /// So many of them are as written; the others differ in the slash at the end.
    to_the_letter: usize,
    methods: Vec<Method>,
    /// Of an opening rule: it matches from nowhere else.
    from: Vec<IpNet>,
    opens: bool,
    /// Which of the effects it has.
    effect: usize,
    /// The index as written; `None` for the gate's own.
    written: Option<usize>,
}

/// Who asks for what, as far as rules tell requests apart beyond the path.
#[derive(Clone, Copy)]
struct Asked<'a> {
    method: &'a Method,
    client: Option<IpAddr>,
}

/// One reading, as it is or in lower case.
#[derive(Clone, Copy)]
struct Reading<'a>(&'a [u8], Case);

impl Access {
    pub fn opens(self) -> bool {
        match self {
            Access::Public | Access::Optional => true,
            Access::User | Access::Deny => false,
        }
    }
}

impl Effect {
    /// Whether somebody at this address gets any further. `None`: nobody knows where.
    pub fn takes(&self, client: Option<IpAddr>) -> bool {
        is_in(&self.from, client)
    }

    pub fn asks_from_where(&self) -> bool {
        !self.from.is_empty()
    }

    /// What the user's claims do not say. `None`: they say it all.
    pub fn unmet_by(&self, session: &Session, user_claim: &str) -> Option<Lacks> {
        let unmet = |requirement: &Requirement| {
            requirement.check(session, user_claim).err().map(|why| (requirement.claim.clone(), why))
        };
        let unmet: Vec<_> = self.require.iter().filter_map(unmet).collect();
        (!unmet.is_empty()).then_some(Lacks::Claims(unmet))
    }

    /// Whether the user signed in as lately, and in such a way, as the rule wants.
    pub fn check_sign_in(&self, session: &Session, now: Timestamp) -> Result<(), TooWeak> {
        check_sign_in(&self.step_up, session, now)
    }
}

impl Rules {
    /// `own`: the gate's addresses, which no rule opens.
    pub fn new(written: &[Rule], own: Vec<Pattern>) -> Rules {
        let mut effects = vec![Effect::default()];
        let own = Compiled {
            to_the_letter: own.len(),
            patterns: own,
            methods: Vec::new(),
            from: Vec::new(),
            opens: false,
            effect: DEFAULT,
            written: None,
        };
        let mut rules = vec![own];
        for (index, rule) in written.iter().enumerate() {
            rules.push(Compiled::new(index, rule, &mut effects));
        }
        let have_capitals = rules.iter().flat_map(|rule| &rule.patterns).any(Pattern::has_capitals);
        let index = Index::new(rules.iter().map(|rule| &rule.patterns[..]));
        let all_methods = written.iter().any(|rule| rule.methods.is_empty());
        let methods = written.iter().flat_map(|rule| &rule.methods).cloned();
        Rules { rules, effects, index, have_capitals, methods: (!all_methods).then(|| methods.collect()) }
    }

    pub fn judge(&self, method: &Method, path: &str, client: Option<IpAddr>) -> Verdict<'_> {
        let asked = Asked { method, client };
        if is_plain(path) {
            let sent = path.as_bytes();
            let readings = [Reading(sent, Case::Kept), Reading(sent, Case::Folded)];
            let case_matters = self.have_capitals || sent.iter().any(u8::is_ascii_uppercase);
            let readings = if case_matters { &readings[..] } else { &readings[..1] };
            return self.judge_readings(asked, sent, |_| true, readings, &self.index.near(sent));
        }
        if self.says_one_thing(method) {
            return self.says(None);
        }
        let Ok(readings) = Readings::of(path) else { return Verdict::Ambiguous };
        self.judge_odd(asked, path.as_bytes(), &readings)
    }

    /// Whether the answer depends on the path.
    pub fn tell_paths_apart(&self) -> bool {
        !self.decides_everything() && self.rules.iter().any(|rule| rule.effect != DEFAULT)
    }

    /// Whether the answer depends on the method.
    pub fn tell_methods_apart(&self) -> bool {
        !self.decides_everything() && self.rules.iter().any(|rule| rule.effect != DEFAULT && !rule.methods.is_empty())
    }

    /// The first written rule is for every path and method, from wherever.
    fn decides_everything(&self) -> bool {
        self.rules.get(1).is_some_and(|rule| {
            rule.methods.is_empty() && rule.from.is_empty() && rule.patterns.iter().any(Pattern::is_everything)
        })
    }

    /// No rule is written for this method: every reading meets the default, and none need be grown.
    fn says_one_thing(&self, method: &Method) -> bool {
        self.methods.as_ref().is_some_and(|methods| !methods.contains(method))
    }

    fn judge_odd(&self, asked: Asked<'_>, sent: &[u8], readings: &Readings) -> Verdict<'_> {
        let lower = self.lower(&readings.all);
        let all: Vec<_> = lower.beside(&readings.all).collect();
        let near = lower.near(&self.index, &readings.all);
        if readings.damaged {
            let opened =
                self.at(&near).any(|rule| rule.opens && rule.is_for(asked) && rule.matches(Reading(sent, Case::Kept)));
            let closed = all
                .iter()
                .any(|reading| self.closing(asked, *reading, &near).is_some_and(|rule| rule.written.is_some()));
            return if opened || closed { Verdict::Ambiguous } else { self.says(None) };
        }
        let stays_within = |rule: &Compiled| {
            !readings.opaque && readings.all.iter().all(|reading| rule.matches(Reading(reading, Case::Kept)))
        };
        self.judge_readings(asked, sent, stays_within, &all, &near)
    }

    fn judge_readings(
        &self,
        asked: Asked<'_>,
        sent: &[u8],
        stays_within: impl Fn(&Compiled) -> bool,
        readings: &[Reading<'_>],
        near: &[u32],
    ) -> Verdict<'_> {
        let first = self.at(near).filter(|rule| rule.is_for(asked)).find(|rule| {
            if rule.opens {
                rule.matches(Reading(sent, Case::Kept)) && stays_within(rule)
            } else {
                readings.iter().any(|reading| rule.matches(*reading))
            }
        });
        let Some(first) = first else { return self.says(None) };
        let agrees = |reading: &Reading<'_>| {
            let closing = self.closing(asked, *reading, near);
            let written = self.closing_to_the_letter(asked, *reading, near);
            effect_of(closing) == first.effect && written.is_none_or(|written| !self.asks_more(written, closing))
        };
        let agreed = first.opens || readings.iter().all(agrees);
        if agreed { self.says(Some(first)) } else { Verdict::Ambiguous }
    }

    /// The first closing rule that one reading meets.
    fn closing(&self, asked: Asked<'_>, reading: Reading<'_>, near: &[u32]) -> Option<&Compiled> {
        self.at(near).find(|rule| !rule.opens && rule.is_for(asked) && rule.matches(reading))
    }

    /// The rules at these places.
    fn at<'r>(&'r self, places: &[u32]) -> impl Iterator<Item = &'r Compiled> {
        places.iter().map(|place| &self.rules[*place as usize])
    }

    /// The same without giving or taking a slash.
    fn closing_to_the_letter(&self, asked: Asked<'_>, reading: Reading<'_>, near: &[u32]) -> Option<&Compiled> {
        self.at(near).find(|rule| !rule.opens && rule.is_for(asked) && rule.matches_to_the_letter(reading))
    }

    /// Whether the rule that is met to the letter asks for what the other does not. The default's never does, but beside one that takes tokens in place of a
    /// session.
    fn asks_more(&self, written: &Compiled, closing: Option<&Compiled>) -> bool {
        let effect = effect_of(closing);
        written.effect != effect && (written.effect != DEFAULT || self.effects[effect].bearer)
    }

    fn says(&self, rule: Option<&Compiled>) -> Verdict<'_> {
        Verdict::Says { effect: &self.effects[effect_of(rule)], rule: rule.and_then(|rule| rule.written) }
    }
}

impl Compiled {
    fn new(index: usize, rule: &Rule, effects: &mut Vec<Effect>) -> Compiled {
        let opens = rule.access.opens();
        let mut require = rule.require.clone();
        require.sort_by(|one, other| one.claim.cmp(&other.claim));
        let effect = Effect {
            access: rule.access,
            from: if opens { Vec::new() } else { rule.from.clone() },
            require,
            step_up: rule.step_up.clone(),
            bearer: rule.bearer,
            upstream: rule.upstream,
        };
        let known = effects.iter().position(|known| *known == effect).unwrap_or_else(|| {
            effects.push(effect);
            effects.len() - 1
        });
        let (patterns, to_the_letter) = patterns(&rule.paths, opens);
        Compiled {
            patterns,
            to_the_letter,
            methods: rule.methods.clone(),
            from: if opens { rule.from.clone() } else { Vec::new() },
            opens,
            effect: known,
            written: Some(index),
        }
    }

    fn is_for(&self, asked: Asked<'_>) -> bool {
        (self.methods.is_empty() || self.methods.contains(asked.method)) && is_in(&self.from, asked.client)
    }

    fn matches(&self, Reading(path, case): Reading<'_>) -> bool {
        self.patterns.iter().any(|pattern| pattern.matches(path, case))
    }

    fn matches_to_the_letter(&self, Reading(path, case): Reading<'_>) -> bool {
        self.patterns[..self.to_the_letter].iter().any(|pattern| pattern.matches(path, case))
    }
}

/// Of each path as written, and how many these are; and of one that closes, with a slash at its end and without.
fn patterns(paths: &[String], opens: bool) -> (Vec<Pattern>, usize) {
    let mut patterns: Vec<Pattern> = paths.iter().flat_map(|path| Pattern::spellings(path)).collect();
    let to_the_letter = patterns.len();
    for path in paths.iter().filter(|path| !opens && *path != "/" && !path.ends_with("/**")) {
        let with = format!("{path}/");
        // A star may be nothing: `/x/*` holds `/x/`.
        let without = path.strip_suffix("/*").or(path.strip_suffix('/')).filter(|path| !path.is_empty());
        patterns.extend([with.as_str()].into_iter().chain(without).flat_map(Pattern::spellings));
    }
    (patterns, to_the_letter)
}

/// Whether the user signed in as lately, and in such a way, as is asked for. A sign-in that is yet to come is none: some clock was wrong.
pub fn check_sign_in(asked: &StepUp, session: &Session, now: Timestamp) -> Result<(), TooWeak> {
    let auth_time = session.auth_time.filter(|then| then.since(now) <= MAX_SKEW);
    asked.check(auth_time, session.at_provider.acr(), now)
}

fn effect_of(rule: Option<&Compiled>) -> usize {
    rule.map_or(DEFAULT, |rule| rule.effect)
}

/// Whoever is nowhere is in no network.
fn is_in(networks: &[IpNet], client: Option<IpAddr>) -> bool {
    networks.is_empty()
        || client.is_some_and(|client| networks.iter().any(|network| network.contains(&client.to_canonical())))
}

/// The effect of what no rule says.
const DEFAULT: usize = 0;
/// How far the clock of another process of this gate may be ahead.
const MAX_SKEW: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests;
