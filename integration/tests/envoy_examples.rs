//! What is shipped, run: each example and `envoy/envoy.yaml` on real Envoy, as they are but for ports, module and peers.
//!
//! Needs `GENOPS_ENVOY` and `GENOPS_WASM`.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

use lab::{Answer, Client, EnvoyProcess, OtlpReceiver, Simulator, artifacts};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::Path;

/// A shipped Envoy between a simulated provider and a collector.
struct Stage {
    simulator: Simulator,
    otlp: OtlpReceiver,
    envoy: EnvoyProcess,
    client: Client,
}

impl Stage {
    /// Runs the bootstrap at `path` from the root of the repository.
    async fn set(path: &str) -> Self {
        let (simulator, otlp) = (Simulator::start().await, OtlpReceiver::start().await);
        let bootstrap = patched(path, simulator.addr(), otlp.addr());
        let envoy = EnvoyProcess::start(&bootstrap).await;
        let client = Client::http1(envoy.listener().await);
        Self { simulator, otlp, envoy, client }
    }

    /// A chat completion with these headers; `more` is added to the body.
    async fn chat(&self, headers: &[(&str, &str)], more: Value) -> Answer {
        let mut body = json!({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello"}]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.client.chat(headers, &body).await
    }
}

/// A shipped YAML file with one document.
fn read(path: &str) -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The shipped file with everything that belongs to another machine replaced: ports, the module, the peers.
fn patched(path: &str, provider: SocketAddr, collector: SocketAddr) -> Value {
    let mut bootstrap = read(path);
    bootstrap["admin"]["address"] = address(([127, 0, 0, 1], 0).into());
    let resources = &mut bootstrap["static_resources"];
    for listener in resources["listeners"].as_array_mut().unwrap() {
        listener["address"] = address(([127, 0, 0, 1], 0).into());
    }
    for cluster in resources["clusters"].as_array_mut().unwrap() {
        let peer = match cluster["name"].as_str().unwrap() {
            "openai" => provider,
            "otel" => collector,
            _ => continue,
        };
        cluster["type"] = json!("STATIC");
        cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"] = address(peer);
        // The simulated provider speaks plain HTTP.
        cluster.as_object_mut().unwrap().remove("transport_socket");
    }
    let plugin = plugin(&mut bootstrap).unwrap_or_else(|| panic!("{path} loads no filter"));
    plugin["vm_config"]["code"]["local"]["filename"] = json!(artifacts::genops_wasm());
    bootstrap
}

fn address(to: SocketAddr) -> Value {
    json!({"socket_address": {"address": to.ip().to_string(), "port_value": to.port()}})
}

/// The configuration of the wasm filter, wherever it stands.
fn plugin(value: &mut Value) -> Option<&mut Value> {
    if value.get("vm_config").is_some() {
        return Some(value);
    }
    match value {
        Value::Object(map) => map.values_mut().find_map(plugin),
        Value::Array(list) => list.iter_mut().find_map(plugin),
        _ => None,
    }
}

#[tokio::test]
async fn a_team_that_has_too_little_left_is_refused_before_the_provider_sees_the_call() {
    let stage = Stage::set("examples/openai-team-budget/envoy.yaml").await;
    let search = [("x-genops-team", "search")];
    let allowed = stage.chat(&search, json!({"max_completion_tokens": 200})).await;
    assert_eq!(allowed.status, 200, "{}", allowed.text());
    assert_eq!(allowed.header("x-genops-policy-result"), Some("ALLOWED"));
    assert_eq!(allowed.header("x-genops-budget-name"), Some("team-tokens"));
    let received = stage.simulator.only_request();
    assert_eq!(received.header("host"), Some("api.openai.com"));
    assert_eq!((received.header("x-genops-team"), received.header("x-genops-trace")), (None, None));

    let large = json!({"max_completion_tokens": 50_000});
    let refused = stage.chat(&search, large.clone()).await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.header("x-genops-reason-code"), Some("BUDGET_RESERVATION_FAILED"));
    assert_eq!(refused.header("x-should-retry"), Some("false"));
    assert_eq!(refused.json()["error"]["code"], "insufficient_quota");
    let nobody = stage.chat(&[], json!({})).await;
    assert_eq!((nobody.status, nobody.header("x-genops-reason-code")), (403, Some("x_attribution_missing")));
    assert_eq!(stage.simulator.received().len(), 1);
    let other_limit = stage.chat(&[("x-genops-team", "research")], large).await;
    assert_eq!(other_limit.status, 200, "{}", other_limit.text());
}

#[tokio::test]
async fn a_refusal_is_on_the_span_in_the_counters_and_in_the_access_log() {
    let stage = Stage::set("examples/openai-team-budget/envoy.yaml").await;
    let refused = stage.chat(&[("x-genops-team", "search")], json!({"max_completion_tokens": 50_000})).await;
    let span = stage.otlp.span(|span| span.kind == 2).await;
    let awu = format!("{}-{}", span.trace_id, span.span_id);
    assert_eq!(refused.header("x-genops-awu-id"), Some(awu.as_str()));
    assert_eq!(span.attributes["genops.policy.result"], "BLOCKED");
    assert_eq!(span.attributes["genops.budget.remaining"], "20000");
    assert_eq!(span.attributes["genops.team"], "search");
    let stats = stage.envoy.stats_prometheus().await;
    let series =
        stats.lines().find(|line| line.starts_with("genops_policy_evaluations_total{")).expect("a series");
    assert!(series.contains(r#"genops_result="BLOCKED""#), "{series}");
    assert!(series.contains(r#"genops_reason_code="BUDGET_RESERVATION_FAILED""#), "{series}");
    stage.envoy.wait_log(r#""reason_code":"BUDGET_RESERVATION_FAILED""#).await;
}

#[tokio::test]
async fn paths_outside_the_allow_list_reach_no_provider_and_other_spellings_are_governed() {
    let stage = Stage::set("examples/openai-team-budget/envoy.yaml").await;
    let search = [("x-genops-team", "search")];
    for path in ["/v1/images/generations", "/v1/fine_tuning/jobs", "/"] {
        let answer = stage.client.post(path, &search, &json!({"model": "m"})).await;
        assert_eq!(answer.status, 404, "{path}");
    }
    assert_eq!(stage.simulator.received().len(), 0);
    // Another spelling of a governed path is normalised before the filter sees it.
    let answer =
        stage.client.post("/v1//chat/%63ompletions", &search, &json!({"model": "m", "messages": []})).await;
    assert_eq!((answer.status, answer.header("x-genops-policy-result")), (200, Some("ALLOWED")));
    assert_eq!(stage.simulator.only_request().path, "/v1/chat/completions");
}

#[tokio::test]
async fn a_project_pays_what_its_calls_cost_to_a_billionth() {
    let stage = Stage::set("examples/openai-money/envoy.yaml").await;
    let project = [("x-genops-project", "chatbot")];
    let allowed = stage.chat(&project, json!({})).await;
    assert_eq!(allowed.status, 200, "{}", allowed.text());
    assert_eq!(allowed.header("x-genops-unit"), Some("USD"));
    let usage = stage.simulator.served().usage;
    // USD 0.15 and 0.60 per million tokens are 150 and 600 nano-dollars per token.
    let nanos = usage.input_tokens * 150 + usage.output_tokens * 600;
    let reconciled = stage.otlp.events("genops.budget.reconciliation", 1).await;
    assert_eq!(reconciled[0].attributes["genops.accounting.actual"], nanos as f64 / 1e9);
    assert_eq!(reconciled[0].attributes["genops.budget.remaining"], (5_000_000_000 - nanos) as f64 / 1e9);

    let refused = stage.chat(&project, json!({"model": "gpt-4o", "n": 100})).await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.header("x-genops-budget-name"), Some("project-usd"));
    let unpriced = stage.chat(&project, json!({"model": "o1"})).await;
    assert_eq!((unpriced.status, unpriced.header("x-genops-reason-code")), (403, Some("x_model_unpriced")));
    let nobody = stage.chat(&[], json!({})).await;
    assert_eq!((nobody.status, nobody.header("x-genops-reason-code")), (403, Some("x_attribution_missing")));
    assert_eq!(stage.simulator.received().len(), 1);
}

#[tokio::test]
async fn what_an_operator_loads_governs_streams_and_reserves_in_every_budget() {
    let stage = Stage::set("envoy/envoy.yaml").await;
    let headers = [("x-genops-team", "search"), ("x-genops-project", "assistant")];
    let body = json!({"stream": true, "stream_options": {"include_usage": true}});
    let answer = stage.chat(&headers, body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.text().ends_with("data: [DONE]\n\n"), "{}", answer.text());
    let reserved = stage.otlp.events("genops.budget.reservation", 2).await;
    let names: Vec<&Value> = reserved.iter().map(|event| &event.attributes["genops.budget.name"]).collect();
    assert!(
        names.contains(&&json!("team-tokens")) && names.contains(&&json!("organisation-usd")),
        "{names:?}"
    );
    let reconciled = stage.otlp.events("genops.budget.reconciliation", 2).await;
    assert!(reconciled.iter().all(|event| event.attributes["genops.accounting.complete"] == true));
    let large = "x".repeat(3_000_000);
    let answer = stage.chat(&headers, json!({"messages": [{"role": "user", "content": large}]})).await;
    // Beyond Envoy's default of 1 MiB: the route's own limit holds, and the filter decides.
    assert_ne!(answer.status, 413);
    assert!(answer.header("x-genops-policy-result").is_some());
}

/// There is no Istio here; what its EnvoyFilter hands to Envoy is at least something that Envoy takes.
#[test]
fn envoy_accepts_the_filters_inside_the_istio_resource() {
    let nowhere: SocketAddr = ([127, 0, 0, 1], 9).into();
    let mut bootstrap = patched("examples/openai-team-budget/envoy.yaml", nowhere, nowhere);
    let resource = read("envoy/istio/envoy-filter.yaml");
    let patches = resource["spec"]["configPatches"].as_array().unwrap();
    let mut wasm = patches[0]["patch"]["value"].clone();
    let plugin = plugin(&mut wasm).expect("a wasm filter");
    plugin["vm_config"]["code"] = json!({"local": {"filename": artifacts::genops_wasm()}});
    let mutation = &patches[1]["patch"]["value"];
    let manager =
        &mut bootstrap["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"];
    let filters = manager["http_filters"].as_array_mut().unwrap();
    assert_eq!(filters.len(), 3, "header_mutation, wasm, router");
    filters[0] = mutation.clone();
    filters[1] = wasm;
    lab::envoy::validate(&bootstrap).unwrap_or_else(|error| panic!("{error}"));
}
