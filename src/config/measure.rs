//! Durations and sizes, as interface.md writes them: `30s`, `15m`, `12h`, `7d`; `64KiB`.

use std::time::Duration;

use figment::value::Value;
use schemars::{Schema, json_schema};

use super::Problem;
use super::given::{Given, quoted};
use super::value::Kind;

/// `1h30m`, `90s`, `1500ms`. No fractions, no other words: `15M` is no month here, and no quarter of an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub Duration);

/// `64KiB`, or a number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

/// A value, or the word for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrNone<T> {
    None,
    Some(T),
}

impl Time {
    pub fn seconds(seconds: u64) -> Time {
        Time(Duration::from_secs(seconds))
    }

    fn parse(text: &str) -> Option<Time> {
        let mut rest = text.trim();
        let mut sum = 0u64;
        while !rest.is_empty() {
            let (number, unit, after) = next(rest)?;
            let (_, millis) = UNITS.iter().find(|(name, _)| *name == unit)?;
            sum = sum.checked_add(number.checked_mul(*millis)?)?;
            rest = after;
        }
        let is_nothing = text.trim().is_empty();
        (!is_nothing && sum <= LONGEST).then(|| Time(Duration::from_millis(sum)))
    }
}

/// A number, what follows it up to the next number, and the rest. A zero needs no unit.
fn next(text: &str) -> Option<(u64, &str, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, rest) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let end = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(end);
    let unit = unit.trim();
    Some((number, if number == 0 && unit.is_empty() { "s" } else { unit }, rest))
}

impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut left = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        if left == 0 {
            return f.write_str("0s");
        }
        // One unit where one is enough: 1500ms rather than 1s500ms, and 60s rather than 1m.
        let fits = |millis: u64| left.is_multiple_of(millis) && (millis != 60_000 || left > millis);
        if let Some((unit, millis)) = UNITS.iter().skip(1).find(|(_, millis)| fits(*millis)) {
            let count = left / millis;
            if count < 1000 || *millis == 1 {
                return write!(f, "{count}{unit}");
            }
        }
        for (unit, millis) in &UNITS[1..] {
            if left >= *millis {
                write!(f, "{}{unit}", left / millis)?;
                left %= millis;
            }
        }
        Ok(())
    }
}

impl Kind for Time {
    fn read(given: &Given<'_>, problems: &mut Vec<Problem>) -> Option<Self> {
        let read = given.text().and_then(Time::parse);
        if read.is_none() {
            let mend = match &*given.value {
                Value::Num(..) if given.whole_number().is_some() => format!("write \"{}s\"", given.shown()),
                _ => format!("write {}", meant_time(given.text().unwrap_or_default())),
            };
            problems.push(given.problem(format!("{} is no duration; {mend}", given.shown())));
        }
        read
    }

    fn show(&self) -> String {
        quoted(&self.to_string())
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "examples": ["30s", "15m", "12h", "7d"] })
    }
}

/// What was probably meant: `8 hors` is `8h`.
fn meant_time(text: &str) -> String {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim().to_ascii_lowercase();
    let letter = match unit.as_str() {
        "" => Some("s"),
        "ms" | "msec" | "millis" | "milliseconds" => Some("ms"),
        _ if unit.starts_with("mo") => None,
        _ => UNITS[1..].iter().find(|(name, _)| unit.starts_with(name)).map(|(name, _)| *name),
    };
    match letter {
        Some(letter) => Some(format!("{number}{letter}")).filter(|guess| Time::parse(guess).is_some()),
        None => None,
    }
    .unwrap_or_else(|| "30s, 15m, 12h or 7d".to_owned())
}

impl Size {
    fn parse(text: &str) -> Option<Size> {
        let text = text.trim();
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let (_, bytes) = SIZES.iter().find(|(name, _)| *name == unit.trim())?;
        number.parse::<u64>().ok()?.checked_mul(*bytes).map(Size)
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let unit = SIZES.iter().find(|(_, bytes)| self.0 >= *bytes && self.0.is_multiple_of(*bytes));
        let (name, bytes) = unit.copied().unwrap_or(("B", 1));
        write!(f, "{}{name}", self.0 / bytes)
    }
}

impl Kind for Size {
    fn read(given: &Given<'_>, problems: &mut Vec<Problem>) -> Option<Self> {
        let number = given.whole_number().map(Size);
        let read = number.or_else(|| given.text().and_then(Size::parse));
        if read.is_none() {
            let mend = meant_size(given.text().unwrap_or_default());
            problems.push(given.problem(format!("{} is no size; write {mend}", given.shown())));
        }
        read
    }

