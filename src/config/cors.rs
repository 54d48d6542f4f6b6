//! `[cors]`: pages of other origins whose scripts use this application.

use super::public::{origin, shown};
use super::raw;
use super::report::Report;
use crate::wire::Host;

/// As browsers write them.
pub fn origins(written: &raw::Cors, report: &mut Report) -> Vec<String> {
    let mut origins = Vec::new();
    for at in written.origins.or(Vec::new(), report) {
        let told = shown(&at.value);
        let origin = match (at.value.as_str(), origin(&at)) {
            ("*", _) => {
                Err("\"*\" is every page there is, with this browser's session; write each origin: https://other.example.mn".to_owned())
            }
            ("null", _) => Err("\"null\" is what any file and any sandboxed frame is; write an origin: https://other.example.mn".to_owned()),
            (_, None) => Err(format!("{told} is no origin; write scheme, host and port alone: https://other.example.mn")),
            (_, Some(origin)) => is_safe(&origin).map(|()| origin).map_err(|mend| {
                format!("{told} is not encrypted, so anybody on the way could be that page; write {mend}")
            }),
        };
        match origin {
            Ok(origin) if origins.contains(&origin) => report.wrong(&at, "it is there twice"),
            Ok(origin) => origins.push(origin),
            Err(text) => report.wrong(&at, text),
        }
    }
    origins
}

/// Encrypted, or on this machine. Else what to write.
fn is_safe(origin: &str) -> Result<(), String> {
    let (scheme, host) = origin.split_once("://").unwrap_or_default();
    let on_this_machine = Host::parse(host.as_bytes()).is_some_and(|host| host.is_loopback());
    if scheme == "https" || on_this_machine { Ok(()) } else { Err(format!("https://{host}")) }
}
