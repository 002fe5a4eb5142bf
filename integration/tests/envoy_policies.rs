//! Policies in real Envoy: what they refuse reaches nobody, what they find leaves nowhere, what they say is told.
//!
//! Needs `GENOPS_ENVOY` and `GENOPS_WASM`; one test also needs `GENOPS_PYTHON`.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

#[allow(dead_code, reason = "each suite uses a part of it")]
mod support;

use lab::{Answer, Client, Launch};
use serde_json::{Value, json};
use support::calls::{ACTUAL, RESULT, SEARCH, chat, seen};
use support::config::{LIMIT, prices, tokens};
use support::telemetry::{EVALUATED, awu_id, text};
use support::{Setup, Stage, application};

/// What nobody may say, and nothing may repeat.
const SECRET: &str = "zanzibar";

fn with_policies(policies: Value) -> Value {
    let mut config = tokens();
    config["policies"] = policies;
    config["prices"] = prices();
    config
}

fn about_the_secret(policy: &str) -> Value {
    json!({"name": policy, "content": [{"name": "places", "literals": [SECRET], "patterns": ["code-[0-9]{4}x"]}]})
}

/// A call of team `search` with exactly these bytes, as if to `host`.
async fn raw(client: &Client, host: &str, path: &str, body: &str) -> Answer {
    let headers = [("host", host), ("x-genops-team", "search")];
    let answer = client.try_request(hyper::Method::POST, path, &headers, body.as_bytes().to_vec()).await;
    answer.unwrap_or_else(|error| panic!("{host}{path} got no answer: {error}"))
}

#[tokio::test]
async fn what_a_policy_refuses_is_the_callers_permission_error_reaches_nobody_and_costs_nothing() {
    let stage = Stage::start(with_policies(json!([
        {"name": "on-this-route", "match": {"route": "all", "team": "search"}, "models": {"allow": ["gpt-4o-mini", "probe"]}},
        {"name": "on-another-route", "match": {"route": "other"}, "models": {"deny": "*"}},
        {"name": "tools", "tools": {"types": {"deny": "mcp"}}},
        {"name": "cost", "match": {"team": "search", "model": "gpt-*"}, "ceilings": {"max_cost": {"amount": 0.0002, "currency": "USD"}}},
        {"name": "never", "match": {"team": "never"}, "hours": [{"from": "00:00", "to": "00:01", "days": ["monday"]},]},
    ])))
    .await;
    let client = stage.http2();
    assert_eq!(client.chat(&SEARCH, &chat(50)).await.status, 200);
    let mut model = chat(50);
    model["model"] = json!("o1");
    let mut tool = chat(50);
    tool["tools"] = json!([{"type": "mcp", "server_label": "docs", "server_url": "https://example.com"}]);
    let refusals = [
        (model, "POLICY_DENY_MODEL", "on-this-route"),
        (tool, "x_policy_deny_tool", "tools"),
        (chat(100), "x_ceiling_exceeded", "cost"),
    ];
    for (body, code, policy) in refusals {
        let answer = client.chat(&SEARCH, &body).await;
        assert_eq!(answer.status, 403, "{}", answer.text());
        assert_eq!(seen(&answer, &RESULT), [Some("BLOCKED"), Some(code)]);
        assert_eq!(answer.header("x-should-retry"), Some("false"));
        assert_eq!(answer.json()["error"]["code"], code);
        let message = answer.json()["error"]["message"].as_str().expect("a message").to_owned();
        assert!(message.contains(policy), "{message}");
        let awu = awu_id(&answer);
        let event = stage.event_of(&awu, EVALUATED).await;
        assert_eq!(event.attributes["genops.policy.name"], policy);
        assert_eq!(event.attributes["genops.policy.reason_code"], code);
        let span = stage.span_of(&awu).await;
        assert_eq!(text(&span, "genops.policy.name"), Some(policy));
        assert_eq!(text(&span, "genops.policy.result"), Some("BLOCKED"));
        stage
            .counts(
                &format!("genops_policy_evaluations_total{{result=\"BLOCKED\",reason_code=\"{code}\"}}"),
                1.0,
            )
            .await;
    }
    assert_eq!(stage.simulator.received().len(), 1);
    assert_eq!(stage.upstream_requests().await, 1);
    assert_eq!(stage.left("search").await, LIMIT - ACTUAL, "no refusal reserved anything");
}

