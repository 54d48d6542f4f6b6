//! Readings of a request target: every way an application might understand a path (interface.md "No second reading opens anything").
//!
//! Seven transformations (percent-decoding, at most twice, and all of it but `%2F`; `\` as `/`; `;…` cut from segments; `//` joined; dot segments removed; what stands behind
//! `//` at the beginning taken for a host) are applied until nothing new comes of any of them, in any order. Lower case and the slash at the end
//! are the matching's matter (`rules.rs`). What real servers read is in docs/paths.md.

/// Whether a path has no second reading but the one in lower case. Looks once at every byte and allocates nothing: nearly every request ends here.
pub fn is_plain(path: &str) -> bool {
    let Some(rest) = path.strip_prefix('/') else { return false };
    let bytes = rest.as_bytes();
    let mut start = 0;
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'/' if at == start || is_dots(&bytes[start..at]) => return false,
            b'/' => start = at + 1,
            b'%' | b'\\' | b';' => return false,
            byte if byte.is_ascii_graphic() => {}
            _ => return false,
        }
    }
    !is_dots(&bytes[start..])
}

/// Every reading of a path that is not plain.
#[derive(Debug)]
pub struct Readings {
    /// As sent first.
    pub all: Vec<Vec<u8>>,
    /// A malformed percent in the target as sent, or a control character that was decoded: how an application reads it nobody knows. What it might
    /// make of it is among the readings: the character kept, left out, or taken for the end.
    pub damaged: bool,
    /// Some reading is not UTF-8: it may close, but never open (security.md P-12).
    pub opaque: bool,
}

/// So many readings that nobody means well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany;

impl Readings {
    pub fn of(path: &str) -> Result<Readings, TooMany> {
        let mut found = Found { all: Vec::new(), room: MOST_BYTES + MOST_COPIES * path.len() };
        let mut damaged = false;
        found.add(path.as_bytes().to_vec(), 0)?;
        let mut next = 0;
        while next < found.all.len() {
            let (text, decodings) = found.all[next].clone();
            next += 1;
            let transformed =
                [slashes(&text), without_parameters(&text), joined(&text), without_dots(&text), without_host(&text)];
            for transformed in transformed.into_iter().flatten() {
                found.add(transformed, decodings)?;
            }
            if decodings == MOST_DECODINGS {
                continue;
            }
            // With dots that are dots and slashes that are none (Apache, `AllowEncodedSlashes NoDecode`).
            if let Some(kept) = decoded_but_slashes(&text) {
                found.add(kept, decodings + 1)?;
            }
            let Some(mut decoded) = decoded(&text) else { continue };
            // A percent sign that was decoded is one, whatever a second decoding makes of it.
            decoded.malformed &= decodings == 0;
            damaged |= decoded.control || decoded.malformed;
            for guess in decoded.guesses() {
                found.add(guess, decodings + 1)?;
            }
            found.add(decoded.text, decodings + 1)?;
        }
        let all: Vec<Vec<u8>> = found.all.into_iter().map(|(text, _)| text).collect();
        let opaque = all.iter().any(|reading| std::str::from_utf8(reading).is_err());
        Ok(Readings { all, damaged, opaque })
    }
}

/// Readings with the number of decodings that led to each.
struct Found {
    all: Vec<(Vec<u8>, u8)>,
    /// For so many bytes more.
    room: usize,
}

impl Found {
    /// A text that was found with more decodings is followed again: with fewer it may be decoded further.
    fn add(&mut self, text: Vec<u8>, decodings: u8) -> Result<(), TooMany> {
        if self.all.iter().any(|(known, after)| *after <= decodings && *known == text) {
            return Ok(());
        }
        if self.all.len() == MOST_READINGS {
            return Err(TooMany);
        }
        self.room = self.room.checked_sub(text.len()).ok_or(TooMany)?;
        self.all.push((text, decodings));
        Ok(())
    }
}

struct Decoded {
    /// Malformed percents stay as they are.
    text: Vec<u8>,
    malformed: bool,
    control: bool,
}

impl Decoded {
    /// What applications make of a control character or a malformed percent: leave it out, or end there.
    fn guesses(&self) -> Vec<Vec<u8>> {
        let mut guesses = Vec::new();
        if self.control {
            guesses.push(self.text.iter().copied().filter(|byte| !byte.is_ascii_control()).collect());
            guesses.extend(
                self.text.split(u8::is_ascii_control).next().filter(|start| !start.is_empty()).map(<[u8]>::to_vec),
            );
        }
        if self.malformed {
            guesses.push(self.text.iter().copied().filter(|byte| *byte != b'%').collect());
        }
        guesses
    }
}

