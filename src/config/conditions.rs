//! A rule's conditions: `from`, `require`, `max_age`, `acr_values`, `bearer`.

use std::time::Duration;

use figment::value::{Num, Value};
use ipnet::IpNet;
use schemars::{Schema, json_schema};

use super::given::{Given, quoted};
use super::measure::Time;
use super::report::Report;
use super::value::{At, Key, Kind, OneOrMore, readable};
use super::{Problem, proxies, raw};
use crate::gate::rules::{Access, Requirement, Wanted};
use crate::oidc::StepUp;
use crate::oidc::step_up::{MOST_ACR_VALUES, is_acr};

/// `require` as it was written: dotted claim paths, and values as they would be said.
#[derive(Clone, Debug)]
pub struct Required(Vec<(String, At<Vec<At<Said>>>)>);

/// A text, a boolean or a whole number.
#[derive(Clone, Debug)]
pub struct Said {
    text: String,
    is_text: bool,
}

pub fn from(rule: &raw::Rule, access: Access, report: &mut Report) -> Vec<IpNet> {
    let Some(at) = rule.from.written() else { return Vec::new() };
    if access == Access::Deny {
        report.wrong(at, "deny refuses everybody, wherever they are; leave from out, or write access = \"user\": with from it refuses whoever is elsewhere");
    }
    let mut networks = Vec::new();
    for at in &at.value.0 {
        match proxies::networks(&at.value) {
            Ok(several) => networks.extend(several),
            Err(text) => report.wrong(at, format!("{:?} {text}", at.value)),
        }
    }
    networks
}

/// Only who is signed in can meet these.
pub fn only_of_users(rule: &raw::Rule, access: Access, report: &mut Report) {
    let word = match access {
        Access::User => return,
        Access::Public => "public",
        Access::Optional => "optional",
        Access::Deny => "deny",
    };
    let bearer = rule.bearer.written().filter(|at| at.value).is_some();
    let written = [
        (!rule.require.is_absent()).then(|| rule.require.problem("")),
        (!rule.max_age.is_absent()).then(|| rule.max_age.problem("")),
        (!rule.acr_values.is_absent()).then(|| rule.acr_values.problem("")),
        bearer.then(|| rule.bearer.problem("")),
    ];
    for problem in written.into_iter().flatten() {
        let text = format!(
            "it is about signed-in users, and access = {word:?} asks for none; write access = \"user\", or leave it out"
        );
        report.problems.push(Problem { text, ..problem });
    }
}

pub fn step_up(rule: &raw::Rule, promises_id_tokens: bool, report: &mut Report) -> StepUp {
    let max_age = rule.max_age.written().map(|at| {
        if at.value.0 < SHORTEST_AGE {
            report.wrong(at, format!("{} is shorter than a sign-in may take; write \"1m\" or more", at.value.show()));
        } else if at.value.0.subsec_nanos() != 0 {
            report.wrong(
                at,
                format!("{} is no whole number of seconds, which is what providers are asked for", at.value.show()),
            );
        }
        if !promises_id_tokens {
            report.warn(
                at,
                "only an ID token says when somebody signed in (auth_time): where this provider sends none, a sign-in that it was asked to make a fresh one (prompt=login) counts, whether it did or not",
            );
        }
        at.value.0
    });
    let Some(at) = rule.acr_values.written() else { return StepUp { max_age, ..StepUp::default() } };
    let values = &at.value.0;
    for at in values.iter().filter(|at| !is_acr(&at.value)) {
        report.wrong(
            at,
            format!(
                "{:?} is no name of a way to sign in: visible ASCII without quotes and spaces; write each for itself",
                at.value
            ),
        );
    }
    if values.len() > MOST_ACR_VALUES {
        report.wrong(at, format!("these are more than {MOST_ACR_VALUES}; write those that the provider has"));
    }
    if !promises_id_tokens {
        report.warn(
            at,
            "only an ID token says how somebody signed in (acr): where this provider sends none, nobody gets through",
        );
    }
    StepUp { max_age, acr_values: values.iter().map(|at| at.value.clone()).collect() }
}

pub fn require(rule: &raw::Rule, report: &mut Report) -> Vec<Requirement> {
    let Some(at) = rule.require.written() else { return Vec::new() };
    if at.value.0.is_empty() {
        report.wrong(at, "it is empty; leave it out, or write { groups = [\"admin\"] }");
    }
    let mut required = Vec::new();
    for (claim, at) in &at.value.0 {
        if let Some(text) = wrong_claim(claim) {
            report.wrong(at, text);
        }
        if at.value.is_empty() {
            report.wrong(at, "the list is empty, so nobody would get through; write the values that will do");
        }
        for at in &at.value {
            if let Some(text) = wrong_value(claim, &at.value) {
                report.wrong(at, text);
            }
        }
        // What is no text has no star in it.
        let values = at.value.iter().map(|at| Wanted::new(&at.value.text)).collect();
        required.push(Requirement { claim: claim.clone(), values });
    }
    required
}

/// `[[bearer]]` says whose tokens there are.
pub fn bearer(rule: &raw::Rule, is_taken: bool, report: &mut Report) -> bool {
    let Some(at) = rule.bearer.written().filter(|at| at.value) else { return false };
    if !is_taken {
        report.wrong(at, "no [[bearer]] says whose tokens are taken; write one, or leave it out");
    }
    true
}

