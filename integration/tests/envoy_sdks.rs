//! Providers' official SDKs, unchanged: what applications experience, how often Envoy saw them try, and that what is
//! reconciled is what the provider billed. `envoy_sdk.rs` does the same for Python's `openai` and all of its APIs.
//!
//! Each program in `sdk/` is put through the situations of `sdk/situations.py`. Needs `GENOPS_ENVOY`, `GENOPS_WASM`,
//! `GENOPS_PYTHON`, `GENOPS_NODE` and `GENOPS_NODE_PACKAGES`.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

#[allow(dead_code, reason = "each suite uses a part of it")]
mod support;

use lab::{Behaviour, Span};
use serde_json::{Value, json};
use std::process::Command;
use support::Stage;
use support::calls::ACTUAL;
use support::config::{LIMIT, budget, with_budgets};
use support::telemetry::{RECONCILIATION, event_awu, span_id, text};

/// How an SDK shows a refusal: its own error's class, the status, the provider's own code.
type Refusal = (&'static str, u16, Option<&'static str>);

/// An SDK, and what its users expect of it.
struct Sdk {
    /// As its program calls itself: team, and beginning of the projects.
    name: &'static str,
    /// As docs/sdks.md calls it.
    documented: &'static str,
    program: &'static str,
    /// `genops.cost.provider`.
    provider: &'static str,
    /// No budget is left, and none will be soon.
    exhausted: Refusal,
    /// A policy forbids it.
    forbidden: Refusal,
    /// The budget resets within the minute.
    hurried: Refusal,
    /// Allowed situations beside `whole` and `streamed`.
    more: &'static [&'static str],
}

/// What the application printed, by situation.
async fn application(stage: &Stage, sdk: &Sdk) -> Vec<Value> {
    let script = format!("{}/tests/sdk/{}", env!("CARGO_MANIFEST_DIR"), sdk.program);
    let is_python = sdk.program.ends_with(".py");
    let program = if is_python { lab::artifacts::python() } else { lab::artifacts::node() };
    let mut command = Command::new(program);
    command.arg(script).arg(format!("http://{}", stage.addr));
    if !is_python {
        command.arg(lab::artifacts::node_packages());
    }
    // Whatever the machine has configured for these SDKs, proxies included, must not matter.
    command.env_clear().env("AWS_CONFIG_FILE", "/dev/null").env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    support::application::lines(command).await
}

/// What docs/sdks.md promises is what was expected here.
fn is_documented(sdk: &Sdk) {
    let text = include_str!("../../docs/sdks.md");
    let (_, refusals) = text.split_once("## Refusals").expect("the chapter");
    let row = refusals.lines().find(|line| line.starts_with(&format!("| {} |", sdk.documented)));
    let cells: Vec<&str> = row.expect("a row for each SDK").split(" | ").collect();
    for (cell, (error, status, _)) in cells[1..].iter().zip([sdk.exhausted, sdk.forbidden, sdk.hurried]) {
        assert!(cell.starts_with(&format!("`{error}` {status}")), "docs/sdks.md: {cell}");
    }
}

/// Every server span, once there is one for each request that Envoy saw.
async fn spans(stage: &Stage) -> Vec<Span> {
    let seen = stage.envoy.stat("http.ingress.downstream_rq_total").await.expect("a counter");
    let of_requests =
        |spans: &[Span]| spans.iter().filter(|span| span.kind == 2).cloned().collect::<Vec<_>>();
    let all = |spans: &[Span], _: &[lab::LogRecord]| of_requests(spans).len() as u64 == seen;
    stage.otlp.wait_for(lab::wait::DEADLINE, all).await;
    of_requests(&stage.otlp.spans())
}

