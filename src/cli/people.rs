//! Who can sign in at the stand-in, as `demo` and `provider` say it.

use std::io;
use std::path::Path;

use serde_json::Value;

use super::{Console, Exit};
use crate::demo::provider::{User, Users};

/// From the file, where one is named; its mistake is the command line's.
pub(super) fn users(file: Option<&Path>, console: &mut Console<'_>) -> io::Result<Result<Users, Exit>> {
    match file.map_or_else(|| Ok(Users::demo()), Users::from_file) {
        Ok(users) => Ok(Ok(users)),
        Err(error) => Ok(Err(console.misused(&error.to_string())?)),
    }
}

/// A line for each: name, identifier, address, groups. At most a dozen.
pub(super) fn lines(users: &Users) -> Vec<String> {
    let widest = users.iter().take(MOST).map(|user| user.display_name().chars().count()).max().unwrap_or_default();
    let mut lines: Vec<_> = users.iter().take(MOST).map(|user| line(user, widest)).collect();
    match users.iter().count().saturating_sub(MOST) {
        0 => {}
        more => lines.push(format!("and {more} more")),
    }
    lines
}

fn line(user: &User, widest: usize) -> String {
    let name = user.display_name();
    let email = user.claims.get("email").and_then(Value::as_str);
    let groups = user.claims.get("groups").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let groups = groups.map(|group| format!("[{group}]")).collect::<Vec<_>>().join(" ");
    let told = [user.id.as_str(), email.unwrap_or_default(), &groups];
    let told: Vec<_> = told.into_iter().filter(|part| !part.is_empty()).collect();
    format!("{name:<widest$}  {}", told.join("  "))
}

const MOST: usize = 12;
