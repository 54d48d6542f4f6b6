//! `[session] keys` and how they are seen to change.

use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use super::Place;
use super::measure::Time;
use super::public::Places;
use super::raw;
use super::report::Report;
use super::secret::{self, Given};
use super::value::At;
use crate::oidc::Secret;

#[derive(Clone, Debug)]
pub enum Source {
    /// Given in the configuration.
    Given(Vec<Secret<[u8; 32]>>),
    /// Reloaded when it changes.
    File(std::path::PathBuf),
    /// Every `public_url` is plain http on loopback and no key was given: one for this process, with a warning.
    ForThisProcess,
}

#[derive(Clone, Debug)]
pub struct Keys {
    pub source: Source,
    pub delay: Duration,
}

/// The keys of a file: one a line, blank and `#` lines allowed. The text says what is wrong, never what a line holds.
pub fn read_file(path: &Path) -> Result<Vec<Secret<[u8; 32]>>, String> {
    let text = secret::read(path)?;
    let mut keys = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        keys.push(parse(line).map_err(|wrong| format!("{}:{}: {wrong}", path.display(), index + 1))?);
    }
    if keys.is_empty() { Err(format!("{} holds no key; run `tokigate keygen`", path.display())) } else { Ok(keys) }
}

pub(super) fn keys(written: &raw::Session, places: &Places, report: &mut Report) -> Keys {
    let source = match secret::given(&written.keys, &written.keys_file, report) {
        Given::Here(at) => {
            report.written(at);
            Source::Given(given(at, report))
        }
        Given::InFile(at) => {
            report.written(at);
            if let Err(text) = read_file(&at.value) {
                report.wrong(at, text);
            }
            Source::File(at.value.clone())
        }
        Given::Nowhere => {
            if written.keys.is_absent() && written.keys_file.is_absent() {
                absent(places, report);
            }
            Source::ForThisProcess
        }
    };
    Keys { source, delay: written.key_delay.or(Time::seconds(300), report).0 }
}

fn given(at: &At<Vec<At<Secret<String>>>>, report: &mut Report) -> Vec<Secret<[u8; 32]>> {
    if at.value.is_empty() {
        report.wrong(at, "it is empty; run `tokigate keygen`");
    }
    let mut keys = Vec::new();
    for key in &at.value {
        match parse(key.value.expose().trim()) {
            Ok(key) => keys.push(key),
            Err(text) => report.wrong(key, text),
        }
    }
    keys
}

fn absent(places: &Places, report: &mut Report) {
    const KEY: &str = "session.keys";
    if places.is_plain() {
        report.warnings.push(super::Problem {
            place: Place::Nowhere,
            key: KEY.to_owned(),
            text: "there is none: a key for this process is made, and everybody is signed out when it ends".to_owned(),
        });
    } else {
        report.missing(KEY, "it is missing; run `tokigate keygen`, and write the key here or into keys_file");
    }
}

/// 32 bytes in base64 or base64url, padded or not.
fn parse(text: &str) -> Result<Secret<[u8; 32]>, String> {
    if secret::is_placeholder(text) {
        return Err("it is the example's placeholder; run `tokigate keygen`, and put what it prints here".to_owned());
    }
    let url_safe = text.replace('+', "-").replace('/', "_");
    let url_safe = Zeroizing::new(url_safe);
    let bytes = ANY_PADDING.decode(url_safe.as_bytes()).map(Zeroizing::new);
    let bytes = bytes.map_err(|_| "it is no key in base64; run `tokigate keygen`".to_owned())?;
    let key = <[u8; 32]>::try_from(bytes.as_slice());
    let key = key.map_err(|_| format!("it is {} bytes long, not 32; run `tokigate keygen`", bytes.len()))?;
    if key.iter().all(|byte| *byte == key[0]) {
        return Err("it is the same byte over and over; run `tokigate keygen`".to_owned());
    }
    Ok(Secret::new(key))
}

/// Bits that a last character leaves over are taken as they come: other tools leave some.
const ANY_PADDING: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_however_its_base64_is_written() {
        let bytes: Vec<u8> = (0..32).map(|index| 0xff - index * 7).collect();
        for text in [
            base64::engine::general_purpose::STANDARD.encode(&bytes),
            base64::engine::general_purpose::STANDARD_NO_PAD.encode(&bytes),
            base64::engine::general_purpose::URL_SAFE.encode(&bytes),
            base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&bytes),
        ] {
            assert_eq!(parse(&text).unwrap().expose()[..], bytes, "{text}");
        }
    }

    #[test]
    fn what_is_no_key_says_how_to_make_one_and_not_what_it_holds() {
        for text in ["<tokigate keygen>", "", "secret", "c2hvcnQ", &"A".repeat(43), &"ab".repeat(40), "sécret-ключ"]
        {
            let wrong = parse(text).unwrap_err();
            assert!(wrong.contains("tokigate keygen"), "{wrong}");
            assert!(text.is_empty() || text.starts_with('<') || !wrong.contains(text), "{wrong}");
        }
    }

    #[test]
    fn a_file_has_a_key_on_each_line_that_is_neither_blank_nor_a_comment() {
        let path = std::env::temp_dir().join(format!("tokigate-keys-{}", std::process::id()));
        let (one, two) =
            ("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", "_-7d3Myrqpqpq6qbqaqbqaqbqaqbqaqbqaqbqaqbqao=");
        std::fs::write(&path, format!("# new\n{one}\n\n  {two}\r\n# end\n")).unwrap();
        assert_eq!(read_file(&path).unwrap().len(), 2);
        std::fs::write(&path, format!("{one}\nnot-a-key\n")).unwrap();
        let wrong = read_file(&path).unwrap_err();
        assert!(wrong.ends_with(":2: it is no key in base64; run `tokigate keygen`"), "{wrong}");
        std::fs::write(&path, "# nothing\n").unwrap();
        assert!(read_file(&path).unwrap_err().contains("holds no key"));
        std::fs::remove_file(&path).unwrap();
        assert!(read_file(&path).unwrap_err().contains("cannot be read"));
    }
}
