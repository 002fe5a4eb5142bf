//! How Envoy is started: its command line, its files, and what to say when it refuses.

use crate::artifacts;
use serde_json::Value;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

const BOOTSTRAP: &str = "bootstrap.json";
const LOG: &str = "envoy.log";
pub(super) const ADMIN_ADDRESS: &str = "admin-address";

/// How to run Envoy.
#[derive(Debug, Clone)]
pub struct Launch {
    /// Worker threads.
    pub concurrency: u32,
    /// `trace` … `critical`, for everything but `wasm`.
    pub log_level: &'static str,
    /// The level of what the filter logs.
    pub wasm_log_level: &'static str,
    /// Binds the process to one processor.
    pub cpu: Option<usize>,
    /// How long an old listener lives on after an update.
    pub drain_time_s: u32,
}

impl Default for Launch {
    fn default() -> Self {
        Self { concurrency: 1, log_level: "warning", wasm_log_level: "info", cpu: None, drain_time_s: 1 }
    }
}

impl Launch {
    /// The same with `concurrency` workers.
    pub fn workers(concurrency: u32) -> Self {
        Self { concurrency, ..Self::default() }
    }

    pub(super) fn spawn(&self, folder: &Path, bootstrap: &Value) -> Child {
        let log = File::create(folder.join(LOG)).expect("a log file in the temporary folder");
        let errors = log.try_clone().expect("a second handle of the log");
        let mut command = self.command();
        command
            .arg("-c")
            .arg(write_bootstrap(folder, bootstrap))
            .arg("--admin-address-path")
            .arg(folder.join(ADMIN_ADDRESS))
            .arg("--concurrency")
            .arg(self.concurrency.to_string())
            .arg("--drain-time-s")
            .arg(self.drain_time_s.to_string())
            .args(["--log-level", self.log_level])
            .args(["--component-log-level", &format!("wasm:{}", self.wasm_log_level)])
            // No shared memory between processes, so any number of them can live side by side.
            .args(["--disable-hot-restart", "--service-node", "lab", "--service-cluster", "lab"])
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors);
        command.spawn().unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"))
    }

    fn command(&self) -> Command {
        let envoy = artifacts::envoy();
        let Some(cpu) = self.cpu else { return Command::new(envoy) };
        // taskset replaces itself by Envoy, so the child's id is Envoy's.
        let mut command = Command::new("taskset");
        command.arg("-c").arg(cpu.to_string()).arg(envoy);
        command
    }
}

/// Runs `envoy --mode validate`, which also runs the filter's `on_configure`.
pub fn validate(bootstrap: &Value) -> Result<(), StartError> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = Command::new(artifacts::envoy())
        .args(["--mode", "validate", "--disable-hot-restart", "--log-level", "warning"])
        .args(["--service-node", "lab", "--service-cluster", "lab", "-c"])
        .arg(write_bootstrap(folder.path(), bootstrap))
        .output()
        .expect("Envoy can be run");
    if output.status.success() {
        return Ok(());
    }
    let log = [output.stdout, output.stderr].concat();
    Err(StartError { exit: Some(output.status), log: String::from_utf8_lossy(&log).into_owned() })
}

fn write_bootstrap(folder: &Path, bootstrap: &Value) -> OsString {
    let path = folder.join(BOOTSTRAP);
    let text = serde_json::to_string_pretty(bootstrap).expect("a JSON value has a text");
    fs::write(&path, text).expect("the temporary folder can be written");
    path.into_os_string()
}

pub(super) fn read_log(folder: &Path) -> String {
    fs::read(folder.join(LOG)).map(|log| String::from_utf8_lossy(&log).into_owned()).unwrap_or_default()
}

pub(super) fn tail(log: &str, lines: usize) -> String {
    let all: Vec<&str> = log.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

/// Envoy did not start.
#[derive(Debug)]
pub struct StartError {
    /// How it ended; `None` if it was still starting at the deadline.
    pub exit: Option<ExitStatus>,
    /// All that it logged.
    pub log: String,
}

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.exit {
            Some(exit) => write!(f, "Envoy ended before it was ready ({exit})")?,
            None => write!(f, "Envoy was not ready in time")?,
        }
        write!(f, "; the tail of its log:\n{}", tail(&self.log, 25))
    }
}

impl std::error::Error for StartError {}
