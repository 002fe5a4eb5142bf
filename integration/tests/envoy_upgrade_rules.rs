//! What policies, gates, limits, breakers and SLAs make of a connection that is upgraded, over which nothing is seen.
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
#[allow(dead_code, reason = "each suite uses a part of it")]
mod upgrades;

use lab::RawConnection;
use serde_json::{Value, json};
use support::config::tokens;
use support::telemetry::{EVALUATED, RECONCILIATION, text};
use support::{Stage, grants};
use upgrades::{Echo, REALTIME, SWITCHING, ask_with, upgrading};

const FLAT: u64 = 40;
const HOST: &str = "api.openai.com";

fn config(changes: &Value) -> Value {
    let mut config = tokens();
    config["failure"] = json!({"upgrade": {"reserve": FLAT}});
    config["attribution"]["feature"] = json!({"sources": [{"header": "x-feature"}]});
    config.as_object_mut().expect("an object").extend(changes.as_object().expect("an object").clone());
    config
}

/// Asks for an upgrade as `feature`: the connection, and the head of the answer.
async fn asked(stage: &Stage, path: &str, feature: &str) -> (RawConnection, String) {
    let headers = [("x-genops-team", "search"), ("x-feature", feature)];
    let mut connection = ask_with(stage, HOST, path, &headers).await;
    let head = connection.read_until("\r\n\r\n").await;
    (connection, head)
}

/// The answer to an upgrade: its status, result and reason code.
fn outcome(head: &str) -> (&str, Option<&str>, Option<&str>) {
    let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let status = head.split(' ').nth(1).expect("a status line");
    (status, header("x-genops-policy-result"), header("x-genops-reason-code"))
}

/// It is open: what is sent comes back.
async fn converses(connection: &mut RawConnection) {
    connection.write("a frame").await;
    connection.read_until("a frame").await;
}

#[tokio::test]
async fn a_policy_that_cannot_see_what_it_forbids_refuses_an_upgrade_unless_it_lets_upgrades_pass() {
    let echo = Echo::start(SWITCHING).await;
    let rules = [
        ("content", "POLICY_DENY_CONTENT", json!({"content": [{"name": "falcon", "literals": ["Falcon"]}]})),
        ("tools", "x_policy_deny_tool", json!({"tools": {"names": {"deny": "browse"}}})),
        ("bytes", "x_ceiling_exceeded", json!({"ceilings": {"max_request_bytes": 1_000_000}})),
        ("input", "x_ceiling_exceeded", json!({"ceilings": {"max_input_tokens": FLAT - 1}})),
        ("models", "POLICY_DENY_MODEL", json!({"models": {"deny": ["gpt-4o*"]}})),
    ];
    let mut policies = Vec::new();
    for (name, _, rule) in &rules {
        for (mode, on_upgrade) in [("enforce", "refuse"), ("warn", "refuse"), ("enforce", "pass")] {
            let mut policy = rule.clone();
            let feature = format!("{name}-{mode}-{on_upgrade}");
            policy["name"] = json!(feature);
            policy["match"] = json!({"feature": feature});
            policy["mode"] = json!(mode);
            policy["on_upgrade"] = json!(on_upgrade);
            policies.push(policy);
        }
    }
    let stage = upgrading(config(&json!({"policies": policies})), &echo).await;
    for (opened, (name, code, _)) in rules.iter().enumerate() {
        // No model is named where that is what cannot be seen.
        let path = if *name == "models" { "/v1/realtime" } else { REALTIME };
        let (_, refused) = asked(&stage, path, &format!("{name}-enforce-refuse")).await;
        assert_eq!(outcome(&refused), ("403", Some("BLOCKED"), Some(*code)), "{name}");
        assert_eq!(echo.heads().len(), 2 * opened, "{name}: it went upstream");
        let (mut warned, head) = asked(&stage, path, &format!("{name}-warn-refuse")).await;
        assert_eq!(outcome(&head), ("101", Some("WARNING"), Some(*code)), "{name}");
        converses(&mut warned).await;
        let (mut passed, head) = asked(&stage, path, &format!("{name}-enforce-pass")).await;
        assert_eq!(outcome(&head), ("101", Some("ALLOWED"), None), "{name}");
        converses(&mut passed).await;
    }
    // What can be seen is judged as ever: the model that the path names.
    let denied = "/v1/realtime?model=gpt-4o-realtime";
    let (_, head) = asked(&stage, denied, "models-enforce-pass").await;
    assert_eq!(outcome(&head), ("403", Some("BLOCKED"), Some("POLICY_DENY_MODEL")));
    let (mut named, head) = asked(&stage, REALTIME, "models-enforce-refuse").await;
    assert_eq!(outcome(&head), ("101", Some("ALLOWED"), None));
    converses(&mut named).await;
    stage.never_died().await;
}

#[tokio::test]
async fn ceilings_of_tokens_and_cost_judge_an_upgrade_by_its_flat_amount() {
    let echo = Echo::start(SWITCHING).await;
    let ceiling = |feature: &str, ceilings: Value| json!({"name": feature, "match": {"feature": feature}, "ceilings": ceilings});
    let cost = |amount: f64| json!({"max_cost": {"amount": amount, "currency": "USD"}});
    let stage = upgrading(
        config(&json!({
            "prices": [{"model": "gpt-realtime", "currency": "USD", "input_per_million": 1, "output_per_million": 2}],
            "policies": [
                ceiling("low", json!({"max_total_tokens": FLAT - 1})),
                ceiling("high", json!({"max_total_tokens": FLAT, "max_input_tokens": FLAT, "max_choices": 1})),
                // 40 tokens at two dollars a million.
                ceiling("dear", cost(0.000_079)),
                ceiling("cheap", cost(0.000_080)),
            ],
        })),
        &echo,
    )
    .await;
    for (feature, expected) in [
        ("low", ("403", Some("BLOCKED"), Some("x_ceiling_exceeded"))),
        ("high", ("101", Some("ALLOWED"), None)),
        ("dear", ("403", Some("BLOCKED"), Some("x_ceiling_exceeded"))),
        ("cheap", ("101", Some("ALLOWED"), None)),
    ] {
        let (_connection, head) = asked(&stage, REALTIME, feature).await;
        assert_eq!(outcome(&head), expected, "{feature}");
    }
    assert_eq!(echo.heads().len(), 2);
}

