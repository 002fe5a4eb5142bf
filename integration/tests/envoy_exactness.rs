//! Races on one account: as many calls are admitted as fit, to the last one, whatever the workers' timing.
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

use lab::{Client, Gate};
use serde_json::json;
use std::net::SocketAddr;
use support::calls::{CAP, INPUT, PATH, RESERVED, chat};
use support::config::tokens;
use support::{Setup, Stage};
use tokio::task::JoinSet;

const WORKERS: u32 = 4;
const CALLS: usize = 500;
const FITTING: usize = 100;
const RUNS: usize = 20;
/// Connections, so that every worker has some; each carries many calls at once.
const CONNECTIONS: usize = 20;

async fn stage(limit: u64) -> Stage {
    let mut config = tokens();
    config["budgets"][0]["limit"] = json!(limit);
    let mut setup = Setup::new(config).await;
    setup.launch.concurrency = WORKERS;
    setup.start().await
}

/// One call; a refusal counts at the gate, as an arrival at the provider does. Returns its status.
async fn call(client: &Client, team: &str, output: u64, gate: &Gate) -> u16 {
    let output = output.to_string();
    let headers = [("x-genops-team", team), ("x-sim-output-tokens", output.as_str())];
    let answer =
        client.open("POST".parse().expect("a method"), PATH, &headers, chat(CAP).to_string().into_bytes());
    let answer = answer.await.expect("an answer begins");
    if answer.status != 200 {
        gate.count_one();
        assert_eq!(answer.status, 429);
        assert_eq!(answer.headers["x-genops-reason-code"], "BUDGET_EXCEEDED");
    }
    answer.finish().await.expect("a whole answer").status
}

/// All calls of one team at once, held at the provider until each of them is decided.
async fn run(stage: &Stage, addr: SocketAddr, team: String) -> usize {
    let gate = Gate::after(CALLS);
    stage.simulator.hold(&gate);
    let clients: Vec<_> = (0..CONNECTIONS).map(|_| std::sync::Arc::new(Client::http2(addr))).collect();
    let mut calls = JoinSet::new();
    for index in 0..CALLS {
        let (client, team, gate) = (clients[index % CONNECTIONS].clone(), team.clone(), gate.clone());
        // Different answers, so that no sum is right by accident.
        calls.spawn(async move { call(&client, &team, index as u64 % CAP, &gate).await });
    }
    calls.join_all().await.into_iter().filter(|status| *status == 200).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_500_concurrent_calls_on_4_workers_exactly_the_100_that_fit_are_admitted_in_20_runs() {
    let limit = FITTING as u64 * RESERVED;
    let stage = stage(limit).await;
    for number in 0..RUNS {
        let team = format!("run-{number}");
        let before = (stage.simulator.received().len(), stage.simulator.served().usage);
        let admitted = run(&stage, stage.addr, team.clone()).await;
        assert_eq!(admitted, FITTING, "{team}");
        let served = stage.simulator.served().usage;
        assert_eq!(stage.simulator.received().len() - before.0, FITTING, "{team}: reached the provider");
        // Nothing pending, and posted what the provider billed, to the last token.
        let billed = served.total_tokens() - before.1.total_tokens();
        assert!(billed > FITTING as u64 * INPUT);
        stage.settles_at(&team, limit - billed).await;
    }
    assert_eq!(stage.upstream_requests().await, (FITTING * RUNS) as u64);
    assert_eq!(busy_workers(&stage).await, WORKERS as usize, "all workers took part");
    stage.never_died().await;
}

/// Workers that accepted connections.
async fn busy_workers(stage: &Stage) -> usize {
    let stats = stage.envoy.admin_get("/stats?filter=worker_.*downstream_cx_total").await;
    stats.lines().filter(|line| line.starts_with("listener.127.") && !line.ends_with(": 0")).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_teams_and_budgets_under_load_are_each_exact() {
    const TEAMS: usize = 5;
    const EACH: usize = 60;
    let mut config = tokens();
    let (limit, all) = (1_000_000, 40 * TEAMS as u64 * RESERVED);
    config["budgets"] = json!([
        {"name": "team-tokens", "per": ["team"], "unit": "tokens", "limit": limit, "window": "total",
            "limits": {"unlimited": 2_000_000_000_u64}},
        {"name": "all-tokens", "unit": "tokens", "limit": all, "window": "total"},
    ]);
    let mut setup = Setup::new(config).await;
    setup.launch.concurrency = WORKERS;
    let stage = setup.start().await;
    let gate = Gate::after(TEAMS * EACH);
    stage.simulator.hold(&gate);
    let mut calls = JoinSet::new();
    for index in 0..TEAMS * EACH {
        let client = Client::http2(stage.addr);
        let (team, gate) = (format!("team-{}", index % TEAMS), gate.clone());
        calls.spawn(async move { (index % TEAMS, call(&client, &team, index as u64 % CAP, &gate).await) });
    }
    let outcomes = calls.join_all().await;
    let admitted = outcomes.iter().filter(|(_, status)| *status == 200).count();
    assert_eq!(admitted, 40 * TEAMS, "the budget of all teams together decides");
    let billed = stage.simulator.served().usage.total_tokens();
    // The whole: a team without a limit of its own is refused by the budget of all.
    stage.settles_at("unlimited", all - billed).await;
    // The parts: a small call fits again, and its answer names what its team's budget holds.
    let mut posted = 0;
    for team in 0..TEAMS {
        let team = format!("team-{team}");
        let answer = Client::http1(stage.addr).chat(&[("x-genops-team", &team)], &chat(1)).await;
        assert_eq!(answer.header("x-genops-budget-name"), Some("team-tokens"));
        let left: u64 = answer.header("x-genops-budget-remaining").expect("a figure").parse().expect("whole");
        posted += limit - left - (INPUT + 1);
    }
    assert_eq!(posted, billed, "refusals left nothing behind in any team's account");
    stage.never_died().await;
}
