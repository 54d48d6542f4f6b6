//! The architecture: imports only point down, nothing pure awaits, and "where is it?" has a one-word answer. The picture in src/lib.rs is the rule;
//! `main` stands above it, and `testing`, which is for tests alone.

mod source;

use source::{Source, all, sources};

/// Every room and what it may import, from the top of the picture to its bottom. What is not said is not allowed.
const ROOMS: &[(&str, &[&str])] = &[
    // What a person types, and what tests of the whole program start.
    ("main", &["cli"]),
    (
        "cli",
        &[
            "server",
            "demo",
            "config",
            "provider",
            "store",
            "upstream",
            "telemetry",
            "tls",
            "gate",
            "session",
            "wire",
            "oidc",
            "clock",
        ],
    ),
    (
        "testing",
        &[
            "server",
            "config",
            "provider",
            "store",
            "upstream",
            "telemetry",
            "tls",
            "gate",
            "session",
            "wire",
            "oidc",
            "clock",
        ],
    ),
    (
        "server",
        &[
            "config",
            "provider",
            "store",
            "upstream",
            "files",
            "telemetry",
            "tls",
            "gate",
            "session",
            "wire",
            "oidc",
            "clock",
        ],
    ),
    ("demo", &[]),
    ("config", &["provider", "store", "upstream", "telemetry", "tls", "gate", "session", "wire", "oidc", "clock"]),
    ("provider", &["store", "files", "telemetry", "tls", "gate", "session", "wire", "oidc", "clock"]),
    ("store", &["telemetry", "gate", "session", "wire", "oidc", "clock"]),
    ("upstream", &["telemetry", "tls", "gate", "session", "wire", "oidc", "clock"]),
    ("files", &["telemetry"]),
    ("telemetry", &["clock"]),
    ("tls", &["clock"]),
    ("gate", &["session", "wire", "oidc", "clock"]),
    ("session", &["wire", "oidc", "clock"]),
    ("wire", &["clock"]),
    ("oidc", &["clock"]),
    ("clock", &[]),
];

/// Below the line of the picture.
const PURE: [&str; 4] = ["gate", "session", "wire", "oidc"];

const LONGEST_FILE: usize = 400;

