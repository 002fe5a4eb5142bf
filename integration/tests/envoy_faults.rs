//! The filter's VM dies with calls in flight, or a call outlives its reservation: what was reserved expires, nothing
//! leaks.
//!
//! Needs `GENOPS_ENVOY` and `GENOPS_FAULTS_WASM`, whose filter panics where the request header `x-fault` says.
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

use lab::bootstrap::Filter;
use lab::{Gate, artifacts, wait};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use support::calls::{ACTUAL, CAP, PATH, RESERVED, chat, chat_streamed};
use support::config::{LIMIT, tokens};
use support::settlement::usual;
use support::{Setup, Stage};

/// The shortest life that a reservation can have; expiries are rounded up by at most an eighth.
const TTL_MS: u64 = 1_000;

fn expiring(on_expiry: &str) -> Value {
    let mut config = tokens();
    config["reservation"] = json!({"ttl_ms": TTL_MS, "on_expiry": on_expiry});
    config
}

async fn faulty(config: Value, workers: u32) -> Stage {
    let mut setup = Setup::new(json!({})).await;
    setup.launch.concurrency = workers;
    setup.options.filter =
        Filter::Genops { wasm: artifacts::genops_faults_wasm(), config, vm_id: "genops".to_owned() };
    setup.start().await
}

/// What `team` has left, from a filter that may just be coming back.
async fn left_after_reload(stage: &Stage, team: &str) -> u64 {
    let reloaded = async || {
        let mut body = chat(1_000_000_000);
        body["model"] = json!("probe");
        let answer = stage.http1().try_post(PATH, &[("x-genops-team", team)], &body).await.ok()?;
        answer.header("x-genops-budget-remaining")?.parse().ok()
    };
    wait::until(wait::DEADLINE, reloaded).await.expect("the filter governs again")
}

/// Waits until so many reservations have expired, which the filter finds out, and counts, when it is next asked.
async fn expire(stage: &Stage, reservations: u64) {
    let expired = async || {
        stage.left("search").await;
        (stage.metric("genops_reservations_expired_total{}").await == reservations as f64).then_some(())
    };
    assert!(
        wait::until(wait::DEADLINE, expired).await.is_some(),
        "{reservations} reservations never expired"
    );
}

/// A call in flight and one that kills the VM at `place`.
async fn kill(stage: &Stage, place: &'static str) {
    let gate = Gate::closed();
    stage.simulator.hold(&gate);
    let before = stage.simulator.received().len();
    let client = stage.http1();
    let bystander =
        tokio::spawn(async move { client.try_post(PATH, &[("x-genops-team", "search")], &chat(CAP)).await });
    stage.simulator.wait_received(before + 1).await;
    stage.simulator.behave(lab::Behaviour::default());
    let headers = [("x-genops-team", "search"), ("x-fault", place)];
    let killer = stage.http1().try_post(PATH, &headers, &chat_streamed(CAP)).await;
    assert!(killer.is_err() || killer.is_ok_and(|answer| answer.status == 503), "the call dies with its VM");
    stage.envoy.wait_log("fault injected at").await;
    // A stream of the dead VM is cut when it next moves; nothing can settle what it has reserved.
    gate.open();
    let cut = bystander.await.expect("the task ends");
    assert!(cut.as_ref().map_or(true, |answer| answer.status == 503), "the bystander dies too: {cut:?}");
}

#[tokio::test]
async fn a_dead_vm_comes_back_with_its_accounts_and_what_it_had_reserved_expires() {
    for (on_expiry, place, lost) in
        [("consume", "response-headers", 2 * RESERVED), ("release", "response-body", 0)]
    {
        let stage = faulty(expiring(on_expiry), 1).await;
        // Something settled, which must survive.
        assert_eq!(usual(&stage.http1(), "search").await.status, 200);
        let killed_at = Instant::now();
        kill(&stage, place).await;
        let left = left_after_reload(&stage, "search").await;
        if killed_at.elapsed() < Duration::from_millis(TTL_MS / 2) {
            assert_eq!(left, LIMIT - ACTUAL - 2 * RESERVED, "{on_expiry}: reserved until it expires");
        }
        expire(&stage, 2).await;
        assert!(killed_at.elapsed() >= Duration::from_millis(TTL_MS), "{on_expiry}: not before its time");
        assert_eq!(stage.left("search").await, LIMIT - ACTUAL - lost, "{on_expiry}");
        assert_eq!(stage.envoy.stat("wasm.genops.vm_reload_success").await, Some(1));
        // And it governs on.
        assert_eq!(usual(&stage.http1(), "search").await.status, 200);
        stage.settles_at("search", LIMIT - 2 * ACTUAL - lost).await;
    }
}

