//! `genops explain`: what the filter would make of a described request, and which policy says so.
//!
//! Reads a configuration and requests as JSON (one object, or a list of them, in each file; standard input without a
//! file), and tells attribution, recognised facts, what each policy says and the verdict, through the filter's own code.
//! Budgets and limits are not asked: they depend on counters that only a running Envoy has. Exit codes: 0 explained,
//! 1 the configuration is not valid, 2 something could not be read.

mod described;
mod tell;

use std::ffi::OsString;
use std::io::Read;
use std::process::ExitCode;

use described::Request;
use genops::config::{Config, parse};
use genops::exchange::Described;
use genops::headers::{HeaderPairs, Headers};

const INVALID: u8 = 1;
const UNUSABLE: u8 = 2;

/// Runs the command with its remaining arguments.
pub(crate) fn run(arguments: lexopt::Parser) -> ExitCode {
    match explain(arguments) {
        Ok(code) => code,
        Err(problem) => {
            eprintln!("genops: {problem}");
            ExitCode::from(UNUSABLE)
        }
    }
}

fn explain(arguments: lexopt::Parser) -> Result<ExitCode, String> {
    let mut files = files(arguments)?.into_iter();
    let config = files.next().ok_or("explain: which CONFIG? (- for standard input)")?;
    let config = match parse(&read(&config)?) {
        Ok(config) => config,
        Err(invalid) => {
            println!("{}: {invalid}", config.to_string_lossy());
            return Ok(ExitCode::from(INVALID));
        }
    };
    let mut files: Vec<OsString> = files.collect();
    if files.is_empty() {
        files.push("-".into());
    }
    for file in files {
        let name = file.to_string_lossy().into_owned();
        let requests = described::requests(&read(&file)?).map_err(|problem| format!("{name}: {problem}"))?;
        for request in &requests {
            let title = request.name.as_deref().unwrap_or(&name);
            println!("{title}\n{}", told(&config, request));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn told(config: &Config, request: &Request) -> String {
    let pairs: Vec<(&[u8], &[u8])> =
        request.headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
    let pairs = HeaderPairs::new(&pairs);
    let described = Described { headers: Headers::of(&pairs), body: &request.body };
    tell::tell(&genops::exchange::explain(config, described, request))
}

fn files(mut arguments: lexopt::Parser) -> Result<Vec<OsString>, String> {
    let mut files = Vec::new();
    while let Some(argument) = arguments.next().map_err(|error| error.to_string())? {
        match argument {
            lexopt::Arg::Value(path) => files.push(path),
            other => return Err(other.unexpected().to_string()),
        }
    }
    if files.iter().filter(|file| *file == "-").count() > 1 {
        return Err("explain: standard input is read once".to_owned());
    }
    Ok(files)
}

fn read(file: &OsString) -> Result<String, String> {
    let mut text = String::new();
    let read = if file == "-" {
        std::io::stdin().lock().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(file)
    };
    read.map_err(|error| format!("{}: {error}", file.to_string_lossy()))
}