#[tokio::test]
async fn warnings_and_shadows_let_through_and_are_told() {
    let stage = Stage::start(with_policies(json!([
        {"name": "would-refuse", "mode": "shadow", "models": {"deny": "gpt-4o-mini"}},
        {"name": "notes", "mode": "warn", "ceilings": {"max_output_tokens": 10}},
        {"name": "silent", "mode": "warn", "match": {"team": "ads"}, "models": {"deny": "*"}},
    ])))
    .await;
    let answer = stage.http1().chat(&SEARCH, &chat(50)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(seen(&answer, &RESULT), [Some("WARNING"), Some("x_ceiling_exceeded")]);
    let event = stage.event_of(&awu_id(&answer), EVALUATED).await;
    assert_eq!(event.attributes["genops.policy.warnings"], "x_ceiling_exceeded:notes");
    assert_eq!(event.attributes["genops.policy.shadow"], "POLICY_DENY_MODEL:would-refuse");
    let span = stage.span_of(&awu_id(&answer)).await;
    assert_eq!(text(&span, "genops.policy.shadow"), Some("POLICY_DENY_MODEL:would-refuse"));
    stage.counts(r#"genops_shadow_refusals_total{reason_code="POLICY_DENY_MODEL"}"#, 1.0).await;
    assert_eq!(stage.simulator.received().len(), 1);
}

#[tokio::test]
async fn no_apis_shape_and_no_trick_gets_a_secret_past_a_content_rule_and_nothing_repeats_it() {
    let launch = Launch { wasm_log_level: "debug", ..Launch::default() };
    let mut setup = Setup::new(with_policies(json!([about_the_secret("no-secrets")]))).await;
    setup.launch = launch;
    let stage = setup.start().await;
    let client = stage.http1();
    let split = r#"{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"zan"},{"type":"text","text":"zibar"}]}]}"#;
    let large = format!(
        r#"{{"model":"m","messages":[{{"content":"{}zanzibar","role":"user"}}]}}"#,
        "word ".repeat(100_000)
    );
    let openai = "api.openai.com";
    let attempts: &[(&str, &str, &str)] = &[
        (
            openai,
            "/v1/chat/completions",
            r#"{"model":"m","messages":[{"role":"user","content":"to Zanzibar"}]}"#,
        ),
        (
            openai,
            "/v1/chat/completions",
            r#"{"model":"m","messages":[{"role":"user","content":"to z\u0061nzib\u0061r"}]}"#,
        ),
        (
            openai,
            "/v1/chat/completions",
            r#"{"model":"m","messages":[{"role":"user","content":"z\u200ban\u00adzibar"}]}"#,
        ),
        (
            openai,
            "/v1/chat/completions",
            r#"{"model":"m","messages":[{"role":"user","content":"ｚａｎｚｉｂａｒ"}]}"#,
        ),
        (
            openai,
            "/v1/chat/completions",
            r#"{"model":"m","messages":[{"role":"system","content":"CODE-1234X"}]}"#,
        ),
        (openai, "/v1/chat/completions", split),
        (openai, "/v1/chat/completions", &large),
        (
            openai,
            "/v1/chat/completions",
            r#"{"model":"m","messages":[{"role":"tool","tool_call_id":"1","content":"zanzibar"}]}"#,
        ),
        (
            openai,
            "/v1/chat/completions",
            r#"{"model":"m","messages":[],"tools":[{"type":"function","function":{"name":"f","description":"zanzibar"}}]}"#,
        ),
        (openai, "/v1/chat/completions", r#"{"model":"m","messages":[],"unheard_of":[[{"x":"zanzibar"}]]}"#),
        (openai, "/v1/responses", r#"{"model":"m","instructions":"zanzibar","input":"x"}"#),
        (
            openai,
            "/v1/responses",
            r#"{"model":"m","input":[{"type":"function_call_output","call_id":"1","output":"zanzibar"}]}"#,
        ),
        (openai, "/v1/embeddings", r#"{"model":"m","input":["x","zanzibar"]}"#),
        (openai, "/v1/completions", r#"{"model":"m","prompt":[1,2,3]}"#),
        (
            "api.anthropic.com",
            "/v1/messages",
            r#"{"model":"m","max_tokens":9,"system":[{"type":"text","text":"zanzi"},{"type":"text","text":"bar"}],"messages":[]}"#,
        ),
        (
            "api.anthropic.com",
            "/v1/messages",
            r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"1","content":[{"type":"text","text":"zanzibar"}]}]}]}"#,
        ),
        (
            "generativelanguage.googleapis.com",
            "/v1beta/models/gemini-2.0-flash:generateContent",
            r#"{"contents":[{"role":"user","parts":[{"text":"zan"},{"text":"zibar"}]}]}"#,
        ),
        (
            "generativelanguage.googleapis.com",
            "/v1beta/models/gemini-2.0-flash:generateContent",
            r#"{"system_instruction":{"parts":[{"text":"zanzibar"}]},"contents":[]}"#,
        ),
        (
            "bedrock-runtime.eu-west-1.amazonaws.com",
            "/model/amazon.nova-lite-v1:0/converse",
            r#"{"messages":[{"role":"user","content":[{"toolResult":{"toolUseId":"1","content":[{"json":{"zanzibar":1}}]}}]}]}"#,
        ),
        ("api.cohere.com", "/v1/chat", r#"{"model":"m","preamble":"zanzibar","message":"x"}"#),
    ];
    for (host, path, body) in attempts {
        let answer = raw(&client, host, path, body).await;
        let start: String = body.chars().take(120).collect();
        assert_eq!(answer.status, 403, "{host}{path} {start}: {}", answer.text());
        assert_eq!(seen(&answer, &RESULT), [Some("BLOCKED"), Some("POLICY_DENY_CONTENT")], "{start}");
        assert!(!answer.text().to_lowercase().contains(SECRET), "{}", answer.text());
        stage.event_of(&awu_id(&answer), EVALUATED).await;
        stage.span_of(&awu_id(&answer)).await;
    }
    assert_eq!(stage.simulator.received().len(), 0);
    // What is no secret passes, also where it looks like one to a careless reader.
    let harmless = r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"zan"},{"role":"user","content":"zibar"}]}"#;
    assert_eq!(raw(&client, openai, "/v1/chat/completions", harmless).await.status, 200);
    let told =
        format!("{:?} {:?} {}", stage.otlp.spans(), stage.otlp.logs(), stage.envoy.stats_prometheus().await);
    let log = stage.envoy.log();
    assert!(
        log.contains("policy no-secrets (Enforce) finds POLICY_DENY_CONTENT"),
        "the explanation is in the log: {log}"
    );
    for signal in [told, log] {
        assert!(!signal.to_lowercase().contains(SECRET) && !signal.contains("1234"), "{signal}");
    }
}

#[tokio::test]
async fn the_official_sdk_raises_its_permission_error_once() {
    let stage = Stage::start(with_policies(json!([
        {"name": "no-minis", "match": {"team": "search"}, "models": {"deny": "*-MINI"}},
    ])))
    .await;
    let raised = application::line(application::openai(&stage, "forbidden.py")).await;
    assert_eq!(raised["error"], "PermissionDeniedError", "{raised}");
    assert_eq!(raised["code"], "POLICY_DENY_MODEL", "{raised}");
    assert!(raised["message"].as_str().is_some_and(|message| message.contains("no-minis")), "{raised}");
    assert_eq!(stage.envoy.stat("http.ingress.downstream_rq_total").await, Some(1));
    assert_eq!(stage.upstream_requests().await, 0);
}
