//! Variables: `TOKIGATE_` and a key's path in capitals, `__` between its parts.

use super::later;
use super::nearest::nearest;
use super::{Place, Problem};

/// A variable that names a key; its text is read as that key wants it.
#[derive(Clone)]
pub struct Variable {
    pub name: String,
    /// `session.lifetime`
    pub key: String,
    pub text: String,
}

const PREFIX: &str = "TOKIGATE_";

/// What the command line reads itself.
const CONFIG: &str = "TOKIGATE_CONFIG";

/// What Kubernetes sets in every container beside a Service of the name `tokigate` (enableServiceLinks).
const SERVICE_LINKS: [&str; 2] = ["TOKIGATE_PORT", "TOKIGATE_SERVICE_"];

/// The variables that name keys; the others of our prefix are problems.
pub fn variables(env: &[(String, String)], keys: &[String], problems: &mut Vec<Problem>) -> Vec<Variable> {
    let mut found = Vec::new();
    for (name, text) in env {
        if !name.starts_with(PREFIX) || name == CONFIG || SERVICE_LINKS.iter().any(|link| name.starts_with(link)) {
            continue;
        }
        if let Some(key) = keys.iter().find(|key| variable_of(key) == *name) {
            found.push(Variable { name: name.clone(), key: key.clone(), text: text.clone() });
            continue;
        }
        let key = name[PREFIX.len()..].to_lowercase().replace("__", ".");
        let text = if later::is_later(&key) {
            "not in this version".to_owned()
        } else {
            let names = keys.iter().map(|key| variable_of(key));
            format!("no such variable; the nearest is {}", nearest(&name.to_uppercase(), names).unwrap_or_default())
        };
        problems.push(Problem { place: Place::Variable(name.clone()), key: String::new(), text });
    }
    found
}

/// `TOKIGATE_SESSION__LIFETIME` of `session.lifetime`.
pub fn variable_of(key: &str) -> String {
    format!("{PREFIX}{}", key.to_uppercase().replace('.', "__"))
}
