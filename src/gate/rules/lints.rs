//! Lints: rules that can never match, and rules that open more than it seems. For `check`, and for every start.

use http::Method;
use ipnet::IpNet;

use super::outside::opens_nothing;
use super::overlap::{Found, are_apart, path_in};
use super::{Pattern, Rule};

/// What is to be said of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lint {
    /// Rules above (their places), or the gate's own addresses where there are none, take all that it matches.
    Dead { by: Vec<usize> },
    /// The same of one of its paths.
    DeadPath { path: String, by: Vec<usize> },
    /// Whatever an opening rule matches has another reading outside of it.
    OpensNothing,
    /// The same of one of its paths.
    PathOpensNothing { path: String },
    /// An opening rule's `*` stands behind a word, and takes longer words too.
    StarBehindWord { path: String, also: String },
    /// An opening rule opens part of what this rule below closes, and something else.
    OpensBelow { closed_by: usize, example: String },
    /// There are too many rules to compare all of them.
    Unfinished,
}

/// What is to be said of each rule, by its place. `own`: the gate's addresses, as patterns.
pub fn lints(rules: &[Rule], own: &[String]) -> Vec<(usize, Lint)> {
    let mut linter = Linter {
        rules,
        patterns: rules.iter().map(|rule| patterns(&rule.paths)).collect(),
        own: patterns(own),
        steps_left: MOST_STEPS,
    };
    let mut found = linter.open_nothing();
    for (index, rule) in rules.iter().enumerate() {
        linter.dead(index, &mut found);
        if rule.access.opens() {
            let opening = rule.paths.iter().zip(&linter.patterns[index]).filter(|(_, patterns)| !patterns.is_empty());
            found.extend(opening.filter_map(|(path, _)| star_behind_word(path)).map(|lint| (index, lint)));
            found.extend(linter.opens_below(index).map(|lint| (index, lint)));
        }
        if linter.steps_left == 0 {
            found.push((index, Lint::Unfinished));
            break;
        }
    }
    // Of a rule that never matches that is said, and not what it would close.
    let dead: Vec<usize> =
        found.iter().filter(|(_, lint)| matches!(lint, Lint::Dead { .. })).map(|(index, _)| *index).collect();
    found.retain(|(_, lint)| !matches!(lint, Lint::OpensBelow { closed_by, .. } if dead.contains(closed_by)));
    found
}

struct Linter<'r> {
    rules: &'r [Rule],
    /// Of each rule, for each of its paths.
    patterns: Vec<Vec<Vec<Pattern>>>,
    own: Vec<Vec<Pattern>>,
    steps_left: usize,
}

