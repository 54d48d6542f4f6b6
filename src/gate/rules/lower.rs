//! Readings in lower case beside those as they are: an application may take no notice of capitals.

use super::index::{Index, Near};
use super::{Case, Reading, Rules};
use crate::gate::path::{has_capitals, in_lower_case};

/// Readings in lower case, where that is another reading; whether each was of ASCII alone.
pub(super) struct Lower(Vec<(Vec<u8>, bool)>);

impl Lower {
    /// Those as they are first.
    pub(super) fn beside<'r>(&'r self, readings: &'r [Vec<u8>]) -> impl Iterator<Item = Reading<'r>> {
        let kept = readings.iter().map(|reading| Reading(reading, Case::Kept));
        kept.chain(self.0.iter().map(|(reading, _)| Reading(reading, Case::Folded)))
    }

    /// Which rules are near any of them: the index takes no notice of capitals within ASCII.
    pub(super) fn near(&self, index: &Index, readings: &[Vec<u8>]) -> Near {
        let others = self.0.iter().filter(|(_, from_ascii)| !from_ascii).map(|(reading, _)| reading);
        index.near_any(readings.iter().chain(others).map(Vec::as_slice))
    }
}

impl Rules {
    /// Where neither has capitals, the reading in lower case is the reading.
    pub(super) fn lower(&self, readings: &[Vec<u8>]) -> Lower {
        let matters = |reading: &&Vec<u8>| self.have_capitals || has_capitals(reading);
        Lower(readings.iter().filter(matters).map(|reading| (in_lower_case(reading), reading.is_ascii())).collect())
    }
}
