//! What a person types: the command line, and a file for each command.

mod args;
mod check;
mod demo;
mod healthcheck;
mod keygen;
mod people;
mod ports;
mod provider;
mod run;
mod schema;
mod signals;

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser as _;

use self::args::{CONFIG_VARIABLE, Command, CommandLine};
use crate::config::{self, Loaded, Place, Problem, Problems, Sources};

/// How a command ends; the numbers are the exit status (interface.md "Command line").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    Done = 0,
    /// It failed while working.
    Failed = 1,
    /// The command line or the configuration is wrong.
    Misused = 2,
}

/// Where a command's words go, and what it was started in.
pub(crate) struct Console<'a> {
    pub(crate) out: &'a mut dyn Write,
    pub(crate) err: &'a mut dyn Write,
    pub(crate) env: Vec<(OsString, OsString)>,
}

/// The whole program, on the process's own arguments, environment and streams.
pub fn main() -> ExitCode {
    // Fails only where one is installed already, and then that one does.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut console = Console { out: &mut io::stdout(), err: &mut io::stderr(), env: std::env::vars_os().collect() };
    ExitCode::from(command(std::env::args_os(), &mut console) as u8)
}

/// One command from its arguments (the program's name first) to its end.
pub(crate) fn command(args: impl IntoIterator<Item = OsString>, console: &mut Console<'_>) -> Exit {
    let done = match CommandLine::try_parse_from(args) {
        Ok(line) => dispatch(line, console),
        Err(said) if said.use_stderr() => write_whole(console.err, &said).map(|()| Exit::Misused),
        Err(said) => write_whole(console.out, &said).map(|()| Exit::Done),
    };
    match done.and_then(|exit| console.out.flush().map(|()| exit)) {
        Ok(exit) => exit,
        // Whoever reads no further has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
        Err(error) => {
            let _ = writeln!(console.err, "tokigate: {error}");
            Exit::Failed
        }
    }
}

/// Help, the version, or what is wrong with the command line.
fn write_whole(to: &mut dyn Write, said: &clap::Error) -> io::Result<()> {
    writeln!(to, "{}", said.render().to_string().trim_end())
}

fn dispatch(line: CommandLine, console: &mut Console<'_>) -> io::Result<Exit> {
    match line.command.unwrap_or(Command::Run(line.run)) {
        Command::Run(args) => run::run(args, console),
        Command::Demo(args) => demo::demo(args, console),
        Command::Provider(args) => provider::provider(args, console),
        Command::Check(args) => check::check(args, console),
        Command::Keygen => keygen::keygen(console),
        Command::Schema => schema::schema(console),
        Command::Healthcheck(args) => healthcheck::healthcheck(args, console),
        Command::Import(_) => not_in_this_version("import", console),
        Command::Init(_) => not_in_this_version("init", console),
        Command::Completions(_) => not_in_this_version("completions", console),
        Command::Man(_) => not_in_this_version("man", console),
    }
}

fn not_in_this_version(what: &str, console: &mut Console<'_>) -> io::Result<Exit> {
    console.misused(&format!("{what}: not in this version"))
}

impl Console<'_> {
    /// The command line is wrong: says why.
    fn misused(&mut self, why: &str) -> io::Result<Exit> {
        writeln!(self.err, "tokigate: {why}")?;
        Ok(Exit::Misused)
    }

    fn failed(&mut self, why: &str) -> io::Result<Exit> {
        writeln!(self.err, "tokigate: {why}")?;
        Ok(Exit::Failed)
    }

    /// The configuration, from the file that was named (or the usual one, where it exists) and the environment. Its problems are written
    /// to standard error, one a line, and counted.
    fn load(&mut self, file: Option<PathBuf>) -> io::Result<Result<(Sources, Loaded), Exit>> {
        let sources = self.sources(file);
        let is_without_file = sources.as_ref().is_ok_and(|sources| sources.file.is_none());
        let loaded = sources.and_then(|sources| config::load(&sources).map(|loaded| (sources, loaded)));
        let Problems(problems) = match loaded {
            Ok(loaded) => return Ok(Ok(loaded)),
            Err(problems) => problems,
        };
        for problem in &problems {
            writeln!(self.err, "{problem}")?;
        }
        writeln!(self.err, "{}", counted(problems.len(), "problem"))?;
        if is_without_file {
            writeln!(self.err, "no file was read: --config FILE names one; else it is {USUAL_FILE}, where it exists")?;
        }
        Ok(Err(Exit::Misused))
    }

    fn sources(&self, file: Option<PathBuf>) -> Result<Sources, Problems> {
        let (mut env, mut problems) = (Vec::new(), Vec::new());
        for (name, value) in &self.env {
            let Some(name) = name.to_str().filter(|name| *name != CONFIG_VARIABLE) else { continue };
            match value.to_str() {
                Some(value) => env.push((name.to_owned(), value.to_owned())),
                None if name.starts_with("TOKIGATE_") => problems.push(not_text(name)),
                None => {}
            }
        }
        if problems.is_empty() { Ok(Sources { file: file.or_else(usual_file), env }) } else { Err(Problems(problems)) }
    }
}

fn not_text(variable: &str) -> Problem {
    Problem { place: Place::Variable(variable.to_owned()), key: String::new(), text: "its value is not UTF-8".into() }
}

/// One that cannot be looked at is tried, so that it is complained of.
fn usual_file() -> Option<PathBuf> {
    let usual = Path::new(USUAL_FILE);
    usual.try_exists().unwrap_or(true).then(|| usual.to_owned())
}

/// `1 problem`, `2 problems`.
fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

const USUAL_FILE: &str = "/etc/tokigate/config.toml";
