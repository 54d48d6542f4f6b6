//! Which language a page speaks: `[pages] language`, or what `Accept-Language` likes best (RFC 9110 §12.5.4).

use http::HeaderValue;

use crate::config::server::Language as Choice;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Language {
    #[default]
    English,
    Mongolian,
}

impl Choice {
    /// `accepted`: the request's `Accept-Language`.
    pub fn for_request(self, accepted: Option<&HeaderValue>) -> Language {
        match self {
            Choice::Auto => Language::preferred(accepted.and_then(|line| line.to_str().ok()).unwrap_or_default()),
            Choice::English => Language::English,
            Choice::Mongolian => Language::Mongolian,
        }
    }
}

impl Language {
    /// The language tag of the page (BCP 47).
    pub fn tag(self) -> &'static str {
        match self {
            Language::English => "en",
            Language::Mongolian => "mn",
        }
    }

    fn of_tag(tag: &str) -> Option<Language> {
        let primary = tag.split('-').next().unwrap_or(tag);
        if primary.eq_ignore_ascii_case("mn") {
            return Some(Language::Mongolian);
        }
        primary.eq_ignore_ascii_case("en").then_some(Language::English)
    }

    fn preferred(accepted: &str) -> Language {
        let mut best = (0, Language::default());
        for range in accepted.split(',').take(MOST_RANGES) {
            let mut parts = range.split(';').map(str::trim);
            let Some(language) = parts.next().and_then(Language::of_tag) else { continue };
            let weight = parts.find_map(weight).unwrap_or(1000);
            // The first of equals wins.
            if weight > best.0 {
                best = (weight, language);
            }
        }
        best.1
    }
}

/// Nobody speaks more languages than this; whoever writes more wants to see us read.
const MOST_RANGES: usize = 32;

/// `q=0.7` in thousandths.
fn weight(parameter: &str) -> Option<u16> {
    let value = parameter.strip_prefix("q=").or_else(|| parameter.strip_prefix("Q="))?;
    let value: f32 = value.parse().ok()?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=1000 just before")]
    Some((value.clamp(0.0, 1.0) * 1000.0) as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spoken(accept: &str) -> Language {
        Choice::Auto.for_request(Some(&HeaderValue::from_str(accept).unwrap()))
    }

    #[test]
    fn the_language_a_browser_likes_best_is_spoken() {
        assert_eq!(spoken("mn-MN,mn;q=0.9,en;q=0.8"), Language::Mongolian);
        assert_eq!(spoken("en-US,en;q=0.9,mn;q=0.8"), Language::English);
        assert_eq!(spoken("de, mn;q=0.3, en;q=0.2"), Language::Mongolian);
        assert_eq!(spoken("MN"), Language::Mongolian);
    }

    #[test]
    fn whoever_speaks_neither_or_says_nonsense_gets_english() {
        for accept in ["", "de", "*", "mn;q=0", "mnx", ";;q=1,,", "mn;q=-1"] {
            assert_eq!(spoken(accept), Language::English, "{accept}");
        }
        assert_eq!(Choice::Auto.for_request(None), Language::English);
    }

    #[test]
    fn a_language_that_is_written_down_is_spoken_to_everybody() {
        let english = HeaderValue::from_static("en");
        assert_eq!(Choice::Mongolian.for_request(Some(&english)), Language::Mongolian);
        assert_eq!(Choice::English.for_request(None), Language::English);
    }
}
