//! `[[rules]]`.

use http::Method;

use super::public::Places;
use super::raw;
use super::report::Report;
use super::shape::Many;
use super::upstream::Applications;
use super::value::{At, Kind, One};
use super::{Place, Problem, conditions};
use crate::gate::PublicUrl;
use crate::gate::rules::lints::{Lint, lints};
use crate::gate::rules::{Access, Rule};
use crate::provider::Preset;

pub fn rules(
    written: &raw::Configuration,
    applications: &mut Applications<'_>,
    places: &Places,
    report: &mut Report,
) -> Vec<Rule> {
    let preset = written.provider.preset.written().map_or(Preset::default(), |at| at.value.0);
    let promised = (preset == Preset::Oidc, !written.bearer.elements.is_empty());
    let written = &written.rules;
    let problems = report.problems.len();
    let mut rules = Vec::new();
    for (index, (place, rule)) in written.elements.iter().enumerate() {
        let checked = checked(place, rule, promised, applications, report);
        let mut warn = |text: &str| {
            let key = format!("{}[{index}]", written.key);
            report.warnings.push(Problem { place: place.clone(), key, text: text.to_owned() });
        };
        if let Some(path) = checked.paths.iter().find(|path| !can_match(path, &places.public_urls)) {
            warn(&format!("{path} is outside public_url's path, and rules see the whole path: no request matches it"));
        }
        if checked.access.opens() && checked.paths.iter().any(|path| is_everything(path)) {
            warn("everybody gets everything that no rule above keeps: it is a public rule for every path");
        }
        rules.push(checked);
    }
    if report.problems.len() == problems {
        lint(&rules, written, places, report);
    }
    if written.elements.is_empty() {
        report.value(&written.key, Some(&written.place), "[]".to_owned());
    }
    for (index, (place, rule)) in written.elements.iter().enumerate() {
        report.value(&format!("{}[{index}]", written.key), Some(place), shown(rule));
    }
    rules
}

/// What never matches is a mistake; what opens more than it seems to may be meant.
fn lint(rules: &[Rule], written: &Many<raw::Rule>, places: &Places, report: &mut Report) {
    let own_of = |url: &PublicUrl| {
        let own = format!("{}{}", url.path, places.prefix);
        let callback = places.callback_path.clone().unwrap_or_else(|| format!("{own}/callback"));
        [format!("{own}/**"), callback]
    };
    let own: Vec<String> = places.public_urls.iter().flat_map(own_of).collect();
    for (index, lint) in lints(rules, &own) {
        let (place, _) = &written.elements[index];
        let problem = |text| Problem { place: place.clone(), key: format!("{}[{index}]", written.key), text };
        match lint {
            Lint::Dead { by } if by.is_empty() => report.problems.push(problem(
                "no request gets here: these addresses are the gate's own (prefix, callback_path), on which no rule decides; delete it"
                    .to_owned(),
            )),
            Lint::Dead { by } => report.problems.push(problem(format!(
                "no request gets here: {} all that it matches; put it above {}, or delete it",
                takes(&by),
                named(by[0]),
            ))),
            Lint::DeadPath { path, by } if by.is_empty() => {
                report.warnings.push(problem(format!("{path} is the gate's own: no rule decides on it")));
            }
            Lint::DeadPath { path, by } => report
                .warnings
                .push(problem(format!("{path} does nothing: {} all that it matches", takes(&by)))),
            Lint::OpensNothing => report.problems.push(problem(format!("it opens nothing: {OUTSIDE}"))),
            Lint::PathOpensNothing { path } => {
                report.warnings.push(problem(format!("{path} opens nothing: {OUTSIDE}")));
            }
            Lint::StarBehindWord { path, also } => report
                .warnings
                .push(problem(format!("{path} opens {also} too; write {} for what is below a folder", below(&path)))),
            Lint::OpensBelow { closed_by, example } => report.warnings.push(problem(format!(
                "it opens {example} too, which {0} below would close; put {0} above it, or write a narrower path",
                named(closed_by),
            ))),
            Lint::Unfinished => report
                .warnings
                .push(problem("there are too many rules to compare this one and those below with all others".to_owned())),
        }
    }
}

fn named(rule: usize) -> String {
    format!("rules[{rule}]")
}

/// `rules[0] above takes`, `rules[0] and rules[2] above take`.
fn takes(rules: &[usize]) -> String {
    match rules {
        [only] => format!("{} above takes", named(*only)),
        several => several.iter().map(|rule| named(*rule)).collect::<Vec<_>>().join(" and ") + " above take",
    }
}

/// `/assets/**` for `/assets*`.
fn below(path: &str) -> String {
    format!("{}/**", path.trim_end_matches("/**").trim_end_matches('*'))
}

/// `promised`: whether the provider gives ID tokens, and whether somebody's access tokens are taken.
fn checked(
    place: &Place,
    rule: &raw::Rule,
    (promises_id_tokens, takes_tokens): (bool, bool),
    applications: &mut Applications<'_>,
    report: &mut Report,
) -> Rule {
    let access = access(rule);
    conditions::only_of_users(rule, access, report);
    Rule {
        paths: paths(place, rule, report),
        methods: methods(rule, report),
        access,
        from: conditions::from(rule, access, report),
        require: conditions::require(rule, report),
        step_up: conditions::step_up(rule, promises_id_tokens, report),
        bearer: conditions::bearer(rule, takes_tokens, report),
        upstream: applications.of_rule(rule, access, report),
    }
}

