use std::io;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;
use tracing::Level;

use super::*;

/// What is written, kept.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl io::Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn settings(level: Level) -> Settings {
    Settings { format: Format::Auto, level, access: true, user: User::Hash, query: false }
}

fn written(surface: Surface, level: Level, say: impl FnOnce()) -> String {
    let kept = Kept::default();
    let writer = kept.clone();
    tracing::subscriber::with_default(subscriber(&settings(level), surface, move || writer.clone()), say);
    let bytes = kept.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn an_event_is_one_json_object_with_its_fields_beside_time_level_and_message() {
    let text = written(Surface::Json, Level::INFO, || {
        tracing::info!(status = 200_u16, user = "Бат\n\"x\"", ok = true, absent = None::<u8>, "request");
    });
    assert_eq!(text.matches('\n').count(), 1, "{text}");
    let line: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["message"], "request");
    assert_eq!(line["status"], 200);
    assert_eq!(line["user"], "Бат\n\"x\"");
    assert_eq!(line["ok"], true);
    let time = line["timestamp"].as_str().unwrap();
    assert!(humantime::parse_rfc3339(time).is_ok() && time.len() == "2026-11-25T03:33:12.123Z".len(), "{time}");
    let names: Vec<_> = line.as_object().unwrap().keys().collect();
    assert_eq!(names, ["timestamp", "level", "message", "status", "user", "ok"]);
}

#[test]
fn text_is_one_line_whatever_a_field_holds_and_has_no_colour_off_a_terminal() {
    let say = || tracing::warn!(error = %"first\nsecond\u{1b}[31m", path = "/a", name = "a b", "it\nbroke");
    let text = written(Surface::Plain, Level::INFO, say);
    assert_eq!(text.matches('\n').count(), 1, "{text}");
    assert!(text.ends_with(" WARN it\\nbroke error=first\\nsecond\\u{1b}[31m path=/a name=\"a b\"\n"), "{text}");
    assert!(!text.contains('\u{1b}'));
    assert!(written(Surface::Coloured, Level::INFO, say).contains("\u{1b}[2mpath=\u{1b}[0m/a"));
}

#[test]
fn other_crates_are_heard_from_warn_on_at_every_level_and_ours_as_the_setting_says() {
    let say = || {
        tracing::debug!("ours");
        tracing::debug!(target: "hyper::proto", authorization = "secret", "theirs");
        tracing::info!(target: "reqwest", "theirs");
        tracing::warn!(target: "rustls", "warning");
    };
    let all = written(Surface::Json, Level::TRACE, say);
    assert!(all.contains("\"ours\"") && all.contains("\"warning\"") && !all.contains("theirs"), "{all}");
    let few = written(Surface::Json, Level::ERROR, say);
    assert_eq!(few, "");
}

#[test]
fn spans_add_nothing_to_a_line() {
    let text = written(Surface::Json, Level::TRACE, || {
        let span = tracing::info_span!("request", cookie = "secret");
        span.in_scope(|| tracing::info!("inside"));
    });
    assert!(!text.contains("secret") && !text.contains("span"), "{text}");
}

#[test]
fn auto_is_text_on_a_terminal_and_json_elsewhere_and_colour_is_a_terminals() {
    assert_eq!(Surface::of(Format::Auto, true, false), Surface::Coloured);
    assert_eq!(Surface::of(Format::Auto, true, true), Surface::Plain);
    assert_eq!(Surface::of(Format::Auto, false, false), Surface::Json);
    assert_eq!(Surface::of(Format::Text, false, false), Surface::Plain);
    assert_eq!(Surface::of(Format::Json, true, false), Surface::Json);
}
