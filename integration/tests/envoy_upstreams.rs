//! Upstreams that only the configuration knows, in real Envoy: by host, by route, by cluster.
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

use lab::simulator::Canned;
use lab::{Answer, Behaviour};
use serde_json::{Value, json};
use support::Stage;
use support::calls::{CAP, INPUT, TEXT, chat};
use support::config::{budget, with_budgets};
use support::telemetry::{RECONCILIATION, awu_id, text};

fn config() -> Value {
    let mut config = with_budgets(json!([budget("team-tokens", 1_000)]));
    config["upstreams"] = json!([
        {"match": {"authority": "*.llm.corp", "path_prefix": "/groq/"}, "provider": "groq"},
        {"match": {"route": "all", "path_prefix": "/ask"}, "provider": "anthropic", "api": "anthropic_messages"},
        {"match": {"route": "another", "authority": "aoai.corp"}, "provider": "openai"},
        {"match": {"cluster": "upstream", "authority": "aoai.corp"}, "provider": "azure_openai", "model": "gpt-4o"},
        {"match": {"authority": "llm.corp:9000"}, "api": "unread"},
    ]);
    config
}

async fn call(stage: &Stage, host: &str, path: &str, body: &Value) -> Answer {
    stage.http1().post(path, &[("host", host), ("x-genops-team", "search")], body).await
}

/// The provider answers the next call with this.
fn answers(stage: &Stage, body: &Value) {
    let pieces = vec![body.to_string().into()];
    let canned = Some(Canned { content_type: "application/json".into(), pieces });
    stage.simulator.next(Behaviour { canned, ..Behaviour::default() });
}

/// What an AWU's span and reconciliation say: provider, model, actual.
async fn told(stage: &Stage, answer: &Answer) -> (Option<String>, Option<String>, Value) {
    let awu = awu_id(answer);
    let event = stage.event_of(&awu, RECONCILIATION).await;
    assert_eq!(event.attributes["genops.accounting.complete"], json!(true));
    let span = stage.span_of(&awu).await;
    let said = |name| text(&span, name).map(str::to_owned);
    let actual = event.attributes["genops.accounting.actual"].clone();
    (said("genops.cost.provider"), said("genops.cost.model"), actual)
}

fn names(provider: &str, model: &str, actual: u64) -> (Option<String>, Option<String>, Value) {
    (Some(provider.to_owned()), Some(model.to_owned()), json!(actual as f64))
}

#[tokio::test]
async fn upstreams_are_known_by_host_route_and_cluster() {
    let stage = Stage::start(config()).await;

    // The host says whose it is, the path which API.
    let groq = call(&stage, "EU.llm.corp:8443", "/groq/openai/v1/chat/completions", &chat(CAP)).await;
    assert_eq!(groq.status, 200, "{}", groq.text());
    assert_eq!(told(&stage, &groq).await, names("groq", "gpt-4o-mini", INPUT + 16));

    // The route says which API: neither host nor path do.
    let ask = json!({"model": "claude-sonnet-4-5", "max_tokens": CAP, "messages": [{"role": "user", "content": TEXT}]});
    let usage = json!({"input_tokens": 4, "cache_read_input_tokens": 6, "cache_creation_input_tokens": 0, "output_tokens": 5});
    answers(&stage, &json!({"type": "message", "role": "assistant", "content": [], "usage": usage}));
    let claude = call(&stage, "assistant.corp", "/ask?v=1", &ask).await;
    assert_eq!(told(&stage, &claude).await, names("anthropic", "claude-sonnet-4-5", 15));

    // The cluster says whose it is, and which model a deployment has; an entry for another route does not count.
    let deployment = "/openai/deployments/prod/chat/completions?api-version=2024-10-21";
    let usage = json!({"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12});
    answers(&stage, &json!({"object": "chat.completion", "choices": [], "usage": usage}));
    let azure = call(&stage, "aoai.corp", deployment, &chat(CAP)).await;
    assert_eq!(told(&stage, &azure).await, names("azure.ai.openai", "gpt-4o", 12));

    // Refusals are spelt as each of them spells it.
    let refused = call(&stage, "aoai.corp", deployment, &chat(5_000)).await;
    assert_eq!((refused.status, &refused.json()["error"]["code"]), (429, &json!("429")));
    let large = json!({"model": "claude-sonnet-4-5", "max_tokens": 5_000, "messages": []});
    let refused = call(&stage, "assistant.corp", "/ask", &large).await;
    assert_eq!((refused.status, &refused.json()["type"]), (429, &json!("error")));

    // What is exempt is not governed; the same path at another port is.
    let exempt = call(&stage, "llm.corp:9000", "/v1/chat/completions", &chat(5_000)).await;
    assert_eq!((exempt.status, exempt.header("x-genops-awu-id")), (200, None));
    let governed = call(&stage, "llm.corp:9001", "/v1/chat/completions", &chat(5_000)).await;
    assert_eq!(governed.status, 429);
    stage.settles_at("search", 1_000 - (INPUT + 16) - 15 - 12).await;
}
