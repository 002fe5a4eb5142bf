//! Applications that use an official SDK, each a process of its own: what they print, as JSON.

use super::Stage;
use serde_json::Value;
use std::process::{Command, Stdio};

/// A script of `tests/sdk` that uses Python's `openai` against the stage.
pub(crate) fn openai(stage: &Stage, script: &str) -> Command {
    let mut command = Command::new(lab::artifacts::python());
    command.arg(format!("{}/tests/sdk/{script}", env!("CARGO_MANIFEST_DIR")));
    command.arg(format!("http://{}/v1", stage.addr));
    command
}

/// Every line that it printed. Panics if it fails.
pub(crate) async fn lines(mut command: Command) -> Vec<Value> {
    command.stdin(Stdio::null());
    // The provider and the collector live on this runtime and must not be blocked.
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("the waiting ends");
    let output = output.expect("the interpreter can be run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    lines.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

/// The one line that it printed.
pub(crate) async fn line(command: Command) -> Value {
    let mut lines = lines(command).await;
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines.remove(0)
}
