//! `tokigate schema`: the configuration's JSON Schema, for editors.

use std::io;

use super::{Console, Exit};
use crate::config;

pub(super) fn schema(console: &mut Console<'_>) -> io::Result<Exit> {
    writeln!(console.out, "{:#}", config::schema())?;
    Ok(Exit::Done)
}
