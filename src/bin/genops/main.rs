//! `genops`: what an operator runs beside the filter, with the filter's own code.

mod explain;
mod grant;
mod prices;
mod read;
mod validate;

use std::process::ExitCode;

const USAGE: &str = "usage: genops <command>

commands:
  explain CONFIG [REQUEST.json...]
                                tell what policies make of described requests: 0 told, 1 not valid, 2 unreadable
  grant keygen|new|inspect       make keys, sign approvals of large calls, show what one is worth
  prices import FILE|- [--models GLOB]... [--provider NAME]... [--format json|catalogue] [--as-of DAY]
                                turn LiteLLM's public price list into `prices` of a configuration
  read FILE|- [--chunks SEED]   show what the filter reads of recorded exchanges, one JSON line each
  validate FILE|-               check a filter configuration: 0 valid, 1 not, 2 unreadable
";

fn main() -> ExitCode {
    let mut arguments = lexopt::Parser::from_env();
    let command = match arguments.next() {
        Ok(Some(lexopt::Arg::Value(command))) => command,
        Ok(Some(lexopt::Arg::Short('h') | lexopt::Arg::Long("help"))) => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Ok(_) => return fail(USAGE),
        Err(error) => return fail(&format!("genops: {error}\n{USAGE}")),
    };
    let result = match command.to_str() {
        Some("explain") => return explain::run(arguments),
        Some("prices") => prices::run(arguments),
        Some("read") => read::run(arguments),
        Some("grant") => return grant::run(arguments),
        Some("validate") => return validate::run(arguments),
        _ => return fail(USAGE),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&format!("genops: {error}\n")),
    }
}

fn fail(message: &str) -> ExitCode {
    eprint!("{message}");
    ExitCode::FAILURE
}
