//! The `breakers` section: when a provider that fails is left alone.

use std::sync::Arc;

use serde_json::Value;

use super::section::{Section, describe, whole_number};
use super::{entry, selector};
use crate::budget::{Budget, Enforcement};
use crate::selector::{Selector, Subject};

/// One circuit breaker. It has a circuit for each upstream, provider and model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breaker {
    /// Unique; names its circuits in the store.
    pub name: Box<str>,
    /// Which calls.
    pub selector: Selector,
    /// What counts as a failure.
    pub failures: Failures,
    /// What a 429 of the provider does.
    pub rate_limited: RateLimited,
    /// So many failures in a row open a circuit.
    pub consecutive: Option<u32>,
    /// A share of failures that opens a circuit.
    pub rate: Option<Rate>,
    /// How long a circuit stays open.
    pub open_ms: u64,
    /// The longest `retry-after` of a provider that is believed.
    pub max_open_ms: u64,
    /// Calls that may be on their way at once while a circuit is half open.
    pub probes: u32,
    /// Successful probes that close a circuit.
    pub close_after: u32,
    /// When a probe that nobody reports is given up; no shorter than the longest call.
    pub probe_ttl_ms: u64,
    /// What an open circuit does.
    pub enforcement: Enforcement,
}

/// A share of failures among recent calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Failures in a hundred calls.
    pub percent: u64,
    /// What is recent.
    pub window_ms: u64,
    /// With fewer calls than this the share says nothing.
    pub min_calls: u32,
}

/// What a 429 of the provider does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RateLimited {
    /// Nothing.
    Ignore,
    /// It is a failure like others.
    #[default]
    Count,
    /// It opens the circuit at once.
    Open,
}

/// What counts as a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failures {
    /// Every status from 500.
    pub server_errors: bool,
    /// Further statuses.
    pub statuses: Vec<u16>,
    /// No connection could be made.
    pub connect: bool,
    /// The connection broke.
    pub reset: bool,
    /// Envoy waited in vain.
    pub timeout: bool,
    /// An answer that began well and states an error.
    pub stream_error: bool,
}

/// The first breaker that is about the call.
pub fn breaker_of<'c>(breakers: &'c [Arc<Breaker>], call: &Subject<'_>) -> Option<&'c Arc<Breaker>> {
    breakers.iter().find(|breaker| breaker.selector.selects(call))
}

/// Reads every breaker; names must be unique, since they name the circuits.
pub(super) fn read(root: &Section<'_>) -> Vec<Arc<Breaker>> {
    let breakers = entry::named(root, "breakers", "breaker", |breaker: &Breaker| &breaker.name, breaker);
    breakers.into_iter().map(Arc::new).collect()
}

fn breaker(section: Section<'_>) -> Option<Breaker> {
    const DAY: u64 = 86_400_000;
    let name = entry::name(&section);
    let count = |key, most, default: u32| {
        section.integer(key, 1, most).map_or(default, |n| u32::try_from(n).unwrap_or(u32::MAX))
    };
    let consecutive = section.get("consecutive").is_some().then(|| count("consecutive", 10_000, 5));
    let rate = section.section("rate").map(rate);
    let limited =
        [("ignore", RateLimited::Ignore), ("count", RateLimited::Count), ("open", RateLimited::Open)];
    let open_ms = section.integer("open_ms", 10, DAY).unwrap_or(30_000);
    let breaker = Breaker {
        name: name.unwrap_or_default().into(),
        selector: selector::read(&section),
        failures: failures(&section),
        rate_limited: section.one_of("rate_limited", &limited).unwrap_or_default(),
        // Without either threshold the usual one holds.
        consecutive: consecutive.or_else(|| rate.is_none().then_some(5)),
        rate: rate.flatten(),
        open_ms,
        max_open_ms: section.integer("max_open_ms", 10, DAY).unwrap_or(300_000).max(open_ms),
        probes: count("probes", 32, 1),
        close_after: count("close_after", 1_000, 1),
        probe_ttl_ms: section.integer("probe_ttl_ms", 1_000, DAY).unwrap_or(Budget::DEFAULT_TTL_MS),
        enforcement: entry::mode(&section),
    };
    section.finish();
    name.map(|_| breaker)
}

fn rate(section: Section<'_>) -> Option<Rate> {
    section.require("percent");
    let percent = section.integer("percent", 1, 100);
    let window_ms = section.integer("window_ms", 1_000, 3_600_000).unwrap_or(60_000);
    let min_calls = section.integer("min_calls", 1, 1_000_000).unwrap_or(20);
    section.finish();
    Some(Rate { percent: percent?, window_ms, min_calls: u32::try_from(min_calls).unwrap_or(u32::MAX) })
}

fn failures(section: &Section<'_>) -> Failures {
    let stated = section.get("failures").is_some();
    let mut failures = Failures {
        server_errors: !stated,
        statuses: Vec::new(),
        connect: !stated,
        reset: !stated,
        timeout: !stated,
        stream_error: !stated,
    };
    for (path, value) in section.list("failures") {
        let status = || whole_number(value).and_then(|n| u16::try_from(n).ok());
        match (value.as_str(), status().filter(|status| (400..=599).contains(status))) {
            (Some("5xx"), _) => failures.server_errors = true,
            (Some("connect"), _) => failures.connect = true,
            (Some("reset"), _) => failures.reset = true,
            (Some("timeout"), _) => failures.timeout = true,
            (Some("stream_error"), _) => failures.stream_error = true,
            (_, Some(429)) => section.problems().add(path, "429 has a key of its own: \"rate_limited\""),
            (_, Some(status)) => failures.statuses.push(status),
            _ => section.problems().add(path, wrong(value)),
        }
    }
    failures
}

fn wrong(value: &Value) -> String {
    let found = describe(value);
    format!("expected 5xx, connect, reset, timeout, stream_error or a status from 400 to 599, got {found}")
}