fn wrong_claim(claim: &str) -> Option<String> {
    if claim.split('.').any(str::is_empty) {
        return Some(format!("{claim:?} has an empty part; write claim.part"));
    }
    claim.contains([' ', '*', '{', '<']).then(|| format!("{claim:?} is no claim's name; write claim, or claim.part"))
}

fn wrong_value(claim: &str, Said { text, is_text }: &Said) -> Option<String> {
    if text.is_empty() {
        return Some(
            "it is empty, and a claim that is empty counts as missing; write a value, or \"*\" for any".to_owned(),
        );
    }
    if claim != "email" {
        return None;
    }
    let domain = text.trim_start_matches('*').trim_start_matches('.');
    match text.matches('@').count() {
        _ if !is_text => Some(format!("{text} is no e-mail address; write \"name@example.mn\" or \"*@example.mn\"")),
        1 if text.starts_with('@') => {
            Some(format!("{text:?} is a domain with nobody in front of it; write \"*{text}\" for all of it"))
        }
        1 if text.ends_with('@') => Some(format!("{text:?} has nothing behind its @; write \"{text}example.mn\"")),
        1 => None,
        0 if text == "*" => None,
        0 if text.starts_with('*') => {
            Some(format!("{text:?} would take other domains that end so, as x@not{domain}; write \"*@{domain}\""))
        }
        0 => Some(format!("{text:?} is no e-mail address; write \"*@{domain}\" for all of a domain")),
        _ => Some(format!("{text:?} has more than one @, which no address that is taken has")),
    }
}

impl Kind for Required {
    fn read(given: &Given<'_>, problems: &mut Vec<Problem>) -> Option<Self> {
        let mut required = Vec::new();
        let all = read_below("", given, problems, &mut required);
        (all.is_some() || !required.is_empty()).then_some(Required(required))
    }

    fn show(&self) -> String {
        if self.0.is_empty() {
            return "{}".to_owned();
        }
        let entries: Vec<String> =
            self.0.iter().map(|(claim, at)| format!("{} = {}", quoted(claim), at.value.show())).collect();
        format!("{{ {} }}", entries.join(", "))
    }

    fn schema() -> Schema {
        let one = json_schema!({ "type": ["string", "boolean", "integer"] });
        json_schema!({ "type": "object", "additionalProperties": { "anyOf": [
            one.clone(),
            { "type": "array", "items": one, "minItems": 1 },
            // Unquoted dots make tables of their own.
            { "type": "object" },
        ] } })
    }
}

/// `realm_access.roles = [ … ]` without quotes is a table in a table, and means the same as with them.
fn read_below(
    path: &str,
    given: &Given<'_>,
    problems: &mut Vec<Problem>,
    required: &mut Vec<(String, At<Vec<At<Said>>>)>,
) -> Option<()> {
    let mut all = Some(());
    for (name, entry) in given.entries(problems)? {
        let claim = super::given::joined(path, &name);
        if let Some(below) = entry.value.as_dict() {
            if below.is_empty() {
                problems.push(
                    entry.problem("the table is empty, and would ask for nothing; leave it out, or write what will do"),
                );
                all = None;
                continue;
            }
            all = read_below(&claim, &entry, problems, required).and(all);
            continue;
        }
        let elements = match &*entry.value {
            Value::Array(..) => entry.elements(problems)?,
            _ => vec![entry.clone()],
        };
        let read = elements.iter().map(|element| {
            let value = Said::read(element, problems)?;
            Some(At { key: element.key.clone(), place: element.place(), value })
        });
        match readable(read.collect()) {
            Some(value) => required.push((claim, At { key: entry.key.clone(), place: entry.place(), value })),
            None => all = None,
        }
    }
    all
}

impl Kind for Said {
    fn read(given: &Given<'_>, problems: &mut Vec<Problem>) -> Option<Self> {
        match &*given.value {
            Value::String(_, text) => Some(Said { text: text.clone(), is_text: true }),
            Value::Bool(_, value) => Some(Said { text: value.to_string(), is_text: false }),
            Value::Num(_, Num::I64(number)) => Some(Said { text: number.to_string(), is_text: false }),
            _ => {
                problems.push(given.problem(format!(
                    "{} is no text, no boolean and no whole number; write a value, or a list of them",
                    given.shown()
                )));
                None
            }
        }
    }

    fn show(&self) -> String {
        if self.is_text { quoted(&self.text) } else { self.text.clone() }
    }

    fn schema() -> Schema {
        json_schema!({ "type": ["string", "boolean", "integer"] })
    }
}

/// For `check`: the conditions that are written, as TOML.
pub fn shown(rule: &raw::Rule) -> Vec<String> {
    fn key<T: Kind>(name: &str, key: &Key<T>) -> Option<String> {
        key.written().map(|at| format!("{name} = {}", at.value.show()))
    }
    let all = [
        key::<OneOrMore>("from", &rule.from),
        key::<Required>("require", &rule.require),
        key::<Time>("max_age", &rule.max_age),
        key::<OneOrMore>("acr_values", &rule.acr_values),
        key::<bool>("bearer", &rule.bearer),
    ];
    all.into_iter().flatten().collect()
}

/// What people take to type a password, and clocks differ by.
const SHORTEST_AGE: Duration = Duration::from_secs(60);
