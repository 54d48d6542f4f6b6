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
    pub fn asks_anything(&self) -> bool {
        *self != StepUp::default()
    }

    /// As an address asks for it, in seconds. What is no age, or a longer one, changes nothing.
    pub fn tighten_age(&mut self, seconds: &str) {
        let is_number =
            !seconds.is_empty() && seconds.len() <= LONGEST_AGE && seconds.bytes().all(|b| b.is_ascii_digit());
        let Some(seconds) = seconds.parse().ok().filter(|_| is_number) else { return };
        let asked = Duration::from_secs(seconds);
        self.max_age = Some(self.max_age.map_or(asked, |max_age| max_age.min(asked)));
    }

    /// The same for ways to sign in, with spaces between them: those of them that will do already, where some will.
    pub fn tighten_acr(&mut self, values: &str) {
        let asked: Vec<String> = values.split(' ').filter(|acr| !acr.is_empty()).map(str::to_owned).collect();
        if asked.len() > MOST_ACR_VALUES || !asked.iter().all(|acr| is_acr(acr)) {
            return;
        }
        let both = |acr: &String| self.acr_values.is_empty() || self.acr_values.contains(acr);
        let both: Vec<String> = asked.into_iter().filter(both).collect();
        if !both.is_empty() {
            self.acr_values = both;
        }
    }

    /// For addresses and headers: with spaces between them, as the protocol has it.
    pub fn acr_values(&self) -> Option<String> {
        (!self.acr_values.is_empty()).then(|| self.acr_values.join(" "))
    }

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

/// Whether this can be the name of a way to sign in: it stands in addresses and in quotes (RFC 9470 §3), with spaces between several.
pub fn is_acr(text: &str) -> bool {
    (1..=LONGEST_ACR).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\')
}

/// Digits: thirty years and some.
const LONGEST_AGE: usize = 9;
/// Shorter than what a session keeps, so that what was asked for can be found in it.
const LONGEST_ACR: usize = 256;
/// More ways nobody has.
pub const MOST_ACR_VALUES: usize = 8;

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
