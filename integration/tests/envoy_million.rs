//! A million invented customers: what they cost is bounded, and the account of another one stays exact.
//!
//! Takes minutes, so it is ignored unless asked for: `make test-million`, and with it `make nightly`. Needs
//! `GENOPS_ENVOY` and `GENOPS_WASM`; `tests/adversary/cardinality.rs` is the short version.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    reason = "a test fails by panicking"
)]

#[allow(dead_code, reason = "each suite uses a part of it")]
mod support;

use lab::Client;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use support::calls::{INPUT, chat};
use support::config::tokens;
use support::{Setup, Stage};
use tokio::task::JoinSet;

const INVENTED: usize = 1_000_000;
/// A minute and a half is usual on two cores.
const DEADLINE: Duration = Duration::from_secs(900);
/// After so many, whatever can be filled is full.
const FILLED: usize = 50_000;
/// What Envoy may grow by after that: resident memory, and what it has allocated, shared data included.
const MOST_RESIDENT_KIB: u64 = 8 * 1_024;
const MOST_ALLOCATED: u64 = 2 * 1_024 * 1_024;
/// Connections, each with one call at a time.
const CALLERS: usize = 16;
/// The output cap of every call.
const CAP: u64 = 5;
/// What acme's account holds, in tokens, and how many of its calls it admits.
const LIMIT: u64 = 1_000;
const FITTING: u64 = LIMIT / (INPUT + CAP);

/// A budget per customer with room for far fewer than are invented; who does not fit is refused.
async fn stage() -> Stage {
    let mut config = tokens();
    config["budgets"] = json!([{
        "name": "customers", "per": ["customer_id"], "unit": "tokens", "limit": LIMIT, "window": "total",
        "capacity": 200, "on_full": "refuse",
    }]);
    config["telemetry"] = json!({});
    let mut setup = Setup::new(config).await;
    setup.options.tracing = false;
    setup.launch.concurrency = 2;
    setup.launch.wasm_log_level = "error";
    setup.start().await
}

/// The status of a customer's call, and what its account holds afterwards.
async fn call(client: &Client, customer: &str, body: &Value) -> (u16, Option<u64>) {
    let answer = client.chat(&[("x-genops-team", "a"), ("x-genops-customer-id", customer)], body).await;
    let left = answer.header("x-genops-budget-remaining").map(|left| left.parse().expect("whole tokens"));
    (answer.status, left)
}

/// Numbers that nobody had before, and how many of them were served.
#[derive(Default)]
struct Flood {
    next: AtomicUsize,
    served: AtomicUsize,
}

impl Flood {
    /// Calls until number `until`, or until the deadline.
    async fn rise(self: &Arc<Self>, addr: SocketAddr, until: usize, deadline: Instant) {
        let mut callers = JoinSet::new();
        for _ in 0..CALLERS {
            let flood = Arc::clone(self);
            callers.spawn(async move { flood.invent(&Client::http1(addr), until, deadline).await });
        }
        callers.join_all().await;
    }

    async fn invent(&self, client: &Client, until: usize, deadline: Instant) {
        let body = chat(CAP);
        while Instant::now() < deadline {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= until {
                self.next.fetch_sub(1, Ordering::Relaxed);
                return;
            }
            let (status, _) = call(client, &format!("invented-{number:0>100}"), &body).await;
            assert!([200, 429, 503].contains(&status), "customer {number} was answered {status}");
            self.served.fetch_add(usize::from(status == 200), Ordering::Relaxed);
        }
    }

    fn invented(&self) -> usize {
        self.next.load(Ordering::Relaxed)
    }

    fn served(&self) -> usize {
        self.served.load(Ordering::Relaxed)
    }
}

/// Resident KiB, and bytes allocated.
async fn memory(stage: &Stage) -> (u64, u64) {
    let figures: Value = serde_json::from_str(&stage.envoy.admin_get("/memory").await).expect("JSON");
    let allocated = figures["allocated"].as_str().expect("a figure").parse().expect("bytes");
    (stage.envoy.resident_kib(), allocated)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "minutes: make test-million"]
async fn a_million_invented_customers_take_no_memory_and_leave_another_ones_account_exact() {
    let stage = stage().await;
    let (acme, body) = (stage.http1(), chat(CAP));
    // One call of acme's before, one between any two parts of the flood, and the rest after it.
    let mut called = 1;
    assert_eq!(call(&acme, "acme", &body).await, (200, Some(LIMIT - (INPUT + CAP))));
    let (flood, begun) = (Arc::new(Flood::default()), Instant::now());
    let deadline = begun + DEADLINE;
    flood.rise(stage.addr, FILLED, deadline).await;
    let (filled_kib, filled) = memory(&stage).await;
    let served = flood.served();
    println!(
        "after {}: {filled_kib} KiB resident, {filled} bytes allocated, {served} served",
        flood.invented()
    );
    let (mut most_kib, mut most) = (filled_kib, filled);
    while flood.invented() < INVENTED && Instant::now() < deadline {
        let until = (flood.invented() + FILLED).min(INVENTED);
        flood.rise(stage.addr, until, deadline).await;
        called += 1;
        assert_eq!(call(&acme, "acme", &body).await, (200, Some(LIMIT - called * (INPUT + CAP))));
        let (kib, allocated) = memory(&stage).await;
        (most_kib, most) = (most_kib.max(kib), most.max(allocated));
    }
    let (invented, elapsed) = (flood.invented(), begun.elapsed());
    println!(
        "{invented} invented customers in {elapsed:.0?}: at most {} KiB and {} bytes more than after {FILLED}; \
         {} served",
        most_kib - filled_kib,
        most - filled,
        flood.served(),
    );
    assert_eq!(invented, INVENTED, "in {elapsed:.0?}");
    assert!(most_kib - filled_kib <= MOST_RESIDENT_KIB, "{filled_kib} KiB became {most_kib}");
    assert!(most - filled <= MOST_ALLOCATED, "{filled} bytes became {most}");
    // What could be filled was full.
    assert!(flood.served() - served < 100, "{} served, {served} of them before", flood.served());
    // To the last call that fits, and not one further.
    for call_number in called + 1..=FITTING {
        let left = LIMIT - call_number * (INPUT + CAP);
        assert_eq!(call(&acme, "acme", &body).await, (200, Some(left)), "call {call_number}");
    }
    assert_eq!(call(&acme, "acme", &body).await, (429, Some(LIMIT % (INPUT + CAP))));
    let stats = stage.envoy.stats_prometheus().await;
    assert!(!stats.contains("invented"), "a client named a series");
}
