//! Configurations at the start and while Envoy runs: bad ones are refused in full, good ones keep what was used.
//!
//! Needs `GENOPS_ENVOY`, `GENOPS_WASM` and `GENOPS_FAULTS_WASM`.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

#[allow(dead_code, reason = "each suite uses a part of it")]
mod support;

use lab::bootstrap::{Filter, LiveListener, Options};
use lab::{EnvoyProcess, Gate, Launch, artifacts, wait};
use serde_json::{Value, json};
use support::calls::{ACTUAL, INPUT, RESERVED};
use support::config::{LIMIT, budget, tokens, with_budgets};
use support::settlement::usual;
use support::telemetry::{EVALUATED, RECONCILIATION, RESERVATION};
use support::{Setup, Stage};

/// Four mistakes in four places, and what the log must say of each.
fn bad() -> (Value, [&'static str; 4]) {
    let mut config = tokens();
    config["budgets"][0]["limit"] = json!(-1);
    config["budgets"][0]["windo"] = json!("day");
    config["attribution"]["team"]["on_missing"] = json!("omit");
    config["estimation"]["bytes_per_token"] = json!("four");
    let paths = [
        "budgets[0].limit",
        r#"budgets[0].windo: unknown key, did you mean "window"?"#,
        "attribution.team.on_missing",
        "estimation.bytes_per_token",
    ];
    (config, paths)
}

fn options(config: Value) -> Options {
    Options::new(([127, 0, 0, 1], 9).into()).filter(Filter::genops(config))
}

#[tokio::test]
async fn a_bad_configuration_is_refused_at_the_start_with_every_mistake_and_its_path() {
    let (config, paths) = bad();
    let bootstrap = options(config).bootstrap();
    let refused =
        EnvoyProcess::try_start(&Launch::default(), &bootstrap).await.expect_err("it must not start");
    assert!(refused.exit.is_some_and(|exit| !exit.success()));
    let validated = lab::envoy::validate(&bootstrap).expect_err("validation fails too");
    for log in [refused.log, validated.log] {
        assert!(log.contains("4 problem(s)"), "{log}");
        for path in paths {
            assert!(log.contains(path), "{path} is not in the log:\n{log}");
        }
    }
}

/// The wasm plugin's own section of a bootstrap.
fn plugin(bootstrap: &mut Value) -> &mut Value {
    let manager = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
    let manager = bootstrap.pointer_mut(manager).expect("a connection manager");
    &mut manager["http_filters"][1]["typed_config"]["config"]
}

#[tokio::test]
async fn a_configuration_that_is_no_json_or_absent_is_refused_at_the_start() {
    for config in [json!("no object"), json!([]), json!(null)] {
        let refused = EnvoyProcess::try_start(&Launch::default(), &options(config.clone()).bootstrap()).await;
        let log = refused.expect_err("it must not start").log;
        assert!(log.contains("genops: configuration refused"), "{config}: {log}");
    }
    let mut bootstrap = options(json!({})).bootstrap();
    plugin(&mut bootstrap).as_object_mut().expect("an object").remove("configuration");
    let refused =
        EnvoyProcess::try_start(&Launch::default(), &bootstrap).await.expect_err("it must not start");
    assert!(refused.log.contains("genops: configuration refused"), "{}", refused.log);
}

#[tokio::test]
async fn a_configuration_can_be_a_struct_as_well_as_a_string() {
    let setup = Setup::new(json!({})).await;
    let stage = setup
        .start_edited(|bootstrap| {
            let kind = "type.googleapis.com/google.protobuf.Struct";
            plugin(bootstrap)["configuration"] = json!({"@type": kind, "value": tokens()});
        })
        .await;
    // A Struct knows doubles only, so 1000 arrives as 1000.0.
    assert_eq!(usual(&stage.http1(), "search").await.status, 200);
    assert_eq!(stage.left("search").await, LIMIT - ACTUAL);
}

/// A governed Envoy whose listener can be replaced.
struct Live {
    stage: Stage,
    listener: LiveListener,
    options: Options,
}

impl Live {
    async fn start(config: Value) -> Self {
        // Calls under way may take longer than the laboratory's usual second to drain.
        Self::start_draining(config, 60).await
    }

    async fn start_draining(config: Value, drain_time_s: u32) -> Self {
        let mut setup = Setup::new(config).await;
        setup.launch.drain_time_s = drain_time_s;
        let options = setup.options.clone();
        let listener = LiveListener::new(&options);
        let bootstrap = listener.bootstrap(&options);
        Self { stage: setup.start_from(&bootstrap).await, listener, options }
    }

    async fn update(&mut self, filter: Filter) {
        let taken = self.stat("update_success").await;
        self.listener.replace(&self.options.clone().filter(filter));
        self.stage.envoy.wait_stat("listener_manager.lds.update_success", taken + 1).await;
    }

    async fn update_in_vain(&mut self, filter: Filter) {
        let rejected = self.stat("update_rejected").await;
        self.listener.replace(&self.options.clone().filter(filter));
        self.stage.envoy.wait_stat("listener_manager.lds.update_rejected", rejected + 1).await;
    }

    async fn stat(&self, name: &str) -> u64 {
        self.stage.envoy.stat(&format!("listener_manager.lds.{name}")).await.unwrap_or(0)
    }
}

fn with_limit(limit: u64) -> Value {
    with_budgets(json!([budget("team-tokens", limit)]))
}

#[tokio::test]
async fn a_bad_live_update_is_rejected_with_every_mistake_while_the_old_configuration_governs_on() {
    let mut live = Live::start(tokens()).await;
    assert_eq!(usual(&live.stage.http1(), "search").await.status, 200);
    let (config, paths) = bad();
    live.update_in_vain(Filter::genops(config)).await;
    for path in paths {
        assert!(live.stage.envoy.log().contains(path), "{path}: {}", live.stage.envoy.log_tail(20));
    }
    assert_eq!(live.stage.left("search").await, LIMIT - ACTUAL);
    assert_eq!(usual(&live.stage.http1(), "search").await.status, 200);
    assert_eq!(live.stage.left("search").await, LIMIT - 2 * ACTUAL);
    // And a good one is taken after a bad one.
    live.update(Filter::genops(with_limit(LIMIT + 7))).await;
    live.stage.settles_at("search", LIMIT + 7 - 2 * ACTUAL).await;
}

#[tokio::test]
async fn an_edited_limit_takes_effect_at_once_and_keeps_what_was_used() {
    let mut live = Live::start(tokens()).await;
    assert_eq!(usual(&live.stage.http1(), "search").await.status, 200);
    live.update(Filter::genops(with_limit(2 * LIMIT))).await;
    live.stage.settles_at("search", 2 * LIMIT - ACTUAL).await;
    // Below what is used already: nothing is left, and nothing wraps around.
    live.update(Filter::genops(with_limit(ACTUAL - 1))).await;
    live.stage.settles_at("search", 0).await;
    let answer = usual(&live.stage.http1(), "search").await;
    assert_eq!((answer.status, answer.header("x-genops-reason-code")), (429, Some("BUDGET_EXCEEDED")));
}

#[tokio::test]
async fn adding_and_reordering_budgets_keeps_what_each_has_used() {
    let mut live = Live::start(tokens()).await;
    assert_eq!(usual(&live.stage.http1(), "search").await.status, 200);
    let project = json!({"name": "project-tokens", "per": ["project"], "unit": "tokens", "limit": 5_000_000_000_u64,
        "window": "total"});
    live.update(Filter::genops(with_budgets(json!([project, budget("team-tokens", LIMIT)])))).await;
    live.stage.settles_at("search", LIMIT - ACTUAL).await;
    // A changed mode and default key limits are edits too.
    let mut team = budget("team-tokens", 1);
    team["limits"] = json!({"search": LIMIT});
    live.update(Filter::genops(with_budgets(json!([team, project])))).await;
    live.stage.settles_at("search", LIMIT - ACTUAL).await;
    live.stage.settles_at("another", 1).await;
}

#[tokio::test]
async fn a_call_under_way_during_an_update_is_settled_in_the_account_that_it_was_reserved_in() {
    let mut live = Live::start(tokens()).await;
    let gate = Gate::closed();
    live.stage.simulator.hold(&gate);
    let client = live.stage.http1();
    let waiting = tokio::spawn(async move { usual(&client, "search").await.status });
    live.stage.simulator.wait_received(1).await;
    live.update(Filter::genops(with_limit(LIMIT + 7))).await;
    live.stage.settles_at("search", LIMIT + 7 - RESERVED).await;
    gate.open();
    assert_eq!(waiting.await.expect("the call"), 200);
    live.stage.settles_at("search", LIMIT + 7 - ACTUAL).await;
}

#[tokio::test]
async fn an_upgrade_of_the_filter_keeps_what_was_used_and_what_is_reserved() {
    let mut live = Live::start(tokens()).await;
    assert_eq!(usual(&live.stage.http1(), "search").await.status, 200);
    let gate = Gate::closed();
    live.stage.simulator.hold(&gate);
    let client = live.stage.http1();
    let waiting = tokio::spawn(async move { usual(&client, "search").await.status });
    live.stage.simulator.wait_received(2).await;
    let wasm = artifacts::genops_faults_wasm();
    let upgraded = Filter::Genops { wasm, config: with_limit(LIMIT + 7), vm_id: "genops".to_owned() };
    live.update(upgraded).await;
    live.stage.settles_at("search", LIMIT + 7 - ACTUAL - RESERVED).await;
    gate.open();
    assert_eq!(waiting.await.expect("the call"), 200);
    live.stage.settles_at("search", LIMIT + 7 - 2 * ACTUAL).await;
    assert_eq!(INPUT, 10);
}

fn with_limits(amount: u64, max: u64) -> Value {
    let mut config = with_budgets(json!([]));
    config["rate_limits"] = json!([{"name": "rpd", "unit": "requests", "amount": amount, "period": "day"}]);
    config["concurrency_limits"] = json!([{"name": "flights", "max": max}]);
    config
}

#[tokio::test]
async fn edited_rates_and_slots_keep_what_was_taken_and_who_is_in_flight() {
    let mut live = Live::start(with_limits(3, 2)).await;
    let remaining = |answer: &lab::Answer| {
        answer.header("x-ratelimit-remaining-requests").map(|text| text.parse::<u64>().expect("a number"))
    };
    assert_eq!(remaining(&usual(&live.stage.http1(), "search").await), Some(2));
    let gate = Gate::closed();
    live.stage.simulator.hold(&gate);
    let client = live.stage.http1();
    let waiting = tokio::spawn(async move { usual(&client, "search").await });
    live.stage.simulator.wait_received(2).await;
    // Two of five are taken, and one flies: there is no room beside it.
    live.update(Filter::genops(with_limits(5, 1))).await;
    let refused = async || {
        let answer = usual(&live.stage.http1(), "search").await;
        let by_flights =
            answer.text().contains("flights") && answer.text().contains("1 of 1 calls in flight");
        (answer.status == 429 && by_flights).then_some(())
    };
    assert!(wait::until(wait::DEADLINE, refused).await.is_some(), "the new configuration governs");
    gate.open();
    assert_eq!(remaining(&waiting.await.expect("the call")), Some(1), "three before the update");
    assert_eq!(remaining(&usual(&live.stage.http1(), "search").await), Some(2), "five, less three");
    // Below what is taken already.
    live.update(Filter::genops(with_limits(1, 1))).await;
    let refused = async || {
        let answer = usual(&live.stage.http1(), "search").await;
        (answer.status == 429 && remaining(&answer) == Some(0)).then_some(())
    };
    assert!(wait::until(wait::DEADLINE, refused).await.is_some(), "three taken of one");
    live.stage.never_died().await;
}

const CALLS: usize = 3;
const ALLOWED: &str = r#"genops_policy_evaluations_total{result="ALLOWED"}"#;

/// Calls under a configuration whose tick does not come within a test, and another configuration to follow it.
async fn before_any_tick() -> (Live, Filter) {
    let mut config = with_limit(LIMIT);
    config["telemetry"]["otlp"]["flush_interval_ms"] = json!(60_000);
    let live = Live::start_draining(config.clone(), 1).await;
    for _ in 0..CALLS {
        assert_eq!(usual(&live.stage.http1(), "search").await.status, 200);
    }
    assert_eq!(live.stage.metric(ALLOWED).await, 0.0, "counted, and not told yet");
    assert!(live.stage.otlp.logs().is_empty(), "nor are the events");
    config["budgets"][0]["limit"] = json!(LIMIT + 7);
    (live, Filter::genops(config))
}

#[tokio::test]
async fn what_the_old_configuration_has_counted_and_seen_is_not_lost_with_it() {
    let (mut live, next) = before_any_tick().await;
    live.update(next).await;
    live.stage.counts(ALLOWED, CALLS as f64).await;
    for name in [EVALUATED, RESERVATION, RECONCILIATION] {
        assert_eq!(live.stage.otlp.events(name, CALLS).await.len(), CALLS, "{name}");
    }
    live.stage.never_died().await;
}

#[tokio::test]
async fn what_the_collector_does_not_take_from_an_old_configuration_is_counted_as_dropped() {
    let (mut live, next) = before_any_tick().await;
    live.stage.otlp.set(lab::Collector::Refuse(503));
    live.update(next).await;
    live.stage.counts("genops_events_dropped_total{}", 3.0 * CALLS as f64).await;
    live.stage.never_died().await;
}

#[tokio::test]
async fn envoy_ends_at_once_although_events_wait_and_the_collector_hangs() {
    let (live, _) = before_any_tick().await;
    live.stage.otlp.set(lab::Collector::Hang);
    live.stage.envoy.admin_post("/quitquitquit").await;
    let stat = format!("/proc/{}/stat", live.stage.envoy.pid());
    // Nobody has waited for the child yet, so that it stays, as a zombie.
    let ended = async || std::fs::read_to_string(&stat).ok()?.contains(") Z ").then_some(());
    assert!(wait::until(wait::DEADLINE, ended).await.is_some(), "{}", live.stage.envoy.log_tail(20));
    let log = live.stage.envoy.log();
    assert!(!log.contains("[critical]") && !log.contains("panicked"), "{log}");
}