impl Linter<'_> {
    /// What is found here takes nothing from any other rule.
    fn open_nothing(&mut self) -> Vec<(usize, Lint)> {
        let mut found = Vec::new();
        for (index, rule) in self.rules.iter().enumerate().filter(|(_, rule)| rule.access.opens()) {
            let all: Vec<&Pattern> = self.patterns[index].iter().flatten().collect();
            let is_odd = |path: &usize| rule.paths[*path].contains([';', '%', '\\']);
            let shut: Vec<usize> = (0..rule.paths.len())
                .filter(is_odd)
                .filter(|path| opens_nothing(&self.patterns[index][*path], &all, &mut self.steps_left))
                .collect();
            if shut.len() == rule.paths.len() {
                found.push((index, Lint::OpensNothing));
            } else {
                let of_path = |path: &usize| Lint::PathOpensNothing { path: rule.paths[*path].clone() };
                found.extend(shut.iter().map(|path| (index, of_path(path))));
            }
            for path in shut {
                self.patterns[index][path].clear();
            }
        }
        found
    }

    fn dead(&mut self, index: usize, found: &mut Vec<(usize, Lint)>) {
        let paths = self.patterns[index].len();
        let dead: Vec<Option<Vec<usize>>> = (0..paths).map(|path| self.taken(index, path)).collect();
        // Those without patterns open nothing.
        let never_match =
            |(dead, patterns): (&Option<Vec<usize>>, &Vec<Pattern>)| dead.is_some() || patterns.is_empty();
        if dead.iter().any(Option::is_some) && dead.iter().zip(&self.patterns[index]).all(never_match) {
            let mut by: Vec<usize> = dead.into_iter().flatten().flatten().collect();
            by.sort_unstable();
            by.dedup();
            return found.push((index, Lint::Dead { by }));
        }
        for (path, by) in self.rules[index].paths.iter().zip(dead) {
            if let Some(by) = by {
                found.push((index, Lint::DeadPath { path: path.clone(), by }));
            }
        }
    }

    /// The rules above that take all that one of the rule's paths matches, whatever the method: one of them, where one alone does. None of them, where
    /// the gate's own addresses do.
    fn taken(&mut self, index: usize, path: usize) -> Option<Vec<usize>> {
        let rule = &self.rules[index];
        let methods: Vec<Option<&Method>> =
            if rule.methods.is_empty() { vec![None] } else { rule.methods.iter().map(Some).collect() };
        let mut by = Vec::new();
        for method in methods {
            by.extend(self.taken_with(index, path, method)?);
        }
        Some(by)
    }

    fn taken_with(&mut self, index: usize, path: usize, method: Option<&Method>) -> Option<Vec<usize>> {
        let mine: Vec<&Pattern> = self.patterns[index][path].iter().collect();
        let near = |patterns: &&Pattern| mine.iter().any(|mine| !are_apart(mine, patterns));
        let own: Vec<&Pattern> = self.own.iter().flatten().filter(near).collect();
        let mut above: Vec<(usize, Vec<&Pattern>)> = Vec::new();
        for (place, rule) in self.rules[..index].iter().enumerate() {
            let is_for = rule.methods.is_empty() || method.is_some_and(|method| rule.methods.contains(method));
            if is_for && takes_from_wherever(rule, &self.rules[index]) {
                let near: Vec<&Pattern> = self.patterns[place].iter().flatten().filter(near).collect();
                if !near.is_empty() {
                    above.push((place, near));
                }
            }
        }
        let mut covers = |patterns: &[&Pattern]| {
            !patterns.is_empty() && path_in(&[&mine], patterns, &mut self.steps_left) == Found::Nothing
        };
        if covers(&own) {
            return Some(Vec::new());
        }
        if let Some((place, _)) = above.iter().find(|(_, patterns)| covers(patterns)) {
            return Some(vec![*place]);
        }
        let all: Vec<&Pattern> = above.iter().flat_map(|(_, patterns)| patterns).copied().chain(own).collect();
        (above.len() > 1 && covers(&all)).then(|| above.iter().map(|(place, _)| *place).collect())
    }

    /// The first closing rule below of which this one opens a part that no rule above keeps, while it opens something else, too: a part that is cut out of a
    /// closed one lies inside it.
    fn opens_below(&mut self, index: usize) -> Option<Lint> {
        let rule = &self.rules[index];
        let mine: Vec<&Pattern> = self.patterns[index].iter().flatten().collect();
        let near = |pattern: &&Pattern| mine.iter().any(|mine| !are_apart(mine, pattern));
        if mine.iter().any(|pattern| pattern.is_everything()) {
            return None;
        }
        let wins = |above: &Rule| {
            (above.from.is_empty() || !above.access.opens())
                && (above.methods.is_empty()
                    || !rule.methods.is_empty() && rule.methods.iter().all(|method| above.methods.contains(method)))
        };
        let above = (0..index).filter(|place| wins(&self.rules[*place]));
        let above: Vec<&Pattern> = above.flat_map(|place| self.patterns[place].iter().flatten()).filter(near).collect();
        for (closed_by, closing) in self.rules.iter().enumerate().skip(index + 1) {
            if closing.access.opens() || !share_methods(rule, closing) {
                continue;
            }
            let closed: Vec<&Pattern> = self.patterns[closed_by].iter().flatten().filter(near).collect();
            if closed.is_empty() {
                continue;
            }
            let Found::Path(example) = path_in(&[&mine, &closed], &above, &mut self.steps_left) else { continue };
            let elsewhere = [&above[..], &closed[..]].concat();
            if let Found::Path(_) = path_in(&[&mine], &elsewhere, &mut self.steps_left) {
                return Some(Lint::OpensBelow { closed_by, example });
            }
        }
        None
    }
}

/// Whether the rule above, where its pattern matches, leaves nothing to the one below: one that opens in some networks leaves all others.
fn takes_from_wherever(above: &Rule, below: &Rule) -> bool {
    let holds = |network: &IpNet| above.from.iter().any(|wider| wider.contains(network));
    above.from.is_empty()
        || !above.access.opens()
        || below.access.opens() && !below.from.is_empty() && below.from.iter().all(holds)
}

fn share_methods(one: &Rule, other: &Rule) -> bool {
    one.methods.is_empty()
        || other.methods.is_empty()
        || one.methods.iter().any(|method| other.methods.contains(method))
}

/// `/assets*` opens `/assets-secret`, and with `/assets*/**` all below it.
fn star_behind_word(path: &str) -> Option<Lint> {
    let start = path.strip_suffix("/**").unwrap_or(path);
    let word = start.strip_suffix('*')?;
    let segment = word.rsplit('/').next().unwrap_or(word);
    let is_word = segment.ends_with(|c: char| c.is_alphanumeric()) && !segment.contains('*');
    is_word.then(|| Lint::StarBehindWord { path: path.to_owned(), also: format!("{word}-secret") })
}

/// For each path its spellings.
fn patterns(paths: &[String]) -> Vec<Vec<Pattern>> {
    paths.iter().map(|path| Pattern::spellings(path)).collect()
}

/// A second or so; ordinary files take a few thousand.
const MOST_STEPS: usize = 3_000_000;

#[cfg(test)]
mod tests;