/// Runs an SDK's program and judges all that came of it.
async fn works_unchanged(sdk: Sdk) -> Stage {
    is_documented(&sdk);
    let mut burst = budget("burst", 70);
    burst["per"] = json!(["feature"]);
    burst["window"] = json!("minute");
    let mut config = with_budgets(json!([budget("team-tokens", LIMIT), burst]));
    // Whose these are, no path says.
    config["upstreams"] = json!([
        {"match": {"cluster": "upstream", "path_prefix": "/v1/chat/completions"}, "provider": "openai"},
        {"match": {"route": "all", "path_prefix": "/v2/chat"}, "provider": "cohere"},
    ]);
    let stage = Stage::start(config).await;
    // Some input comes from the provider's cache, which each API counts in its own way.
    stage.simulator.behave(Behaviour { cached_tokens: 3, ..Behaviour::default() });
    let calls = application(&stage, &sdk).await;
    let spans = spans(&stage).await;
    let of = |situation: &str| {
        let call = calls.iter().find(|call| call["situation"] == situation);
        call.unwrap_or_else(|| panic!("no {situation}: {calls:#?}"))
    };
    let spans_of = |situation: &str, result: &str| {
        let project = format!("{}-{situation}", sdk.name);
        let its = |span: &&Span| {
            text(span, "genops.project") == Some(&project)
                && text(span, "genops.policy.result") == Some(result)
        };
        spans.iter().filter(its).collect::<Vec<_>>()
    };
    for situation in ["whole", "streamed"].iter().chain(sdk.more) {
        let call = of(situation);
        assert_eq!(call["total"], json!(ACTUAL), "{situation}: {call}");
        assert_eq!(call["text"], "word ".repeat(16), "{situation}");
        let allowed = spans_of(situation, "ALLOWED");
        assert_eq!(allowed.len(), 1, "{situation}: one attempt");
        assert_eq!(text(allowed[0], "genops.cost.provider"), Some(sdk.provider), "{situation}");
        let event = stage.event_of(&span_id(allowed[0]), RECONCILIATION).await;
        assert_eq!(event.attributes["genops.accounting.actual"], json!(ACTUAL as f64), "{situation}");
        assert_eq!(event.attributes["genops.accounting.complete"], json!(true), "{situation}");
    }
    for (situation, refusal, words) in [
        ("exhausted", sdk.exhausted, "\"team-tokens\""),
        ("exhausted_streamed", sdk.exhausted, "does not reset"),
        ("nameless", sdk.forbidden, "the call names no team"),
        ("hurried", sdk.hurried, "\"burst\""),
    ] {
        let call = of(situation);
        let (error, status, code) = refusal;
        assert_eq!(call["error"], error, "{situation}: {call}");
        assert_eq!(call["status"], json!(status), "{situation}: {call}");
        assert!(code.is_none_or(|code| call["code"] == code), "{situation}: {call}");
        assert!(call["message"].as_str().is_some_and(|text| text.contains(words)), "{situation}: {call}");
        assert_eq!(spans_of(situation, "BLOCKED").len(), 1, "{situation}: tried once");
        if let Some(retry_after) = call["retry_after"].as_str() {
            let seconds: u64 = retry_after.parse().expect("whole seconds");
            assert!(situation == "hurried" && (1..=60).contains(&seconds), "{situation}: {call}");
        }
    }
    // Everything that ran is billed as the provider billed it, and nothing else ran.
    let allowed = spans.iter().filter(|span| text(span, "genops.policy.result") == Some("ALLOWED"));
    let allowed: Vec<String> = allowed.map(span_id).collect();
    assert_eq!(stage.simulator.received().len(), allowed.len());
    let reconciled = stage.otlp.events(RECONCILIATION, allowed.len()).await;
    assert!(reconciled.iter().all(|event| allowed.contains(&event_awu(event))), "{reconciled:#?}");
    let actual = |name: &str| {
        let of_budget = reconciled.iter().filter(|event| event.attributes["genops.budget.name"] == name);
        of_budget
            .map(|event| event.attributes["genops.accounting.actual"].as_f64().expect("a double"))
            .sum::<f64>()
    };
    let billed = stage.simulator.served().usage.total_tokens();
    assert_eq!(actual("team-tokens"), billed as f64);
    stage.settles_at(sdk.name, LIMIT - billed).await;
    stage
}

#[tokio::test]
async fn anthropic_works_unchanged_and_tries_a_refused_call_once() {
    works_unchanged(Sdk {
        name: "anthropic",
        documented: "`anthropic`",
        program: "sdk_anthropic.py",
        provider: "anthropic",
        exhausted: ("RateLimitError", 429, Some("rate_limit_error")),
        forbidden: ("PermissionDeniedError", 403, Some("permission_error")),
        hurried: ("RateLimitError", 429, Some("rate_limit_error")),
        more: &[],
    })
    .await;
}

