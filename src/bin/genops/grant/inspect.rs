//! `genops grant inspect`: what a grant says, and whether a filter's configuration would take it.

use std::path::PathBuf;
use std::process::ExitCode;

use genops::approval;
use genops::config::parse;
use genops::timestamp::Timestamp;
use lexopt::ValueExt as _;

use super::words::describe;
use super::{Failed, now_s, print_line, text_of};

const INVALID: u8 = 1;

pub(super) fn run(mut arguments: lexopt::Parser) -> Result<ExitCode, Failed> {
    let (mut file, mut config, mut at_s) = (None, None, None);
    while let Some(argument) = arguments.next()? {
        match argument {
            lexopt::Arg::Long("config") => config = Some(PathBuf::from(arguments.value()?)),
            lexopt::Arg::Long("at") => at_s = Some(arguments.value()?.parse::<u64>()?),
            lexopt::Arg::Value(path) if file.is_none() => file = Some(PathBuf::from(path)),
            other => return Err(other.unexpected().into()),
        }
    }
    let file = file.ok_or("inspect: which FILE? (- for standard input; never the grant itself)")?;
    let text = text_of(&file)?;
    let token = text.trim();
    let at_s = at_s.unwrap_or_else(now_s);
    let (header, claims) = approval::unverified(token).ok_or("this is no compact JWS")?;
    print_line(describe(&header, &claims, at_s).trim_end())?;
    let Some(config) = config else {
        print_line("not verified: name the filter's configuration with --config")?;
        return Ok(ExitCode::SUCCESS);
    };
    let config = parse(&text_of(&config)?)?;
    match approval::verify(token, &config.approvals, Timestamp::from_seconds(at_s)) {
        Ok(_) => {
            print_line(
                "valid: signed by a configured key, and in time; uses are known to the gateway alone",
            )?;
            Ok(ExitCode::SUCCESS)
        }
        Err((invalid, _)) => {
            print_line(&format!("not valid: {invalid}"))?;
            Ok(ExitCode::from(INVALID))
        }
    }
}
