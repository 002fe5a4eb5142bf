//! The command line tool as somebody runs it: arguments and an input in, exit code and what it wrote out.

use std::io::Write;
use std::process::{Command, Stdio};

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) output: String,
    pub(crate) errors: String,
}

/// `genops`, to be given arguments and an environment.
pub(crate) fn genops() -> Command {
    Command::new(env!("CARGO_BIN_EXE_genops"))
}

/// Runs `command` to its end.
pub(crate) fn run(command: &mut Command, input: &[u8]) -> Ran {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // It may end before it reads.
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code().unwrap(), output: text(output.stdout), errors: text(output.stderr) }
}
