//! Runs `demo/client.py` and reads what it printed.

use serde_json::Value;
use std::process::{Command, Stdio};

/// One call as the application experienced it.
pub(crate) struct Call {
    pub(crate) name: String,
    pub(crate) status: u64,
    /// The answer's text, or the exception that the SDK raised.
    pub(crate) outcome: String,
    headers: Value,
}

impl Call {
    pub(crate) fn parse(line: &str) -> Self {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        Self {
            name: text("call"),
            status: value["status"].as_u64().unwrap_or_default(),
            outcome: text("outcome"),
            headers: value["headers"].clone(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers[name].as_str()
    }
}

/// All calls, in order. Panics if the script fails.
pub(crate) async fn run(base_url: &str) -> Vec<Call> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/demo/client.py");
    let mut command = Command::new(lab::artifacts::python());
    command.args([script, base_url]).stdin(Stdio::null()).stderr(Stdio::inherit());
    // The provider and the collector live on this runtime and must not be blocked.
    let finished = tokio::task::spawn_blocking(move || command.output()).await.expect("the waiting ends");
    let output = finished.expect("the interpreter can be run");
    assert!(output.status.success(), "demo/client.py failed: {}", output.status);
    String::from_utf8_lossy(&output.stdout).lines().map(Call::parse).collect()
}