#[tokio::test]
async fn an_upgrade_above_a_gate_needs_a_grant_which_is_used_once_and_never_forwarded() {
    let echo = Echo::start(SWITCHING).await;
    let approvals = json!({"approvals": {
        "keys": grants::keys(),
        "gates": [{"name": "conversations", "unit": "tokens", "above": FLAT - 1, "match": {"model": "gpt-realtime"}}],
    }});
    let stage = upgrading(config(&approvals), &echo).await;
    let (_, head) = asked(&stage, REALTIME, "none").await;
    assert_eq!(outcome(&head), ("403", Some("BLOCKED"), Some("x_approval_required")));
    let token = grants::once("g-1", &json!({"team": "search"}));
    let headers = [("x-genops-team", "search"), ("x-genops-grant", token.as_str())];
    let mut open = ask_with(&stage, HOST, REALTIME, &headers).await;
    let head = open.read_until("\r\n\r\n").await;
    assert_eq!(outcome(&head), ("101", Some("ALLOWED"), None));
    converses(&mut open).await;
    assert!(!echo.heads()[0].contains(&token), "the provider saw the grant");
    let mut again = ask_with(&stage, HOST, REALTIME, &headers).await;
    let head = again.read_until("\r\n\r\n").await;
    assert_eq!(outcome(&head), ("403", Some("BLOCKED"), Some("x_approval_exhausted")));
    assert_eq!(echo.heads().len(), 1);
}

#[tokio::test]
async fn an_upgrade_is_one_call_in_flight_until_it_ends() {
    let echo = Echo::start(SWITCHING).await;
    let limits = json!({
        "concurrency_limits": [{"name": "flights", "max": 1}],
        "rate_limits": [{"name": "rpd", "unit": "requests", "amount": 2, "period": "day"}],
    });
    let stage = upgrading(config(&limits), &echo).await;
    let (mut first, head) = asked(&stage, REALTIME, "none").await;
    assert_eq!(outcome(&head).0, "101");
    converses(&mut first).await;
    let (_, head) = asked(&stage, REALTIME, "none").await;
    assert_eq!(outcome(&head), ("429", Some("RATE_LIMITED"), Some("RATE_LIMITED")));
    drop(first);
    stage.otlp.events(RECONCILIATION, 1).await;
    let (second, head) = asked(&stage, REALTIME, "none").await;
    assert_eq!(
        outcome(&head).0,
        "101",
        "its slot is free again, and the refused one took no request: {head}"
    );
    drop(second);
    stage.otlp.events(RECONCILIATION, 2).await;
    let (_, head) = asked(&stage, REALTIME, "none").await;
    assert_eq!(outcome(&head), ("429", Some("RATE_LIMITED"), Some("RATE_LIMITED")), "two requests a day");
    let reconciled = stage.otlp.events(RECONCILIATION, 2).await;
    let actual = |event: &lab::LogRecord| event.attributes["genops.accounting.actual"].clone();
    assert_eq!(reconciled.iter().map(actual).collect::<Vec<_>>(), [json!(FLAT as f64), json!(FLAT as f64)]);
}

#[tokio::test]
async fn a_breaker_judges_the_answer_to_an_upgrade() {
    let echo = Echo::start("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n").await;
    let breaker = json!({"breakers": [{"name": "b", "consecutive": 1, "open_ms": 3_600_000, "max_open_ms": 3_600_000}]});
    let stage = upgrading(config(&breaker), &echo).await;
    let (_, head) = asked(&stage, REALTIME, "none").await;
    assert_eq!(outcome(&head), ("503", Some("ALLOWED"), None));
    stage.otlp.events(RECONCILIATION, 1).await;
    let (_, head) = asked(&stage, REALTIME, "none").await;
    assert_eq!(outcome(&head), ("503", Some("BLOCKED"), Some("PROVIDER_ERROR_UPSTREAM")));
    assert_eq!(echo.heads().len(), 1, "the provider is left alone");
}

#[tokio::test]
async fn no_sla_measures_predicts_or_refuses_an_upgrade() {
    let echo = Echo::start(SWITCHING).await;
    let sla = json!({"sla": [{"tier": "t", "latency_target_ms": 1, "on_predicted": "refuse", "min_observations": 1,
        "deviations": 0, "probe_interval_ms": 3_600_000}]});
    let stage = upgrading(config(&sla), &echo).await;
    for upgrades in 1..4 {
        let (mut connection, head) = asked(&stage, REALTIME, "none").await;
        assert_eq!(outcome(&head), ("101", Some("ALLOWED"), None));
        for _ in 0..20 {
            converses(&mut connection).await;
        }
        drop(connection);
        stage.otlp.events(RECONCILIATION, upgrades).await;
    }
    let span = stage.span_of_team("search").await;
    for name in ["genops.sla.tier", "genops.sla.actual_latency_ms", "genops.sla.met"] {
        assert_eq!(text(&span, name), None);
    }
    let decided = stage.otlp.events(EVALUATED, 3).await;
    assert_eq!(decided.len(), 3, "no later decision: {decided:#?}");
}