/// What is malformed stays as it is, and is noticed where everything is decoded. `None` where that makes no difference.
fn decoded_but_slashes(path: &[u8]) -> Option<Vec<u8>> {
    let starts = |rest: &[u8]| rest.len() >= 3 && rest[..2] == *b"%2" && rest[2].eq_ignore_ascii_case(&b'f');
    let first = (0..path.len()).find(|at| starts(&path[*at..]))?;
    let mut text = Vec::with_capacity(path.len());
    let (mut rest, mut at) = (path, first);
    loop {
        let (before, from) = rest.split_at(at);
        text.extend(decoded(before).map_or_else(|| before.to_vec(), |decoded| decoded.text));
        let Some((slash, after)) = from.split_at_checked(3) else { break };
        text.extend_from_slice(slash);
        rest = after;
        at = (0..rest.len()).find(|at| starts(&rest[*at..])).unwrap_or(rest.len());
    }
    (text != path).then_some(text)
}

/// `None` where there is no percent sign.
fn decoded(path: &[u8]) -> Option<Decoded> {
    if !path.contains(&b'%') {
        return None;
    }
    let mut decoded = Decoded { text: Vec::with_capacity(path.len()), malformed: false, control: false };
    let mut rest = path;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        let byte = match (byte, after) {
            (b'%', [high, low, after @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    rest = after;
                    let byte = high << 4 | low;
                    decoded.control |= byte.is_ascii_control();
                    byte
                }
                (None, _) | (_, None) => {
                    decoded.malformed = true;
                    b'%'
                }
            },
            (b'%', _) => {
                decoded.malformed = true;
                b'%'
            }
            (byte, _) => byte,
        };
        decoded.text.push(byte);
    }
    Some(decoded)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

/// `\` as `/`.
fn slashes(path: &[u8]) -> Option<Vec<u8>> {
    path.contains(&b'\\').then(|| path.iter().map(|byte| if *byte == b'\\' { b'/' } else { *byte }).collect())
}

/// `;…` cut from every segment (path parameters, RFC 3986 §3.3).
fn without_parameters(path: &[u8]) -> Option<Vec<u8>> {
    if !path.contains(&b';') {
        return None;
    }
    let cut: Vec<&[u8]> = path
        .split(|byte| *byte == b'/')
        .map(|segment| segment.split(|byte| *byte == b';').next().unwrap_or_default())
        .collect();
    Some(cut.join(&b'/'))
}

fn joined(path: &[u8]) -> Option<Vec<u8>> {
    let mut text = path.to_vec();
    text.dedup_by(|byte, before| *byte == b'/' && *before == b'/');
    (text.len() != path.len()).then_some(text)
}

/// `//host/path` is a reference to another host (RFC 3986 §4.2), and some resolve targets like references: `new URL(url, base)`, with any number of
/// slashes; `parse_url`.
fn without_host(path: &[u8]) -> Option<Vec<u8>> {
    if !path.starts_with(b"//") {
        return None;
    }
    let host = path.iter().position(|byte| *byte != b'/').unwrap_or(path.len());
    let end = path[host..].iter().position(|byte| *byte == b'/');
    Some(end.map_or(b"/".to_vec(), |end| path[host + end..].to_vec()))
}

/// RFC 3986 §5.2.4.
fn without_dots(path: &[u8]) -> Option<Vec<u8>> {
    if !path.split(|byte| *byte == b'/').any(is_dots) {
        return None;
    }
    let mut kept: Vec<&[u8]> = Vec::new();
    let mut segments = path.split(|byte| *byte == b'/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            b"." => {}
            b".." => {
                kept.pop();
            }
            _ => {
                kept.push(segment);
                continue;
            }
        }
        // `/a/..` is `/`, `/a/.` is `/a/`.
        if is_last {
            kept.push(b"");
        }
    }
    let mut text = vec![b'/'];
    text.extend(kept.join(&b'/'));
    Some(text)
}

fn is_dots(segment: &[u8]) -> bool {
    segment == b"." || segment == b".."
}

/// By Unicode, where it is text: an application that folds `K` (U+212A) to `k` is known.
pub fn in_lower_case(reading: &[u8]) -> Vec<u8> {
    match std::str::from_utf8(reading) {
        Ok(text) => text.to_lowercase().into_bytes(),
        Err(_) => reading.to_ascii_lowercase(),
    }
}

/// As far as ASCII goes; beyond it, a letter may always be one.
pub fn has_capitals(reading: &[u8]) -> bool {
    reading.iter().any(|byte| byte.is_ascii_uppercase() || !byte.is_ascii())
}