#[tokio::test]
async fn google_genai_works_unchanged_and_tries_a_refused_call_once() {
    works_unchanged(Sdk {
        name: "google",
        documented: "`google-genai`",
        program: "sdk_google_genai.py",
        provider: "gcp.gemini",
        exhausted: ("ClientError", 429, Some("RESOURCE_EXHAUSTED")),
        forbidden: ("ClientError", 403, Some("PERMISSION_DENIED")),
        hurried: ("ClientError", 429, Some("RESOURCE_EXHAUSTED")),
        more: &[],
    })
    .await;
}

#[tokio::test]
async fn boto3_works_unchanged_and_tries_a_refused_call_once() {
    let stage = works_unchanged(Sdk {
        name: "boto3",
        documented: "`boto3`",
        program: "sdk_boto3.py",
        provider: "aws.bedrock",
        // Any 429 would be tried again, so that a spent budget is the quota error that Bedrock has for it.
        exhausted: ("ServiceQuotaExceededException", 400, Some("ServiceQuotaExceededException")),
        forbidden: ("AccessDeniedException", 403, Some("AccessDeniedException")),
        hurried: ("ThrottlingException", 429, Some("ThrottlingException")),
        more: &["invoked", "invoked_streamed"],
    })
    .await;
    // The provider can still verify the signature: all that was signed has arrived.
    for request in stage.simulator.received() {
        let authorization = request.header("authorization").expect("a signed request");
        let (_, signed) = authorization.split_once("SignedHeaders=").expect("a list of headers");
        let signed = signed.split(',').next().expect("a first part").split(';');
        assert!(signed.clone().count() > 1, "{authorization}");
        for name in signed {
            assert!(request.header(name).is_some(), "{name} was signed and is gone: {request:#?}");
        }
    }
}

#[tokio::test]
async fn cohere_works_unchanged_and_tries_a_refused_call_once() {
    works_unchanged(Sdk {
        name: "cohere",
        documented: "`cohere`",
        program: "sdk_cohere.py",
        provider: "cohere",
        // Any 429 would be tried again, after a minute each time; 402 is Cohere's own answer to a spent limit.
        exhausted: ("ApiError", 402, None),
        forbidden: ("ForbiddenError", 403, None),
        hurried: ("TooManyRequestsError", 429, None),
        more: &[],
    })
    .await;
}

#[tokio::test]
async fn mistralai_works_unchanged_and_tries_a_refused_call_once() {
    works_unchanged(Sdk {
        name: "mistral",
        documented: "`mistralai`",
        program: "sdk_mistralai.py",
        provider: "mistral_ai",
        exhausted: ("SDKError", 429, Some("BUDGET_RESERVATION_FAILED")),
        forbidden: ("SDKError", 403, Some("x_attribution_missing")),
        hurried: ("SDKError", 429, Some("BUDGET_RESERVATION_FAILED")),
        more: &[],
    })
    .await;
}

#[tokio::test]
async fn groq_works_unchanged_and_tries_a_refused_call_once() {
    works_unchanged(Sdk {
        name: "groq",
        documented: "`groq`",
        program: "sdk_groq.py",
        provider: "groq",
        exhausted: ("RateLimitError", 429, Some("insufficient_quota")),
        forbidden: ("PermissionDeniedError", 403, Some("x_attribution_missing")),
        hurried: ("RateLimitError", 429, Some("rate_limit_exceeded")),
        more: &[],
    })
    .await;
}

#[tokio::test]
async fn ollama_works_unchanged_and_tries_a_refused_call_once() {
    works_unchanged(Sdk {
        name: "ollama",
        documented: "`ollama`",
        program: "sdk_ollama.py",
        provider: "ollama",
        exhausted: ("ResponseError", 429, None),
        forbidden: ("ResponseError", 403, None),
        hurried: ("ResponseError", 429, None),
        more: &[],
    })
    .await;
}

#[tokio::test]
async fn openai_for_javascript_works_unchanged_and_tries_a_refused_call_once() {
    works_unchanged(Sdk {
        name: "openai-js",
        documented: "npm's `openai`",
        program: "sdk_openai.mjs",
        provider: "openai",
        exhausted: ("RateLimitError", 429, Some("insufficient_quota")),
        forbidden: ("PermissionDeniedError", 403, Some("x_attribution_missing")),
        hurried: ("RateLimitError", 429, Some("rate_limit_exceeded")),
        more: &[],
    })
    .await;
}
