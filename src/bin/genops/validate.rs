//! `genops validate`: reads a filter configuration with the filter's own code and prints every problem.
//!
//! Exit codes: 0 the configuration is valid, 1 it is not, 2 it could not be read or the command line is wrong. Problems go
//! to standard output, one line each, as `file: path: message`.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io::Read;
use std::process::ExitCode;

use genops::config::{Config, Invalid, parse};

const INVALID: u8 = 1;
const UNUSABLE: u8 = 2;

/// Runs the command with its remaining arguments.
pub(crate) fn run(arguments: lexopt::Parser) -> ExitCode {
    let (name, text) = match input(arguments) {
        Ok(input) => input,
        Err(problem) => {
            eprintln!("genops: {problem}");
            return ExitCode::from(UNUSABLE);
        }
    };
    match parse(&text) {
        Ok(config) => {
            println!("{name}: valid: {}", summary(&config));
            ExitCode::SUCCESS
        }
        Err(invalid) => {
            print!("{}", report(&name, &invalid));
            ExitCode::from(INVALID)
        }
    }
}

/// The file's name for messages, and its text.
fn input(mut arguments: lexopt::Parser) -> Result<(String, String), String> {
    let mut file = None;
    while let Some(argument) = arguments.next().map_err(|error| error.to_string())? {
        match argument {
            lexopt::Arg::Value(path) if file.is_none() => file = Some(path),
            other => return Err(other.unexpected().to_string()),
        }
    }
    let file = file.ok_or("validate: which FILE? (- for standard input)")?;
    let name =
        if file == OsStr::new("-") { "standard input".into() } else { file.to_string_lossy().into_owned() };
    let bytes = if file == OsStr::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        std::fs::read(&file)
    };
    let bytes = bytes.map_err(|error| format!("{name}: {error}"))?;
    let text = String::from_utf8(bytes).map_err(|_| format!("{name}: not UTF-8"))?;
    Ok((name, text))
}

fn report(name: &str, invalid: &Invalid) -> String {
    let mut text = String::new();
    for problem in &invalid.0 {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name}: {problem}");
    }
    text
}

/// What was understood, so that a file that says nothing is seen to say nothing.
fn summary(config: &Config) -> String {
    let budgets: Vec<&str> = config.budgets.iter().map(|budget| budget.name.as_ref()).collect();
    let budgets =
        if budgets.is_empty() { "no budgets".to_owned() } else { format!("budgets {}", budgets.join(", ")) };
    let events = if config.telemetry.otlp.is_some() { "events to OTLP" } else { "no events" };
    let catalogue = config.prices.catalogue;
    let catalogue = catalogue.map(|catalogue| format!(" before the catalogue of {}", catalogue.as_of));
    format!("{budgets}; {} prices{}; {events}", config.prices.len(), catalogue.unwrap_or_default())
}