pub const MOST_DECODINGS: u8 = 2;
/// Ordinary odd paths have a handful; the most that tests have grown is well below.
const MOST_READINGS: usize = 256;
/// All readings together have at most so many bytes, and so many times those of the target: bounds the work that one request can cause, which is
/// judged before anybody is known (docs/performance.md, "What rules cost"). An odd path that somebody means has two or three readings, however long it is.
const MOST_BYTES: usize = 8 * 1024;
const MOST_COPIES: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &str) -> Vec<String> {
        let readings = Readings::of(path).expect("few readings");
        readings.all.iter().map(|reading| String::from_utf8_lossy(reading).into_owned()).collect()
    }

    #[test]
    fn plain_paths_have_no_second_reading() {
        for path in ["/", "/a", "/a/b.c/d-e_f~g", "/a/", "/.well-known/x", "/a/..b/...", "/@scope/x:y,z", "/a|b"] {
            assert!(is_plain(path), "{path}");
            assert_eq!(read(path), [path]);
        }
        for path in [
            "", "a", "*", "//", "//a", "/a//b", "/.", "/..", "/a/.", "/a/..", "/./a", "/a/../b", "/a;b", "/%61",
            "/a\\b", "/a//", "/é", "/a b",
        ] {
            assert!(!is_plain(path), "{path}");
        }
    }

    #[test]
    fn transformations_are_combined_in_every_order() {
        for (path, reading) in [
            ("/x/%2e%2e/admin", "/admin"),
            ("/x/%252e%252e/admin", "/admin"),
            ("/x/..;v=1/admin", "/admin"),
            ("/x/..%3b/admin", "/admin"),
            ("/x\\..\\admin", "/admin"),
            ("/x/%5c../admin", "/admin"),
            ("/x//../../admin", "/admin"),
            ("/x/;/../admin", "/x/admin"),
            ("/x/;/../admin", "/admin"),
            ("//admin", "/admin"),
            ("/%2fadmin", "/admin"),
            ("/x/%2e%2e%2f%61dmin", "/admin"),
            ("/x/..%255cadmin", "/admin"),
            ("/admin/.", "/admin/"),
            ("/../..", "/"),
            ("//x/admin", "/admin"),
            ("///x/%61dmin", "/admin"),
            ("/%5cx/admin", "/admin"),
            ("/a/..//x/admin", "/admin"),
            ("//x", "/"),
            ("/%2e%2e/admin/%2e%2e%2f", "/admin/..%2f"),
            ("/%2e%2e/adm%69n/.%2E%2Fx%252f", "/admin/..%2Fx%2f"),
            ("/a/b%2Fc/%2e%2e/x", "/a/x"),
        ] {
            assert!(read(path).iter().any(|found| found == reading), "{path} reads {reading}: {:?}", read(path));
        }
        assert!(!read("/x/%25252e%25252e/admin").iter().any(|found| found == "/admin"), "thrice is nobody's reading");
    }

    #[test]
    fn damage_is_noticed_and_guessed_at() {
        for path in ["/%", "/%2", "/%zz", "/a%00b", "/a%0a", "/a%2500", "/%7f"] {
            assert!(Readings::of(path).expect("few").damaged, "{path}");
        }
        assert!(!Readings::of("/100%25").expect("few").damaged);
        assert_eq!(read("/adm%25in"), ["/adm%25in", "/adm%in"]);
        for path in ["/ad%09min", "/admin%00.css", "/adm%in"] {
            assert!(read(path).iter().any(|found| found == "/admin"), "{path}: {:?}", read(path));
        }
        assert!(Readings::of("/%ff").expect("few").opaque);
        assert!(!Readings::of("/%D0%91").expect("few").opaque);
    }

    #[test]
    fn the_work_is_bounded() {
        let long = format!("/{}", "%2e%2e/;a//\\".repeat(5_000));
        assert_eq!(Readings::of(&long).map(|readings| readings.all.len()), Err(TooMany));
        let dear = |segments| format!("/x;1/%252e%252e;a/%2fb//%5c..{}", "/a".repeat(segments));
        assert!(Readings::of(&dear(10)).is_ok_and(|readings| readings.all.len() > 100), "where they are short");
        assert_eq!(Readings::of(&dear(2_400)).map(|readings| readings.all.len()), Err(TooMany));
        for meant in ["a%20b/", "Хонь/", "a;v=1/", "%d0%a5%d0%be/", "a//b%2Fc/"] {
            let long = format!("/{}", meant.repeat(4_000));
            assert!(Readings::of(&long).is_ok(), "{meant}");
        }
    }
}
