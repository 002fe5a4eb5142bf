//! `genops grant`: makes keys, signs grants, and says what a grant is worth.
//!
//! Secrets come from files or the environment, never from arguments, which other users of the machine can read. A grant is
//! a credential of its bearer, so it too comes from a file or standard input.

mod inspect;
mod key;
mod keygen;
mod new;
mod order;
mod words;

use std::io::{Read, Write};
use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "usage: genops grant <command>

commands:
  keygen --kid NAME --out FILE [--algorithm EdDSA|HS256]
      makes a key: the private part into FILE (a JWK), what goes into approvals.keys to standard output
  new --approver NAME [--key FILE] [--from FILE|-] [restrictions]
      signs a grant with the JWK of FILE or of the environment's GENOPS_GRANT_KEY, and prints it
        --from FILE|-            take over what a refusal asks for: its body, its headers, or both (curl -i)
        --ceiling UNIT=AMOUNT    the most one call may be estimated at, for each unit (USD=2.50, tokens=50000)
        --attribute NAME=VALUE   what the call must have, for each attribute (team=search)
        --any NAME               take over no value of this attribute from the refusal
        --model PATTERN          the models, with * at the end at most
        --audience NAME          the gateway, where it has a name (approvals.audience)
        --delegated-by NAME      who delegated the right to approve; several times, the origin first
        --uses N                 how many calls it admits (1)
        --ttl DURATION           how long it is valid (15m; s, m, h, d)
        --not-before SECONDS     from when, in seconds of the epoch (30 seconds ago, since clocks differ)
        --id ID                  its unique id (random)
  inspect FILE|- [--config FILE] [--at SECONDS]
      shows a grant; with the filter's configuration also whether it is valid: 0 valid, 1 not, 2 unreadable
";

type Failed = Box<dyn std::error::Error>;

/// Runs the command with its remaining arguments.
pub(crate) fn run(mut arguments: lexopt::Parser) -> ExitCode {
    let command = match arguments.next() {
        Ok(Some(lexopt::Arg::Value(command))) => command,
        Ok(Some(lexopt::Arg::Short('h') | lexopt::Arg::Long("help"))) => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => return fail(USAGE),
    };
    let result = match command.to_str() {
        Some("keygen") => keygen::run(arguments).map(|()| ExitCode::SUCCESS),
        Some("new") => new::run(arguments).map(|()| ExitCode::SUCCESS),
        Some("inspect") => inspect::run(arguments),
        _ => return fail(USAGE),
    };
    result.unwrap_or_else(|error| fail(&format!("genops: {error}\n")))
}

fn fail(message: &str) -> ExitCode {
    const UNUSABLE: u8 = 2;
    eprint!("{message}");
    ExitCode::from(UNUSABLE)
}

/// The text of a file, or of standard input for `-`.
fn text_of(file: &Path) -> Result<String, Failed> {
    const MAX_BYTES: u64 = 1 << 20;
    let mut text = String::new();
    let read = if file == Path::new("-") {
        std::io::stdin().lock().take(MAX_BYTES).read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|opened| opened.take(MAX_BYTES).read_to_string(&mut text))
    };
    read.map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(text)
}

/// Writes a line to standard output; a reader that is gone is a failure.
fn print_line(line: &str) -> Result<(), Failed> {
    Ok(writeln!(std::io::stdout().lock(), "{line}")?)
}

/// The wall clock, in seconds of the epoch.
fn now_s() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "the command line is an edge: its clock is the machine's")]
    let now = std::time::SystemTime::now();
    now.duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Bytes from the operating system.
fn random<const N: usize>() -> Result<[u8; N], Failed> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| format!("no randomness: {error}"))?;
    Ok(bytes)
}