fn paths(place: &Place, rule: &raw::Rule, report: &mut Report) -> Vec<String> {
    let Some(at) = rule.path.written() else {
        if rule.path.is_absent() {
            let text = "it is missing; write path = \"/assets/**\"".to_owned();
            report.problems.push(Problem { place: place.clone(), key: rule.path.key.clone(), text });
        }
        return Vec::new();
    };
    for at in &at.value.0 {
        if let Some(text) = wrong_pattern(&at.value) {
            report.wrong(at, text);
        }
    }
    at.value.0.iter().map(|at| at.value.clone()).collect()
}

/// What is wrong with a pattern, and the mend.
fn wrong_pattern(pattern: &str) -> Option<String> {
    let Some(rest) = pattern.strip_prefix('/') else {
        let path = pattern.trim_start_matches(['^', '*']).trim_start_matches('/');
        return Some(format!("{pattern:?} does not begin with a slash; write \"/{path}\""));
    };
    if let Some(odd) = pattern.chars().find(|c| matches!(c, '?' | '#' | '\\') || c.is_control()) {
        return Some(format!("{pattern:?} holds {odd:?}, which no path does; the query is not looked at"));
    }
    if !has_whole_percents(pattern) {
        return Some(format!("{pattern:?} has a % without two hexadecimal digits"));
    }
    let segments: Vec<&str> = rest.split('/').collect();
    if segments.iter().any(|segment| matches!(*segment, "." | "..")) {
        return Some(format!("{pattern:?} has a dot segment, which no rule opens or closes"));
    }
    if segments.iter().rev().skip(1).any(|segment| segment.is_empty()) {
        return Some(format!("{pattern:?} has an empty segment"));
    }
    if segments.iter().any(|segment| segment.contains("**") && *segment != "**") {
        return Some(format!(
            "{pattern:?}: ** stands for whole segments; write /** behind a slash, or * inside one segment"
        ));
    }
    if segments.iter().any(|segment| matches!(*segment, ".*" | ".+") || segment.ends_with('$')) {
        return Some(format!(
            "{pattern:?} is a regular expression, which rules are not; write * for a segment, ** for any number"
        ));
    }
    None
}

fn has_whole_percents(text: &str) -> bool {
    let is_whole = |rest: &str| rest.len() >= 2 && rest.bytes().take(2).all(|byte| byte.is_ascii_hexdigit());
    text.split('%').skip(1).all(is_whole)
}

/// Every path there is: nothing but stars, and a double one among them.
fn is_everything(pattern: &str) -> bool {
    let mut segments = pattern.split('/').skip(1);
    segments.clone().any(|segment| segment == "**") && segments.all(|segment| matches!(segment, "*" | "**"))
}

/// Whether some request can be below a `public_url` and match the pattern, as far as its beginning tells.
fn can_match(pattern: &str, public_urls: &[PublicUrl]) -> bool {
    let (start, rest) = pattern.split_at(pattern.find('*').unwrap_or(pattern.len()));
    public_urls.is_empty()
        || public_urls.iter().any(|url| {
            let is_inside = start.strip_prefix(&url.path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
            is_inside || !rest.is_empty() && url.path.starts_with(start)
        })
}

fn methods(rule: &raw::Rule, report: &mut Report) -> Vec<Method> {
    let Some(at) = rule.methods.written() else { return Vec::new() };
    if at.value.is_empty() {
        report.wrong(at, "it is empty; leave it out for all methods");
    }
    let mut methods = Vec::new();
    for at in &at.value {
        match method(at) {
            Ok(method) => methods.push(method),
            Err(text) => report.wrong(at, text),
        }
    }
    methods
}

fn method(at: &At<String>) -> Result<Method, String> {
    let name = at.value.as_str();
    if METHODS.contains(&name) {
        return Method::from_bytes(name.as_bytes()).map_err(|_| format!("{name:?} is no method"));
    }
    let upper = name.to_ascii_uppercase();
    let names = METHODS.iter().map(|known| (*known).to_owned());
    let nearest = super::nearest::nearest(&upper, names).unwrap_or_default();
    Err(format!("{name:?} is no method that is known; the nearest is {nearest}"))
}

fn access(rule: &raw::Rule) -> Access {
    rule.access.written().map_or(Access::default(), |at| at.value.0)
}

fn shown(rule: &raw::Rule) -> String {
    let path = rule.path.written().map(|at| format!("path = {}", at.value.show()));
    let methods = rule.methods.written().map(|at| format!("methods = {}", at.value.show()));
    let access = Some(format!("access = {}", One(access(rule)).show()));
    let conditions = conditions::shown(rule);
    let upstream = rule.upstream.written().map(|at| format!("upstream = {}", at.value.show()));
    let all: Vec<String> = path.into_iter().chain(methods).chain(access).chain(conditions).chain(upstream).collect();
    format!("{{ {} }}", all.join(", "))
}

/// Why a path opens nothing, and the mend.
const OUTSIDE: &str = "whatever it matches can also be read as something outside of it, or not be read at all; an opening path holds no ; and encodes no slash, backslash, dot segment or control character (%2F, %5C, %2E, %00)";
/// RFC 9110 §9, RFC 5789, WebDAV (RFC 4918, 3253, 5323), and QUERY. No CONNECT: it is never forwarded.
const METHODS: &[&str] = &[
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "OPTIONS",
    "TRACE",
    "QUERY",
    "PROPFIND",
    "PROPPATCH",
    "MKCOL",
    "COPY",
    "MOVE",
    "LOCK",
    "UNLOCK",
    "REPORT",
    "SEARCH",
];