    fn show(&self) -> String {
        quoted(&self.to_string())
    }

    fn schema() -> Schema {
        json_schema!({ "type": ["string", "integer"], "minimum": 0, "examples": ["7KiB", "64KiB", "100MiB"] })
    }
}

/// `64kb` is `64KiB`.
fn meant_size(text: &str) -> String {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let letter = unit.trim().chars().next().map(|letter| letter.to_ascii_uppercase());
    match letter.and_then(|letter| SIZES.iter().find(|(name, _)| name.starts_with(letter))) {
        Some((name, _)) if !number.is_empty() => format!("{number}{name}"),
        Some(_) | None => "64KiB or 100MiB".to_owned(),
    }
}

impl<T: Kind> Kind for OrNone<T> {
    fn read(given: &Given<'_>, problems: &mut Vec<Problem>) -> Option<Self> {
        match given.text() {
            Some("off" | "none") => Some(OrNone::None),
            Some(_) | None => T::read(given, problems).map(OrNone::Some),
        }
    }

    fn show(&self) -> String {
        match self {
            OrNone::None => quoted("off"),
            OrNone::Some(value) => value.show(),
        }
    }

    fn schema() -> Schema {
        T::schema()
    }
}

impl<T> OrNone<T> {
    pub fn into_option(self) -> Option<T> {
        match self {
            OrNone::None => None,
            OrNone::Some(value) => Some(value),
        }
    }
}

impl<T> From<Option<T>> for OrNone<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(OrNone::None, OrNone::Some)
    }
}

/// In milliseconds, the longest first; `w` is read, and written as days.
const UNITS: [(&str, u64); 6] =
    [("w", 7 * 86_400_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];
const SIZES: [(&str, u64); 5] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1), ("", 1)];
/// A hundred years: sums with the time of day stay far from every end.
const LONGEST: u64 = 36_525 * 86_400_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written() {
        for (text, millis, written) in [
            ("30s", 30_000, "30s"),
            ("15m", 900_000, "15m"),
            ("12h", 43_200_000, "12h"),
            ("7d", 604_800_000, "7d"),
            ("1w", 604_800_000, "7d"),
            ("1500ms", 1500, "1500ms"),
            ("1h30m", 5_400_000, "90m"),
            (" 1h 30m ", 5_400_000, "90m"),
            ("620s", 620_000, "620s"),
            ("3601s", 3_601_000, "1h1s"),
            ("0", 0, "0s"),
            ("0s", 0, "0s"),
        ] {
            let time = Time::parse(text).unwrap();
            assert_eq!((time.0, time.to_string().as_str()), (Duration::from_millis(millis), written), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_none_and_the_mend_is_a_guess_at_it() {
        for (text, mend) in [
            ("8 hors", "8h"),
            ("8hours", "8h"),
            ("15M", "15m"),
            ("15 min", "15m"),
            ("30", "30s"),
            ("300x", "30s, 15m, 12h or 7d"),
            ("1month", "30s, 15m, 12h or 7d"),
            ("", "30s, 15m, 12h or 7d"),
            ("-5s", "30s, 15m, 12h or 7d"),
            ("1.5h", "30s, 15m, 12h or 7d"),
            ("99999999999999999999s", "30s, 15m, 12h or 7d"),
            ("40000d", "30s, 15m, 12h or 7d"),
        ] {
            assert_eq!((Time::parse(text), meant_time(text).as_str()), (None, mend), "{text}");
        }
    }

    #[test]
    fn sizes_are_read_and_written() {
        for (text, bytes, written) in [
            ("64KiB", 65_536, "64KiB"),
            ("1 MiB", 1 << 20, "1MiB"),
            ("2GiB", 2 << 30, "2GiB"),
            ("1000", 1000, "1000B"),
            ("7168B", 7168, "7KiB"),
            ("0", 0, "0B"),
        ] {
            let size = Size::parse(text).unwrap();
            assert_eq!((size.0, size.to_string().as_str()), (bytes, written), "{text}");
        }
        for (text, mend) in
            [("64KB", "64KiB"), ("64k", "64KiB"), ("1.5MiB", "64KiB or 100MiB"), ("", "64KiB or 100MiB")]
        {
            assert_eq!((Size::parse(text), meant_size(text).as_str()), (None, mend), "{text}");
        }
    }
}
