//! Calls above a gate: what is asked for, what a grant opens, and that nobody uses one twice.
//!
//! Grants are signed here, without the product's code. Needs `GENOPS_ENVOY` and `GENOPS_WASM`.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and grants are of now"
)]

#[allow(dead_code, reason = "each suite uses a part of it")]
mod support;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ed25519_dalek::{Signer, SigningKey};
use lab::{Answer, Client, Gate};
use serde_json::{Value, json};
use std::sync::Arc;
use support::calls::{INPUT, PATH, RESULT, SEARCH, chat, headers, seen};
use support::config::tokens;
use support::telemetry::{awu_id, text};
use support::{Setup, Stage};
use tokio::task::JoinSet;

/// Calls that reserve more need a grant.
const ABOVE: u64 = 100;
/// An output cap above it.
const LARGE: u64 = 200;

fn key() -> SigningKey {
    SigningKey::from_bytes(&[42; 32])
}

fn now_s() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.expect("after 1970").as_secs()
}

/// A grant of now for any call of `search`, with other claims.
fn grant(changes: Value) -> String {
    signed(&key(), changes)
}

fn signed(key: &SigningKey, changes: Value) -> String {
    let mut claims = json!({
        "jti": "g-1", "approver": "alice@example.com", "delegation": ["cfo@example.com"], "nbf": now_s() - 60,
        "exp": now_s() + 600, "attribution": {"team": "search"}, "model": "gpt-4o*", "ceiling": {"tokens": 1_000},
    });
    claims.as_object_mut().expect("claims").extend(changes.as_object().expect("claims").clone());
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = json!({"alg": "EdDSA", "kid": "ops", "typ": "genops-grant+jwt"});
    let signed = format!("{}.{}", part(&header), part(&claims));
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes()).to_bytes()))
}

fn config() -> Value {
    let mut config = tokens();
    config["budgets"][0]["limit"] = json!(1_000_000);
    config["approvals"] = json!({
        "keys": [{"kid": "ops", "algorithm": "EdDSA", "key": STANDARD.encode(key().verifying_key().as_bytes())}],
        "gates": [{"name": "large-calls", "unit": "tokens", "above": ABOVE}],
    });
    config
}

async fn large(stage: &Stage, grant: &str) -> Answer {
    stage.http1().chat(&headers(&[("x-genops-grant", grant)]), &chat(LARGE)).await
}

#[tokio::test]
async fn a_large_call_without_a_grant_is_refused_and_says_what_has_to_be_approved() {
    let stage = Stage::start(config()).await;
    let small = stage.http1().chat(&SEARCH, &chat(ABOVE - INPUT)).await;
    assert_eq!(small.status, 200, "at the threshold is not above it: {}", small.text());
    let answer = stage.http1().chat(&SEARCH, &chat(LARGE)).await;
    assert_eq!(answer.status, 403);
    assert_eq!(seen(&answer, &RESULT), [Some("BLOCKED"), Some("x_approval_required")]);
    let request = json!({
        "attribution": {"team": "search", "project": "assistant", "environment": "production"},
        "audience": null, "models": ["gpt-4o-mini"], "provider": null,
        "needs": [{"gate": "large-calls", "unit": "tokens", "above": "100", "estimated": "210"}],
    });
    let header = answer.header("x-genops-approval-request").expect("a request for an approval");
    assert_eq!(serde_json::from_str::<Value>(header).expect("JSON"), request);
    let error = &answer.json()["error"];
    assert_eq!((&error["code"], &error["approval_request"]), (&json!("x_approval_required"), &request));
    assert_eq!(answer.header("x-should-retry"), Some("false"));
    let span = stage.span_of(&awu_id(&answer)).await;
    assert_eq!(text(&span, "genops.policy.name"), Some("large-calls"));
    assert_eq!(text(&span, "genops.approval.gate"), Some("large-calls"));
    assert_eq!(text(&span, "genops.approval.approver"), None);
    assert_eq!(stage.upstream_requests().await, 1);
}

#[tokio::test]
async fn a_grant_lets_one_call_pass_unseen_by_the_provider_and_telemetry_tells_who_approved() {
    let stage = Stage::start(config()).await;
    let token = grant(json!({}));
    // A call that needs no grant uses none.
    let small = headers(&[("x-genops-grant", &token)]);
    assert_eq!(stage.http1().chat(&small, &chat(1)).await.status, 200);
    let answer = large(&stage, &token).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(seen(&answer, &RESULT), [Some("ALLOWED"), None]);
    for received in stage.simulator.received() {
        let grant = received.headers.iter().find(|(name, _)| name == "x-genops-grant");
        assert_eq!(grant, None, "the provider saw the grant");
    }
    let told = [
        ("genops.approval.approver", "alice@example.com"),
        ("genops.approval.grant_id", "g-1"),
        ("genops.approval.chain", "cfo@example.com > alice@example.com"),
        ("genops.approval.gate", "large-calls"),
    ];
    let span = stage.span_of(&awu_id(&answer)).await;
    let event = stage.event_of(&awu_id(&answer), "genops.policy.evaluated").await;
    for (name, value) in told {
        assert_eq!(text(&span, name), Some(value), "{name} on the span");
        assert_eq!(event.attributes[name], json!(value), "{name} in the event");
    }
    let again = large(&stage, &token).await;
    assert_eq!((again.status, seen(&again, &RESULT)[1]), (403, Some("x_approval_exhausted")));
    assert_eq!(stage.upstream_requests().await, 2);
}

