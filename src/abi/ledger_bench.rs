//! Benchmark builds only (`ledger-bench`): what the ledger costs inside Envoy, over its real shared data.
//!
//! Reserves and settles in batches, one batch for each tick, through the same ports as the filter, and logs nanoseconds
//! per call by the host's clock: `genops ledger: <row>: best <ns> median <ns> store <ns>`, then `genops ledger: done`.
//! The store's own share is measured too: the same reads and writes of the same records, and nothing between them.
//! The configuration is the number of batches for each row. Streams pass ungoverned.
//!
//! Every worker and Envoy's main thread tick; whoever is first to create one record measures, the others do nothing.

use std::sync::Arc;

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::ContextType;

use super::ports::{Host, Ids, SharedData};
use super::raw;
use super::root;
use crate::amount::{Amount, Unit};
use crate::awu::Attribute;
use crate::bucket::Bucket;
use crate::budget::{Budget, Key};
use crate::ledger::{self, Claim};
use crate::ports::{Expected, Store};
use crate::recall::Recall;
use crate::timestamp::Timestamp;
use crate::window::{Period, Window};

/// Calls between two looks at the clock: few enough that some batches pass undisturbed on a busy machine.
const CALLS: u64 = 1_000;
/// Accounts beside those that are measured.
const NEIGHBOURS: u32 = 10_000;
/// Whoever creates this record measures.
const CLAIM: &str = "genops ledger bench";
/// The record that others write.
const OTHERS: &str = "genops ledger bench: others";
const TICK_MS: u32 = 1;
const START_MS: u64 = 1_771_300_000_000;

