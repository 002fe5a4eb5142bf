//! The real Envoy as a child process: started, asked, measured, ended.
//!
//! It knows Envoy's command line and admin interface, and nothing of what the configuration means
//! ([`crate::bootstrap`] makes that). Ports are bound by Envoy itself and read back, so nothing races.
//! Only the child that was started is ever killed.

mod admin;
mod launch;

pub use launch::{Launch, StartError, validate};

use crate::wait::{self, DEADLINE};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Child;
use std::time::Duration;
use tempfile::TempDir;

/// A running Envoy. Dropping it kills the process and removes its folder.
#[derive(Debug)]
pub struct EnvoyProcess {
    child: Child,
    folder: TempDir,
    admin: SocketAddr,
}

impl EnvoyProcess {
    /// Starts Envoy with one worker and waits until it is ready. Panics with the log's tail otherwise.
    pub async fn start(bootstrap: &Value) -> Self {
        Self::start_with(&Launch::default(), bootstrap).await
    }

    /// As [`EnvoyProcess::start`], with chosen workers, log level and processor.
    pub async fn start_with(launch: &Launch, bootstrap: &Value) -> Self {
        Self::try_start(launch, bootstrap).await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// For configurations that Envoy ought to refuse.
    pub async fn try_start(launch: &Launch, bootstrap: &Value) -> Result<Self, StartError> {
        let folder = tempfile::Builder::new().prefix("lab-envoy-").tempdir().expect("a temporary folder");
        let child = launch.spawn(folder.path(), bootstrap);
        // From here on the drop of `envoy` cleans up, whatever happens.
        let mut envoy = Self { child, folder, admin: SocketAddr::from(([127, 0, 0, 1], 0)) };
        envoy.admin = envoy.read_admin_address().await?;
        envoy.wait_ready().await?;
        Ok(envoy)
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The folder that holds the bootstrap and the log; it disappears with the process.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where the admin interface listens.
    pub fn admin_addr(&self) -> SocketAddr {
        self.admin
    }

    /// Everything Envoy has logged.
    pub fn log(&self) -> String {
        launch::read_log(self.folder.path())
    }

    /// The last `lines` of the log.
    pub fn log_tail(&self, lines: usize) -> String {
        launch::tail(&self.log(), lines)
    }

    /// Waits until the log contains `text`; panics with the tail if it does not.
    pub async fn wait_log(&self, text: &str) {
        let found = wait::until(DEADLINE, async || self.log().contains(text).then_some(())).await;
        assert!(found.is_some(), "the log never said {text:?}; its tail:\n{}", self.log_tail(30));
    }

    /// Processor time used so far by all of Envoy's threads, user and system; 10 ms grains.
    pub fn cpu_time(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).expect("a live process");
        // The name may contain blanks; the numbered fields begin after its closing parenthesis.
        let (_, fields) = stat.rsplit_once(')').expect("/proc/PID/stat names the process");
        let ticks: u64 = fields.split_whitespace().skip(11).take(2).map(|f| f.parse::<u64>().unwrap()).sum();
        // USER_HZ is 100 on every Linux architecture that Envoy runs on.
        Duration::from_millis(ticks * 10)
    }

    /// Resident memory in KiB.
    pub fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("a live process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
        line.trim().trim_end_matches(" kB").parse().expect("a number of kB")
    }

    async fn read_admin_address(&mut self) -> Result<SocketAddr, StartError> {
        let path = self.folder.path().join(launch::ADMIN_ADDRESS);
        for_start(self, async |_| std::fs::read_to_string(&path).ok()?.trim().parse().ok()).await
    }

    async fn wait_ready(&mut self) -> Result<(), StartError> {
        for_start(self, async |envoy| (envoy.admin_status("/ready").await == Some(200)).then_some(())).await
    }
}

/// Asks until `question` answers; ends early when the process has.
async fn for_start<T>(
    envoy: &mut EnvoyProcess,
    question: impl AsyncFn(&EnvoyProcess) -> Option<T>,
) -> Result<T, StartError> {
    let end = std::time::Instant::now() + DEADLINE;
    loop {
        if let Some(answer) = question(envoy).await {
            return Ok(answer);
        }
        let exit = envoy.child.try_wait().expect("the child can be asked");
        if exit.is_some() || std::time::Instant::now() >= end {
            return Err(StartError { exit, log: envoy.log() });
        }
        tokio::time::sleep(wait::PAUSE).await;
    }
}

impl Drop for EnvoyProcess {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- tail of Envoy's log ---\n{}\n---", self.log_tail(25));
        }
        // Already gone is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