#[test]
fn imports_only_point_down() {
    let mut found = 0;
    let mut wrong = Vec::new();
    for source in sources() {
        let room = source.room();
        if room == "lib" {
            continue;
        }
        let Some((_, below)) = ROOMS.iter().find(|(name, _)| *name == room) else {
            panic!("{}: a room that is not in the picture", source.path);
        };
        for imported in source.imports() {
            found += 1;
            if imported != room && !below.contains(&imported.as_str()) {
                wrong.push(format!("{} imports {imported}", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(found > 200, "imports are no longer found: {found}");
}

/// Then what points down along it makes no cycle.
#[test]
fn the_picture_has_no_cycle() {
    for (index, (room, below)) in ROOMS.iter().enumerate() {
        for imported in *below {
            assert!(ROOMS[index + 1..].iter().any(|(lower, _)| lower == imported), "{imported} is not below {room}");
        }
    }
}

#[test]
fn the_picture_is_drawn_alike_wherever_it_is_shown() {
    let lib = std::fs::read_to_string(source::root().join("src/lib.rs")).expect("lib.rs");
    let picture: Vec<&str> = lib
        .lines()
        .map(|line| line.strip_prefix("//!").unwrap_or_default().trim())
        .skip_while(|line| *line != "```text")
        .take_while(|line| *line != "```")
        .collect();
    let shown = std::fs::read_to_string(source::root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let shown: Vec<&str> = shown.lines().map(str::trim).collect();
    assert!(picture.len() > 10 && shown.windows(picture.len()).any(|window| window == picture), "{picture:#?}");
}

#[test]
fn nothing_below_the_line_awaits() {
    for source in sources().filter(|source| PURE.contains(&source.room())) {
        for word in ["async", "await", "tokio", "reqwest", "hyper", "spawn", "Instant", "SystemTime", "getrandom"] {
            let is_chance_for_sealing = word == "getrandom" && source.room() == "session";
            assert!(is_chance_for_sealing || !source.has_word(word), "{}: {word}", source.path);
        }
    }
}

/// The demo imports nothing of ours, so not the clock either.
#[test]
fn only_the_clock_reads_the_time() {
    for source in sources().filter(|source| source.room() != "demo" && source.path != "src/clock.rs") {
        for reading in ["SystemTime::now", "UNIX_EPOCH.elapsed", "UNIX_EPOCH).elapsed"] {
            assert!(!source.whole.contains(reading), "{}: {reading}", source.path);
        }
    }
}

/// Elsewhere a status is only compared with what somebody else answered, and no line of bytes begins with one.
#[test]
fn only_answers_say_status_codes() {
    for source in sources() {
        if source.room() == "demo" || source.path.starts_with("src/server/answer/") || source.code.is_empty() {
            continue;
        }
        let product = source.text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
        for (at, start) in product.match_indices("HTTP/1.1 ") {
            let status = product[at + start.len()..].split_once(' ').map(|(status, _)| status);
            let is_status = status.is_some_and(|status| status.len() == 3 && status.parse::<u16>().is_ok());
            assert!(!is_status, "{}: a status line is written", source.path);
        }
        for (at, _) in source.code.match_indices("StatusCode::") {
            let before = source.code[..at].trim_end();
            assert!(before.ends_with("==") || before.ends_with("!="), "{}: a status is written", source.path);
        }
    }
}

#[test]
fn files_are_short_enough_to_be_read() {
    for source in all() {
        assert!(source.lines < LONGEST_FILE, "{}: {} lines", source.path, source.lines);
    }
}

#[test]
fn a_lint_is_expected_with_a_reason_and_never_just_allowed() {
    for source in all() {
        let tight: String = source.whole.chars().filter(|char| !char.is_whitespace()).collect();
        assert!(!tight.contains("#[allow("), "{}", source.path);
        assert!(!tight.contains("#![allow("), "{}", source.path);
        for expected in tight.split("[expect(").skip(1) {
            let attribute = expected.split(")]").next().unwrap_or_default();
            assert!(attribute.contains("reason="), "{}: {attribute} has no reason", source.path);
        }
    }
}

/// At info and above; what is below is for who reads the source. An event stands first in its line.
#[test]
fn every_line_of_the_log_is_an_event_that_operators_are_told_of() {
    let table = std::fs::read_to_string(source::root().join("docs/operating.md")).expect("operating.md");
    let mut found = 0;
    for source in sources().filter(|source| source.room() != "demo") {
        for line in ["tracing::error!(", "tracing::warn!(", "tracing::info!("] {
            for (at, _) in source.code.match_indices(line) {
                found += 1;
                let has_event = source.code[at + line.len()..].trim_start().starts_with("event");
                assert!(has_event, "{}: a line of the log without an event", source.path);
            }
        }
        let text = std::fs::read_to_string(source::root().join(&source.path)).expect("a source is text");
        for said in text.split("event = \"").skip(1) {
            let event = said.split('"').next().unwrap_or_default();
            assert!(table.contains(&format!("`{event}`")), "{}: {event} is not in docs/operating.md", source.path);
        }
    }
    assert!(found > 30, "lines of the log are no longer found: {found}");
}

/// What the reader of sources would have to find.
#[test]
fn no_import_hides_from_the_reader() {
    let source = Source::read(
        "src/gate/rules/one.rs",
        r##"
        use crate::{clock::Clock, wire::{Ask, oidc}};
        use crate::session;
        // crate::server
        /* crate::cli /* crate::cli */ crate::cli */
        pub(in crate::gate) fn f<'a>(c: &'a str) -> crate :: config::X { "crate::demo"; r#"crate::demo "quoted" "#; b'"'; '\''; crate::upstream::y() }
        use super::super::super::store::Z;
        use super::super::telemetry::of_the_gate;
        #[cfg(test)]
        #[path = "x.rs"]
        mod tests { use crate::provider; fn g() { '}'; "}"; } }
        #[cfg(test)]
        use crate::provider;
        #[cfg(test)]
        pub fn for_test(x: crate::provider::X) -> [u8; 2] { async {} }
        "##,
    );
    assert_eq!(source.imports(), ["clock", "wire", "session", "gate", "config", "upstream", "store"]);
    assert!(!source.has_word("async") && source.has_word("Clock") && !source.has_word("Cloc"));
}