/// What is measured: the name of the row, its budgets, the accounts beside, and whether other workers write too.
type What = (&'static str, u8, u32, bool);

const ROWS: [What; 6] = [
    ("one budget", 1, 0, false),
    ("one budget, 10,000 accounts", 1, NEIGHBOURS, false),
    ("one budget, others write", 1, 0, true),
    ("three budgets", 3, 0, false),
    ("three budgets, 10,000 accounts", 3, NEIGHBOURS, false),
    ("three budgets, others write", 3, 0, true),
];

/// The root context of a benchmark.
#[derive(Default)]
pub(super) struct Root {
    /// For the streams.
    idle: root::Root,
    bench: Option<Bench>,
}

/// One worker's measurements.
struct Bench {
    batches: usize,
    ids: Ids,
    recall: Recall,
    is_first: bool,
    rows: std::slice::Iter<'static, What>,
    row: Option<Row>,
}

/// One row, half measured.
struct Row {
    name: &'static str,
    /// Whether a record is written after each step, as other workers do.
    disturbed: bool,
    budgets: Vec<(Arc<Budget>, &'static str)>,
    /// The records that one call touches.
    records: Vec<String>,
    /// Calls so far, which are the clock of the accounts: a thousand a second, as in service.
    calls: u64,
    whole_ns: Vec<u64>,
    store_ns: Vec<u64>,
}

impl Row {
    /// Budgets of a name that no other row has, with their neighbours in place.
    fn new(host: &Host<'_>, (name, budgets, neighbours, disturbed): What) -> Option<Self> {
        let budget = |kind: &str, period, keyed: bool| {
            let limit = Amount::new(u64::MAX / 2);
            let mut budget =
                Budget::new(&format!("{kind}, {name}"), Unit::Tokens, limit, Window::utc(period));
            if keyed {
                budget.per = vec![Key::Attribute(Attribute::CustomerId)];
            }
            budget.alert_at = vec![500, 800, 950];
            Arc::new(budget)
        };
        let customers = (budget("customer", Period::Hour, true), "acme");
        let month = Period::Month { starts_on_day: 1 };
        let budgets = match (budgets, neighbours) {
            (1, 0) => vec![(budget("organisation", month, false), "")],
            (1, _) => vec![customers],
            _ => vec![
                (budget("organisation", month, false), ""),
                (budget("team", Period::Day, true), "blue"),
                customers,
            ],
        };
        for neighbour in 0..neighbours {
            let (budget, _) = budgets.last()?;
            let key = format!("customer-{neighbour}");
            let claim = Claim { budget, key: &key, amount: Amount::new(100) };
            ledger::reserve_all(host, Timestamp::from_millis(START_MS), &[claim]).ok()?;
        }
        let records = budgets.iter().map(|(budget, key)| record_of(budget, key)).collect();
        Some(Self { name, disturbed, budgets, records, calls: 0, whole_ns: Vec::new(), store_ns: Vec::new() })
    }

    /// One batch of calls, then one of what the store does in as many.
    fn measure(&mut self, host: &Host<'_>) -> Option<()> {
        let amount = Amount::new(1_000);
        let claims: Vec<Claim<'_>> =
            self.budgets.iter().map(|(budget, key)| Claim { budget, key, amount }).collect();
        let began_ns = raw::now_nanos().ok()?;
        for _ in 0..CALLS {
            self.calls = self.calls.wrapping_add(1);
            reserve_and_settle(host, self.calls, &claims, self.disturbed)?;
        }
        let between_ns = raw::now_nanos().ok()?;
        for _ in 0..CALLS {
            touch(&self.records)?;
        }
        let ended_ns = raw::now_nanos().ok()?;
        self.whole_ns.push(per_call(began_ns, between_ns)?);
        self.store_ns.push(per_call(between_ns, ended_ns)?);
        Some(())
    }

    fn report(mut self) {
        self.whole_ns.sort_unstable();
        self.store_ns.sort_unstable();
        let best = |sorted: &[u64]| sorted.first().copied().unwrap_or(0);
        let median = self.whole_ns.get(self.whole_ns.len() / 2).copied().unwrap_or(0);
        log::info!(
            "genops ledger: {}: best {} median {median} store {}",
            self.name,
            best(&self.whole_ns),
            best(&self.store_ns)
        );
    }
}

/// One call; each thousandth stays pending, as long streams do.
fn reserve_and_settle(host: &Host<'_>, call: u64, claims: &[Claim<'_>], disturbed: bool) -> Option<()> {
    let disturb = || if disturbed { raw::set_shared_data(OTHERS, b"theirs", 0).ok() } else { Some(()) };
    let now = Timestamp::from_millis(START_MS.saturating_add(call));
    let reserved = ledger::reserve_all(host, now, claims).ok()?;
    disturb()?;
    if call.is_multiple_of(1_000) {
        return Some(());
    }
    for entry in reserved.entries {
        ledger::post(host, now, entry.reservation, Amount::new(400)).ok()?;
    }
    disturb()
}

/// What the store does in one call: it reads and writes each record twice.
fn touch(records: &[String]) -> Option<()> {
    for record in records.iter().chain(records) {
        let (bytes, version) = SharedData.get(record).ok()??;
        SharedData.compare_and_set(record, &bytes, Expected::Version(version)).ok()?;
    }
    Some(())
}

fn record_of(budget: &Budget, key: &str) -> String {
    let bucket = if budget.per.is_empty() { Bucket::Numbered(0) } else { Bucket::of(key) };
    bucket.record(budget.family.as_str(), &budget.name)
}

fn per_call(from_ns: u64, to_ns: u64) -> Option<u64> {
    to_ns.checked_sub(from_ns)?.checked_div(CALLS)
}

impl Bench {
    fn new() -> Option<Self> {
        let configuration = raw::buffer(raw::Buffer::PluginConfiguration, raw::WHOLE).ok()?;
        let batches = std::str::from_utf8(&configuration).ok()?.trim().parse().ok()?;
        raw::set_tick_period(TICK_MS).ok()?;
        Some(Self {
            batches,
            ids: Ids::new()?,
            recall: Recall::default(),
            is_first: false,
            rows: ROWS.iter(),
            row: None,
        })
    }

    /// Whether this worker measures. Not asked before the first tick: the VM that Envoy tries a configuration with has none.
    fn is_first(&mut self) -> bool {
        let first = || SharedData.compare_and_set(CLAIM, b"taken", Expected::Absent).is_ok();
        self.is_first = self.is_first || first();
        self.is_first
    }

    /// One row is made, one batch of it measured, or it is told; `None` when that failed.
    fn step(&mut self) -> Option<()> {
        let host = Host { ids: &self.ids, recall: &self.recall };
        match &mut self.row {
            Some(row) if row.whole_ns.len() < self.batches => row.measure(&host)?,
            row => {
                if let Some(measured) = row.take() {
                    measured.report();
                }
                match self.rows.next() {
                    Some(next) => *row = Some(Row::new(&host, *next)?),
                    None => {
                        log::info!("genops ledger: done");
                        raw::set_tick_period(0).ok()?;
                    }
                }
            }
        }
        Some(())
    }
}

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, _size: usize) -> bool {
        self.bench = Bench::new();
        self.bench.is_some()
    }

    fn on_tick(&mut self) {
        let Some(bench) = &mut self.bench else { return };
        if !bench.is_first() {
            self.bench = None;
        } else if bench.step().is_none() {
            log::error!("genops ledger: failed");
            self.bench = None;
        }
    }

    fn create_http_context(&self, context_id: u32) -> Option<Box<dyn HttpContext>> {
        self.idle.create_http_context(context_id)
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}
