//! What the ledger costs inside Envoy's virtual machine: reserve and settle over the real shared data.
//!
//! A build of the filter measures itself by the host's clock (`src/abi/ledger_bench.rs`) and logs what it found; here
//! Envoy is started with it, and the log is read.

use crate::pinning;
use lab::bootstrap::{Filter, Options};
use lab::{EnvoyProcess, Launch, artifacts, wait};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

/// What begins each line of the log.
const MARK: &str = "genops ledger: ";
/// Batches of 1,000 calls for each row.
const BATCHES: usize = 301;
/// A batch takes milliseconds.
const DEADLINE: Duration = Duration::from_secs(120);
/// What one budget and three may take at most, in nanoseconds.
const MOST_NS: [(&str, u64); 2] = [("one budget", 3_000), ("three budgets", 7_000)];

/// One row, in nanoseconds per call.
pub(crate) struct Row {
    name: String,
    best_ns: u64,
    median_ns: u64,
    store_ns: u64,
}

/// Starts Envoy and waits for its figures.
pub(crate) async fn measure(percent: usize) -> Vec<Row> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let cpu = (processors > 1).then_some(pinning::ENVOY);
    let batches = (BATCHES * percent / 100).max(3);
    let (wasm, vm_id) = (artifacts::ledger_bench_wasm(), "ledger-bench".to_owned());
    let filter = Filter::Genops { wasm, config: json!(batches), vm_id };
    // Nobody sends anything.
    let options = Options::new(SocketAddr::from(([127, 0, 0, 1], 9))).filter(filter);
    let envoy = EnvoyProcess::start_with(&Launch { cpu, ..Launch::default() }, &options.bootstrap()).await;
    let ended = wait::until(DEADLINE, async || {
        let log = envoy.log();
        assert!(!log.contains("genops ledger: failed"), "{}", envoy.log_tail(10));
        log.contains("genops ledger: done").then_some(log)
    });
    let log = ended.await.unwrap_or_else(|| panic!("no figures in time:\n{}", envoy.log_tail(10)));
    let rows: Vec<Row> = log.lines().filter_map(Row::read).collect();
    assert!(!rows.is_empty(), "figures in the log:\n{log}");
    rows
}

impl Row {
    /// `… genops ledger: one budget: best 2410 median 2500 store 900`.
    fn read(line: &str) -> Option<Self> {
        let (name, figures) = line.split_once(MARK)?.1.split_once(": ")?;
        let figure = |name: &str| {
            let words: Vec<&str> = figures.split(' ').collect();
            words.windows(2).find(|pair| pair[0] == name)?[1].parse().ok()
        };
        Some(Self {
            name: name.to_owned(),
            best_ns: figure("best")?,
            median_ns: figure("median")?,
            store_ns: figure("store")?,
        })
    }

    fn most_ns(&self) -> Option<u64> {
        MOST_NS.iter().find(|(name, _)| self.name.split(',').next() == Some(name)).map(|(_, most)| *most)
    }

    pub(crate) fn record(&self) -> Value {
        json!({
            "row": format!("ledger: {}, reserve + settle", self.name), "best_us": micros(self.best_ns),
            "median_us": micros(self.median_ns), "store_us": micros(self.store_ns),
        })
    }
}

/// The rows as a table.
pub(crate) fn markdown(rows: &[Row]) -> String {
    let mut text = String::from(
        "### The ledger inside Envoy, time of the virtual machine per call\n\n\
         | row | best µs | the store's share | the ledger's own | median µs | best at most |\n\
         |---|--:|--:|--:|--:|--:|\n",
    );
    for row in rows {
        let most = row.most_ns().map_or(String::new(), |most| format!("{:.0}", micros(most)));
        let _ = writeln!(
            text,
            "| ledger: {}, reserve + settle | {:.2} | {:.2} | {:.2} | {:.2} | {most} |",
            row.name,
            micros(row.best_ns),
            micros(row.store_ns),
            micros(row.best_ns.saturating_sub(row.store_ns)),
            micros(row.median_ns),
        );
    }
    text
}

fn micros(ns: u64) -> f64 {
    ns as f64 / 1e3
}
