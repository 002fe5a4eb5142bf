//! Everything at once, for long: at rest the accounts are what an auditor makes of the event log, to the unit, and at no
//! moment was more promised than there was.
//!
//! Needs `GENOPS_ENVOY` and `GENOPS_WASM`.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

#[allow(dead_code, reason = "each suite uses a part of it")]
mod support;

use lab::Client;
use lab::bootstrap::LiveListener;
use lab::wait;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use support::auditor::{Auditor, Billionths, amount, text};
use support::calls::{CAP, PATH, chat, chat_streamed};
use support::config::{prices, with_budgets};
use support::{Setup, Stage};
use tokio::task::JoinSet;

const WORKERS: u32 = 8;
const APPLICATIONS: usize = 64;
const CALLS_EACH: usize = 800;
const TEAMS: [&str; 4] = ["search", "ads", "support", "poor"];
/// What team `poor` may spend: used up in the first seconds, and refused from then on.
const POOR_LIMIT: u64 = 20_000;
/// Whole tokens and dollars, in the auditor's billionths.
const WHOLE: Billionths = 1_000_000_000;
/// How long the calls may take, on a busy machine.
const RUNNING: Duration = Duration::from_secs(400);
/// How long the books may take to close after the last call, on a busy machine.
const CLOSING: Duration = Duration::from_secs(60);

/// Three budgets on each call, in two units; `limit` is that of team `ads`, which nothing exhausts.
fn config(limit: u64) -> Value {
    let mut config = with_budgets(json!([
        {"name": "team-tokens", "per": ["team"], "unit": "tokens", "limit": 1_000_000_000, "window": "total",
            "limits": {"poor": POOR_LIMIT, "ads": limit}},
        {"name": "all-tokens", "unit": "tokens", "limit": 1_000_000_000, "window": "total"},
        {"name": "all-money", "unit": "USD", "limit": 1_000_000, "window": "total"},
    ]));
    config["prices"] = prices();
    config["telemetry"]["otlp"]["max_queue_bytes"] = json!(67_108_864);
    config
}

/// One call of one of many kinds, chosen by `dice`; what it answers does not matter here.
async fn call(client: &Client, team: &str, dice: usize) {
    let output = (dice % CAP as usize).to_string();
    let team = ("x-genops-team", team);
    let plain = [team, ("x-sim-output-tokens", output.as_str())];
    match dice % 12 {
        0..=4 => drop(client.try_post(PATH, &plain, &chat(CAP)).await),
        5 | 6 => drop(client.try_post(PATH, &plain, &chat_streamed(CAP)).await),
        7 => {
            let body = chat_streamed(CAP).to_string().into_bytes();
            if let Ok(mut answer) = client.open("POST".parse().expect("a method"), PATH, &plain, body).await {
                let _first = answer.next().await;
                answer.abort();
                client.close().await;
            }
        }
        8 => drop(client.try_post(PATH, &[team, ("x-sim-cut", "before")], &chat(CAP)).await),
        9 => drop(client.try_post(PATH, &[team, ("x-sim-cut", "midway")], &chat_streamed(CAP)).await),
        10 => drop(client.try_post(PATH, &[team, ("x-sim-status", "500")], &chat(CAP)).await),
        _ => drop(client.try_post(PATH, &[team], &json!({"model": 1, "messages": []})).await),
    }
}

/// All applications with all their calls.
async fn traffic(stage: &Stage) {
    let mut applications = JoinSet::new();
    for number in 0..APPLICATIONS {
        let client = Client::http1(stage.addr);
        applications.spawn(async move {
            // Any sequence will do, as long as it is another for each application and the same in each run.
            let mut dice = number * 7_919 + 1;
            for _ in 0..CALLS_EACH {
                dice = dice * 1_103_515_245 % 2_147_483_647 + 12_345;
                call(&client, TEAMS[(dice / 12) % TEAMS.len()], dice).await;
            }
        });
    }
    applications.join_all().await;
}

/// Keeps the auditor's books until every call was decided and every reservation reconciled.
async fn audit(stage: &Stage, over: Arc<AtomicBool>, calls: usize) -> Auditor {
    let mut auditor = Auditor::default();
    let ended = wait::until(RUNNING, async || {
        auditor.take(&stage.otlp.take_logs());
        over.load(Ordering::Relaxed).then_some(())
    });
    assert!(ended.await.is_some(), "the traffic never ended");
    let closed = wait::until(CLOSING, async || {
        auditor.take(&stage.otlp.take_logs());
        (auditor.decided_in_all() >= calls && auditor.open() == 0).then_some(())
    });
    let closed = closed.await.is_some();
    assert!(closed, "{} of {calls} decided, {} open", auditor.decided_in_all(), auditor.open());
    auditor
}

