//! What a sign-in must be, beyond one at all (OpenID Connect Core §3.1.2.1; RFC 9470, "step-up authentication").

use std::time::Duration;

use crate::clock::Timestamp;

/// What a rule asks of a sign-in: how lately, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct StepUp {
    /// No longer ago than this. Whole seconds.
    pub max_age: Option<Duration>,
    /// In one of these ways; empty: in any.
    pub acr_values: Vec<String>,
}

/// What a sign-in is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unmet {
    #[error("the user signed in too long ago, or nobody said when (auth_time)")]
    Age,
    #[error("the user signed in by other means than those asked for (acr)")]
    Acr,
}

impl StepUp {
    /// Whether a sign-in at `auth_time` in the way `acr` is what is asked for at `now`. `None`: nobody said, which meets nothing.
    pub fn check(&self, auth_time: Option<Timestamp>, acr: Option<&str>, now: Timestamp) -> Result<(), Unmet> {
        let is_recent = |max_age| auth_time.is_some_and(|then| now.since(then) <= max_age);
        if !self.max_age.is_none_or(is_recent) {
            return Err(Unmet::Age);
        }
        let is_asked_for = |acr: &str| self.acr_values.iter().any(|asked| asked == acr);
        if self.acr_values.is_empty() || acr.is_some_and(is_asked_for) { Ok(()) } else { Err(Unmet::Acr) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);

    fn ago(seconds: u64) -> Option<Timestamp> {
        Some(NOW - Duration::from_secs(seconds))
    }

    fn at_most(seconds: u64) -> StepUp {
        StepUp { max_age: Some(Duration::from_secs(seconds)), acr_values: Vec::new() }
    }

    #[test]
    fn whoever_asks_for_nothing_gets_it() {
        assert_eq!(StepUp::default().check(None, None, NOW), Ok(()));
    }

    #[test]
    fn an_age_counts_to_its_last_second_and_an_unknown_one_not_at_all() {
        assert_eq!(at_most(900).check(ago(900), None, NOW), Ok(()));
        assert_eq!(at_most(900).check(ago(901), None, NOW), Err(Unmet::Age));
        assert_eq!(at_most(900).check(None, None, NOW), Err(Unmet::Age));
    }

    #[test]
    fn one_of_the_ways_is_enough_and_letters_count() {
        let step_up = StepUp { acr_values: vec!["phr".to_owned(), "phrh".to_owned()], ..StepUp::default() };
        assert_eq!(step_up.check(None, Some("phrh"), NOW), Ok(()));
        for other in [None, Some(""), Some("PHR"), Some("ph"), Some("phr phrh")] {
            assert_eq!(step_up.check(ago(0), other, NOW), Err(Unmet::Acr), "{other:?}");
        }
    }
}
