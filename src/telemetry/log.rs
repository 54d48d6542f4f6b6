//! Logs: JSON lines off a terminal, readable on one.

mod lines;

use std::fmt;
use std::io::IsTerminal as _;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use tracing::Subscriber;
use tracing::field::Field;
use tracing_subscriber::Layer as _;
use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use self::lines::Lines;
use crate::clock::Clock;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Format {
    /// Text on a terminal, JSON elsewhere.
    #[default]
    Auto,
    Text,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum User {
    /// A stable keyed hash.
    #[default]
    Hash,
    Id,
    Off,
}

#[derive(Clone, Debug)]
pub struct Settings {
    pub format: Format,
    /// Of this crate's events. Other crates are never heard below `warn`: what they say of requests may hold secrets.
    pub level: tracing::Level,
    /// Whether each request is an event; asked by whoever would write it.
    pub access: bool,
    pub user: User,
    /// Whether query strings are logged.
    pub query: bool,
}

/// Installs the process's one subscriber. Standard output; a second call changes nothing.
pub fn start(settings: &Settings) {
    let out = std::io::stdout();
    let surface = Surface::of(settings.format, out.is_terminal(), std::env::var_os("NO_COLOR").is_some());
    // Without standard output there is nobody to tell.
    let Ok(lines) = Lines::on(&out, surface == Surface::Json) else { return };
    let _ = subscriber(settings, surface, Arc::new(lines)).try_init();
}

/// What is written to, as far as the lines' looks depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Surface {
    Json,
    Plain,
    Coloured,
}

impl Surface {
    fn of(format: Format, terminal: bool, no_color: bool) -> Surface {
        match format {
            Format::Json => Surface::Json,
            Format::Auto if !terminal => Surface::Json,
            Format::Auto | Format::Text if terminal && !no_color => Surface::Coloured,
            Format::Auto | Format::Text => Surface::Plain,
        }
    }
}

fn subscriber<W>(settings: &Settings, surface: Surface, writer: W) -> impl Subscriber + Send + Sync + use<W>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let level = LevelFilter::from_level(settings.level);
    let heard = Targets::new().with_default(level.min(LevelFilter::WARN)).with_target(OURS, level);
    // An error while writing would be told on standard error, with a panic where that is closed too.
    let base = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_timer(Rfc3339(Clock::system()))
        .with_target(false)
        .log_internal_errors(false);
    let layer = match surface {
        Surface::Json => {
            base.json().flatten_event(true).with_current_span(false).with_span_list(false).with_filter(heard).boxed()
        }
        Surface::Plain | Surface::Coloured => base
            .with_ansi(surface == Surface::Coloured)
            .fmt_fields(debug_fn(in_one_line).delimited(" "))
            .with_filter(heard)
            .boxed(),
    };
    tracing_subscriber::registry().with(layer)
}

/// A field as text: what could begin a new line, or steer a terminal, is escaped; a plain word needs no quotes.
fn in_one_line(writer: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    if field.name() != "message" {
        let (dim, end) = if writer.has_ansi_escapes() { ("\x1b[2m", "\x1b[0m") } else { ("", "") };
        write!(writer, "{dim}{}={end}", field.name())?;
    }
    let text = format!("{value:?}");
    let quoted = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let is_word = |text: &&str| !text.is_empty() && !text.contains([' ', '"', '\\', '=']);
    for char in quoted.filter(is_word).unwrap_or(&text).chars() {
        if char.is_control() { write!(writer, "{}", char.escape_default())? } else { writer.write_char(char)? }
    }
    Ok(())
}

/// RFC 3339 in UTC, to the millisecond.
struct Rfc3339(Clock);

impl FormatTime for Rfc3339 {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        let now = UNIX_EPOCH + Duration::from_millis(self.0.now().unix_millis());
        write!(writer, "{}", humantime::format_rfc3339_millis(now))
    }
}

/// The beginning of every target that is ours.
const OURS: &str = "tokigate";

#[cfg(test)]
mod tests;