/// What the filter itself says of each budget for `team`: consumed, and remaining before the call that asks.
async fn statements(stage: &Stage, team: &str) -> Vec<(String, Billionths, Billionths)> {
    stage.otlp.clear();
    assert_eq!(stage.http1().chat(&[("x-genops-team", team)], &chat(1)).await.status, 200, "{team}");
    let events = stage.otlp.events("genops.budget.reservation", 3).await;
    let statement = |event: &lab::otlp::LogRecord| {
        let own = amount(event, "genops.accounting.reserved");
        let consumed = amount(event, "genops.budget.consumed");
        (text(event, "genops.budget.name"), consumed, amount(event, "genops.budget.remaining") + own)
    };
    let statements = events.iter().map(statement).collect();
    stage.otlp.events("genops.budget.reconciliation", 3).await;
    statements
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_50_000_calls_of_every_kind_the_accounts_are_what_the_auditor_finds_in_the_event_log() {
    let mut setup = Setup::new(config(900_000_000)).await;
    setup.launch.concurrency = WORKERS;
    setup.launch.drain_time_s = 120;
    setup.options.tracing = false;
    let mut listener = LiveListener::new(&setup.options);
    let bootstrap = listener.bootstrap(&setup.options);
    let options = setup.options.clone();
    let stage = setup.start_from(&bootstrap).await;

    let over = Arc::new(AtomicBool::new(false));
    let calls = APPLICATIONS * CALLS_EACH;
    let (auditor, ()) = tokio::join!(audit(&stage, over.clone(), calls), async {
        let updated = async {
            // A third of the way, under full load, the configuration changes.
            let under_way = async || (stage.upstream_requests().await > calls as u64 / 4).then_some(());
            assert!(wait::until(RUNNING, under_way).await.is_some(), "the traffic never got going");
            listener.replace(&options.clone().filter(lab::bootstrap::Filter::genops(config(800_000_000))));
            stage.envoy.wait_stat("listener_manager.lds.update_success", 2).await;
        };
        tokio::join!(traffic(&stage), updated);
        over.store(true, Ordering::Relaxed);
    });

    assert_eq!(auditor.decided_in_all(), calls, "one decision for each call");
    assert!(auditor.decisions["BLOCKED"] > calls / 12, "{:?}", auditor.decisions);
    assert!(auditor.reconciliations[&false] > 0 && auditor.reconciliations[&true] > 0);
    assert!(
        auditor.least_remaining >= Some(0),
        "promised more than there was: {:?}",
        auditor.least_remaining
    );
    assert_eq!(stage.metric("genops_events_dropped_total{}").await, 0.0, "the auditor saw everything");

    let limits = [("search", 1_000_000_000), ("ads", 800_000_000), ("support", 1_000_000_000)];
    let mut asked = BTreeMap::new();
    for (team, limit) in limits {
        for (budget, consumed, left) in statements(&stage, team).await {
            let (limit, posted) = match budget.as_str() {
                "team-tokens" => (limit, auditor.posted[&(budget.clone(), team.to_owned())]),
                "all-tokens" => (1_000_000_000, auditor.posted_in(&budget)),
                _ => (1_000_000, auditor.posted_in(&budget)),
            };
            // The questions before this one consumed something too.
            let more = if budget == "team-tokens" { 0 } else { *asked.entry(budget.clone()).or_insert(0) };
            assert_eq!(consumed, posted + more, "{budget} of {team}: posted");
            assert_eq!(left, limit * WHOLE - consumed, "{budget} of {team}: nothing is pending");
            let question = if budget == "all-money" { 12 * WHOLE / 1_000_000 } else { 11 * WHOLE };
            *asked.entry(budget).or_insert(0) += question;
        }
    }
    let poor = auditor.posted[&("team-tokens".to_owned(), "poor".to_owned())];
    let refused = stage.http1().chat(&[("x-genops-team", "poor")], &chat(POOR_LIMIT)).await;
    assert_eq!(refused.header("x-genops-budget-name"), Some("team-tokens"), "{}", refused.text());
    let left: Billionths =
        refused.header("x-genops-budget-remaining").expect("a figure").parse().expect("whole");
    assert_eq!(
        left * WHOLE,
        Billionths::from(POOR_LIMIT) * WHOLE - poor,
        "what refused often holds nothing back"
    );
    stage.never_died().await;
}
