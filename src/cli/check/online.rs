//! `tokigate check --online`: asks the provider too.

use std::io;
use std::time::Duration;

use crate::cli::run::runtime;
use crate::cli::{Console, Exit};
use crate::clock::Clock;
use crate::provider::Settings;
use crate::provider::probe::{Ability, Reached, probe};

pub(super) fn online(settings: &Settings, console: &mut Console<'_>) -> io::Result<Exit> {
    let probed = match runtime()?.block_on(probe(settings, &Clock::system())) {
        Ok(probed) => probed,
        Err(error) => {
            writeln!(console.err, "{error}")?;
            return Ok(Exit::Misused);
        }
    };
    writeln!(console.out, "\n# The provider:")?;
    let mut exit = Exit::Done;
    for (address, outcome) in &probed.origins {
        match outcome {
            Ok(reached) => {
                writeln!(console.out, "# {address}: {}", told(address, reached))?;
                if reached.status >= 500 || skew(reached) > MOST_SKEW {
                    exit = Exit::Failed;
                }
            }
            Err(why) => {
                writeln!(console.out, "# {address}: {why}")?;
                exit = Exit::Failed;
            }
        }
    }
    for ability in &probed.abilities {
        match ability {
            Ability::Fits(text) => writeln!(console.out, "# {text}")?,
            Ability::Doubtful(text) => writeln!(console.err, "warning: {text}")?,
            Ability::Lacking(text) => {
                writeln!(console.err, "{text}")?;
                exit = Exit::Failed;
            }
        }
    }
    Ok(exit)
}

fn told(address: &str, reached: &Reached) -> String {
    let tls = if address.starts_with("https:") { "its certificate holds" } else { "no TLS" };
    let status = if reached.status >= 500 { format!(", but it answered {}", reached.status) } else { String::new() };
    let clock = match reached.clock {
        None => "it does not tell the time".to_owned(),
        Some(_) if skew(reached) <= UNREMARKABLE => "its clock agrees".to_owned(),
        Some(theirs) => {
            let seconds = skew(reached).as_secs();
            let which = if theirs > reached.ours { "behind" } else { "ahead of" };
            let mend = if skew(reached) > MOST_SKEW { "; set it: ID tokens and sessions are judged by it" } else { "" };
            format!("this machine's clock is {seconds} s {which} its{mend}")
        }
    };
    format!("reached in {} ms{status}; {tls}; {clock}", reached.took.as_millis())
}

fn skew(reached: &Reached) -> Duration {
    let ours = reached.ours;
    reached.clock.map_or(Duration::ZERO, |theirs| ours.since(theirs).max(theirs.since(ours)))
}

/// `Date` has whole seconds, and an answer takes its time.
const UNREMARKABLE: Duration = Duration::from_secs(2);
/// What ID tokens are forgiven.
const MOST_SKEW: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    fn reached(ours: u64, theirs: Option<u64>) -> Reached {
        let clock = theirs.map(Timestamp::from_unix_seconds);
        Reached { status: 405, took: Duration::from_millis(7), ours: Timestamp::from_unix_seconds(ours), clock }
    }

    #[test]
    fn a_clock_that_is_off_is_told_with_its_direction_and_the_mend_where_it_matters() {
        let told = |ours, theirs| told("https://sso.toki.mn", &reached(ours, theirs));
        assert_eq!(told(100, Some(99)), "reached in 7 ms; its certificate holds; its clock agrees");
        assert!(told(100, Some(110)).ends_with("this machine's clock is 10 s behind its"));
        assert!(
            told(200, Some(100)).ends_with(
                "this machine's clock is 100 s ahead of its; set it: ID tokens and sessions are judged by it"
            )
        );
        assert!(told(100, None).ends_with("it does not tell the time"));
    }
}