#[tokio::test]
async fn what_is_no_grant_for_this_call_opens_nothing() {
    let stage = Stage::start(config()).await;
    let sound = grant(json!({}));
    let mut changed = sound.clone().into_bytes();
    let middle = changed.len() / 2;
    changed[middle] = if changed[middle] == b'A' { b'B' } else { b'A' };
    let changed = String::from_utf8(changed).expect("text");
    let stolen_kid = signed(&SigningKey::from_bytes(&[43; 32]), json!({}));
    let unsigned = {
        let header = json!({"alg": "none", "kid": "ops", "typ": "genops-grant+jwt"}).to_string();
        let payload = sound.split('.').nth(1).expect("a payload");
        format!("{}.{payload}.", URL_SAFE_NO_PAD.encode(header))
    };
    let cases = [
        (changed, "no configured key verifies it"),
        (stolen_kid, "no configured key verifies it"),
        (unsigned, "no compact JWS"),
        (grant(json!({"nbf": now_s() - 900, "exp": now_s() - 1})), "it has expired"),
        (grant(json!({"nbf": now_s() + 300})), "it is not valid yet"),
        (grant(json!({"attribution": {"team": "ads"}})), "it is for another team"),
        (grant(json!({"model": "o3"})), "it is for other models"),
        (grant(json!({"ceiling": {"tokens": LARGE}})), "it approves 200 tokens a call at most"),
        (grant(json!({"ceiling": {"USD": 100}})), "it approves nothing in tokens"),
        (grant(json!({"aud": "another"})), "it is for another gateway"),
        (grant(json!({"exp": now_s() + 90_000})), "for longer than approvals.max_lifetime_ms"),
    ];
    for (token, problem) in &cases {
        let answer = large(&stage, token).await;
        assert_eq!(answer.status, 403, "{problem}");
        assert_eq!(seen(&answer, &RESULT), [Some("BLOCKED"), Some("x_approval_invalid")], "{problem}");
        let message = answer.json()["error"]["message"].as_str().unwrap_or_default().to_owned();
        assert!(message.contains(problem), "{message}: {problem}");
        assert!(!message.contains(token.as_str()), "the grant itself is told");
    }
    let twice = headers(&[("x-genops-grant", &sound), ("x-genops-grant", &sound)]);
    let answer = stage.http1().chat(&twice, &chat(LARGE)).await;
    assert_eq!((answer.status, seen(&answer, &RESULT)[1]), (403, Some("x_approval_invalid")));
    assert_eq!(stage.upstream_requests().await, 0);
    // All of that used nothing.
    assert_eq!(large(&stage, &sound).await.status, 200);
    let series = r#"genops_policy_evaluations_total{result="BLOCKED",reason_code="x_approval_invalid"}"#;
    stage.counts(series, (cases.len() + 1) as f64).await;
}

const CALLS: usize = 200;
const CONNECTIONS: usize = 20;

/// One of many calls with the same grant; a refusal counts at the gate, as an arrival at the provider does.
async fn replay(client: Arc<Client>, token: Arc<str>, gate: Gate) -> bool {
    let headers = [("x-genops-team", "search"), ("x-genops-grant", &*token)];
    let body = chat(LARGE).to_string().into_bytes();
    let answer = client.open("POST".parse().expect("a method"), PATH, &headers, body).await;
    let answer = answer.expect("an answer begins");
    let admitted = answer.status == 200;
    if !admitted {
        gate.count_one();
        assert_eq!(answer.status, 403);
        assert_eq!(answer.headers["x-genops-reason-code"], "x_approval_exhausted");
    }
    answer.finish().await.expect("a whole answer");
    admitted
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_200_concurrent_replays_on_4_workers_exactly_as_many_pass_as_the_grant_has_uses() {
    let mut setup = Setup::new(config()).await;
    setup.launch.concurrency = 4;
    let stage = setup.start().await;
    let clients: Vec<_> = (0..CONNECTIONS).map(|_| Arc::new(Client::http2(stage.addr))).collect();
    let mut passed = 0;
    for (run, uses) in [1_usize, 1, 1, 7, 50].into_iter().enumerate() {
        let gate = Gate::after(CALLS);
        stage.simulator.hold(&gate);
        let token: Arc<str> = grant(json!({"jti": format!("run-{run}"), "uses": uses})).into();
        let mut calls = JoinSet::new();
        for index in 0..CALLS {
            calls.spawn(replay(clients[index % CONNECTIONS].clone(), token.clone(), gate.clone()));
        }
        let admitted = calls.join_all().await.into_iter().filter(|admitted| *admitted).count();
        assert_eq!(admitted, uses, "run {run}");
        passed += uses;
        assert_eq!(stage.simulator.received().len(), passed, "run {run}: reached the provider");
    }
}

#[tokio::test]
async fn a_use_is_given_back_by_a_budget_that_refuses_and_by_a_provider_that_is_not_there() {
    let mut config = config();
    config["budgets"][0]["limits"] = json!({"search": LARGE});
    let stage = Stage::start(config).await;
    let token = grant(json!({"attribution": {}}));
    let refused = large(&stage, &token).await;
    assert_eq!((refused.status, seen(&refused, &RESULT)[1]), (429, Some("BUDGET_RESERVATION_FAILED")));
    let other_team = [("x-genops-team", "ads"), ("x-genops-grant", token.as_str())];
    assert_eq!(stage.http1().chat(&other_team, &chat(LARGE)).await.status, 200, "the use was given back");

    let mut setup = Setup::new(self::config()).await;
    // Nobody listens there.
    let nobody =
        std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    setup.options.upstream = nobody;
    let stage = setup.start().await;
    for _ in 0..3 {
        let answer = large(&stage, &grant(json!({}))).await;
        assert_eq!((answer.status, seen(&answer, &RESULT)[0]), (503, Some("ALLOWED")), "{}", answer.text());
    }
    stage.counts("genops_reservations_voided_total{}", 3.0).await;
}
