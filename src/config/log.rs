//! `[log]`.

use super::raw;
use super::report::Report;
use super::value::One;
use crate::telemetry::log::{Format, Settings, User};

pub fn settings(written: &raw::Log, report: &mut Report) -> Settings {
    Settings {
        format: written.format.or(One(Format::default()), report).0,
        level: written.level.or(One(tracing::Level::INFO), report).0,
        access: written.access.or(true, report),
        user: written.user.or(One(User::default()), report).0,
        query: written.query.or(false, report),
    }
}
