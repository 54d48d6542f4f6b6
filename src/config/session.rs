//! `[session]`: how long, and in which cookies.

use std::time::Duration;

use super::given::quoted;
use super::measure::{OrNone, Size, Time};
use super::public::{DEFAULT_PREFIX, Places};
use super::raw;
use super::report::Report;
use super::server::{positive, size};
use super::value::{At, One};
use crate::gate::PublicUrl;
use crate::session::Lifetimes;
use crate::store::cookie::{SameSite, Settings};
use crate::wire::CookieNames;
use crate::wire::cookies::{ATTEMPT_SLOTS, MAX_PIECES, NamePattern, Part};

pub fn lifetimes(written: &raw::Session, report: &mut Report) -> Lifetimes {
    let default = Lifetimes::default();
    let lifetime = positive(&written.lifetime, default.lifetime, report);
    if lifetime > LONGEST {
        report.wrong_key(&written.lifetime, format!("browsers keep no cookie longer than {}", Time(LONGEST)));
    }
    let idle_timeout = written.idle_timeout.or(default.idle_timeout.map(Time).into(), report);
    match idle_timeout {
        OrNone::Some(idle) if idle.0.is_zero() => {
            report.wrong_key(&written.idle_timeout, "zero would end every session at once; write off, or a duration");
        }
        OrNone::Some(idle) if idle.0 >= lifetime => {
            if let Some(at) = written.idle_timeout.written() {
                report.warn(at, format!("it does nothing: lifetime ends the session after {}", Time(lifetime)));
            }
        }
        OrNone::Some(_) | OrNone::None => {}
    }
    let refresh_before = written.refresh_before.noted(report).map(|at| at.value.0);
    match refresh_before {
        None => report.value(&written.refresh_before.key, None, quoted("60s")),
        Some(before) if before >= lifetime => {
            report.wrong_key(
                &written.refresh_before,
                format!("it is not shorter than session.lifetime {}", Time(lifetime)),
            );
        }
        Some(_) => {}
    }
    Lifetimes {
        lifetime,
        idle_timeout: idle_timeout.into_option().map(|time| time.0),
        end_with_token: written.end_with_token.or(default.end_with_token, report),
        refresh_before,
        outage_grace: written.outage_grace.or(Time(default.outage_grace), report).0,
    }
}

pub fn cookies(
    written: &raw::Configuration,
    places: &Places,
    header_bytes: usize,
    lifetimes: Lifetimes,
    report: &mut Report,
) -> Settings {
    let session = &written.session;
    let mut names =
        CookieNames { base: cookie_name(session, places, report), secure: !places.is_plain(), drop: Vec::new() };
    names.drop = drop_cookies(session, &names, report);
    let budget = size(&session.cookie_budget, BUDGET, (BUDGET_LEAST, BUDGET_MOST), report);
    if budget + REST_OF_HEAD > header_bytes {
        let most = Size((header_bytes.saturating_sub(REST_OF_HEAD)) as u64);
        report.wrong_key(
            &session.cookie_budget,
            format!("limits.header_bytes would refuse such requests; write at most {most}, or raise it"),
        );
    }
    Settings {
        names,
        same_site: session.same_site.or(One(SameSite::default()), report).0,
        budget,
        client_id: written.provider.client_id.written().map(|at| at.value.clone()).unwrap_or_default(),
        lifetimes,
    }
}

fn cookie_name(session: &raw::Session, places: &Places, report: &mut Report) -> String {
    let Some(at) = session.cookie_name.noted(report).cloned() else {
        let name = default_name(places);
        report.value(&session.cookie_name.key, None, quoted(&name));
        return name;
    };
    let name = &at.value;
    let lower = name.to_ascii_lowercase();
    if name.is_empty() || name.len() > LONGEST_NAME || !name.bytes().all(is_name) {
        report.wrong(
            &at,
            format!("{name:?} is no name of a cookie; write letters, digits, - and _, at most {LONGEST_NAME}"),
        );
    } else if lower.starts_with("__") && places.is_plain() {
        report.wrong(&at, format!("browsers take {name} over https only; leave it out on plain-http loopback"));
    } else if lower.starts_with("__") && !["__Host-", "__Secure-"].iter().any(|prefix| name.starts_with(prefix)) {
        report.wrong(&at, format!("{name:?} begins with no prefix that browsers know; write __Host-…"));
    } else if !places.is_plain() && !name.starts_with("__Host-") {
        report.warn(&at, "without __Host- in front, other hosts of the same domain can overwrite the cookie");
    }
    at.value
}

/// interface.md `cookie_name`. Of several addresses the first names the cookie: it is one configuration.
fn default_name(places: &Places) -> String {
    let base = match places.public_urls.first() {
        Some(url) if places.is_plain() => format!("tokigate-{}", url.port()),
        Some(_) | None => "__Host-tokigate".to_owned(),
    };
    let path = places.public_urls.iter().map(|url: &PublicUrl| url.path.as_str()).find(|path| !path.is_empty());
    let prefix = Some(places.prefix.as_str()).filter(|prefix| *prefix != DEFAULT_PREFIX);
    let joined = path.into_iter().chain(prefix).flat_map(|path| path.split('/')).filter(|segment| !segment.is_empty());
    joined.fold(base, |name, segment| {
        let segment: String = segment.chars().map(|c| if c.is_ascii() && is_name(c as u8) { c } else { '_' }).collect();
        format!("{name}-{segment}")
    })
}

/// No dot: that begins our suffixes.
fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

fn drop_cookies(session: &raw::Session, names: &CookieNames, report: &mut Report) -> Vec<NamePattern> {
    let mut patterns = Vec::new();
    for at in session.drop_cookies.or(Vec::new(), report) {
        match wrong_pattern(&at, names) {
            Some(text) => report.wrong(&at, text),
            None => patterns.push(NamePattern(at.value)),
        }
    }
    patterns
}

fn wrong_pattern(at: &At<String>, names: &CookieNames) -> Option<String> {
    let pattern = NamePattern(at.value.clone());
    if at.value.is_empty()
        || !at.value.bytes().all(|byte| byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?={}".contains(&byte))
    {
        return Some(format!("{:?} is no name of a cookie", at.value));
    }
    if at.value.bytes().all(|byte| byte == b'*') {
        return Some("it would take every cookie of the application; write names, as in \"_oauth2_proxy*\"".to_owned());
    }
    let pieces = (0..MAX_PIECES).flat_map(|index| [Part::Identity(index), Part::Tokens(index)]);
    let attempts = (0..ATTEMPT_SLOTS).map(Part::Attempt);
    let own = pieces.chain(attempts).chain([Part::SignedOut, Part::Returned]).map(|part| names.name(part));
    own.into_iter()
        .find(|name| pattern.matches(name.as_bytes()))
        .map(|name| format!("{:?} would take the gate's own cookie {name}", at.value))
}

/// RFC 6265bis §5.5: 400 days.
const LONGEST: Duration = Duration::from_secs(400 * 86_400);
const LONGEST_NAME: usize = 100;
const BUDGET: usize = 7 * 1024;
/// An identity part, its attempts and a small token have to fit.
const BUDGET_LEAST: u64 = 2 * 1024;
/// Sixteen pieces of each part are read.
const BUDGET_MOST: u64 = 60 * 1024;
/// What a request's head holds besides cookies of ours.
const REST_OF_HEAD: usize = 2 * 1024;
