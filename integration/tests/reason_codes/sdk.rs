//! The official `openai` SDK in a process of its own, asked for one call after the other.

use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// The running program.
pub(crate) struct Sdk(Option<Pipes>);

struct Pipes {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Sdk {
    pub(crate) fn start() -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sdk/reason_codes.py");
        let mut command = Command::new(lab::artifacts::python());
        command.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the interpreter can be run");
        let to = child.stdin.take().expect("it is piped");
        let from = BufReader::new(child.stdout.take().expect("it is piped"));
        Self(Some(Pipes { child, to, from }))
    }

    /// What the application experiences of the call that `line` describes.
    pub(crate) async fn call(&mut self, line: &Value) -> Value {
        let mut pipes = self.0.take().expect("no call is under way");
        let line = format!("{line}\n");
        // The provider and the collector live on this runtime and must not be blocked.
        let calling = tokio::task::spawn_blocking(move || {
            pipes.to.write_all(line.as_bytes()).expect("it reads");
            let mut answer = String::new();
            pipes.from.read_line(&mut answer).expect("it writes");
            (pipes, answer)
        });
        let (pipes, answer) = calling.await.expect("the waiting ends");
        self.0 = Some(pipes);
        serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
    }
}

impl Drop for Sdk {
    fn drop(&mut self) {
        // Without its input it ends by itself.
        if let Some(Pipes { mut child, to, .. }) = self.0.take() {
            drop(to);
            let _ = child.wait();
        }
    }
}
