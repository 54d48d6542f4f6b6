//! Names of interface.md that this version does not know yet: refused as such, never accepted and ignored.

/// Whether a key is one of these, or below one. Elements of lists without their number: `rules.require`.
pub fn is_later(key: &str) -> bool {
    LATER.iter().any(|later| key.strip_prefix(later).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
}

const LATER: &[&str] = &[
    "telemetry",
    "session.store",
    "session.store_outage",
    "session.redis",
    "session.partitioned",
    "identity.assertion",
];