#[tokio::test]
async fn the_death_of_one_workers_vm_leaves_the_others_calls_alone() {
    const WORKERS: u32 = 4;
    let stage = faulty(expiring("release"), WORKERS).await;
    let gate = Gate::closed();
    stage.simulator.hold(&gate);
    // One call on a connection of its own per bystander, spread over the workers by the kernel.
    let calls: Vec<_> = (0..24)
        .map(|_| {
            let client = stage.http1();
            tokio::spawn(async move { client.try_post(PATH, &[("x-genops-team", "others")], &chat(1)).await })
        })
        .collect();
    stage.simulator.wait_received(24).await;
    stage.simulator.behave(lab::Behaviour::default());
    let headers = [("x-genops-team", "killer"), ("x-fault", "response-headers")];
    let killer = stage.http1().try_post(PATH, &headers, &chat(CAP)).await;
    assert!(killer.is_err() || killer.is_ok_and(|answer| answer.status == 503));
    gate.open();
    let mut survivors = 0;
    for call in calls {
        survivors += u64::from(call.await.expect("the task ends").is_ok_and(|answer| answer.status == 200));
    }
    assert!((1..24).contains(&survivors), "{survivors} of 24 survived the death of one VM of {WORKERS}");
    // The survivors' usage is posted exactly, and the rest was given back.
    let expected = LIMIT - survivors * 11;
    let settled = async || (left_after_reload(&stage, "others").await == expected).then_some(());
    assert!(wait::until(wait::DEADLINE, settled).await.is_some(), "expected {expected} left");
}

/// One application's calls, every fortieth of which kills the VM it meets, until it is told that it is over. Returns the
/// usage of those that were answered.
async fn calls_that_sometimes_kill(addr: SocketAddr, number: usize, over: Arc<AtomicBool>) -> u64 {
    let (client, mut used) = (lab::Client::http1(addr), 0);
    for call in number.. {
        if over.load(Ordering::Relaxed) {
            break;
        }
        let fault = if call % 40 == 0 { "response-headers" } else { "nowhere" };
        let headers = [("x-genops-team", "search"), ("x-fault", fault)];
        match client.try_post(PATH, &headers, &chat(CAP)).await {
            Ok(answer) if answer.status == 200 => used += ACTUAL,
            // A dead VM comes back after a second; until then Envoy refuses at once.
            _ => tokio::time::sleep(wait::PAUSE).await,
        }
    }
    used
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn vms_that_die_again_and_again_under_load_leak_nothing() {
    const WORKERS: u32 = 4;
    const APPLICATIONS: usize = 24;
    const MUCH: u64 = 1_000_000;
    let mut config = expiring("release");
    config["budgets"][0]["limit"] = json!(MUCH);
    let stage = faulty(config, WORKERS).await;
    let over = Arc::new(AtomicBool::new(false));
    let mut applications = tokio::task::JoinSet::new();
    for number in 0..APPLICATIONS {
        applications.spawn(calls_that_sometimes_kill(stage.addr, number, over.clone()));
    }
    let came_back = wait::until(wait::DEADLINE, async || {
        let deaths = stage.envoy.stat("wasm.genops.vm_reload_success").await.unwrap_or(0);
        (deaths > 2 * u64::from(WORKERS)).then_some(())
    });
    let came_back = came_back.await;
    over.store(true, Ordering::Relaxed);
    let answered: u64 = applications.join_all().await.into_iter().sum();
    assert!(came_back.is_some(), "too few VMs came back");
    assert!(answered > 0, "some calls were answered between two deaths");
    // What was posted is at least what applications saw answered, and, once the dead calls' reservations have expired,
    // no more than the provider wrote out.
    let served = stage.simulator.served().usage.total_tokens();
    let mut held = 0;
    let settled = wait::until(wait::DEADLINE, async || {
        held = MUCH - left_after_reload(&stage, "search").await;
        (answered..=served).contains(&held).then_some(())
    });
    assert!(settled.await.is_some(), "{held} held; {answered} answered, {served} served");
    assert!(stage.metric("genops_reservations_expired_total{}").await > 0.0, "dead calls left reservations");
}

#[tokio::test]
async fn a_call_that_outlives_its_reservation_is_still_posted_exactly() {
    for on_expiry in ["consume", "release"] {
        let stage = Stage::start(expiring(on_expiry)).await;
        let gate = Gate::closed();
        stage.simulator.hold(&gate);
        let client = stage.http1();
        let slow = tokio::spawn(async move { usual(&client, "search").await });
        stage.simulator.wait_received(1).await;
        assert_eq!(stage.left("search").await, LIMIT - RESERVED);
        expire(&stage, 1).await;
        let left = if on_expiry == "consume" { LIMIT - RESERVED } else { LIMIT };
        assert_eq!(stage.left("search").await, left, "{on_expiry}");
        gate.open();
        assert_eq!(slow.await.expect("the call").status, 200);
        stage.settles_at("search", LIMIT - ACTUAL).await;
    }
}
