//! Rows that need an Envoy of their own: what causes them is a setting of the whole.

use super::{Caller, Group, Row};
use serde_json::{Value, json};

/// Every such row.
pub(super) fn groups() -> Vec<Group> {
    let mut groups = Vec::new();
    groups.extend(slow());
    groups.extend(ledger());
    groups.extend(attribution());
    groups.extend(prices());
    groups.push(unreadable());
    groups.extend(ungoverned());
    groups.push(fitted());
    groups
}

/// Estimates of latency are shared by all tiers. The second slow call is the probe that a prediction lets through.
fn slow() -> [Group; 2] {
    [("refuse", "BLOCKED"), ("warn", "WARNING")].map(|(on_predicted, result)| {
        let sla = json!([{"tier": "t", "latency_target_ms": 20, "on_predicted": on_predicted, "min_observations": 1,
            "deviations": 0, "probe_interval_ms": 3_600_000}]);
        let before = vec![("x-sim-pause-ms", "10".to_owned()); 2];
        Row { before, ..Row::new("SLA_LATENCY_VIOLATION", result) }.alone(json!({"sla": sla}))
    })
}

/// A record that is full: invented customers whose accounts stand where the caller's would.
fn ledger() -> [Group; 2] {
    /// More than a budget of capacity 1 has room for in one record.
    const ENOUGH: usize = 12;
    let constant = |value: &str| json!({"sources": [], "on_missing": {"constant": value}});
    let customers = json!({"sources": [{"header": "x-customer"}], "on_missing": {"constant": "caller"}});
    let invented = (0..).map(|number| format!("invented-{number}"));
    let beside = invented.filter(|customer| record_of(customer) == record_of("caller"));
    let before: Vec<_> = beside.take(ENOUGH).map(|customer| ("x-customer", customer)).collect();
    [("enforce", "BLOCKED"), ("warn", "WARNING")].map(|(mode, result)| {
        let config = json!({
            "attribution": {"environment": constant("test"), "customer_id": customers},
            "budgets": [{"name": "b", "per": ["customer_id"], "unit": "tokens", "limit": 1_000_000,
                "window": "total", "capacity": 1, "mode": mode}],
        });
        Row { before: before.clone(), ..Row::new("ACCOUNTING_INVARIANT_VIOLATION", result) }.alone(config)
    })
}

/// In which of its 1,024 records a budget keeps a key: FNV-1a, folded. It is so for ever, since it says where accounts are.
fn record_of(key: &str) -> u64 {
    let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let folded = hash ^ (hash >> 32);
    (folded ^ (folded >> 16)) & 1_023
}

fn attribution() -> [Group; 3] {
    let with = |attribute: &str, rule: Value| {
        let constant = json!({"sources": [], "on_missing": {"constant": "known"}});
        let mut config = json!({"attribution": {"project": constant, "environment": constant}});
        config["attribution"][attribute] = rule;
        config
    };
    let owned = |on_conflict: &str| {
        let sources = json!([{"constant": "owner", "trusted": true}, {"header": "x-genops-team"}]);
        with("team", json!({"sources": sources, "on_conflict": on_conflict}))
    };
    let nobody = with("feature", json!({"sources": [{"header": "x-feature"}], "on_missing": "refuse"}));
    [
        Row::new("x_attribution_missing", "BLOCKED").alone(nobody),
        Row::new("x_attribution_conflict", "BLOCKED").alone(owned("refuse")),
        Row::new("x_attribution_conflict", "WARNING").alone(owned("warn")),
    ]
}

fn prices() -> [Group; 2] {
    [("refuse", "BLOCKED"), ("pass", "WARNING")].map(|(unpriced, result)| {
        let prices =
            json!([{"model": "another", "currency": "USD", "input_per_million": 1, "output_per_million": 1}]);
        Row::new("x_model_unpriced", result).alone(json!({
            "prices": prices, "failure": {"unpriced_model": unpriced},
            "budgets": [{"name": "b", "unit": "USD", "limit": 5, "window": "total"}],
        }))
    })
}

fn unreadable() -> Group {
    let row = |caller| Row { caller, ..Row::new("x_request_unreadable", "BLOCKED") };
    let body = r#"{"model": "gpt-4o-mini", "messages": [{"role": "user""#;
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\nx-genops-team: search\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let rows = vec![
        row(Caller::Sdk(json!({"arguments": {"extra_body": {"max_tokens": "many"}}}))),
        row(Caller::Sdk(json!({"headers": {"content-encoding": "gzip"}}))),
        row(Caller::Socket { why: "an SDK writes whole JSON", request }),
    ];
    Group { config: json!({}), rows }
}

fn ungoverned() -> [Group; 2] {
    let row = |caller, has_awu| Row { caller, has_awu, ..Row::new("x_ungoverned", "BLOCKED") };
    let request = "GET /v1/realtime?model=gpt-realtime HTTP/1.1\r\nhost: api.openai.com\r\nconnection: Upgrade\r\n\
         upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
         x-genops-team: search\r\n\r\n";
    let why = "the SDK's WebSocket needs a package beside it";
    let unknown = row(Caller::Sdk(json!({"path": "/no/such/api"})), false);
    [
        unknown.alone(json!({"failure": {"unrecognised": "refuse"}})),
        row(Caller::Socket { why, request: request.to_owned() }, true).alone(json!({})),
    ]
}

/// What is left is less than the cap that the call states, and enough for an answer.
fn fitted() -> Group {
    let caller = Caller::Sdk(json!({"arguments": {"max_completion_tokens": 100}}));
    let config = json!({
        "budgets": [{"name": "b", "unit": "tokens", "limit": 60, "window": "total"}],
        "estimation": {"on_output_cap": "fit", "bytes_per_token": 4, "overhead_tokens": 0},
    });
    Row { caller, ..Row::new("x_output_cap_lowered", "WARNING") }.alone(config)
}
